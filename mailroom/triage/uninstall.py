"""Takes away what Mailroom made, where that is still its own: never mail, never what a person has changed.

What is in the way of removing a thing is decided here, from the thing as it is (pure); the ports ask it
again of each thing right before they delete it. A card leaves its contact groups first and goes then, so
that whoever runs this again after an interruption finds it without groups, and no group keeps the line of
a card that is gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from attrs import Factory, define

from mailroom.errors import AuthenticationError, ServerError
from mailroom.model.contacts import Alteration, CardUid, MadeCard, MadeGroup, Membership, uids_by_group
from mailroom.model.mail import Mailbox
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.ports import AddressBook, MailStore
from mailroom.model.scheme import Scheme
from mailroom.triage.batches import BATCH_CARDS, batches
from mailroom.triage.old_mail import Advance

_WHY_NOT_OURS = {
    Alteration.SEEN: "changed since it was made",
    Alteration.UNKNOWN: (
        "the server does not tell when it was changed, so nobody can know whether somebody renamed it"
    ),
}


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


def why_card_stays(card: MadeCard, scheme: Scheme) -> str:
    """Say why a card that Mailroom made is not its own any more; empty where it is."""
    if card.alteration is not Alteration.NONE:
        return _WHY_NOT_OURS[card.alteration]
    others = sorted(set(card.groups) - _group_names(scheme))
    return f"in {', '.join(others)}" if others else ""


def why_group_stays(group: MadeGroup, named: Collection[str], scheme: Scheme, leaving: int = 0) -> str:
    """Say why a contact group that Mailroom made stays.

    Who is in a group is a decision of the person, which goes with the group: a group that holds somebody
    goes only where they name it.

    Args:
        named: The groups that the person named.
        leaving: How many of its members leave it before.
    """
    if group.name not in _group_names(scheme):
        return "no setting names it any more"
    if not group.is_unchanged:
        return "changed since it was made"
    if group.name in named or group.members <= leaving:
        return ""
    return f"holds {_count(group.members - leaving, 'contact')}"


def why_label_stays(mailbox: Mailbox) -> str:
    """Say why a label, or Screener, stays."""
    if mailbox.role:
        return f"has a use of its own ({mailbox.role})"
    return f"holds {_count(mailbox.total_messages, 'message')}" if mailbox.total_messages else ""


def labels_in(tree: MailboxTree, scheme: Scheme) -> dict[str, Mailbox]:
    """Return those mailboxes that only Mailroom uses: triage labels, its marks, and Screener."""
    names = [*scheme.labels, scheme.error_label, scheme.warning_label, scheme.screener_label, scheme.screener]
    return {str(name): mailbox for name in names if name for mailbox in tree.named(name)}


def members_leaving(cards: Sequence[MadeCard], scheme: Scheme) -> Mapping[str, int]:
    """Return how many members each group loses where all cards go that may."""
    leaving: dict[str, int] = defaultdict(int)
    for card in cards:
        for group in card.groups if not why_card_stays(card, scheme) else ():
            leaving[group] += 1
    return leaving


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
        cards = [card for card in book.made().cards if card.uid in wanted]
        if unsure := book.left_out():
            return dict.fromkeys(wanted, f"what cannot be read may need it: {unsure[0]}")
    except ServerError as error:
        return dict.fromkeys(wanted, str(error))
    staying = {card.uid: reason for card in cards if (reason := why_card_stays(card, scheme))}
    groups = {card.uid: card.groups for card in cards if card.uid not in staying}
    leaving = uids_by_group((name, uid) for uid, names in groups.items() for name in names)
    failures = _regroup(book, {name: Membership(remove=uids) for name, uids in leaving.items()})
    for uid, names in groups.items():
        if stuck := [failures[name] for name in names if name in failures]:
            staying[uid] = stuck[0]
    # What is not known as Mailroom's any more is asked for, too: it is gone, or it was changed.
    staying |= book.delete_cards([uid for uid in wanted if uid not in staying], why_card_without_groups_stays)
    kept = {uid: names for uid, names in groups.items() if uid in staying}
    return staying | _put_back(book, kept, staying, scheme)


def _regroup(book: AddressBook, memberships: Mapping[str, Membership]) -> Mapping[str, str]:
    """Change contact groups; for each that failed, why.

    Where the credentials are refused, that is said of all, though some may have changed.
    """
    try:
        return book.regroup(memberships)
    except AuthenticationError as error:
        return dict.fromkeys(memberships, str(error))


def why_card_without_groups_stays(card: MadeCard) -> str:
    """Say why a card that has left its groups is not Mailroom's own any more; empty where it is."""
    if card.alteration is not Alteration.NONE:
        return _WHY_NOT_OURS[card.alteration]
    return f"it was put into {', '.join(card.groups)} meanwhile" if card.groups else ""


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
    triage_groups = _group_names(scheme)
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


def remove_groups(
    book: AddressBook, groups: Sequence[MadeGroup], named: Collection[str], scheme: Scheme
) -> Removal:
    """Delete contact groups that hold nobody, or are named; no card goes with them."""
    staying = book.delete_groups(
        [group.uid for group in groups], lambda group: why_group_stays(group, named, scheme)
    )
    return Removal([group.uid for group in groups if group.uid not in staying], dict(staying.items()))


def remove_labels(mail: MailStore, names: Sequence[str]) -> Removal:
    """Delete labels and Screener where they hold no mail."""
    try:
        staying = mail.delete_mailboxes(names)
    except (AuthenticationError, ServerError) as error:
        staying = dict.fromkeys(names, str(error))
    return Removal([name for name in names if name not in staying], dict(staying))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _group_names(scheme: Scheme) -> frozenset[str]:
    return frozenset(str(group.name) for group in scheme.groups)
