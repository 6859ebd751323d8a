"""Subjects: of many messages, of large ones, and of odd ones."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from mailroom.http import Bounds, Credentials, HttpClient
from mailroom.jmap import JmapClient
from mailroom.jmap.subjects import MAX_SUBJECT_CHARACTERS, JmapSubjects
from mailroom.model.mail import MessageId
from mailroom.sandbox import SandboxAccount
from mailroom.sandbox.store.account import Limits
from tests.support.proxy import Exchange, Proxy

ANN = ("Ann", "ann@example.net")
MAX_OBJECTS = 20
ROOM_BYTES = 100_000


@pytest.fixture
def account() -> SandboxAccount:
    account = SandboxAccount(limits=Limits(max_objects_in_get=MAX_OBJECTS))
    account.add_mailbox("Screener")
    return account


@pytest.fixture
def client(account: SandboxAccount, proxy: Proxy) -> JmapClient:
    http = HttpClient(
        proxy.url, Credentials(f"Bearer {account.token}"), bounds=Bounds(answer_bytes=ROOM_BYTES)
    )
    return JmapClient(http, f"{proxy.url}/jmap/session")


def about(account: SandboxAccount, subject: str) -> MessageId:
    return MessageId(account.deliver([ANN], ["Screener"], subject))


def test_no_more_are_asked_for_at_once_than_the_server_takes(
    account: SandboxAccount, client: JmapClient, proxy: Proxy
) -> None:
    """Each message once, in as many requests as that makes; nobody's is none."""
    wanted = {about(account, f"Number {number}"): f"Number {number}" for number in range(2 * MAX_OBJECTS + 1)}
    client.call([])  # reads the session
    before = len(proxy.requests)
    assert JmapSubjects(client).subjects([*wanted, *wanted]) == wanted
    assert len(proxy.requests) - before == 3
    assert JmapSubjects(client).subjects([]) == {}
    assert JmapSubjects(client).subjects([MessageId("gone")]) == {}


def test_a_long_one_is_cut_and_one_that_fits_nowhere_is_left_out(
    account: SandboxAccount, client: JmapClient
) -> None:
    """Whatever a stranger writes, the others' subjects are there, and the memory is bounded."""
    first, last = about(account, "First"), about(account, "Last")
    long = [about(account, "x" * (ROOM_BYTES // 3)) for _ in range(5)]
    huge = about(account, "x" * 2 * ROOM_BYTES)
    found = JmapSubjects(client).subjects([first, *long, huge, last])
    cut = "x" * MAX_SUBJECT_CHARACTERS
    assert found == {first: "First", **dict.fromkeys(long, cut), last: "Last"}


def test_an_odd_one_stops_no_other(account: SandboxAccount, client: JmapClient, proxy: Proxy) -> None:
    """What is no text is passed over; null is a message without a subject (RFC 8621 section 4.1.1)."""
    odd, empty, sound = about(account, "Odd"), about(account, ""), about(account, "Sound")

    def plan(exchange: Exchange) -> None:
        answer = exchange.forward()
        value = json.loads(answer.body)
        for _, arguments, _ in value.get("methodResponses", ()):
            said = {odd: 5, empty: None}
            arguments["list"] = [
                *("no object", {"subject": "of nobody"}),
                *(each | {"subject": said.get(each["id"], each["subject"])} for each in arguments["list"]),
            ]
        exchange.reply(evolve(answer, body=json.dumps(value).encode()))

    proxy.plan = plan
    assert JmapSubjects(client).subjects([odd, empty, sound]) == {empty: "", sound: "Sound"}
