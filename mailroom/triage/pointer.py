"""By what a person finds a message: its id means nothing to them, and its subject is theirs alone. Pure."""

from __future__ import annotations

from datetime import date, timedelta

from attrs import frozen

from mailroom.model.address import Address
from mailroom.model.mail import Message, MessageId
from mailroom.model.sender import Correspondent

DAYS_AROUND = 2
"""A search's days are the person's, which need not be the server's."""


@frozen
class Pointer:
    """What a person finds a message by.

    Attributes:
        sender: Who wrote it; None where nobody can be told, or several.
        name: Their display name, perhaps empty.
        date: The day it arrived, in UTC; empty where the server has no date.
        search: What to type into the search of a mail program.
    """

    message_id: MessageId
    sender: Address | None
    name: str
    date: str
    search: str

    def as_fields(self) -> dict[str, object]:
        """Return it for logs and programs; of a message without one sender, without sender and name."""
        who = {"sender": self.sender, "name": self.name} if self.sender else {}
        return {**who, "date": self.date, "search": self.search, "message_id": self.message_id}

    def __str__(self) -> str:
        who = f"{self.name} <{self.sender}>" if self.name else self.sender
        return f"message of {self.date or 'an unknown day'}{f' from {who}' if who else ''}"


def point_to(message: Message) -> Pointer:
    """Say what a message is found by."""
    search, sender = _days_around(message.received_at), message.sender
    if not isinstance(sender, Correspondent):
        return Pointer(message.id, None, "", message.received_at[:10], search)
    search = f"from:{sender.email} {search}".rstrip()
    return Pointer(message.id, sender.address, sender.name, message.received_at[:10], search)


def _days_around(received_at: str) -> str:
    """Return a search for the days around a moment."""
    around = timedelta(days=DAYS_AROUND)
    try:
        day = date.fromisoformat(received_at[:10])
        return f"after:{day - around} before:{day + around}"
    except (ValueError, OverflowError):  # a server may have no date, or one of another age
        return ""
