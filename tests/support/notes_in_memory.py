"""The notes in the account of the unit tests: the same port, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from attrs import define, evolve, field

from mailroom.model.mail import Change, MailboxId, Message, MessageId, ThreadId
from mailroom.model.notes import NewNote, Note, NoteKind, Retiring, Written
from mailroom.model.sender import read_sender
from tests.support.memory import World

PAGE = 2
"""Few a page, so that whoever reads one page only is found out."""


@define
class NotesInMemory:
    """Notes that lie among the world's messages.

    Attributes:
        now: When the next one is written.
    """

    world: World
    now: str = field(factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _written: dict[MessageId, tuple[NewNote, str]] = field(factory=dict, init=False)

    def write(
        self,
        mailbox_id: MailboxId,
        notes: Sequence[NewNote],
        retiring: Retiring | None = None,
        *,
        old_before: str = "",
    ) -> Written:
        if mailbox_id not in {mailbox.id for mailbox in self.world.mailboxes}:
            problems = ("the server refused to take a message of Mailroom's own: no such mailbox",)
            return Written((None,) * len(notes), problems=problems)
        before = str(self.world.writes)
        ids = tuple(self._write(mailbox_id, note) for note in notes)
        retired = self._retire(mailbox_id, retiring) if retiring else []
        entries = self._found(mailbox_id, NoteKind.ENTRY) if old_before else []
        old = tuple(evolve(x, data="") for x in entries if x.received_at < old_before)
        return Written(ids, frozenset(retired), states=(before, str(self.world.writes)), old=old)

    def read(self, mailbox_id: MailboxId | None, kind: NoteKind, since: str = "") -> Iterator[Sequence[Note]]:
        found = [x for x in self._found(mailbox_id, kind) if x.received_at >= since]
        yield from (found[start : start + PAGE] for start in range(0, len(found), PAGE))

    def _write(self, mailbox_id: MailboxId, note: NewNote) -> MessageId:
        self.world.write()
        message_id = MessageId(f"note {self.world.writes}")
        own = read_sender([("Mailroom", self.world.own[0])])
        places, thread = frozenset({mailbox_id}), ThreadId(message_id)
        message = Message(message_id, places, note.is_read, own, self.now, thread_id=thread)
        self.world.messages[message_id] = message
        self._written[message_id] = (note, self.now)
        return message_id

    def _retire(self, mailbox_id: MailboxId, retiring: Retiring) -> list[MessageId]:
        for note in retiring.notes:
            if message := self.world.messages.get(note.id):
                self.world.write()
                is_elsewhere = bool(message.mailbox_ids - {mailbox_id})
                add = frozenset() if is_elsewhere else frozenset({retiring.trash})
                change = Change(add=add, remove=frozenset({mailbox_id}))
                self.world.messages[note.id] = evolve(change.applied_to(message), is_read=True)
            self._written.pop(note.id, None)
        return [note.id for note in retiring.notes]

    def _found(self, mailbox_id: MailboxId | None, kind: NoteKind) -> list[Note]:
        """The notes of a kind in a mailbox, newest first."""
        found = []
        for message_id, (note, at) in self._written.items():
            message = self.world.messages.get(message_id)
            if note.kind is kind and message and mailbox_id in {None, *message.mailbox_ids}:
                found.append(
                    Note(
                        message_id,
                        kind,
                        at,
                        note.subject,
                        note.data,
                        message.is_read,
                        message.mailbox_ids,
                        f"{message_id}@memory.example",
                    )
                )
        return sorted(found, key=lambda note: note.received_at, reverse=True)
