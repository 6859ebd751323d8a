"""The service as a process: how it starts, tells its health, fails and stops."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from mailroom import __version__
from mailroom.sandbox import Reply, Request, Sandbox
from tests.support.given_time import PATIENCE_SECONDS, eventually
from tests.support.processes import Process, environment, mailroom

QUICK = {"MAILROOM_POLL_INTERVAL": "0.1", "MAILROOM_PUSH": "off"}
STRANGER = "news@dailylantern.example"
LONG_SECONDS = 120


class Held:
    """An interceptor that lets a server take requests and answer none of them, until it is let go.

    Args:
        part: What a request has in its method, path or body to be held.
    """

    def __init__(self, part: bytes = b"") -> None:
        self._part = part
        self._reached, self._let_go = threading.Event(), threading.Event()

    def __call__(self, request: Request) -> Reply | None:
        if self._part in b"\n".join((request.method.encode(), request.path.encode(), request.body)):
            self._reached.set()
            self._let_go.wait(LONG_SECONDS)
        return None

    def is_reached(self) -> bool:
        """Wait for such a request; whether one came."""
        return self._reached.wait(PATIENCE_SECONDS)

    def let_go(self) -> None:
        self._let_go.set()


def holds_signals(pid: int) -> bool:
    """Whether a process blocks the stop signals and no others; the C library blocks all for a moment."""
    status = Path(f"/proc/{pid}/status").read_text()
    (blocked,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
    return int(blocked, 16) == 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGINT - 1)


def refuse_polls() -> Callable[[Request], Reply | None]:
    """Return an interceptor that lets the service start, and no cycle succeed."""
    looks = count()

    def interceptor(request: Request) -> Reply | None:
        is_look = all(method in request.body for method in (b"Mailbox/get", b'"Email/'))
        return Reply(500) if is_look and next(looks) else None

    return interceptor


class TestLife:
    @pytest.mark.parametrize("arguments", [(), ("run",)], ids=["python -m mailroom", "mailroom run"])
    def test_it_starts_polls_and_stops(
        self, sandbox: Sandbox, tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        """It says that it started, polls every interval, and ends with 0 when it is told to stop."""
        with Process({**sandbox.environment(), **QUICK}, tmp_path, *arguments) as service:
            started = service.until("service_started")
            assert list(started)[:3] == ["ts", "level", "event"]
            service.until("poll_complete")
            service.until("poll_complete")
            service.send(signal.SIGTERM)
            service.until("service_stopped")
            assert service.exit_code() == 0
            assert service.errors() == ""

    def test_a_label_put_on_while_it_runs_is_worked_off(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """The next poll files the sender and says what it did with them."""
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            service.until("poll_complete")
            message = sandbox.account.messages_from(STRANGER)[-1]
            sandbox.account.label(message.id, "@ToFeed")
            filed = service.until("sender_filed")
            assert (filed["sender"], filed["category"], filed["card"]) == (STRANGER, "Feed", "created")
            assert filed["messages_moved"] == len(sandbox.account.messages_from(STRANGER))
            assert service.until("poll_complete")["senders_filed"] == 1
            assert sandbox.account.mailbox_names(message.id) == {"Feed"}

    def test_an_idle_poll_is_one_request(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """Polling an account on which nothing happens costs one request each time."""
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            for _ in range(2):  # after the first one the rules are looked at, once a day
                service.until("poll_complete")
            before = service.requests_told()
            for _ in range(5):
                service.until("poll_complete")
            asked = sandbox.requests[before : service.requests_told()]
        assert len(asked) == 5
        assert all({"Mailbox/get", "Email/changes"} <= {*each.calls} for each in asked)

    def test_a_second_signal_stops_at_once(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """Who cannot wait for the cycle presses Ctrl-C again."""
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            service.until("poll_complete")
            held = sandbox.interceptor = Held()
            assert held.is_reached()
            service.send(signal.SIGINT)
            service.until("service_stopping")
            service.send(signal.SIGINT)
            assert service.exit_code() == 128 + signal.SIGINT

    @pytest.mark.slow
    def test_it_stops_within_30_seconds_of_a_hanging_server(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """A server that never answers holds no stop up: exit code 0 and service_stopped all the same."""
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            service.until("poll_complete")
            held = sandbox.interceptor = Held()
            assert held.is_reached()
            began = time.monotonic()
            service.send(signal.SIGTERM)
            service.until("service_stopped", 30)
            assert service.exit_code() == 0
            assert time.monotonic() - began < 30

    @pytest.mark.parametrize("where", ["/jmap/session", "/jmap/api/", "/dav/", "REPORT"])
    def test_a_stop_while_starting_is_a_stop(self, sandbox: Sandbox, tmp_path: Path, where: str) -> None:
        """Whatever the start is waiting for, the process ends soon, with 0, and without a complaint."""
        reached = threading.Event()

        def busy(request: Request) -> Reply | None:
            if where not in (request.path, request.method) and not request.path.startswith(where):
                return None
            reached.set()
            return Reply(503, {"Retry-After": "50"})

        sandbox.interceptor = busy
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            assert reached.wait(PATIENCE_SECONDS)
            service.send(signal.SIGTERM)
            service.until("service_stopped")
            assert service.exit_code() == 0
            assert service.errors() == ""

    def test_a_stop_ends_the_reading_of_a_large_book(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """The start does not read on to the end once it is told to stop."""
        for number in range(1_000):
            sandbox.account.add_contact(f"C{number}", f"c{number}@example.org")
        held = sandbox.interceptor = Held(b"addressbook-multiget")
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            assert held.is_reached()
            service.send(signal.SIGTERM)
            service.until("service_stopping")
            held.let_go()
            service.until("service_stopped")
            assert service.exit_code() == 0
        assert sum(entry.method == "REPORT" for entry in sandbox.requests) <= 3

    @pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.slow)])
    def test_a_stop_before_anything_is_read_is_a_stop(
        self, sandbox: Sandbox, tmp_path: Path, times: int
    ) -> None:
        """From the moment that the command is known, as often as one likes: never killed, always 0."""
        for number in range(times):
            with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
                assert eventually(partial(holds_signals, service.pid))
                time.sleep(0.4 * number / times)  # another moment of the start each time
                service.send(signal.SIGTERM)
                assert service.exit_code() == 0
                assert service.errors() == ""

    def test_a_stop_waits_for_the_current_cycle(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """A cycle that is under way is finished before the process ends."""
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            service.until("poll_complete")
            held = sandbox.interceptor = Held(b"PUT")
            message = sandbox.account.messages_from(STRANGER)[-1]
            sandbox.account.label(message.id, "@ToJail")
            assert held.is_reached()
            service.send(signal.SIGTERM)
            service.until("service_stopping")
            held.let_go()
            service.until("sender_filed")
            service.until("service_stopped")
            assert service.exit_code() == 0
            assert sandbox.account.mailbox_names(message.id) == {"Jail"}


class TestHealth:
    def test_it_is_healthy_while_it_polls(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """The probes get 200, ok, and the age of the last good poll."""
        began = time.monotonic()
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            service.until("poll_complete")
            service.until("poll_complete")  # by then the first one counts for the health
            for path in ("/healthz", "/healthz/ready"):
                status, answer = service.health(path)
                assert (status, answer["status"]) == (200, "ok")
                assert 0 <= answer["last_poll_age_seconds"] <= time.monotonic() - began
            assert service.health("/healthz/live")[0] == 200

    def test_an_outage_makes_it_unready_and_leaves_it_alive(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """From the start on nothing succeeds: it is never ready, and no probe kills it before it gives up."""
        sandbox.interceptor = refuse_polls()
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            for failures in range(1, 10):
                service.until("poll_failed", 60, failures_in_a_row=failures)
                assert service.health("/healthz/ready")[0] == 503
                assert service.health("/healthz/live")[0] == 200
            sandbox.interceptor = None
            service.until("poll_complete")
            service.until("poll_complete")
            assert service.health("/healthz/ready")[0] == 200

    def test_the_port_is_open_before_the_address_book_is_read(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """While a large book is read it is alive and not ready."""
        held = sandbox.interceptor = Held(b"REPORT")
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            service.until("service_starting")
            assert service.health("/healthz/live")[0] == 200
            assert service.health("/healthz/ready") == (
                503,
                {"status": "starting", "last_poll_age_seconds": None, "push": "off"},
            )
            held.let_go()
            service.until("service_started")
            service.until("poll_complete")

    def test_anything_else_is_not_found(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """There is nothing but the health and the metrics on that port."""
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            service.until("service_started")
            for path in ("/", "/healthz/", "/healthzz", "/healthz/live/", "/healthz/dead", "/metrics/"):
                assert service.health(path)[0] == 404


class TestFailure:
    def test_ten_failures_in_a_row_end_it(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """The tenth failed poll in a row ends the process with 1, so that somebody notices."""
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            service.until("poll_complete")
            sandbox.interceptor = lambda request: Reply(500)
            service.until("service_failed", 60, failures_in_a_row=10)
            assert service.exit_code() == 1
            assert [e["failures_in_a_row"] for e in service.events if e["event"] == "poll_failed"] == [
                *range(1, 11)
            ]

    def test_a_good_poll_clears_the_count(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """Nine failures, a good poll and nine more do not end it."""
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            for _ in range(2):
                service.until("poll_complete")
                sandbox.interceptor = lambda request: Reply(500)
                service.until("poll_failed", 60, failures_in_a_row=9)
                sandbox.interceptor = None
            service.until("poll_complete")

    def test_a_revoked_token_is_told_without_a_traceback(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """A token revoked while it runs makes polls fail with that reason."""
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            service.until("poll_complete")
            sandbox.account.token = "another"
            failed = service.until("poll_failed")
            assert "401" in failed["reason"]
            assert "traceback" not in failed


class TestStart:
    def test_settings_are_reported_all_at_once(self, tmp_path: Path) -> None:
        """Where settings are wrong it names each variable in a line of its own and ends at once."""
        given = {"MAILROOM_POLL_INTERVAL": "often", "MAILROOM_CARDDAV_USERNAME": "ann@example.com"}
        ended = mailroom(variables=given, cwd=tmp_path)
        assert ended.returncode == 1
        introduction, *listed = ended.stderr.splitlines()
        assert introduction == "mailroom: cannot start:"
        for name in ("MAILROOM_POLL_INTERVAL", "MAILROOM_JMAP_TOKEN", "MAILROOM_CARDDAV_PASSWORD"):
            assert sum(line.startswith(f"  - {name}: ") for line in listed) == 1
        assert json.loads(ended.stdout)["event"] == "startup_failed"

    def test_refused_credentials_and_missing_groups_are_told_together(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        """A wrong token does not hide that the contact groups have other names, nor the other way round."""
        variables = {
            **sandbox.environment(),
            "MAILROOM_JMAP_TOKEN": "fmu1-revoked",
            "MAILROOM_GROUP_FEED": "Papers",
            "MAILROOM_GROUP_JAIL": "Dungeon",
        }
        ended = mailroom(variables=variables, cwd=tmp_path)
        assert ended.returncode == 1
        assert "MAILROOM_JMAP_TOKEN" in ended.stderr
        assert "'Papers'" in ended.stderr
        assert "'Dungeon'" in ended.stderr
        assert "fmu1-revoked" not in ended.stdout + ended.stderr

    def test_missing_mailboxes_are_all_named(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """Each mailbox that the settings name and the account lacks is in the message."""
        variables = {
            **sandbox.environment(),
            "MAILROOM_SCREENER_MAILBOX": "Lobby",
            "MAILROOM_LABEL_TO_FEED": "@Read",
            "MAILROOM_LABEL_MAILROOM_ERROR": "@Oops",
        }
        ended = mailroom(variables=variables, cwd=tmp_path)
        assert ended.returncode == 1
        (line,) = ended.stderr.splitlines()
        assert "'Lobby'" in line
        assert "'@Read'" in line
        assert "'@Oops'" in line

    def test_a_server_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        """Nobody listening is one line, not a traceback."""
        with socket.socket() as bound:  # which does not listen, and keeps the port from others who would
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            url = f"http://127.0.0.1:{port}/"
            variables = {
                "MAILROOM_JMAP_SESSION_URL": url,
                "MAILROOM_CARDDAV_URL": url,
                "MAILROOM_JMAP_TOKEN": "t",
                "MAILROOM_CARDDAV_USERNAME": "me@home.example",
                "MAILROOM_CARDDAV_PASSWORD": "p",
            }
            ended = mailroom(variables=variables, cwd=tmp_path)
        assert ended.returncode == 1
        assert f"nothing answers at 127.0.0.1:{port}" in ended.stderr
        assert "Traceback" not in ended.stderr + ended.stdout

    def test_before_anything_is_asked_it_says_who_will_be(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """With the network down the log is not empty: which version asks whom, though nobody answers."""
        held = sandbox.interceptor = Held()
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            starting = service.until("service_starting")
            assert service.events == [starting]
            assert starting["version"] == __version__
            host = sandbox.url.partition("//")[2].strip("/")
            assert (starting["mail_server"], starting["contacts_server"]) == (host, host)
            assert held.is_reached()
            held.let_go()

    def test_a_health_port_in_use_is_told(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """A port that somebody else has is named with its variable."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = str(other.getsockname()[1])
            ended = mailroom(variables={**sandbox.environment(), "MAILROOM_HEALTH_PORT": port}, cwd=tmp_path)
        assert ended.returncode == 1
        assert "MAILROOM_HEALTH_PORT" in ended.stderr


