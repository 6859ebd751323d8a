"""A POST to a URL that is itself a secret: sent once, and neither told nor logged beyond its host."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from http.client import HTTPException
from urllib.parse import unquote

import urllib3

from mailroom import __version__
from mailroom.errors import StatusError
from mailroom.http.bounds import Bounds
from mailroom.http.client import tls_context
from mailroom.http.connections import Connections, Patience, Request, exchange
from mailroom.http.trouble import transport_error
from mailroom.http.urls import parse

BRIEF = Bounds(connections=1, connect_seconds=5.0, silence_seconds=5.0, exchange_seconds=5.0)


def post_once(url: str, headers: Mapping[str, str], body: bytes, bounds: Bounds = BRIEF) -> None:
    """Send a POST and make sure that it was taken; what the answer says is not read.

    It is not repeated, and no redirect is followed: that would carry the secret to somebody else.

    Args:
        url: May hold a user name and a password (RFC 3986 section 3.2.1), which are sent as Basic.

    Raises:
        StatusError: The answer's status is not 2xx.
        TransportError: There was no answer in time.
    """
    target = parse(url)
    place = target._replace(auth=None, path=None, query=None, fragment=None)
    identity = {"User-Agent": f"mailroom/{__version__}"}
    if target.auth is not None:
        identity["Authorization"] = f"Basic {b64encode(unquote(target.auth).encode()).decode()}"
    request = Request("POST", place.url, {**identity, **headers}, body)
    patience = Patience(bounds)
    connections = Connections(bounds, tls_context() if target.scheme == "https" else None)
    connection = connections.take(place, patience)
    give_back = partial(connections.give_back, place, connection, is_done=False)
    try:
        status = exchange(connection, request, target.request_uri, patience)[0].status
    except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
        raise transport_error(error, request, place.url, patience) from error
    finally:
        give_back()
    if not 200 <= status < 300:
        raise StatusError(f"{request}: HTTP {status}", status)
