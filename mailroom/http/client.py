"""The client: bounded repetition, and credentials that stay with their host."""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from http.client import HTTPException

import urllib3
from attrs import evolve

from mailroom import __version__
from mailroom.errors import (
    PreconditionFailedError,
    ProtocolError,
    StatusError,
    StoppedError,
    TimedOutError,
    TooLargeError,
    TransportError,
    UntrustedHostError,
)
from mailroom.http.answers import Response, Stream, retry_after_seconds
from mailroom.http.bounds import DEFAULT_BOUNDS, Bounds
from mailroom.http.connections import Connections, Patience, Request, exchange
from mailroom.http.credentials import Credentials
from mailroom.http.trouble import transport_error
from mailroom.http.urls import is_loopback, parse, port_of, resolve
from mailroom.output.logs import log

# 423: another write holds the lock (RFC 4918 section 11.3); Xandikos says it of two writes at once.
_BUSY = frozenset({423, 429, 502, 503, 504})
# Method and body are sent on as they are; 303 would make a GET of them (RFC 9110 section 15.4.4).
_REDIRECTS = frozenset({301, 302, 307, 308})


class HttpClient:
    """Talks to one server, as one user.

    Args:
        home: The configured URL.
        credentials: Whom it proves to be. They go to that URL's host and to hosts below it, and no further.
        stop: Set when the process is to end; cuts waits between attempts short.
        bounds: How long it waits, and how much it takes.
        before_attempt: Called before each attempt; what it raises ends the request.
        on_answer: Called for each request that was sent, with the status of its answer (None where there
            was none) and the seconds until then.
    """

    def __init__(
        self,
        home: str,
        credentials: Credentials,
        stop: threading.Event | None = None,
        bounds: Bounds = DEFAULT_BOUNDS,
        before_attempt: Callable[[], None] = lambda: None,
        *,
        on_answer: Callable[[int | None, float], None] = lambda _status, _seconds: None,
    ) -> None:
        self._home = parse(home)
        self.credentials = credentials
        self._stop = stop or threading.Event()
        self.bounds = bounds
        self._before_attempt = before_attempt
        self._on_answer = on_answer
        # Plain http needs no certificate authorities; they take a while and a megabyte to read.
        tls = tls_context() if self._home.scheme == "https" else None
        self._connections = Connections(bounds, tls)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: Collection[int] = (),
        max_bytes: int | None = None,
        once_if_slow: bool = False,
    ) -> Response:
        """Send a request and return its answer, following redirects and repeating what failed in passing.

        Args:
            accept: Statuses besides 2xx that are an answer and not an error.
            max_bytes: How large an answer the caller has room for, if not for all that `bounds` allow.
            once_if_slow: Whether it is not sent again where the server takes too long.

        Raises:
            AuthenticationError: The server answered 401.
            PreconditionFailedError: It answered 412.
            StatusError: It answered with another status that is neither 2xx nor in `accept`.
            TooLargeError: The answer is larger than that; it is not asked for again.
            TimedOutError: The server took too long.
            TransportError: No whole answer arrived, in any of the attempts.
            UntrustedHostError: It referred to a host that must not see the credentials.
            StoppedError: The process is to end and an attempt would have to be repeated.
        """
        request = Request(method, url, self._headers(headers or {}), body)
        return self._checked(
            method, self._attempt_repeatedly(request, max_bytes, once_if_slow=once_if_slow), accept
        )

    def open_stream(self, url: str, headers: Mapping[str, str], silence_seconds: float) -> Stream:
        """Send a GET and return its answer unread, following redirects; nothing is repeated.

        Whoever gets it must close it.

        Args:
            silence_seconds: How long the server may say nothing before the stream counts as broken.

        Raises:
            TransportError: No answer arrived.
            UntrustedHostError: The URL leads to a host that must not see the credentials.
        """
        # Compressed, an event would wait in a buffer until the next ones have filled it.
        request = Request("GET", url, self._headers({"Accept-Encoding": "identity", **headers}))
        patience = Patience(self.bounds, silence_seconds)
        stream = self._open(request, patience)
        patience.lift()
        return stream

    def check_trusted(self, url: str) -> None:
        """Raise unless the credentials may be sent to `url`.

        Raises:
            ProtocolError: It is not a URL.
            UntrustedHostError: They may not.
        """
        target = parse(url)
        home, host = self._home.host or "", target.host or ""
        if (
            target.scheme != self._home.scheme
            or port_of(target) != port_of(self._home)
            # Fastmail's session and hrefs name hosts of a region, below the configured one.
            or not (host == home or host.endswith("." + home))
        ):
            raise UntrustedHostError(
                f"the server at {self._home.scheme}://{self._home.netloc} refers to {target.scheme}://"
                f"{target.netloc}; Mailroom sends credentials only to {home} and its subdomains"
            )
        if target.scheme != "https" and not is_loopback(host):
            raise UntrustedHostError(
                f"{target.scheme}://{host} is not encrypted; use https:// (http:// is only "
                "allowed for this machine itself)"
            )

    def check_going_on(self) -> None:
        """Raise where the process is to end; for whoever is about to ask for more and more.

        Raises:
            StoppedError: It is.
        """
        if self._stop.is_set():
            raise StoppedError("stopped before everything was read")

    def close(self) -> None:
        """Close the connections that are idle."""
        self._connections.close()

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            "User-Agent": f"mailroom/{__version__}",
            "Accept-Encoding": "gzip",
            **headers,
            "Authorization": self.credentials.authorization,
        }

    def _attempt_repeatedly(self, request: Request, max_bytes: int | None, *, once_if_slow: bool) -> Response:
        final = (TooLargeError, TimedOutError) if once_if_slow else TooLargeError
        for attempt in range(1, self.bounds.attempts + 1):
            last = attempt == self.bounds.attempts
            wait_seconds = self._backoff_seconds(attempt)
            try:
                response = self._attempt(request, max_bytes)
            except TransportError as error:
                if last or isinstance(error, final):
                    raise
                self._wait(wait_seconds, error)
                continue
            if response.status not in _BUSY or last:
                return response
            asked_seconds = retry_after_seconds(response.headers.get("retry-after"))
            if asked_seconds is not None:
                wait_seconds = asked_seconds
            if wait_seconds > self.bounds.wait_seconds:
                return response
            self._wait(wait_seconds, None)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _backoff_seconds(self, attempt: int) -> float:
        """Return how long to wait after a failed attempt; never twice the same, so that clients spread."""
        return self.bounds.first_wait_seconds * 4.0 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311

    def _attempt(self, request: Request, max_bytes: int | None) -> Response:
        bounds = self.bounds
        with self._open(request, Patience(bounds)) as stream:
            return stream.read_whole(min(max_bytes or bounds.answer_bytes, bounds.answer_bytes))

    def _open(self, request: Request, patience: Patience) -> Stream:
        """Send a request and return its answer unread, following redirects."""
        self._before_attempt()
        for _ in range(self.bounds.redirects + 1):
            stream = self._send(request, patience)
            if stream.status not in _REDIRECTS:
                return stream
            with stream:
                request = _redirected(request, stream)
        raise ProtocolError(f"{request}: more than {self.bounds.redirects} redirects")

    def _send(self, request: Request, patience: Patience) -> Stream:
        """Send one request; whatever is sent, is sent from here."""
        self.check_trusted(request.url)
        url = parse(request.url)
        connection = self._connections.take(url, patience)
        give_back = partial(self._connections.give_back, url, connection)
        began = time.monotonic()
        try:
            answer, sock = exchange(connection, request, url.request_uri, patience)
            self._on_answer(answer.status, time.monotonic() - began)
            log(logging.DEBUG, "http_request", method=request.method, url=request.url, status=answer.status)
            return Stream(request, answer, sock, patience, give_back)
        except BaseException as error:
            give_back(is_done=False)
            if isinstance(error, urllib3.exceptions.HTTPError | HTTPException | OSError):
                self._on_answer(None, time.monotonic() - began)
                is_home = (url.host, port_of(url)) == (self._home.host, port_of(self._home))
                setting = self.credentials.address_variable if is_home else ""
                raise transport_error(error, request, request.url, patience, setting) from error
            raise

    def wait(self, seconds: float) -> None:
        """Wait for a busy server.

        Raises:
            StoppedError: The process is to end.
        """
        self._wait(seconds, None)

    def _wait(self, seconds: float, cause: Exception | None) -> None:
        if self._stop.wait(seconds):
            raise StoppedError("stopped while waiting to try again") from cause

    def _checked(self, method: str, response: Response, accept: Collection[int]) -> Response:
        status = response.status
        if 200 <= status < 300 or status in accept:
            return response
        message = f"{method} {response.url}: HTTP {status}"
        if status == 401:
            raise self.credentials.refused(message)
        if status == 412:
            raise PreconditionFailedError(message)
        if said := response.excerpt():
            message += f" ({said})"
        raise StatusError(message, status, response.body)


@cache
def tls_context() -> ssl.SSLContext:
    """Return what verifies every server; SSL_CERT_FILE and SSL_CERT_DIR name other authorities."""
    return ssl.create_default_context()


def _redirected(request: Request, answer: Stream) -> Request:
    """Return the request that a redirect leads to."""
    if "location" not in answer.headers:
        raise ProtocolError(f"{request}: redirected (HTTP {answer.status}) without a Location")
    return evolve(request, url=resolve(request.url, answer.headers["location"]))
