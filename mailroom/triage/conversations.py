"""Whom a label means that a mail program has put on a whole conversation. Pure.

Who shows conversations as one puts a label on several messages at once, of whomever they are. So the
account's own messages and protected mail say nothing there; a label on strangers and on people who were
decided on before speaks of the strangers; and of several who were decided on before, nobody can know
who was meant. A label about a domain is as one on the people who write from it.

A sender is meant beyond doubt where nobody else has the same label in the same conversation. Anybody else
counts, those included who cannot be filed: else a stranger whose mail has no sender, or two, would join a
conversation, and the label that is meant for them would decide about somebody else. Who is filed by
halves, by a cycle that broke off, still counts as what they were: a stranger, or one whom the label does
not change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum

from attrs import frozen

from mailroom.model.address_book import Contacts
from mailroom.model.mail import MailboxId, Message, MessageId, ThreadId
from mailroom.model.own import OwnAddresses
from mailroom.model.party import PartyKind, kind_of, shown
from mailroom.model.sender import Correspondent
from mailroom.triage.decisions import Decision, Rejection, reject
from mailroom.triage.layout import Layout
from mailroom.triage.plan import file_sender, file_unborn
from mailroom.triage.ruling import Ruling, sender_of, subject_of

KEEPS_PLACE = "decided on before; the label speaks of the strangers in the same conversation"
OWN_BESIDE = "your own message in a labelled conversation"
MEANS_ANOTHER = "the label speaks of somebody in the same conversation who has it elsewhere, too"
STAYS_A_CONTACT = "a contact on whom nothing is decided; the label speaks of others in the same conversation"
OTHERS_FIRST = (
    "somebody else has the label in the same conversation and is left to you, so nobody can know whom it "
    "means: leave it on a message of the one you mean"
)
NOT_OVER_A_LIST = (
    "it came over no mailing list; the label speaks of the list of others in the same conversation"
)
PROTECTED_BESIDE = "in Trash, Junk, Sent or Drafts, in a labelled conversation"


Released = tuple[Message, str]
"""A labelled message of which the label does not speak, and why."""

_Conversation = tuple[ThreadId, str]
"""A conversation, and the title of the category whose label is looked at in it."""


class _Standing(Enum):
    """What a label would do to a sender who has it in a conversation with others."""

    STRANGER = "stranger"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    CONTACT = "contact"
    """Nothing is decided on them, so that nothing can be taken back; their rules let their mail in."""


@frozen
class Meant:
    """What labels in conversations mean.

    Attributes:
        decisions: Those to be carried out.
        released: Messages whose label comes off because it does not speak of them, each with why.
        rejected: Messages that are left to the person.
    """

    decisions: tuple[Decision, ...]
    released: Mapping[MessageId, Released]
    rejected: Mapping[MessageId, Rejection]


def find_incidental(
    messages: Iterable[Message], layout: Layout, own: OwnAddresses
) -> dict[MessageId, Released]:
    """Find labelled messages that say nothing beside others of their conversation; each with why."""
    labelled = [message for message in messages if layout.is_labelled(message)]
    said: dict[ThreadId, set[MailboxId]] = defaultdict(set)
    silent: dict[MessageId, str] = {}
    for message in labelled:
        if reason := _why_silent(message, layout, own):
            silent[message.id] = reason
        elif isinstance(message.sender, Correspondent) or subject_of(message, layout):
            said[message.thread_id] |= message.mailbox_ids & layout.speaking
    return {
        message.id: (message, silent[message.id])
        for message in labelled
        if message.id in silent
        and message.thread_id
        and message.mailbox_ids & layout.speaking <= said.get(message.thread_id, set())
    }


def _why_silent(message: Message, layout: Layout, own: OwnAddresses) -> str:
    if isinstance(message.sender, Correspondent) and message.sender.address in own:
        return OWN_BESIDE
    if PartyKind.LIST in layout.kinds_on(message) and not message.lists:
        return NOT_OVER_A_LIST
    return PROTECTED_BESIDE if layout.is_protected(message) else ""


def find_meant(
    decisions: Sequence[Decision],
    messages: Mapping[MessageId, Message],
    layout: Layout,
    contacts: Contacts,
    silent: Collection[MessageId] = (),
) -> Meant:
    """Say of whom labels speak that are on several senders of a conversation.

    Args:
        decisions: What the labels would mean each by itself.
        messages: The labelled messages.
        silent: Those of which the label just comes off, whatever it says of others.
    """
    conversations: dict[_Conversation, dict[Decision, list[Message]]] = defaultdict(dict)
    for decision in decisions:
        for message in map(messages.__getitem__, decision.message_ids):
            where: _Conversation = (_conversation_of(message), decision.category.title)
            conversations[where].setdefault(decision, []).append(message)
    unsettled = _unsettled(decisions, messages, layout, silent)
    standings = {each: _standing(each, messages, layout, contacts) for each in decisions}
    by_standing = {
        where: {x: [each for each in those if standings[each] is x] for x in _Standing}
        for where, those in conversations.items()
    }
    meant = {
        each
        for where, those in by_standing.items()
        for each in _meant_in(those, contacts, is_settled=where not in unsettled)
    }
    # Whoever is meant in one conversation is decided on, wherever else the label stands on their mail.
    released: dict[MessageId, Released] = {}
    rejected: dict[MessageId, Rejection] = {}
    for where, those in by_standing.items():
        changed = those[_Standing.CHANGED]
        for each in {*changed, *those[_Standing.CONTACT]} - meant:
            theirs = conversations[where][each]
            if standings[each] is _Standing.CONTACT:
                released |= _released(theirs, STAYS_A_CONTACT)
            elif those[_Standing.STRANGER]:
                released |= _released(theirs, KEEPS_PLACE)
            elif not meant.isdisjoint(changed):
                # Left alone with the label in the next cycle, they would seem to be meant.
                released |= _released(theirs, MEANS_ANOTHER)
            else:
                reason = OTHERS_FIRST if where in unsettled else _which_of(changed)
                rejected |= reject(theirs, reason, layout)
    return Meant(tuple(each for each in decisions if each in meant), released, rejected)


def _conversation_of(message: Message) -> ThreadId:
    return message.thread_id or ThreadId(f"only {message.id}")


def _unsettled(
    decisions: Iterable[Decision],
    messages: Mapping[MessageId, Message],
    layout: Layout,
    silent: Collection[MessageId],
) -> set[_Conversation]:
    """Return where the label is on mail besides whose sender cannot be filed by it."""
    settled = {*silent, *(message_id for each in decisions for message_id in each.message_ids)}
    return {
        (_conversation_of(message), category.title)
        for message in messages.values()
        if message.id not in settled
        for category in layout.categories_on(message)
    }


def _meant_in(
    those: Mapping[_Standing, Sequence[Decision]], contacts: Contacts, *, is_settled: bool
) -> Iterator[Decision]:
    """Return of whom a label speaks in one conversation.

    Args:
        is_settled: Whether everybody who has it there can be filed by it.
    """
    yield from (*those[_Standing.STRANGER], *those[_Standing.UNCHANGED])
    changed = those[_Standing.CHANGED]
    if not changed and is_settled:
        yield from those[_Standing.CONTACT]
    if is_settled and not those[_Standing.STRANGER] and _share_a_card(changed, contacts):
        yield from changed


def _share_a_card(those: Iterable[Decision], contacts: Contacts) -> bool:
    """Whether all of them are one to the contacts: what a label changes for one it changes for all."""
    cards = [{card.uid for card in contacts.cards(each.party)} for each in those]
    return len(cards) == 1 or bool(cards and set.intersection(*cards))


def _released(messages: Iterable[Message], reason: str) -> dict[MessageId, Released]:
    return {message.id: (message, reason) for message in messages}


def _which_of(senders: Iterable[Decision]) -> str:
    names = " and ".join(sorted(shown(each.party) for each in senders))
    return (
        f"the label is on one conversation with mail of {names}, who were decided on before: "
        "leave it on a message of the one you mean"
    )


def _standing(
    decision: Decision, messages: Mapping[MessageId, Message], layout: Layout, contacts: Contacts
) -> _Standing:
    cards = contacts.cards(decision.party)
    filing = file_sender(decision, cards, contacts.groups, layout) if cards else file_unborn(decision, layout)
    is_known = not all(card.is_made for card in cards)
    if decision.category.is_undecided:
        unchanged = _Standing.CONTACT if is_known else _Standing.UNCHANGED
        return _Standing.CHANGED if filing.departures else unchanged
    if not filing.joins and not filing.departures:
        return _Standing.UNCHANGED
    is_known = is_known or _is_of_known_senders(decision, messages, layout, contacts)
    return _Standing.CHANGED if is_known or filing.departures else _Standing.STRANGER


def _is_of_known_senders(
    decision: Decision, messages: Mapping[MessageId, Message], layout: Layout, contacts: Contacts
) -> bool:
    """Whether a decision is about a domain, and its labels are on mail of people who are no strangers."""
    if kind_of(decision.party) is not PartyKind.DOMAIN:
        return False
    ruling = Ruling(contacts, layout.destinations.keys())
    senders = filter(None, (sender_of(messages[message_id]) for message_id in decision.message_ids))
    return all(
        ruling.is_decided(sender) or not all(card.is_made for card in contacts.cards(sender))
        for sender in senders
    )
