"""Messages as letters of a conversation: who wrote to whom, and what each says it answers."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Factory, frozen

from mailroom.model.address import Address
from mailroom.model.mail import Message, MessageId


@frozen
class Letter:
    """A message with those of its headers that tell what it answers; never its subject or its body.

    Attributes:
        names: The Message-IDs that it bears: one, or none where it has no proper one.
        answers: The Message-IDs that its In-Reply-To and References name. Whoever wrote it chose them.
        recipients: The addresses in To, Cc and Bcc.
    """

    message: Message
    names: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    recipients: frozenset[Address] = frozenset()


@frozen
class Letters:
    """What was read of some conversations.

    Attributes:
        state: The server's name for the state in which it was so.
        asked: The messages that were looked at of those asked about; others are to be asked about again.
        letters: All messages of their conversations, and the newest that were sent, by id. One that is
            gone, or cannot be read, is missing.
    """

    state: str = ""
    asked: frozenset[MessageId] = frozenset()
    letters: Mapping[MessageId, Letter] = Factory(dict)
