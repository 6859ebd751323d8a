"""Reading mail where it is too large, odd, or on a server that leaves out what it may leave out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest
from attrs import evolve

from mailroom.account import open_account
from mailroom.errors import MethodError, ServerError
from mailroom.http import DEFAULT_BOUNDS, Bounds, Credentials, HttpClient
from mailroom.jmap import JmapClient, JmapMailStore
from mailroom.jmap.calls import is_too_large
from mailroom.jmap.history import JmapMailHistory
from mailroom.jmap.messages import TOO_LARGE, MessageForm, Messages
from mailroom.model.mail import Change, MailboxId, MessageId
from mailroom.model.ports import Reading
from mailroom.model.sender import Correspondent
from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.sandbox.store.account import Limits
from mailroom.service.loop import run_cycle
from tests.support.proxy import Answer, Exchange, Plan, Proxy
from tests.support.sized_accounts import furnished_account, settings_for

ANN = ("Ann", "ann@example.net")
LONG = "x" * 20_000
ROOM_BYTES = 100_000
"""For these tests; five of the long ones do not fit."""

MAX_OBJECTS = 50
Responses = list[list[Any]]


class Server:
    """An account, behind a proxy that may alter what its server says."""

    def __init__(self, stack: ExitStack, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self.account = SandboxAccount(
            limits=Limits(max_objects_in_get=MAX_OBJECTS, max_objects_in_set=MAX_OBJECTS)
        )
        for name in ("Inbox", "Screener", "Feed", "Family"):
            self.account.add_mailbox(name, role="inbox" if name == "Inbox" else None)
        sandbox = stack.enter_context(Sandbox(self.account))
        self.proxy = stack.enter_context(Proxy(sandbox.url))
        session_url = f"{self.proxy.url}/jmap/session"
        self.client = JmapClient(
            HttpClient(self.proxy.url, Credentials(f"Bearer {self.account.token}"), bounds=bounds),
            session_url,
        )
        self.store = JmapMailStore(self.client)
        self.sizes: list[int] = []
        self.proxy.plan = self.pass_on

    def pass_on(self, exchange: Exchange) -> None:
        """Do what a proxy is for, and note how large the answer was."""
        answer = exchange.forward()
        self.sizes.append(len(answer.body))
        exchange.reply(answer)

    def receive(self, *mailboxes: str, sender: tuple[str, str] = ANN) -> MessageId:
        """Let a message arrive."""
        return MessageId(self.account.deliver([sender], mailboxes))

    def ids(self, *mailboxes: str) -> frozenset[MailboxId]:
        """Return the ids of mailboxes."""
        return frozenset(MailboxId(self.account.mailbox_id(name)) for name in mailboxes)

    def read(self, *mailboxes: str) -> Reading:
        """Read the messages of mailboxes, and notice what a plan has raised."""
        reading = self.store.read(self.ids(*mailboxes))
        self.proxy.check()
        return reading

    def requests(self, act: Callable[[], object]) -> int:
        """Return how many API requests `act` makes."""
        before = sum(request.is_jmap for request in self.proxy.requests)
        act()
        return sum(request.is_jmap for request in self.proxy.requests) - before


@pytest.fixture
def server() -> Iterator[Server]:
    with ExitStack() as stack:
        yield Server(stack)


def altering(alter: Callable[[Responses], None]) -> Plan:
    """Let the server answer, and alter its responses."""

    def plan(exchange: Exchange) -> None:
        answer = exchange.forward()
        if exchange.request.is_jmap:
            value = json.loads(answer.body)
            alter(value["methodResponses"])
            answer = evolve(answer, body=json.dumps(value).encode())
        exchange.reply(answer)

    return plan


def of(method: str, responses: Responses) -> Iterator[dict[str, Any]]:
    """Yield the arguments of the responses of a method."""
    return (arguments for name, arguments, _ in responses if name == method)


def as_whole_request(exchange: Exchange) -> None:
    """Refuse a request in which a method exceeds a limit with HTTP 400, as Cyrus does."""
    answer = exchange.forward()
    if exchange.request.is_jmap:
        for name, arguments, _ in json.loads(answer.body)["methodResponses"]:
            if name == "error" and arguments["type"] == "requestTooLarge":
                problem = {"type": "urn:ietf:params:jmap:error:limit", "limit": "maxObjectsInGet"}
                headers = {"content-type": "application/problem+json"}
                answer = Answer(400, headers, json.dumps(problem).encode())
    exchange.reply(answer)


def refuse_operators(exchange: Exchange, note: Callable[[], object]) -> None:
    """Refuse to search in several mailboxes at once, as Apache James does."""
    answer = exchange.forward()
    calls = exchange.request.json()["methodCalls"] if exchange.request.is_jmap else []
    if any("operator" in arguments.get("filter", {}) for _, arguments, _ in calls):
        note()
        value = json.loads(answer.body)
        for response in value["methodResponses"]:
            if response[0].startswith("Email/"):
                response[:2] = ["error", {"type": "unsupportedFilter"}]
        answer = evolve(answer, body=json.dumps(value).encode())
    exchange.reply(answer)


class TestTooLarge:
    @pytest.fixture
    def server(self) -> Iterator[Server]:
        with ExitStack() as stack:
            yield Server(stack, Bounds(answer_bytes=ROOM_BYTES))

    def test_all_that_fits_by_itself_is_read(self, server: Server) -> None:
        """However much there is, in which mailbox it is and how it is searched does not matter."""
        expected = {
            server.receive(
                "Screener", *(["Feed"] if number % 2 else []), sender=(LONG, f"{number}@a.example")
            )
            for number in range(23)
        }
        reading = server.read("Screener", "Feed")
        assert set(reading.snapshot.messages) == expected
        assert reading.left_out == {}

    def test_one_that_fits_in_no_answer_is_left_out_alone(self, server: Server) -> None:
        """It is told with the reason, and those before and behind it are there."""
        before = {server.receive("Screener") for _ in range(3)}
        large = server.receive("Screener", sender=("x" * 2 * ROOM_BYTES, "large@a.example"))
        behind = {server.receive("Screener") for _ in range(70)}
        reading = server.read("Screener")
        assert set(reading.snapshot.messages) == before | behind
        assert reading.left_out == {large: TOO_LARGE}

    def test_it_is_asked_for_once(self, server: Server) -> None:
        """What was too large is so for good; another reading asks for the others only."""
        server.receive("Screener", sender=("x" * 2 * ROOM_BYTES, "large@a.example"))
        server.receive("Screener")
        first = server.read("Screener")
        server.sizes.clear()
        assert server.read("Screener") == first
        assert max(server.sizes) < ROOM_BYTES

    @pytest.mark.parametrize(
        "sender", [(LONG, "x@a.example"), ("", f"{LONG}@a.example")], ids=["name", "address"]
    )
    def test_a_large_sender_is_transferred_once(self, server: Server, sender: tuple[str, str]) -> None:
        """From is immutable (RFC 8621 section 4.1); where a message is and whether it is read is not."""
        ids = [server.receive("Screener", sender=sender) for _ in range(10)]
        first = server.read("Screener").snapshot.messages
        server.account.move(ids[0], "Screener", "Family")
        server.account.mark_read(ids[1])
        server.sizes.clear()
        second = server.read("Screener").snapshot.messages
        assert sum(server.sizes) < len(LONG)
        assert second[ids[0]] == evolve(first[ids[0]], mailbox_ids=server.ids("Screener", "Family"))
        assert second[ids[1]] == evolve(first[ids[1]], is_read=True)
        assert all(second[each] == first[each] for each in ids[2:])

    def test_a_large_one_bears_the_mark_of_the_moment_and_is_kept_by_it(self, server: Server) -> None:
        """What is known of it already says nothing about what a cycle that was cut off has left on it."""
        messages = Messages(server.client, MessageForm())
        ids = [server.receive("Screener", sender=(LONG, f"{number}@a.example")) for number in range(2)]
        assert messages.read(ids).messages.keys() == set(ids)
        mark, nothing = Change(is_just_archived=True), Change()
        view = server.read("Screener").snapshot
        server.store.update(view, lambda message: mark if message.id == ids[0] else nothing)
        found = messages.read(ids, lambda message: message.is_just_archived)
        assert list(found.messages) == [ids[0]]

    def test_behind_a_large_one_the_others_come_in_ever_larger_parts(self, server: Server) -> None:
        """One stranger does not make every message a request of its own."""
        large = server.receive("Screener", sender=("x" * 2 * ROOM_BYTES, "large@a.example"))
        ids = [large, *(server.receive("Screener") for _ in range(60))]
        halvings, doublings = 6, 6  # from 50 to 1, and on from there
        assert (
            server.requests(lambda: Messages(server.client, MessageForm()).read(ids))
            <= halvings + doublings + 1
        )

    def test_another_error_is_no_matter_of_size(self, server: Server) -> None:
        """It is the server's, and nothing is left out as too large because of it."""
        ids = [server.receive("Screener") for _ in range(3)]

        def fail(responses: Responses) -> None:
            responses[:] = [["error", {"type": "serverFail"}, tag] for _, _, tag in responses]

        server.proxy.plan = altering(fail)
        with pytest.raises(MethodError, match="serverFail"):
            Messages(server.client, MessageForm()).read(ids)

    def test_a_message_that_was_not_asked_for_is_passed_over(self, server: Server) -> None:
        """Of one that nobody asked for, the answer has but a part."""
        large = server.receive("Screener", sender=(LONG, "ann@example.net"))
        for _ in range(6):
            server.receive("Screener", sender=(LONG, "bob@example.net"))
        known = set(server.read("Screener").snapshot.messages)
        assert large in known

        def add(responses: Responses) -> None:
            for get in of("Email/get", responses):
                get["list"] += [x | {"id": f"not {x['id']}"} for x in get["list"]]

        server.proxy.plan = altering(add)
        assert set(server.read("Screener").snapshot.messages) == known

    def test_a_server_may_say_it_too(self, server: Server) -> None:
        """A strict server's refusal counts like the limit of one's own."""
        expected = {server.receive("Screener") for _ in range(MAX_OBJECTS)}

        def strict(exchange: Exchange) -> None:
            answer = exchange.forward()
            if exchange.request.is_jmap and len(answer.body) > 4_000:
                exchange.reply(evolve(answer, status=413))
            else:
                exchange.reply(answer)

        server.proxy.plan = strict
        assert set(server.read("Screener").snapshot.messages) == expected

    def test_a_change_meanwhile_is_noticed_there_too(self, server: Server) -> None:
        """What is read in several requests bears the state of the first, so that an update looks again."""
        ids = [server.receive("Screener", sender=(LONG, f"{number}@a.example")) for number in range(10)]
        hits = count()

        def change(exchange: Exchange) -> None:
            if exchange.request.calls == ("Email/get",) and next(hits) == 1:
                server.account.move(ids[0], "Family")
            exchange.pass_on()

        server.proxy.plan = change
        before = server.account.logs["Email"].state
        snapshot = server.read("Screener").snapshot
        assert next(hits) > 2
        assert set(snapshot.messages) == set(ids[1:]), "what has gone elsewhere is not there any more"
        assert snapshot.state == before

    def test_an_update_reads_again_in_parts(self, server: Server) -> None:
        """After a change in between, messages that do not fit together are changed all the same."""
        for number in range(10):
            server.receive("Screener", sender=(LONG, f"{number}@a.example"))
        snapshot = server.read("Screener").snapshot
        server.receive("Family")
        here, there = server.ids("Screener"), server.ids("Feed")
        update = server.store.update(snapshot, lambda _: Change(add=there, remove=here))
        assert update.changed == set(snapshot.messages)

    def test_old_mail_is_read_in_parts(self, server: Server) -> None:
        """Pages of old mail are halved as well; a message that fits in no answer is passed over and told."""
        for number in range(12):
            server.receive("Family", sender=(LONG, f"{number}@a.example"))
        server.receive("Family", sender=("x" * 2 * ROOM_BYTES, "large@a.example"))
        (family,) = server.ids("Family")
        pages = list(JmapMailHistory(server.client, MessageForm()).headers(family))
        senders = [
            x.sender.email for page in pages for x in page.headers if isinstance(x.sender, Correspondent)
        ]
        assert senders == [f"{number}@a.example" for number in reversed(range(12))]
        assert sum(page.left_out for page in pages) == 1

    def test_a_server_that_finds_everything_too_large_is_an_error(self, server: Server) -> None:
        """Reading ends, whatever the server says."""
        server.receive("Screener")
        server.proxy.plan = lambda x: x.reply(Answer(413)) if x.request.is_jmap else x.pass_on()
        with pytest.raises(ServerError):
            server.read("Screener")
        with pytest.raises(ServerError):
            list(JmapMailHistory(server.client, MessageForm()).headers(*server.ids("Screener")))


