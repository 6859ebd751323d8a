"""When mail came, against when something was decided: what may tell of a rule, and what cannot. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from mailroom.model.mail import Message, MessageId

SLACK_SECONDS = 60
"""Between a card and its place in a group, and until the provider's rules know of it."""


def after(seconds: int, messages: Iterable[Message]) -> list[Message]:
    """Return what came after a moment, seconds since 1970; nothing where that is not known."""
    since = moment_of(seconds + SLACK_SECONDS)
    return [message for message in messages if seconds and message.received_at > since]


def untouched_ids(messages: Iterable[Message], changed_at: Sequence[int]) -> Iterator[MessageId]:
    """Return what nobody has read, and no decision has moved: it came after groups were changed last."""
    return (message.id for message in after(last_of(changed_at), messages) if not message.is_read)


def last_of(moments: Sequence[int]) -> int:
    """Return the last of some moments; 0 where one is not known."""
    return max(moments, default=0) if all(moments) else 0


def last_arrival(messages: Iterable[Message]) -> str:
    """Return when the newest message came; before all others where there is none."""
    return max((message.received_at for message in messages), default="")


def newest(messages: Iterable[Message]) -> str:
    """Say of which day the newest message is."""
    return f"the last of {last_arrival(messages)[:10]}"


def moment_of(seconds: int) -> str:
    """Return a moment as the arrival of a message is told, so that text order is time order."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
