"""The contacts of an account: address books of vCards, contact groups among them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator

from mailroom.sandbox.store import vcards
from mailroom.sandbox.store.addressbook import AddressBook, Card, Event, contact_card, group_card
from mailroom.sandbox.store.changes import ChangeLog

DEFAULT_BOOK = "Default"
CARDS, BOOKS = "ContactCard", "AddressBook"
"""The data types of contacts, by their names in JMAP (RFC 9610)."""


class Contacts:
    """Contacts in memory; what they hold may be read under `lock`.

    Args:
        changed: Told about every change; shares its lock.
        ids_are_uids: Whether JMAP calls a card by its UID, as a plain Cyrus does and Fastmail does not.

    Attributes:
        is_read_only: Whether nothing of it may be changed.
        contact_logs: The changes of address books and cards, by their names in JMAP.
    """

    def __init__(
        self, changed: threading.Condition, lock: threading.RLock, *, rewrites_cards: bool, ids_are_uids: bool
    ) -> None:
        self.lock = lock
        self.ids_are_uids = ids_are_uids
        self.is_read_only = False
        self.contact_logs = {CARDS: ChangeLog(""), BOOKS: ChangeLog("")}
        self._contacts_changed = changed
        self.books: dict[str, AddressBook] = {}
        self.book = AddressBook(DEFAULT_BOOK, "Personal", rewrites_cards=rewrites_cards)
        self.add_book(self.book)

    def add_book(self, book: AddressBook) -> None:
        """Give the account one more address book, with the cards that it has."""
        with self.lock:
            self.books[book.name] = book
            if book.owner is not None:
                return
            book.heard = self._heard
            self.contact_logs[BOOKS].created(book.name)
            for card in book.cards.values():
                self._heard(Event.CREATED, card)

    def own_books(self) -> list[AddressBook]:
        """Return the address books that nobody else shares with the person: those of this account in JMAP."""
        return [book for book in self.books.values() if book.owner is None]

    def own_cards(self) -> Iterator[tuple[AddressBook, Card]]:
        """Yield the cards of those, contact groups too, in each book the latest written last."""
        return ((book, card) for book in self.own_books() for card in book.cards.values())

    def card_id(self, card: Card) -> str:
        """Return what JMAP calls a card."""
        return (card.summary.uid or card.id) if self.ids_are_uids else card.id

    def find_card(self, id: str) -> tuple[AddressBook, Card] | None:
        """Return the card that JMAP calls this, and where it lies."""
        for book in self.own_books():
            name = book.name_of(id) if self.ids_are_uids else book.name_of_id(id)
            if name is not None:
                return book, book.cards[name]
        return None

    def find_uid(self, uid: str) -> tuple[AddressBook, Card] | None:
        """Return the card with a UID, and where it lies."""
        for book in self.own_books():
            if (name := book.name_of(uid)) is not None:
                return book, book.cards[name]
        return None

    def touch_card(self, id: str) -> None:
        """Count a card as changed though it is as before."""
        with self._contacts_changed:
            self.contact_logs[CARDS].updated(id)
            self._contacts_changed.notify_all()

    def _heard(self, event: Event, card: Card) -> None:
        with self._contacts_changed:
            log = self.contact_logs[CARDS]
            {Event.CREATED: log.created, Event.UPDATED: log.updated, Event.DESTROYED: log.destroyed}[event](
                self.card_id(card)
            )
            self._contacts_changed.notify_all()

    def put_card(self, name: str, data: bytes, created: int | None = None) -> Card:
        """Store bytes as a card in the default address book, whatever they say.

        Args:
            name: The last segment of its href.
            created: Seconds since 1970; now for a new card, where it is None.
        """
        with self.lock:
            return self.book.put(name, data, created)

    def delete_card(self, name: str) -> None:
        """Delete a card of the default address book."""
        with self.lock:
            self.book.delete(name)

    def card(self, name: str) -> Card:
        """Return a card by its name or its href.

        Raises:
            KeyError: There is none.
        """
        with self.lock:
            return self.book.cards[name.rpartition("/")[2]]

    def cards(self) -> list[Card]:
        """Return the cards of the default address book that are not contact groups."""
        with self.lock:
            return [card for card in self.book.cards.values() if not card.summary.is_group]

    def cards_of(self, email: str) -> list[Card]:
        """Return the cards with this address, compared without case, in all address books of the account.

        Those are the ones that the engine looks through for members of contact groups.
        """
        folded = email.casefold()
        with self.lock:
            return [
                card
                for book in self.books.values()
                for card in book.cards.values()
                if book.owner is None
                and not card.summary.is_group
                and folded in (other.casefold() for other in card.summary.emails)
            ]

    def stands_for(self, uid: str, email: str) -> bool:
        """Whether a card, or a card in a contact group, stands for an address, as the engine compares.

        The address ``*@dom.example`` stands for everybody at that domain, ``*@*.dom.example`` for those
        at the domains below it.
        """
        found = self.find_uid(uid)
        if found is None:
            return False
        summary = found[1].summary
        uids = summary.members if summary.is_group else (uid,)
        cards = [place[1] for member in uids if (place := self.find_uid(member))]
        patterns = {address.casefold() for card in cards for address in card.summary.emails}
        folded = email.casefold()
        _, _, domain = folded.rpartition("@")
        above = domain.split(".")[1:]
        parents = {f"*@*.{'.'.join(above[place:])}" for place in range(len(above))}
        return not patterns.isdisjoint({folded, f"*@{domain}", *parents})

    def add_contact(self, name: str, *emails: str, groups: Collection[str] = ()) -> str:
        """Make a plain card, put it into contact groups, and return its UID."""
        uid, data = contact_card(name, *emails)
        with self.lock:
            self.put_card(f"{uid}.vcf", data)
            for group in groups:
                self.add_member(group, uid)
        return uid

    def add_group(self, title: str, members: Iterable[str] = ()) -> str:
        """Make a contact group and return its UID."""
        uid, data = group_card(title, tuple(members))
        self.put_card(f"{uid}.vcf", data)
        return uid

    def add_member(self, group: str, uid: str) -> None:
        """Put a card into a contact group by a line before the group's END."""
        with self.lock:
            card = self.book.group(group)
            is_modern = card.summary.version == "4.0"
            member = f"MEMBER:{uid}" if is_modern else f"X-ADDRESSBOOKSERVER-MEMBER:{vcards.member_urn(uid)}"
            line = vcards.fold(member).encode()
            head, end, tail = card.data.rpartition(b"END:VCARD")
            self.book.put(card.name, head + line + end + tail)

    def group_members(self, title: str) -> list[str]:
        """Return the UIDs of a contact group's members."""
        with self.lock:
            return list(self.book.group(title).summary.members)

    def group_titles(self, uid: str) -> list[str]:
        """Return the names of the contact groups a card is in."""
        with self.lock:
            return [card.summary.name for card in self.book.groups() if uid in card.summary.members]