_ODD = [
    pytest.param({"mailboxIds": None}, id="no mailboxes"),
    pytest.param({"from": [5]}, id="a number in From"),
    pytest.param({"from": "ann@example.net"}, id="text for From"),
    pytest.param({"keywords": []}, id="a list of keywords"),
    pytest.param({"receivedAt": 5}, id="a number for a time"),
]


class TestOdd:
    @pytest.mark.parametrize("properties", _ODD)
    def test_one_of_an_odd_form_is_left_out_alone(
        self, server: Server, properties: dict[str, object]
    ) -> None:
        """It is told with what is odd about it, and the others are read."""
        fine, odd = server.receive("Screener"), server.receive("Screener")

        def spoil(responses: Responses) -> None:
            for get in of("Email/get", responses):
                get["list"] = [x | properties if x["id"] == odd else x for x in get["list"]]

        server.proxy.plan = altering(spoil)
        reading = server.read("Screener")
        assert set(reading.snapshot.messages) == {fine}
        assert set(reading.left_out) == {odd}
        assert all(reading.left_out.values())

    def test_an_update_leaves_it_alone(self, server: Server) -> None:
        """Where it turns odd before it could be changed, it counts as failed, and the others change."""
        fine, odd = server.receive("Screener"), server.receive("Screener")
        snapshot = server.read("Screener").snapshot
        server.receive("Family")

        def spoil(responses: Responses) -> None:
            for get in of("Email/get", responses):
                get["list"] = [x | {"mailboxIds": 5} if x["id"] == odd else x for x in get["list"]]

        server.proxy.plan = altering(spoil)
        here, there = server.ids("Screener"), server.ids("Feed")
        update = server.store.update(snapshot, lambda _: Change(add=there, remove=here))
        assert update.changed == {fine}
        assert set(update.failed) == {odd}
        assert server.account.mailbox_names(odd) == {"Screener"}

    def test_an_odd_message_is_passed_over(self, server: Server) -> None:
        """One odd message in Sent does not hide the others."""
        for number in range(3):
            server.receive("Family", sender=("", f"{number}@a.example"))

        def spoil(responses: Responses) -> None:
            for get in of("Email/get", responses):
                get["list"][1]["to"] = 5

        server.proxy.plan = altering(spoil)
        (page,) = JmapMailHistory(server.client, MessageForm()).headers(*server.ids("Family"))
        assert (len(page.headers), page.left_out) == (2, 1)

    @pytest.mark.parametrize("what", [None, 5, [], "text"])
    def test_what_is_no_message_at_all_stops_no_message(self, server: Server, what: object) -> None:
        """Something else in the list of messages is told, and the messages beside it are read."""
        fine = server.receive("Screener")

        def add(responses: Responses) -> None:
            for get in of("Email/get", responses):
                get["list"].append(what)

        server.proxy.plan = altering(add)
        reading = server.read("Screener")
        assert set(reading.snapshot.messages) == {fine}
        assert all(reading.left_out.values())
        assert len(reading.left_out) == 1

    def test_a_mailbox_that_is_said_not_to_hold_it_does_not(self, server: Server) -> None:
        """RFC 8621 section 4.1.1 has only true there; false cannot mean that the message is in it."""
        message = server.receive("Screener")
        (feed,) = server.ids("Feed")

        def deny(responses: Responses) -> None:
            for arguments in of("Email/get", responses):
                arguments["list"][0]["mailboxIds"][feed] = False

        server.proxy.plan = altering(deny)
        assert server.read("Screener").snapshot.messages[message].mailbox_ids == server.ids("Screener")

    def test_an_address_is_never_cut(self, server: Server) -> None:
        """A part of an address would be another address: one that is absurdly long is none."""
        absurd = "a@" + "x." * 50_000 + "example"
        message = server.receive("Screener", sender=("", absurd))
        assert not isinstance(server.read("Screener").snapshot.messages[message].sender, Correspondent)


