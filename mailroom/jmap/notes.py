"""Writes and reads messages of Mailroom's own (RFC 8621 sections 4.2, 4.4 and 4.6)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from mailroom.errors import ServerError
from mailroom.jmap.calls import Answer, Call
from mailroom.jmap.client import JmapClient
from mailroom.jmap.note_objects import SHORT_PROPERTIES, WHOLE, creation, data_of, read_notes, with_blob
from mailroom.jmap.pages import email_calls, email_pages
from mailroom.jmap.paging import NEWEST_FIRST, OLDEST_FIRST
from mailroom.jmap.uploads import upload
from mailroom.jmap.wire import EmailGet, EmailSet, Json, SetError
from mailroom.jmap.writing import REQUEST_OVERHEAD_BYTES, Patience, mailbox_pointer
from mailroom.model.address import parse_address
from mailroom.model.mail import MailboxId, MessageId
from mailroom.model.notes import NewNote, Note, NoteKind, Retiring, Written

PAGE_NOTES = 50
MAX_OLD = 200
NOBODY = "mailroom@localhost.invalid"

_OF_PROPERTIES = frozenset({"invalidProperties", "invalidArguments"})


class JmapNotes:
    """The notes in a JMAP account; fills the port `mailroom.model.ports.Notes`.

    Args:
        address: Whom notes are from and to, where the server does not name an address of the account.
    """

    def __init__(self, client: JmapClient, address: str) -> None:
        self._client = client
        self._address = address
        # Some servers, such as James, take text in the request for the body and for nothing else.
        self._is_data_uploaded = False

    def write(
        self,
        mailbox_id: MailboxId,
        notes: Sequence[NewNote],
        retiring: Retiring | None = None,
        *,
        old_before: str = "",
    ) -> Written:
        """Write notes, and retire others; see `Notes.write`."""
        address = self._own_address()
        new = {_Item(f"n{n}", True): creation(x, mailbox_id, address) for n, x in enumerate(notes)}
        work = _Writing({**new, **_patches(mailbox_id, retiring)})
        limits = self._client.session.limits
        old: tuple[Note, ...] = ()
        patience = Patience()
        while batch := work.next_batch(limits.max_objects_in_set, limits.max_size_request):
            if self._is_data_uploaded:
                self._upload_data(work, batch)
            calls = [Call("Email/set", work.arguments(batch))]
            if old_before:
                calls += _old(mailbox_id, old_before, min(MAX_OLD, limits.max_objects_in_get))
            # Asked for twice, a message is there twice: where the server is slow, it is not sent again.
            first, *found = self._client.call(calls, once_if_slow=True)
            is_settled = work.take(batch, first.as_record(EmailSet))
            self._is_data_uploaded |= work.is_data_refused
            if found:
                old, old_before = _found(found[-1]), ""
            if is_settled:
                patience.restore()
            else:
                patience.wait(self._client, work.give_up)
        ids = tuple(work.made.get(f"n{n}") for n in range(len(notes)))
        return Written(ids, frozenset(work.moved), tuple(work.problems), work.states, old)

    def read(self, mailbox_id: MailboxId | None, kind: NoteKind, since: str = "") -> Iterator[Sequence[Note]]:
        """Read a mailbox's notes of a kind, newest first; see `Notes.read`."""
        condition: Json = {"hasKeyword": kind.keyword}
        if mailbox_id is not None:
            condition["inMailbox"] = mailbox_id
        if since:
            condition["after"] = since

        def calls(position: int, limit: int) -> list[Call]:
            query: Json = {"filter": condition, "sort": NEWEST_FIRST, "position": position, "limit": limit}
            return email_calls(query, WHOLE)

        for page in email_pages(self._client, calls, PAGE_NOTES):
            if (found := page.query) is None:
                continue
            # The objects may come in any order (RFC 8620 section 5.1), and from James do.
            notes = {note.id: note for note in read_notes(page.emails, kind)}
            yield tuple(notes[MessageId(x)] for x in found.ids if MessageId(x) in notes)
            if len(found.ids) < min(page.asked, found.limit or page.asked):
                return

    def _upload_data(self, work: _Writing, batch: Sequence[_Item]) -> None:
        for item in batch:
            if item.is_new and (data := data_of(work.pending[item])):
                blob_id = upload(self._client, data.encode(), "text/plain")
                work.pending[item] = with_blob(work.pending[item], blob_id)

    def _own_address(self) -> str:
        """Return an address of the account: the first of its names that is one (RFC 8620 section 2)."""
        names = (*self._client.session.names, self._address)
        return next(filter(None, map(parse_address, names)), NOBODY)


