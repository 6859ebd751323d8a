"""Push: a change is heard of at once, and whatever becomes of the event source, Mailroom goes on."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
from attrs import evolve

from mailroom.errors import ProtocolError
from mailroom.http import Credentials, HttpClient
from mailroom.jmap.event_source import OF_MAIL, concerns, event_source_url
from mailroom.jmap.push import DEFAULT_TIMES, Push, PushState, PushTimes
from mailroom.jmap.session import Session
from mailroom.jmap.session_wire import CoreCapability
from mailroom.jmap.sse import ServerSentEvent
from mailroom.sandbox import Reply, Request, Sandbox
from mailroom.service.wake import LOOK_SECONDS, MAX_DELAY_SECONDS, MAX_LOOKS, QUIET_SECONDS, Wake
from mailroom.settings.variables import CARDDAV_SECRETS
from tests.support.given_time import PATIENCE_SECONDS, GivenTime, NotedWaits, eventually
from tests.support.processes import Process
from tests.support.scripted import Received, ScriptedServer, http

TOKEN = "fmu1-push-test-token"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\nConnection: close\r\n\r\n"
CHANGE = b'event: state\ndata: {"@type":"StateChange","changed":{"a1":{"Email":"s2"}}}\n\n'
SLOW_POLL = {"MAILROOM_POLL_INTERVAL": "300"}

QUICK = PushTimes(ping_seconds=1, silence_seconds=60.0, first_seconds=0.05, least_seconds=0.01)
"""Waits that a test lives through; those for later stay long, and so does what a slow machine may take."""

HASTY = evolve(QUICK, first_seconds=0.001, longest_seconds=0.002, refused_seconds=0.001, rarely_seconds=0.001)
TIMES = 20

Behaviour = Callable[[socket.socket, Received], None] | bytes
"""What the event source does at a connection: these bytes and no more, or something of its own."""


def session(url: str | None) -> bytes:
    """Return a session whose event source is at `url`, in an answer."""
    value = {
        "apiUrl": "/api",
        "capabilities": {"urn:ietf:params:jmap:core": {}, "urn:ietf:params:jmap:mail": {}},
        "accounts": {"a1": {"accountCapabilities": {"urn:ietf:params:jmap:mail": {}}}},
        "primaryAccounts": {"urn:ietf:params:jmap:mail": "a1"},
        **({"eventSourceUrl": url} if url else {}),
    }
    return http("200 OK", json.dumps(value).encode(), Content_Type="application/json")


def session_at(event_source: str) -> Session:
    return Session("/api", "a1", frozenset(), CoreCapability(), event_source_url=event_source)


def stay_silent(client: socket.socket, request: Received) -> None:
    """Open a stream and send nothing on it until the client goes."""
    client.sendall(STREAM)
    client.recv(1)


class Server(ScriptedServer):
    """A server with a session, and an event source that behaves as a test wants.

    Attributes:
        event_source: The session's eventSourceUrl.
        sessions: What is answered in the place of the next sessions.
    """

    def __init__(self, *behaviours: Behaviour) -> None:
        super().__init__(self._dispatch)
        self.event_source: str | None = "/events?types={types}&closeafter={closeafter}&ping={ping}"
        self.sessions: list[bytes] = []
        self._behaviours = behaviours

    @property
    def connections(self) -> list[Received]:
        """The requests to the event source."""
        return [request for request in self.received if request.target != "/session"]

    def _dispatch(self, client: socket.socket, request: Received) -> None:
        if request.target == "/session":
            client.sendall(self.sessions.pop(0) if self.sessions else session(self.event_source))
            return
        behaviour = self._behaviours[min(len(self.connections), len(self._behaviours)) - 1]
        if callable(behaviour):
            behaviour(client, request)
        else:
            client.sendall(behaviour)


class Listening:
    """A `Push` at work.

    Attributes:
        changes: How often it has called.
    """

    def __init__(self, url: str, times: PushTimes, token: str, waits: NotedWaits | None) -> None:
        self.changes = 0
        self.push = Push(
            HttpClient(url, Credentials(f"Bearer {token}")), url, self._count, times, hurry=waits
        )

    def _count(self) -> None:
        self.changes += 1

    def reaches(self, state: PushState) -> bool:
        return eventually(lambda: self.push.state is state)


@contextmanager
def listening(
    url: str, times: PushTimes = QUICK, token: str = TOKEN, waits: NotedWaits | None = None
) -> Iterator[Listening]:
    listening = Listening(url, times, token, waits)
    listening.push.start()
    try:
        yield listening
    finally:
        listening.push.stop()


@contextmanager
def listening_to(
    *behaviours: Behaviour, times: PushTimes = QUICK, waits: NotedWaits | None = None
) -> Iterator[tuple[Server, Listening]]:
    with Server(*behaviours) as server, listening(f"{server.url}/session", times, waits=waits) as listener:
        yield server, listener


def end_by_reset(client: socket.socket, request: Received) -> None:
    """Open a stream and break it off with a TCP reset."""
    client.sendall(STREAM + b": hello\n\n")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


BROKEN: dict[str, Behaviour] = {
    "malformed event": STREAM + b"event: state\ndata: {\n\n",
    "endless line": STREAM + b"data: " + b"x" * 100_000,
    "wrong chunk": STREAM.replace(b"Connection: close", b"Transfer-Encoding: chunked") + b"zz\r\n",
    "cut short": STREAM.replace(b"Connection: close", b"Content-Length: 99") + b"short",
    "end": STREAM,
    "reset": end_by_reset,
    "silence": stay_silent,
    "500": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "503": http("503 Busy", b"a page"),
    "204": http("204 No Content"),
    "401": http("401 Unauthorized"),
    "404": http("404 Not Found"),
    "another type": http("200 OK", b"<html>", Content_Type="text/html"),
    "a redirect abroad": http("307 Moved", Location="http://127.0.0.2/"),
    "a redirect to nowhere": http("307 Moved"),
    "no HTTP": b"no HTTP at all\r\n\r\n",
    "nothing": b"",
}


class TestTheEventSource:
    def test_a_template_is_filled_in(self) -> None:
        """The three variables take their values, percent-encoded; others are empty (RFC 6570 level 1)."""
        url = event_source_url("https://x.example/e?t={types}&c={closeafter}&p={ping}&{other}", 30)
        assert url == "https://x.example/e?t=Email%2CMailbox&c=no&p=30&"

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://x.example/e/", "https://x.example/e/?types=Email%2CMailbox&closeafter=no&ping=30"),
            (
                "https://x.example/e?u=1",
                "https://x.example/e?u=1&types=Email%2CMailbox&closeafter=no&ping=30",
            ),
            ("https://x.example/e?ping=9&types=*&closeafter=no", None),
        ],
    )
    def test_a_bare_url_gets_the_parameters_it_lacks(self, url: str, expected: str | None) -> None:
        """A server that forgot the template understands the same parameters; its own values stay."""
        assert event_source_url(url, 30) == (expected or url)

    @pytest.mark.parametrize(
        ("data", "matters"),
        [
            ('{"@type":"StateChange","changed":{"a1":{"Email":"s1"}}}', True),
            ('{"type":"connect","changed":{"a1":{"Email":"s1","Mailbox":"s2"}}}', True),
            ('{"changed":{"a1":{"Mailbox":"s2"}},"type":"change"}', True),
            ('{"changed":{"a2":{"Email":"s1"}}}', False),
            ('{"changed":{"a1":{"CalendarEvent":"s1"}}}', False),
            ('{"changed":{}}', False),
        ],
    )
    def test_only_changed_mail_of_the_own_account_matters(self, data: str, matters: bool) -> None:
        """Both forms of a state event count; other accounts and other data do not."""
        assert concerns(ServerSentEvent("state", data), {"a1": OF_MAIL}) is matters

    def test_other_events_do_not_matter_whatever_they_say(self) -> None:
        """A ping is a sign of life and no more."""
        assert not concerns(ServerSentEvent("ping", "{"), {"a1": OF_MAIL})

    @pytest.mark.parametrize("data", ["", "{", "[]", "{}", '{"changed":3}', '{"changed":{"a1":null}}'])
    def test_a_state_event_that_cannot_be_read_is_an_error(self, data: str) -> None:
        """It may have told of a change, so it is not passed over."""
        with pytest.raises(ProtocolError):
            concerns(ServerSentEvent("state", data), {"a1": OF_MAIL})


class TestListening:
    def test_a_change_is_heard_of_as_it_happens(self, sandbox: Sandbox) -> None:
        """Connecting counts as a change, and then each change does, at once."""
        with listening(sandbox.session_url, token=sandbox.account.token) as listener:
            assert listener.reaches(PushState.CONNECTED)
            assert eventually(lambda: listener.changes == 1)
            sandbox.account.deliver([("", "a@b.example")], ["Screener"])
            assert eventually(lambda: listener.changes == 2)

    @pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
    def test_an_event_that_comes_in_pieces_counts_once(self, line_end: bytes) -> None:
        """However the bytes are cut on their way, one event is one change."""

        chunks = [b"1\r\n%c\r\n" % byte for byte in CHANGE.replace(b"\n", line_end)]
        in_pieces = STREAM.replace(b"Connection: close", b"Transfer-Encoding: chunked") + b"".join(chunks)
        waits = NotedWaits(passing=0)
        with listening_to(in_pieces + b"0\r\n\r\n", waits=waits) as (_, listener):
            assert waits.all_passed()
            assert listener.changes == 2

    def test_silence_ends_a_connection_and_pings_keep_it(self) -> None:
        """Pings, even as comments, are signs of life; without any the server counts as lost."""

        def ping_for_a_while(client: socket.socket, request: Received) -> None:
            client.sendall(STREAM)
            until = time.monotonic() + 1.5 * times.silence_seconds
            while time.monotonic() < until:
                client.sendall(b": ping\n\n")
                client.sendall(b'event: ping\ndata: {"interval":1}\n\n')
                server.ending.wait(0.02)
            connections.append(len(server.connections))
            server.ending.wait()

        connections: list[int] = []
        times = evolve(QUICK, silence_seconds=2.0)
        with Server(ping_for_a_while) as server, listening(f"{server.url}/session", times):
            assert eventually(lambda: len(server.connections) == 2)
            assert connections == [1], "it was still the first connection when the pings ceased"

    def test_a_stream_that_ends_is_taken_up_where_it_ended(self) -> None:
        """The next connection names the last event seen, and counts as a change itself."""

        def one_event(client: socket.socket, request: Received) -> None:
            client.sendall(STREAM + b"id: s2\n" + CHANGE)

        with Server(one_event) as server, listening(f"{server.url}/session") as listener:
            assert eventually(lambda: len(server.connections) >= 2 and listener.changes >= 3)
            assert "last-event-id" not in server.connections[0].headers
            assert server.connections[1].headers["last-event-id"] == "s2"

    @pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
    def test_after_any_failures_it_connects_anew(self, broken: Behaviour) -> None:
        """However often it fails, the connection after that works as the first would have."""
        times = evolve(HASTY, silence_seconds=0.1 if broken is BROKEN["silence"] else 60.0)
        with listening_to(*[broken] * TIMES, stay_silent, times=times) as (server, listener):
            assert eventually(lambda: len(server.connections) > TIMES)
            assert listener.reaches(PushState.CONNECTED)

    def test_after_any_failures_to_get_a_session_it_connects_anew(self) -> None:
        """Nor does it matter how often there was no session to be had."""
        answers = [
            http("503 Busy", b"x", Content_Encoding="br"),
            http("401 Unauthorized"),
            b"",
            http("200 OK"),
        ]
        with Server(stay_silent) as server:
            server.sessions = answers * (TIMES // len(answers))
            with listening(f"{server.url}/session", HASTY) as listener:
                assert listener.reaches(PushState.CONNECTED)
                assert server.sessions == []

    @pytest.mark.parametrize("broken", [http("500 Oops"), STREAM], ids=["an error", "hangs up at once"])
    def test_waits_between_attempts_grow(self, broken: Behaviour) -> None:
        """A server that is down is not hammered; only a connection that lasted makes failures forgotten."""
        waits = NotedWaits(passing=9)
        with listening_to(broken, times=DEFAULT_TIMES, waits=waits) as (server, listener):
            assert waits.all_passed()
            assert listener.push.state is PushState.CONNECTING
            assert len(server.connections) == 10
        for seconds, longest in zip(waits.seconds, (1, 2, 4, 8, 16, 32, 60, 60, 60, 60), strict=True):
            assert longest / 2 <= seconds <= longest

    def test_a_connection_that_lasted_makes_the_failures_before_it_forgotten(self) -> None:
        """What went wrong in the morning does not slow down the evening."""
        waits = NotedWaits(passing=5)
        minutes = count(step=DEFAULT_TIMES.stable_seconds)
        with Server(STREAM) as server:
            url = f"{server.url}/session"
            client = HttpClient(url, Credentials("Bearer t"))
            push = Push(client, url, lambda: None, clock=lambda: next(minutes), hurry=waits)
            push.start()
            assert waits.all_passed()
            push.stop()
        assert max(waits.seconds) <= DEFAULT_TIMES.first_seconds

    def test_the_server_may_say_how_long_to_wait(self) -> None:
        """A retry field takes the place of the first wait."""
        waits = NotedWaits(passing=0)
        with listening_to(STREAM + b"retry: 40000\n\n", times=DEFAULT_TIMES, waits=waits):
            assert waits.all_passed()
        assert 20 <= waits.seconds[0] <= 40

    @pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
    def test_retry_after_is_honoured(self, status: str) -> None:
        """A busy server gets the peace it asks for."""
        waits = NotedWaits(passing=0)
        with listening_to(http(status, Retry_After="77"), times=DEFAULT_TIMES, waits=waits):
            assert waits.all_passed()
        assert waits.seconds == [77]

    @pytest.mark.parametrize(
        "answer",
        [http("204 No Content"), http("404 Not Found"), http("200 OK", b"<html>", Content_Type="text/html")],
        ids=["204", "404", "text/html"],
    )
    def test_a_server_without_push_is_left_in_peace(self, answer: bytes) -> None:
        """Mailroom polls, and asks again only much later."""
        waits = NotedWaits(passing=0)
        with listening_to(answer, waits=waits) as (server, listener):
            assert waits.all_passed()
            assert listener.push.state is PushState.POLLING
            assert listener.changes == 0
            assert len(server.connections) == 1
        assert waits.seconds == [QUICK.rarely_seconds]

    def test_a_session_without_an_event_source_means_polling(self) -> None:
        """There is nothing to connect to, and that is no error."""
        waits = NotedWaits(passing=0)
        with Server(STREAM) as server:
            server.event_source = None
            with listening(f"{server.url}/session", waits=waits) as listener:
                assert waits.all_passed()
                assert listener.push.state is PushState.POLLING
                assert len(server.received) == 1
        assert waits.seconds == [QUICK.rarely_seconds]

    def test_a_refused_token_is_not_tried_again_at_once(self) -> None:
        """The next poll will tell whether the token is revoked; until then push keeps still."""
        waits = NotedWaits(passing=0)
        with listening_to(http("401 Unauthorized"), waits=waits) as (server, listener):
            assert waits.all_passed()
            assert len(server.connections) == 1
            assert listener.push.state is PushState.CONNECTING
        assert waits.seconds == [QUICK.refused_seconds]

    def test_an_event_source_on_a_foreign_host_gets_no_credentials(self) -> None:
        """Nothing at all is sent to a host that the token is not for."""
        with ScriptedServer(STREAM) as foreign, Server(STREAM) as server:
            server.event_source = f"{foreign.url}/events"
            with listening(f"{server.url}/session") as listener:
                assert listener.reaches(PushState.POLLING)
            assert foreign.received == []

    def test_a_redirect_is_followed_at_home_only(self) -> None:
        """The event source may move on its host, but the token does not follow it away."""
        with (
            ScriptedServer(STREAM) as foreign,
            Server(
                http("307 Moved", Location="/elsewhere"), http("307 Moved", Location=f"{foreign.url}/away")
            ) as server,
        ):
            with listening(f"{server.url}/session") as listener:
                assert listener.reaches(PushState.POLLING)
            assert [request.target for request in server.connections[1:]] == ["/elsewhere"]
            assert foreign.received == []

    def test_when_the_event_source_moves_it_moves_along(self) -> None:
        """The cycles see that the session is another; push then asks for it and connects anew at once."""
        waits = NotedWaits(passing=0)
        with listening_to(stay_silent, waits=waits) as (server, listener):
            listener.push.note_session(None)
            listener.push.note_session(session_at("/events"))
            assert listener.reaches(PushState.CONNECTED)
            listener.push.note_session(session_at("/events"))
            assert waits.times_set == 0
            server.event_source = "/new"
            listener.push.note_session(session_at("/new"))
            assert eventually(lambda: len(server.connections) == 2)
            assert server.connections[1].target.startswith("/new?")

    def test_sessions_that_take_turns_do_not_drive_it_to_and_fro(self) -> None:
        """Where each cycle sees another session, push moves once in `move_seconds` and no more."""
        now = 0.0
        waits = NotedWaits(passing=0)
        with Server(stay_silent) as server:
            url = f"{server.url}/session"
            client = HttpClient(url, Credentials("Bearer t"))
            push = Push(client, url, lambda: None, QUICK, clock=lambda: now, hurry=waits)
            push.start()
            assert eventually(lambda: len(server.connections) == 1)
            for minute in range(3):
                now = 60.0 * minute + 1
                for number in range(TIMES):
                    push.note_session(session_at(f"/{number % 2}"))
                assert waits.times_set == minute + 1
                assert eventually(lambda: len(server.connections) == minute + 2)  # noqa: B023 - called at once
            push.stop()

    def test_another_limit_in_the_session_does_not_disturb_it(self) -> None:
        """Only the event source and the account matter."""
        waits = NotedWaits(passing=0)
        with listening_to(stay_silent, waits=waits) as (_, listener):
            assert listener.reaches(PushState.CONNECTED)
            for number in range(TIMES):
                listener.push.note_session(evolve(session_at("/events"), api_url=f"/api/{number}"))
            assert waits.times_set == 0

    def test_stopping_interrupts_whatever_it_waits_for(self) -> None:
        """It ends while the stream is silent, and while it waits to connect anew; both would take minutes."""
        waits: list[tuple[Behaviour, PushState]] = [
            (stay_silent, PushState.CONNECTED),
            (http("204 No Content"), PushState.POLLING),
        ]
        for behaviour, state in waits * (TIMES // 2):
            with listening_to(behaviour) as (_, listener):
                assert listener.reaches(state)
                listener.push.stop()
                assert eventually(lambda: all(thread.name != "push" for thread in threading.enumerate()))


@pytest.fixture
def time_given() -> GivenTime:
    return GivenTime()


@pytest.fixture
def wake(time_given: GivenTime) -> Wake:
    return Wake(time_given.clock, time_given)


class TestWake:
    def test_a_call_is_answered_after_a_moment_of_quiet(self, wake: Wake, time_given: GivenTime) -> None:
        """A burst makes one cycle, shortly after its last change."""
        for number in range(1, 5):
            time_given.at(number * 0.1, wake.call)
        wake.wait(60)
        assert time_given.now == pytest.approx(0.4 + QUIET_SECONDS)

    def test_calls_that_do_not_cease_cannot_put_it_off(self, wake: Wake, time_given: GivenTime) -> None:
        """However many changes there are, a second after the first the cycle begins."""
        for number in range(1, 1000):
            time_given.at(number * 0.02, wake.call)
        wake.wait(60)
        assert time_given.now == pytest.approx(0.02 + MAX_DELAY_SECONDS)

    def test_a_call_during_the_cycle_leads_to_the_next(self, wake: Wake, time_given: GivenTime) -> None:
        """What was called before the cycle is done with; what was called since is not."""
        wake.call()
        wake.wait(60)
        assert time_given.now == pytest.approx(QUIET_SECONDS)
        wake.wait(60)
        assert time_given.now == pytest.approx(60 + QUIET_SECONDS)
        wake.call()
        wake.wait(60)
        assert time_given.now == pytest.approx(60 + 2 * QUIET_SECONDS)

    def test_it_is_looked_while_it_is_waited_for_more(self, wake: Wake, time_given: GivenTime) -> None:
        """A moment after a call; what was seen then is what the cycle begins with, where no more came."""
        looked: list[float] = []

        def look() -> str:
            looked.append(time_given.now)
            return f"look {len(looked)}"

        time_given.at(10, wake.call)
        time_given.at(10.01, wake.call)  # of the same burst
        assert wake.wait(60, look=look) == "look 1"
        assert looked == [pytest.approx(10.01 + LOOK_SECONDS)]
        assert time_given.now == pytest.approx(10.01 + QUIET_SECONDS)

    def test_what_was_seen_before_a_later_call_is_not_what_is_there(
        self, wake: Wake, time_given: GivenTime
    ) -> None:
        """It is looked again, but not for every call of many: then the cycle looks itself."""
        looked: list[float] = []

        def look() -> int:
            looked.append(time_given.now)
            return len(looked)

        time_given.at(1, wake.call)
        time_given.at(1.1, wake.call)
        assert wake.wait(60, look=look) == 2
        for number in range(1, 6):
            time_given.at(10 + number / 10, wake.call)
        assert wake.wait(60, look=look) is None
        assert len(looked) == 2 + MAX_LOOKS
        assert time_given.now == pytest.approx(10.5 + QUIET_SECONDS)

    def test_a_call_while_it_looks_is_heard(self, wake: Wake, time_given: GivenTime) -> None:
        """What is seen may be older than what has changed; and others may call at any time."""
        looks = count()

        def look() -> str:
            if next(looks) == 0:
                caller = threading.Thread(target=wake.call)
                caller.start()
                caller.join(PATIENCE_SECONDS)
                assert not caller.is_alive()
                return "too old"
            return "of now"

        time_given.at(1, wake.call)
        assert wake.wait(60, look=look) == "of now"
        assert next(looks) == 2

    def test_without_a_call_nobody_looks_ahead(self, wake: Wake, time_given: GivenTime) -> None:
        """Neither before a poll, nor while calls do not count because of a failure."""

        def look() -> str:
            raise AssertionError

        assert wake.wait(60, look=look) is None
        wake.call()
        assert wake.wait(60, 4, look) is None
        assert time_given.now == 64

    def test_without_a_call_the_interval_counts(self, wake: Wake, time_given: GivenTime) -> None:
        """Polling is the safety net."""
        wake.wait(300)
        assert time_given.now == 300

    def test_after_a_failure_calls_have_to_wait_but_the_interval_does_not(
        self, wake: Wake, time_given: GivenTime
    ) -> None:
        """A pause holds calls back, never the poll."""
        wake.call()
        wake.wait(60, pause_seconds=4)
        assert time_given.now == 4
        wake.wait(10, pause_seconds=60)
        assert time_given.now == 14

    def test_stopping_ends_every_wait(self) -> None:
        """A stop is never forgotten, and a call from another thread is heard, on the real clock too."""
        wake = Wake()
        waiting = threading.Thread(target=wake.wait, args=(600,))
        waiting.start()
        wake.call()
        waiting.join(PATIENCE_SECONDS)
        assert not waiting.is_alive()
        waiting = threading.Thread(target=wake.wait, args=(600,))
        waiting.start()
        wake.stop()
        waiting.join(PATIENCE_SECONDS)
        assert not waiting.is_alive()
        wake.wait(600)


def put_label(sandbox: Sandbox, label: str = "@ToFeed") -> str:
    """Let a new sender write, put a label on their message as a person does, and return its id."""
    message = sandbox.account.deliver([("", f"sender{time.monotonic_ns()}@new.example")], ["Screener"])
    sandbox.account.label(message, label)
    return message


def is_filed(sandbox: Sandbox, message: str) -> bool:
    """Wait, for much less than the time to the next poll, until a message is where its label sends it."""
    return eventually(lambda: sandbox.account.mailbox_names(message) == {"Feed"})


def over_jmap(sandbox: Sandbox) -> dict[str, str]:
    """The variables of a service that reaches contacts over JMAP too."""
    return {x: y for x, y in sandbox.environment().items() if x not in CARDDAV_SECRETS} | SLOW_POLL


class TestContactsOverJmap:
    """Where contacts are reached over JMAP, their changes are heard of like those of mail."""

    def test_a_card_put_into_a_group_by_hand_takes_effect_long_before_the_poll(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        """The sender's waiting mail is where it belongs, although the next poll is minutes away."""
        uid = sandbox.account.add_contact("Ann", "ann@old.example")
        waiting = sandbox.account.deliver([("", "ann@old.example")], ["Screener"])
        with Process(over_jmap(sandbox), tmp_path) as service:
            service.until("push_connected")
            service.until("poll_complete")
            assert sandbox.account.mailbox_names(waiting) == {"Screener"}
            sandbox.account.add_member("Feed", uid)
            assert is_filed(sandbox, waiting)

    def test_an_idle_poll_is_one_request(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """What has changed in the contacts is asked for together with the mail."""
        variables = over_jmap(sandbox) | {"MAILROOM_POLL_INTERVAL": "0.3", "MAILROOM_PUSH": "off"}
        with Process(variables, tmp_path) as service:
            for _ in range(2):
                service.until("poll_complete")
            before = service.requests_told()
            for _ in range(2):
                service.until("poll_complete")
            asked = sandbox.requests[before : service.requests_told()]
        assert len(asked) == 2
        assert all("ContactCard/changes" in each.calls for each in asked)
        assert all("Mailbox/get" in each.calls for each in asked)


class TestTheService:
    def test_a_label_takes_effect_long_before_the_poll(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """The sender is filed, although the next poll is minutes away."""
        with Process({**sandbox.environment(), **SLOW_POLL}, tmp_path) as service:
            service.until("push_connected")
            assert service.health()[1]["push"] == "connected"
            for _ in range(3):
                assert is_filed(sandbox, put_label(sandbox))

    def test_when_nothing_happens_nothing_is_asked(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """Idle, there is the stream and one request a poll, and a poll comes once an interval."""
        interval_seconds, polls = 0.5, 5
        variables = {**sandbox.environment(), "MAILROOM_POLL_INTERVAL": str(interval_seconds)}
        with Process(variables, tmp_path) as service:
            service.until("push_connected")
            service.until("poll_complete")
            began = service.until("poll_complete")["ts"]  # after the first one the rules are looked at
            before = service.requests_told()
            for _ in range(polls):
                ended = service.until("poll_complete")["ts"]
            asked = sandbox.requests[before : service.requests_told()]
        took_seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
        assert {(each.method, each.path) for each in asked} == {("POST", "/jmap/api/")}
        # The connection is a change itself, perhaps heard of late; more calls than that would be a circle.
        assert len(asked) <= took_seconds / interval_seconds + 3

    def test_its_own_changes_lead_to_a_look_that_changes_nothing(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        """Filing a sender and telling it makes events, which make one look around, which makes none."""
        with Process({**sandbox.environment(), **SLOW_POLL}, tmp_path) as service:
            service.until("push_connected")
            if not any(each["event"] == "poll_complete" for each in service.events):
                service.until("poll_complete")  # and after the first one the rules are looked at
            put_label(sandbox)
            service.until("poll_complete", senders_filed=1)
            before = service.requests_told()
            service.until("poll_complete", senders_filed=0)
            entry, *asked = sandbox.requests[before : service.requests_told()]
        # The entry of the journal comes with a look for old ones.
        assert {"Email/set", "Email/query"} <= {*entry.calls}
        assert {each.path for each in asked} == {"/jmap/api/"}
        assert not [call for each in asked for call in each.calls if call.endswith("/set")]

    def test_what_is_labelled_during_a_cycle_is_filed_by_the_next(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        """No moment of a cycle is so unlucky that a label waits for the poll: each request sees another."""
        messages: list[str] = []

        def label_another(request: Request) -> Reply | None:
            if len(messages) < TIMES:
                messages.append(put_label(sandbox))
            return None

        with Process({**sandbox.environment(), **SLOW_POLL}, tmp_path) as service:
            service.until("push_connected")
            sandbox.interceptor = label_another
            first = put_label(sandbox)
            assert is_filed(sandbox, first)
            assert eventually(lambda: len(messages) == TIMES)
            assert all(is_filed(sandbox, message) for message in messages)

    def test_it_can_be_switched_off(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """With MAILROOM_PUSH=off nobody asks for events."""
        variables = {**sandbox.environment(), "MAILROOM_POLL_INTERVAL": "0.3", "MAILROOM_PUSH": "off"}
        with Process(variables, tmp_path) as service:
            service.until("poll_complete")
            service.until("poll_complete")
            assert service.health()[1]["push"] == "off"
            assert "/jmap/event/" not in [each.path for each in sandbox.requests]

    def test_losing_push_makes_nothing_unhealthy_and_is_told_once(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        """Polling goes on, health stays good, and each attempt that fails is not told again."""

        def no_events(request: Request) -> Reply | None:
            return Reply(500) if request.path == "/jmap/event/" else None

        sandbox.interceptor = no_events
        with Process({**sandbox.environment(), "MAILROOM_POLL_INTERVAL": "0.3"}, tmp_path) as service:
            assert service.until("push_lost")["push"] == "connecting"
            assert eventually(lambda: [r.path for r in sandbox.requests].count("/jmap/event/") >= 2)
            service.until("poll_complete")
            status, health = service.health()
            assert (status, health["status"], health["push"]) == (200, "ok", "connecting")
            sandbox.interceptor = None
            service.until("push_connected")
            assert [each["event"] for each in service.events].count("push_lost") == 1
