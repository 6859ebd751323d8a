"""HTTP for both protocols: one connection pool, bounded retries, and credentials that stay with their host.

Everything Mailroom sends may be sent again: reads change nothing, a new card is written only where
there is none, and all other writes name the state they start from. So a request whose answer was
lost is repeated; the repetition meets the finished work and changes nothing.
"""

from mailroom.http.answers import Response, Stream, retry_after_seconds
from mailroom.http.client import MAX_CONNECTIONS, HttpClient
from mailroom.http.urls import is_loopback, resolve

__all__ = [
    "MAX_CONNECTIONS",
    "HttpClient",
    "Response",
    "Stream",
    "is_loopback",
    "resolve",
    "retry_after_seconds",
]
