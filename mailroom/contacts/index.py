"""The contact cards of an address book, found by their addresses: small, since a book may have many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define

from mailroom.contacts.summary import CardSummary
from mailroom.model.party import Party, PartyKind, kind_of


@define(eq=False, weakref_slot=False)
class CardEntry:
    """What is kept of a contact card.

    Attributes:
        uid: Its identifier as it writes it; empty for a card without one.
        name: The name it shows, perhaps empty.
        created: When it was made, seconds since 1970; 0 where the server does not tell.
    """

    uid: str
    name: str
    parties: tuple[Party, ...]
    created: int


class CardIndex:
    """What is kept of each card, by its addresses and by a key: what the server calls it."""

    def __init__(self) -> None:
        self._entries: dict[str, CardEntry] = {}
        # Nearly always one card has an address, and a tuple for each would cost memory.
        self._by_address: dict[Party, CardEntry | tuple[CardEntry, ...]] = {}
        self._lists: set[Party] = set()

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
        self._by_address.clear()
        self._lists.clear()

    @property
    def has_lists(self) -> bool:
        """Whether a card stands for a mailing list."""
        return bool(self._lists)

    def entries(self) -> Iterator[tuple[str, CardEntry]]:
        """Return every contact card that is no group, by its key."""
        yield from self._entries.items()

    def entry(self, key: str) -> CardEntry | None:
        """Return what is kept of the card with a key."""
        return self._entries.get(key)

    def addresses(self) -> Iterable[Party]:
        """Return every party that a card stands for."""
        return self._by_address.keys()

    def find(self, party: Party) -> tuple[CardEntry, ...]:
        """Return the cards that stand for a party, in the order of the book."""
        found = self._by_address.get(party, ())
        return (found,) if isinstance(found, CardEntry) else found

    def add(self, key: str, summary: CardSummary, created: int) -> None:
        """Take a card in that is not there yet."""
        uid = key if summary.uid == key else summary.uid  # one string instead of two equal ones
        entry = CardEntry(uid, summary.name, summary.parties, created)
        self._entries[key] = entry
        for address in entry.parties:
            if others := self.find(address):
                self._by_address[address] = (*others, entry)
            else:
                self._by_address[address] = entry
                self._lists |= {address} if kind_of(address) is PartyKind.LIST else set()

    def set_uid(self, key: str, uid: str) -> None:
        """Give a card another identifier, if it is there."""
        if entry := self._entries.get(key):
            entry.uid = uid

    def forget(self, key: str) -> None:
        """Take a card out, if it is there."""
        entry = self._entries.pop(key, None)
        for address in entry.parties if entry else ():
            others = tuple(other for other in self.find(address) if other is not entry)
            if others:
                self._by_address[address] = others
            else:
                del self._by_address[address]
                self._lists.discard(address)
