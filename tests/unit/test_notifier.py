"""What the person is told where they do not look at the log: what needs them, and once an hour at most."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping

import pytest

from mailroom.errors import AuthenticationError, StatusError, UserError
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.sender import read_sender
from mailroom.service.notifier import QUIET_SECONDS, Notifier
from mailroom.service.ntfy import Ntfy
from mailroom.triage.report import Rejected, Report, Unmarked, Warned

REFUSED = AuthenticationError(
    "MAILROOM_JMAP_TOKEN: the mail server refuses the token; make a new one",
    "GET https://ann@post.example/: HTTP 401",
)


class Phone:
    """A person's, which shows what is posted to it.

    Attributes:
        failure: What it raises instead, if anything.
        shown: Title and text of each notice.
        kept: What it keeps of the last hour, as ntfy does; nothing where it is none.
    """

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.shown: list[tuple[str, str]] = []
        self.now = 1_000.0
        self.kept = b""
        self.notifier = Notifier(Ntfy(self), ("@MailroomError", "@MailroomWarning"), lambda: self.now)

    def get(self, below: str, query: str) -> bytes:
        assert (below, query) == ("/json", "poll=1&since=59m")
        if not self.kept:
            raise StatusError("HTTP 404", 404)
        return self.kept

    def post(self, headers: Mapping[str, str], body: bytes) -> None:
        self.shown.append((headers["Title"], body.decode()))
        if self.failure:
            raise self.failure

    def titles(self) -> list[str]:
        """Wait for what is on its way, and return the titles."""
        self.notifier.close()
        return [title for title, _ in self.shown]


@pytest.fixture
def phone() -> Phone:
    return Phone()


def message(number: int) -> Message:
    sender = read_sender([("Ann Smith", "ann@post.example")])
    return Message(
        MessageId(f"M{number}"), frozenset({MailboxId("x")}), False, sender, "2026-03-01T00:00:00Z"
    )


def rejecting(*numbers: int, is_new: bool = True) -> Report:
    reason = "ann@post.example is labelled for Feed and Jail: take off all labels but one"
    return Report(rejected=tuple(Rejected(message(number), reason, is_new) for number in numbers))


def test_messages_that_need_the_person_are_told_by_their_number(phone: Phone) -> None:
    """The title says how many; the text says what to look for, and names nobody."""
    phone.notifier.note_report(
        Report(rejected=rejecting(1, 2).rejected, warned=(Warned(message(3), "Ann"),)), 0.1
    )
    assert phone.titles() == ["Mailroom: 3 messages need you"]
    ((_, text),) = phone.shown
    assert "@MailroomError or @MailroomWarning" in text
    assert "ann" not in text.lower()


@pytest.mark.parametrize(
    "report",
    [Report(), rejecting(1, is_new=False), Report(unmarked=(Unmarked(message(1), "busy"),))],
    ids=["nothing", "told before", "tried again by itself"],
)
def test_nothing_new_is_no_news(phone: Phone, report: Report) -> None:
    """What still waits, or mends itself, is told by nobody's phone."""
    phone.notifier.note_report(report, 0.1)
    assert phone.titles() == []


def test_what_comes_within_the_hour_is_told_after_it(phone: Phone) -> None:
    """One notice an hour, and nothing is forgotten; then it is quiet."""
    phone.notifier.note_report(rejecting(1), 0.1)
    assert phone.titles() == ["Mailroom: a message needs you"]
    for number in (2, 3):
        phone.now += 60
        phone.notifier.note_report(rejecting(number), 0.1)
    assert len(phone.titles()) == 1
    phone.now += QUIET_SECONDS
    phone.notifier.note_report(Report(), 0.1)
    assert phone.titles()[1:] == ["Mailroom: 2 messages need you"]
    phone.now += 2 * QUIET_SECONDS
    phone.notifier.note_report(Report(), 0.1)
    assert len(phone.titles()) == 2


