"""The sandbox: an account served over HTTP on loopback, JMAP and CardDAV on one port."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit

from attrs import frozen

from mailroom.sandbox import carddav, eventsource, jmap_core, jmap_session
from mailroom.sandbox.account import Account
from mailroom.sandbox.exchange import Reply, Request, json_reply, problem
from mailroom.sandbox.jmap import METHODS

_POLL_SECONDS = 0.02
_METHODS = (
    *("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"),
    *("PROPFIND", "PROPPATCH", "REPORT", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"),
)
_JMAP_METHODS = {"/jmap/session": ("GET", "HEAD"), "/jmap/api/": ("POST",)}
_BODYLESS = frozenset({204, 304})

Interceptor = Callable[[Request], Reply | None]
"""Looks at each request first; an answer of its own goes out instead of the sandbox's."""


@frozen
class LogEntry:
    """A request the sandbox has answered.

    Attributes:
        calls: The names of the JMAP methods called.
    """

    method: str
    path: str
    status: int
    calls: tuple[str, ...] = ()


class Sandbox:
    """Serves an account while its context is open.

    Args:
        port: 0 for any that is free.
        delay_seconds: How long every answer is held back, to stand for a round trip.

    Attributes:
        requests: What has been answered so far; may be cleared.
        interceptor: May answer requests in the sandbox's place, to show how a client bears trouble.
    """

    def __init__(self, account: Account, port: int = 0, delay_seconds: float = 0.0) -> None:
        self.account = account
        self.delay_seconds = delay_seconds
        self.requests: list[LogEntry] = []
        self.interceptor: Interceptor | None = None
        self._server = _Server(self, port)
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
        self._server.is_closing = True
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        self.sandbox = sandbox
        self.is_closing = False
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

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
        """Let a connection that its client has dropped end in silence."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Server

    def answer(self) -> None:
        """Answer one request."""
        sandbox = self.server.sandbox
        request = self._read()
        if request is None:
            return
        time.sleep(sandbox.delay_seconds)
        calls: list[str] = []
        reply = sandbox.interceptor(request) if sandbox.interceptor else None
        if reply is None and request.path == "/jmap/event/":
            self._answer_event_source(request)
            return
        if reply is None:
            reply, calls = _answer(sandbox, request)
        sandbox.requests.append(LogEntry(request.method, request.path, reply.status, tuple(calls)))
        self._send(reply)

    def log_message(self, *_: object) -> None:
        """Say nothing; the sandbox keeps its own log."""

    def _read(self) -> Request | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            self.close_connection = True
            self._send(Reply(411))
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, url.path, url.query, headers, body)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status not in _BODYLESS:
            self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and reply.status not in _BODYLESS:
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _answer_event_source(self, request: Request) -> None:
        sandbox = self.server.sandbox
        reply = _unauthorized_bearer(sandbox.account, request)
        if reply is None and request.method != "GET":
            reply = Reply(405, {"Allow": "GET"})
        if reply is None:
            try:
                events = eventsource.events(
                    sandbox.account,
                    eventsource.subscription(request.query),
                    request.headers.get("last-event-id"),
                    lambda: self.server.is_closing,
                )
            except eventsource.InvalidQueryError as error:
                reply = problem(400, "about:blank", str(error))
        if reply is not None:
            sandbox.requests.append(LogEntry(request.method, request.path, reply.status))
            self._send(reply)
            return
        sandbox.requests.append(LogEntry(request.method, request.path, 200))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for event in events:
            self._write_chunk(event)
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _write_chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


for _method in _METHODS:
    setattr(_Handler, f"do_{_method}", _Handler.answer)


def _answer(sandbox: Sandbox, request: Request) -> tuple[Reply, list[str]]:
    """Answer a request; tell the names of the JMAP methods it called, too."""
    account = sandbox.account
    if request.path == "/.well-known/jmap":
        return Reply(301, {"Location": "/jmap/session"}), []
    if not request.path.startswith("/jmap/"):
        return carddav.answer(account, request), []
    if (refusal := _unauthorized_bearer(account, request)) is not None:
        return refusal, []
    allowed = _JMAP_METHODS.get(request.path)
    if allowed is None:
        return problem(404, "about:blank", "nothing is here"), []
    if request.method not in allowed:
        return Reply(405, {"Allow": ", ".join(allowed)}), []
    if request.path == "/jmap/api/":
        return jmap_core.handle(account, METHODS, request)
    reply = json_reply(200, jmap_session.session(account, sandbox.url))
    return Reply(200, {**reply.headers, "Cache-Control": "no-store"}, reply.body), []


def _unauthorized_bearer(account: Account, request: Request) -> Reply | None:
    if request.headers.get("authorization") == f"Bearer {account.token}":
        return None
    reply = problem(401, "about:blank", "the token is not valid")
    return Reply(401, {**reply.headers, "WWW-Authenticate": 'Bearer realm="sandbox"'}, reply.body)
