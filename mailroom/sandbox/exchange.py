"""One HTTP request and its answer, as the protocols of the sandbox see them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen


@frozen
class Request:
    """A whole request.

    Attributes:
        path: As sent, still percent-encoded, without the query.
        headers: By lower-case name.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@frozen
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = field(default=b"", repr=False)


@frozen
class Stream:
    """An answer that goes on: the events of an event stream, each as it is written."""

    events: Iterator[str]


def json_reply(
    status: int,
    value: Any,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Reply:
    """Return an answer in JSON."""
    return Reply(status, {**(headers or {}), "Content-Type": media_type}, json.dumps(value).encode())


def problem(
    status: int, type: str, detail: str, headers: Mapping[str, str] | None = None, **more: str
) -> Reply:
    """Return a problem report (RFC 7807)."""
    body = {"type": type, "status": status, "detail": detail, **more}
    return json_reply(status, body, headers, "application/problem+json")
