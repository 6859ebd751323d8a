"""What Fastmail has and Debian's Cyrus lacks, put in front of it on loopback.

Opaque API tokens, the session at ``/jmap/session`` with absolute URLs, and push: Debian 12 builds
Cyrus without EventSource, so here it is made by asking for the account's states again and again; a
newer Cyrus has its own. Everything else passes through unchanged, and is counted.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from attrs import frozen

from tests.support.cyrus.server import CyrusServer

STATE_POLL_SECONDS = 0.05
UPSTREAM_TIMEOUT_SECONDS = 60.0
CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
PUSH_TYPES = ("Email", "Mailbox", "Thread")
URLS_IN_SESSION = ("apiUrl", "downloadUrl", "uploadUrl", "eventSourceUrl")
# About one connection, not about the message (RFC 9110 section 7.6.1), or set by this server itself.
NOT_FORWARDED = frozenset(
    [
        *("connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"),
        *("date", "server", "alt-svc", "accept-encoding"),
    ]
)


@frozen
class Request:
    """A request that passed through: whose, and what."""

    user: str
    method: str
    path: str
    status: int


@frozen
class Answer:
    """What Cyrus said."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Front:
    """The listening side; a context manager.

    Args:
        has_events: Whether the server has an event source of its own, which is passed through.

    Attributes:
        url: Where it listens.
        tokens: The user of each API token. May change at any time.
        requests: Every request that was answered, event streams excepted, in order.
    """

    def __init__(self, server: CyrusServer, *, has_events: bool = False) -> None:
        self.server = server
        self.has_events = has_events
        self.tokens: dict[str, str] = {}
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._http = _Listener(self)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.02,), name="front", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End all streams and stop listening."""
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def authorization(self, given: str | None) -> tuple[str, str | None]:
        """Return the user that the Authorization header names, and that header in Cyrus's form."""
        scheme, _, credentials = (given or "").partition(" ")
        if scheme.lower() == "basic":
            pair = base64.b64decode(credentials, validate=False).decode(errors="replace")
            return pair.partition(":")[0], given
        user = self.tokens.get(credentials)
        return (user, self.server.basic_authorization(user)) if user else ("", None)

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send a request to Cyrus."""
        connection = HTTPConnection(*self.server.http_address, timeout=UPSTREAM_TIMEOUT_SECONDS)
        with closing(connection):
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, front: Front) -> None:
        self.front = front
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Print nothing."""

    def pass_on(self) -> None:
        front = self.server.front
        target = urlsplit(self.path)
        if self.command == "GET" and target.path.startswith("/jmap/eventsource/"):
            if front.has_events:
                self.pass_on_events()
            else:
                self.stream(parse_qs(target.query))
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        headers = {k.lower(): v for k, v in self.headers.items() if k.lower() not in NOT_FORWARDED}
        user, authorization = front.authorization(headers.pop("authorization", None))
        if authorization:
            headers["authorization"] = authorization
        path = "/jmap/" if target.path == "/jmap/session" else self.path
        answer = front.ask(self.command, path, headers, body)
        content = answer.body
        if self.command == "GET" and path == "/jmap/" and answer.status == 200:
            content = self.absolute(content)
        front.requests.append(Request(user, self.command, self.path, answer.status))
        self.send_response(answer.status)
        for key, value in answer.headers:
            if key.lower() not in NOT_FORWARDED:
                self.send_header(key, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815 - http.server's names
    do_OPTIONS = do_PROPFIND = do_REPORT = do_MKCOL = pass_on  # noqa: N815

    def absolute(self, content: bytes) -> bytes:
        session = json.loads(content)
        return json.dumps(
            {k: self.server.front.url + v if k in URLS_IN_SESSION else v for k, v in session.items()}
        ).encode()

    def pass_on_events(self) -> None:
        """Hand on what the server's own event source says, as it comes, until one of the two sides goes."""
        front = self.server.front
        _, authorization = front.authorization(self.headers.get("Authorization"))
        headers = {"Authorization": authorization or "", "Accept": "text/event-stream"}
        self.close_connection = True
        connection = HTTPConnection(*front.server.http_address, timeout=UPSTREAM_TIMEOUT_SECONDS)
        with closing(connection), suppress(OSError):
            connection.request("GET", self.path, headers=headers)
            answer = connection.getresponse()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
            self.send_header("Connection", "close")
            self.end_headers()
            while not front.stopping.is_set() and (piece := answer.read1()):
                self.wfile.write(piece)

    def stream(self, query: Mapping[str, list[str]]) -> None:
        """Serve RFC 8620 section 7.3 until the client or the server goes."""
        front = self.server.front
        wanted = query.get("types", ["*"])[0].split(",")
        types = [t for t in PUSH_TYPES if "*" in wanted or t in wanted]
        ping_seconds = int(query.get("ping", ["0"])[0])
        user, authorization = front.authorization(self.headers.get("Authorization"))
        if not user or not authorization:
            self.send_error(401)
            return
        self.close_connection = True
        known = self.states(
            user, authorization, types
        )  # whoever sees the answer begin is told of all after it
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            if last_id := self.headers.get("Last-Event-ID"):
                known = json.loads(last_id)
            for states in self.each_change(known, user, authorization, types, ping_seconds):
                changed = {user: {t: s for t, s in states.items() if known.get(t) != s}}
                data = json.dumps({"@type": "StateChange", "changed": changed})
                self.send_event("state", data, id=json.dumps(states))
                known = states
                if query.get("closeafter") == ["state"]:
                    return
        except OSError:
            return  # The client has gone.

    def each_change(
        self, known: Mapping[str, str], user: str, authorization: str, types: Sequence[str], ping_seconds: int
    ) -> Iterator[dict[str, str]]:
        front = self.server.front
        pinged = time.monotonic()
        while not front.stopping.wait(STATE_POLL_SECONDS):
            states = self.states(user, authorization, types)
            if states != known:
                known = states
                yield states
            elif ping_seconds and time.monotonic() - pinged >= ping_seconds:
                pinged = time.monotonic()
                self.send_event("ping", json.dumps({"interval": ping_seconds}))

    def states(self, user: str, authorization: str, types: Sequence[str]) -> dict[str, str]:
        calls = [[f"{t}/get", {"accountId": user, "ids": []}, t] for t in types]
        body = json.dumps({"using": [CORE, MAIL], "methodCalls": calls}).encode()
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        answer = self.server.front.ask("POST", "/jmap/", headers, body)
        responses = cast("list[tuple[str, dict[str, Any], str]]", json.loads(answer.body)["methodResponses"])
        return {tag: str(arguments["state"]) for _, arguments, tag in responses}

    def send_event(self, name: str, data: str, id: str | None = None) -> None:  # noqa: A002
        line = f"id: {id}\n" if id is not None else ""
        self.wfile.write(f"event: {name}\n{line}data: {data}\n\n".encode())


@contextmanager
def front_of(server: CyrusServer) -> Iterator[Front]:
    """Put a `Front` before a server for as long as the block lasts."""
    with closing(Front(server)) as front:
        yield front
