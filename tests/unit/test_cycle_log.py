"""What the log tells of a cycle, so that a person finds what it speaks of."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from mailroom.model.address import Address
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.sender import read_sender
from mailroom.service.cycle_log import log_report
from mailroom.triage.report import Rejected, Report, SweepReport, Unmarked, Warned

ANN = ("Ann Smith", "Ann@Post.Example")


def message(*senders: tuple[str, str], received_at: str = "2026-03-01T23:30:00Z") -> Message:
    places = frozenset({MailboxId("screener")})
    return Message(MessageId("M1"), places, False, read_sender(senders), received_at)


def told(lines: io.StringIO, report: Report, event: str) -> dict[str, Any]:
    log_report(report)
    (line,) = (x for x in map(json.loads, lines.getvalue().splitlines()) if x["event"] == event)
    assert isinstance(line, dict)
    return line


@pytest.mark.parametrize(
    ("event", "report"),
    [
        ("name_differs", Report(warned=(Warned(message(ANN), "Ann Smith"),))),
        ("message_rejected", Report(rejected=(Rejected(message(ANN), "so", is_new=True),))),
        ("label_taken_off", Report(released=((message(ANN), "in Sent"),))),
        ("message_failed", Report(unmarked=(Unmarked(message(ANN), "full"),))),
    ],
)
def test_a_message_is_named_by_what_finds_it(lines: io.StringIO, event: str, report: Report) -> None:
    """Sender, date, and a search to type whose days hold the message in every time zone."""
    line = told(lines, report, event)
    assert (line["sender"], line["name"], line["date"]) == ("ann@post.example", "Ann Smith", "2026-03-01")
    assert line["search"] == "from:Ann@Post.Example after:2026-02-27 before:2026-03-03"


def test_a_message_without_a_sender_is_found_by_its_day(lines: io.StringIO) -> None:
    """There is no address to search for."""
    report = Report(rejected=(Rejected(message(), "no sender", is_new=True),))
    line = told(lines, report, "message_rejected")
    assert line["search"] == "after:2026-02-27 before:2026-03-03"
    assert "sender" not in line


@pytest.mark.parametrize("received_at", ["", "soon", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"])
def test_an_odd_date_does_not_end_the_cycle(lines: io.StringIO, received_at: str) -> None:
    """What cannot be said is left out, and the sender stays."""
    line = told(lines, Report(warned=(Warned(message(ANN, received_at=received_at), ""),)), "name_differs")
    assert line["search"] == "from:Ann@Post.Example"


OLD = Rejected(message(ANN), "so", is_new=False)


@pytest.mark.parametrize("report", [Report(), Report(rejected=(OLD,))])
def test_a_cycle_that_found_nothing_new_is_not_told(lines: io.StringIO, report: Report) -> None:
    """A log of a quiet year is short; whoever waits for a word still gets it."""
    log_report(report)
    assert lines.getvalue() == ""
    log_report(report, is_awaited=True)
    assert json.loads(lines.getvalue())["event"] == "poll_complete"


@pytest.mark.parametrize(
    "report",
    [
        Report(warned=(Warned(message(ANN), "Ann Smith"),)),
        Report(rejected=(OLD, Rejected(message(ANN), "so", is_new=True))),
        Report(failed={Address("ann@post.example"): "refused"}),
        Report(unmarked=(Unmarked(message(), "full"),)),
        Report(unreadable={MessageId("M1"): "odd"}),
        Report(unreadable_contacts=("odd",)),
        Report(swept=SweepReport(moved={Address("ann@post.example"): 1})),
        Report(swept=SweepReport(postponed="busy")),
    ],
)
def test_a_cycle_that_found_something_is_told(lines: io.StringIO, report: Report) -> None:
    """Whatever it was, the line that sums the cycle up follows."""
    assert told(lines, report, "poll_complete")
