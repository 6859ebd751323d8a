"""The logs: one JSON object per line, with the same three keys first; on a terminal a line of words."""

from __future__ import annotations

import io
import json
import logging
import re

import pytest

from mailroom.output.logs import configure_logs, log


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


def test_what_others_said_carries_no_control_characters(lines: io.StringIO) -> None:
    """Neither the line nor, once it is read, any of its texts steers the terminal of who looks at it."""
    hostile = "\x1b[2J\x9b1A\u202e\u2028\x7f\ud800"
    log(logging.ERROR, "sender_failed", reason=hostile, senders={hostile: 1}, problems=[(hostile,)])
    (text,) = lines.getvalue().splitlines()
    assert text.isprintable()
    read = json.loads(text)
    assert read["reason"].isprintable()
    assert all(name.isprintable() for name in read["senders"])
    assert read["problems"][0][0].isprintable()


def test_a_server_that_says_much_is_cut_short(lines: io.StringIO) -> None:
    """A line of the log is for reading."""
    log(logging.ERROR, "poll_failed", reason="x" * 1_000_000)
    assert len(lines.getvalue()) < 5_000


class Full(io.StringIO):
    """A stream with no room; until there is."""

    is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_log_that_cannot_be_written_is_told_once_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error, whatever number of lines is lost; and with room there is a log again."""
    stream = Full()
    configure_logs("info", stream)
    try:
        for _ in range(20):
            log(logging.INFO, "poll_complete")
        (told,) = capsys.readouterr().err.splitlines()
        assert "No space left on device" in told
        stream.is_full = False
        log(logging.INFO, "poll_complete")
        assert json.loads(stream.getvalue())["event"] == "poll_complete"
    finally:
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def logged(stream: io.StringIO, form: str) -> str:
    """What a warning with a sender, a number, an empty list and an id looks like."""
    configure_logs("info", stream, form)
    try:
        fields = {"sender": "a@x.example", "messages_moved": 3, "left_groups": [], "message_id": "M1"}
        log(logging.WARNING, "sender_filed", **fields, problems=["one", "two\nlines"])
        return stream.getvalue()
    finally:
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)


@pytest.mark.parametrize(
    ("stream", "form", "is_json"),
    [
        (Screen, "auto", False),
        (io.StringIO, "auto", True),
        (Screen, "json", True),
        (io.StringIO, "text", False),
    ],
)
def test_words_are_for_terminals_and_json_for_the_rest(
    stream: type[io.StringIO], form: str, is_json: bool
) -> None:
    """MAILROOM_LOG_FORMAT decides; `auto` goes by where the log is read."""
    assert logged(stream(), form).startswith("{") is is_json


def test_an_event_is_one_line_of_words() -> None:
    """What happened and to whom, without what is empty or for programs."""
    when = r"\d\d-\d\d \d\d:\d\d:\d\d"
    line = logged(io.StringIO(), "text")
    assert re.fullmatch(f"{when} sender filed: a@x.example, messages moved 3, one; two lines\n", line), line


def test_a_line_on_a_terminal_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is longer goes on indented, in whole words; in a pipe it stays one line."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = re.sub(r"\033\[\d*m", "", logged(Screen(), "text")).splitlines()
    assert len(shown) > 1
    assert all(len(line) <= 60 for line in shown)
    assert all(line.startswith("  ") for line in shown[1:])
    (whole,) = logged(io.StringIO(), "text").splitlines()
    assert shown[-2:] == ["  - one", "  - two lines"], "problems are a list"
    assert "\n".join(shown).count("a@x.example") == whole.count("a@x.example") == 1


def test_what_did_not_happen_is_not_told_to_people() -> None:
    """A cycle that found nothing is complete, and no list of zeros; programs get every count."""
    for form, is_shown in (("text", False), ("json", True)):
        stream = io.StringIO()
        configure_logs("info", stream, form)
        log(logging.INFO, "poll_complete", senders_filed=0, messages_moved=2.0, push=False)
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)
        assert ("filed" in stream.getvalue()) is is_shown
        assert ("moved 2," in stream.getvalue()) is not is_shown
        assert "push" in stream.getvalue()


def test_people_read_a_domain_as_it_is_spoken_and_programs_as_it_is_sent() -> None:
    """The log's words name an international domain in its letters, its JSON as the servers know it."""
    address = "info@xn--bcher-kva.example"
    for form, shown in (("text", "info@bücher.example"), ("json", address)):
        stream = io.StringIO()
        configure_logs("info", stream, form)
        log(logging.INFO, "sender_filed", sender=address)
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)
        assert shown in stream.getvalue()


def test_a_terminal_without_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning is yellow, unless NO_COLOR is set."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033[33msender filed\033[0m" in logged(Screen(), "text")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in logged(Screen(), "text")


def test_a_line_of_words_does_not_steer_the_terminal() -> None:
    """What others said is only text there too, and a bug keeps its traceback."""
    stream = io.StringIO()
    configure_logs("info", stream, "text")
    try:
        raise ZeroDivisionError("\x1b[2J")
    except ZeroDivisionError:
        logging.getLogger("mailroom").exception("poll_failed", extra={"fields": {"reason": "\x9b1A\u202e"}})
    finally:
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    lines = stream.getvalue().split("\n")
    assert all(line.isprintable() for line in lines)
    assert any("ZeroDivisionError" in line for line in lines[1:])
