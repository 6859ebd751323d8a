"""HTTP for both protocols: one connection pool, bounded retries, and credentials that stay with their host.

Everything Mailroom sends may be sent again: reads change nothing, a new card is written only where
there is none, and all other writes name the state they start from. So a request whose answer was
lost is repeated; the repetition meets the finished work and changes nothing.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import SplitResult, urljoin, urlsplit

import urllib3
from attrs import frozen

from mailroom import __version__
from mailroom.errors import (
    AuthenticationError,
    PreconditionFailedError,
    ProtocolError,
    StatusError,
    StoppedError,
    TransportError,
    UntrustedHostError,
)

CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 20.0
RESPONSE_DEADLINE_SECONDS = 120.0
RETRY_AFTER_CAP_SECONDS = 60.0
MAX_RESPONSE_BYTES = 64 * 1024 * 1024
MAX_CONNECTIONS = 8
MAX_ATTEMPTS = 3
MAX_REDIRECTS = 5
READ_CHUNK_BYTES = 256 * 1024

_BUSY = frozenset({429, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 307, 308})
_SHOWN_BODY_CHARACTERS = 200


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
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def excerpt(self) -> str:
        """Return the beginning of the body as one printable line, for an error message."""
        text = " ".join(self.body[: 4 * _SHOWN_BODY_CHARACTERS].decode("utf-8", "replace").split())
        return text[:_SHOWN_BODY_CHARACTERS]


def is_loopback(host: str | None) -> bool:
    """Whether `host` can only be this machine."""
    if host is None or host == "localhost":
        return host is not None
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class HttpClient:
    """Talks to one server, as one user.

    Args:
        home: The configured URL. Credentials go to its host and to hosts below it, and no further.
        authorization: The value of the Authorization header.
        stop: Set when the process is to end; cuts waits between attempts short.
    """

    def __init__(self, home: str, authorization: str, stop: threading.Event | None = None) -> None:
        self._home = urlsplit(home)
        self._authorization = authorization
        self._stop = stop or threading.Event()
        self._pool = urllib3.PoolManager(
            maxsize=MAX_CONNECTIONS,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS),
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: Collection[int] = (),
    ) -> Response:
        """Send a request and return its answer, following redirects and repeating what failed in passing.

        Args:
            accept: Statuses besides 2xx that are an answer and not an error.

        Raises:
            AuthenticationError: The server answered 401.
            PreconditionFailedError: It answered 412.
            StatusError: It answered with another status that is neither 2xx nor in `accept`.
            TransportError: No whole answer arrived in `MAX_ATTEMPTS` attempts.
            UntrustedHostError: It referred to a host that must not see the credentials.
            StoppedError: The process is to end and an attempt would have to be repeated.
        """
        for _ in range(MAX_REDIRECTS + 1):
            response = self._attempt_repeatedly(method, url, headers or {}, body)
            if response.status not in _REDIRECTS:
                return self._checked(method, response, accept)
            if "location" not in response.headers:
                raise ProtocolError(f"{method} {url}: redirected (HTTP {response.status}) without a Location")
            url = urljoin(url, response.headers["location"])
        raise ProtocolError(f"{method} {url}: more than {MAX_REDIRECTS} redirects")

    def open_stream(
        self, url: str, headers: Mapping[str, str], read_timeout_seconds: float
    ) -> urllib3.BaseHTTPResponse:
        """Send one GET and return the answer unread, for a body that never ends; no retry, no redirect.

        Raises:
            TransportError: No answer arrived.
            UntrustedHostError: The URL is not the home's.
        """
        self.check_trusted(url)
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=read_timeout_seconds)
        try:
            return self._pool.request(
                "GET",
                url,
                headers=self._headers(headers),
                timeout=timeout,
                preload_content=False,
                redirect=False,
                retries=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise TransportError(f"GET {url}: {_reason(error)}") from error

    def check_trusted(self, url: str) -> None:
        """Raise `UntrustedHostError` unless the credentials may be sent to `url`."""
        target = urlsplit(url)
        home, host = self._home.hostname or "", target.hostname or ""
        if (
            target.scheme != self._home.scheme
            or _port(target) != _port(self._home)
            or not (host == home or host.endswith("." + home))
        ):
            raise UntrustedHostError(
                f"the server at {self._home.scheme}://{self._home.netloc} refers to {target.scheme}://"
                f"{target.netloc.rpartition('@')[2]}; credentials go only to {home} and hosts below it"
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
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        self.check_trusted(url)
        for attempt in range(1, MAX_ATTEMPTS + 1):
            last = attempt == MAX_ATTEMPTS
            wait_seconds = 0.2 * 4 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
            try:
                response = self._attempt(method, url, headers, body)
            except TransportError as error:
                if last:
                    raise
                self._wait(wait_seconds, error)
                continue
            if response.status not in _BUSY or last:
                return response
            asked_seconds = _retry_after_seconds(response.headers.get("retry-after"))
            if asked_seconds is not None:
                wait_seconds = asked_seconds
            if wait_seconds > RETRY_AFTER_CAP_SECONDS:
                return response
            self._wait(wait_seconds, None)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempt(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        deadline = time.monotonic() + RESPONSE_DEADLINE_SECONDS
        try:
            answer = self._pool.request(
                method,
                url,
                headers=self._headers(headers),
                body=body,
                preload_content=False,
                redirect=False,
                retries=False,
            )
            try:
                content = _read_bounded(answer, method, url, deadline)
            except BaseException:
                answer.close()
                raise
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise TransportError(f"{method} {url}: {_reason(error)}") from error
        return Response(answer.status, url, {k.lower(): v for k, v in answer.headers.items()}, content)

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


def _read_bounded(answer: urllib3.BaseHTTPResponse, method: str, url: str, deadline: float) -> bytes:
    """Read the whole body, but no more than `MAX_RESPONSE_BYTES` of it and no longer than to `deadline`."""
    chunks: list[bytes] = []
    size = 0
    while chunk := answer.read(READ_CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            raise TransportError(f"{method} {url}: the answer is larger than {MAX_RESPONSE_BYTES} bytes")
        if time.monotonic() > deadline:
            raise TransportError(f"{method} {url}: no whole answer in {RESPONSE_DEADLINE_SECONDS:.0f} s")
    return b"".join(chunks)


def _port(url: SplitResult) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme)


def _reason(error: Exception) -> str:
    """Say what went wrong without urllib3's object addresses."""
    text = str(error)
    return text.rpartition(">: ")[2] or type(error).__name__


def _retry_after_seconds(value: str | None) -> float | None:
    """Read a Retry-After header, seconds or a date (RFC 9110 section 10.2.3); None where there is none."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
