"""How what stands behind an option is read."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, timedelta

MOST_DIGITS_OF_DAYS = 5
FURTHEST_AHEAD = timedelta(hours=14)
"""How far a zone is ahead of UTC at the most."""


def day(text: str) -> date:
    """Read a day, or how many days ago it was; one that has begun somewhere on earth."""
    now, number = datetime.now(UTC), text.removesuffix("d")
    if len(number) <= MOST_DIGITS_OF_DAYS and number.isdecimal():
        return (now - timedelta(days=int(number))).date()
    try:
        read = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a day (2026-01-31) nor a number of days"
        ) from None
    if read > (now + FURTHEST_AHEAD).date():
        raise argparse.ArgumentTypeError(f"{text} is still to come")
    return read


def positive_number(text: str) -> int:
    """Read how many; at least one."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
