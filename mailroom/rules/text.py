"""Rules as steps for a person."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

from mailroom.model.own import OwnAddresses
from mailroom.rules.fastmail import NO_ADDRESSES, search_of
from mailroom.rules.routing import Rule

_WIDTH = 80


def render_text(rules: Iterable[Rule], own: OwnAddresses = NO_ADDRESSES, *, can_approve: bool) -> str:
    """Write the rules as what to do on Fastmail's settings pages.

    Args:
        own: The person's own addresses, for whose mail no decision about a domain counts.
        can_approve: Whether there is a category for the people to whom the person has written.
    """
    listed = tuple(rules)
    steps = [f"Fastmail: Settings → Filters & Rules → Create rule. {len(listed)} rules, in this order:"]
    for number, rule in enumerate(listed, 1):
        stop = (
            "Turn “stop processing more rules” on."
            if rule.stops
            else "Leave “stop processing more rules” off."
        )
        steps.append(
            f"""\
{number}. {rule.name}
   {_when(rule)}
{_as_search(rule, own)}
   Do: {_does(rule)}.
   {stop}"""
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


def _when(rule: Rule) -> str:
    if rule.lists:
        return "When it comes over " + (
            "one of these mailing lists" if len(rule.lists) > 1 else "this mailing list"
        )
    if rule.group is None:
        return "When the sender is not one of your contacts"
    others = (
        ",\n   and in none of the groups of senders, whose own decision counts first"
        if rule.unless_in
        else ""
    )
    return f"When the sender is in the contact group “{rule.group}”{others}"


def _as_search(rule: Rule, own: OwnAddresses) -> str:
    """Return the search, in lines that a terminal holds: they are one line in the search field."""
    whole = f"(as a search: {search_of(rule, own)})"
    return "\n".join(
        wrap(
            whole,
            _WIDTH,
            break_long_words=False,
            break_on_hyphens=False,
            initial_indent=5 * " ",
            subsequent_indent=7 * " ",
        )
    )


def _does(rule: Rule) -> str:
    if rule.mailbox is None:
        return "nothing: it stays in the Inbox"
    archive = "" if rule.keeps_inbox else "archive it (out of the Inbox), and "
    return f"{archive}add the label “{rule.mailbox}”"
