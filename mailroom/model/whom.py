"""Whom a decision is about, as the person sees them. Pure."""

from __future__ import annotations

from typing import Self

from attrs import frozen

from mailroom.model.party import Party, PartyKind, domain_of, kind_of
from mailroom.model.sender import Correspondent


@frozen
class Whom:
    """A party as a person sees it, and as a new card names it.

    Attributes:
        party: In the form in which parties are compared.
        email: The address that a card has for it, as it is written.
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
    def behind(cls, party: Party, sender: Correspondent) -> Self:
        """Return a party, by one of the senders for whose mail its decision counts."""
        if kind_of(party) is PartyKind.DOMAIN:
            return cls(party, party, f"Everyone at {domain_of(party)}")
        return cls.of(sender)

    @classmethod
    def named(cls, party: Party, name: str = "") -> Self:
        """Return a party of which nothing else is seen."""
        if kind_of(party) is PartyKind.DOMAIN:
            return cls(party, party, name or f"Everyone at {domain_of(party)}")
        return cls(party, party, name)
