"""Rules as steps for a person."""

from __future__ import annotations

from collections.abc import Iterable

from mailroom.rules.fastmail import search_of
from mailroom.rules.routing import Rule


def render_text(rules: Iterable[Rule]) -> str:
    """Write the rules as what to do on Fastmail's settings pages."""
    listed = tuple(rules)
    steps = [f"Fastmail: Settings → Filters & Rules → Create rule. {len(listed)} rules, in this order:"]
    for number, rule in enumerate(listed, 1):
        who = f"in the contact group “{rule.group}”" if rule.group else "not one of your contacts"
        archive = "" if rule.keeps_inbox else "archive it (out of the Inbox), and "
        steps.append(
            f"""\
{number}. {rule.name}
   When the sender is {who}
     (as a search: {search_of(rule)})
   Do: {archive}add the label “{rule.mailbox}”.
   Leave “stop processing more rules” off."""
        )
    steps.append(
        """\
Mail from all other contacts needs no rule: it stays in the Inbox.
A rule cannot recognise replies to your own mail. So let Fastmail add everybody
you write to to your contacts; `mailroom approve --correspondents` adds the
people you wrote to before."""
    )
    return "\n\n".join(steps) + "\n"
