"""What became of messages, told by the parties whose decisions count for them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from attrs import frozen

from mailroom.model.mail import Message, Snapshot
from mailroom.model.party import Party
from mailroom.model.ports import Update


@frozen
class Outcome:
    """What became of parties' messages; of those for which nobody's decision counts nothing is told.

    Attributes:
        changed: For each party how many of its messages were changed.
        failed: For each party of which a message could not be changed, why: of several reasons the first.
    """

    changed: Counter[Party]
    failed: dict[Party, str]


def by_party(update: Update, before: Snapshot, party_of: Callable[[Message], Party | None]) -> Outcome:
    """Turn what became of the messages in `before` into what became of their parties.

    Args:
        party_of: Says to whom a message counts.
    """
    parties = {x.id: party for x in before.messages.values() if (party := party_of(x))}
    failed: dict[Party, str] = {}
    for message_id, reason in update.failed.items():
        if message_id in parties:
            failed.setdefault(parties[message_id], reason)
    # In a fixed order: what is told of the same cycle should read the same.
    changed = Counter(parties[message_id] for message_id in sorted(update.changed & parties.keys()))
    return Outcome(changed, failed)
