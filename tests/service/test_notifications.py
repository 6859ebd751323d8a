"""MAILROOM_NOTIFY_URL: the running service tells a person what needs them, and suffers from no receiver."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from mailroom.sandbox import Reply, Request, Sandbox
from tests.support.given_time import eventually
from tests.support.processes import Process
from tests.support.scripted import Answer, Received, ScriptedServer, http

TAKEN = http("200 OK", b"{}")
SECRETS = ("hush-hush-hush", "topic-of-mine", "tk_0123456789")
STRANGER = "news@dailylantern.example"


def variables(sandbox: Sandbox, receiver: ScriptedServer) -> dict[str, str]:
    user, place = "me:hush-hush-hush@", "/topic-of-mine?auth=tk_0123456789"
    return {
        **sandbox.environment(),
        "MAILROOM_POLL_INTERVAL": "0.1",
        "MAILROOM_PUSH": "off",
        "MAILROOM_NOTIFY_URL": receiver.url.replace("://", f"://{user}") + place,
    }


def hang(client: socket.socket, request: Received) -> None:
    """Take the notice, and answer nothing until the sender gives up."""
    client.recv(1)


def label_in_two_ways(sandbox: Sandbox) -> None:
    """Make a conflict, which only the person can solve."""
    message = sandbox.account.messages_from(STRANGER)[-1]
    sandbox.account.label(message.id, "@ToJail")
    sandbox.account.label(message.id, "@ToFeed")


def polls_answered_with(status: int) -> Callable[[Request], Reply | None]:
    """Return an interceptor that lets the service start, and no cycle succeed."""
    looks = count()

    def interceptor(request: Request) -> Reply | None:
        is_look = all(method in request.body for method in (b"Mailbox/get", b'"Email/'))
        return Reply(status) if is_look and next(looks) else None

    return interceptor


def told(receiver: ScriptedServer) -> list[tuple[str, str]]:
    """Return title and text of each notice; nothing else has come but questions for earlier ones."""
    assert {(each.method, each.target) for each in receiver.received} <= {
        ("POST", "/topic-of-mine?auth=tk_0123456789"),
        ("GET", "/topic-of-mine/json?auth=tk_0123456789&poll=1&since=59m"),
    }
    return [(x.headers["title"], x.body.decode()) for x in receiver.received if x.method == "POST"]


def assert_silent_about_the_url(service: Process) -> None:
    shown = json.dumps(service.events)
    assert not [each for each in SECRETS if each in shown]


def test_a_conflict_is_told_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """However many cycles find it again; title and text are those of ntfy, and name nobody."""
    with ScriptedServer(TAKEN) as receiver, Process(variables(sandbox, receiver), tmp_path) as service:
        service.until("poll_complete")
        label_in_two_ways(sandbox)
        service.until("message_rejected", level="warning")
        service.until("notification_sent")
        for _ in range(5):
            service.until("poll_complete", messages_rejected=1)
        ((title, text),) = told(receiver)
        assert title == "Mailroom: a message needs you"
        assert "@MailroomError" in text
        assert "lantern" not in text
        assert_silent_about_the_url(service)


def test_refused_credentials_at_the_start_are_told(sandbox: Sandbox, tmp_path: Path) -> None:
    """The process ends with 1 all the same, after the notice has gone out."""
    sandbox.interceptor = lambda _: Reply(401)
    with ScriptedServer(TAKEN) as receiver, Process(variables(sandbox, receiver), tmp_path) as service:
        service.until("startup_failed")
        assert service.exit_code() == 1
        ((title, text),) = told(receiver)
    assert title == "Mailroom: credentials are refused"
    assert text.startswith("MAILROOM_JMAP_TOKEN: ")
    assert "http" not in text


def test_a_pod_that_starts_again_and_again_tells_it_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """A topic of ntfy keeps what was told, and each start looks there first."""
    sandbox.interceptor = lambda _: Reply(401)
    kept: list[bytes] = []

    def ntfy(client: socket.socket, request: Received) -> None:
        if request.method == "POST":
            told = {"event": "message", "title": request.headers["title"], "message": request.body.decode()}
            kept.append(json.dumps(told).encode() + b"\n")
        client.sendall(http("200 OK", b"".join(kept)))

    with ScriptedServer(ntfy) as receiver:
        for _ in range(3):
            with Process(variables(sandbox, receiver), tmp_path) as service:
                assert service.exit_code() == 1
        assert [title for title, _ in told(receiver)] == ["Mailroom: credentials are refused"]


def test_a_token_that_is_revoked_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    """The first failed poll tells of it; the next ones within the hour do not, even after a good one."""
    revoked = polls_answered_with(401)
    sandbox.interceptor = revoked
    with ScriptedServer(TAKEN) as receiver, Process(variables(sandbox, receiver), tmp_path) as service:
        service.until("poll_failed")
        assert eventually(lambda: len(told(receiver)) == 1)
        assert [title for title, _ in told(receiver)] == ["Mailroom: credentials are refused"]
        sandbox.interceptor = None
        service.until("poll_complete")
        sandbox.interceptor = revoked
        service.until("poll_failed")
        assert len(told(receiver)) == 1
        assert_silent_about_the_url(service)


def test_the_end_after_ten_failures_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    """Before the process is gone."""
    sandbox.interceptor = polls_answered_with(500)
    with ScriptedServer(TAKEN) as receiver, Process(variables(sandbox, receiver), tmp_path) as service:
        service.until("service_failed", 120)
        assert service.exit_code() == 1
        assert [title for title, _ in told(receiver)] == ["Mailroom has ended"]


@pytest.mark.parametrize(
    "answer",
    [hang, http("302 Found", Location="http://127.0.0.1:9/elsewhere"), http("500 Oops"), b""],
    ids=["hangs", "redirects", "fails", "closes"],
)
def test_no_receiver_makes_a_cycle_late_or_fail(sandbox: Sandbox, tmp_path: Path, answer: Answer) -> None:
    """Cycles go on while it hangs; the log says what became of the notice, and not where it went."""
    with ScriptedServer(answer) as receiver, Process(variables(sandbox, receiver), tmp_path) as service:
        service.until("poll_complete")
        label_in_two_ways(sandbox)
        assert eventually(lambda: len(receiver.received) > 0)
        if answer is not hang:
            service.until("notification_failed")
        for _ in range(3):
            service.until("poll_complete", messages_rejected=1)
        assert not any(event["event"] == "poll_failed" for event in service.events)
        assert_silent_about_the_url(service)
    assert len(told(receiver)) == (0 if answer is hang else 1)
