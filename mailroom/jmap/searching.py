"""Searches for the messages of mailboxes, page after page (RFC 8621 section 4.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import Factory, define, frozen

from mailroom.jmap.calls import Answer, Call
from mailroom.jmap.paging import OLDEST_FIRST, Paging
from mailroom.jmap.wire import EmailGet, Json, Query
from mailroom.model.mail import MailboxId

MESSAGES_PER_REQUEST = 8_000


@define
class Search:
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
class Page:
    """One page of a search."""

    search: Search
    position: int

    def calls(self, get: Json) -> list[Call]:
        """Return the calls that read the page, given what to get of its messages."""
        query: Json = {
            "filter": self.search.condition,
            "sort": OLDEST_FIRST,  # what arrives meanwhile comes last
            "position": self.position,
            "limit": self.search.page_messages,
        }
        return [Call("Email/query", query), Call("Email/get", get)]


def searches_in(wanted: frozenset[MailboxId], page_messages: int, *, one_by_one: bool) -> list[Search]:
    """Return what finds the messages of some mailboxes: one search, or one for each of them."""
    in_each = [(x, {"inMailbox": x}) for x in sorted(wanted)]
    if one_by_one:
        return [Search((x,), condition, page_messages) for x, condition in in_each]
    condition = {"operator": "OR", "conditions": [condition for _, condition in in_each]}
    return [Search(tuple(wanted), condition, page_messages)] if wanted else []


def next_pages(searches: Sequence[Search], totals: Mapping[MailboxId, int], most_calls: int) -> list[Page]:
    """Return the pages to ask for now: as many as one request may carry and are likely to be there.

    Args:
        totals: How many messages each mailbox held lately.
        most_calls: How many calls there is room for; at least one page is returned all the same.
    """
    most = max(1, most_calls // 2)  # each page is a query, and a get of what it finds
    pages: list[Page] = []
    room = MESSAGES_PER_REQUEST
    for search in searches:
        expected = sum(totals.get(x, 0) for x in search.mailbox_ids)
        position, ends = search.paging.position, search.is_over
        while not ends and len(pages) < most and (room > 0 or not pages):
            pages.append(Page(search, position))
            room -= min(search.page_messages, max(0, expected - position))
            position += search.page_messages
            # One more page than is expected to be full: mail may have come since.
            ends = position > expected
    return pages


def taken(pages: Sequence[Page], answers: Sequence[Answer]) -> Iterator[tuple[Query, EmailGet]]:
    """Yield what the pages hold, and note it in their searches."""
    for page, query_answer, get_answer in zip(pages, answers[::2], answers[1::2], strict=True):
        query, emails = query_answer.as_record(Query), get_answer.as_record(EmailGet)
        # A page behind one that was shorter than asked for is read again from where that one ended.
        if page.position == page.search.paging.position and not page.search.is_over:
            page.search.take(query)
            yield query, emails
