"""What became of messages, told by their senders. Pure."""

from __future__ import annotations

from collections import Counter

from attrs import frozen

from mailroom.model.address import Address
from mailroom.model.mail import Snapshot
from mailroom.model.ports import Update
from mailroom.triage.decisions import sender_of


@frozen
class Outcome:
    """What became of senders' messages; of those without a sender nothing is told.

    Attributes:
        changed: For each sender how many of their messages were changed.
        failed: For each sender of whom a message could not be changed, why: of several reasons the first.
    """

    changed: Counter[Address]
    failed: dict[Address, str]


def by_sender(update: Update, before: Snapshot) -> Outcome:
    """Turn what became of the messages in `before` into what became of their senders."""
    senders = {x.id: sender for x in before.messages.values() if (sender := sender_of(x))}
    failed: dict[Address, str] = {}
    for message_id, reason in update.failed.items():
        if message_id in senders:
            failed.setdefault(senders[message_id], reason)
    # In a fixed order: what is told of the same cycle should read the same.
    changed = Counter(senders[message_id] for message_id in sorted(update.changed & senders.keys()))
    return Outcome(changed, failed)
