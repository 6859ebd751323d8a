"""Who of those the person has written to joins a contact group, and under which card. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from mailroom.model.address import Address
from mailroom.model.contacts import CardKind, CardUid, NewCard
from mailroom.model.ports import Contacts
from mailroom.model.scheme import Category, Scheme
from mailroom.triage.correspondence import Tally
from mailroom.triage.plan import choose_card, triage_groups_of


@frozen
class Approval:
    """What approving some correspondents takes, by the contacts of one moment.

    Attributes:
        joins: Whose card joins the group, and which one.
        new_cards: The cards of those who have none yet.
        decided: Who is in triage groups already, whoever put them there; a decision stands.
    """

    joins: dict[Address, CardUid]
    new_cards: tuple[NewCard, ...]
    decided: dict[Address, tuple[str, ...]]


def approving_category(scheme: Scheme) -> Category:
    """Return what one decides by writing to somebody: they are a person."""
    return next(category for category in scheme.categories if category.kind is CardKind.PERSON)


def undecided(tallies: Iterable[Tally], contacts: Contacts, scheme: Scheme) -> list[Tally]:
    """Return those who are in no triage group."""
    return [
        tally
        for tally in tallies
        if not triage_groups_of(contacts.cards(tally.address), contacts.groups, scheme)
    ]


def plan_approval(tallies: Iterable[Tally], contacts: Contacts, scheme: Scheme) -> Approval:
    """Say what is to be done for correspondents; asked again after cards were made, it says the rest.

    A new card may be in a group at once, one that still holds the line of an earlier card of theirs.
    """
    kind = approving_category(scheme).kind
    joins: dict[Address, CardUid] = {}
    new_cards: list[NewCard] = []
    decided: dict[Address, tuple[str, ...]] = {}
    for tally in tallies:
        cards = contacts.cards(tally.address)
        if groups := triage_groups_of(cards, contacts.groups, scheme):
            decided[tally.address] = tuple(group.name for group in groups)
        elif cards:
            joins[tally.address] = choose_card(cards, {}).uid
        else:
            new_cards.append(NewCard(tally.address, tally.email, tally.name or tally.email, kind))
    return Approval(joins, tuple(new_cards), decided)
