"""When something regular is due, by the clock on the person's wall. Pure.

Only what that clock shows counts. Where it is put forward, a moment that it leaves out comes with the
next that it shows; where it is put back, a moment that it shows twice comes with the first.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from enum import Enum

from attrs import frozen


class Rhythm(Enum):
    """How often something is due."""

    DAILY = "daily"
    WEEKLY = "weekly"
    """On Mondays."""


@frozen
class Schedule:
    """When something is due: once a day, or once a week.

    Attributes:
        at: From what time of that day on.
    """

    rhythm: Rhythm
    at: time

    def due_day(self, local: datetime) -> date | None:
        """Return the day of what is due at a moment; None where the day's, or the week's, is still to come.

        What is missed is due as long as it is the same day, or the same week.

        Args:
            local: What the clock on the wall shows.
        """
        day = self._day_of(local)
        return day if local.replace(tzinfo=None) >= datetime.combine(day, self.at) else None

    def is_done(self, day: date, done: Collection[date]) -> bool:
        """Whether what is due on a day has been done, by the days of what has been.

        What was done for the day, or week, after it counts, too: the clock has gone back since. What was
        done later still was done by a clock that was wrong.
        """
        return any(day <= each <= day + self._period for each in done)

    def next_after(self, local: datetime) -> datetime:
        """Return the next moment at which something becomes due; as the clock on the wall shows it."""
        now = local.replace(tzinfo=None)
        moment = datetime.combine(self._day_of(local), self.at)
        return moment if moment > now else moment + self._period

    def _day_of(self, local: datetime) -> date:
        day = local.date()
        return day if self.rhythm is Rhythm.DAILY else day - timedelta(days=day.weekday())

    @property
    def _period(self) -> timedelta:
        return timedelta(days=1 if self.rhythm is Rhythm.DAILY else 7)
