"""What is read again: only what has changed, and all anew where a server cannot say that."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import Any

import pytest
from attrs import evolve

from mailroom.http import Credentials, HttpClient
from mailroom.jmap import JmapClient, JmapMailStore
from mailroom.jmap.picture import MAX_CHANGES, MAX_MESSAGES
from mailroom.jmap.reading import MAX_MISSES
from mailroom.model.mail import Change, MailboxId, Message, MessageId
from mailroom.model.ports import Reading
from mailroom.sandbox import Sandbox, SandboxAccount
from tests.support.proxy import Exchange, Plan, Proxy

ANN = ("Ann", "ann@example.net")
NAMES = ("Inbox", "Screener", "Feed", "@ToFeed", "Family")
WATCHED = ("Screener", "@ToFeed")
Calls = list[tuple[str, ...]]


class Server:
    """An account behind a proxy, and a mail store that goes on reading it."""

    def __init__(self, stack: ExitStack) -> None:
        self._minutes = count()
        self.account = SandboxAccount()
        for name in NAMES:
            self.account.add_mailbox(name, role="inbox" if name == "Inbox" else None)
        sandbox = stack.enter_context(Sandbox(self.account))
        self.proxy = stack.enter_context(Proxy(sandbox.url))
        self.store = self.fresh()
        self.read()  # the mailboxes

    def fresh(self) -> JmapMailStore:
        """Return a store that knows nothing yet."""
        http = HttpClient(self.proxy.url, Credentials(f"Bearer {self.account.token}"))
        return JmapMailStore(JmapClient(http, f"{self.proxy.url}/jmap/session"))

    def ids(self, *names: str) -> frozenset[MailboxId]:
        return frozenset(MailboxId(self.account.mailbox_id(name)) for name in names)

    def receive(self, *names: str) -> MessageId:
        """Let a message arrive, each some time after the one before."""
        minutes = next(self._minutes)
        at = f"2026-03-{minutes // 1440 + 1:02}T{minutes // 60 % 24:02}:{minutes % 60:02}:00Z"
        return MessageId(self.account.deliver([ANN], names, received_at=at))

    def read(self, *names: str, keep: Callable[[Message], bool] = lambda _: True) -> dict[MessageId, Message]:
        reading = self.store.read(self.ids(*names), keep)
        self.proxy.check()
        return reading.snapshot.messages

    def calls(self, act: Callable[[], object]) -> Calls:
        """Return the methods of each request that `act` makes."""
        seen = len(self.proxy.requests)
        act()
        return [request.calls for request in self.proxy.requests[seen:] if request.is_jmap]


@pytest.fixture
def server() -> Iterator[Server]:
    with ExitStack() as stack:
        yield Server(stack)


def altering(alter: Callable[[str, dict[str, Any]], object]) -> Plan:
    """Let the server answer, and alter what its methods say."""

    def plan(exchange: Exchange) -> None:
        answer = exchange.forward()
        if exchange.request.is_jmap:
            value = json.loads(answer.body)
            for name, arguments, _ in value["methodResponses"]:
                alter(name, arguments)
            answer = evolve(answer, body=json.dumps(value).encode())
        exchange.reply(answer)

    return plan


def refusing(method: str, error: str) -> Plan:
    """Let the server refuse a method, and answer all others."""

    def plan(exchange: Exchange) -> None:
        answer = exchange.forward()
        if exchange.request.is_jmap:
            value = json.loads(answer.body)
            for response in value["methodResponses"]:
                if response[0] == method:
                    response[:2] = ["error", {"type": error}]
            answer = evolve(answer, body=json.dumps(value).encode())
        exchange.reply(answer)

    return plan


def act_at_random(server: Server, dice: random.Random) -> None:
    """Let something happen to the mail."""
    account, ids = server.account, sorted(server.account.messages)
    places = dice.sample(NAMES, dice.randint(1, 3))
    happening = dice.choice(("arrive", "place", "read", "destroy", "forget") if ids else ("arrive",))
    if happening == "arrive":
        server.receive(*places)
    elif happening == "forget":
        account.forget_changes()
    elif happening == "place":
        account.move(dice.choice(ids), *places)
    elif happening == "read":
        account.mark_read(dice.choice(ids))
    else:
        account.destroy(dice.choice(ids))


def is_other(left_out: str, message: Message) -> bool:
    """Whether a message is another than this one."""
    return message.id != left_out


def whole(server: Server, wanted: frozenset[MailboxId], keep: Callable[[Message], bool]) -> Reading:
    """Read as a store does that knows nothing yet."""
    store = server.fresh()
    store.read([])
    return store.read(wanted, keep)


@pytest.mark.parametrize("seed", range(8))
def test_read_again_it_is_as_read_for_the_first_time(server: Server, seed: int) -> None:
    """Whatever has happened in between, in whatever mailboxes are read: what is known is what is there."""
    dice = random.Random(seed)
    for _ in range(40):
        for _ in range(dice.randint(0, 3)):
            act_at_random(server, dice)
        wanted = server.ids(*(WATCHED if dice.random() < 0.6 else dice.sample(NAMES, dice.randint(1, 4))))
        left_out = dice.choice([*sorted(server.account.messages), "none"])
        keep = partial(is_other, left_out)
        again, anew = server.store.read(wanted, keep), whole(server, wanted, keep)
        assert again == anew
        assert list(again.snapshot.messages) == list(anew.snapshot.messages)


def test_what_has_not_changed_is_not_sent_again(server: Server) -> None:
    """However many wait, one request asks what has changed, and its answer has no other message."""
    for _ in range(300):
        server.receive("Screener")
    server.read(*WATCHED)
    new = server.receive("Screener")
    sizes: list[int] = []

    def note(exchange: Exchange) -> None:
        answer = exchange.forward()
        sizes.append(len(answer.body))
        exchange.reply(answer)

    server.proxy.plan = note
    assert new in server.read(*WATCHED)
    assert len(sizes) == 1
    assert sizes[0] < 4_000
    assert len(server.read(*WATCHED)) == 301


def test_a_mailbox_more_is_read_by_the_same_request(server: Server) -> None:
    """What is not known yet is searched beside, in the same state of the account; then it is known, too."""
    first, second = server.receive("Screener"), server.receive("Inbox")
    server.read(*WATCHED)
    third = server.receive("Screener")
    read = server.calls(lambda: server.read("Inbox", *WATCHED))
    assert read == [("Mailbox/get", "Email/changes", "Email/get", "Email/get", "Email/query", "Email/get")]
    assert list(server.read("Inbox", *WATCHED)) == [first, second, third]
    (again,) = server.calls(lambda: server.read("Inbox", *WATCHED))
    assert "Email/query" not in again


@pytest.mark.parametrize("error", ["cannotCalculateChanges", "unknownMethod", "serverFail"])
def test_where_a_server_cannot_say_what_has_changed_all_is_read_anew(server: Server, error: str) -> None:
    """Also where it never can: after some attempts it is not asked any more, and one request does again."""
    ids = [server.receive("Screener")]
    server.read(*WATCHED)
    server.proxy.plan = refusing("Email/changes", error)
    for _ in range(MAX_MISSES):
        ids.append(server.receive("Screener"))
        assert len(server.calls(lambda: server.read(*WATCHED))) == 2
    assert len(server.calls(lambda: server.read(*WATCHED))) == 1
    assert list(server.read(*WATCHED)) == ids


def test_more_changes_than_come_at_once_are_not_asked_for_one_by_one(server: Server) -> None:
    """Then all is read anew (``hasMoreChanges``, RFC 8620 section 5.2)."""
    server.read(*WATCHED)
    ids = [server.receive("Screener") for _ in range(MAX_CHANGES + 1)]
    assert list(server.read(*WATCHED)) == ids
    assert len(server.calls(lambda: server.read(*WATCHED))) == 1


def test_after_many_changes_of_our_own_all_is_read_anew_at_once(server: Server) -> None:
    """Nobody asks for what is known to be too much."""
    for _ in range(MAX_CHANGES + 1):
        server.receive("Screener")
    snapshot = server.store.read(server.ids(*WATCHED)).snapshot
    change = Change(add=server.ids("Feed"), remove=server.ids("Screener"))
    assert len(server.store.update(snapshot, lambda _: change).changed) == MAX_CHANGES + 1
    assert server.calls(lambda: server.read(*WATCHED)) == [("Mailbox/get", "Email/query", "Email/get")]


def test_a_change_that_a_server_does_not_tell_of_is_noticed_by_its_counts(server: Server) -> None:
    """A message that came, or went, makes the number of those in its mailbox another one."""
    gone, stays = server.receive("Screener"), server.receive("Screener")
    server.read(*WATCHED)

    def conceal(name: str, arguments: dict[str, Any]) -> None:
        if name == "Email/changes":
            arguments |= {"created": [], "updated": [], "destroyed": []}

    server.proxy.plan = altering(conceal)
    server.account.move(gone, "Family")
    assert list(server.read(*WATCHED)) == [stays]
    new = server.receive("@ToFeed")
    assert list(server.read(*WATCHED)) == [stays, new]


def test_a_server_that_counts_otherwise_is_believed_all_the_same(server: Server) -> None:
    """That it counts more than it gives is so before and after; another difference tells of something."""
    ids = [server.receive("Screener")]

    def count_more(name: str, arguments: dict[str, Any]) -> None:
        if name == "Mailbox/get":
            for mailbox in arguments["list"]:
                mailbox["totalEmails"] += 7

    server.proxy.plan = altering(count_more)
    server.read(*WATCHED)
    ids.append(server.receive("Screener"))
    assert len(server.calls(lambda: server.read(*WATCHED))) == 1
    assert list(server.read(*WATCHED)) == ids


def test_messages_of_another_moment_than_the_changes_are_read_anew(server: Server) -> None:
    """Between two methods of a request a server may let others write: what is known is of one state."""
    ids = [server.receive("Screener")]
    server.read(*WATCHED)
    ids.append(server.receive("Screener"))

    def age(name: str, arguments: dict[str, Any]) -> None:
        if name == "Email/changes":
            arguments["newState"] = "another"

    server.proxy.plan = altering(age)
    assert len(server.calls(lambda: server.read(*WATCHED))) == 2
    assert list(server.read(*WATCHED)) == ids


def test_a_message_that_turns_odd_is_told_as_it_is_when_all_is_read(server: Server) -> None:
    """It is left out of what is known, with the reason; and comes back when it can be read."""
    fine, odd = server.receive("Screener"), server.receive("Screener")
    server.read(*WATCHED)

    def spoil(name: str, arguments: dict[str, Any]) -> None:
        if name == "Email/get":
            arguments["list"] = [x | ({"mailboxIds": 5} if x["id"] == odd else {}) for x in arguments["list"]]

    server.proxy.plan = altering(spoil)
    server.account.mark_read(odd)
    for _ in range(2):
        reading = server.store.read(server.ids(*WATCHED))
        assert (list(reading.snapshot.messages), list(reading.left_out)) == ([fine], [odd])
    server.proxy.plan = Exchange.pass_on
    server.account.move(odd, "Screener", "Family")
    reading = server.store.read(server.ids(*WATCHED))
    assert (list(reading.snapshot.messages), list(reading.left_out)) == ([fine, odd], [])


def test_what_cannot_be_read_is_told_of_the_mailboxes_that_are_asked_for(server: Server) -> None:
    """An odd message in another mailbox that is known by now is nobody's label, and not told again."""
    fine, odd = server.receive("Screener"), server.receive("Feed")
    server.read(*WATCHED)

    def spoil(name: str, arguments: dict[str, Any]) -> None:
        if name == "Email/get":
            arguments["list"] = [x | ({"mailboxIds": 5} if x["id"] == odd else {}) for x in arguments["list"]]

    server.proxy.plan = altering(spoil)
    for names, left_out in (((*WATCHED, "Feed"), [odd]), (WATCHED, []), (("Feed",), [odd])):
        reading = server.store.read(server.ids(*names))
        seen = [] if names == ("Feed",) else [fine]
        assert (list(reading.snapshot.messages), list(reading.left_out)) == (seen, left_out)


