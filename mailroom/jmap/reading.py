"""Reads the mailbox list and the messages of some mailboxes, as of one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import Factory, define, frozen

from mailroom.errors import MethodError, ServerError
from mailroom.jmap.client import MAX_READ_ATTEMPTS, Answer, Call, JmapClient, is_too_large, result_of
from mailroom.jmap.mailboxes import GET_MAILBOXES, MailboxList, read_mailboxes
from mailroom.jmap.messages import (
    EMAIL_PROPERTIES,
    LARGE_MESSAGE_BYTES,
    FoundMessages,
    Messages,
    read_message,
)
from mailroom.jmap.paging import Paging
from mailroom.jmap.wire import EmailGet, Json, Query
from mailroom.model.mail import Mailbox, MailboxId, Message, MessageId, Snapshot
from mailroom.model.ports import Reading

PAGE_MESSAGES = 2_000
MESSAGES_PER_REQUEST = 8_000
BUDGET_BYTES = 1024 * 1024
"""What is transferred again at every look without a second thought, besides usual messages."""

_ONLY_STATE: Json = {"ids": [], "properties": ["id"]}

Keep = Callable[[Message], bool]


class MailReader:
    """Reads an account's mail, and learns on the way what its server can do.

    Usually one request reads everything. Where its answer is large, the ids are read first from then on:
    what is large comes in parts, and only once. A server may refuse to search several mailboxes at a
    time (``unsupportedFilter``, RFC 8620 section 5.5): then each is searched by itself.
    """

    def __init__(self, client: JmapClient, mailboxes: MailboxList, messages: Messages) -> None:
        self._client = client
        self._mailboxes = mailboxes
        self._messages = messages
        self._totals: dict[MailboxId, int] = {}
        self._searches_one_by_one = False
        self._reads_ids_first = False

    def read(self, wanted: frozenset[MailboxId], keep: Keep) -> Reading:
        """Read the mailbox list and messages; see `MailStore.read`."""
        changes = 0
        while changes < MAX_READ_ATTEMPTS:
            read = self._read_ids_first if self._reads_ids_first else self._read_at_once
            try:
                reading = read(wanted, keep)
            except ServerError as error:
                self._learn(error)
            else:
                if reading:
                    return reading
                changes += 1
        raise ServerError("the mailboxes change faster than they can be read")

    def _learn(self, error: ServerError) -> None:
        """Choose another way to read, if there is one that this error does not stand against."""
        if is_too_large(error) and not self._reads_ids_first:
            self._reads_ids_first = True
        elif _is_unsupported_filter(error) and not self._searches_one_by_one:
            self._searches_one_by_one = True
        else:
            raise error

    def _read_at_once(self, wanted: frozenset[MailboxId], keep: Keep) -> Reading | None:
        """Read mailboxes and messages by the same requests; None where they changed on the way."""
        searches, found = self._searches(wanted), FoundMessages()
        while True:
            pages = self._next_pages(searches, calls_before=1)
            calls = [GET_MAILBOXES]
            for page in pages:
                calls += page.calls({"#ids": _ids_of(len(calls)), "properties": EMAIL_PROPERTIES})
            first, *answers = self._client.call(calls)
            mailboxes = self._noted(read_mailboxes(first))
            if not wanted or not wanted <= self._totals.keys():
                return self._reading(mailboxes, FoundMessages())
            for _, emails in _taken(pages, answers):
                found.take(emails, read_message, keep)
                usual_bytes = BUDGET_BYTES + LARGE_MESSAGE_BYTES * len(emails.list_)
                self._reads_ids_first |= first.response_bytes > usual_bytes
            if not _is_one_moment(searches, found):
                return None
            if all(search.is_over for search in searches):
                return self._reading(mailboxes, found)

    def _read_ids_first(self, wanted: frozenset[MailboxId], keep: Keep) -> Reading | None:
        """Read mailboxes, ids and messages one after the other; None where they changed on the way."""
        mailboxes = self._noted(self._mailboxes.read().mailboxes)
        if not wanted or not wanted <= self._totals.keys():
            return self._reading(mailboxes, FoundMessages())
        searches, seen = self._searches(wanted), FoundMessages()
        ids: dict[MessageId, None] = {}
        while pages := self._next_pages(searches, calls_before=0):
            answers = self._client.call([call for page in pages for call in page.calls(_ONLY_STATE)])
            for query, emails in _taken(pages, answers):
                ids |= dict.fromkeys(map(MessageId, query.ids))
                seen.states |= {emails.state: None}
            if not _is_one_moment(searches, seen):
                return None
        # Newer than the ids perhaps, but never older than the state that the reading bears.
        found = self._messages.read(ids, lambda message: bool(message.mailbox_ids & wanted) and keep(message))
        found.states = seen.states | found.states
        return self._reading(mailboxes, found)

    def _searches(self, wanted: frozenset[MailboxId]) -> list[_Search]:
        in_each = [(x, {"inMailbox": x}) for x in sorted(wanted)]
        page_messages = PAGE_MESSAGES
        if not self._reads_ids_first:
            # What a page finds is got in the same request, where no more are allowed.
            page_messages = min(page_messages, self._client.session.limits.max_objects_in_get)
        if self._searches_one_by_one:
            return [_Search((x,), condition, page_messages) for x, condition in in_each]
        condition = {"operator": "OR", "conditions": [condition for _, condition in in_each]}
        return [_Search(tuple(wanted), condition, page_messages)] if wanted else []

    def _next_pages(self, searches: Sequence[_Search], calls_before: int) -> list[_Page]:
        """Return the pages to ask for now: as many as one request may carry and are likely to be there."""
        # Each page is a query, and a get of what it finds.
        most = max(1, (self._client.session.limits.max_calls_in_request - calls_before) // 2)
        pages: list[_Page] = []
        room = MESSAGES_PER_REQUEST
        for search in searches:
            expected = sum(self._totals.get(x, 0) for x in search.mailbox_ids)
            position, ends = search.paging.position, search.is_over
            while not ends and len(pages) < most and (room > 0 or not pages):
                pages.append(_Page(search, position))
                room -= min(search.page_messages, max(0, expected - position))
                position += search.page_messages
                # One more page than is expected to be full: mail may have come since.
                ends = position > expected
        return pages

    def _noted(self, mailboxes: tuple[Mailbox, ...]) -> tuple[Mailbox, ...]:
        self._totals = {mailbox.id: mailbox.total_messages for mailbox in mailboxes}
        return mailboxes

    def _reading(self, mailboxes: tuple[Mailbox, ...], found: FoundMessages) -> Reading:
        session = self._client.session
        return Reading(
            mailboxes,
            Snapshot(next(iter(found.states), ""), found.messages),
            session.mail_limits,
            found.left_out,
        )


@define
class _Search:
    """A query that is read page after page.

    Attributes:
        states: What the server called the states of the result.
    """

    mailbox_ids: Sequence[MailboxId]
    condition: Json
    page_messages: int
    paging: Paging = Factory(lambda: Paging("Email/query"))
    is_over: bool = False
    states: frozenset[str] = frozenset()

    def take(self, query: Query) -> None:
        """Note the next page."""
        self.states |= {query.query_state}
        self.paging.take(query.ids)
        if len(query.ids) < self.page_messages:
            self.is_over = query.limit is None or len(query.ids) < query.limit or not query.ids
            # Where it is not over, the server gives less at once than it was asked for.
            self.page_messages = max(1, query.limit or 1)


@frozen
class _Page:
    """One page of a search."""

    search: _Search
    position: int

    def calls(self, get: Json) -> list[Call]:
        """Return the calls that read the page, given what to get of its messages."""
        query: Json = {
            "filter": self.search.condition,
            "sort": [{"property": "receivedAt", "isAscending": True}],  # what arrives meanwhile comes last
            "position": self.position,
            "limit": self.search.page_messages,
        }
        return [Call("Email/query", query), Call("Email/get", get)]


def _taken(pages: Sequence[_Page], answers: Sequence[Answer]) -> Iterator[tuple[Query, EmailGet]]:
    """Yield what the pages hold, and note it in their searches."""
    for page, query_answer, get_answer in zip(pages, answers[::2], answers[1::2], strict=True):
        query, emails = query_answer.as_record(Query), get_answer.as_record(EmailGet)
        # A page behind one that was shorter than asked for is read again from where that one ended.
        if page.position == page.search.paging.position and not page.search.is_over:
            page.search.take(query)
            yield query, emails


def _is_one_moment(searches: Sequence[_Search], found: FoundMessages) -> bool:
    """Whether what was found was so at the same time.

    Some servers call the same result otherwise from page to page: then the state of all mail decides.
    """
    return len(found.states) <= 1 or (len(searches) == 1 and len(searches[0].states) == 1)


def _ids_of(index: int) -> Json:
    return result_of(index, "Email/query", "/ids")


def _is_unsupported_filter(error: ServerError) -> bool:
    return isinstance(error, MethodError) and error.type == "unsupportedFilter"
