"""When the next cycle begins: at the end of the interval, or soon after something has changed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

QUIET_SECONDS = 0.15
"""One tap of a person makes several changes: how long to wait for the next of them."""

MAX_DELAY_SECONDS = 1.0
"""How long changes that do not cease can put a cycle off."""


class Wake:
    """Wakes the service's thread; the other threads call.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._condition = threading.Condition()
        self._is_stopped = False
        self._first_call = self._latest_call = math.inf
        self._latest_state: str | None = None
        self._is_sure = False

    @property
    def is_stopped(self) -> bool:
        """Whether the service is to end."""
        return self._is_stopped

    def stop(self) -> None:
        """Wake the service for good."""
        with self._condition:
            self._is_stopped = True
            self._condition.notify_all()

    def call(self, state: str | None = None) -> None:
        """Say that something has changed.

        Args:
            state: The state the mail is in now; None where that is unknown.
        """
        with self._condition:
            now = self._clock()
            self._first_call = min(self._first_call, now)
            self._latest_call = now
            self._latest_state = state
            self._is_sure = self._is_sure or state is None
            self._condition.notify_all()

    def clear(self) -> None:
        """Forget all calls: the cycle that begins now sees what they were about."""
        with self._condition:
            self._forget()

    def wait(
        self, interval_seconds: float, is_seen: Callable[[str], bool], pause_seconds: float = 0.0
    ) -> None:
        """Return when the next cycle is due.

        Args:
            is_seen: Whether the mail has been seen as it is in a state: then there is no need for a cycle.
            pause_seconds: For how long no call counts.
        """
        with self._condition:
            began = self._clock()
            while not self._is_stopped:
                called = max(self._due(is_seen), began + pause_seconds)
                remaining_seconds = min(called, began + interval_seconds) - self._clock()
                if remaining_seconds <= 0:
                    return
                self._condition.wait(remaining_seconds)

    def _due(self, is_seen: Callable[[str], bool]) -> float:
        """Return when the calls so far want a cycle to begin."""
        if self._latest_state is not None and not self._is_sure and is_seen(self._latest_state):
            self._forget()
        return min(self._latest_call + QUIET_SECONDS, self._first_call + MAX_DELAY_SECONDS)

    def _forget(self) -> None:
        self._first_call = self._latest_call = math.inf
        self._latest_state = None
        self._is_sure = False