def test_thousands_that_wait_are_not_read_again(server: Server) -> None:
    """An event costs what it is about, however much waits; equal senders and places are kept once."""
    first = server.receive("Screener")
    for _ in range(2_500):
        server.receive("Screener")
    before = server.read(*WATCHED)
    (change,) = server.calls(lambda: server.read(*WATCHED))
    server.account.mark_read(first)
    (after_change,) = server.calls(lambda: server.read(*WATCHED))
    assert change == after_change
    assert "Email/query" not in change
    now = server.read(*WATCHED)
    assert now.keys() == before.keys()
    assert now[MessageId(first)].is_read
    others = [each for key, each in now.items() if key != first]
    assert len({id(each.sender) for each in others}) == len({id(each.mailbox_ids) for each in others}) == 1


@pytest.mark.slow
def test_what_is_remembered_has_a_bound(server: Server) -> None:
    """A large mailbox is read each time it is asked for; the small ones beside it are remembered."""
    for _ in range(MAX_MESSAGES + 1):
        server.receive("Screener")
    label = server.receive("@ToFeed")
    server.read(*WATCHED)
    (known,) = server.calls(lambda: server.read("@ToFeed"))
    assert "Email/query" not in known
    read, *_ = server.calls(lambda: server.read(*WATCHED))
    assert "Email/query" in read
    assert list(server.read("@ToFeed")) == [label]


def test_a_limit_of_calls_that_leaves_no_room_is_kept(server: Server) -> None:
    """Where a request takes three calls, there is none to ask what has changed in."""
    server.account.limits = evolve(server.account.limits, max_calls_in_request=3)
    server.store = server.fresh()
    ids = [server.receive("Screener")]
    for _ in range(3):
        assert list(server.read(*WATCHED)) == ids
        ids.append(server.receive("Screener"))
