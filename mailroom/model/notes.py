"""Notes: the messages that Mailroom itself writes into an account, and knows again."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum
from typing import Self

from attrs import field, frozen

from mailroom.model.mail import MailboxId, MessageId

_BREAKS = re.compile(r"\r\n?")
_UNSENDABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u2029]")
_HALVES = re.compile(r"[\ud800-\udfff]")


class NoteKind(Enum):
    """What a note is for; its value is the keyword (RFC 8621 section 4.1.1) by which it is known.

    A keyword is set by whoever has the account and by no sender of mail: no message from outside passes
    for a note. Servers keep keywords in lower case.
    """

    ENTRY = "$mailroom-entry"
    """Tells what was done."""

    NOTICE = "$mailroom-notice"
    """Tells of something that waits for the person."""

    DIGEST = "$mailroom-digest"
    """Tells who waits in Screener."""

    @property
    def keyword(self) -> str:
        """The keyword."""
        return self.value


def sendable(text: str) -> str:
    """Return a text as every server takes it and gives it back: no control characters, no half characters."""
    whole = _HALVES.sub("\ufffd", text)
    plain = _UNSENDABLE.sub(" ", _BREAKS.sub("\n", whole))
    return "\n".join(line.rstrip(" ") for line in plain.split("\n"))


def one_line(text: str) -> str:
    """Return a text as a header can have it: a run of blanks or line breaks becomes one blank.

    What looks encoded (RFC 2047) would be decoded by whoever reads it, so that it looks so no more.
    """
    return " ".join(sendable(text).split()).replace("=?", "= ?")


@frozen
class NewNote:
    """A note that is to be written.

    Attributes:
        subject: One line.
        text: What a person reads.
        data: What Mailroom reads again: a JSON text, which goes along as ``mailroom.json``; empty for none.
        is_read: Whether it is marked as read from the beginning.
    """

    kind: NoteKind
    subject: str = field(converter=one_line)
    text: str = field(converter=sendable, repr=False)
    data: str = field(default="", converter=sendable, repr=False)
    is_read: bool = True


@frozen
class Note:
    """A note as it lies in the account.

    Attributes:
        received_at: When it was written, RFC 3339 in UTC.
        data: See `NewNote.data`; empty too where there is more of it than is read.
        is_read: Whether it is marked as read.
        mailbox_ids: Every mailbox it is in.
        message_id: Its Message-ID without the angle brackets. Two notes with the same one are the same
            note twice, as after a request whose answer was lost.
    """

    id: MessageId
    kind: NoteKind
    received_at: str
    subject: str
    data: str = field(default="", repr=False)
    is_read: bool = True
    mailbox_ids: frozenset[MailboxId] = frozenset()
    message_id: str = ""


@frozen
class Retiring:
    """Notes that have had their time: each leaves a mailbox, for Trash if it is in no other.

    It is a note no more, and read. One that bears its keyword in Trash was put there by the person.

    Attributes:
        notes: As they were read, which makes sure that no other message is moved.
        trash: The mailbox with the role trash.
    """

    notes: Collection[Note]
    trash: MailboxId

    @classmethod
    def of(cls, notes: Collection[Note], trash: MailboxId | None) -> Self | None:
        """Return what retires these notes; None where there are none, or no Trash."""
        return cls(notes, trash) if notes and trash else None


@frozen
class Written:
    """What became of notes.

    Attributes:
        ids: The new messages, in the order of the notes; None for one that was not written.
        retired: The notes that are retired now, or were gone already.
        problems: Why something was not done, in words for a log, each reason once.
        states: The server's names for the states of the mail right before and right after; None where others
            may have changed it meanwhile.
        old: Entries from before the moment that was asked for, without their data; the oldest of many.
    """

    ids: tuple[MessageId | None, ...] = ()
    retired: frozenset[MessageId] = frozenset()
    problems: tuple[str, ...] = ()
    states: tuple[str, str] | None = None
    old: tuple[Note, ...] = ()
