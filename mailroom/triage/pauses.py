"""Pauses that grow: what a server refuses is not tried again at every event."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Generic, TypeVar

from attrs import define, field, frozen

PAUSES_SECONDS = (0.0, 30.0, 60.0, 120.0, 300.0, 900.0)
"""After the first failure there is none: most failures are over in a moment, and a person may be waiting."""

K = TypeVar("K", bound=Hashable)


@frozen
class _Pause:
    failures: int
    until: float


@define
class Pauses(Generic[K]):
    """Remembers what failed, and until when to leave it alone.

    It holds no more than what waited or failed at the last look, so that it cannot grow.

    Args:
        clock: Tells seconds; only differences count.
    """

    _clock: Callable[[], float]
    _pauses: dict[K, _Pause] = field(init=False, factory=dict)

    def __len__(self) -> int:
        return len(self._pauses)

    def holds(self, key: K) -> bool:
        """Whether `key` is to be left alone now."""
        pause = self._pauses.get(key)
        return pause is not None and self._clock() < pause.until

    def settle(self, failed: Iterable[K], held: Collection[K]) -> None:
        """Lengthen the pauses of what failed, keep those of what was held, and forget all others."""
        now = self._clock()
        settled = {key: self._pauses[key] for key in held if key in self._pauses}
        for key in failed:
            failures = self._pauses[key].failures + 1 if key in self._pauses else 1
            pause_seconds = PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS)) - 1]
            settled[key] = _Pause(failures, now + pause_seconds)
        self._pauses = settled
