"""When a digest is due, in every zone and whatever its clocks do."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.model.schedule import Rhythm, Schedule

ZONES = sorted(x for x in available_timezones() if re.match("[A-Z].*/", x) and "Etc" not in x) or ["UTC"]
AT = time(8)
DAILY, WEEKLY = Schedule(Rhythm.DAILY, AT), Schedule(Rhythm.WEEKLY, AT)

zones = st.sampled_from(ZONES).map(ZoneInfo)
times = st.times().map(lambda x: x.replace(second=0, microsecond=0))
schedules = st.builds(Schedule, st.sampled_from(Rhythm), times)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2036, 1, 1)).map(lambda x: x.replace(tzinfo=UTC))


def told_in(schedule: Schedule, zone: ZoneInfo, begin: datetime, steps: list[timedelta]) -> Counter[date]:
    """Ask at the beginning and after each step, as the service does; count what is told, by its day."""
    told: Counter[date] = Counter()
    now = begin
    for step in [timedelta(), *steps]:
        now += step
        day = schedule.due_day(now.astimezone(zone))
        if day and not schedule.is_done(day, told):
            told[day] += 1
    return told


@given(schedules, zones, moments)
def test_every_period_has_one_and_none_has_two(schedule: Schedule, zone: ZoneInfo, begin: datetime) -> None:
    """Whatever a zone does to its clocks within nine days of looks, a quarter of an hour apart."""
    steps = [timedelta(minutes=15)] * (9 * 24 * 4)
    told = told_in(schedule, zone, begin, steps)
    assert set(told.values()) <= {1}
    begins, ends = begin.astimezone(zone), (begin + sum(steps, timedelta())).astimezone(zone)
    whole = [begins.date() + timedelta(days=n) for n in range(1, (ends.date() - begins.date()).days)]
    # A zone that moved over the date line has left out a day.
    seen = {(begin + timedelta(minutes=15) * n).astimezone(zone).date() for n in range(len(steps))}
    expected = [x for x in whole if x in seen and (schedule.rhythm is Rhythm.DAILY or x.weekday() == 0)]
    late = time(23, 45) <= schedule.at  # no look may fall between it and midnight
    assert set(expected) <= set(told) or late


@given(schedules, zones, moments, st.timedeltas(timedelta(0), timedelta(hours=23)))
def test_a_clock_that_goes_back_makes_no_second_one(
    schedule: Schedule, zone: ZoneInfo, now: datetime, back: timedelta
) -> None:
    """What was done by it counts for the day before as well, where nothing may have been told."""
    day = schedule.due_day(now.astimezone(zone))
    earlier = schedule.due_day((now - back).astimezone(zone))
    assert day is None or earlier is None or schedule.is_done(earlier, [day])


@given(schedules, zones, moments)
def test_the_next_moment_is_the_first_at_which_something_is_due(
    schedule: Schedule, zone: ZoneInfo, now: datetime
) -> None:
    """Right before it there is nothing new, and at it there is."""
    local = now.astimezone(zone)
    moment = schedule.next_after(local)
    assert local.replace(tzinfo=None) < moment <= local.replace(tzinfo=None) + timedelta(days=7)
    before = schedule.due_day(moment - timedelta(seconds=1))
    assert schedule.due_day(moment) == moment.date()
    assert before is None or before < moment.date()


@pytest.mark.parametrize(
    ("schedule", "local", "day"),
    [
        (DAILY, datetime(2026, 11, 26, 7, 59), None),
        (DAILY, datetime(2026, 11, 26, 8, 0), date(2026, 11, 26)),
        (DAILY, datetime(2026, 11, 26, 23, 59), date(2026, 11, 26)),
        (WEEKLY, datetime(2026, 11, 23, 7, 59), None),
        (WEEKLY, datetime(2026, 11, 23, 8, 0), date(2026, 11, 23)),
        (WEEKLY, datetime(2026, 11, 29, 23, 59), date(2026, 11, 23)),
        (WEEKLY, datetime(2026, 11, 30, 0, 0), None),
    ],
)
def test_what_was_missed_is_due_while_it_is_the_same_day_or_week(
    schedule: Schedule, local: datetime, day: date | None
) -> None:
    """A week begins on Monday; yesterday's digest is nobody's any more."""
    assert schedule.due_day(local) == day


@pytest.mark.parametrize("at", [time(2, 0), time(2, 30), time(3, 0)])
def test_an_hour_that_is_left_out_or_comes_twice_changes_nothing(at: time) -> None:
    """In the nights in which clocks are put forward and back, there is one digest as ever, at once."""
    if "Europe/Berlin" not in ZONES:
        pytest.skip("this machine has no table of zones")
    schedule, berlin = Schedule(Rhythm.DAILY, at), ZoneInfo("Europe/Berlin")
    for day, first in ((date(2026, 3, 29), time(3, 0)), (date(2026, 10, 25), at)):
        begin = datetime.combine(day, time(0), berlin).astimezone(UTC)
        looks = [(begin + timedelta(minutes=n)).astimezone(berlin) for n in range(6 * 60)]
        due = [look for look in looks if schedule.due_day(look) == day]
        assert due[0].time() == max(at, first)


@pytest.mark.parametrize(
    ("schedule", "done", "is_done"),
    [
        (DAILY, date(2026, 11, 25), False),
        (DAILY, date(2026, 11, 26), True),
        (DAILY, date(2026, 11, 27), True),
        (DAILY, date(2026, 11, 28), False),
        (WEEKLY, date(2026, 11, 25), False),
        (WEEKLY, date(2026, 12, 3), True),
        (WEEKLY, date(2030, 1, 1), False),
    ],
)
def test_one_from_tomorrow_counts_and_one_from_another_year_does_not(
    schedule: Schedule, done: date, is_done: bool
) -> None:
    """A clock that is an hour off makes none twice; one that was years off makes none missing for years."""
    assert schedule.is_done(date(2026, 11, 26), [date(2020, 1, 1), done]) is is_done


def test_from_daily_to_weekly_and_back_none_comes_twice() -> None:
    """This week has had its digest; and today has had none, where the last was Monday's."""
    assert WEEKLY.is_done(date(2026, 11, 23), [date(2026, 11, 25)])
    assert not DAILY.is_done(date(2026, 11, 26), [date(2026, 11, 23)])
