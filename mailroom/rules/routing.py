"""How the provider's own rules route mail by contact group, as data. Pure."""

from __future__ import annotations

from itertools import chain

from attrs import frozen

from mailroom.model.scheme import ContactGroup, Scheme


@frozen
class Rule:
    """Where one kind of sender's mail goes. Rules are tried in order, and each lets the others apply.

    Attributes:
        group: The contact group whose members it is about; None for everybody who is no contact.
        mailbox: The full name of where their mail is filed.
        keeps_inbox: Whether it is in the Inbox as well.
    """

    name: str
    group: str | None
    mailbox: str
    keeps_inbox: bool = False


def routing_rules(scheme: Scheme) -> tuple[Rule, ...]:
    """Return the rules of a scheme: the categories first, Screener last.

    Mail of all other contacts, those of a group whose destination is the Inbox among them, is
    left in the Inbox by having no rule. Each further mailbox of a group has a rule of its own.
    """
    return (
        *chain.from_iterable(map(_rules_of, scheme.groups)),
        Rule("Mailroom: Screener", None, scheme.screener),
    )


def _rules_of(group: ContactGroup) -> list[Rule]:
    rules = [Rule(f"Mailroom: {group.name}", group.name, group.mailbox)] if group.mailbox else []
    return rules + [
        Rule(f"Mailroom: {group.name} also in {each}", group.name, each, keeps_inbox=group.mailbox is None)
        for each in group.also
    ]