class TestCommands:
    def test_once_does_one_cycle(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """`run --once` files what is labelled and ends with 0."""
        message = sandbox.account.messages_from(STRANGER)[-1]
        sandbox.account.label(message.id, "@ToFeed")
        ended = mailroom("run", "--once", variables=sandbox.environment(), cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert sandbox.account.mailbox_names(message.id) == {"Feed"}

    def test_once_ends_with_1_if_a_sender_failed(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """A card that the server refuses is a failed sender; their label stays."""
        message = sandbox.account.messages_from(STRANGER)[-1]
        sandbox.account.label(message.id, "@ToFeed")
        sandbox.interceptor = lambda request: Reply(507) if request.method == "PUT" else None
        ended = mailroom("run", "--once", variables=sandbox.environment(), cwd=tmp_path)
        assert ended.returncode == 1
        assert "sender_failed" in ended.stdout
        assert "@ToFeed" in sandbox.account.mailbox_names(message.id)

    def test_plan_writes_nothing(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """`plan` tells what the next cycle would do, as a table and as JSON, and changes nothing."""
        message = sandbox.account.messages_from(STRANGER)[-1]
        sandbox.account.label(message.id, "@ToFeed")
        sandbox.reset_requests()
        table = mailroom("plan", variables=sandbox.environment(), cwd=tmp_path)
        assert (table.returncode, table.stderr) == (0, "")
        assert STRANGER in table.stdout
        assert all(len(line) <= 80 for line in table.stdout.splitlines())
        data = json.loads(mailroom("plan", "--json", variables=sandbox.environment(), cwd=tmp_path).stdout)
        (sender,) = data["senders"]
        assert sender["messages_to_move"] == len(sandbox.account.messages_from(STRANGER))
        assert (sender["sender"], sender["category"], sender["joins"]) == (STRANGER, "Feed", ["Feed"])
        for entry in sandbox.requests:
            assert entry.method in {"GET", "POST", "PROPFIND", "REPORT"}
            assert not any(call.endswith("/set") for call in entry.calls)
        assert sandbox.account.mailbox_names(message.id) == {"Screener", "@ToFeed"}

    def test_check_finds_everything_right(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """On a furnished account `check` has nothing to fix and ends with 0."""
        ended = mailroom("check", variables=sandbox.environment(), cwd=tmp_path)
        assert ended.returncode == 0, ended.stdout
        assert "✗" not in ended.stdout

    def test_check_says_what_to_do(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """Each wrong thing is on a line of its own, and the exit code is 1."""
        variables = {
            **sandbox.environment(),
            "MAILROOM_CARDDAV_PASSWORD": "wrong",
            "MAILROOM_SCREENER_MAILBOX": "Lobby",
        }
        ended = mailroom("check", variables=variables, cwd=tmp_path)
        assert ended.returncode == 1
        wrong = [line for line in ended.stdout.splitlines() if line.startswith("✗")]
        assert len(wrong) == 2
        assert any("Lobby" in line for line in wrong)
        assert any("MAILROOM_CARDDAV_PASSWORD" in line for line in wrong)

    def test_the_demo_shows_a_triage(self, tmp_path: Path) -> None:
        """`demo` needs no settings and no network, and heeds none that are there."""
        (tmp_path / ".env").write_text("MAILROOM_JMAP_TOKEN=mine\nMAILROOM_LABEL_TO_FEED=@Other\n")
        ended = mailroom("demo", variables={"MAILROOM_GROUP_JAIL": "Dungeon"}, cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert "sender filed: news@dailylantern.example, category Feed" in ended.stdout.replace("\n  ", " ")
        assert "A second cycle took 1 request and filed 0 senders" in ended.stdout
        assert "mailroom undo --last" in ended.stdout
        off = mailroom("demo", variables={"MAILROOM_JOURNAL_MAILBOX": ""}, cwd=tmp_path)
        assert (off.returncode, "undo --last" in off.stdout) == (0, False), "nothing remembers what was done"

    def test_the_served_demo_can_be_worked_on(self, tmp_path: Path) -> None:
        """What `demo --serve` shows works as it stands: the variables, the command, and a label typed."""
        serving = subprocess.Popen(
            [sys.executable, "-u", "-m", "mailroom", "demo", "--serve"],
            env=environment({}, tmp_path),
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with serving:
            assert serving.stdin
            assert serving.stdout
            shown = list(iter(serving.stdout.readline, "\n"))
            lines = [*shown, *iter(serving.stdout.readline, "\n")]
            script = "".join(line for line in lines if line.startswith("export ") or line.endswith(" run\n"))
            heading, example = serving.stdout.readline(), serving.stdout.readline()
            assert "type both" in heading

            def run_as_shown() -> str:
                return subprocess.run(
                    ["sh", "-c", f"set -e\n{script.rstrip()} --once"],
                    env=environment({}, tmp_path), cwd=tmp_path, capture_output=True, text=True, check=True,
                ).stdout  # fmt: skip

            assert "sender_filed" in run_as_shown()
            serving.stdin.write(
                f"nonsense\n{example}@ToFeed nobody@else.example\n@ToFeed info@bücherstube.example\n"
            )
            serving.stdin.flush()
            answers = [serving.stdout.readline() for _ in range(5)]
            assert answers[0].startswith("Type a label")
            assert "Issue 88: bridges that hum" in answers[2]
            assert answers[3] == "Nobody has written from nobody@else.example.\n"
            assert "Bücherstube" in answers[4], "an address as `mailroom senders` shows it"
            filed = run_as_shown()
            assert "letters@rustandrivets.example" in filed
            assert "sender_filed" in filed
            serving.send_signal(signal.SIGINT)
            assert "Close the other terminal, too" in serving.stdout.read().replace("\n", " ")
            assert serving.wait(10) == 0

    def test_settings_are_read_from_a_dotenv(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """A `.env` in the working directory stands in for variables that are not set."""
        (tmp_path / ".env").write_text("".join(f"{k}={v}\n" for k, v in sandbox.environment().items()))
        assert mailroom("check", variables={}, cwd=tmp_path).returncode == 0
