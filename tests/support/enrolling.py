"""Puts senders into contact groups, as a cycle asks an address book for it."""

from __future__ import annotations

from mailroom.model.address import Address
from mailroom.model.address_book import AddressBook, Enrolled, Joining
from mailroom.model.contacts import Card, CardKind, CardUid, NewCard


def new(address: Address, name: str = "Somebody") -> NewCard:
    """The card that a sender gets."""
    return NewCard(address, address, name, CardKind.COMPANY)


def enrol(book: AddressBook, *addresses: Address, group: str = "Feed") -> Enrolled:
    """Make cards, and put them into a group."""
    return book.enrol({group: Joining(new=tuple(map(new, addresses)))})


def uid_of(enrolled: Enrolled, address: Address) -> CardUid:
    """The identifier of a card that was made or found."""
    card = enrolled.cards[address]
    assert isinstance(card, Card), card
    return card.uid
