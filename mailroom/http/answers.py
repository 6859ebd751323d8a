"""What comes back: whole answers, read within bounds, and streams, read as they arrive."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import urllib3
from attrs import frozen

from mailroom.errors import TooLargeError, TransportError
from mailroom.http.connections import Patience, Request
from mailroom.http.trouble import transport_error
from mailroom.output.redaction import presentable

MAX_RETRY_AFTER_SECONDS = 24 * 3600.0
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
    """An answer whose head has arrived, read as the rest of it arrives.

    As a context manager it gives its connection back, however its use ends.

    Args:
        give_back: Called once, with `is_done`: whether the answer was read to its end.

    Attributes:
        url: Where it came from in the end, after redirects.
        headers: Header fields by lower-case name.
    """

    def __init__(
        self,
        request: Request,
        answer: urllib3.BaseHTTPResponse,
        sock: socket.socket,
        patience: Patience,
        give_back: Callable[..., None],
    ) -> None:
        self._request = request
        self._answer = answer
        self._socket = sock
        self._patience = patience
        self._give_back: Callable[..., None] | None = give_back
        self._is_at_end = False
        self.url = request.url
        self.status = answer.status
        self.headers = {name.lower(): value for name, value in answer.headers.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return _media_type(self.headers)

    @property
    def announced_bytes(self) -> int:
        """How large the server says that the rest of it is; 0 if it does not say."""
        return self._answer.length_remaining or 0

    def chunks(self, most_bytes: int = STREAM_CHUNK_BYTES) -> Iterator[bytes]:
        """Yield what arrives as soon as it arrives, until the server ends it.

        Raises:
            TransportError: The connection broke, or the server's time was over.
        """
        try:
            while chunk := self._answer.read1(most_bytes, decode_content=False):
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # ValueError: read after `interrupt` or `close` in another thread.
            raise transport_error(error, self._request, self.url, self._patience) from error
        self._is_at_end = True

    def read_whole(self, max_bytes: int) -> Response:
        """Read all of it.

        Raises:
            TooLargeError: It is larger, as it is sent or once its content coding is undone.
            TransportError: It broke off, or is too slow or in an unknown content coding.
        """
        try:
            content = _read_bounded(self, max_bytes)
        except (zlib.error, _RefusedError) as error:
            raise TransportError(f"{self._request}: {error}") from error
        except _TooLargeBodyError as error:
            raise TooLargeError(f"{self._request}: {error}") from error
        return Response(self.status, self.url, self.headers, content)

    def interrupt(self) -> None:
        """Make `chunks` end, from another thread."""
        # Not the method of a TLS socket, which would take the encryption away under the reader's feet.
        with suppress(OSError):  # it has ended by itself
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back."""
        give_back, self._give_back = self._give_back, None
        if give_back is None:
            return
        try:
            self._answer.close()
        finally:
            give_back(is_done=self._is_at_end)


def retry_after_seconds(value: str | None) -> float | None:
    """Read a Retry-After header, seconds or a date (RFC 9110 section 10.2.3); None where there is none.

    No wait is longer than `MAX_RETRY_AFTER_SECONDS`, whatever a server says.
    """
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        asked_seconds = (moment - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None  # a year or an offset that no date can have, or no date at all
    return min(max(0.0, asked_seconds), MAX_RETRY_AFTER_SECONDS)


class _RefusedError(Exception):
    """The answer's body is not worth reading on."""


class _TooLargeBodyError(Exception):
    """The answer's body is larger than we take."""


def _read_bounded(stream: Stream, max_bytes: int) -> bytes:
    too_large = _TooLargeBodyError(f"the answer is larger than {max_bytes} bytes")
    if stream.announced_bytes > max_bytes:
        raise too_large
    body = bytearray()  # not a list of pieces: a server may send them a byte at a time
    coding = stream.headers.get("content-encoding", "").strip().lower()
    for chunk in _decoded(stream.chunks(READ_CHUNK_BYTES), coding):
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def _decoded(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Undo the content coding piece by piece: a few bytes can stand for gigabytes."""
    if coding in ("", "identity"):
        yield from chunks
        return
    if coding not in ("gzip", "x-gzip"):
        raise _RefusedError(f"the answer has a content coding that was not asked for: {coding}")
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    is_empty = True  # then proxies often say gzip, and have packed nothing
    for chunk in chunks:
        rest, is_empty = chunk, False
        while rest:
            yield decompressor.decompress(rest, READ_CHUNK_BYTES)
            rest = decompressor.unconsumed_tail
    if not is_empty and not decompressor.eof:
        raise _RefusedError("the answer's gzip data is cut short")


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
