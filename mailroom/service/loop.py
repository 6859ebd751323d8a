"""The long-lived loop: wake, cycle, health, failure budget."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from itertools import islice

from mailroom.errors import MailroomError, StoppedError, UserError
from mailroom.output.logs import log
from mailroom.service.wake import Wake
from mailroom.triage.cycle import Triage
from mailroom.triage.report import Report, Swept

MAX_FAILURES_IN_A_ROW = 10


class Service:
    """Runs cycles until it is stopped or has failed too often.

    Args:
        on_good_cycle: Called after each cycle that ended well.
        on_progress: Called before each cycle, and before each wait with the seconds that it may take.
        stop: Set when the process is to end; `wake` is to be stopped with it.
        wake: Called when a cycle should begin before the interval is over.
    """

    def __init__(
        self,
        triage: Triage,
        interval_seconds: float,
        on_good_cycle: Callable[[], None],
        on_progress: Callable[[float], None],
        *,
        stop: threading.Event,
        wake: Wake,
    ) -> None:
        self._triage = triage
        self._interval_seconds = interval_seconds
        self._on_good_cycle = on_good_cycle
        self._on_progress = on_progress
        self._stop = stop
        self._wake = wake

    def run(self) -> int:
        """Run until stopped; return the process's exit code."""
        failures = 0
        while not self._stop.is_set():
            self._wake.clear()
            self._on_progress(0.0)
            try:
                run_cycle(self._triage)
            except StoppedError:
                break
            except Exception as error:  # noqa: BLE001 - a bug in one cycle must not end the service either
                failures += 1
                log_failure(error, failures_in_a_row=failures)
                if failures == MAX_FAILURES_IN_A_ROW:
                    log(logging.ERROR, "service_failed", failures_in_a_row=failures)
                    return 1
                if failures == 1:
                    self._wake.call()  # a person may be waiting; most failures are over in a moment
            else:
                failures = 0
                self._on_good_cycle()
            self._on_progress(self._interval_seconds)
            # While cycles fail, many changes must not use up the failures at once.
            self._wake.wait(self._interval_seconds, pause_seconds=2.0**failures if failures else 0.0)
        log(logging.INFO, "service_stopped")
        return 0


SHOWN_MESSAGES = 10
"""In one line of the log; there may be very many."""


def run_cycle(triage: Triage) -> Report:
    """Run one cycle and log what it did."""
    report = triage.run()
    for filed in report.filed:
        filing = filed.filing
        log(
            logging.INFO,
            "sender_filed",
            sender=filing.decision.sender,
            category=filing.decision.category.title,
            card="created" if filing.created else "found",
            messages_moved=filed.messages_moved,
            left_groups=sorted({group for group, _ in filing.leaves}),
        )
        if len(filing.all_cards) > 1:
            log(
                logging.WARNING,
                "several_cards",
                sender=filing.decision.sender,
                cards=len(filing.all_cards),
                taken=filing.card.uid,
            )
    for rejected in report.rejected:
        level = logging.WARNING if rejected.is_new else logging.DEBUG
        log(level, "message_rejected", message_id=rejected.message_id, reason=rejected.reason)
    if report.unreadable:
        shown = dict(islice(report.unreadable.items(), SHOWN_MESSAGES))
        log(logging.WARNING, "messages_unreadable", count=len(report.unreadable), reasons=shown)
    for left_out in report.unreadable_contacts:
        log(logging.WARNING, "contacts_unreadable", reason=left_out)
    for message_id in report.warned:
        log(logging.WARNING, "name_differs", message_id=message_id)
    for sender, reason in report.failed.items():
        log(logging.ERROR, "sender_failed", sender=sender, reason=reason)
    _log_swept(report.swept)
    log(
        logging.INFO,
        "poll_complete",
        senders_filed=len(report.filed),
        messages_moved=sum(filed.messages_moved for filed in report.filed),
        stragglers_swept=sum(report.swept.moved.values()),
        messages_rejected=len(report.rejected),
        senders_failed=len(report.failed),
    )
    return report


def _log_swept(swept: Swept) -> None:
    if swept.moved:
        log(logging.INFO, "stragglers_swept", messages=sum(swept.moved.values()), senders=swept.moved)
    if swept.postponed:
        log(logging.WARNING, "sweep_postponed", reason=swept.postponed)
    for sender, reason in swept.failed.items():
        log(logging.WARNING, "straggler_failed", sender=sender, reason=reason)


def log_failure(error: Exception, **fields: object) -> None:
    """Log why a cycle failed: in one line what the world did, with a traceback what is our bug."""
    if isinstance(error, UserError):
        fields["problems"] = list(error.problems)
    else:
        fields["reason"] = str(error) or type(error).__name__
    if isinstance(error, MailroomError):
        log(logging.ERROR, "poll_failed", **fields)
    else:
        logging.getLogger("mailroom").exception("poll_failed", extra={"fields": fields})