class TestOptional:
    def test_mailboxes_are_searched_one_by_one_where_that_is_refused_together(self, server: Server) -> None:
        """`inMailbox` in an operator may be refused (RFC 8620 section 5.5); that is asked once."""
        both, one = server.receive("Screener", "Feed"), server.receive("Feed")
        many = {server.receive("Screener") for _ in range(2 * MAX_OBJECTS)}
        server.receive("Family")
        refusals = count()
        server.proxy.plan = lambda exchange: refuse_operators(exchange, lambda: next(refusals))
        for _ in range(3):
            assert set(server.read("Screener", "Feed").snapshot.messages) == {both, one} | many
        assert next(refusals) == 1
        assert server.requests(lambda: server.read("Feed", "Family")) == 1, "one request still"

    def test_a_message_that_moves_between_two_searches_is_not_missed(self, server: Server) -> None:
        """Where each mailbox is a search of its own, the state of all mail tells whether they agree."""
        server.account.limits = evolve(server.account.limits, max_calls_in_request=3)
        first, second = sorted(("Screener", "Feed"), key=server.account.mailbox_id)
        message = server.receive(second)
        server.proxy.plan = lambda exchange: refuse_operators(exchange, lambda: None)
        server.read("Screener", "Feed")
        searches = count()

        def move(exchange: Exchange) -> None:
            if next(searches) == 1:
                server.account.move(message, first)
            exchange.pass_on()

        server.proxy.plan = move
        assert set(server.read("Screener", "Feed").snapshot.messages) == {message}
        assert next(searches) == 4

    @pytest.mark.parametrize("in_every_page", [True, False])
    def test_another_query_state_alone_is_no_change(self, server: Server, in_every_page: bool) -> None:
        """Some servers call one and the same result otherwise from page to page."""
        expected = {server.receive("Screener") for _ in range(3 * MAX_OBJECTS + 1)}
        states = count()

        def rename(responses: Responses) -> None:
            name = f"q{next(states)}"
            for query in of("Email/query", responses):
                query["queryState"] = f"q{next(states)}" if in_every_page else name

        server.proxy.plan = altering(rename)
        assert set(server.read("Screener").snapshot.messages) == expected

    def test_another_query_state_and_another_state_are_one(self, server: Server) -> None:
        """Then a message may have been missed: all is read again, and again, and then given up."""
        for _ in range(3 * MAX_OBJECTS):
            server.receive("Screener")
        states = count()

        def rename(responses: Responses) -> None:
            for name, arguments, _ in responses:
                if name.startswith("Email/"):
                    arguments["queryState" if name == "Email/query" else "state"] = f"s{next(states)}"

        server.proxy.plan = altering(rename)
        with pytest.raises(ServerError, match="faster"):
            server.read("Screener")

    @pytest.mark.parametrize("plan", [Exchange.pass_on, as_whole_request], ids=["method", "whole request"])
    def test_more_mailboxes_than_come_at_once_come_in_pages(self, server: Server, plan: Plan) -> None:
        """`maxObjectsInGet` holds for mailboxes too (RFC 8620 section 5.1), however its excess is told."""
        server.proxy.plan = plan
        message = server.receive("Screener")
        names = {server.account.add_mailbox(f"Box {number}") for number in range(2 * MAX_OBJECTS)}
        for _ in range(2):
            reading = server.read("Screener")
            assert {mailbox.id for mailbox in reading.mailboxes} >= names
            assert list(reading.mailboxes) == sorted(reading.mailboxes, key=lambda x: x.id)
            assert set(reading.snapshot.messages) == {message}
        assert server.store.create_mailboxes(["Box 7", "New/Below"]) == {}
        assert [x.name for x in server.account.mailboxes.values()].count("Box 7") == 1
        assert "Below" in {x.name for x in server.account.mailboxes.values()}

    @pytest.mark.parametrize("plan", [Exchange.pass_on, as_whole_request], ids=["method", "whole request"])
    def test_a_limit_lower_than_the_session_says_is_found(self, server: Server, plan: Plan) -> None:
        """What the server takes at once may be less than it promised."""
        ids = {server.receive("Screener") for _ in range(7)}
        _ = server.client.session
        server.account.limits = evolve(server.account.limits, max_objects_in_get=5, max_objects_in_set=2)
        server.proxy.plan = plan
        snapshot = server.read("Screener").snapshot
        assert set(snapshot.messages) == ids
        here, there = server.ids("Screener"), server.ids("Feed")
        assert server.store.update(snapshot, lambda _: Change(add=there, remove=here)).changed == ids

    def test_too_many_requests_at_once_say_nothing_of_their_size(self, server: Server) -> None:
        """`maxConcurrentRequests` is a limit as well, which smaller requests would not fix."""
        problem = {"type": "urn:ietf:params:jmap:error:limit", "limit": "maxConcurrentRequests"}
        refusal = Answer(400, {"content-type": "application/problem+json"}, json.dumps(problem).encode())
        server.proxy.plan = lambda x: x.reply(refusal) if x.request.is_jmap else x.pass_on()
        with pytest.raises(ServerError) as caught:
            server.read("Screener")
        assert not is_too_large(caught.value)

    @pytest.mark.parametrize("messages", [0, 1, MAX_OBJECTS, 2 * MAX_OBJECTS + 1])
    def test_a_missing_total_ends_nothing(self, server: Server, messages: int) -> None:
        """A server that does not tell how many there are is read until a page is empty."""
        for number in range(messages):
            server.receive("Family", sender=("", f"{number}@a.example"))

        def forget(responses: Responses) -> None:
            for query in of("Email/query", responses):
                query.pop("total", None)

        server.proxy.plan = altering(forget)
        pages = list(JmapMailHistory(server.client, MessageForm()).headers(*server.ids("Family")))
        assert sum(len(page.headers) for page in pages) == messages
        assert [page.total for page in pages] == sorted(page.total for page in pages)


