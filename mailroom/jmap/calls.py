"""Method calls and the answers to them (RFC 8620 sections 3.2, 3.4 and 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from attrs import field, frozen

from mailroom.errors import MethodError, ProtocolError, ServerError, TooLargeError
from mailroom.jmap.structuring import MAX_WORDS_CHARACTERS, structure
from mailroom.jmap.wire import Json

_TOO_LARGE = frozenset({"requestTooLarge", "tooLarge", "limit"})

T = TypeVar("T")


@frozen
class Call:
    """One method call. A value made by `result_of` refers to an earlier call of the same request."""

    method: str
    arguments: Json


def result_of(index: int, method: str, path: str) -> Json:
    """Refer to part of the answer to the call at `index` (RFC 8620 section 3.7)."""
    return {"resultOf": str(index), "name": method, "path": path}


@frozen
class Answer:
    """The answer to one method call.

    Attributes:
        response_bytes: The size of the whole response that it came in.
    """

    call: Call
    name: str
    arguments: Json = field(repr=False)
    response_bytes: int

    def as_record(self, record: type[T]) -> T:
        """Return the answer as a record.

        Raises:
            MethodError: The method failed.
            ProtocolError: The answer does not have the record's form.
        """
        if self.name == "error":
            kind = str(self.arguments.get("type", "unknown"))
            detail = self.arguments.get("description") or self.arguments.get("arguments") or ""
            said = str(detail)[:MAX_WORDS_CHARACTERS]
            raise MethodError(f"{self.call.method}: {kind} {said}".strip(), kind)
        if self.name != self.call.method:
            raise ProtocolError(f"{self.call.method} was answered by {self.name}")
        return structure(self.arguments, record, self.call.method)


class Companion(Protocol):
    """What is asked for together with each look at the mailboxes, so that it takes no request of its own."""

    def calls_beside(self, first: int, most: int) -> list[Call]:
        """Return the calls to add to a request, perhaps none.

        Args:
            first: Where in the request they begin.
            most: How many calls it may have besides.
        """
        ...

    def hear(self, answers: Sequence[Answer]) -> None:
        """Hear what was answered to these calls."""
        ...


def is_too_large(error: ServerError) -> bool:
    """Whether asking for less at once may help: our own limit was passed, or the server says so."""
    return isinstance(error, TooLargeError) or (isinstance(error, MethodError) and error.type in _TOO_LARGE)
