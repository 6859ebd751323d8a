"""Messages by their ids: what the server has of them becomes triage's records, and none stops another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar

from attrs import Factory, define, evolve

from mailroom.errors import ProtocolError, ServerError
from mailroom.jmap.calls import Answer, Call, is_too_large
from mailroom.jmap.client import JmapClient
from mailroom.jmap.pages import Portion
from mailroom.jmap.structuring import structure
from mailroom.jmap.wire import LIST_IDS, LIST_POST, EmailAddress, EmailGet, EmailObject, Json
from mailroom.model.mail import (
    ARCHIVED_KEYWORD,
    SETTLED_KEYWORD,
    WARNED_KEYWORD,
    MailboxId,
    Message,
    MessageId,
    ThreadId,
)
from mailroom.model.mailing_list import read_lists
from mailroom.model.sender import HeaderEntry, read_sender

EMAIL_PROPERTIES = ("id", "threadId", "mailboxIds", "keywords", "from", "receivedAt")
LIST_PROPERTIES = (LIST_IDS, LIST_POST)
CHANGEABLE_PROPERTIES = ("id", "mailboxIds", "keywords")
"""All else of a message is immutable (RFC 8621 section 4.1)."""

MAX_ADDRESS_CHARACTERS = 1_000
LARGE_MESSAGE_BYTES = 4_096
"""More than the properties of a usual message take."""

LARGE_HEADERS_CHARACTERS = 2_000
"""Headers that are longer, read together, are transferred once and no more."""

MAX_REMEMBERED = 10_000
TOO_LARGE = "the properties of the message are too large to be read"

K = TypeVar("K")
V = TypeVar("V")


@define
class MessageForm:
    """What is asked for of each message; one for all that read the mail of an account.

    Attributes:
        tells_lists: Whether the headers of mailing lists are read along.
    """

    tells_lists: bool = False

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties to ask for."""
        return (*EMAIL_PROPERTIES, *(LIST_PROPERTIES if self.tells_lists else ()))


@define
class FoundMessages:
    """What was read of messages.

    Attributes:
        states: The states of the account in which that was so, the first one first.
        left_out: Why a message could not be read.
    """

    messages: dict[MessageId, Message] = Factory(dict)
    left_out: dict[MessageId, str] = Factory(dict)
    states: dict[str, None] = Factory(dict)

    def take(
        self,
        emails: EmailGet,
        make: Callable[[EmailObject], Message],
        keep: Callable[[Message], bool] = lambda _: True,
    ) -> None:
        """Add what an Email/get has found; an email of an odd form is left out alone."""
        self.states[emails.state] = None
        for value in emails.list_:
            try:
                message = make(structure(value, EmailObject, "the message"))
            except ProtocolError as error:
                message_id = str(value.get("id", "")) if isinstance(value, dict) else ""
                self.left_out[MessageId(message_id)] = str(error)
            else:
                if keep(message):
                    self.messages[message.id] = message


