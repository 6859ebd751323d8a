"""HTTP/1.1 for the sandbox: reads whole requests, writes whole answers and event streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import ClassVar
from urllib.parse import urlsplit

from mailroom.sandbox.exchange import Reply, Request, Stream

_METHODS = (
    *("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"),
    *("PROPFIND", "PROPPATCH", "REPORT", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"),
)
_BODYLESS = frozenset({204, 304})


class Handler(BaseHTTPRequestHandler):
    """Serves one connection; a subclass says how requests are answered."""

    protocol_version = "HTTP/1.1"
    # An event is not to wait until the one before it has been acknowledged.
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    respond: ClassVar[Callable[[Request], Reply | Stream]]

    def answer(self) -> None:
        """Answer one request."""
        request = self._read()
        if request is None:
            return
        reply = type(self).respond(request)
        if isinstance(reply, Stream):
            self._send_stream(reply.events)
        else:
            self._send(reply)

    def log_message(self, *_: object) -> None:
        """Say nothing; the sandbox keeps its own log."""

    def _read(self) -> Request | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            # What follows of its body would be read as the next request.
            self.close_connection = True
            self._send(Reply(411))
            return None
        body = self.rfile.read(int(length))
        # The client has gone in the middle: nobody is there to be answered.
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
        if reply.status not in _BODYLESS and "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and reply.status not in _BODYLESS:
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _send_stream(self, events: Iterator[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for event in events:
            data = event.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


for _method in _METHODS:
    setattr(Handler, f"do_{_method}", Handler.answer)
