"""HTTP for both protocols: bounded waiting, reading and repeating, and credentials that stay with their host.

Everything Mailroom sends may be sent again: reads change nothing, a new card is written only where
there is none, and all other writes name the state they start from. So a request whose answer was
lost is repeated; the repetition meets the finished work and changes nothing.
"""

from mailroom.http.answers import Response, Stream, retry_after_seconds
from mailroom.http.bounds import DEFAULT_BOUNDS, MAX_CONNECTIONS, Bounds
from mailroom.http.client import HttpClient
from mailroom.http.credentials import Credentials
from mailroom.http.once import SecretUrl
from mailroom.http.urls import (
    authority_of,
    find_secret_url_problem,
    find_url_problem,
    is_loopback,
    resolve,
    secrets_of_url,
)

__all__ = [
    "DEFAULT_BOUNDS",
    "MAX_CONNECTIONS",
    "Bounds",
    "Credentials",
    "HttpClient",
    "Response",
    "SecretUrl",
    "Stream",
    "authority_of",
    "find_secret_url_problem",
    "find_url_problem",
    "is_loopback",
    "resolve",
    "retry_after_seconds",
    "secrets_of_url",
]
