"""Changing many messages on a server that is slower than it is waited for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from attrs import evolve

from mailroom.errors import TimedOutError
from mailroom.http import Bounds, Credentials, HttpClient
from mailroom.jmap import JmapClient, JmapMailStore
from mailroom.model.mail import Change, MailboxId
from mailroom.model.ports import Update
from mailroom.sandbox import Limits, Sandbox, SandboxAccount
from tests.support.proxy import Answer, Exchange, Proxy

BOUNDS = Bounds(silence_seconds=0.6, attempts=3, first_wait_seconds=0.001)
MESSAGES = 16


class SlowServer:
    """Changes messages, and answers in time only where there are few of them at once.

    Args:
        most: To a change of more messages it does not answer in time.
        is_done: Whether it makes such a change all the same.

    Attributes:
        sizes: Of how many messages the changes were that it was asked for.
    """

    def __init__(self, most: int, *, is_done: bool) -> None:
        self.sizes: list[int] = []
        self._most, self._is_done = most, is_done

    def __call__(self, exchange: Exchange) -> None:
        if "Email/set" not in exchange.request.calls:
            exchange.pass_on()
            return
        ((_, arguments, _),) = exchange.request.json()["methodCalls"]
        self.sizes.append(len(arguments["update"]))
        if self.sizes[-1] <= self._most:
            exchange.pass_on()
            return
        if self._is_done:
            exchange.forward()
        exchange.stall()


def move_all(server: SlowServer, count: int = MESSAGES) -> int:
    """Move messages from Screener to Feed; all must have come there. Return how many are told as changed."""
    account = SandboxAccount()
    screener, feed = (MailboxId(account.add_mailbox(name)) for name in ("Screener", "Feed"))
    ids = [account.deliver([("Ann", "ann@example.net")], ["Screener"]) for _ in range(count)]
    with Sandbox(account) as sandbox, Proxy(sandbox.url) as proxy:
        proxy.plan = server
        with closing(HttpClient(proxy.url, Credentials(f"Bearer {account.token}"), bounds=BOUNDS)) as http:
            store = JmapMailStore(JmapClient(http, f"{proxy.url}/jmap/session"))
            snapshot = store.read([screener]).snapshot
            move = Change(add=frozenset({feed}), remove=frozenset({screener}))
            update = store.update(snapshot, lambda _: move)
        proxy.check()
    assert not update.failed
    assert all(account.mailbox_names(message) == {"Feed"} for message in ids)
    return len(update.changed)


def test_what_is_too_much_for_the_time_is_asked_for_in_smaller_parts() -> None:
    """No part is sent again whole: the next is half as large, as with what is too large."""
    server = SlowServer(4, is_done=False)
    assert move_all(server) == MESSAGES
    assert server.sizes[:3] == [16, 8, 4]
    assert Counter(server.sizes)[16] == Counter(server.sizes)[8] == 1


def test_what_was_done_although_no_answer_came_is_not_done_again() -> None:
    """Before the next part it is looked how the messages are now."""
    server = SlowServer(4, is_done=True)
    assert move_all(server) == MESSAGES
    assert server.sizes == [16]


def test_a_single_change_that_takes_too_long_ends_the_update() -> None:
    """There is nothing less to ask for; it is sent as often as any request, and then given up."""
    server = SlowServer(0, is_done=False)
    with pytest.raises(TimedOutError):
        move_all(server, 2)
    assert server.sizes == [2, *[1] * BOUNDS.attempts]


class BusyAccount:
    """Somebody else changes the mail before some of the changes, as on an account that is lived in.

    Args:
        every: Before each so many changes.
    """

    def __init__(self, account: SandboxAccount, every: int) -> None:
        self._account, self._every = account, every
        self.changes = 0

    def __call__(self, exchange: Exchange) -> None:
        if "Email/set" in exchange.request.calls:
            self.changes += 1
            if self.changes % self._every == 0:
                self._account.deliver([("Bob", "bob@example.net")], ["Feed"])
        exchange.pass_on()


def test_what_goes_on_is_not_given_up_however_often_others_change_the_mail() -> None:
    """Only a change that never gets through ends it: each that did begins the count anew."""
    account = SandboxAccount(limits=Limits(max_objects_in_set=2))
    screener, feed = (MailboxId(account.add_mailbox(name)) for name in ("Screener", "Feed"))
    for _ in range(40):
        account.deliver([("Ann", "ann@example.net")], ["Screener"])
    busy = BusyAccount(account, every=2)
    with Sandbox(account) as sandbox, Proxy(sandbox.url) as proxy:
        proxy.plan = busy
        with closing(HttpClient(proxy.url, Credentials(f"Bearer {account.token}"), bounds=BOUNDS)) as http:
            store = JmapMailStore(JmapClient(http, f"{proxy.url}/jmap/session"))
            move = Change(add=frozenset({feed}), remove=frozenset({screener}))
            update = store.update(store.read([screener]).snapshot, lambda _: move)
        proxy.check()
    assert (len(update.changed), update.failed) == (40, {})
    assert busy.changes > 2 * 5, "more stale views than one change may have"


class OddServer:
    """Answers writes otherwise than the sandbox; counts them.

    Args:
        of_answer: Makes another answer of one.
        loses: The answer to which write is lost, counted from 1; none for 0.
        most_bytes: Requests that are larger are refused as too large; any size for 0.
    """

    def __init__(
        self,
        of_answer: Callable[[list[Any]], None] = lambda _: None,
        loses: int = 0,
        most_bytes: int = 0,
    ) -> None:
        self.writes: list[list[str]] = []
        self._of_answer, self._loses, self._most_bytes = of_answer, loses, most_bytes

    def __call__(self, exchange: Exchange) -> None:
        if "Email/set" not in exchange.request.calls:
            exchange.pass_on()
            return
        self.writes.append(list(exchange.request.calls))
        if self._most_bytes and len(exchange.request.body) > self._most_bytes:
            problem = {"type": "urn:ietf:params:jmap:error:limit", "limit": "maxSizeRequest"}
            exchange.reply(Answer(400, {"Content-Type": "application/json"}, json.dumps(problem).encode()))
            return
        answer = exchange.forward()
        if len(self.writes) == self._loses:
            exchange.hang_up()
            return
        body = json.loads(answer.body)
        self._of_answer(body["methodResponses"])
        exchange.reply(evolve(answer, body=json.dumps(body).encode()))


def file_twice(server: OddServer, *, is_refused: bool = False) -> tuple[list[frozenset[str]], Update]:
    """Move and conclude two messages, of which one bears a label, two times; return where the latter lie."""
    account = SandboxAccount()
    screener, feed, label = (MailboxId(account.add_mailbox(name)) for name in ("Screener", "Feed", "@ToFeed"))
    lie = []
    with Sandbox(account) as sandbox, Proxy(sandbox.url) as proxy:
        proxy.plan = server
        with closing(HttpClient(proxy.url, Credentials(f"Bearer {account.token}"), bounds=BOUNDS)) as http:
            store = JmapMailStore(JmapClient(http, f"{proxy.url}/jmap/session"))
            for is_last in (False, True):
                waiting = account.deliver([("Ann", "ann@example.net")], ["Screener"])
                labelled = account.deliver([("Ann", "ann@example.net")], ["Screener", "@ToFeed"])
                move = Change(add=frozenset({feed}), remove=frozenset({screener}))
                nowhere = Change(add=frozenset({MailboxId("nowhere")}))
                refused = waiting if is_refused and is_last else ""
                update = store.update(
                    store.read([screener]).snapshot,
                    lambda x: nowhere if x.id == refused else move,  # noqa: B023 - asked at once
                    lambda x: Change(remove=frozenset({label}) & x.mailbox_ids),
                )
                lie.append(frozenset(account.mailbox_names(labelled)))
        proxy.check()
    return lie, update


def test_move_and_label_go_in_one_request_once_it_is_known_that_the_server_keeps_the_order() -> None:
    """It is asked beside the first write; from then on one request does both."""
    server = OddServer()
    assert file_twice(server)[0] == [{"Feed"}, {"Feed"}]
    assert server.writes == [
        ["Email/set", "Email/changes"],
        ["Email/set"],
        ["Email/set", "Email/changes", "Email/set"],
    ]


def _without_error(answers: list[Any]) -> None:
    for answer in answers:
        if answer[0] == "error":
            answer[:2] = ["Email/changes", {"newState": "1", "hasMoreChanges": False, **_NO_CHANGES}]


_NO_CHANGES: dict[str, list[str]] = {"created": [], "updated": [], "destroyed": []}


def test_a_server_that_minds_no_wrong_argument_is_asked_for_one_thing_after_the_other() -> None:
    """There the label would come off although another message of the sender could not be moved."""
    server = OddServer(_without_error)
    lie, update = file_twice(server, is_refused=True)
    assert lie == [{"Feed"}, {"Feed", "@ToFeed"}]
    assert len(update.failed) == len(update.changed) == 1
    assert server.writes == [["Email/set", "Email/changes"], ["Email/set"], ["Email/set"], ["Email/set"]]


def test_where_one_is_refused_the_label_stays_on_the_others() -> None:
    """They move all the same, by a request of their own."""
    server = OddServer()
    lie, update = file_twice(server, is_refused=True)
    assert lie == [{"Feed"}, {"Feed", "@ToFeed"}]
    assert len(update.failed) == len(update.changed) == 1
    assert server.writes[2:] == [["Email/set", "Email/changes", "Email/set"], ["Email/set"]]


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_lost_answer_is_looked_up(lost: int) -> None:
    """What was done is told as done, and not done again."""
    server = OddServer(loses=lost)
    lie, update = file_twice(server)
    assert lie == [{"Feed"}, {"Feed"}]
    assert (len(update.changed), update.failed) == (2, {})


def test_what_is_too_large_together_goes_one_after_the_other() -> None:
    """A request has a largest size, and perhaps a smaller one than the server says."""
    server = OddServer(most_bytes=500)
    assert file_twice(server)[0] == [{"Feed"}, {"Feed"}]
    assert server.writes[2:] == [["Email/set", "Email/changes", "Email/set"], ["Email/set"], ["Email/set"]]
