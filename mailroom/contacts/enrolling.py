"""Cards into contact groups in two steps, for address books that make a card by a request of its own."""

from __future__ import annotations

from collections.abc import Mapping

from mailroom.model.address_book import AddressBook, Advance, Enrolled, Joining
from mailroom.model.contacts import Card, Membership


def enrol_in_two_steps(book: AddressBook, joining: Mapping[str, Joining], advance: Advance) -> Enrolled:
    """Make the cards first, then change the groups; see `AddressBook.enrol`."""
    new = [card for each in joining.values() for card in each.new]
    cards = book.create(new, advance) if new else {}
    memberships: dict[str, Membership] = {}
    for group, each in joining.items():
        made = (cards[card.address] for card in each.new)
        uids = each.uids | {card.uid for card in made if isinstance(card, Card)}
        if uids:
            memberships[group] = Membership(add=uids)
    return Enrolled(cards, book.regroup(memberships) if memberships else {})
