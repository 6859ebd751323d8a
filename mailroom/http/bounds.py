"""How long a client waits for a server, and how much it takes from it."""

from __future__ import annotations

from attrs import frozen

MAX_CONNECTIONS = 8
MEBIBYTE = 1024 * 1024


@frozen
class Bounds:
    """What one client allows a server.

    Attributes:
        connections: How many there are at once; who needs one more waits until another is given back.
        connect_seconds: How long a connection may take to come about, its encryption included.
        silence_seconds: How long the server may say nothing while it is expected to answer.
        exchange_seconds: How long one attempt may take, from the wait for a connection to the last byte
            of the answer, redirects included.
        attempts: How often a request is sent that fails in passing.
        first_wait_seconds: About how long it waits before the second attempt; four times as long before
            each that follows.
        redirects: How many are followed in one attempt.
        wait_seconds: The longest wait that a server may ask for before the next attempt.
        answer_bytes: How large an answer may be, unpacked.
    """

    connections: int = MAX_CONNECTIONS
    connect_seconds: float = 10.0
    silence_seconds: float = 20.0
    exchange_seconds: float = 120.0
    attempts: int = 3
    first_wait_seconds: float = 0.2
    redirects: int = 5
    wait_seconds: float = 60.0
    answer_bytes: int = 64 * MEBIBYTE


DEFAULT_BOUNDS = Bounds()
