"""HTTP for both protocols: one connection pool, bounded retries, and credentials that stay with their host.

Everything Mailroom sends may be sent again: reads change nothing, a new card is written only where
there is none, and all other writes name the state they start from. So a request whose answer was
lost is repeated; the repetition meets the finished work and changes nothing.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPException
from ipaddress import ip_address
from urllib.parse import urljoin

import urllib3
from attrs import frozen
from urllib3.util import Url, parse_url

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
STREAM_CHUNK_BYTES = 16 * 1024

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
        return _media_type(self.headers)

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


def resolve(base: str, reference: str) -> str:
    """Return the URL that `reference`, perhaps a relative one, means in an answer from `base`.

    Raises:
        ProtocolError: It is not a URL.
    """
    try:
        url = urljoin(base, reference)
    except ValueError as error:
        raise ProtocolError(f"not a URL: {reference[:_SHOWN_BODY_CHARACTERS]!r}") from error
    _parse(url)
    return url


class Stream:
    """The answer to a GET, read as it arrives: for a body that does not end.

    Attributes:
        url: Where it came from in the end, after redirects.
        headers: Header fields by lower-case name.
    """

    def __init__(self, url: str, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer
        self.url = url
        self.status = answer.status
        self.headers = _lower_case(answer.headers)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return _media_type(self.headers)

    def chunks(self) -> Iterator[bytes]:
        """Yield what arrives as soon as it arrives, until the server ends it.

        Raises:
            TransportError: The connection broke, or was silent for longer than the read time-out.
        """
        try:
            while chunk := self._answer.read1(STREAM_CHUNK_BYTES, decode_content=False):
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # ValueError: read after `interrupt` or `close` in another thread.
            raise TransportError(f"GET {self.url}: {_reason(error)}") from error

    def interrupt(self) -> None:
        """Make `chunks` end, from another thread."""
        with suppress(OSError, ValueError, RuntimeError):  # it has ended by itself
            self._answer.shutdown()

    def close(self) -> None:
        """Give the connection up."""
        self._answer.close()


class HttpClient:
    """Talks to one server, as one user.

    Args:
        home: The configured URL. Credentials go to its host and to hosts below it, and no further.
        authorization: The value of the Authorization header.
        stop: Set when the process is to end; cuts waits between attempts short.
    """

    def __init__(self, home: str, authorization: str, stop: threading.Event | None = None) -> None:
        self._home = _parse(home)
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
        target = _parse(url)
        home, host = self._home.host or "", target.host or ""
        if (
            target.scheme != self._home.scheme
            or _port(target) != _port(self._home)
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
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
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
            asked_seconds = retry_after_seconds(response.headers.get("retry-after"))
            if asked_seconds is not None:
                wait_seconds = asked_seconds
            if wait_seconds > RETRY_AFTER_CAP_SECONDS:
                return response
            self._wait(wait_seconds, None)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempt(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        deadline = time.monotonic() + RESPONSE_DEADLINE_SECONDS
        answer = self._send(method, url, headers, body)
        try:
            content = _read_bounded(answer, deadline)
        except BaseException as error:
            answer.close()
            if isinstance(error, urllib3.exceptions.HTTPError | OSError | zlib.error | _RefusedError):
                raise TransportError(f"{method} {url}: {_reason(error)}") from error
            raise
        answer.release_conn()
        return Response(answer.status, url, _lower_case(answer.headers), content)

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
            raise TransportError(f"{method} {url}: {_reason(error)}") from error

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


class _RefusedError(Exception):
    """The answer's body is not worth reading on."""


def _read_bounded(answer: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """Read the whole body, but no more than `MAX_RESPONSE_BYTES` of it and no longer than to `deadline`."""
    too_large = _RefusedError(f"the answer is larger than {MAX_RESPONSE_BYTES} bytes")
    if (answer.length_remaining or 0) > MAX_RESPONSE_BYTES:
        raise too_large
    body = bytearray()  # not a list of pieces: a server may send them a byte at a time
    for chunk in _decoded(_raw_chunks(answer, deadline), answer.headers.get("content-encoding", "")):
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise too_large
    return bytes(body)


def _raw_chunks(answer: urllib3.BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
    # read1 returns what there is, so that a body that drips is noticed at the deadline.
    while chunk := answer.read1(READ_CHUNK_BYTES, decode_content=False):
        yield chunk
        if time.monotonic() > deadline:
            raise _RefusedError(f"no whole answer in {RESPONSE_DEADLINE_SECONDS:.0f} s")


def _decoded(chunks: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Undo the content coding piece by piece: a few bytes can stand for gigabytes."""
    if coding.strip().lower() in ("", "identity"):
        yield from chunks
        return
    if coding.strip().lower() not in ("gzip", "x-gzip"):
        raise _RefusedError(f"the answer has a content coding that was not asked for: {coding}")
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    for chunk in chunks:
        rest = chunk
        while rest:
            yield decompressor.decompress(rest, READ_CHUNK_BYTES)
            rest = decompressor.unconsumed_tail
    if not decompressor.eof:
        raise _RefusedError("the answer's gzip data is cut short")


@cache
def _tls_context() -> ssl.SSLContext:
    """Return what verifies every server; SSL_CERT_FILE and SSL_CERT_DIR name other authorities."""
    return ssl.create_default_context()


def _parse(url: str) -> Url:
    """Parse a URL with the parser that decides where a connection goes; another may see another host."""
    try:
        parsed = parse_url(url)
    except urllib3.exceptions.LocationParseError as error:
        raise ProtocolError(f"not a URL: {url[:_SHOWN_BODY_CHARACTERS]!r}") from error
    if " " in (parsed.host or ""):  # older versions of the parser let it pass
        raise ProtocolError(f"not a URL: {url[:_SHOWN_BODY_CHARACTERS]!r}")
    return parsed


def _port(url: Url) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme or "")


def _redirected(method: str, url: str, answer: Response | Stream) -> str:
    """Return where a redirect leads."""
    if "location" not in answer.headers:
        raise ProtocolError(f"{method} {url}: redirected (HTTP {answer.status}) without a Location")
    return resolve(url, answer.headers["location"])


def _lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _reason(error: Exception) -> str:
    """Say what went wrong without urllib3's object addresses."""
    cause = error.args[-1] if len(error.args) > 1 and isinstance(error.args[-1], Exception) else error
    return str(cause).rpartition(">: ")[2] or type(cause).__name__


def retry_after_seconds(value: str | None) -> float | None:
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
