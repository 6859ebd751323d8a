"""How many there are of something, in words for a person. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta


def number_of(count: int, one: str, several: str = "") -> str:
    """Say how many there are: ``1 message``, ``3 messages``.

    Args:
        several: What more than one are called, where that is not `one` with an s.
    """
    return f"{count} {one if count == 1 else several or f'{one}s'}"


def listed(things: Sequence[str], word: str = "and") -> str:
    """Name some things one after the other: ``a``, ``a and b``, ``a, b and c``."""
    *first, last = things
    return f"{', '.join(first)} {word} {last}" if first else last


def age_of(moment: str, now: datetime) -> str:
    """Say how long ago something was: ``5 min``, ``3 h``, ``12 days``; a dash where the moment is not told.

    Args:
        moment: RFC 3339.
        now: With its zone.
    """
    try:
        age = now - datetime.fromisoformat(moment)
    except (ValueError, TypeError):  # a server may have no date, or one of another form
        return "–"
    if age < timedelta(minutes=1):  # also where its clock is ahead
        return "now"
    if age < timedelta(hours=1):
        return f"{age // timedelta(minutes=1)} min"
    if age < timedelta(days=1):
        return f"{age // timedelta(hours=1)} h"
    return number_of(age.days, "day")
