"""When the person wants to be told who waits in Screener."""

from __future__ import annotations

import os
import re
import time
from datetime import time as time_of_day

from mailroom.model.schedule import Rhythm, Schedule
from mailroom.settings.reader import Reader
from mailroom.settings.variables import DIGEST, DIGEST_AT

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_BY_RULE = re.compile(r":?(<[^>]+>|[A-Za-z]{3,})[+-]?\d.*")
"""A zone that says itself what it is, as CET-1CEST,M3.5.0,M10.5.0/3 (POSIX), so that nothing is looked up."""

_WITHOUT_DATA = frozenset({"UTC", "UCT", "GMT", "Zulu", "Universal", "Greenwich"})
"""What every zone is that nobody knows; there it is right."""


def read_digest(reader: Reader) -> Schedule | None:
    """Read when a digest is due; None where it never is."""
    rhythm = reader.word(DIGEST)
    written = reader.text(DIGEST_AT, _find_time_problem)
    found = _TIME.fullmatch(written)
    if rhythm not in {x.value for x in Rhythm} or found is None:
        return None
    if problem := find_zone_problem(os.environ.get("TZ", "")):
        reader.problem("TZ", problem)
    return Schedule(Rhythm(rhythm), time_of_day(int(found[1]), int(found[2])))


def find_zone_problem(zone: str) -> str | None:
    """Say what is wrong with the zone that this process runs in, which is UTC where nobody knows it.

    Args:
        zone: What TZ says.
    """
    said = zone.removeprefix(":")
    if not said or said.removeprefix("Etc/") in _WITHOUT_DATA or _BY_RULE.fullmatch(zone):
        return None
    # Whoever looks for it in vain takes its first word for the name of a zone that is never off.
    if (time.timezone, time.daylight, time.tzname[0]) != (0, 0, re.split("[^A-Za-z]", said)[0]):
        return None
    return (
        f"nobody knows a zone {zone!r} here (the container image has no table of zones): write it as a rule, "
        "as CET-1CEST,M3.5.0,M10.5.0/3 for Central Europe (docs/settings.md#the-digest)"
    )


def _find_time_problem(written: str) -> str | None:
    return None if _TIME.fullmatch(written) else "must be a time of day from 00:00 to 23:59, as 08:00"
