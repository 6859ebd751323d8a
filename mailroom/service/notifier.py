"""Tells the person what needs them where they do not look at the log: one notice an hour of the same thing.

A notice names nobody, since it goes through a server of somebody else. It is sent in a thread of its
own, so that it holds nothing up, and when that fails, that is said in the log and nothing else happens.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from attrs import frozen

from mailroom.errors import MailroomError, refusal_behind
from mailroom.output.logs import log
from mailroom.service.ntfy import Ntfy
from mailroom.triage.report import Report

QUIET_SECONDS = 3_600.0
"""For how long the same thing is not told again, also where that failed: it may have arrived all the same."""

END_PATIENCE_SECONDS = 8.5
"""How long the end of the process waits for a notice that is on its way."""


@frozen
class Notice:
    """What is told.

    Attributes:
        text: What it is about; of the same there is no other notice within the hour.
        news: How many messages it tells of.
    """

    title: str
    text: str
    news: int = 0


class Notifier:
    """A reader of what becomes of each cycle, that tells the person what needs them.

    Args:
        ntfy: Takes a notice.
        marks: The labels that a message bears which waits for the person.
        clock: Seconds that never go back.
    """

    def __init__(
        self, ntfy: Ntfy, marks: tuple[str, ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ntfy = ntfy
        self._marks = marks
        self._clock = clock
        self._lock = threading.Lock()
        self._quiet_until: dict[str, float] = {}
        self._waiting = 0
        self._under_way: set[threading.Thread] = set()

    def note_report(self, report: Report, seconds: float) -> None:  # noqa: ARG002 - for another reader
        """Tell of messages that wait for the person and that no notice has told of."""
        with self._lock:
            self._waiting += len(report.warned) + sum(each.is_new for each in report.rejected)
            waiting = self._waiting
        if waiting:
            what = "a message needs" if waiting == 1 else f"{waiting} messages need"
            where = " or ".join(self._marks)
            text = f"Look for {where} in your mail. The log says why: message_rejected, name_differs."
            self._tell(Notice(f"Mailroom: {what} you", text, waiting))

    def note_failure(self, error: BaseException, seconds: float = 0.0) -> None:  # noqa: ARG002
        """Tell of refused credentials, if it is them that a cycle or the start failed for."""
        if refusal := refusal_behind(error):
            self._tell(Notice("Mailroom: credentials are refused", refusal.advice))

    def note_end(self, failures: int) -> None:
        """Tell that the service has given up."""
        text = f"{failures} polls in a row have failed. The log says why: poll_failed."
        self._tell(Notice("Mailroom has ended", text))

    def close(self, patience_seconds: float = END_PATIENCE_SECONDS) -> None:
        """Give notices that are on their way a moment to arrive."""
        deadline = time.monotonic() + patience_seconds
        for thread in list(self._under_way):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _tell(self, notice: Notice) -> None:
        now = self._clock()
        with self._lock:
            # Whose hour is over need not be known any more: so they do not pile up.
            self._quiet_until = {text: until for text, until in self._quiet_until.items() if until > now}
            if notice.text in self._quiet_until:
                return
            self._quiet_until[notice.text] = now + QUIET_SECONDS
            thread = threading.Thread(target=self._deliver, args=(notice,), name="notice", daemon=True)
            self._under_way.add(thread)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:  # where a machine or a container is full
            self._under_way.discard(thread)
            _log_failure(notice, error)

    def _deliver(self, notice: Notice) -> None:
        try:
            if self._ntfy.has_told(notice.text):
                log(logging.DEBUG, "notification_withheld", title=notice.title)
                return
            self._ntfy.tell(notice.title, notice.text)
        except Exception as error:  # noqa: BLE001 - whatever it is, the service goes on
            _log_failure(notice, error)
        else:
            log(logging.INFO, "notification_sent", title=notice.title)
            with self._lock:
                self._waiting -= notice.news
        finally:
            self._under_way.discard(threading.current_thread())


def _log_failure(notice: Notice, error: Exception) -> None:
    reason = str(error) if isinstance(error, MailroomError) else type(error).__name__
    log(logging.WARNING, "notification_failed", title=notice.title, reason=reason)
