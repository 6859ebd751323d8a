"""What comes back: whole answers, read within bounds, and streams, read as they arrive."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import urllib3
from attrs import frozen

from mailroom.errors import TooLargeError, TransportError
from mailroom.redaction import presentable

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
RESPONSE_DEADLINE_SECONDS = 120.0
READ_CHUNK_BYTES = 256 * 1024
STREAM_CHUNK_BYTES = 16 * 1024

_SHOWN_BODY_CHARACTERS = 200
_EXAMINED_BODY_BYTES = 4_096


@frozen
class Response:
    """A whole HTTP answer.

    Attributes:
        url: Where it came from in the end, after redirects.
        headers: Header fields by lower-case name.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return _media_type(self.headers)

    def excerpt(self) -> str:
        """Return the beginning of the body as one printable line without secrets, for an error message."""
        # Cut last: of a secret that is cut in the middle, nothing would be recognised.
        text = presentable(self.body[:_EXAMINED_BODY_BYTES].decode("utf-8", "replace"))
        return " ".join(text.split())[:_SHOWN_BODY_CHARACTERS]


class Stream:
    """The answer to a GET, read as it arrives: for a body that does not end.

    Attributes:
        url: Where it came from in the end, after redirects.
        headers: Header fields by lower-case name.
    """

    def __init__(self, url: str, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer
        self.url = url
        self.status = answer.status
        self.headers = _lower_case(answer.headers)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return _media_type(self.headers)

    def chunks(self) -> Iterator[bytes]:
        """Yield what arrives as soon as it arrives, until the server ends it.

        Raises:
            TransportError: The connection broke, or was silent for longer than the read time-out.
        """
        try:
            while chunk := self._answer.read1(STREAM_CHUNK_BYTES, decode_content=False):
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # ValueError: read after `interrupt` or `close` in another thread.
            raise TransportError(f"GET {self.url}: {reason(error)}") from error

    def interrupt(self) -> None:
        """Make `chunks` end, from another thread."""
        with suppress(OSError, ValueError, RuntimeError):  # it has ended by itself
            self._answer.shutdown()

    def close(self) -> None:
        """Give the connection up."""
        self._answer.close()


def read_response(
    answer: urllib3.BaseHTTPResponse, method: str, url: str, max_bytes: int = MAX_RESPONSE_BYTES
) -> Response:
    """Read a whole answer: no more than `max_bytes`, no longer than `RESPONSE_DEADLINE_SECONDS`.

    Raises:
        TooLargeError: It is larger, as it is sent or once its content coding is undone.
        TransportError: It broke off, or is too slow or in an unknown content coding.
    """
    deadline = time.monotonic() + RESPONSE_DEADLINE_SECONDS
    try:
        content = _read_bounded(answer, max_bytes, deadline)
    except BaseException as error:
        answer.close()
        if isinstance(error, _TooLargeBodyError):
            raise TooLargeError(f"{method} {url}: {error}") from error
        if isinstance(error, urllib3.exceptions.HTTPError | OSError | zlib.error | _RefusedError):
            raise TransportError(f"{method} {url}: {reason(error)}") from error
        raise
    answer.release_conn()
    return Response(answer.status, url, _lower_case(answer.headers), content)


def reason(error: Exception) -> str:
    """Say what went wrong without urllib3's object addresses."""
    cause = error.args[-1] if len(error.args) > 1 and isinstance(error.args[-1], Exception) else error
    return str(cause).rpartition(">: ")[2] or type(cause).__name__


def retry_after_seconds(value: str | None) -> float | None:
    """Read a Retry-After header, seconds or a date (RFC 9110 section 10.2.3); None where there is none."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


class _RefusedError(Exception):
    """The answer's body is not worth reading on."""


class _TooLargeBodyError(_RefusedError):
    """The answer's body is larger than we take."""


def _read_bounded(answer: urllib3.BaseHTTPResponse, max_bytes: int, deadline: float) -> bytes:
    """Read the whole body, but no more than `max_bytes` of it and no longer than to `deadline`."""
    too_large = _TooLargeBodyError(f"the answer is larger than {max_bytes} bytes")
    if (answer.length_remaining or 0) > max_bytes:
        raise too_large
    body = bytearray()  # not a list of pieces: a server may send them a byte at a time
    for chunk in _decoded(_raw_chunks(answer, deadline), answer.headers.get("content-encoding", "")):
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def _raw_chunks(answer: urllib3.BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
    # read1 returns what there is, so that a body that drips is noticed at the deadline.
    while chunk := answer.read1(READ_CHUNK_BYTES, decode_content=False):
        yield chunk
        if time.monotonic() > deadline:
            raise _RefusedError(f"no whole answer in {RESPONSE_DEADLINE_SECONDS:.0f} s")


def _decoded(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Undo the content coding piece by piece: a few bytes can stand for gigabytes."""
    if coding.strip().lower() in ("", "identity"):
        yield from chunks
        return
    if coding.strip().lower() not in ("gzip", "x-gzip"):
        raise _RefusedError(f"the answer has a content coding that was not asked for: {coding}")
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    for chunk in chunks:
        rest = chunk
        while rest:
            yield decompressor.decompress(rest, READ_CHUNK_BYTES)
            rest = decompressor.unconsumed_tail
    if not decompressor.eof:
        raise _RefusedError("the answer's gzip data is cut short")


def _lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
