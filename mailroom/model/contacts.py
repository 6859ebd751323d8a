"""Contacts: cards, and their membership in contact groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from math import inf
from typing import NewType, Self

from attrs import frozen

from mailroom.model.party import Party, PartyKind, kind_of
from mailroom.model.whom import Whom

CardUid = NewType("CardUid", str)


class CardKind(Enum):
    """How a new contact card names its bearer."""

    COMPANY = "company"
    PERSON = "person"


@frozen
class Card:
    """A contact card that exists.

    Attributes:
        name: The name it shows (FN), perhaps empty.
        created: When it was made, seconds since 1970; 0 where the server does not tell.
        is_made: Whether Mailroom made it, by its identifier; somebody may have changed it since.
        parties: All that it stands for.
    """

    uid: CardUid
    name: str
    created: int = 0
    is_made: bool = False
    parties: tuple[Party, ...] = ()

    @property
    def is_list(self) -> bool:
        """Whether it stands for a mailing list, whose mail shows the names of very many people."""
        return any(kind_of(party) is PartyKind.LIST for party in self.parties)

    @property
    def seniority(self) -> float:
        """What sorts the oldest card first, and one of unknown age last."""
        return self.created or inf


@frozen
class NewCard:
    """A contact card to be made.

    Attributes:
        address: The party it stands for.
        email: Their address as they write it; empty for a mailing list that tells none.
        name: Their display name, or the address where they show none.
    """

    address: Party
    email: str
    name: str
    kind: CardKind

    @classmethod
    def of(cls, who: Whom, kind: CardKind) -> Self:
        """Return the card of somebody who has none yet."""
        return cls(who.party, who.email, who.name or who.email, kind)


@frozen
class Membership:
    """Cards to put into one contact group and to take out of it."""

    add: frozenset[CardUid] = frozenset()
    remove: frozenset[CardUid] = frozenset()


class Alteration(Enum):
    """Whether a card that Mailroom made is another by now."""

    NONE = "none"
    SEEN = "seen"
    UNKNOWN = "unknown"
    """It may have got another name, for nothing tells which one it was made with, or when it was changed;
    or it is shown in a form, or in a part, of which nobody knows whether that is how Mailroom's looks."""


@frozen
class MadeCard:
    """A contact card that Mailroom made, as it is now.

    Attributes:
        address: The party it was made for.
        alteration: Whether somebody has changed it since.
        groups: The names of all contact groups that it is in, of every address book.
        email: The address on it, as it was written; empty where it has none.
        kind: How it names its bearer.
    """

    uid: CardUid
    name: str
    address: Party
    alteration: Alteration
    groups: tuple[str, ...]
    email: str = ""
    kind: CardKind = CardKind.COMPANY

    @property
    def text(self) -> NewCard:
        """What it says; of this the same card is made again."""
        return NewCard(self.address, self.email, self.name, self.kind)


@frozen
class MadeGroup:
    """A contact group that Mailroom made, as it is now.

    Attributes:
        is_unchanged: Whether it is as Mailroom wrote it but for its members, as far as can be seen.
        members: How many it has, those included of whom no card is there any more.
        is_in_written_book: Whether it is in the address book whose groups Mailroom changes.
    """

    uid: CardUid
    name: str
    is_unchanged: bool
    members: int
    is_in_written_book: bool = True


@frozen
class Made:
    """What Mailroom made in a person's contacts."""

    cards: tuple[MadeCard, ...]
    groups: tuple[MadeGroup, ...]


def choose_card(
    cards: Iterable[Card], groups: Mapping[CardUid, Collection[str]], target: str | None = None
) -> Card:
    """Say which of a sender's cards is meant: one in the group, else one in another, else the oldest.

    Args:
        cards: At least one; of those that are equally old the first.
        groups: The triage groups of those cards that are in any.
        target: The contact group that they are to be in; None where none is decided on.
    """

    def rank(card: Card) -> tuple[bool, bool, float]:
        of_card = groups.get(card.uid, ())
        return target not in of_card, not of_card, card.seniority

    return min(cards, key=rank)


def uids_by_group(pairs: Iterable[tuple[str, CardUid]]) -> dict[str, frozenset[CardUid]]:
    """Return which cards stand beside each contact group's name."""
    groups: dict[str, set[CardUid]] = defaultdict(set)
    for group, uid in pairs:
        groups[group].add(uid)
    return {group: frozenset(uids) for group, uids in groups.items()}
