"""Which thread a message belongs in, as on Cyrus."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailroom.sandbox.store.messages import Message


def thread_of(answers: frozenset[str], subject: str, messages: Iterable[Message]) -> str | None:
    """Return the thread of the first message that bears or names one of these Message-IDs; None for none.

    Args:
        answers: What a new message names in its References.
        subject: Its subject; only a message with the same one counts.
    """
    for message in messages if answers else ():
        is_related = message.message_id in answers or not answers.isdisjoint(message.answers)
        if is_related and _bare(message.subject) == _bare(subject):
            return message.thread_id
    return None


def _bare(subject: str) -> str:
    """Return a subject without what answering puts before it (RFC 5256 section 2.1, as far as usual)."""
    return re.sub(r"^(?:(?:re|fwd?|aw|wg)\s*:\s*)+", "", subject.strip(), flags=re.IGNORECASE)
