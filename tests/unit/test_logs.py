"""The logs: one JSON object per line, with the same three keys first."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from mailroom.logs import configure_logs, log


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the log goes."""
    stream = io.StringIO()
    configure_logs("info", stream)
    yield stream
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def test_a_line_begins_with_ts_level_and_event(lines: io.StringIO) -> None:
    """Who reads the log finds time, level and event where they always are."""
    log(logging.WARNING, "sender_failed", sender="a@x.example", reason="two\nlines and “quotes”")
    (text,) = lines.getvalue().splitlines()
    assert list(json.loads(text)) == ["ts", "level", "event", "sender", "reason"]
    assert json.loads(text)["ts"].endswith("Z")
    assert json.loads(text)["level"] == "warning"


def test_a_librarys_message_is_an_event_too(lines: io.StringIO) -> None:
    """Nothing on the stream is anything but a JSON object."""
    logging.getLogger("urllib3").warning("Retrying %s", "this")
    assert json.loads(lines.getvalue())["message"] == "Retrying this"


def test_a_bug_keeps_its_traceback(lines: io.StringIO) -> None:
    """What is our fault is told in full, on one line all the same."""
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logging.getLogger("mailroom").exception("poll_failed")
    (text,) = lines.getvalue().splitlines()
    assert "ZeroDivisionError" in json.loads(text)["traceback"]


def test_what_is_below_the_level_is_not_written(lines: io.StringIO) -> None:
    """MAILROOM_LOG_LEVEL decides what is said."""
    log(logging.DEBUG, "message_rejected")
    assert lines.getvalue() == ""
