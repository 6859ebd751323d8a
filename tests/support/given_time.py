"""Time as a test gives it: what is waited for is noted instead of lived through."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
"""How long a test waits for what must come, on a machine that does much else; only a fault waits so long."""

POLL_SECONDS = 0.005


def eventually(condition: Callable[[], bool], patience_seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether a condition comes true; returns as soon as it is."""
    deadline = time.monotonic() + patience_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


class NotedWaits(threading.Event):
    """An event whose waits take no time, so that a test sees how long they would have been.

    Args:
        passing: How many waits pass; those after them last until the event is set.

    Attributes:
        seconds: How long each wait would have been, in order.
        times_set: How often somebody has ended the waiting.
    """

    def __init__(self, passing: float = math.inf) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.times_set = 0
        self._passing = passing
        self._lasting = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(math.inf if timeout is None else timeout)
        if len(self.seconds) <= self._passing:
            return self.is_set()
        self._lasting.set()
        return super().wait()

    def set(self) -> None:
        self.times_set += 1
        super().set()

    def all_passed(self) -> bool:
        """Wait for the first wait that lasts; whether it came."""
        return self._lasting.wait(PATIENCE_SECONDS)


class GivenTime(threading.Condition):
    """A clock that goes on only while somebody waits on it, and what happens at which time.

    Attributes:
        now: Seconds since the beginning.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._actions: list[tuple[float, Callable[[], None]]] = []

    def clock(self) -> float:
        return self.now

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen at a time; to be called in the order of these."""
        self._actions.append((seconds, action))

    def wait(self, timeout: float | None = None) -> bool:
        """Let the time go on to the next thing that happens, or to the end of the wait."""
        assert timeout is not None
        due = self.now + timeout
        if not self._actions or self._actions[0][0] > due:
            self.now = due
            return False
        self.now, action = self._actions.pop(0)
        action()
        return True