class TestPages:
    def test_mailboxes_that_come_in_one_and_the_same_page_are_given_up(self, server: Server) -> None:
        """A server that takes no notice of the position is asked a few times and no more."""
        for number in range(2 * MAX_OBJECTS):
            server.account.add_mailbox(f"Box {number}")

        def from_the_beginning(exchange: Exchange) -> None:
            request = exchange.request
            body = re.sub(rb'"position":\d+', b'"position":0', request.body)
            exchange.reply(exchange.forward(evolve(request, body=body)))

        def read() -> None:
            with pytest.raises(ServerError, match="again and again"):
                server.store.read([])

        server.proxy.plan = from_the_beginning
        assert server.requests(read) < 20

    def test_two_pages_in_one_request_are_both_taken(self, server: Server) -> None:
        """Where two pages are expected they come by one request, each message once and in its place."""
        ids = [server.receive("Screener") for _ in range(MAX_OBJECTS + 20)]
        server.read()
        assert server.requests(lambda: server.read("Screener")) == 1
        assert list(server.read("Screener").snapshot.messages) == ids

    def test_a_page_behind_a_short_one_is_read_from_where_that_ended(self, server: Server) -> None:
        """A server that gives less at once than it was asked for makes more requests, and no gap."""
        ids = [server.receive("Screener") for _ in range(3 * MAX_OBJECTS)]
        server.read()
        server.account.limits = evolve(server.account.limits, max_query_results=20)
        assert list(server.read("Screener").snapshot.messages) == ids


