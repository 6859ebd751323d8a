"""Writes the digest when it is due, and takes away the one before."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, tzinfo

from mailroom.digest.text import MOST_SENDERS, compose_digest, day_of
from mailroom.errors import MailroomError, ServerError, StoppedError
from mailroom.model.notes import NewNote, Note, NoteKind, Retiring
from mailroom.model.ports import Notes, Subjects
from mailroom.model.schedule import Schedule
from mailroom.model.scheme import Scheme
from mailroom.output.logs import log
from mailroom.triage.cycle import Triage
from mailroom.triage.layout import Layout
from mailroom.triage.strangers import Screened, find_strangers

RETRY_SECONDS = 600.0
"""After a failure it is left alone for a while: what it looks at takes more requests than a cycle."""

REMEMBERED = 8
"""How many days are known to be done; one is enough where no clock goes back."""

LEAST_WAIT_SECONDS = 60.0
"""Where the clock on the wall shows an hour twice, its next moment may lie in the first of them."""


class Digest:
    """What is done after a cycle: it tells the person who waits, once a day or a week.

    The account alone knows which digests there have been, so that a restart makes no second one.

    Args:
        now: Tells the moment, with its zone.
        zone: Of the clock on the person's wall; None for that of the process.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        triage: Triage,
        notes: Notes,
        subjects: Subjects,
        scheme: Scheme,
        schedule: Schedule,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        zone: tzinfo | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._triage = triage
        self._notes = notes
        self._subjects = subjects
        self._scheme = scheme
        self._schedule = schedule
        self._now = now
        self._zone = zone
        self._clock = clock
        self._done: deque[date] = deque(maxlen=REMEMBERED)
        self._complained_of: date | None = None
        self._quiet_until = -1.0

    def seconds_until_due(self) -> float:
        """Return for how long nothing new becomes due."""
        now = self._now()
        moment = self._schedule.next_after(now.astimezone(self._zone))
        instant = moment.replace(tzinfo=self._zone) if self._zone else moment.astimezone()
        return max(LEAST_WAIT_SECONDS, (instant - now).total_seconds())

    def do_if_due(self) -> None:
        """Write the digest if it is due and there is none; no request otherwise. Raises nothing."""
        day = self._schedule.due_day(self._now().astimezone(self._zone))
        if day is None or self._schedule.is_done(day, self._done) or self._clock() < self._quiet_until:
            return
        try:
            self._tell(day)
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the service goes on
            self._note_failure(error, day)
        else:
            self._done.append(day)

    def _tell(self, day: date) -> None:
        known = next(iter(self._notes.read(None, NoteKind.DIGEST)), ())
        days = filter(None, (day_of(each, self._zone) for each in known))
        if self._schedule.is_done(day, list(days)):
            return
        overview = self._triage.overview()
        screened, layout = find_strangers(overview), overview.layout
        new = [self._compose(day, screened)] if screened.strangers else []
        retiring = _retiring(known, layout)
        if not (new or retiring):
            return
        written = self._notes.write(layout.inbox, new, retiring)
        if None in written.ids:
            raise ServerError("; ".join(written.problems))
        for problem in written.problems:
            log(logging.WARNING, "digest_not_replaced", reason=problem)
        senders = len(screened.strangers)
        log(logging.INFO, "digest_written" if new else "digest_taken_away", senders=senders)

    def _compose(self, day: date, screened: Screened) -> NewNote:
        newest = [each.newest for each in screened.strangers[:MOST_SENDERS]]
        return compose_digest(day, screened, self._subjects.subjects(newest), self._scheme, self._zone)

    def _note_failure(self, error: Exception, day: date) -> None:
        self._quiet_until = self._clock() + RETRY_SECONDS
        if not isinstance(error, MailroomError):
            logging.getLogger("mailroom").exception("digest_failed", extra={"fields": {"reason": str(error)}})
            return
        level = logging.DEBUG if self._complained_of == day else logging.WARNING
        self._complained_of = day
        log(level, "digest_failed", reason=str(error), again_in_seconds=RETRY_SECONDS)


def _retiring(known: Sequence[Note], layout: Layout) -> Retiring | None:
    """Say which digests have had their time: those in the Inbox; what the person has filed, stays there."""
    old = [each for each in known if layout.inbox in each.mailbox_ids]
    return Retiring.of(old, layout.trash)
