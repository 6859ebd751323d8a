"""Whom a decision is about: a sender, everybody at a domain, or a mailing list; each in one form. Pure.

The three forms cannot be mistaken for each other. An address whose local part is an asterisk stands for
everybody at its domain on whatever reads the contacts, so it is nobody's who could be filed as a sender.
"""

from __future__ import annotations

from enum import Enum
from typing import NewType, TypeAlias

from mailroom.model.address import Address

WholeDomain = NewType("WholeDomain", str)
"""Everybody at exactly one domain: ``*@dom.example``, with the domain as in an `Address`."""

MailingList = NewType("MailingList", str)
"""A mailing list by its List-Id (RFC 2919), in lower case: ``<dev.lists.example.org>``."""

Party: TypeAlias = Address | WholeDomain | MailingList
"""Whom a decision is about, in the form in which they are compared."""

_EVERYBODY_AT = "*@"


class PartyKind(Enum):
    """What kind of party it is; in the order in which decisions about them count for a message."""

    LIST = "list"
    SENDER = "sender"
    DOMAIN = "domain"


def kind_of(party: Party) -> PartyKind:
    """Return what kind of party it is."""
    if party.startswith(_EVERYBODY_AT):
        return PartyKind.DOMAIN
    return PartyKind.LIST if party.startswith("<") else PartyKind.SENDER


def whole_domain(sender: Address) -> WholeDomain | None:
    """Return everybody at a sender's domain; None where that is no name, but an address of a machine.

    Nor is one with an asterisk: ``*@*.dom.example`` on a card is everybody below a domain.
    """
    domain = domain_of(sender)
    return None if domain.startswith("[") or "*" in domain else WholeDomain(f"{_EVERYBODY_AT}{domain}")


def domain_behind(party: Party) -> WholeDomain | None:
    """Return the domain whose decision counts for a sender who has none; None of what is no sender."""
    return whole_domain(Address(party)) if kind_of(party) is PartyKind.SENDER else None


def domain_of(party: Party) -> str:
    """Return what stands behind the @; empty for a mailing list."""
    return "" if kind_of(party) is PartyKind.LIST else party.rpartition("@")[2]


def shown(party: Party) -> str:
    """Return what a person calls it."""
    match kind_of(party):
        case PartyKind.DOMAIN:
            return f"everyone at {domain_of(party)}"
        case PartyKind.LIST:
            return f"the list {party.strip('<>')}"
        case _:
            return party
