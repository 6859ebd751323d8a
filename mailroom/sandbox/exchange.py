"""One HTTP request and its answer, as the protocols of the sandbox see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


def json_reply(status: int, value: Any, media_type: str = "application/json") -> Reply:
    """Return an answer in JSON."""
    return Reply(status, {"Content-Type": media_type}, json.dumps(value).encode())


def problem(status: int, type: str, detail: str, **more: str) -> Reply:
    """Return a problem report (RFC 7807)."""
    body = {"type": type, "status": status, "detail": detail, **more}
    return json_reply(status, body, "application/problem+json")
