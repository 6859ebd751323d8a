"""Whom a label means that a mail program has put on a whole conversation. Pure.

Who shows conversations as one puts a label on several messages at once, of whomever they are. So the
account's own messages and protected mail say nothing there; a label on strangers and on people who were
decided on before speaks of the strangers; and of several who were decided on before, nobody can know
who was meant.

A sender is meant beyond doubt where nobody else has the same label in the same conversation. Who is filed
by halves, by a cycle that broke off, still counts as what they were: a stranger, or one whom the label
does not change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from attrs import frozen

from mailroom.model.contacts import Card
from mailroom.model.mail import MailboxId, Message, MessageId, ThreadId
from mailroom.model.own import OwnAddresses
from mailroom.model.ports import Contacts
from mailroom.model.sender import Correspondent
from mailroom.triage.decisions import Decision, Rejection, reject
from mailroom.triage.layout import Layout
from mailroom.triage.plan import file_sender, file_unborn

KEEPS_PLACE = "decided on before; the label speaks of the strangers in the same conversation"
OWN_BESIDE = "your own message in a labelled conversation"
PROTECTED_BESIDE = "in Trash, Junk, Sent or Drafts, in a labelled conversation"


Released = tuple[Message, str]
"""A labelled message of which the label does not speak, and why."""


class _Standing(Enum):
    """What a label would do to a sender who has it in a conversation with others."""

    STRANGER = "stranger"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


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
        elif isinstance(message.sender, Correspondent):
            said[message.thread_id] |= message.mailbox_ids & layout.labels.keys()
    return {
        message.id: (message, silent[message.id])
        for message in labelled
        if message.id in silent
        and message.thread_id
        and message.mailbox_ids & layout.labels.keys() <= said.get(message.thread_id, set())
    }


def _why_silent(message: Message, layout: Layout, own: OwnAddresses) -> str:
    if isinstance(message.sender, Correspondent) and message.sender.address in own:
        return OWN_BESIDE
    return PROTECTED_BESIDE if layout.is_protected(message) else ""


def find_meant(
    decisions: Sequence[Decision], messages: Mapping[MessageId, Message], layout: Layout, contacts: Contacts
) -> Meant:
    """Say of whom labels speak that are on several senders of a conversation.

    Args:
        decisions: What the labels would mean each by itself.
        messages: The labelled messages.
    """
    conversations: dict[tuple[ThreadId, str], dict[Decision, list[Message]]] = defaultdict(dict)
    for decision in decisions:
        for message in map(messages.__getitem__, decision.message_ids):
            thread = message.thread_id or ThreadId(f"only {message.id}")
            conversations[thread, decision.category.title].setdefault(decision, []).append(message)
    standings = {each: _standing(each, layout, contacts) for each in decisions}
    meant: set[Decision] = set()
    released: dict[MessageId, Released] = {}
    rejected: dict[MessageId, Rejection] = {}
    for those in conversations.values():
        changed = [each for each in those if standings[each] is _Standing.CHANGED]
        speaks_of_strangers = any(standings[each] is _Standing.STRANGER for each in those)
        meant |= those.keys() - changed
        if len(those) == 1 or (len(changed) == 1 and not speaks_of_strangers):
            meant |= set(changed)
        elif speaks_of_strangers:
            released |= {message.id: (message, KEEPS_PLACE) for each in changed for message in those[each]}
        else:
            for each in changed:
                rejected |= reject(those[each], _which_of(changed), layout)
    # Whoever is meant in one conversation is decided on, wherever else the label stands on their mail.
    certain = {message_id for each in meant for message_id in each.message_ids}
    return Meant(
        tuple(each for each in decisions if each in meant),
        {x: each for x, each in released.items() if x not in certain},
        {x: rejection for x, rejection in rejected.items() if x not in certain},
    )


def _which_of(senders: Iterable[Decision]) -> str:
    names = " and ".join(sorted(each.sender for each in senders))
    return (
        f"the label is on one conversation with mail of {names}, who were decided on before: "
        "leave it on a message of the one you mean"
    )


def _standing(decision: Decision, layout: Layout, contacts: Contacts) -> _Standing:
    cards = contacts.cards(decision.sender)
    filing = file_sender(decision, cards, contacts.groups, layout) if cards else file_unborn(decision, layout)
    if decision.category.is_undecided:
        return _Standing.CHANGED if filing.departures else _Standing.UNCHANGED
    if not filing.joins and not filing.departures:
        return _Standing.UNCHANGED
    in_no_group = not filing.departures and filing.joins
    return _Standing.STRANGER if in_no_group and all(map(_is_made, cards)) else _Standing.CHANGED


def _is_made(card: Card) -> bool:
    return card.is_made
