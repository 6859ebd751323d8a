"""The sandbox's event stream: what RFC 8620 section 7.3 demands of one, over a real socket."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from typing import Any, Self

import pytest
from attrs import frozen

from mailroom.sandbox import Sandbox, SandboxAccount
from tests.support.given_time import PATIENCE_SECONDS


@frozen
class Event:
    kind: str
    id: str
    data: Any


class Stream:
    """An open event stream, read event by event."""

    def __init__(self, sandbox: Sandbox, query: str, last_event_id: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {sandbox.account.token}"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self._connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=PATIENCE_SECONDS)
        self._connection.request("GET", f"/jmap/event/{query}", headers=headers)
        self.response = self._connection.getresponse()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self._connection.close()

    def next(self) -> Event | None:
        """Return the next event; None at the end of the stream."""
        fields: dict[str, str] = {}
        while line := self.response.readline():
            if line == b"\n":
                return Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            name, _, value = line.decode().rstrip("\n").partition(": ")
            fields[name] = value
        assert not fields, "an event was cut off"
        return None


@pytest.fixture
def account() -> SandboxAccount:
    account = SandboxAccount()
    account.add_mailbox("Inbox", role="inbox")
    account.add_mailbox("@ToFeed")
    return account


@pytest.fixture
def sandbox(account: SandboxAccount) -> Iterator[Sandbox]:
    with Sandbox(account) as sandbox:
        yield sandbox


def deliver(account: SandboxAccount) -> str:
    return account.deliver([("Bob", "bob@x.example")])


def test_a_change_is_told_at_once(sandbox: Sandbox, account: SandboxAccount) -> None:
    """A state event with the new states follows a change without delay, in the RFC's form."""
    message = deliver(account)
    with Stream(sandbox, "?types=*&closeafter=no&ping=0") as stream:
        assert stream.response.headers["Content-Type"].startswith("text/event-stream")
        threading.Timer(0.05, account.label, [message, "@ToFeed"]).start()
        event = stream.next()
    assert event is not None
    assert event.kind == "state"
    assert event.data["@type"] == "StateChange"
    changed = event.data["changed"][account.id]
    assert changed.keys() <= {"Email", "Mailbox"}
    assert "Email" in changed or "Mailbox" in changed


def test_a_burst_ends_with_the_current_states(sandbox: Sandbox, account: SandboxAccount) -> None:
    """Changes may be told together, but the last event names the states as they are in the end."""
    known: dict[str, str] = {}
    with Stream(sandbox, "?types=*&closeafter=no&ping=0") as stream:
        for _ in range(20):
            deliver(account)
        wanted = {name: account.logs[name].state for name in ("Email", "Mailbox", "Thread")}
        while known != wanted:
            event = stream.next()
            assert event is not None
            known.update(event.data["changed"][account.id])


def test_only_the_types_asked_for_are_told(sandbox: Sandbox, account: SandboxAccount) -> None:
    """A client that asks for Mailbox hears nothing of messages being read."""
    message = deliver(account)
    with Stream(sandbox, "?types=Mailbox,Unknown&closeafter=no&ping=0") as stream:
        account.change(message, keywords=frozenset({"$flagged"}))
        account.add_mailbox("New")
        event = stream.next()
    assert event is not None
    assert event.data["changed"] == {account.id: {"Mailbox": account.logs["Mailbox"].state}}


def test_closeafter_state_ends_the_stream_with_the_first_state(
    sandbox: Sandbox, account: SandboxAccount
) -> None:
    """Such a stream is a long poll: one state event, then the end, and the connection can go on."""
    with Stream(sandbox, "?types=Email&closeafter=state&ping=0") as stream:
        deliver(account)
        event = stream.next()
        assert event is not None
        assert event.kind == "state"
        assert stream.next() is None


def test_silence_is_broken_by_pings(sandbox: Sandbox) -> None:
    """After so many seconds without an event comes a ping that tells the interval; it ends no stream."""
    started = time.monotonic()
    with Stream(sandbox, "?types=*&closeafter=state&ping=1") as stream:
        assert stream.next() == Event("ping", "", {"interval": 1})
        assert time.monotonic() - started > 0.9
        assert stream.next() == Event("ping", "", {"interval": 1})


def test_a_client_that_comes_back_is_caught_up_at_once(sandbox: Sandbox, account: SandboxAccount) -> None:
    """With Last-Event-ID the changes missed meanwhile come first, and only those."""
    query = "?types=Email,Mailbox&closeafter=no&ping=0"
    with Stream(sandbox, query) as stream:
        message = deliver(account)
        event = stream.next()
        while event and event.data["changed"][account.id].get("Mailbox") != account.logs["Mailbox"].state:
            event = stream.next()
    assert event is not None
    account.change(message, keywords=frozenset({"$flagged"}))
    with Stream(sandbox, query, event.id) as stream:
        missed = stream.next()
        assert missed is not None
        assert missed.data["changed"] == {account.id: {"Email": account.logs["Email"].state}}
    with Stream(sandbox, query, missed.id) as stream:
        account.add_mailbox("New")
        after = stream.next()
        assert after is not None
        assert after.data["changed"] == {account.id: {"Mailbox": account.logs["Mailbox"].state}}


def test_an_unknown_event_id_brings_all_states(sandbox: Sandbox, account: SandboxAccount) -> None:
    """An id the server cannot read is taken for a client that knows nothing."""
    with Stream(sandbox, "?types=*&closeafter=no&ping=0", "made-up") as stream:
        event = stream.next()
    assert event is not None
    assert event.data["changed"][account.id] == {name: log.state for name, log in account.logs.items()}


def test_a_greeting_stream_begins_with_the_current_state() -> None:
    """Like Fastmail's, on an account that announces its state: the first event is of type connect."""
    account = SandboxAccount(announces_state=True)
    with Sandbox(account) as sandbox, Stream(sandbox, "?types=*&closeafter=no&ping=0") as stream:
        event = stream.next()
    assert event is not None
    assert event.data["type"] == "connect"
    assert event.data["changed"][account.id]["Email"] == account.logs["Email"].state


@pytest.mark.parametrize(
    "query", ["?types=", "?closeafter=never", "?ping=soon", "?ping=-1", "?types=*&types=Email"]
)
def test_a_senseless_query_is_refused(sandbox: Sandbox, query: str) -> None:
    """Parameters have to have values that mean something."""
    with Stream(sandbox, query) as stream:
        assert stream.response.status == 400


def test_the_bare_url_streams_without_pings(sandbox: Sandbox, account: SandboxAccount) -> None:
    """Without parameters all types are told and the stream stays open."""
    with Stream(sandbox, "") as stream:
        deliver(account)
        assert stream.next() is not None


def test_a_closing_sandbox_ends_its_streams(account: SandboxAccount) -> None:
    """No stream outlives the sandbox."""
    with Sandbox(account) as sandbox:
        stream = Stream(sandbox, "?types=*&closeafter=no&ping=0")
    with stream:
        assert stream.next() is None


def test_a_client_that_left_does_not_disturb_the_others(sandbox: Sandbox, account: SandboxAccount) -> None:
    """A broken connection ends its own stream only."""
    with Stream(sandbox, ""):
        pass
    with Stream(sandbox, "") as stream:
        deliver(account)
        assert stream.next() is not None
