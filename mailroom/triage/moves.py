"""Which messages went from where to where: what a cycle tells, and what takes it back exactly. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from itertools import islice
from typing import TypeAlias

from attrs import frozen

from mailroom.model.address import Address
from mailroom.model.mail import MailboxId, MessageId
from mailroom.model.ports import Update
from mailroom.triage.decisions import sender_of
from mailroom.triage.layout import Layout

MAX_RECORDED_MOVES = 2_000
"""How many messages' moves are remembered of one step; of what goes beyond, only how many there were."""


@frozen
class Place:
    """A mailbox as it was called when a message was moved.

    Attributes:
        name: Its full name, such as ``Inbox/Screener``.
    """

    id: MailboxId
    name: str


@frozen
class Move:
    """Messages of one sender that went the same way; labels of Mailroom's own are no places.

    Attributes:
        before: Every mailbox they were in, by name; none where they had nothing but a label.
        after: Every mailbox they were put to be in, by name.
    """

    before: tuple[Place, ...]
    after: tuple[Place, ...]
    message_ids: tuple[MessageId, ...]


Moves: TypeAlias = Mapping[Address, tuple[Move, ...]]
"""What was moved of each sender's, as far as it is remembered."""


def moves_of(update: Update, layout: Layout, most: int = MAX_RECORDED_MOVES) -> Moves:
    """Return how the messages of an update moved, of at most so many of them."""
    by_sender: dict[Address, dict[tuple[frozenset[MailboxId], frozenset[MailboxId]], list[MessageId]]]
    by_sender = defaultdict(lambda: defaultdict(list))
    for message_id, was in islice(update.former.items(), most):
        now = update.snapshot.messages.get(message_id)
        if not now or not (sender := sender_of(was)):
            continue
        way = was.mailbox_ids - layout.watched, now.mailbox_ids - layout.watched
        by_sender[sender][way].append(message_id)
    return {
        sender: tuple(
            Move(_places(before, layout), _places(after, layout), tuple(message_ids))
            for (before, after), message_ids in ways.items()
        )
        for sender, ways in by_sender.items()
    }


def _places(mailbox_ids: Collection[MailboxId], layout: Layout) -> tuple[Place, ...]:
    places = (Place(x, layout.paths.get(x, x)) for x in mailbox_ids)
    return tuple(sorted(places, key=lambda place: (place.name, place.id)))
