"""Connections: so many at once and no more, each with a deadline, and each given back."""

from __future__ import annotations

import io
import math
import socket
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from ssl import SSLContext
from typing import Any, TypeAlias

from attrs import field, frozen
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Url

from mailroom.errors import TransportError
from mailroom.http.bounds import Bounds
from mailroom.http.urls import port_of

SEND_CHUNK_BYTES = 64 * 1024

Origin: TypeAlias = tuple[str | None, str | None, int | None]


@frozen
class Request:
    """A request to be sent, once or again."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


class Patience:
    """How long one attempt is waited for: its parts, and the whole of it.

    A time-out for each read alone would let a server that sends a byte now and then go on for ever.

    Args:
        silence_seconds: How long the server may say nothing, where that is not as in `bounds`.

    Attributes:
        connect_seconds: How long a connection may take to come about.
        silence_seconds: How long the server may say nothing.
    """

    def __init__(self, bounds: Bounds, silence_seconds: float | None = None) -> None:
        self.connect_seconds = bounds.connect_seconds
        self.silence_seconds = silence_seconds or bounds.silence_seconds
        self._whole_seconds = bounds.exchange_seconds
        self._ends_at = time.monotonic() + self._whole_seconds

    @property
    def left_seconds(self) -> float:
        """How much longer the whole may take; not above 0 when it has taken too long."""
        return self._ends_at - time.monotonic()

    def lift(self) -> None:
        """Let the whole take as long as it likes from now on."""
        self._ends_at = math.inf

    def for_connection(self) -> float:
        """Return how many seconds a connection may take; raise TimeoutError if none are left."""
        return self._rest(self.connect_seconds)

    def for_silence(self) -> float:
        """Return how many seconds the server may say nothing; raise TimeoutError if none are left."""
        return self._rest(self.silence_seconds)

    def explain(self) -> str:
        """Say that it is over."""
        return f"no complete answer within {self._whole_seconds:g} s"

    def _rest(self, seconds: float) -> float:
        left_seconds = self.left_seconds
        if left_seconds <= 0:
            raise TimeoutError(self.explain())
        return min(seconds, left_seconds)


class Connections:
    """The connections of one client."""

    def __init__(self, bounds: Bounds, tls: SSLContext | None) -> None:
        self._most = bounds.connections
        self._tls = tls
        self._places = threading.BoundedSemaphore(bounds.connections)
        self._lock = threading.Lock()
        self._idle: list[tuple[Origin, HTTPConnection]] = []
        weakref.finalize(self, _close_all, self._idle)

    def take(self, url: Url, patience: Patience) -> HTTPConnection:
        """Return a connection to where a URL leads, as soon as there is one; it must be given back.

        Raises:
            TransportError: All are in use until the patience is over.
        """
        if not self._places.acquire(timeout=max(0.0, patience.left_seconds)):
            raise TransportError(f"{url}: all {self._most} connections are in use")
        try:
            return self._take_idle(_origin(url)) or self._connection(url)
        except BaseException:
            self._places.release()
            raise

    def give_back(self, url: Url, connection: HTTPConnection, *, is_done: bool) -> None:
        """Take a connection back.

        Args:
            is_done: Whether its answer was read to the end, so that it can carry the next one.
        """
        closing: HTTPConnection | None = connection
        try:
            if is_done and connection.sock is not None:
                with self._lock:
                    self._idle.append((_origin(url), connection))
                    closing = self._idle.pop(0)[1] if len(self._idle) > self._most else None
            if closing is not None:
                closing.close()
        finally:
            self._places.release()

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            _close_all(self._idle)

    def _take_idle(self, origin: Origin) -> HTTPConnection | None:
        while True:
            with self._lock:
                # The one used last: servers close connections that were idle for long.
                found = next((each for each in reversed(self._idle) if each[0] == origin), None)
                if found is None:
                    return None
                self._idle.remove(found)
            if found[1].is_connected:
                return found[1]
            found[1].close()  # the server has hung up meanwhile

    def _connection(self, url: Url) -> HTTPConnection:
        host = (url.host or "").strip("[]")
        if url.scheme == "https":
            return HTTPSConnection(host, port_of(url), ssl_context=self._tls)
        return HTTPConnection(host, port_of(url))


def exchange(
    connection: HTTPConnection, request: Request, target: str, patience: Patience
) -> tuple[BaseHTTPResponse, socket.socket]:
    """Send a request; return its answer, of which the head has arrived, and the socket that it comes from.

    Raises:
        TimeoutError: The patience is over.
        Exception: Whatever urllib3, http.client and sockets raise.
    """
    connection.timeout = patience.for_connection()
    answer_class: Any = partial(_TimedAnswer, patience=patience)
    connection.response_class = answer_class
    body, headers = request.body, dict(request.headers)
    pieces: Any = None
    if body is not None:
        headers["Content-Length"] = str(len(body))
        pieces = _sent_in_time(connection, body, patience)
    # A server may answer before it has taken the whole body, and hang up.
    with suppress(BrokenPipeError):
        connection.request(request.method, target, pieces, headers, preload_content=False)
    connection.timeout = patience.for_silence()
    sock = connection.sock
    if sock is None:
        raise TransportError(f"{request}: the connection is closed")
    return connection.getresponse(), sock


def _sent_in_time(connection: HTTPConnection, body: bytes, patience: Patience) -> Iterator[memoryview]:
    # A socket's time-out is for all of one sendall: in pieces, each has a time-out of its own.
    whole = memoryview(body)
    for start in range(0, len(whole), SEND_CHUNK_BYTES):
        if connection.sock is not None:
            connection.sock.settimeout(patience.for_silence())
        yield whole[start : start + SEND_CHUNK_BYTES]


def _close_all(idle: list[tuple[Origin, HTTPConnection]]) -> None:
    while idle:
        idle.pop()[1].close()


def _origin(url: Url) -> Origin:
    return url.scheme, url.host, port_of(url)


class _TimedAnswer(HTTPResponse):
    """An answer that is read in time, from its first byte on."""

    def __init__(self, sock: socket.socket, *arguments: Any, patience: Patience, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_TimedReader(sock, self.fp.detach(), patience))

    def begin(self) -> None:
        """Read the head of the final answer, and pass over interim ones (RFC 9110 section 15.2).

        The base class knows 100 alone: it would take another one for the answer, and every answer that
        follows on the connection for that to the next request.
        """
        super().begin()
        while HTTPStatus.CONTINUE <= self.status < HTTPStatus.OK:
            if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise HTTPException("the server switches to a protocol that was not asked for")
            headers: Any = None  # nothing is read otherwise
            self.headers = self.msg = headers
            super().begin()


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase, patience: Patience) -> None:
        self._socket = sock
        self._raw = raw
        self._patience = patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._patience.for_silence())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