def test_causes_do_not_silence_each_other(phone: Phone) -> None:
    """Refused credentials, the end and waiting messages are three things; two tokens are two."""
    other = AuthenticationError("MAILROOM_CARDDAV_PASSWORD: refused")
    for error in (REFUSED, REFUSED, other, StatusError("busy", 503)):
        phone.notifier.note_failure(error, 0.1)
    phone.notifier.note_report(rejecting(1), 0.1)
    phone.notifier.note_end(10)
    phone.notifier.note_end(10)
    assert sorted(phone.titles()) == [
        "Mailroom has ended",
        "Mailroom: a message needs you",
        "Mailroom: credentials are refused",
        "Mailroom: credentials are refused",
    ]


def test_refused_credentials_are_told_with_what_to_do(phone: Phone) -> None:
    """Also where the start failed, of which they are the cause; the answer's URL may hold an address."""
    start = UserError(["the token", "and a mailbox"])
    start.__cause__ = REFUSED
    phone.notifier.note_failure(start)
    phone.titles()
    assert phone.shown == [("Mailroom: credentials are refused", REFUSED.advice)]
    assert "@" not in REFUSED.advice


def test_what_a_process_before_this_one_told_is_not_told_again(phone: Phone) -> None:
    """A pod that starts again and again keeps to the hour too, where the receiver is ntfy."""
    phone.kept = b"\n".join([b'{"event":"open"}', b"no JSON", b"[1]", _kept(REFUSED.advice)])
    phone.notifier.note_failure(REFUSED)
    assert phone.titles() == []
    phone.now += QUIET_SECONDS
    phone.kept = _kept("something else")
    phone.notifier.note_failure(REFUSED)
    assert phone.titles() == ["Mailroom: credentials are refused"]


def _kept(text: str) -> bytes:
    return json.dumps({"event": "message", "title": "x", "message": text}).encode()


def test_a_start_that_fails_for_another_reason_is_told_by_whoever_starts_it(phone: Phone) -> None:
    """The person who starts it sits in front of it."""
    phone.notifier.note_failure(UserError(["a mailbox is missing"]))
    assert phone.titles() == []


@pytest.mark.parametrize(
    "failure", [StatusError("POST https://ntfy.example: HTTP 500", 500), ValueError("x")]
)
def test_a_notice_that_fails_fails_nothing(phone: Phone, lines: io.StringIO, failure: Exception) -> None:
    """It is said in the log, is not tried again within the hour, and then what it was about is told."""
    phone.failure = failure
    for _ in range(3):
        phone.notifier.note_report(rejecting(1, is_new=not phone.shown), 0.1)
        assert len(phone.titles()) == 1
    (line,) = map(json.loads, lines.getvalue().splitlines())
    assert (line["event"], line["level"]) == ("notification_failed", "warning")
    phone.failure = None
    phone.now += QUIET_SECONDS
    phone.notifier.note_report(Report(), 0.1)
    assert len(phone.titles()) == 2


def test_a_machine_without_a_thread_to_spare_fails_nothing(
    phone: Phone, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cycle goes on, the log says so, and the next hour tells of it."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        phone.notifier.note_report(rejecting(1), 0.1)
    assert phone.titles() == []
    assert json.loads(lines.getvalue())["event"] == "notification_failed"
    phone.now += QUIET_SECONDS
    phone.notifier.note_report(Report(), 0.1)
    assert phone.titles() == ["Mailroom: a message needs you"]


def test_a_receiver_that_hangs_holds_up_neither_cycles_nor_the_end() -> None:
    """Cycles go on at once; the end waits for a moment and no longer."""
    is_over = threading.Event()

    class Hanging(Phone):
        def get(self, below: str, query: str) -> bytes:
            is_over.wait()
            return b""

    notifier = Hanging().notifier
    for number in range(100):
        notifier.note_report(rejecting(number), 0.1)
    assert sum(thread.name == "notice" for thread in threading.enumerate()) == 1
    notifier.close(patience_seconds=0.01)
    is_over.set()
    notifier.close()
    assert not any(thread.name == "notice" for thread in threading.enumerate())
