"""When a digest is due, as the settings say it, and in which zone."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from mailroom.errors import UserError
from mailroom.model.schedule import Rhythm, Schedule
from mailroom.settings.settings import load_settings

PROJECT = Path(__file__).parents[2]
SAID = (
    "from mailroom.errors import UserError\n"
    "from mailroom.settings.settings import load_settings\n"
    "try:\n"
    "    load_settings(dotenv=None, needs_secrets=False)\n"
    "except UserError as error:\n"
    "    print(*error.problems, sep='\\n')\n"
)


def read(**variables: str) -> Schedule | None:
    return load_settings(variables, None, needs_secrets=False).digest


def problems(*, zone: str, knows_zones: bool = False, digest: str = "daily") -> str:
    """What a process says that runs in a zone, where there is a table of zones or none."""
    tables = {} if knows_zones else {"TZDIR": "/nonexistent"}
    environment = {**tables, "TZ": zone, "MAILROOM_DIGEST": digest, "PYTHONPATH": str(PROJECT)}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAILROOM_")}
    return subprocess.run(
        [sys.executable, "-c", SAID], env={**kept, **environment}, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"MAILROOM_DIGEST": "off", "MAILROOM_DIGEST_AT": "09:30"}, None),
        ({"MAILROOM_DIGEST": "daily"}, Schedule(Rhythm.DAILY, time(8))),
        ({"MAILROOM_DIGEST": "Weekly", "MAILROOM_DIGEST_AT": "7:05"}, Schedule(Rhythm.WEEKLY, time(7, 5))),
        ({"MAILROOM_DIGEST": "daily", "MAILROOM_DIGEST_AT": "23:59"}, Schedule(Rhythm.DAILY, time(23, 59))),
    ],
)
def test_how_often_and_from_when_on(variables: dict[str, str], expected: Schedule | None) -> None:
    """It is off unless somebody asks for it, and then due at eight."""
    assert read(**variables) == expected


@pytest.mark.parametrize("at", ["24:00", "8", "08:60", "8 am", "08:00:00", "-1:00", "", "٠٨:٠٠"])
def test_what_is_no_time_of_a_day_is_told(at: str) -> None:
    """Also where no digest is wanted yet."""
    with pytest.raises(UserError) as told:
        read(MAILROOM_DIGEST_AT=at)
    assert told.value.problems == ("MAILROOM_DIGEST_AT: must be a time of day from 00:00 to 23:59, as 08:00",)


def test_another_rhythm_is_told() -> None:
    """With those that there are."""
    with pytest.raises(UserError) as told:
        read(MAILROOM_DIGEST="hourly")
    assert told.value.problems == ("MAILROOM_DIGEST: must be one of off, daily, weekly",)


@pytest.mark.parametrize("zone", ["Europe/Berlin", ":Europe/Berlin", "CET", "Japan"])
def test_a_zone_that_nobody_knows_is_told(zone: str) -> None:
    """Without a table of zones it would be UTC, silently; where no digest is due, nobody minds."""
    assert problems(zone=zone).startswith(f"TZ: nobody knows a zone {zone!r} here")
    assert problems(zone=zone, digest="off") == ""


def test_a_misspelt_zone_is_told() -> None:
    """As where there is no table."""
    assert problems(zone="Europe/Berlim", knows_zones=True).startswith("TZ: nobody knows")


@pytest.mark.parametrize(
    "zone", ["", "UTC", "Etc/UTC", "CET-1CEST,M3.5.0,M10.5.0/3", "<+0330>-3:30", "EST5EDT"]
)
def test_a_rule_and_utc_need_no_table(zone: str) -> None:
    """So they are good in the container image, too."""
    assert problems(zone=zone) == ""


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Abidjan", "Asia/Tokyo", "Iceland"])
def test_with_a_table_every_zone_of_it_is_good(zone: str) -> None:
    """Also one that never differs from UTC."""
    try:
        ZoneInfo(zone)
    except ZoneInfoNotFoundError:
        pytest.skip("this machine has no table of zones")
    assert problems(zone=zone, knows_zones=True) == ""
