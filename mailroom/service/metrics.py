"""Figures for Prometheus: a reader of each cycle's report, as the log is, and of what HTTP says of itself.

Nothing is asked of a server for them, and no label holds a name or an address.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from threading import Lock

from mailroom import __version__
from mailroom.service.exposition import Counter, Gauge, Histogram
from mailroom.triage.report import Report, Waiting

CYCLE_BOUNDS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
REQUEST_BOUNDS_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
GOOD, FAILED = "good", "failed"
NO_ANSWER = "none"
OTHER_STATUS = "other"
"""A server may say any number; only those that have a name get a series of their own."""

_STATUSES = frozenset(int(status) for status in HTTPStatus)


class Metrics:
    """What is counted from the start of the process on.

    Args:
        categories: The titles of what can be decided.
        push: Whether changes are heard of at once; None where nobody listens.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        categories: Iterable[str],
        push: Callable[[], bool | None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._lock = Lock()
        self._push = push
        self._now = now
        self._filed = Counter("mailroom_senders_filed_total", "Senders filed.", "category")
        self._moved = Counter("mailroom_messages_moved_total", "Messages moved to where they belong.")
        self._passed = Counter(
            "mailroom_replies_passed_total", "Messages let out of Screener because they answer the person."
        )
        self._rejected = Counter(
            "mailroom_messages_rejected_total", "Labelled messages left to the person, each counted once."
        )
        self._failed = Counter(
            "mailroom_senders_failed_total", "Attempts to file a sender that failed; the label stays."
        )
        self._cycles = Counter("mailroom_cycles_total", "Cycles that ended.", "outcome")
        self._cycle_seconds = Histogram(
            "mailroom_cycle_seconds", "How long a cycle took.", bounds=CYCLE_BOUNDS_SECONDS
        )
        self._requests = Counter(
            "mailroom_requests_total",
            "HTTP requests sent, by the status of their answer (none: there was none).",
            "protocol",
            "status",
        )
        self._request_seconds = Histogram(
            "mailroom_request_seconds",
            "How long a server took until its answer began.",
            "protocol",
            bounds=REQUEST_BOUNDS_SECONDS,
        )
        self._last_good = Gauge(
            "mailroom_last_good_cycle_timestamp_seconds", "When the last good cycle ended."
        )
        self._push_connected = Gauge(
            "mailroom_push_connected", "Whether changes are heard of at once; absent where push is off."
        )
        self._screener_senders = Gauge("mailroom_screener_senders", "Senders whose mail waits in Screener.")
        self._screener_messages = Gauge("mailroom_screener_messages", "Messages that wait in Screener.")
        self._screener_oldest = Gauge(
            "mailroom_screener_oldest_timestamp_seconds", "When the oldest message in Screener arrived."
        )
        self._build = Gauge("mailroom_build_info", "Always 1; the label says what runs.", "version")
        self._begin(categories)

    def _begin(self, categories: Iterable[str]) -> None:
        """Say 0 of what may be counted: a rate needs a number to begin with."""
        for title in categories:
            self._filed.add(0, title)
        for counter in (self._moved, self._passed, self._rejected, self._failed):
            counter.add(0)
        for outcome in (GOOD, FAILED):
            self._cycles.add(0, outcome)
        self._build.put(1, __version__)

    def note_report(self, report: Report, seconds: float) -> None:
        """Count what a cycle did that ended well."""
        with self._lock:
            for filed in report.filed:
                category = filed.filing.decision.category
                if not category.is_undecided:
                    self._filed.add(1, category.title)
            self._moved.add(sum(x.messages_moved for x in report.filed) + report.swept.messages_moved)
            self._passed.add(len(report.replies.passed))
            self._rejected.add(sum(each.is_new for each in report.rejected))
            self._failed.add(len(report.failed))
            self._note_cycle(GOOD, seconds)
            self._last_good.put(self._now())
            if report.waiting:
                self._note_waiting(report.waiting)

    def note_failure(self, error: Exception, seconds: float) -> None:  # noqa: ARG002 - the log has it
        """Count a cycle that failed as a whole."""
        with self._lock:
            self._note_cycle(FAILED, seconds)

    def note_end(self, failures: int) -> None:
        """Hear that the service ends; nobody asks for figures any more."""

    def note_request(self, protocol: str, status: int | None, seconds: float) -> None:
        """Count a request.

        Args:
            status: The HTTP status of its answer; None where there was none.
            seconds: How long it took until then.
        """
        with self._lock:
            said = OTHER_STATUS if status else NO_ANSWER
            self._requests.add(1, protocol, str(status) if status in _STATUSES else said)
            self._request_seconds.observe(seconds, protocol)

    def text(self) -> str:
        """Return all of it in Prometheus' text format."""
        with self._lock:
            self._push_connected.put(self._push())
            metrics = (
                self._filed, self._moved, self._passed, self._rejected, self._failed, self._cycles,
                self._cycle_seconds, self._requests, self._request_seconds, self._last_good,
                self._push_connected, self._screener_senders, self._screener_messages,
                self._screener_oldest, self._build,
            )  # fmt: skip
            return "".join(f"{line}\n" for metric in metrics for line in metric.lines())

    def _note_cycle(self, outcome: str, seconds: float) -> None:
        self._cycles.add(1, outcome)
        self._cycle_seconds.observe(seconds)

    def _note_waiting(self, waiting: Waiting) -> None:
        self._screener_messages.put(waiting.messages)
        if waiting.senders is not None:  # else it is as it was when the messages were read
            self._screener_senders.put(waiting.senders)
            self._screener_oldest.put(_timestamp(waiting.oldest_at))


def _timestamp(moment: str) -> float | None:
    """Return the seconds since 1970, or None of what is no moment."""
    try:
        return datetime.fromisoformat(moment).timestamp()
    except (ValueError, OverflowError):
        return None
