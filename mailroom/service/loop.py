"""The long-lived loop: wake, cycle, health, failure budget."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Protocol

from mailroom.errors import StoppedError
from mailroom.exits import Exit
from mailroom.journal.writer import Journal
from mailroom.output.logs import log
from mailroom.service.cycle_log import log_failure, log_report
from mailroom.service.wake import Wake
from mailroom.triage.cycle import Triage
from mailroom.triage.lookout import Look
from mailroom.triage.report import Report

MAX_FAILURES_IN_A_ROW = 10


class CycleReader(Protocol):
    """Reads what becomes of each cycle, as the log does; none of it raises."""

    def note_report(self, report: Report, seconds: float) -> None:
        """Read what a cycle did that ended well, and how long it took."""
        ...

    def note_failure(self, error: Exception, seconds: float) -> None:
        """Hear why a cycle failed as a whole, and after how long."""
        ...

    def note_end(self, failures: int) -> None:
        """Hear that the service ends, after so many failures in a row."""
        ...


class Chore(Protocol):
    """Something that is done after a cycle that ended well, now and then; it raises nothing."""

    def do_if_due(self) -> None:
        """Do it if it is due."""
        ...

    def seconds_until_due(self) -> float:
        """Return in how many seconds it may be due, so that a cycle begins by then."""
        ...


class Service:
    """Runs cycles until it is stopped or has failed too often.

    Args:
        on_good_cycle: Called after each cycle that ended well.
        on_progress: Called before each cycle, and before each wait with the seconds that it may take.
        stop: Set when the process is to end; `wake` is to be stopped with it.
        journal: Tells in the account what each cycle did.
        wake: Called when a cycle should begin before the interval is over.
        readers: Read what becomes of each cycle, besides the log.
        chores: Done after it.
    """

    def __init__(
        self,
        triage: Triage,
        journal: Journal,
        interval_seconds: float,
        on_good_cycle: Callable[[], None],
        on_progress: Callable[[float], None],
        *,
        stop: threading.Event,
        wake: Wake,
        readers: Collection[CycleReader] = (),
        chores: Collection[Chore] = (),
    ) -> None:
        self._triage = triage
        self._journal = journal
        self._interval_seconds = interval_seconds
        self._on_good_cycle = on_good_cycle
        self._on_progress = on_progress
        self._stop = stop
        self._wake = wake
        self._readers = readers
        self._chores = chores

    def run(self) -> Exit:
        """Run until stopped, or until it has failed too often."""
        failures = 0
        is_awaited = True  # whoever starts it, or has seen it fail, hears of the first cycle that ends well
        look: Look | None = None
        while not self._stop.is_set():
            self._on_progress(0.0)
            began = time.monotonic()
            try:
                report = run_cycle(self._triage, self._journal, look, is_awaited=is_awaited)
            except StoppedError:
                break
            except Exception as error:  # noqa: BLE001 - a bug in one cycle must not end the service either
                failures += 1
                is_awaited = True
                self._tell_of(error, failures, time.monotonic() - began)
                if failures == MAX_FAILURES_IN_A_ROW:
                    return Exit.FAILED
                if failures == 1:
                    self._wake.call()  # a person may be waiting; most failures are over in a moment
            else:
                failures, is_awaited = 0, False
                self._conclude(report, time.monotonic() - began)
            wait_seconds = min([self._interval_seconds, *(x.seconds_until_due() for x in self._chores)])
            self._on_progress(wait_seconds)
            # While cycles fail, many changes must not use up the failures at once.
            pause_seconds = 2.0**failures if failures else 0.0
            look = self._wake.wait(wait_seconds, pause_seconds, self._look)
        log(logging.INFO, "service_stopped")
        return Exit.DONE

    def _look(self) -> Look | None:
        """Look ahead; what stands against it is the cycle's to meet."""
        try:
            return self._triage.look()
        except Exception:  # noqa: BLE001 - told by the cycle, which looks itself then
            return None

    def _conclude(self, report: Report, seconds: float) -> None:
        """Do what follows a cycle that ended well."""
        self._on_good_cycle()
        for reader in self._readers:
            reader.note_report(report, seconds)
        for chore in self._chores:
            chore.do_if_due()

    def _tell_of(self, error: Exception, failures: int, seconds: float) -> None:
        """Tell everybody why a cycle failed, and that it was one too many."""
        log_failure(error, failures_in_a_row=failures)
        with suppress(StoppedError):  # the next look whether to go on sees it, too
            self._journal.tell_failure(error)
        for reader in self._readers:
            reader.note_failure(error, seconds)
        if failures == MAX_FAILURES_IN_A_ROW:
            log(logging.ERROR, "service_failed", failures_in_a_row=failures)
            for reader in self._readers:
                reader.note_end(failures)


def run_cycle(
    triage: Triage,
    journal: Journal | None = None,
    look: Look | None = None,
    *,
    is_awaited: bool = False,
) -> Report:
    """Run one cycle, and tell what it did; in the log where it did nothing, only if that `is_awaited`.

    Args:
        journal: Tells it in the account, too.
        look: What was seen just before.
    """
    report = triage.run(look)
    log_report(report, is_awaited=is_awaited)
    if journal:
        journal.tell(report)
    return report
