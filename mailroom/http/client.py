"""The client: one connection pool, bounded repetition, and credentials that stay with their host."""

from __future__ import annotations

import random
import ssl
import threading
from collections.abc import Collection, Mapping
from functools import cache
from http.client import HTTPException

import urllib3

from mailroom import __version__
from mailroom.errors import (
    AuthenticationError,
    PreconditionFailedError,
    ProtocolError,
    StatusError,
    StoppedError,
    TooLargeError,
    TransportError,
    UntrustedHostError,
)
from mailroom.http.answers import (
    MAX_RESPONSE_BYTES,
    Response,
    Stream,
    read_response,
    reason,
    retry_after_seconds,
)
from mailroom.http.urls import is_loopback, parse, port_of, resolve

CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 20.0
RETRY_AFTER_CAP_SECONDS = 60.0
MAX_CONNECTIONS = 8
MAX_ATTEMPTS = 3
MAX_REDIRECTS = 5

# 423: another write holds the lock (RFC 4918 section 11.3); Xandikos says it of two writes at once.
_BUSY = frozenset({423, 429, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 307, 308})


class HttpClient:
    """Talks to one server, as one user.

    Args:
        home: The configured URL. Credentials go to its host and to hosts below it, and no further.
        authorization: The value of the Authorization header.
        stop: Set when the process is to end; cuts waits between attempts short.
    """

    def __init__(self, home: str, authorization: str, stop: threading.Event | None = None) -> None:
        self._home = parse(home)
        self._authorization = authorization
        self._stop = stop or threading.Event()
        self._pool = urllib3.PoolManager(
            maxsize=MAX_CONNECTIONS,
            block=True,
            retries=False,
            # Plain http needs no certificate authorities; they take a while and a megabyte to read.
            ssl_context=_tls_context() if self._home.scheme == "https" else None,
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: Collection[int] = (),
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> Response:
        """Send a request and return its answer, following redirects and repeating what failed in passing.

        Args:
            accept: Statuses besides 2xx that are an answer and not an error.
            max_bytes: How large an answer the caller has room for.

        Raises:
            AuthenticationError: The server answered 401.
            PreconditionFailedError: It answered 412.
            StatusError: It answered with another status that is neither 2xx nor in `accept`.
            TooLargeError: The answer is larger than `max_bytes`; it is not asked for again.
            TransportError: No whole answer arrived in `MAX_ATTEMPTS` attempts.
            UntrustedHostError: It referred to a host that must not see the credentials.
            StoppedError: The process is to end and an attempt would have to be repeated.
        """
        for _ in range(MAX_REDIRECTS + 1):
            response = self._attempt_repeatedly(method, url, headers or {}, body, max_bytes)
            if response.status not in _REDIRECTS:
                return self._checked(method, response, accept)
            url = _redirected(method, url, response)
        raise ProtocolError(f"{method} {url}: more than {MAX_REDIRECTS} redirects")

    def open_stream(self, url: str, headers: Mapping[str, str], read_timeout_seconds: float) -> Stream:
        """Send a GET and return its answer unread, following redirects; nothing is repeated.

        Raises:
            TransportError: No answer arrived.
            UntrustedHostError: The URL leads to a host that must not see the credentials.
        """
        headers = {"Accept-Encoding": "identity", **headers}
        for _ in range(MAX_REDIRECTS + 1):
            stream = Stream(url, self._send("GET", url, headers, None, read_timeout_seconds))
            if stream.status not in _REDIRECTS:
                return stream
            stream.close()
            url = _redirected("GET", url, stream)
        raise ProtocolError(f"GET {url}: more than {MAX_REDIRECTS} redirects")

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
            or not (host == home or host.endswith("." + home))
        ):
            raise UntrustedHostError(
                f"the server at {self._home.scheme}://{self._home.netloc} refers to {target.scheme}://"
                f"{target.netloc}; credentials go only to {home} and hosts below it"
            )
        if target.scheme != "https" and not is_loopback(host):
            raise UntrustedHostError(f"{target.scheme}://{host} is not encrypted; only https is, or loopback")

    def close(self) -> None:
        """Close the pool's idle connections."""
        self._pool.clear()

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            "User-Agent": f"mailroom/{__version__}",
            "Accept-Encoding": "gzip",
            **headers,
            "Authorization": self._authorization,
        }

    def _attempt_repeatedly(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, max_bytes: int
    ) -> Response:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            last = attempt == MAX_ATTEMPTS
            wait_seconds = 0.2 * 4 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
            try:
                response = self._attempt(method, url, headers, body, max_bytes)
            except TransportError as error:
                if last or isinstance(error, TooLargeError):
                    raise
                self._wait(wait_seconds, error)
                continue
            if response.status not in _BUSY or last:
                return response
            asked_seconds = retry_after_seconds(response.headers.get("retry-after"))
            if asked_seconds is not None:
                wait_seconds = asked_seconds
            if wait_seconds > RETRY_AFTER_CAP_SECONDS:
                return response
            self._wait(wait_seconds, None)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempt(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, max_bytes: int
    ) -> Response:
        return read_response(self._send(method, url, headers, body), method, url, max_bytes)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        read_timeout_seconds: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Send one request; whatever is sent, is sent from here."""
        self.check_trusted(url)
        timeout = urllib3.Timeout(
            connect=CONNECT_TIMEOUT_SECONDS, read=read_timeout_seconds or READ_TIMEOUT_SECONDS
        )
        try:
            return self._pool.request(
                method,
                url,
                headers=self._headers(headers),
                body=body,
                timeout=timeout,
                preload_content=False,
                redirect=False,
                retries=False,
            )
        except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
            raise TransportError(f"{method} {url}: {reason(error)}") from error

    def _wait(self, seconds: float, cause: Exception | None) -> None:
        if self._stop.wait(seconds):
            raise StoppedError("stopped while waiting to try again") from cause

    def _checked(self, method: str, response: Response, accept: Collection[int]) -> Response:
        status = response.status
        if 200 <= status < 300 or status in accept:
            return response
        message = f"{method} {response.url}: HTTP {status}"
        if status == 401:
            raise AuthenticationError(f"{message}: the credentials are refused")
        if status == 412:
            raise PreconditionFailedError(message)
        if said := response.excerpt():
            message += f" ({said})"
        raise StatusError(message, status, response.body)


@cache
def _tls_context() -> ssl.SSLContext:
    """Return what verifies every server; SSL_CERT_FILE and SSL_CERT_DIR name other authorities."""
    return ssl.create_default_context()


def _redirected(method: str, url: str, answer: Response | Stream) -> str:
    """Return where a redirect leads."""
    if "location" not in answer.headers:
        raise ProtocolError(f"{method} {url}: redirected (HTTP {answer.status}) without a Location")
    return resolve(url, answer.headers["location"])
