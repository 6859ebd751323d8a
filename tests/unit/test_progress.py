"""Progress on a terminal."""

from __future__ import annotations

import io

import pytest

from mailroom.output.terminal import Progress
from tests.support.given_time import eventually


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def showing(screen: io.StringIO, after_seconds: float = 0.02) -> Progress:
    """Progress for the impatient."""
    return Progress("reading", screen, after_seconds, interval_seconds=0.01)


def wait_for(screen: Screen, text: str) -> None:
    assert eventually(lambda: text in screen.getvalue()), screen.getvalue()


def test_what_takes_long_shows_how_far_it_is() -> None:
    """A bar and two numbers, renewed in place, and wiped away at the end."""
    screen = Screen()
    with showing(screen) as progress:
        progress.advance(30, 120)
        wait_for(screen, "30 of 120")
        progress.advance(90, 120)
        wait_for(screen, "█" * 24 + " 120 of 120")
    assert screen.getvalue().endswith("\r\033[K")


def test_without_numbers_it_shows_the_time() -> None:
    """Where nobody knows how much there is to do, the seconds go on."""
    screen = Screen()
    with showing(screen):
        wait_for(screen, "reading … 0 s")


def test_what_is_quick_shows_nothing() -> None:
    """No flicker for what is over before anybody wonders."""
    screen = Screen()
    with showing(screen, after_seconds=60.0) as progress:
        progress.advance(1, 2)
    assert screen.getvalue() == ""


def test_into_a_file_nothing_is_written() -> None:
    """Only a terminal can show progress in place."""
    file, screen = io.StringIO(), Screen()
    with showing(file) as progress, showing(screen) as shown:
        progress.advance(1, 2)
        shown.advance(1, 2)
        wait_for(screen, "1 of 2")
    assert file.getvalue() == ""


def test_an_error_passes_through() -> None:
    """What goes wrong under way is not hidden, and the line is wiped."""
    screen = Screen()

    def work() -> None:
        with showing(screen):
            wait_for(screen, "reading")
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert screen.getvalue().endswith("\r\033[K")
