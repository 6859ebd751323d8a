"""What goes wrong with a connection, in words that say what to do; the cause keeps the library's own."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected
from ssl import SSLCertVerificationError, SSLError
from typing import Any

from attrs import frozen
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NewConnectionError, ReadTimeoutError

from mailroom.errors import TimedOutError, TransportError
from mailroom.http.connections import Patience, Request
from mailroom.http.urls import parse, port_of

_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})

# What OpenSSL reads where the other side answers in the clear: the first bytes of "HTTP/1.1 …" as a record.
_NOT_TLS = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
    }
)
# The beginning of a TLS alert (RFC 8446 section 5.1): content type 21, legacy version 3.
_TLS_ALERT = "\x15\x03"

# X509_V_ERR_… of OpenSSL.
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64


@frozen
class _Place:
    """Where a request went, and how long it was waited for."""

    host: str
    port: int | None
    patience: Patience

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def transport_error(
    error: BaseException, request: Request, url: str, patience: Patience, setting: str = ""
) -> TransportError:
    """Make an error of what kept a request, which led to `url`, from getting a whole answer.

    Args:
        setting: What a person has set to say where the server is; empty where that is not to blame.
    """
    kind = TimedOutError if _is_too_slow(error, patience) else TransportError
    told = explain(error, url, patience)
    return kind(f"{setting}: {told} ({request})" if setting else f"{request}: {told}")


def explain(error: BaseException, url: str, patience: Patience) -> str:
    """Say why a request to `url` got no whole answer, and what to do where a person can do something.

    Args:
        error: What urllib3, http.client or a socket has raised.
    """
    if patience.left_seconds <= 0:
        return patience.explain()
    target = parse(url)
    place = _Place((target.host or "").strip("[]"), port_of(target), patience)
    for cause in _causes(error):
        # To urllib3, whatever keeps a connection from coming about is a time-out too.
        if isinstance(cause, NewConnectionError):
            continue
        for kinds, tell in _TELL:
            if isinstance(cause, kinds):
                return tell(cause, place)
    return str(error) or type(error).__name__


def _is_too_slow(error: BaseException, patience: Patience) -> bool:
    """Whether there was a connection, and the time was over before the answer was."""
    if patience.left_seconds <= 0:
        return True
    causes = tuple(_causes(error))
    return any(isinstance(x, ReadTimeoutError | TimeoutError) for x in causes) and not any(
        isinstance(x, ConnectTimeoutError) for x in causes
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what is behind it: urllib3 wraps others as arguments and as causes."""
    while error is not None:
        yield error
        yield from (each for each in error.args if isinstance(each, BaseException))
        error = error.__cause__


def _no_connection(_: Any, place: _Place) -> str:
    seconds = place.patience.connect_seconds
    return f"no connection to {place} within {seconds:g} s; check the address, and any firewall on the way"


def _silence(error: Any, place: _Place) -> str:
    if "handshake" in str(error):
        return f"{place} did not complete the TLS handshake in time; check the port"
    return f"{place} was silent for {place.patience.silence_seconds:g} s"


def _no_address(error: socket.gaierror, place: _Place) -> str:
    if error.errno in _NO_SUCH_NAME:
        return f"there is no host named {place.host}; check its spelling, and this machine's DNS"
    return f"the name {place.host} cannot be looked up now ({error.strerror}); check this machine's DNS"


def _bad_certificate(error: SSLCertVerificationError, place: _Place) -> str:
    certificate = f"the certificate of {place}"
    match error.verify_code:
        case code if code == _EXPIRED:
            return f"{certificate} has expired, or the clock of this machine is wrong"
        case code if code == _NOT_YET_VALID:
            return f"{certificate} is not valid yet, or the clock of this machine is wrong"
        case code if code in (_OTHER_HOST, _OTHER_ADDRESS):
            return f"{certificate} is for another host name; check the host in the URL"
    return (
        f"{certificate} is not trusted on this machine ({error.verify_message}); "
        "for a server of your own, name its authority's file in SSL_CERT_FILE"
    )


def _no_encryption(error: SSLError, place: _Place) -> str:
    if error.reason in _NOT_TLS:
        return (
            f"the server does not speak TLS on port {place.port} (is it http://?); check the port in the URL"
        )
    if error.reason == "UNEXPECTED_EOF_WHILE_READING":
        return f"{place} closed the connection before it was encrypted; check the host and the port"
    reason = (error.reason or "for an unknown reason").replace("_", " ").lower()
    return f"no encrypted connection to {place} came about: {reason}"


def _hung_up(_: Any, place: _Place) -> str:
    return f"{place} closed the connection without an answer"


def _refused(_: Any, place: _Place) -> str:
    return f"nothing answers at {place}; check the host and the port, and whether the server is running"


def _broken_off(_: Any, place: _Place) -> str:
    return f"the connection to {place} broke off"


def _cut_short(error: Any, _: _Place) -> str:
    if error.expected is None:
        return "the answer broke off, or is not in the form that it announces"
    got = error.partial if isinstance(error.partial, int) else len(error.partial)
    return f"the answer broke off after {got} bytes, {error.expected} bytes before its end"


def _not_http(error: BadStatusLine, place: _Place) -> str:
    if str(error).startswith(_TLS_ALERT):
        return f"the server speaks TLS on port {place.port}; the URL must begin with https://"
    return f"the server does not speak HTTP on port {place.port}; check the port in the URL"


def _no_host_name(_: Any, place: _Place) -> str:
    return f"{place.host[:64]!r} cannot be the name of a host"


def _of_the_system(error: OSError, place: _Place) -> str:
    if error.errno in _NO_ROUTE:
        family = "IPv6 network" if ":" in place.host else "network"
        return f"there is no route to {place.host}; check this machine's {family}"
    return error.strerror or str(error) or type(error).__name__


_TELL: tuple[tuple[tuple[type[BaseException], ...], Callable[[Any, _Place], str]], ...] = (
    ((ConnectTimeoutError,), _no_connection),
    ((ReadTimeoutError, TimeoutError), _silence),
    ((socket.gaierror,), _no_address),
    ((SSLCertVerificationError,), _bad_certificate),
    ((SSLError,), _no_encryption),
    ((RemoteDisconnected,), _hung_up),
    ((ConnectionRefusedError,), _refused),
    ((ConnectionError,), _broken_off),
    ((IncompleteRead,), _cut_short),
    ((BadStatusLine,), _not_http),
    ((LocationParseError,), _no_host_name),
    ((OSError,), _of_the_system),
)
"""Who tells of which error, subclasses before their bases."""
