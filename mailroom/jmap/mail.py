"""JMAP Mail (RFC 8621) as triage's mail store."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from attrs import define, evolve, field

from mailroom.errors import MethodError, ProtocolError, ServerError, StatusError
from mailroom.jmap.client import SUBMISSION, Call, JmapClient, result_of
from mailroom.jmap.mailboxes import MAILBOX_PROPERTIES, create_mailboxes, read_mailboxes
from mailroom.jmap.wire import (
    EmailAddress,
    EmailGet,
    EmailObject,
    EmailQuery,
    EmailSet,
    IdentityGet,
    Json,
    SetError,
)
from mailroom.triage.correspondent import Entry, read_sender
from mailroom.triage.model import (
    Change,
    MailboxId,
    MailLimits,
    Message,
    MessageId,
    Snapshot,
)
from mailroom.triage.ports import Reading, Update

MAX_READ_ATTEMPTS = 3
MAX_STALE_ATTEMPTS = 5
PAGE_MESSAGES = 2_000
PAGES_PER_REQUEST = 4
MAX_MESSAGES = 10_000_000
"""More than anybody has: where a server goes on and on, reading ends."""

REQUEST_OVERHEAD_BYTES = 4_096

_EMAIL_PROPERTIES = ("id", "mailboxIds", "keywords", "from", "receivedAt")
_TOO_LARGE = frozenset({"requestTooLarge", "tooLarge", "limit"})

T = TypeVar("T")


class JmapMailStore:
    """The mail of a JMAP account; fills the port `mailroom.triage.ports.MailStore`."""

    def __init__(self, client: JmapClient) -> None:
        self._client = client
        self._totals: dict[MailboxId, int] = {}

    def own_addresses(self) -> tuple[str, ...]:
        """Return the addresses the person sends from, as far as the token may know them.

        Raises:
            ServerError: The server could not be asked.
        """
        if SUBMISSION not in self._client.session.capabilities:
            return ()
        try:
            (answer,) = self._client.call([Call("Identity/get", {"ids": None})])
            return tuple(identity.email for identity in answer.as_record(IdentityGet).list_)
        except (MethodError, StatusError):
            return ()  # listed, but not for this token

    def read(
        self, mailbox_ids: Collection[MailboxId], keep: Callable[[Message], bool] = lambda _: True
    ) -> Reading:
        """Read the mailbox list and messages; see `MailStore.read`."""
        for _ in range(MAX_READ_ATTEMPTS):
            if reading := self._read(frozenset(mailbox_ids), keep):
                return reading
        raise ServerError("the mailboxes change faster than they can be read")

    def update(self, snapshot: Snapshot, change: Callable[[Message], Change]) -> Update:
        """Change messages, each by one patch; see `MailStore.update`."""
        work = _Updating(snapshot.state, dict(snapshot.messages), change)
        most = self._client.session.limits.max_objects_in_set
        stale_attempts = 0
        while batch := work.next_batch(most, self._client.session.limits.max_size_request):
            arguments = {"ifInState": work.state, "update": batch}
            try:
                (answer,) = self._client.call([Call("Email/set", arguments)])
                work.take(batch, answer.as_record(EmailSet))
            except MethodError as error:
                if error.type == "stateMismatch":
                    stale_attempts += 1
                    if stale_attempts > MAX_STALE_ATTEMPTS:
                        work.give_up("the mail changes faster than it can be filed")
                    else:
                        self._read_again(work)
                elif error.type in _TOO_LARGE and len(batch) > 1:
                    most = len(batch) // 2
                else:
                    raise
        return Update(Snapshot(work.state, work.messages), frozenset(work.changed), work.failed)

    def create_mailboxes(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Make mailboxes; see `MailStore.create_mailboxes`."""
        return create_mailboxes(self._client, paths)

    def _read(self, wanted: frozenset[MailboxId], keep: Callable[[Message], bool]) -> Reading | None:
        """Read page after page; None where the result changed on the way."""
        limits = self._client.session.limits
        page_messages = min(PAGE_MESSAGES, limits.max_objects_in_get)
        most_pages = min(PAGES_PER_REQUEST, max(1, (limits.max_calls_in_request - 1) // 2))
        expected = sum(self._totals.get(mailbox_id, 0) for mailbox_id in wanted)
        position, pages = 0, min(most_pages, expected // page_messages + 1)
        messages: dict[MessageId, Message] = {}
        state: str | None = None
        query_state: str | None = None
        while position < MAX_MESSAGES:
            began = position
            calls = [Call("Mailbox/get", {"ids": None, "properties": MAILBOX_PROPERTIES})]
            if wanted:
                for page in range(pages):
                    calls += _page(wanted, position + page * page_messages, page_messages, len(calls))
            mailbox_answer, *answers = self._client.call(calls)
            mailboxes = read_mailboxes(mailbox_answer)
            self._totals = {mailbox.id: mailbox.total_messages for mailbox in mailboxes}
            if not wanted or not wanted <= self._totals.keys():
                return Reading(mailboxes, Snapshot("", {}), self._limits())
            for query_answer, get_answer in zip(answers[::2], answers[1::2], strict=True):
                query = query_answer.as_record(EmailQuery)
                page_of_emails = get_answer.as_record(EmailGet)
                state = state or page_of_emails.state
                query_state = query_state or query.query_state
                if query.query_state != query_state:
                    return None
                messages |= {m.id: m for m in map(_message, page_of_emails.list_) if keep(m)}
                position += len(query.ids)
                if len(query.ids) < page_messages:
                    if query.limit is None or len(query.ids) < query.limit or not query.ids:
                        return Reading(mailboxes, Snapshot(state, messages), self._limits())
                    page_messages = query.limit  # the server gives less at once than it was asked for
                    break
            if position == began:
                raise ProtocolError("Email/query answers with pages that lead nowhere")
            pages = most_pages
        raise ProtocolError(f"Email/query finds more than {MAX_MESSAGES} messages")

    def _limits(self) -> MailLimits:
        session = self._client.session
        return MailLimits(session.is_read_only, session.max_mailboxes_per_email)

    def _read_again(self, work: _Updating) -> None:
        """Read those messages again that are not done yet."""
        fresh: dict[MessageId, Message] = {}
        states: list[str] = []
        pending = list(work.pending)
        for ids in _chunks(pending, self._client.session.limits.max_objects_in_get):
            (answer,) = self._client.call([Call("Email/get", {"ids": ids, "properties": _EMAIL_PROPERTIES})])
            emails = answer.as_record(EmailGet)
            states.append(emails.state)
            fresh |= {message.id: message for message in map(_message, emails.list_)}
        work.renew(states[0], fresh)


@define
class _Updating:
    """An update under way.

    Attributes:
        pending: Messages not looked at yet, or to be looked at again.
        attempted: Where messages are if their patch was applied although no answer said so.
    """

    state: str
    messages: dict[MessageId, Message]
    change: Callable[[Message], Change]
    pending: dict[MessageId, None] = field(init=False)
    attempted: dict[MessageId, frozenset[MailboxId]] = field(init=False, factory=dict)
    changed: set[MessageId] = field(init=False, factory=set)
    failed: dict[MessageId, str] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.pending = dict.fromkeys(self.messages)

    def next_batch(self, most: int, max_size_bytes: int) -> dict[MessageId, Json]:
        """Return the next patches by message, as many as one request may carry."""
        batch: dict[MessageId, Json] = {}
        size_bytes = REQUEST_OVERHEAD_BYTES
        for message_id in list(self.pending):
            message = self.messages[message_id]
            patch = self._patch(message)
            if patch is None:
                self.pending.pop(message_id)
                continue
            size_bytes += len(json.dumps({message_id: patch}))
            if batch and (len(batch) >= most or size_bytes > max_size_bytes):
                break
            batch[message_id] = patch
            self.attempted[message_id] = self._target(message)
        return batch

    def take(self, batch: Iterable[MessageId], answer: EmailSet) -> None:
        """Note what the server did of a batch."""
        refused = answer.not_updated or {}
        for message_id in batch:
            self.pending.pop(message_id)
            if error := refused.get(message_id):
                self._note_refusal(message_id, error)
            else:
                message = self.messages[message_id]
                self.messages[message_id] = evolve(message, mailbox_ids=self._target(message))
                self.changed.add(message_id)
        self.state = answer.new_state

    def renew(self, state: str, fresh: dict[MessageId, Message]) -> None:
        """Go on from messages read again; those that are gone are left out."""
        for message_id in list(self.pending):
            if message_id in fresh:
                self.messages[message_id] = fresh[message_id]
            else:
                self.pending.pop(message_id)
                del self.messages[message_id]
        self.state = state

    def give_up(self, reason: str) -> None:
        """Count everything that is not done as failed."""
        self.failed |= dict.fromkeys(self.pending, reason)
        self.pending.clear()

    def _target(self, message: Message) -> frozenset[MailboxId]:
        change = self.change(message)
        return (message.mailbox_ids - change.remove) | change.add

    def _patch(self, message: Message) -> Json | None:
        """Return a message's patch (RFC 8620 section 5.3); None where there is nothing to do."""
        here, target = message.mailbox_ids, self._target(message)
        if here == target:
            if self.attempted.get(message.id) == here:
                self.changed.add(message.id)  # by a request whose answer was lost
            return None
        if not target:
            # Never left to the server: one that keeps deleted mail for a while may destroy it here.
            self.failed[message.id] = "the message would be left in no mailbox"
            return None
        added, removed = sorted(target - here), sorted(here - target)
        return {_pointer(x): True for x in added} | {_pointer(x): None for x in removed}

    def _note_refusal(self, message_id: MessageId, error: SetError) -> None:
        if error.type == "notFound":
            del self.messages[message_id]
        else:
            self.failed[message_id] = (
                f"the server refused to move a message: {error.description or error.type}"
            )


def _page(mailbox_ids: Iterable[MailboxId], position: int, limit: int, index: int) -> list[Call]:
    """Return the calls that read one page: `index` is the first one's place in the request."""
    conditions = [{"inMailbox": mailbox_id} for mailbox_id in sorted(mailbox_ids)]
    query: Json = {
        "filter": {"operator": "OR", "conditions": conditions},
        "sort": [{"property": "receivedAt", "isAscending": True}],  # what arrives meanwhile comes last
        "position": position,
        "limit": limit,
    }
    get: Json = {"#ids": result_of(index, "Email/query", "/ids"), "properties": _EMAIL_PROPERTIES}
    return [Call("Email/query", query), Call("Email/get", get)]


def _message(email: EmailObject) -> Message:
    return Message(
        id=MessageId(email.id),
        mailbox_ids=frozenset(MailboxId(x) for x, holds in email.mailbox_ids.items() if holds),
        is_read=(email.keywords or {}).get("$seen", False),
        sender=read_sender(header_entries(email.from_)),
        received_at=email.received_at,
    )


def header_entries(entries: Iterable[EmailAddress] | None) -> Iterator[Entry]:
    """Return the entries of an address header as triage reads them; none where it is missing."""
    return ((entry.name or "", entry.email or "") for entry in entries or ())


def _pointer(mailbox_id: MailboxId) -> str:
    """Return the patch path of a mailbox id (RFC 6901)."""
    return f"mailboxIds/{mailbox_id.replace('~', '~0').replace('/', '~1')}"


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
