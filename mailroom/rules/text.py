"""Rules as steps for a person."""

from __future__ import annotations

from collections.abc import Iterable

from mailroom.rules.fastmail import search_of
from mailroom.rules.routing import Rule


def render_text(rules: Iterable[Rule], *, can_approve: bool) -> str:
    """Write the rules as what to do on Fastmail's settings pages.

    Args:
        can_approve: Whether there is a category for the people to whom the person has written.
    """
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
    before = (
        "`mailroom approve --correspondents` adds the\npeople you wrote to before."
        if can_approve
        else "those you wrote to before,\nadd yourself."
    )
    steps.append(
        f"""\
Mail from all other contacts needs no rule: it stays in the Inbox.
A rule cannot recognise replies to your own mail. So let Fastmail add everybody
you write to to your contacts; {before}"""
    )
    return "\n\n".join(steps) + "\n"
