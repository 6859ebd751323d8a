"""An HTTP proxy on loopback that stands between Mailroom and a server, and does harm on request.

It numbers the requests, and what becomes of each is for its plan to say: a function that gets the
`Exchange`. Every URL that the server names leads back through the proxy, so that nothing goes past it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

UPSTREAM_TIMEOUT_SECONDS = 60.0
JOIN_TIMEOUT_SECONDS = 5.0
URL_VARIABLES = ("MAILROOM_JMAP_SESSION_URL", "MAILROOM_CARDDAV_URL")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
# About one connection, not about the message (RFC 9110 section 7.6.1).
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_NAMES_URLS = ("application/json", "application/xml", "text/xml")


@frozen
class Request:
    """A whole request; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_write(self) -> bool:
        """Whether it changes something on the server."""
        return self.method in {"PUT", "DELETE"} or any(name.endswith("/set") for name in self.calls)

    @property
    def calls(self) -> tuple[str, ...]:
        """The JMAP methods it calls."""
        return tuple(call[0] for call in self.json()["methodCalls"]) if self.is_jmap else ()

    @property
    def is_jmap(self) -> bool:
        """Whether it is a request to the JMAP API; what is uploaded is none."""
        return self.method == "POST" and self.headers.get("content-type", "").startswith("application/json")

    @property
    def is_session(self) -> bool:
        """Whether it asks for the JMAP session."""
        return self.method == "GET" and "/jmap" in self.target

    @property
    def is_carddav(self) -> bool:
        """Whether it speaks CardDAV."""
        return not self.is_jmap and not self.is_session

    def json(self) -> Any:
        """Return the body's value."""
        return json.loads(self.body)


@frozen
class Answer:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = field(default=b"", repr=False)

    def octets(self) -> bytes:
        """Return it as it goes over the wire."""
        lines = [f"HTTP/1.1 {self.status} {http.client.responses.get(self.status, 'Status')}"]
        headers = dict(self.headers)
        if self.status not in (204, 304):
            headers.setdefault("content-length", str(len(self.body)))
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class Exchange:
    """One request under way.

    Attributes:
        number: How many requests came before it.
        is_forwarded: Whether the server has seen it, and has done what it asks.
    """

    def __init__(self, number: int, request: Request, proxy: Proxy, client: socket.socket) -> None:
        self.number = number
        self.request = request
        self.is_forwarded = False
        self.is_over = False
        self.proxy = proxy
        self._client = client

    def forward(self, request: Request | None = None) -> Answer:
        """Let the server do the request, or another one in its place, and return its answer."""
        self.is_forwarded = True
        answer = self.proxy.ask(request or self.request)
        self.proxy.call_watch()
        return answer

    def reply(self, answer: Answer) -> None:
        """Send an answer."""
        self._client.sendall(answer.octets())

    def pass_on(self) -> None:
        """Do what a proxy is for."""
        self.reply(self.forward())

    def send(self, octets: bytes) -> None:
        """Send bytes as they are."""
        self._client.sendall(octets)

    def reset(self) -> None:
        """Break the connection off, with a TCP reset."""
        self.is_over = True
        with contextlib.suppress(OSError):
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def hang_up(self) -> None:
        """End the connection in good order, as if the answer were over."""
        self.is_over = True

    def stall(self) -> None:
        """Do nothing until the client has given up, or the proxy is closed."""
        self.is_over = True
        self._client.settimeout(0.05)
        while not self.proxy.is_closing:
            with contextlib.suppress(TimeoutError):
                if not self._client.recv(1):
                    return


Plan = Callable[[Exchange], None]
"""Says what becomes of a request."""


class Proxy:
    """Listens while its context is open.

    Args:
        upstream: The server's origin: scheme, host and port.

    Attributes:
        plan: What becomes of each request; may be changed at any time.
        watch: Called before each request and after the server has done it, never twice at once.
        requests: What has come so far, with the number of each as its index.
        errors: What a plan or the watch has raised; `check` raises the first of them.
    """

    def __init__(self, upstream: str, plan: Plan = Exchange.pass_on) -> None:
        self.plan = plan
        self.watch: Callable[[], None] = lambda: None
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self.is_closing = False
        self._upstream = upstream.rstrip("/")
        self._lock = threading.Lock()
        self._watch_lock = threading.Lock()
        self._local = threading.local()
        self._clients: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._acceptor = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, and end every connection."""
        self.is_closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(JOIN_TIMEOUT_SECONDS)
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(JOIN_TIMEOUT_SECONDS)

    def environment(self, direct: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of an account with their URLs leading through the proxy."""
        urls = {name: direct[name].replace(self._upstream, self.url) for name in URL_VARIABLES}
        return {**direct, **urls}

    def check(self) -> None:
        """Raise what the watch or a plan has raised."""
        if self.errors:
            raise self.errors[0]

    def call_watch(self) -> None:
        """Call the watch."""
        with self._watch_lock:
            try:
                self.watch()
            except BaseException as error:  # noqa: BLE001 - for the test's own thread
                self.errors.append(error)

    def ask(self, request: Request) -> Answer:
        """Send a request to the server and return its answer, whose URLs lead to the proxy."""
        headers = {name.title(): value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        headers |= {"Host": urlsplit(self._upstream).netloc, "Accept-Encoding": "identity"}
        connection: http.client.HTTPConnection = self._local.connection
        connection.request(request.method, request.target, request.body or None, headers)
        response = connection.getresponse()
        kept = {k.lower(): v for k, v in response.getheaders() if k.lower() not in _HOP_BY_HOP}
        return self._led_back(Answer(response.status, kept, response.read()))

    def _led_back(self, answer: Answer) -> Answer:
        headers = {name: value.replace(self._upstream, self.url) for name, value in answer.headers.items()}
        body = answer.body
        if headers.get("content-type", "").partition(";")[0].strip() in _NAMES_URLS:
            body = body.replace(self._upstream.encode(), self.url.encode())
        return evolve(answer, headers=headers, body=body)

    def _accept(self) -> None:
        while not self.is_closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(client,), name="proxied", daemon=True)
            with self._lock:
                self._clients.add(client)
                self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        """Serve one connection, with a connection of its own to the server."""
        upstream = urlsplit(self._upstream)
        assert upstream.hostname
        self._local.connection = http.client.HTTPConnection(
            upstream.hostname, upstream.port, timeout=UPSTREAM_TIMEOUT_SECONDS
        )
        try:
            with client, client.makefile("rb") as stream, contextlib.closing(self._local.connection):
                while (request := _read(stream)) is not None:
                    exchange = self._begin(request, client)
                    self.call_watch()
                    self.plan(exchange)
                    if exchange.is_over:
                        return
        except OSError:
            pass  # the client, or the server, has gone
        except BaseException as error:  # noqa: BLE001 - for the test's own thread
            self.errors.append(error)
        finally:
            with self._lock:
                self._clients.discard(client)

    def _begin(self, request: Request, client: socket.socket) -> Exchange:
        with self._lock:
            self.requests.append(request)
            return Exchange(len(self.requests) - 1, request, self, client)


def _read(stream: BinaryIO) -> Request | None:
    """Read a whole request; None where the client has ended the connection."""
    words = stream.readline().decode("latin-1").split()
    if len(words) != 3:
        return None
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    body = stream.read(length)
    return Request(words[0], words[1], headers, body) if len(body) == length else None
