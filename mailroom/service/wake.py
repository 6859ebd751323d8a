"""When the next cycle begins: at the end of the interval, or soon after something has changed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import TypeVar

QUIET_SECONDS = 0.15
"""One tap of a person makes several changes: how long to wait for the next of them."""

MAX_DELAY_SECONDS = 1.0
"""How long changes that do not cease can put a cycle off."""

LOOK_SECONDS = 0.03
"""How soon after a change is looked, while it is waited for the next: most of a burst comes at once."""

MAX_LOOKS = 2

T = TypeVar("T")


class Wake:
    """Wakes the thread that runs the cycles; other threads call it.

    Our own changes call too. The cycle they lead to finds nothing to do, which takes one request, and
    sees what a person has done meanwhile.

    Args:
        clock: Seconds that never go back.
        condition: What it waits on, in seconds of `clock`.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, condition: threading.Condition | None = None
    ) -> None:
        self._clock = clock
        self._condition = condition or threading.Condition()
        self._is_stopped = False
        self._first_call = self._latest_call = math.inf

    def stop(self) -> None:
        """End this wait and every later one."""
        with self._condition:
            self._is_stopped = True
            self._condition.notify_all()

    def call(self) -> None:
        """Say that something has changed."""
        with self._condition:
            self._latest_call = self._clock()
            self._first_call = min(self._first_call, self._latest_call)
            self._condition.notify_all()

    def wait(
        self,
        interval_seconds: float,
        pause_seconds: float = 0.0,
        look: Callable[[], T | None] = lambda: None,
    ) -> T | None:
        """Return when the next cycle is due, and forget all calls: the cycle sees what they were about.

        Args:
            pause_seconds: For how long no call counts, as after a failure.
            look: Looks ahead after a call, so that the time until the next is not lost.

        Returns:
            What the last look has seen; None where there was none, or a call has come since it began.
        """
        seen, looks, looked_at = None, 0, -math.inf
        with self._condition:
            began = self._clock()
            if self._latest_call <= began:
                # Called during the cycle, mostly by our own changes: the last of them is still on its way.
                self._first_call = self._latest_call = began
            while not self._is_stopped:
                called = min(self._latest_call + QUIET_SECONDS, self._first_call + MAX_DELAY_SECONDS)
                due = min(max(called, began + pause_seconds), began + interval_seconds)
                now = self._clock()
                if due <= now:
                    break
                may_look = self._latest_call >= looked_at and looks < MAX_LOOKS and not pause_seconds
                look_at = self._latest_call + LOOK_SECONDS if may_look else math.inf
                if look_at <= now:
                    looks, looked_at = looks + 1, now
                    seen = self._unlocked(look)
                else:
                    self._condition.wait(min(due, look_at) - now)
            is_current = self._latest_call < looked_at
            self._first_call = self._latest_call = math.inf
            return seen if is_current else None

    def _unlocked(self, look: Callable[[], T | None]) -> T | None:
        """Look while others may call."""
        self._condition.release()
        try:
            return look()
        finally:
            self._condition.acquire()
