"""What Mailroom made in an account, and of each thing why it stays, if it does. Pure.

Contact cards and groups are known by identifiers that nobody else makes; labels by the settings alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from attrs import frozen

from mailroom.errors import UserError
from mailroom.model.contacts import Alteration, Made, MadeCard, MadeGroup
from mailroom.model.mail import Mailbox
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.names import fold_name
from mailroom.model.scheme import Scheme
from mailroom.triage.alterations import WHY_ALTERED
from mailroom.triage.words import number_of

PREFIXES_OF_LABELS = ("@to", "@entire", "@mailroom")
"""So the labels are called by default: one that no setting names may be of earlier settings."""

T = TypeVar("T", MadeCard, MadeGroup, Mailbox)


@frozen
class Choice:
    """What the person wants taken away.

    Attributes:
        cards: Whether the contact cards that nobody has changed.
        groups: Whether the contact groups that hold nobody else.
        named_groups: Those that go even if they hold somebody.
        labels: Whether the labels and Screener.
    """

    cards: bool = False
    groups: bool = False
    named_groups: tuple[str, ...] = ()
    labels: bool = False

    def __bool__(self) -> bool:
        return self.cards or self.groups or self.labels


@frozen
class Listed(Generic[T]):
    """One thing that Mailroom made.

    Attributes:
        key: What is never shared: the UID of a card or contact group, the full name of a mailbox.
        stays: Why it is not taken away; empty where it may be.
    """

    key: str
    thing: T
    stays: str


@frozen
class Inventory:
    """What Mailroom made, and what goes with it.

    Attributes:
        labels: The mailboxes that only Mailroom uses: triage labels, its marks, the journal, and Screener.
        destinations: The mailboxes that mail was filed into, by their full names; they are the person's.
        earlier_labels: Mailboxes that may be labels of earlier settings, by their full names.
        other_groups: Groups that hold cards that Mailroom made, and are not known as its own.
        journal: The full name of the journal, where it tells of anything; the person's history.
    """

    cards: tuple[Listed[MadeCard], ...]
    groups: tuple[Listed[MadeGroup], ...]
    labels: tuple[Listed[Mailbox], ...]
    destinations: Mapping[str, Mailbox]
    earlier_labels: tuple[str, ...]
    other_groups: tuple[str, ...]
    journal: str = ""

    def chosen(self, choice: Choice) -> Inventory:
        """Return what goes where the person wants that."""
        return Inventory(
            tuple(each for each in self.cards if choice.cards and not each.stays),
            tuple(each for each in self.groups if choice.groups and not each.stays),
            tuple(each for each in self.labels if choice.labels and not each.stays),
            {},
            (),
            (),
        )


def take_inventory(made: Made, tree: MailboxTree, scheme: Scheme, choice: Choice) -> Inventory:
    """List what Mailroom made, and why some of it stays where the person wants that taken away.

    Raises:
        UserError: A group that the person names was not made by Mailroom.
    """
    names = {group.name for group in made.groups}
    if unknown := [name for name in choice.named_groups if name not in names]:
        raise UserError([f"there is no contact group {name!r} that Mailroom made" for name in unknown])
    own = own_groups(made.groups, scheme)
    leaving = members_leaving(made.cards, own) if choice.cards or not choice else {}
    labels = labels_in(tree, scheme)
    destinations = {str(name): x for name in scheme.destinations for x in tree.named(name)}
    return Inventory(
        tuple(Listed(card.uid, card, why_card_stays(card, own)) for card in made.cards),
        tuple(
            Listed(group.uid, group, why_group_stays(group, choice.named_groups, leaving.get(group.name, 0)))
            for group in made.groups
        ),
        tuple(Listed(name, mailbox, why_label_stays(mailbox)) for name, mailbox in labels.items()),
        destinations,
        tuple(_earlier_labels(tree, {*labels, *destinations})),
        tuple(sorted({name for card in made.cards for name in card.groups} - own)),
        next((name for name, x in labels.items() if name == scheme.journal and x.total_messages), ""),
    )


def own_groups(made: Iterable[MadeGroup], scheme: Scheme) -> frozenset[str]:
    """Return the contact groups that Mailroom puts cards into, by now or by earlier settings."""
    return frozenset(
        (
            *(str(group.name) for group in scheme.all_groups),
            *(group.name for group in made if group.is_in_written_book),
        )
    )


def why_card_stays(card: MadeCard, own: Collection[str]) -> str:
    """Say why a card that Mailroom made is not its own any more; empty where it is.

    Args:
        own: The groups that Mailroom puts cards into.
    """
    if card.alteration is not Alteration.NONE:
        return WHY_ALTERED[card.alteration]
    others = sorted(set(card.groups).difference(own))
    return f"in {', '.join(others)}" if others else ""


def why_group_stays(group: MadeGroup, named: Collection[str], leaving: int = 0) -> str:
    """Say why a contact group that Mailroom made stays.

    Who is in a group is a decision of the person, which goes with the group: a group that holds somebody
    goes only where they name it.

    Args:
        named: The groups that the person named.
        leaving: How many of its members leave it before.
    """
    if not group.is_unchanged:
        return "changed since it was made"
    if group.name in named or group.members <= leaving:
        return ""
    return f"holds {number_of(group.members - leaving, 'contact')}"


def why_label_stays(mailbox: Mailbox) -> str:
    """Say why a label, or Screener, stays."""
    if mailbox.role:
        return f"has a use of its own ({mailbox.role})"
    return f"holds {number_of(mailbox.total_messages, 'message')}" if mailbox.total_messages else ""


def labels_in(tree: MailboxTree, scheme: Scheme) -> dict[str, Mailbox]:
    """Return those mailboxes that only Mailroom uses: triage labels, its marks, the journal, and Screener."""
    names = [*scheme.labels, *scheme.marks, scheme.screener]
    return {str(name): mailbox for name in names if name for mailbox in tree.named(name)}


def members_leaving(cards: Sequence[MadeCard], own: Collection[str]) -> Mapping[str, int]:
    """Return how many members each group loses where all cards go that may."""
    leaving: dict[str, int] = defaultdict(int)
    for card in cards:
        for group in card.groups if not why_card_stays(card, own) else ():
            leaving[group] += 1
    return leaving


def _earlier_labels(tree: MailboxTree, known: Collection[str]) -> list[str]:
    return sorted(
        path
        for path in tree.ids
        if path not in known
        and fold_name(path.rpartition("/")[2]).startswith(PREFIXES_OF_LABELS)
        and not tree.role_of(path)
    )