class Messages:
    """Reads messages by their ids, in as many requests as their size asks for.

    What is large is transferred only once: who wrote a message never changes, and neither does that
    nobody can tell because its headers are larger than there is room for.
    """

    def __init__(self, client: JmapClient, form: MessageForm) -> None:
        self._client = client
        self._form = form
        self._portion = Portion(MAX_REMEMBERED, MAX_REMEMBERED)
        self._large: dict[MessageId, Message] = {}
        self._too_large: dict[MessageId, str] = {}

    @property
    def properties(self) -> tuple[str, ...]:
        """What is asked for of each message."""
        return self._form.properties

    def forget(self) -> None:
        """Forget what is transferred only once: something else is asked for from now on."""
        self._large.clear()
        self._too_large.clear()

    def read(
        self, ids: Collection[MessageId], keep: Callable[[Message], bool] = lambda _: True
    ) -> FoundMessages:
        """Read messages; those that are gone are missing, those that cannot be read are told.

        Raises:
            ServerError: The server as a whole fails.
        """
        found = FoundMessages(left_out={x: self._too_large[x] for x in ids if x in self._too_large})
        known = [x for x in ids if x in self._large]
        new = [x for x in ids if x not in self._large and x not in found.left_out]
        for answer in self._get(known, CHANGEABLE_PROPERTIES, found):
            found.take(answer.as_record(EmailGet), self._read_changed, keep)
        for answer in self._get(new, self.properties, found):
            found.take(answer.as_record(EmailGet), self._read_whole, keep)
        return found

    def _get(
        self, ids: Sequence[MessageId], properties: Sequence[str], found: FoundMessages
    ) -> Iterator[Answer]:
        """Ask for these properties in batches that fit; a message that fits in no answer is left out."""
        rest = list(ids)
        while rest:
            limit = self._client.session.limits.max_objects_in_get
            batch = rest[: min(self._portion.size, limit)]
            get: Json = {"ids": batch, "properties": properties}
            try:
                (answer,) = self._client.call([Call("Email/get", get)])
                answer.as_record(EmailGet)
            except ServerError as error:
                if not is_too_large(error):
                    raise
                if len(batch) > 1:
                    self._portion.halve(len(batch))
                    continue
                found.left_out[batch[0]] = TOO_LARGE
                _remember(self._too_large, {batch[0]: TOO_LARGE})
            else:
                yield answer
                self._portion.grow(answer, self._client)
            del rest[: len(batch)]

    def _read_whole(self, email: EmailObject) -> Message:
        message = read_message(email)
        if _headers_characters(email) > LARGE_HEADERS_CHARACTERS:
            _remember(self._large, {message.id: message})
        return message

    def _read_changed(self, email: EmailObject) -> Message:
        now = read_message(email)
        if now.id not in self._large:
            raise ProtocolError("the message was not asked for")
        return evolve(
            self._large[now.id],
            mailbox_ids=now.mailbox_ids,
            is_read=now.is_read,
            is_just_archived=now.is_just_archived,
            is_warned=now.is_warned,
            is_settled=now.is_settled,
        )


def read_message(email: EmailObject) -> Message:
    """Make a message of what the server has of it."""
    keywords = email.keywords or {}
    return Message(
        id=MessageId(email.id),
        mailbox_ids=frozenset(MailboxId(x) for x, holds in email.mailbox_ids.items() if holds),
        is_read=keywords.get("$seen", False),
        sender=read_sender(header_entries(email.from_)),
        received_at=email.received_at,
        is_just_archived=keywords.get(ARCHIVED_KEYWORD, False),
        thread_id=ThreadId(email.thread_id),
        is_warned=keywords.get(WARNED_KEYWORD, False),
        is_settled=keywords.get(SETTLED_KEYWORD, False),
        lists=read_lists(email.list_ids, email.list_post or ()) if email.list_ids else (),
    )


def _headers_characters(email: EmailObject) -> int:
    senders = sum(len(x.name or "") + len(x.email or "") for x in email.from_ or ())
    return senders + sum(map(len, (*(email.list_ids or ()), *(email.list_post or ()))))


def header_entries(entries: Iterable[EmailAddress] | None) -> Iterator[HeaderEntry]:
    """Return the entries of an address header as triage reads them; none where it is missing."""
    return ((entry.name or "", _address(entry.email or "")) for entry in entries or ())


def _address(text: str) -> str:
    # A part of it would be another address; blanks make it none.
    return text if len(text) <= MAX_ADDRESS_CHARACTERS else "(an address that is too long)"


def _remember(memory: dict[K, V], more: dict[K, V]) -> None:
    """Add to what is remembered, and forget the oldest beyond `MAX_REMEMBERED`."""
    memory |= more
    for key in list(memory)[: max(0, len(memory) - MAX_REMEMBERED)]:
        del memory[key]
