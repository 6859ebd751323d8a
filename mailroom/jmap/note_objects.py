"""A message of Mailroom's own as JMAP has it (RFC 8621 section 4): how it is made, and what is read of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import uuid4

from attrs import frozen

from mailroom.errors import ProtocolError
from mailroom.jmap.structuring import structure
from mailroom.jmap.wire import Json
from mailroom.model.mail import MailboxId, MessageId
from mailroom.model.notes import NewNote, Note, NoteKind

AUTHOR = "Mailroom"
DATA_NAME = "mailroom.json"
MAX_DATA_BYTES = 4 * 1024 * 1024
"""As much as is read of what goes along with a note."""

_DATA_PART = "data"
# Not application/json: only of text/* may the content come along in the same request.
_DATA: Json = {"type": "text/plain", "name": DATA_NAME, "disposition": "attachment"}

SHORT_PROPERTIES = ("id", "mailboxIds", "keywords", "receivedAt", "subject", "messageId")
"""Those that every note has."""

WHOLE: Json = {
    "properties": (*SHORT_PROPERTIES, "attachments", "bodyValues"),
    "bodyProperties": ["partId", "name"],
    "fetchAllBodyValues": True,
    "maxBodyValueBytes": MAX_DATA_BYTES,
}
"""The arguments of an Email/get for all that is read of a note."""


@frozen
class BodyPart:
    """A part of a message's body (RFC 8621 section 4.1.4)."""

    part_id: str | None = None
    name: str | None = None


@frozen
class BodyValue:
    """The text of a part (RFC 8621 section 4.1.4)."""

    value: str
    is_truncated: bool = False


@frozen
class NoteObject:
    """The properties that Mailroom asks for of a message of its own (RFC 8621 section 4.1)."""

    id: str
    mailbox_ids: dict[str, bool]
    keywords: dict[str, bool] | None = None
    received_at: str = ""
    subject: str | None = None
    message_id: list[str] | None = None
    attachments: list[BodyPart] | None = None
    body_values: dict[str, BodyValue] | None = None


def creation(note: NewNote, mailbox_id: MailboxId, address: str) -> Json:
    """Return the Email object to be made of a note; the server encodes what is to be encoded."""
    # Not bodyStructure, which says the same: James passes over it, and makes an empty message.
    body: Json = {"textBody": [{"partId": "text", "type": "text/plain"}]}
    values: Json = {"text": {"value": note.text}}
    if note.data:
        body["attachments"] = [{"partId": _DATA_PART, **_DATA}]
        values[_DATA_PART] = {"value": note.data}
    return {
        **body,
        "mailboxIds": {mailbox_id: True},
        "keywords": {note.kind.keyword: True} | ({"$seen": True} if note.is_read else {}),
        "from": [{"name": AUTHOR, "email": address}],
        "to": [{"name": None, "email": address}],
        "subject": note.subject,
        "messageId": [f"{uuid4().hex}.mailroom@{address.rpartition('@')[2]}"],
        "bodyValues": values,
    }


def data_of(email: Json) -> str:
    """Return the data that comes along with an Email object to be made; empty for none."""
    return str(email["bodyValues"].get(_DATA_PART, {}).get("value", ""))


def with_blob(email: Json, blob_id: str) -> Json:
    """Return an Email object to be made whose data lies with the server already (RFC 8621 section 4.6)."""
    values = {part: value for part, value in email["bodyValues"].items() if part != _DATA_PART}
    return {**email, "attachments": [{"blobId": blob_id, **_DATA}], "bodyValues": values}


def read_notes(emails: Iterable[object], kind: NoteKind) -> Iterator[Note]:
    """Read what the server has; what is of an odd form, or bears no such keyword, is passed over."""
    for value in emails:
        try:
            email = structure(value, NoteObject, "the note")
        except ProtocolError:
            continue
        keywords = email.keywords or {}
        if keywords.get(kind.keyword):
            yield Note(
                id=MessageId(email.id),
                kind=kind,
                received_at=email.received_at,
                subject=email.subject or "",
                data=_data(email),
                is_read=keywords.get("$seen", False),
                mailbox_ids=frozenset(MailboxId(x) for x, holds in email.mailbox_ids.items() if holds),
                message_id=(email.message_id or [""])[0],
            )


def _data(email: NoteObject) -> str:
    """Return what goes along with a note, unless it is cut."""
    for part in email.attachments or ():
        value = (email.body_values or {}).get(part.part_id or "")
        if part.name == DATA_NAME and value and not value.is_truncated:
            return value.value
    return ""
