"""When the digest wakes the service, and how it ends with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo

import pytest

from mailroom.digest.writer import Digest
from mailroom.errors import StoppedError
from mailroom.exits import Exit
from mailroom.model.mail import MailboxId
from mailroom.model.notes import NewNote, Note, NoteKind, Retiring, Written
from mailroom.model.schedule import Rhythm, Schedule
from mailroom.service.loop import Service
from mailroom.service.wake import Wake
from tests.support.accounts import furnish
from tests.support.given_time import GivenTime
from tests.support.on_memory import AccountOnMemory
from tests.support.running import opened, settings_for

EIGHT = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
AHEAD = timezone(timedelta(hours=5, minutes=30))


class Ending:
    """Notes of a process that is being stopped.

    Attributes:
        asked: How often they were asked for.
    """

    asked = 0

    def write(
        self,
        mailbox_id: MailboxId,
        notes: Sequence[NewNote],
        retiring: Retiring | None = None,
        *,
        old_before: str = "",
    ) -> Written:
        raise NotImplementedError

    def read(self, mailbox_id: MailboxId | None, kind: NoteKind, since: str = "") -> Iterator[Sequence[Note]]:
        self.asked += 1
        raise StoppedError("stopped")


def digest_at(
    now: datetime, zone: tzinfo | None, rhythm: Rhythm = Rhythm.DAILY, notes: Ending | None = None
) -> Digest:
    account = AccountOnMemory()
    furnish(account)
    parts = opened(account)
    return Digest(
        parts.triage, notes or parts.notes, parts.subjects, settings_for(account, {}).scheme,
        Schedule(rhythm, time(8)), now=lambda: now, zone=zone, clock=now.timestamp,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "zone", "rhythm", "expected"),
    [
        (EIGHT - timedelta(minutes=30), UTC, Rhythm.DAILY, timedelta(minutes=30)),
        (EIGHT, UTC, Rhythm.DAILY, timedelta(days=1)),
        (EIGHT, AHEAD, Rhythm.DAILY, timedelta(hours=18, minutes=30)),
        (EIGHT, UTC, Rhythm.WEEKLY, timedelta(days=4)),
        (EIGHT - timedelta(seconds=5), UTC, Rhythm.DAILY, timedelta(minutes=1)),
    ],
)
def test_the_service_wakes_when_it_is_due(
    now: datetime, zone: tzinfo, rhythm: Rhythm, expected: timedelta
) -> None:
    """However rarely it polls; but not so soon that a clock that goes back makes it poll without end."""
    assert digest_at(now, zone, rhythm).seconds_until_due() == expected.total_seconds()


def test_without_a_zone_it_is_the_clock_of_the_process() -> None:
    """Then it is eight o'clock there."""
    due = EIGHT + timedelta(seconds=digest_at(EIGHT, None).seconds_until_due())
    assert due.astimezone().time() == time(8)


def test_when_the_service_is_stopped_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Being stopped is no failure, and the next process does what this one did not."""
    notes = Ending()
    digest = digest_at(EIGHT, UTC, notes=notes)
    with caplog.at_level(logging.DEBUG, "mailroom"):
        digest.do_if_due()
        digest.do_if_due()
    assert (notes.asked, caplog.records) == (2, [])


class Counted:
    """Something that is due in an hour."""

    times = 0

    def do_if_due(self) -> None:
        self.times += 1

    def seconds_until_due(self) -> float:
        return 3_600.0


@pytest.mark.parametrize(("poll_seconds", "expected"), [(86_400.0, 3_600.0), (300.0, 300.0)])
def test_a_cycle_begins_by_then(poll_seconds: float, expected: float) -> None:
    """Also where the poll interval is a day; a shorter one stays as it is. It is looked at after a cycle."""
    account, stop, chore, clock = AccountOnMemory(), threading.Event(), Counted(), GivenTime()
    furnish(account)
    wake = Wake(clock.clock, clock)
    begins: list[float] = []

    def note(seconds: float) -> None:
        if not seconds:
            begins.append(clock.now)
        if len(begins) == 2:
            stop.set()
            wake.stop()

    parts = opened(account)
    service = Service(
        parts.triage, parts.journal, poll_seconds, lambda: None, note, stop=stop, wake=wake, chores=[chore]
    )
    assert service.run() == Exit.DONE
    assert (begins, chore.times) == ([0.0, expected], 2)
