"""The person's contacts as triage looks into them, whatever protocol they were read by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from attrs import frozen

from mailroom.contacts.identity import address_of, bare_uid, group_uids
from mailroom.contacts.index import CardEntry
from mailroom.model.address_book import Refused
from mailroom.model.contacts import Card, CardUid, Membership, choose_card
from mailroom.model.party import Party


class KnownGroup(Protocol):
    """A contact group as far as it is known.

    Attributes:
        uid: Its identifier, as it writes it.
        name: What people call it.
        members: Identifiers (UID) of its members; empty for a group that is not a triage group.
        created: When it was made, seconds since 1970; 0 where the server does not tell.
        modified: When it was changed last, likewise; 0 also where it was written since it was read.
    """

    @property
    def uid(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def members(self) -> frozenset[str]: ...  # noqa: D102
    @property
    def created(self) -> int: ...  # noqa: D102
    @property
    def modified(self) -> int: ...  # noqa: D102


_Group = TypeVar("_Group", bound=KnownGroup)


class KnownCards(Protocol):
    """The contact cards of an account, found by what they stand for."""

    def find(self, party: Party) -> Sequence[CardEntry]:
        """Return the cards that stand for a party, those of the book that is written first."""
        ...

    def addresses(self) -> Iterable[Party]:
        """Return every party that a card stands for, in any book."""
        ...


@frozen
class ContactsView:
    """The address books as of the last refresh, and the cards made since (implements `Contacts`).

    Attributes:
        _groups: Those of the book that is written, no others count; of triage groups the members are known.
    """

    _books: KnownCards
    _groups: Sequence[KnownGroup]
    _knows_lists: bool = True

    def knows_lists(self) -> bool:
        """Whether it is known of every card which mailing lists it stands for."""
        return self._knows_lists

    def cards(self, party: Party) -> Sequence[Card]:
        """Every card that stands for a party, in the order of the books, the one that is written first.

        A card without a UID is left out, since no group could hold it; `create` then refuses to
        make a second one for it and says why.
        """
        return [card_of(entry) for entry in self._books.find(party) if entry.uid]

    def known(self, party: Party) -> Card | Refused | None:
        """Return the card that a party has already, or why it can have none."""
        if cards := self.cards(party):
            return choose_card(cards, {card.uid: self.groups(card.uid) for card in cards})
        for entry in self._books.find(party):
            return Refused(
                f"the card {entry.name!r} of {party} has no UID, so it cannot be in a "
                "group: make the contact anew"
            )
        return None

    def addresses(self) -> Iterable[Party]:
        """Every party that a card stands for, in any of the books."""
        return self._books.addresses()

    def groups(self, uid: CardUid) -> Collection[str]:
        """The names of the triage groups that have this card as a member."""
        return frozenset(group.name for group in self._groups if uid in group.members)

    def group_names(self) -> Sequence[str]:
        """The names of all contact groups; a name that two groups share stands twice."""
        return [group.name for group in self._groups]

    def group_uids(self) -> Mapping[str, CardUid]:
        """The identifier of each contact group, by its name."""
        return {group.name: CardUid(group.uid) for group in self._groups}

    def filed_by(self, party: Party, group: str) -> int:
        """By when a party was in a contact group; see `Contacts.filed_by`."""
        found = next((each for each in self._groups if each.name == group), None)
        if found is None:
            return 0
        cards = [card for card in self.cards(party) if card.uid in found.members]
        made = [card.created for card in cards if address_of(card.uid, [party])]
        return min(made, default=0) or found.modified

    def changed_at(self, group: str) -> int:
        """When a contact group was changed last; see `Contacts.changed_at`."""
        return max((each.modified for each in self._groups if each.name == group), default=0)

    def renamed_groups(self, names: Collection[str]) -> Mapping[str, str]:
        """Return what renamed groups are called now; see `Contacts.renamed_groups`."""
        called = {bare_uid(group.uid): group.name for group in self._groups if group.name not in names}
        there = {group.name for group in self._groups}
        return {
            name: called[uid]
            for name in names
            if name not in there
            for uid in group_uids(name)
            if uid in called
        }

    def groups_made_at(self, names: Collection[str]) -> int:
        """When the last of some contact groups was made; see `Contacts.groups_made_at`."""
        moments = {group.name: group.created for group in self._groups}
        made = [moments.get(name, 0) for name in names]
        return max(made, default=0) if all(made) else 0


def find_meant(
    groups: Iterable[_Group], memberships: Mapping[str, Membership]
) -> tuple[dict[str, tuple[_Group, Membership]], dict[str, str]]:
    """Return which group is meant by each name, with what is to be done to it; for the others why none is."""
    by_name: dict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        by_name[group.name].append(group)
    edits: dict[str, tuple[_Group, Membership]] = {}
    failed: dict[str, str] = {}
    for name, membership in memberships.items():
        match by_name.get(name, []):
            case [group]:
                edits[name] = group, membership
            case []:
                failed[name] = f"there is no contact group {name!r}"
            case _:
                failed[name] = f"several contact groups are called {name!r}: rename or delete all but one"
    return edits, failed


def card_of(entry: CardEntry) -> Card:
    """Return what triage is told of a card that has an identifier."""
    is_made = address_of(entry.uid, entry.parties) is not None
    return Card(CardUid(entry.uid), entry.name, entry.created, is_made, entry.parties)
