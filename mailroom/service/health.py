"""GET /healthz, its /ready and /live, and /metrics: answered by one thread that no client can hold up.

Each connection has a short time and few bytes to state its request, and there are only so many
places: the one that has waited longest makes room for a new one.
"""

from __future__ import annotations

import math
import selectors
import socket
import threading
import time
from collections.abc import Callable

from attrs import define, frozen

from mailroom.output.programs import json_line
from mailroom.service.exposition import CONTENT_TYPE
from mailroom.service.listening import listen

MAX_CLIENTS = 64
ACCEPTS_AT_ONCE = 16
ACCEPT_PAUSE_SECONDS = 0.2
MAX_REQUEST_BYTES = 4_096
CONNECTION_SECONDS = 5.0
READY_INTERVALS = 2
LEAST_READY_SECONDS = 60.0
STEP_SECONDS = 300.0
"""A request may take 120 s, a busy server may ask for 60 more, small machines are slow."""


Said = tuple[int, dict[str, object]]
"""An HTTP status, and what to say with it."""


class Health:
    """Whether the work goes on (alive), and whether it succeeds (ready): not the same.

    A provider's outage makes the service unready and does not kill it; the service ends by itself when
    it has failed too often. A loop that is stuck is dead, however good its last cycle was.

    Args:
        interval_seconds: The time between two cycles.
        clock: Seconds that never go back.
        push: Tells whether changes are heard of at once; told as it is, and never unhealthy.
        step_seconds: The longest step of the work that does not say of itself that it goes on.
    """

    def __init__(
        self,
        interval_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        push: Callable[[], str] = lambda: "off",
        step_seconds: float = STEP_SECONDS,
    ) -> None:
        self._push = push
        self._ready_seconds = max(READY_INTERVALS * interval_seconds, LEAST_READY_SECONDS)
        self._step_seconds = step_seconds
        self._clock = clock
        self._last_good: float | None = None
        self._last_progress = self._overdue_at = 0.0
        self.note_progress()

    def note_progress(self, wait_seconds: float = 0.0) -> None:
        """Remember that the work goes on.

        Args:
            wait_seconds: For how long it rests now.
        """
        self._last_progress = self._clock()
        self._overdue_at = self._last_progress + wait_seconds + self._step_seconds

    def note_good_cycle(self) -> None:
        """Remember that a cycle has just ended well."""
        self._last_good = self._clock()

    def live(self) -> Said:
        """Say whether the work goes on."""
        now = self._clock()
        is_live = now <= self._overdue_at
        word = "ok" if is_live else "stuck"
        said = {"status": word, "last_progress_age_seconds": round(now - self._last_progress, 1)}
        return (200 if is_live else 503), said

    def ready(self) -> Said:
        """Say whether the last good cycle is recent."""
        push = self._push()
        if self._last_good is None:
            return 503, {"status": "starting", "last_poll_age_seconds": None, "push": push}
        age_seconds = self._clock() - self._last_good
        is_ready = age_seconds <= self._ready_seconds
        word = "ok" if is_ready else "unhealthy"
        said = {"status": word, "last_poll_age_seconds": round(age_seconds, 1), "push": push}
        return (200 if is_ready else 503), said


@frozen
class _Page:
    """What a client gets."""

    status: int
    content_type: str
    text: str


def _as_json(said: Said) -> _Page:
    status, answer = said
    return _Page(status, "application/json", f"{json_line(answer)}\n")


@define(eq=False)
class _Connection:
    """A client that has not been answered yet, or not wholly."""

    socket: socket.socket
    deadline: float
    received: bytes = b""
    to_send: bytes = b""


