"""Figures of what the service does: counted from what it saw anyway, and absent where nobody looked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from mailroom import __version__
from mailroom.account import open_account
from mailroom.errors import ServerError, TransportError
from mailroom.http import Bounds, Credentials, HttpClient
from mailroom.model.address import Address
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.sender import read_sender
from mailroom.sandbox import Sandbox
from mailroom.sandbox.seed.account import seeded_account
from mailroom.service.exposition import Counter, Gauge, Histogram
from mailroom.service.metrics import Metrics
from mailroom.triage.report import Rejected, Report, SweepReport, Waiting
from tests.support.figures import figures
from tests.support.scripted import ScriptedServer, http
from tests.support.sized_accounts import settings_for

NAMES = {
    "mailroom_senders_filed_total",
    "mailroom_messages_moved_total",
    "mailroom_replies_passed_total",
    "mailroom_messages_rejected_total",
    "mailroom_senders_failed_total",
    "mailroom_cycles_total",
    "mailroom_cycle_seconds",
    "mailroom_requests_total",
    "mailroom_request_seconds",
    "mailroom_last_good_cycle_timestamp_seconds",
    "mailroom_push_connected",
    "mailroom_screener_senders",
    "mailroom_screener_messages",
    "mailroom_screener_oldest_timestamp_seconds",
    "mailroom_build_info",
}
STRANGER = "news@dailylantern.example"


def names(text: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\S+) ", text, re.M))


def rejected(*, is_new: bool) -> Rejected:
    message = Message(MessageId("M1"), frozenset({MailboxId("x")}), False, read_sender(()), "")
    return Rejected(message, "no sender", is_new)


class TestForm:
    def test_a_label_value_is_escaped(self) -> None:
        """Quotes, backslashes and line breaks in a category's title end no line (the format's own rules)."""
        counter = Counter("x_total", "One\nor \\ two.", "category")
        counter.add(2, 'a"b\\c\nd')
        assert list(counter.lines()) == [
            "# HELP x_total One\\nor \\\\ two.",
            "# TYPE x_total counter",
            'x_total{category="a\\"b\\\\c\\nd"} 2',
        ]

    def test_a_histogram_counts_upwards(self) -> None:
        """Each bucket holds all that were no longer than its bound, and the last holds all."""
        histogram = Histogram("x_seconds", "How long.", bounds=(0.5, 2))
        for seconds in (0.25, 0.5, 1.5, 8.0):
            histogram.observe(seconds)
        assert list(histogram.lines())[2:] == [
            'x_seconds_bucket{le="0.5"} 2',
            'x_seconds_bucket{le="2"} 3',
            'x_seconds_bucket{le="+Inf"} 4',
            "x_seconds_sum 10.25",
            "x_seconds_count 4",
        ]

    def test_what_is_not_known_any_more_is_not_said(self) -> None:
        """A gauge without a number has no lines, not even its help."""
        gauge = Gauge("x", "How it is.")
        gauge.put(0)
        assert list(gauge.lines())[-1] == "x 0"
        gauge.put(None)
        assert list(gauge.lines()) == []


class TestReading:
    def test_at_the_start_what_is_counted_is_0_and_what_is_not_known_is_absent(self) -> None:
        """A rate has a number to begin with; nobody takes an unread Screener for an empty one."""
        metrics = Metrics(["Feed", "Paper Trail"])
        assert figures(metrics.text()) == {
            'mailroom_senders_filed_total{category="Feed"}': 0,
            'mailroom_senders_filed_total{category="Paper Trail"}': 0,
            "mailroom_messages_moved_total": 0,
            "mailroom_replies_passed_total": 0,
            "mailroom_messages_rejected_total": 0,
            "mailroom_senders_failed_total": 0,
            'mailroom_cycles_total{outcome="good"}': 0,
            'mailroom_cycles_total{outcome="failed"}': 0,
            f'mailroom_build_info{{version="{__version__}"}}': 1,
        }

    def test_a_rejected_message_counts_once(self) -> None:
        """While it waits for the person, each cycle rejects it again; it is one message."""
        metrics = Metrics([])
        for is_new in (True, False, False):
            metrics.note_report(Report(rejected=(rejected(is_new=is_new),)), 0.1)
        assert figures(metrics.text())["mailroom_messages_rejected_total"] == 1

    def test_stragglers_count_among_the_moved(self) -> None:
        """A message that is swept has moved to where it belongs, as one of a filed sender."""
        metrics = Metrics([])
        metrics.note_report(Report(swept=SweepReport(moved={Address("ann@post.example"): 3})), 0.1)
        assert figures(metrics.text())["mailroom_messages_moved_total"] == 3

    def test_cycles_are_counted_by_how_they_ended(self) -> None:
        """The moment of the last good one stays what it was while others fail."""
        moments = iter([1_000.5, 2_000.0])
        metrics = Metrics([], now=moments.__next__)
        metrics.note_report(Report(), 0.2)
        metrics.note_failure(ServerError("busy"), 70.0)
        said = figures(metrics.text())
        assert said['mailroom_cycles_total{outcome="good"}'] == 1
        assert said['mailroom_cycles_total{outcome="failed"}'] == 1
        assert said["mailroom_last_good_cycle_timestamp_seconds"] == 1_000.5
        assert said["mailroom_cycle_seconds_count"] == 2
        assert said['mailroom_cycle_seconds_bucket{le="60"}'] == 1

    def test_senders_in_screener_stay_as_they_were_read(self) -> None:
        """A cycle that reads only the mailbox list learns how many messages there are, and not of whom."""
        metrics = Metrics([])
        metrics.note_report(Report(waiting=Waiting(4)), 0.1)
        assert "mailroom_screener_senders" not in figures(metrics.text())
        metrics.note_report(Report(waiting=Waiting(7, 2, "2026-03-01T00:00:00Z")), 0.1)
        metrics.note_report(Report(waiting=Waiting(8)), 0.1)
        said = figures(metrics.text())
        assert (said["mailroom_screener_messages"], said["mailroom_screener_senders"]) == (8, 2)
        assert said["mailroom_screener_oldest_timestamp_seconds"] == 1_772_323_200

    @pytest.mark.parametrize("oldest_at", ["", "yesterday"])
    def test_an_empty_screener_has_no_oldest_message(self, oldest_at: str) -> None:
        """Nor has one whose dates are none: 1970 would be a lie."""
        metrics = Metrics([])
        metrics.note_report(Report(waiting=Waiting(1, 1, "2026-03-01T00:00:00Z")), 0.1)
        metrics.note_report(Report(waiting=Waiting(0, 0, oldest_at)), 0.1)
        assert "mailroom_screener_oldest_timestamp_seconds" not in figures(metrics.text())

    @pytest.mark.parametrize(("is_connected", "number"), [(True, 1), (False, 0), (None, None)])
    def test_push_is_told_as_it_is_now(self, is_connected: bool | None, number: int | None) -> None:
        """Where it is switched off it is neither there nor lost."""
        metrics = Metrics([], lambda: is_connected)
        assert figures(metrics.text()).get("mailroom_push_connected") == number


class TestRequests:
    def test_a_request_is_counted_by_its_answer(self) -> None:
        """Each attempt counts, also one that got no answer."""
        metrics = Metrics([])
        bounds = Bounds(attempts=2, first_wait_seconds=0.0)

        def heard(status: int | None, seconds: float) -> None:
            metrics.note_request("jmap", status, seconds)

        with (
            ScriptedServer(http("503 Busy"), http("200 OK", b"x"), b"") as server,
            closing(HttpClient(server.url, Credentials("Bearer x"), None, bounds, on_answer=heard)) as client,
        ):
            client.request("GET", server.url)
            with pytest.raises(TransportError):
                client.request("GET", server.url)
        said = figures(metrics.text())
        assert said['mailroom_requests_total{protocol="jmap",status="503"}'] == 1
        assert said['mailroom_requests_total{protocol="jmap",status="200"}'] == 1
        assert said['mailroom_requests_total{protocol="jmap",status="none"}'] == 2
        assert said['mailroom_request_seconds_count{protocol="jmap"}'] == 4

    def test_a_server_cannot_make_series_without_end(self) -> None:
        """Whatever statuses it invents, they are one series."""
        metrics = Metrics([])
        for status in range(600, 1_000):
            metrics.note_request("carddav", status, 0.1)
        (line,) = (name for name in figures(metrics.text()) if name.startswith("mailroom_requests_total"))
        assert line == 'mailroom_requests_total{protocol="carddav",status="other"}'


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seeded_account()) as sandbox:
        yield sandbox


class TestOnAnAccount:
    """The service's cycles on an account full of mail."""

    @pytest.fixture
    def metrics(self, sandbox: Sandbox) -> Metrics:
        scheme = settings_for(sandbox.environment()).scheme
        return Metrics([category.title for category in scheme.categories], lambda: True)

    @pytest.fixture
    def cycle(self, sandbox: Sandbox, metrics: Metrics) -> Callable[[], None]:
        """Runs a cycle and reads its report."""
        account = open_account(settings_for(sandbox.environment()), on_answer=metrics.note_request)
        account.check()
        return lambda: metrics.note_report(account.triage.run(), 0.1)

    def test_it_says_all_that_is_promised_and_nothing_about_anybody(
        self, sandbox: Sandbox, metrics: Metrics, cycle: Callable[[], None]
    ) -> None:
        """Every name of the documentation is there after a cycle; no address and no name of a person is."""
        sandbox.account.label(sandbox.account.messages_from(STRANGER)[-1].id, "@ToFeed")
        cycle()
        text = metrics.text()
        assert names(text) == NAMES
        assert "@" not in text
        assert "lantern" not in text.lower()
        said = figures(text)
        assert said['mailroom_senders_filed_total{category="Feed"}'] == 1
        assert said["mailroom_messages_moved_total"] == len(sandbox.account.messages_from(STRANGER))
        assert sum(v for name, v in said.items() if name.startswith("mailroom_requests_total")) == len(
            sandbox.requests
        )

    def test_a_decision_taken_back_is_no_sender_filed(
        self, sandbox: Sandbox, metrics: Metrics, cycle: Callable[[], None]
    ) -> None:
        """Their mail has moved, and waits in Screener again."""
        message = sandbox.account.messages_from(STRANGER)[-1]
        sandbox.account.label(message.id, "@ToFeed")
        cycle()
        before = figures(metrics.text())
        sandbox.account.label(message.id, "@ToScreener")
        cycle()
        now = figures(metrics.text())
        filed = {name for name in now if name.startswith("mailroom_senders_filed_total")}
        assert {name: now[name] for name in filed} == {name: before[name] for name in filed}
        assert now["mailroom_messages_moved_total"] > before["mailroom_messages_moved_total"]
        assert now["mailroom_screener_senders"] == before["mailroom_screener_senders"] + 1

    def test_screener_is_told_as_the_cycle_left_it(
        self, sandbox: Sandbox, metrics: Metrics, cycle: Callable[[], None]
    ) -> None:
        """What the cycle itself has moved out waits no longer."""
        account = sandbox.account

        def waits() -> tuple[int, int]:
            waiting = account.messages_in("Screener")
            return len(waiting), len({message.addresses["from"][0][1].lower() for message in waiting})

        before = waits()
        account.label(account.messages_from(STRANGER)[-1].id, "@ToFeed")
        cycle()
        said = figures(metrics.text())
        now = waits()
        assert (said["mailroom_screener_messages"], said["mailroom_screener_senders"]) == now
        assert now[0] < before[0]
        assert now[1] == before[1] - 1

    def test_no_request_is_made_for_a_figure(
        self, sandbox: Sandbox, metrics: Metrics, cycle: Callable[[], None]
    ) -> None:
        """An idle cycle is one request, and looking at the figures none."""
        cycle()
        cycle()
        before = len(sandbox.requests)
        cycle()
        assert "mailroom_screener_senders" in figures(metrics.text())
        assert len(sandbox.requests) == before + 1
