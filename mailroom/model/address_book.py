"""What triage asks of an address book, in bulk and in its own terms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from attrs import frozen

from mailroom.model.contacts import Card, CardUid, Made, MadeCard, MadeGroup, Membership, NewCard
from mailroom.model.party import Party

Advance = Callable[[int, int], None]
"""Is told how many things more are done, and how many there are in all."""


def untold(count: int, total: int) -> None:
    """Tell nobody how far something is."""


class SendersCards(Protocol):
    """Which contact cards senders have, and which contact groups these are in."""

    def cards(self, party: Party) -> Sequence[Card]:
        """Every card that stands for a party, in the order of the book."""
        ...

    def groups(self, uid: CardUid) -> Collection[str]:
        """The names of the contact groups that have this card as a member."""
        ...

    def knows_lists(self) -> bool:
        """Whether it is known of every card which mailing lists it stands for."""
        ...


class Contacts(SendersCards, Protocol):
    """A view of the address book as of one moment; no request is made to look into it."""

    def addresses(self) -> Iterable[Party]:
        """Every party that a card stands for, each once."""
        ...

    def group_names(self) -> Sequence[str]:
        """The names of all contact groups; a name that two groups share stands twice."""
        ...

    def group_uids(self) -> Mapping[str, CardUid]:
        """The identifier of each contact group, by its name."""
        ...

    def filed_by(self, party: Party, group: str) -> int:
        """By when a party was in a contact group, seconds since 1970; 0 where nothing tells.

        A card that Mailroom made for them was made when they were filed. Of any other, no more is known
        than when the group was changed last.
        """
        ...

    def changed_at(self, group: str) -> int:
        """When a contact group was changed last, seconds since 1970; 0 where nothing tells."""
        ...

    def renamed_groups(self, names: Collection[str]) -> Mapping[str, str]:
        """Return what those of these groups are called now that Mailroom made and somebody has renamed.

        Known by their identifiers; none that bears another of `names` by now.
        """
        ...

    def groups_made_at(self, names: Collection[str]) -> int:
        """When the last of these contact groups was made, seconds since 1970; 0 where one does not tell."""
        ...


@frozen
class Refused:
    """Why something was not done to one item, in words for a log."""

    reason: str


@frozen
class Joining:
    """Who is to come into one contact group.

    Attributes:
        uids: Cards that are there.
        new: Cards to be made for it; one whose address has a card already stands for that card.
    """

    uids: frozenset[CardUid] = frozenset()
    new: tuple[NewCard, ...] = ()


@frozen
class Enrolled:
    """What became of cards that were to come into contact groups.

    Attributes:
        cards: For the party of each new card the card, or why there is none.
        failed: For each contact group into which not all have come who have a card, why.
    """

    cards: Mapping[Party, Card | Refused]
    failed: Mapping[str, str]


class AddressBook(Protocol):
    """A person's contacts, in one or more address books of which one is written.

    `refresh` and `latest` raise `ServerError`; the others report per item.
    """

    def refresh(self) -> Contacts:
        """Read what has changed since the last time (all of it the first time)."""
        ...

    def catch_up(self) -> Contacts:
        """Return the contacts as of the last look at the mail, where both are looked at together; or refresh.

        What somebody reads after that look is newer.
        """
        ...

    def has_changed(self) -> bool:
        """Whether the last look at the mail has shown that the contacts are others than was read. No request.

        Where mail and contacts are not looked at together, nothing shows that.
        """
        ...

    def changes_read(self) -> int:
        """Return how many readings have brought something new, whoever asked for them. No request.

        It only grows. What was written here counts when it is read.
        """
        ...

    def latest(self) -> Contacts:
        """Return the last reading with what was changed here since; no request but for the first."""
        ...

    def has_lists(self) -> bool:
        """Whether a card stands for a mailing list, as of the last reading. No request.

        Not known where nothing has been read yet: then it seems that none does.
        """
        ...

    def problems(self) -> Sequence[str]:
        """Say why nothing may be written, as of the last reading, and what to do; empty where all may be.

        No request but for the first. Look at it before the first write: what is done by halves has to
        be done again.
        """
        ...

    def left_out(self) -> Sequence[str]:
        """Say what is there and could not be read, in words for a log. No request but for the first.

        Who is known is known all the same; but no card is made while one cannot be read, because it
        may be the sender's.
        """
        ...

    def create(self, cards: Sequence[NewCard], advance: Advance = ...) -> Mapping[Party, Card | Refused]:
        """Make the cards; for each address the card, or why there is none. Never makes one twice."""
        ...

    def regroup(self, memberships: Mapping[str, Membership]) -> Mapping[str, str]:
        """Change contact groups, by name, one write each; for each that failed, why."""
        ...

    def enrol(self, joining: Mapping[str, Joining], advance: Advance = ...) -> Enrolled:
        """Make cards and put them, and others, into contact groups, in as few writes as there can be.

        As `create` and `regroup` do by themselves. A card is in no group before it is there, and one that
        is refused comes into none.

        Args:
            joining: Who is to come into each contact group, by its name.
        """
        ...

    def create_groups(self, names: Sequence[str]) -> Mapping[str, str]:
        """Make the contact groups that are not there; for each that could not be made, why."""
        ...

    def made(self) -> Made:
        """Read what Mailroom made and is still there, known by its identifiers. Raises `ServerError`."""
        ...

    def delete_cards(
        self, uids: Sequence[CardUid], objection: Callable[[MadeCard], str]
    ) -> Mapping[CardUid, str]:
        """Delete cards that Mailroom made, one by one; for each that stays, why.

        Each is read right before, and `objection`, a pure function, is asked about it as it is then:
        what it says keeps the card. It goes in that version only. One that is gone already is no failure.
        Where the credentials are refused, that is why all from there on stay.
        """
        ...

    def delete_groups(
        self, uids: Sequence[CardUid], objection: Callable[[MadeGroup], str]
    ) -> Mapping[CardUid, str]:
        """Delete groups that Mailroom made, as `delete_cards` deletes cards; their members stay."""
        ...
