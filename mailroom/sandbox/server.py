"""The sandbox: an account served over HTTP on loopback, JMAP and CardDAV on one port."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Self, cast

from attrs import frozen

from mailroom.sandbox.dav import server as carddav
from mailroom.sandbox.exchange import Reply, Request, Stream, json_reply, problem
from mailroom.sandbox.handler import Handler
from mailroom.sandbox.jmap import blobs as jmap_blobs
from mailroom.sandbox.jmap import core as jmap_core
from mailroom.sandbox.jmap import eventsource
from mailroom.sandbox.jmap import session as jmap_session
from mailroom.sandbox.jmap.methods import METHODS
from mailroom.sandbox.store.account import SandboxAccount

_POLL_SECONDS = 0.02
_SESSION, _API, _EVENTS = "/jmap/session", "/jmap/api/", "/jmap/event/"
_JMAP_METHODS = {
    _SESSION: ("GET", "HEAD"),
    _API: ("POST",),
    _EVENTS: ("GET",),
    **jmap_blobs.METHODS,
}
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="sandbox"'}
_UNCACHED = {"Cache-Control": "no-store"}
_TOO_MANY = jmap_core.RequestError("limit", "too many requests at once", limit="maxConcurrentRequests").reply

Interceptor = Callable[[Request], Reply | None]
"""Looks at each request first; its answer, if any, goes out instead, and its ConnectionError is a reset."""


@frozen
class LogEntry:
    """A request the sandbox has answered.

    Attributes:
        calls: The names of the JMAP methods called.
        seconds: How long the sandbox worked on it, without the delay of a distance.
    """

    method: str
    path: str
    status: int
    calls: tuple[str, ...] = ()
    seconds: float = 0.0


class Sandbox:
    """Serves an account while its context is open.

    Args:
        port: 0 for any that is free.
        delay_seconds: How long every answer is held back, to stand for a round trip.

    Attributes:
        requests: What has been answered so far; may be cleared.
        interceptor: May answer requests in the sandbox's place, to show how a client bears trouble.
    """

    def __init__(self, account: SandboxAccount, port: int = 0, delay_seconds: float = 0.0) -> None:
        self.account = account
        self.delay_seconds = delay_seconds
        self.requests: list[LogEntry] = []
        self.interceptor: Interceptor | None = None
        self._is_closing = False
        self._calls_under_way = 0
        self._server = _Server(port, self._respond)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="sandbox", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering, and close every connection."""
        self._is_closing = True
        # Event streams wait for a change; this wakes them, so that they see the end.
        with self.account.changed:
            self.account.changed.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def session_url(self) -> str:
        """The JMAP session resource."""
        return f"{self.url}/jmap/session"

    @property
    def carddav_url(self) -> str:
        """Where CardDAV discovery begins."""
        return f"{self.url}/"

    @property
    def request_count(self) -> int:
        """How many requests have been answered since the log was last cleared."""
        return len(self.requests)

    def reset_requests(self) -> None:
        """Clear the log of requests."""
        self.requests.clear()

    def environment(self) -> dict[str, str]:
        """Return the variables with which Mailroom works on this account."""
        return {
            "MAILROOM_JMAP_SESSION_URL": self.session_url,
            "MAILROOM_CARDDAV_URL": self.carddav_url,
            "MAILROOM_JMAP_TOKEN": self.account.token,
            "MAILROOM_CARDDAV_USERNAME": self.account.username,
            "MAILROOM_CARDDAV_PASSWORD": self.account.password,
        }

    def _respond(self, request: Request) -> Reply | Stream:
        """Answer a request and log it."""
        with self._counted(request) as is_allowed:
            time.sleep(self.delay_seconds)
            began = time.perf_counter()
            reply, calls = self._answered(request) if is_allowed else (_TOO_MANY, ())
        status = reply.status if isinstance(reply, Reply) else 200
        seconds = time.perf_counter() - began
        self.requests.append(LogEntry(request.method, request.path, status, calls, seconds))
        return reply

    @contextlib.contextmanager
    def _counted(self, request: Request) -> Iterator[bool]:
        """Count API requests under way; yield whether there may be this one more."""
        is_counted = request.path == _API
        with self.account.lock:
            self._calls_under_way += is_counted
            is_allowed = self._calls_under_way <= self.account.limits.max_concurrent_requests
        try:
            yield is_allowed or not is_counted
        finally:
            with self.account.lock:
                self._calls_under_way -= is_counted

    def _answered(self, request: Request) -> tuple[Reply | Stream, tuple[str, ...]]:
        """Return the answer, and the names of the JMAP methods that were called for it."""
        if self.interceptor and (reply := self.interceptor(request)) is not None:
            return reply, ()
        if request.path == "/.well-known/jmap":
            return Reply(301, {"Location": _SESSION}), ()
        if not request.path.startswith("/jmap/"):
            return carddav.answer(self.account, request), ()
        return self._answered_by_jmap(request)

    def _answered_by_jmap(self, request: Request) -> tuple[Reply | Stream, tuple[str, ...]]:
        if request.headers.get("authorization") != f"Bearer {self.account.token}":
            return problem(401, "about:blank", "the token is not valid", _CHALLENGE), ()
        resource = next((path for path in jmap_blobs.METHODS if request.path.startswith(path)), request.path)
        allowed = _JMAP_METHODS.get(resource)
        if allowed is None:
            return problem(404, "about:blank", "nothing is here"), ()
        if request.method not in allowed:
            return Reply(405, {"Allow": ", ".join(allowed)}), ()
        if resource == jmap_blobs.UPLOAD_PATH:
            return jmap_blobs.upload(self.account, request), ()
        if resource == jmap_blobs.DOWNLOAD_PATH:
            return jmap_blobs.download(self.account, request), ()
        if request.path == _API:
            return jmap_core.handle(self.account, METHODS, request)
        if request.path == _EVENTS:
            return self._events(request), ()
        return json_reply(200, jmap_session.session(self.account, self.url), _UNCACHED), ()

    def _events(self, request: Request) -> Reply | Stream:
        try:
            wanted = eventsource.subscription(request.query)
        except eventsource.InvalidQueryError as error:
            return problem(400, "about:blank", str(error))
        last_event_id = request.headers.get("last-event-id")
        return Stream(eventsource.events(self.account, wanted, last_event_id, lambda: self._is_closing))


class _Server(ThreadingHTTPServer):
    """Accepts connections, and knows those that are open."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, respond: Callable[[Request], Reply | Stream]) -> None:
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(
            ("127.0.0.1", port), type("_Handler", (Handler,), {"respond": staticmethod(respond)})
        )

    def server_bind(self) -> None:
        # HTTPServer would look up its own name here, which can take seconds without a network.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        with self._connections_lock:
            self._connections.add(cast("socket.socket", request))
        super().process_request(request, cast("tuple[str, int]", client_address))

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        with self._connections_lock:
            self._connections.discard(cast("socket.socket", request))
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._connections_lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Let a connection that its client has dropped end in silence; a fault of our own is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, cast("tuple[str, int]", client_address))
