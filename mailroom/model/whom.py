"""Whom a decision is about, as the person sees them. Pure."""

from __future__ import annotations

from typing import Self

from attrs import frozen

from mailroom.model.mailing_list import NamedList
from mailroom.model.party import Party, PartyKind, domain_of, kind_of
from mailroom.model.sender import Correspondent


@frozen
class Whom:
    """A party as a person sees it, and as a new card names it.

    Attributes:
        party: In the form in which parties are compared.
        email: The address that a card has for it, as it is written; empty for a mailing list that tells none.
        name: What it is called; empty where nothing tells.
    """

    party: Party
    email: str
    name: str

    @classmethod
    def of(cls, who: Correspondent) -> Self:
        """Return a sender."""
        return cls(who.address, who.email, who.name)

    @classmethod
    def of_list(cls, named: NamedList) -> Self:
        """Return a mailing list as a message names it."""
        return cls(named.party, named.post or "", named.name)

    @classmethod
    def behind(cls, party: Party, sender: Correspondent) -> Self:
        """Return a party, by one of the senders for whose mail its decision counts."""
        match kind_of(party):
            case PartyKind.DOMAIN:
                return cls(party, party, f"Everyone at {domain_of(party)}")
            case PartyKind.LIST:
                return cls.named(party)
            case _:
                return cls.of(sender)

    @classmethod
    def named(cls, party: Party, name: str = "") -> Self:
        """Return a party of which nothing else is seen."""
        match kind_of(party):
            case PartyKind.DOMAIN:
                return cls(party, party, name or f"Everyone at {domain_of(party)}")
            case PartyKind.LIST:
                return cls(party, "", name or party.strip("<>"))
            case _:
                return cls(party, party, name)
