"""Requests to a URL that is itself a secret: each sent once, and neither told nor logged beyond its host."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from http.client import HTTPException
from urllib.parse import unquote

import urllib3

from mailroom import __version__
from mailroom.errors import StatusError
from mailroom.http.answers import Stream
from mailroom.http.bounds import Bounds
from mailroom.http.client import tls_context
from mailroom.http.connections import Connections, Patience, Request, exchange
from mailroom.http.trouble import transport_error
from mailroom.http.urls import parse

BRIEF = Bounds(
    connections=1, connect_seconds=4.0, silence_seconds=4.0, exchange_seconds=4.0, answer_bytes=256 * 1024
)


class SecretUrl:
    """Where something is sent once: neither repeated nor redirected, which would take the secret along.

    Args:
        url: May hold a user name and a password (RFC 3986 section 3.2.1), which are sent as Basic.
    """

    def __init__(self, url: str, bounds: Bounds = BRIEF) -> None:
        self._target = parse(url)
        self._place = self._target._replace(auth=None, path=None, query=None, fragment=None)
        self._bounds = bounds

    def post(self, headers: Mapping[str, str], body: bytes) -> None:
        """Send a POST, and make sure that it was taken.

        Raises:
            StatusError: The answer's status is not 2xx.
            TransportError: There was no whole answer in time.
        """
        self._send("POST", self._target.request_uri, headers, body)

    def get(self, below: str, query: str) -> bytes:
        """Return what lies below it.

        Args:
            below: Added to the URL's path.
            query: Added to the URL's query.

        Raises:
            StatusError: The answer's status is not 2xx.
            TransportError: There was no whole answer in time, or one that is too large.
        """
        path = (self._target.path or "").rstrip("/") + below
        both = "&".join(filter(None, (self._target.query, query)))
        return self._send("GET", f"{path}?{both}", {}, None)

    def _send(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        identity = {"User-Agent": f"mailroom/{__version__}"}
        if self._target.auth is not None:
            identity["Authorization"] = f"Basic {b64encode(unquote(self._target.auth).encode()).decode()}"
        request = Request(method, self._place.url, {**identity, **headers}, body)
        patience = Patience(self._bounds)
        connections = Connections(self._bounds, tls_context() if self._place.scheme == "https" else None)
        connection = connections.take(self._place, patience)
        give_back = partial(connections.give_back, self._place, connection)
        try:
            answer, sock = exchange(connection, request, target, patience)
        except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
            give_back(is_done=False)
            raise transport_error(error, request, request.url, patience) from error
        with Stream(request, answer, sock, patience, lambda is_done: give_back(is_done=False)) as stream:  # noqa: ARG005
            if not 200 <= stream.status < 300:
                raise StatusError(f"{request}: HTTP {stream.status}", stream.status)
            return stream.read_whole(self._bounds.answer_bytes).body
