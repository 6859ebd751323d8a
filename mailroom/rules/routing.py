"""How the provider's own rules route mail by contact group, as data. Pure."""

from __future__ import annotations

from attrs import frozen

from mailroom.model.scheme import Scheme


@frozen
class Rule:
    """Where one kind of sender's mail goes. Rules are tried in order, and each lets the others apply.

    Attributes:
        group: The contact group whose members it is about; None for everybody who is no contact.
        mailbox: The full name of where their mail is filed instead of the Inbox.
    """

    name: str
    group: str | None
    mailbox: str


def routing_rules(scheme: Scheme) -> tuple[Rule, ...]:
    """Return the rules of a scheme: the categories first, Screener last.

    Mail of all other contacts, those of a group whose destination is the Inbox among them, is
    left in the Inbox by having no rule.
    """
    return (
        *(Rule(f"Mailroom: {x.name}", x.name, x.mailbox) for x in scheme.groups if x.mailbox),
        Rule("Mailroom: Screener", None, scheme.screener),
    )