def test_a_message_keeps_only_what_is_needed(server: Server) -> None:
    """A name of any length takes no more room than one that can be read."""
    message = server.receive("Screener", sender=("Ann " * 25_000, "ann@example.net"))
    sender = server.read("Screener").snapshot.messages[message].sender
    assert isinstance(sender, Correspondent)
    assert len(sender.name) <= 256


def test_a_cycle_goes_on_without_what_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    """One odd message stops nobody else; it is told in one line of the log, and not in each cycle anew."""
    account = furnished_account()
    fine, odd = (account.deliver([("", f"{name}@a.example")], ["Screener"]) for name in ("fine", "odd"))
    for message in (fine, odd):
        account.label(message, "@ToFeed")

    def spoil(responses: Responses) -> None:
        for get in of("Email/get", responses):
            get["list"] = [x | {"from": 5} if x["id"] == odd else x for x in get["list"]]

    with Sandbox(account) as sandbox, Proxy(sandbox.url, altering(spoil)) as proxy:
        triage = open_account(settings_for(proxy.environment(sandbox.environment()))).triage
        forecast = triage.forecast()
        reports = [run_cycle(triage) for _ in range(3)]
    assert odd in forecast.unreadable
    assert [len(report.filed) for report in reports] == [1, 0, 0]
    assert [list(report.unreadable) for report in reports] == [[odd], [], []]
    assert [record.message for record in caplog.records].count("messages_unreadable") == 1
    assert account.mailbox_names(fine) == {"Feed"}
    assert account.mailbox_names(odd) == {"Screener", "@ToFeed"}, "left as it was"


@pytest.mark.parametrize("kind", ["requestTooLarge", "serverFail"])
def test_a_change_that_cannot_be_made_smaller_ends_in_the_servers_error(server: Server, kind: str) -> None:
    """One message is as little as can be changed, and no other refusal is about the number of them."""
    several = 1 if kind == "requestTooLarge" else 2
    for _ in range(several):
        server.receive("Screener")
    snapshot = server.read("Screener").snapshot
    sent: list[Exchange] = []

    def refuse(exchange: Exchange) -> None:
        sent.append(exchange)
        answer = exchange.forward()
        if exchange.request.is_jmap:
            refusal = {"methodResponses": [["error", {"type": kind}, "0"]], "sessionState": "s"}
            answer = evolve(answer, body=json.dumps(refusal).encode())
        exchange.reply(answer)

    server.proxy.plan = refuse
    (feed,) = server.ids("Feed")
    with pytest.raises(MethodError, match=kind):
        server.store.update(snapshot, lambda _: Change(add=frozenset({feed})))
    assert len([exchange for exchange in sent if exchange.request.is_jmap]) == 1
