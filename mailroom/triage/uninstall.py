"""Takes away what Mailroom made, where that is still its own: never mail, never what a person has changed.

What is in the way of removing a thing is decided in `inventory`, from the thing as it is; the ports ask that
again of each thing right before they delete it. A card leaves its contact groups first and goes then, so
that whoever runs this again after an interruption finds it without groups, and no group keeps the line of
a card that is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from attrs import Factory, define, frozen

from mailroom.errors import AuthenticationError, ServerError
from mailroom.model.address_book import AddressBook, Advance
from mailroom.model.contacts import CardUid, MadeCard, MadeGroup, Membership, uids_by_group
from mailroom.model.ports import MailStore
from mailroom.model.scheme import Scheme
from mailroom.triage.alterations import why_card_without_groups_stays
from mailroom.triage.batches import BATCH_CARDS, batches
from mailroom.triage.inventory import (
    Choice,
    Inventory,
    own_groups,
    why_card_stays,
    why_group_stays,
)


@define
class Removal:
    """What has become of the things of one kind that were to go.

    Each goes by what is never shared: a card or contact group by its UID, a mailbox by its full name.

    Attributes:
        removed: Those that are gone.
        staying: Those that are still there, and why.
    """

    removed: list[str] = Factory(list)
    staying: dict[str, str] = Factory(dict)


@frozen
class Removals:
    """What has become of what the person chose; None of a kind that was not chosen."""

    cards: Removal | None = None
    groups: Removal | None = None
    labels: Removal | None = None

    @property
    def has_failures(self) -> bool:
        """Whether something that was to go is still there."""
        return any(each and each.staying for each in (self.cards, self.groups, self.labels))


def take_away(
    book: AddressBook,
    mail: MailStore,
    inventory: Inventory,
    choice: Choice,
    *,
    scheme: Scheme,
    advance: Advance,
) -> Removals:
    """Take away what the person has seen and chosen, cards first: they leave their groups."""
    going = inventory.chosen(choice)
    cards = [each.thing for each in going.cards]
    groups = [each.thing for each in going.groups]
    return Removals(
        remove_cards(book, cards, scheme, advance) if choice.cards else None,
        remove_groups(book, groups, choice.named_groups) if choice.groups else None,
        remove_labels(mail, [each.key for each in going.labels]) if choice.labels else None,
    )


def remove_cards(
    book: AddressBook,
    cards: Sequence[MadeCard],
    scheme: Scheme,
    advance: Advance,
    *,
    batch_cards: int = BATCH_CARDS,
) -> Removal:
    """Delete cards that are Mailroom's own, as they are now, and their lines in the triage groups.

    Args:
        cards: Those that the person has seen.
        batch_cards: How many leave their groups at a time.
    """
    done = Removal()
    waiting = [card.uid for card in cards]
    for batch in batches(waiting, batch_cards):
        try:
            staying = _remove_batch(book, batch, scheme)
        except AuthenticationError as error:
            told = {*done.removed, *done.staying}
            done.staying.update((uid, str(error)) for uid in waiting if uid not in told)
            break
        done.staying.update(staying.items())
        done.removed += [uid for uid in batch if uid not in staying]
        advance(len(batch), len(cards))
    return done


def _remove_batch(book: AddressBook, wanted: Collection[CardUid], scheme: Scheme) -> dict[CardUid, str]:
    """Delete cards; return why some of them stay.

    Raises:
        AuthenticationError: The credentials are refused before anything is written.
    """
    try:
        made = book.made()
        if unsure := book.left_out():
            return dict.fromkeys(wanted, f"what cannot be read may need it: {unsure[0]}")
    except ServerError as error:
        return dict.fromkeys(wanted, str(error))
    own = own_groups(made.groups, scheme)
    cards = [card for card in made.cards if card.uid in wanted]
    staying = {card.uid: reason for card in cards if (reason := why_card_stays(card, own))}
    groups = {card.uid: card.groups for card in cards if card.uid not in staying}
    staying |= _leave_groups(book, groups)
    # What is not known as Mailroom's any more is asked for, too: it is gone, or it was changed.
    staying |= book.delete_cards([uid for uid in wanted if uid not in staying], why_card_without_groups_stays)
    kept = {uid: names for uid, names in groups.items() if uid in staying}
    return staying | _put_back(book, kept, staying, scheme)


def _leave_groups(book: AddressBook, groups: Mapping[CardUid, Sequence[str]]) -> dict[CardUid, str]:
    """Take cards out of the groups that each of them is in; return why some are in one still."""
    leaving = uids_by_group((name, uid) for uid, names in groups.items() for name in names)
    failures = _regroup(book, {name: Membership(remove=uids) for name, uids in leaving.items()})
    stuck = {uid: [failures[name] for name in names if name in failures] for uid, names in groups.items()}
    return {uid: reasons[0] for uid, reasons in stuck.items() if reasons}


def _regroup(book: AddressBook, memberships: Mapping[str, Membership]) -> Mapping[str, str]:
    """Change contact groups; for each that failed, why.

    Where the credentials are refused, that is said of all, though some may have changed.
    """
    try:
        return book.regroup(memberships)
    except AuthenticationError as error:
        return dict.fromkeys(memberships, str(error))


def _put_back(
    book: AddressBook,
    groups: Mapping[CardUid, Sequence[str]],
    reasons: Mapping[CardUid, str],
    scheme: Scheme,
) -> dict[CardUid, str]:
    """Put cards that stay into the groups they have left; return why those stay for whom that fails.

    Who is in another triage group by now has been decided on anew.
    """
    if not groups:
        return {}
    try:
        contacts = book.refresh()
    except (AuthenticationError, ServerError) as error:
        lost = str(error)
        return {uid: _not_put_back(reasons[uid], names, lost) for uid, names in groups.items() if names}
    triage_groups = frozenset(str(group.name) for group in scheme.all_groups)
    back = {
        uid: names
        for uid, names in groups.items()
        if triage_groups.intersection(contacts.groups(uid)) <= frozenset(names)
    }
    joining = uids_by_group((name, uid) for uid, names in back.items() for name in names)
    failures = _regroup(book, {name: Membership(add=uids) for name, uids in joining.items()})
    return {
        uid: _not_put_back(reasons[uid], names, failures[name])
        for uid, names in back.items()
        for name in names
        if name in failures
    }


def _not_put_back(reason: str, names: Sequence[str], lost: str) -> str:
    why = "" if lost == reason else f": {lost}"
    return f"{reason}; it may be missing from {', '.join(names)} now, and could not be put back{why}"


def remove_groups(book: AddressBook, groups: Sequence[MadeGroup], named: Collection[str]) -> Removal:
    """Delete contact groups that hold nobody, or are named; no card goes with them."""
    staying = book.delete_groups([group.uid for group in groups], lambda group: why_group_stays(group, named))
    return Removal([group.uid for group in groups if group.uid not in staying], dict(staying.items()))


def remove_labels(mail: MailStore, names: Sequence[str]) -> Removal:
    """Delete labels and Screener where they hold no mail."""
    try:
        staying = mail.delete_mailboxes(names)
    except (AuthenticationError, ServerError) as error:
        staying = dict.fromkeys(names, str(error))
    return Removal([name for name in names if name not in staying], dict(staying))
