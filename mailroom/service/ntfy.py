"""Notices in ntfy's plain form, a title in a header and a text as the body; and what it has kept of them.

Whatever else takes a POST can receive it too; then nobody knows what an earlier process has told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Protocol

from mailroom.errors import MailroomError


class Place(Protocol):
    """Where notices go."""

    def post(self, headers: Mapping[str, str], body: bytes) -> None:
        """Send a POST; raises MailroomError where it was not taken."""
        ...

    def get(self, below: str, query: str) -> bytes:
        """Return what lies below the place; raises MailroomError where there is nothing to be had."""
        ...


class Ntfy:
    """A topic of ntfy.

    Args:
        place: Where it is.
        lately: What counts as lately, as ntfy says it; not the whole hour, which it counts to the second.
    """

    def __init__(self, place: Place, lately: str = "59m") -> None:
        self._place = place
        self._lately = lately

    def tell(self, title: str, text: str) -> None:
        """Tell it.

        Args:
            title: In ASCII, as a header has it.

        Raises:
            MailroomError: Nobody has taken it.
        """
        headers = {"Title": title, "Content-Type": "text/plain; charset=utf-8"}
        self._place.post(headers, text.encode())

    def has_told(self, text: str) -> bool:
        """Whether the same was told lately, by a process before this one; no where that cannot be seen."""
        try:
            answer = self._place.get("/json", f"poll=1&since={self._lately}")
        except MailroomError:
            return False
        return any(isinstance(each, dict) and each.get("message") == text for each in _read(answer))


def _read(answer: bytes) -> Iterator[object]:
    """Yield what an answer has in each line that is JSON."""
    for line in answer.splitlines():
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue
