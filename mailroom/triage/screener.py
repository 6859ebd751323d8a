"""What lies in Screener although its sender is decided on or known. Pure.

Screener is for senders that nobody has decided on. Mail of others gets there when a rule is missing,
came late or reaches too far, or when mail and triage crossed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from attrs import frozen

from mailroom.model.address import Address
from mailroom.model.address_book import SendersCards
from mailroom.model.mail import Change, MailboxId, Message
from mailroom.model.own import OwnAddresses
from mailroom.model.scheme import Scheme
from mailroom.model.sender import Correspondent
from mailroom.triage.decisions import Decision, sender_of
from mailroom.triage.layout import Layout
from mailroom.triage.plan import NO_CHANGE, Filing, file_sender, sweep, triage_groups_of
from mailroom.triage.report import Waiting


@frozen
class MisplacedMail:
    """The senders of mail in Screener that should not be there, each with the number of their messages.

    A sender whose label has not been worked off is left out: they are under way, or left to the person.

    Attributes:
        stragglers: How senders in one triage group are filed.
        in_several_groups: The groups of senders in more than one, for the person to choose from.
        in_no_group: Senders with a card that is in no triage group.
        undecided: These, and senders without a card.
    """

    stragglers: dict[Address, Filing]
    in_several_groups: dict[Address, tuple[str, ...]]
    in_no_group: frozenset[Address]
    message_counts: Counter[Address]
    undecided: frozenset[Address] = frozenset()


def find_misplaced(
    messages: Iterable[Message],
    contacts: SendersCards,
    layout: Layout,
    scheme: Scheme,
    own: OwnAddresses,
) -> MisplacedMail:
    """Sort the senders of the mail in Screener.

    Args:
        messages: Every message in Screener, and every one with a triage label wherever it lies.
    """
    waiting = _waiting_in_screener(messages, layout, own)
    stragglers: dict[Address, Filing] = {}
    in_several_groups: dict[Address, tuple[str, ...]] = {}
    in_no_group: set[Address] = set()
    strangers: set[Address] = set()
    for sender, theirs in waiting.items():
        cards = contacts.cards(sender)
        if not cards:
            strangers.add(sender)
            continue
        match triage_groups_of(cards, contacts.groups, scheme):
            case [group]:
                category = scheme.category_of(group)
                decision = Decision(theirs[0], category, is_old=True)
                stragglers[sender] = file_sender(decision, cards, contacts.groups, layout)
            case []:
                in_no_group.add(sender)
            case groups:
                in_several_groups[sender] = tuple(group.name for group in groups)
    counts = Counter(
        {sender: len(waiting[sender]) for sender in (*stragglers, *in_several_groups, *in_no_group)}
    )
    undecided = frozenset(in_no_group | strangers)
    return MisplacedMail(stragglers, in_several_groups, frozenset(in_no_group), counts, undecided)


def count_waiting(messages: Iterable[Message], screener: MailboxId) -> Waiting:
    """Count what lies in Screener."""
    waiting = [message for message in messages if screener in message.mailbox_ids]
    senders = {sender for message in waiting if (sender := sender_of(message))}
    dates = filter(None, (message.received_at for message in waiting))
    return Waiting(len(waiting), len(senders), min(dates, default=""))


def _waiting_in_screener(
    messages: Iterable[Message], layout: Layout, own: OwnAddresses
) -> dict[Address, list[Correspondent]]:
    """Return the senders of the mail in Screener, as each message names them; none under way, none own."""
    waiting: dict[Address, list[Correspondent]] = {}
    labelled: set[Address] = set()
    for message in messages:
        if not isinstance(message.sender, Correspondent):
            continue
        sender = message.sender.address
        if sender in own or own.may_hold(sender):
            continue
        if layout.is_labelled(message):
            labelled.add(sender)
        if layout.screener in message.mailbox_ids and not layout.is_protected(message):
            waiting.setdefault(sender, []).append(message.sender)
    return {sender: theirs for sender, theirs in waiting.items() if sender not in labelled}


def release_contact(
    message: Message, senders: Collection[Address], misplaced: MisplacedMail, layout: Layout
) -> Change:
    """Say how a message of one of some contacts in no triage group gets out of Screener, to the Inbox."""
    here, sender = message.mailbox_ids, sender_of(message)
    is_theirs = sender in senders and sender in misplaced.in_no_group
    if (
        not is_theirs
        or layout.screener not in here
        or layout.is_labelled(message)
        or layout.is_protected(message)
    ):
        return NO_CHANGE
    return Change(add=frozenset({layout.inbox}) - here, remove=frozenset({layout.screener}))


def sweep_straggler(message: Message, misplaced: MisplacedMail, layout: Layout) -> Change:
    """Say how a message gets out of Screener to where its sender belongs."""
    sender = sender_of(message)
    filing = misplaced.stragglers.get(sender) if sender else None
    # The label may be as new as this view of the message: then the next cycle decides.
    if filing is None or layout.screener not in message.mailbox_ids or layout.is_labelled(message):
        return NO_CHANGE
    return sweep(message, filing, layout)
