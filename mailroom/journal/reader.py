"""Reads the journal: its entries newest first, each once; one that is broken is left out alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, groupby

from mailroom.journal.entry import Entry
from mailroom.journal.form import Broken, read_entry
from mailroom.model.mail import MailboxId
from mailroom.model.notes import Note, NoteKind
from mailroom.model.ports import Notes

TRUNCATED = "it is larger than is read"


class Entries:
    """The entries of a journal, read as far as somebody looks; to be gone through once.

    Args:
        mailbox_id: Where the journal is.
        since: Leave out what was written before this moment, RFC 3339 in UTC; nothing where it is empty.

    Attributes:
        broken: The entries so far that could not be read: when each was written, and why.
    """

    def __init__(self, notes: Notes, mailbox_id: MailboxId, since: str = "") -> None:
        self._notes = notes
        self._mailbox_id = mailbox_id
        self._since = since
        self.broken: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[Entry]:
        """Read on, page by page.

        Raises:
            ServerError: The server could not be asked.
        """
        pages = self._notes.read(self._mailbox_id, NoteKind.ENTRY, self._since)
        told: set[str] = set()
        # Servers know no more than the second in which a message came.
        for _, notes in groupby(chain.from_iterable(pages), key=lambda note: note.received_at):
            for entry in sorted(self._read(notes), key=lambda each: each.at, reverse=True):
                if entry.id not in told:
                    told.add(entry.id)
                    yield entry

    def _read(self, notes: Iterable[Note]) -> Iterator[Entry]:
        for note in notes:
            entry = read_entry(note.data) if note.data else Broken(TRUNCATED)
            if isinstance(entry, Broken):
                self.broken.append((note.received_at, entry.reason))
            else:
                yield entry