class HealthServer:
    """Serves `/healthz/live`, `/healthz/ready`, the same as that as `/healthz`, and `/metrics`, until closed.

    Args:
        host: An address or a name; `::` is every address of the machine, those of IPv4 too.
        port: The TCP port; 0 takes any free one.
        metrics: What `/metrics` answers, in Prometheus' text format.
        connection_seconds: How long a client has to ask and to take the answer.
        host_setting: What a person sets to have another host.
        port_setting: Likewise, another port.

    Raises:
        UserError: Nobody can listen there.
    """

    def __init__(
        self,
        health: Health,
        host: str,
        port: int,
        connection_seconds: float = CONNECTION_SECONDS,
        *,
        metrics: Callable[[], str] = lambda: "",
        host_setting: str = "the host",
        port_setting: str = "the port",
    ) -> None:
        self._connection_seconds = connection_seconds
        self._pages: dict[bytes, Callable[[], _Page]] = {
            b"/healthz": lambda: _as_json(health.ready()),
            b"/healthz/ready": lambda: _as_json(health.ready()),
            b"/healthz/live": lambda: _as_json(health.live()),
            b"/metrics": lambda: _Page(200, CONTENT_TYPE, metrics()),
        }
        self._listener = listen(host, port, host_setting, port_setting)
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._connections: dict[socket.socket, _Connection] = {}  # in the order of their coming
        self._accepts_again_at = math.inf
        self._thread = threading.Thread(target=self._serve, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        port: int = self._listener.getsockname()[1]
        return port

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port."""
        self._wake_writer.send(b"x")
        self._thread.join()
        for connection in list(self._connections.values()):
            self._drop(connection)
        for closing in (self._selector, self._listener, self._wake_reader, self._wake_writer):
            closing.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select(self._patience_seconds()):
                if key.fileobj is self._wake_reader:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif connection := self._connections.get(key.fileobj):  # type: ignore[call-overload]
                    self._go_on(connection)
            now = time.monotonic()
            for connection in [c for c in self._connections.values() if c.deadline <= now]:
                self._drop(connection)
            if self._accepts_again_at <= now:
                self._accepts_again_at = math.inf
                self._selector.register(self._listener, selectors.EVENT_READ)

    def _patience_seconds(self) -> float | None:
        deadlines = [connection.deadline for connection in self._connections.values()]
        soonest = min([*deadlines, self._accepts_again_at])
        return None if soonest == math.inf else max(0.0, soonest - time.monotonic())

    def _accept(self) -> None:
        """Take in those who wait, a few at a time so that those inside are not kept waiting."""
        for taken in range(ACCEPTS_AT_ONCE):
            try:
                client, _ = self._listener.accept()
            except (BlockingIOError, ConnectionError):
                return  # nobody waits, or they have gone again
            except OSError:
                if not taken:  # else maybe nobody waits: without a descriptor the system does not look
                    self._make_room()
                return
            if len(self._connections) >= MAX_CLIENTS:
                self._drop_oldest()
            client.setblocking(False)
            self._connections[client] = _Connection(client, time.monotonic() + self._connection_seconds)
            self._selector.register(client, selectors.EVENT_READ)

    def _make_room(self) -> None:
        """Out of file descriptors: free one of our own, or leave the listener alone for a moment."""
        if self._connections:
            self._drop_oldest()
        else:
            self._selector.unregister(self._listener)
            self._accepts_again_at = time.monotonic() + ACCEPT_PAUSE_SECONDS

    def _drop_oldest(self) -> None:
        self._drop(next(iter(self._connections.values())))

    def _go_on(self, connection: _Connection) -> None:
        try:
            if connection.to_send:
                sent = connection.socket.send(connection.to_send)
                connection.to_send = connection.to_send[sent:]
                if not connection.to_send:
                    self._drop(connection)
                return
            chunk = connection.socket.recv(MAX_REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)
            return
        connection.received += chunk
        if b"\r\n\r\n" in connection.received:
            connection.to_send = self._answer(connection.received)
            self._selector.modify(connection.socket, selectors.EVENT_WRITE)
        elif not chunk or len(connection.received) > MAX_REQUEST_BYTES:
            self._drop(connection)

    def _answer(self, request: bytes) -> bytes:
        method, target = ([*request.split(b"\r\n", 1)[0].split(b" "), b"", b""])[:2]
        page_of = self._pages.get(target.partition(b"?")[0]) if method in (b"GET", b"HEAD") else None
        page = page_of() if page_of else _as_json((404, {"status": "not found"}))
        body = page.text.encode()
        head = (
            f"HTTP/1.1 {_STATUS_LINES[page.status]}\r\nContent-Type: {page.content_type}\r\n"
            f"Cache-Control: no-store\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + (b"" if method == b"HEAD" else body)

    def _drop(self, connection: _Connection) -> None:
        self._selector.unregister(connection.socket)
        connection.socket.close()
        del self._connections[connection.socket]


_STATUS_LINES = {200: "200 OK", 404: "404 Not Found", 503: "503 Service Unavailable"}