@define
class _Writing:
    """What is to be written and has not been yet.

    Attributes:
        pending: New messages by creation id, and what is done to others by their ids.
        made: The new messages, by creation id.
        problems: Why something was not done; each reason once.
        is_data_refused: Whether the server does not take what goes along with a message in the same request.
        states: Of the mail before and after, as long as it was changed here alone.
    """

    pending: dict[_Item, Json]
    made: dict[str, MessageId] = field(init=False, factory=dict)
    moved: set[MessageId] = field(init=False, factory=set)
    problems: dict[str, None] = field(init=False, factory=dict)
    is_data_refused: bool = field(init=False, default=False)
    states: tuple[str, str] | None = field(init=False, default=None)

    def next_batch(self, most: int, max_size_bytes: int) -> list[_Item]:
        """Return what the next Email/set is about: as much as one request may carry."""
        batch: list[_Item] = []
        size_bytes = REQUEST_OVERHEAD_BYTES
        for item in list(self.pending):
            item_bytes = len(json.dumps({item.key: self.pending[item]}))
            if REQUEST_OVERHEAD_BYTES + item_bytes > max_size_bytes:
                self._drop(item, "a message of Mailroom's own is larger than the server takes at once")
                continue
            size_bytes += item_bytes
            if len(batch) == most or size_bytes > max_size_bytes:
                break
            batch.append(item)
        return batch

    def arguments(self, batch: Sequence[_Item]) -> Json:
        """Return the arguments of the Email/set that does a batch."""
        create = {item.key: self.pending[item] for item in batch if item.is_new}
        update = {item.key: self.pending[item] for item in batch if not item.is_new}
        return {name: objects for name, objects in (("create", create), ("update", update)) if objects}

    def take(self, batch: Sequence[_Item], answer: EmailSet) -> bool:
        """Note what the server did of a batch; tell whether it was not too busy for some of it."""
        is_busy, before = False, self.states[0] if self.states else answer.old_state
        is_alone = self.states is None or self.states[1] == answer.old_state
        self.states = (before, answer.new_state) if before and is_alone else None
        for item in batch:
            refused = (answer.not_created if item.is_new else answer.not_updated) or {}
            if error := refused.get(item.key):
                if error.type == "rateLimit":
                    is_busy = True
                else:
                    self._refuse(item, error)
            elif item.is_new:
                self._note_made(item, (answer.created or {}).get(item.key))
            else:
                self.moved.add(MessageId(item.key))
                del self.pending[item]
        return not is_busy

    def give_up(self, reason: str) -> None:
        """Do no more of it."""
        self.problems[reason] = None
        self.pending.clear()

    def _note_made(self, item: _Item, made: object) -> None:
        message_id = made.get("id") if isinstance(made, dict) else None
        if isinstance(message_id, str):
            self.made[item.key] = MessageId(message_id)
            del self.pending[item]
        else:
            self._drop(item, "the server does not say what became of a message of Mailroom's own")

    def _refuse(self, item: _Item, error: SetError) -> None:
        if item.is_new and data_of(self.pending[item]) and _is_about_attachments(error):
            self.is_data_refused = True
        elif item.is_new or error.type != "notFound":
            act = "take" if item.is_new else "move"
            said = error.description or " ".join([error.type, *(error.properties or ())])
            self._drop(item, f"the server refused to {act} a message of Mailroom's own: {said}")
        else:  # deleted in the meantime
            self.moved.add(MessageId(item.key))
            del self.pending[item]

    def _drop(self, item: _Item, reason: str) -> None:
        self.problems[reason] = None
        del self.pending[item]


@frozen
class _Item:
    """A new message by its creation id, or one that is there by its id."""

    key: str
    is_new: bool


def _is_about_attachments(error: SetError) -> bool:
    said = " ".join([error.description or "", *(error.properties or ())])
    return error.type in _OF_PROPERTIES and "attachments" in said


def _patches(mailbox_id: MailboxId, retiring: Retiring | None) -> dict[_Item, Json]:
    if retiring is None:
        return {}
    return {_Item(x.id, False): _patch(x, mailbox_id, retiring.trash) for x in retiring.notes}


def _patch(note: Note, mailbox_id: MailboxId, trash: MailboxId) -> Json:
    """Return what takes a note out of a mailbox (RFC 8620 section 5.3): no message is left in none."""
    patch: Json = {
        mailbox_pointer(mailbox_id): None,
        f"keywords/{note.kind.keyword}": None,
        "keywords/$seen": True,
    }
    # One that the person has put elsewhere as well stays there.
    return patch if note.mailbox_ids - {mailbox_id} else {mailbox_pointer(trash): True} | patch


def _old(mailbox_id: MailboxId, before: str, limit: int) -> list[Call]:
    """Return the calls that find old entries, behind an Email/set in the same request."""
    condition = {"inMailbox": mailbox_id, "hasKeyword": NoteKind.ENTRY.keyword, "before": before}
    query: Json = {"filter": condition, "sort": OLDEST_FIRST, "limit": limit}
    return email_calls(query, {"properties": SHORT_PROPERTIES}, first=1)


def _found(answer: Answer) -> tuple[Note, ...]:
    """Return the old entries that were found; none where the server does not look for them."""
    try:
        return tuple(read_notes(answer.as_record(EmailGet).list_, NoteKind.ENTRY))
    except ServerError:  # what was written is written all the same
        return ()
