"""Which messages went from where to where: what a cycle tells, and what takes it back exactly. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from typing import TypeAlias

from attrs import frozen

from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.party import Party
from mailroom.model.ports import Update
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
    """Messages of one party that went the same way; labels of Mailroom's own are no places.

    Attributes:
        before: Every mailbox they were in, by name; none where they had nothing but a label.
        after: Every mailbox they were put to be in, by name.
    """

    before: tuple[Place, ...]
    after: tuple[Place, ...]
    message_ids: tuple[MessageId, ...]


Moves: TypeAlias = Mapping[Party, tuple[Move, ...]]
"""What was moved of each party's, as far as it is remembered."""


def moves_of(
    update: Update,
    layout: Layout,
    party_of: Callable[[Message], Party | None],
    most: int = MAX_RECORDED_MOVES,
) -> Moves:
    """Return how the messages of an update moved, of at most so many of them.

    Args:
        party_of: Says to whom a message counts, by what it was before.
    """
    by_party: dict[Party, dict[tuple[frozenset[MailboxId], frozenset[MailboxId]], list[MessageId]]]
    by_party = defaultdict(lambda: defaultdict(list))
    for message_id, was in islice(update.former.items(), most):
        now = update.snapshot.messages.get(message_id)
        if not now or not (party := party_of(was)):
            continue
        way = was.mailbox_ids - layout.watched, now.mailbox_ids - layout.watched
        by_party[party][way].append(message_id)
    return {
        party: tuple(
            Move(_places(before, layout), _places(after, layout), tuple(message_ids))
            for (before, after), message_ids in ways.items()
        )
        for party, ways in by_party.items()
    }


def is_only_labelled_otherwise(was: Message, now: Message | None, layout: Layout) -> bool:
    """Whether nothing but labels of Mailroom's own came off a message, or went on."""
    changed = was.mailbox_ids ^ now.mailbox_ids if now else frozenset()
    return bool(changed) and changed <= layout.watched


def _places(mailbox_ids: Collection[MailboxId], layout: Layout) -> tuple[Place, ...]:
    places = (Place(x, layout.paths.get(x, x)) for x in mailbox_ids)
    return tuple(sorted(places, key=lambda place: (place.name, place.id)))
