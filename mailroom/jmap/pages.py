"""What a query finds, asked for in portions that fit into an answer (RFC 8620 sections 5.1 and 5.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import define, frozen

from mailroom.errors import ServerError
from mailroom.jmap.calls import Answer, Call, is_too_large, result_of
from mailroom.jmap.client import JmapClient
from mailroom.jmap.paging import Paging
from mailroom.jmap.wire import EmailGet, Json, Query

MAX_LEFT_OUT_IN_A_ROW = 20


@define
class Portion:
    """How many things are asked for at once.

    Attributes:
        most: How many at the most.
        size: How many now: which of them is too large, nobody says, so there are fewer until it is found.
    """

    most: int
    size: int

    def halve(self, asked: int) -> None:
        """Note that the answer to so many was too large; there were at least two."""
        self.size = asked // 2

    def grow(self, answer: Answer, client: JmapClient) -> None:
        """Note an answer that came: what is large is rare, so that there are more again behind it."""
        if answer.response_bytes < client.max_answer_bytes // 4:
            self.size = min(self.most, 2 * self.size)


@frozen
class EmailsPage:
    """What a page of a query holds.

    Attributes:
        asked: How many results were asked for.
        position: How many of the results have been read, or passed over, with this page.
        query: None for one message that is passed over, because even alone it is too large to be read.
    """

    asked: int
    position: int
    query: Query | None = None
    emails: Sequence[Json] = ()


def email_calls(query: Json, get: Json, first: int = 0) -> list[Call]:
    """Return the calls that find messages and read what they find.

    Args:
        get: The arguments of Email/get, but for the ids.
        first: Where in their request they begin.
    """
    ids = result_of(first, "Email/query", "/ids")
    return [Call("Email/query", query), Call("Email/get", {"#ids": ids, **get})]


def email_pages(
    client: JmapClient, calls: Callable[[int, int], Sequence[Call]], most: int
) -> Iterator[EmailsPage]:
    """Read a query page after page, for as long as pages are taken.

    Args:
        calls: Makes the two calls (see `email_calls`) for a page, of its position and limit.
        most: How many results a page has at the most.

    Raises:
        ServerError: The server as a whole fails, or very much in a row is too large to be read.
    """
    most = min(most, client.session.limits.max_objects_in_get)
    portion, paging, left_out_in_a_row = Portion(most, most), Paging("Email/query"), 0
    while True:
        asked = portion.size
        try:
            query_answer, answer = client.call(calls(paging.position, asked))
            query, emails = query_answer.as_record(Query), answer.as_record(EmailGet).list_
        except ServerError as error:
            if not is_too_large(error) or left_out_in_a_row == MAX_LEFT_OUT_IN_A_ROW:
                raise
            if asked > 1:
                portion.halve(asked)
            else:
                paging.position += 1
                left_out_in_a_row += 1
                yield EmailsPage(asked, paging.position)
            continue
        left_out_in_a_row = 0
        paging.take(query.ids)
        yield EmailsPage(asked, paging.position, query, emails)
        portion.grow(answer, client)
