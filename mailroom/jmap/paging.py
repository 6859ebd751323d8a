"""In which order queries find messages, and how one that is read page after page leads to an end.

RFC 8620 section 5.5, RFC 8621 section 4.4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import define, field

from mailroom.errors import ProtocolError

NEWEST_FIRST: Final = [{"property": "receivedAt", "isAscending": False}]
OLDEST_FIRST: Final = [{"property": "receivedAt", "isAscending": True}]

MAX_RESULTS = 10_000_000
"""More than anybody has: where a server goes on and on, reading ends."""

MAX_SAME_PAGES = 3
"""Where something new comes before the page, it is the same once more although the server counts well."""


@define
class Paging:
    """How far a query has been read.

    Attributes:
        method: The query's method.
        position: How many of its results have been read, or passed over.
    """

    method: str
    position: int = 0
    _first: str = field(default="", init=False)
    _same_pages: int = field(default=0, init=False)

    def take(self, page: Sequence[str]) -> None:
        """Note the ids of the next page.

        Raises:
            ProtocolError: It begins as the pages before it, as from a server that takes no notice of the
                position, or there are more results than anybody has.
        """
        first = page[0] if page else ""
        self._same_pages = self._same_pages + 1 if first and first == self._first else 0
        if self._same_pages == MAX_SAME_PAGES:
            raise ProtocolError(f"{self.method} answers with the same page again and again")
        self._first = first
        self.position += len(page)
        if self.position > MAX_RESULTS:
            raise ProtocolError(f"{self.method} finds more than {MAX_RESULTS} results")
