"""What a server refuses is left alone for a while."""

from __future__ import annotations

from itertools import pairwise

from attrs import define

from mailroom.triage.pauses import PAUSES_SECONDS, Pauses


@define
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def attempts(clock: Clock, pauses: Pauses[str], seconds: int) -> list[float]:
    """Try every second something that always fails; return when it was tried."""
    tried = []
    for _ in range(seconds):
        if pauses.holds("a"):
            pauses.settle((), {"a"})
        else:
            tried.append(clock.now)
            pauses.settle({"a"}, ())
        clock.now += 1
    return tried


def test_what_fails_is_tried_again_once_at_once_and_then_more_and_more_rarely() -> None:
    """An event every second for two hours leads to a dozen attempts, not to thousands."""
    clock = Clock()
    tried = attempts(clock, Pauses(clock), 7_200)
    gaps = [later - earlier for earlier, later in pairwise(tried)]
    assert gaps[: len(PAUSES_SECONDS) + 1] == [1.0, *PAUSES_SECONDS[1:], PAUSES_SECONDS[-1]]
    assert len(tried) < 15
    assert PAUSES_SECONDS[0] == 0
    assert sorted(PAUSES_SECONDS) == list(PAUSES_SECONDS)
    assert PAUSES_SECONDS[-1] <= 900, "who fixes what is refused waits no longer than that"


def test_a_success_is_forgetting() -> None:
    """What was done, or is not wanted any more, starts anew the next time it fails."""
    clock = Clock()
    pauses: Pauses[str] = Pauses(clock)
    attempts(clock, pauses, 10)
    assert pauses.holds("a")
    pauses.settle((), ())
    assert not pauses.holds("a")
    assert len(attempts(clock, pauses, 10)) == 2


def test_it_holds_no_more_than_what_failed_or_was_held_last() -> None:
    """Memory is bounded by what waits for the person, however many strangers come and go."""
    clock = Clock()
    pauses: Pauses[str] = Pauses(clock)
    for number in range(1_000):
        pauses.settle({f"{number}", f"{number + 1}"}, {"never heard of"})
    assert len(pauses) == 2
