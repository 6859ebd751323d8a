"""JMAP on the wire: what the client asks, and how it bears answers of every kind of wrongness."""

from __future__ import annotations

import json
import socket
import time
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from attrs import evolve

from mailroom.errors import (
    AuthenticationError,
    MethodError,
    ProtocolError,
    ServerError,
    StatusError,
    TooLargeError,
    UntrustedHostError,
)
from mailroom.http import Credentials, HttpClient
from mailroom.jmap import JmapClient, JmapMailStore
from mailroom.jmap.calls import Call
from mailroom.jmap.structuring import parse_json
from mailroom.jmap.wire import MailboxGet
from mailroom.model.mail import (
    Change,
    Mailbox,
    MailboxId,
    MailboxRights,
    MailLimits,
    Message,
    MessageId,
    Snapshot,
)
from mailroom.model.sender import read_sender
from tests.support.scripted import Answer, Received, ScriptedServer, http

MAIL = "urn:ietf:params:jmap:mail"
SESSION: dict[str, Any] = {
    "capabilities": {"urn:ietf:params:jmap:core": {"maxObjectsInGet": 3, "maxObjectsInSet": 2}, MAIL: {}},
    "accounts": {"A1": {"accountCapabilities": {MAIL: {}}}},
    "primaryAccounts": {MAIL: "A1"},
    "username": "me@home.example",
    "apiUrl": "/api/",
    "state": "s1",
}
MOST_REQUESTS = 20
ECHO = Call("Mailbox/get", {"ids": None})
GOOD: list[Any] = [["Mailbox/get", {"list": []}, "0"]]


def as_json(value: object, status: str = "200 OK") -> bytes:
    return http(status, json.dumps(value).encode(), Content_Type="application/json; charset=utf-8")


def answers(responses: object, state: str = "s1") -> bytes:
    return as_json({"methodResponses": responses, "sessionState": state})


def a_server(*api: Answer, session: bytes = as_json(SESSION)) -> ScriptedServer:
    """A server that gives the session whenever it is asked for, and these answers to method calls."""
    calls = iter(api)
    last: list[Answer] = []

    def answer(client: socket.socket, request: Received) -> None:
        if request.method == "GET":
            client.sendall(session)
            return
        following = next(calls, None)
        if following is not None:
            last[:] = [following]
        if callable(last[0]):
            last[0](client, request)
        else:
            client.sendall(last[0])

    return ScriptedServer(answer)


class FakeClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def client(server: ScriptedServer, clock: Callable[[], float] = time.monotonic) -> JmapClient:
    return JmapClient(HttpClient(server.url, Credentials("Bearer t")), f"{server.url}/session", clock)


class TestSession:
    def test_its_urls_may_be_relative(self) -> None:
        """A URL in the session is read as a reference to where the session came from."""
        with a_server(answers(GOOD)) as server:
            assert client(server).session.api_url == f"{server.url}/api/"

    @pytest.mark.parametrize(
        ("session", "error"),
        [
            (http("200 OK", b"<html>", Content_Type="text/html"), ProtocolError),
            (http("200 OK", b"{", Content_Type="application/json"), ProtocolError),
            (http("200 OK", b"", Content_Type="application/json"), ProtocolError),
            (http("200 OK", b"[" * 100_000, Content_Type="application/json"), ProtocolError),
            (http("200 OK", b"\xff\xfe", Content_Type="application/json"), ProtocolError),
            (http("204 No Content"), ProtocolError),
            (as_json([]), ProtocolError),
            (as_json({}), ProtocolError),
            (as_json(SESSION | {"apiUrl": 5}), ProtocolError),
            (as_json(SESSION | {"apiUrl": "http://[/"}), ProtocolError),
            (as_json(SESSION | {"accounts": {"A1": {"accountCapabilities": None}}}), ProtocolError),
            (as_json(SESSION | {"primaryAccounts": {}}), ServerError),
            (as_json(SESSION | {"capabilities": {MAIL: {}}}), ServerError),
            (
                as_json(SESSION | {"capabilities": {"urn:ietf:params:jmap:core": {"maxObjectsInGet": 0}}}),
                ProtocolError,
            ),
            (http("401 Unauthorized"), AuthenticationError),
            (http("403 Forbidden", b"no"), StatusError),
            (http("404 Not Found"), StatusError),
        ],
    )
    def test_a_bad_session_is_a_typed_error(self, session: bytes, error: type[Exception]) -> None:
        """Whatever stands where the session should be, the error says that it is no session."""
        with a_server(session=session) as server, pytest.raises(error):
            _ = client(server).session

    def test_another_hosts_api_is_not_called(self) -> None:
        """Credentials do not go to an apiUrl on another host."""
        with ScriptedServer(answers(GOOD)) as other:
            moved = as_json(SESSION | {"apiUrl": f"{other.url}/api/"})
            with a_server(session=moved) as server, pytest.raises(UntrustedHostError):
                client(server).call([ECHO])
            assert other.received == []

    def test_it_tells_what_the_account_allows(self) -> None:
        """A read-only account and a limit of mailboxes are told with every reading; silence allows all."""
        mail = {"maxMailboxesPerEmail": 1}
        account = {"isReadOnly": True, "accountCapabilities": {MAIL: mail}}
        for accounts, limits in [
            (SESSION["accounts"], MailLimits()),
            ({"A1": account}, MailLimits(is_read_only=True, max_mailboxes_per_message=1)),
            ({"A1": {"accountCapabilities": {MAIL: {"maxMailboxesPerEmail": None}}}}, MailLimits()),
        ]:
            with a_server(answers(GOOD), session=as_json(SESSION | {"accounts": accounts})) as server:
                assert JmapMailStore(client(server)).read([]).limits == limits

    def test_it_is_asked_for_once(self) -> None:
        """The session is kept as long as the server does not say that it has changed."""
        with a_server(answers(GOOD)) as server:
            jmap = client(server)
            for _ in range(3):
                jmap.call([ECHO])
            assert [r.method for r in server.received] == ["GET", "POST", "POST", "POST"]

    def test_it_is_asked_for_again_when_it_has_changed(self) -> None:
        """Another sessionState in an answer makes the next call fetch the session first."""
        with a_server(answers(GOOD, "s1"), answers(GOOD, "s2")) as server:
            jmap = client(server)
            for _ in range(4):
                jmap.call([ECHO])
            assert [r.method for r in server.received] == ["GET", "POST", "POST", "GET", "POST", "POST"]

    def test_states_that_take_turns_for_one_session_are_two_names_for_it(self) -> None:
        """Two back ends may call the same session differently: it is looked at once more, and no oftener."""
        api = [answers(GOOD, f"s{number % 2}") for number in range(20)]
        with a_server(*api) as server:
            jmap = client(server, FakeClock())
            for _ in api:
                jmap.call([ECHO])
            assert [r.method for r in server.received].count("GET") == 2

    def test_states_that_are_always_new_are_looked_into_once_a_minute(self) -> None:
        """However often an answer calls the session otherwise, there is a least time between two readings."""
        clock = FakeClock()
        api = [answers(GOOD, f"s{number}") for number in range(60)]
        with a_server(*api) as server:
            jmap = client(server, clock)
            for number in range(60):
                clock.now = 3.0 * number
                jmap.call([ECHO])
            assert [r.method for r in server.received].count("GET") == 1 + 3

    def test_sessions_that_take_turns_are_read_once_a_minute(self) -> None:
        """Nor do two back ends whose sessions really differ drive it to and fro."""
        clock, count = FakeClock(), 0

        def answer(peer: socket.socket, request: Received) -> None:
            nonlocal count
            count += 1
            if request.method == "GET":
                peer.sendall(as_json(SESSION | {"eventSourceUrl": f"/events/{count % 2}"}))
            else:
                peer.sendall(answers(GOOD, f"s{count % 2}"))

        with ScriptedServer(answer) as server:
            jmap = client(server, clock)
            for number in range(60):
                clock.now = 3.0 * number
                jmap.call([ECHO])
            assert [r.method for r in server.received].count("GET") <= 1 + 3

    def test_a_moved_api_is_found_again(self) -> None:
        """Where the API answers 404 and the session names another URL, that one is taken."""
        first = True

        def answer(peer: socket.socket, request: Received) -> None:
            nonlocal first
            if request.method == "GET":
                peer.sendall(as_json(SESSION | ({} if first else {"apiUrl": "/elsewhere/"})))
                first = False
            else:
                peer.sendall(answers(GOOD) if request.target == "/elsewhere/" else http("404 Not Found"))

        with ScriptedServer(answer) as server:
            client(server).call([ECHO])
            assert [r.target for r in server.received] == ["/session", "/api/", "/session", "/elsewhere/"]


class TestSizeOfJson:
    """A small text can stand for much memory."""

    @pytest.mark.parametrize("piece", [b"[],", b"{},", b'{"":0},', b"1,", b'"",', b'["",[]],'])
    def test_what_has_too_many_elements_is_not_even_parsed(self, piece: bytes) -> None:
        """Whatever the elements are, they are counted before they take memory."""
        body = b"[" + piece * (8_000_000 // len(piece)) + b"0]"
        tracemalloc.start()
        with pytest.raises(TooLargeError, match="elements"):
            parse_json(body, "the answer")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()

    @pytest.mark.parametrize("piece", [b"[],", b"{},", b'{"":0},', b"1.5,", b'"",', b'["",[]],'])
    def test_what_is_parsed_takes_bounded_memory(self, piece: bytes) -> None:
        """As many elements as there may be take a quarter of what the process may."""
        signs = sum(map(piece.count, b",:[{"))
        body = b"[" + piece * (249_000 // signs) + b"0]"
        tracemalloc.start()
        assert parse_json(body, "the answer")
        assert tracemalloc.get_traced_memory()[1] < 24 * 1024 * 1024
        tracemalloc.stop()

    def test_eight_thousand_messages_are_not_too_many(self) -> None:
        """The largest request that Mailroom makes is answered within the bound, and well."""
        message = {
            "id": "M" * 30,
            "mailboxIds": {"P1": True, "P2": True},
            "keywords": {"$seen": True, "$flagged": True},
            "from": [{"name": "Ann, of the Daily", "email": "a@b.example"}],
            "receivedAt": "2026-01-01T00:00:00Z",
        }
        assert parse_json(json.dumps([message] * 8_000).encode(), "the answer")

    @pytest.mark.parametrize("piece", [b"[", b'{"":', b'[{"":'])
    def test_what_is_nested_absurdly_deep_is_an_error(self, piece: bytes) -> None:
        """Neither the parser nor what follows runs out of stack."""
        with pytest.raises(ProtocolError):
            parse_json(piece * 50_000, "the answer")


class TestCalls:
    def test_only_what_is_needed_is_asked_for(self) -> None:
        """`using` names core and mail alone: an unknown capability would fail the whole request."""
        with a_server(answers(GOOD)) as server:
            client(server).call([ECHO])
            body = json.loads(server.received[-1].body)
        assert body["using"] == ["urn:ietf:params:jmap:core", MAIL]
        assert body["methodCalls"] == [["Mailbox/get", {"accountId": "A1", "ids": None}, "0"]]

    def test_unknown_properties_are_passed_over(self) -> None:
        """A server may say more than Mailroom knows."""
        more = [["Mailbox/get", {"list": [{"id": "a", "name": "x", "color": "red"}], "extra": 1}, "0"]]
        with a_server(answers(more)) as server:
            (answer,) = client(server).call([ECHO])
        assert answer.as_record(MailboxGet).list_[0].name == "x"

    @pytest.mark.parametrize(
        ("api", "error"),
        [
            (http("200 OK", b"{}", Content_Type="text/plain"), ProtocolError),
            (http("200 OK", b"nonsense", Content_Type="application/json"), ProtocolError),
            (as_json({}), ProtocolError),
            (as_json({"methodResponses": "abc"}), ProtocolError),
            (answers([]), ProtocolError),
            (answers([["Mailbox/get", {"list": []}, "7"]]), ProtocolError),
            (answers([["Mailbox/get", {"list": []}]]), ProtocolError),
            (answers([["Mailbox/get", [], "0"]]), ProtocolError),
            (as_json({"type": "urn:ietf:params:jmap:error:notRequest"}, "400 Bad"), StatusError),
            (http("500 Oops"), StatusError),
            (http("401 Unauthorized"), AuthenticationError),
        ],
    )
    def test_a_bad_answer_is_a_typed_error(self, api: bytes, error: type[Exception]) -> None:
        """Malformed JSON, wrong content types and refusals all become errors of Mailroom's own."""
        with a_server(api) as server, pytest.raises(error):
            client(server).call([ECHO])

    @pytest.mark.parametrize(
        ("response", "error", "said"),
        [
            (["error", {"type": "serverFail", "description": "disk full"}, "0"], MethodError, "disk full"),
            (["error", {}, "0"], MethodError, "unknown"),
            (["Email/get", {"list": []}, "0"], ProtocolError, "Email/get"),
            (["Mailbox/get", {"list": [{"id": 5, "name": "x"}]}, "0"], ProtocolError, "expected str"),
            (["Mailbox/get", {"list": None}, "0"], ProtocolError, "expected list"),
        ],
    )
    def test_a_failed_method_says_why(self, response: object, error: type[Exception], said: str) -> None:
        """A method's error keeps the server's words; a malformed answer says where."""
        with a_server(answers([response])) as server:
            (answer,) = client(server).call([ECHO])
            with pytest.raises(error, match=said):
                answer.as_record(MailboxGet)

    @pytest.mark.parametrize(
        "refusal",
        [
            as_json({"type": "urn:ietf:params:jmap:error:limit", "limit": "maxObjectsInSet"}, "400 Bad"),
            http("413 Too Large"),
        ],
    )
    def test_a_request_too_large_is_told_apart(self, refusal: bytes) -> None:
        """A limit may be told by the whole request's refusal, as Cyrus does."""
        with a_server(refusal) as server, pytest.raises(MethodError) as caught:
            client(server).call([ECHO])
        assert caught.value.type == "requestTooLarge"


INBOX, FEED = MailboxId("in/box~1"), MailboxId("feed")


def messages(count: int) -> Snapshot:
    ids = [MessageId(f"m{number}") for number in range(count)]
    return Snapshot("e1", {x: Message(x, frozenset({INBOX}), False, read_sender([]), "") for x in ids})


def to_feed(message: Message) -> Change:
    return Change(add=frozenset({FEED}), remove=frozenset({INBOX}))


Setting = Callable[[dict[str, Any]], list[Any]]


def a_mail_server(set_email: Setting, where: str = INBOX) -> AbstractContextManager[ScriptedServer]:
    """A server on which Email/get finds every message in one mailbox, and Email/set does as it is told."""

    def answer(peer: socket.socket, request: Received) -> None:
        if request.method == "GET":
            peer.sendall(as_json(SESSION))
            return
        ((method, arguments, call_id),) = json.loads(request.body)["methodCalls"]
        if method == "Email/get":
            found = [{"id": x, "mailboxIds": {where: True}} for x in arguments["ids"]]
            peer.sendall(answers([[method, {"state": "e9", "list": found}, call_id]]))
        else:
            peer.sendall(answers([[*set_email(arguments), call_id]]))

    return ScriptedServer(answer)


class TestMailboxes:
    def read(self, **properties: object) -> Mailbox:
        """Return the record of a mailbox with these properties."""
        mailboxes = [["Mailbox/get", {"list": [{"id": "a", "name": "x", **properties}]}, "0"]]
        with a_server(answers(mailboxes)) as server:
            (mailbox,) = JmapMailStore(client(server)).read([]).mailboxes
        return mailbox

    @pytest.mark.parametrize(
        ("role", "expected"),
        [("junk", "junk"), ("spam", "junk"), ("SPAM", "junk"), ("Trash", "trash"), ("", None), (None, None)],
    )
    def test_a_role_has_one_name(self, role: str | None, expected: str | None) -> None:
        """Roles are lower case (RFC 8621 section 2), and what some servers call spam is junk."""
        assert self.read(role=role).role == expected

    def test_every_right_is_read(self) -> None:
        """Each right is taken from its own property; what is not named is allowed."""
        rights = {
            "mayReadItems": "may_read",
            "mayAddItems": "may_add",
            "mayRemoveItems": "may_remove",
            "maySetKeywords": "may_set_keywords",
            "mayCreateChild": "may_create_child",
        }
        assert self.read().rights == self.read(myRights=None).rights == MailboxRights()
        for name, attribute in rights.items():
            assert self.read(myRights={name: False}).rights == evolve(MailboxRights(), **{attribute: False})


class TestRead:
    def read(self, **page: object) -> int:
        """Read mail whose pages are all this one; return how many requests it takes."""
        requests = 0
        query = {"ids": ["m1", "m2", "m3"], "queryState": "q1", **page}
        emails = {"state": "e1", "list": []}
        mailboxes = {"list": [{"id": FEED, "name": "Feed"}]}

        def answer(peer: socket.socket, request: Received) -> None:
            nonlocal requests
            requests += 1
            if requests > MOST_REQUESTS:
                peer.close()
                return
            if request.method == "GET":
                peer.sendall(as_json(SESSION))
                return
            answered = {"Mailbox/get": mailboxes, "Email/query": query, "Email/get": emails}
            calls = json.loads(request.body)["methodCalls"]
            peer.sendall(answers([[name, answered[name], number] for name, _, number in calls]))

        with ScriptedServer(answer) as server:
            JmapMailStore(client(server)).read([FEED])
        return requests

    @pytest.mark.parametrize(
        "page", [{}, {"limit": 0}, {"limit": -1}, {"limit": 1}, {"limit": 1, "ids": ["m1"]}]
    )
    def test_reading_ends_where_a_servers_pages_do_not(self, page: dict[str, object]) -> None:
        """A server that gives the same page for ever, or senseless limits, is asked but a few times."""
        with pytest.raises(ProtocolError, match="again and again"):
            self.read(**page)

    def test_an_empty_mailbox_is_read_at_once(self) -> None:
        """No message is a whole answer, whatever limit the server says it has applied."""
        for limit in (None, -1, 0, 3):
            assert self.read(ids=[], limit=limit) == 2


class TestUpdate:
    def test_one_patch_moves_a_message(self) -> None:
        """Mailboxes are added and removed in the same patch, by escaped JSON pointers (RFC 6901)."""
        seen: list[dict[str, Any]] = []

        def set_email(arguments: dict[str, Any]) -> list[Any]:
            seen.append(arguments)
            return ["Email/set", {"newState": "e2", "updated": {"m0": None}}]

        with a_mail_server(set_email) as server:
            update = JmapMailStore(client(server)).update(messages(1), to_feed)
        assert seen == [
            {
                "accountId": "A1",
                "ifInState": "e1",
                "update": {"m0": {"mailboxIds/feed": True, "mailboxIds/in~1box~01": None}},
            }
        ]
        assert update.changed == {"m0"}
        assert update.snapshot.state == "e2"
        assert update.snapshot.messages[MessageId("m0")].mailbox_ids == {FEED}

    def test_batches_obey_the_servers_limit_and_follow_its_state(self) -> None:
        """No more than maxObjectsInSet at once; each batch starts from the state the one before left."""
        states: list[str] = []

        def set_email(arguments: dict[str, Any]) -> list[Any]:
            assert len(arguments["update"]) <= 2
            states.append(arguments["ifInState"])
            return [
                "Email/set",
                {"newState": f"e{len(states) + 1}", "updated": dict.fromkeys(arguments["update"])},
            ]

        with a_mail_server(set_email) as server:
            update = JmapMailStore(client(server)).update(messages(5), to_feed)
        assert states == ["e1", "e2", "e3"]
        assert len(update.changed) == 5

    def test_a_state_that_never_holds_still_is_given_up(self) -> None:
        """Where every attempt finds the mail changed, the messages count as failed, after a bounded time."""
        with a_mail_server(lambda _: ["error", {"type": "stateMismatch"}]) as server:
            update = JmapMailStore(client(server)).update(messages(2), to_feed)
            assert len(server.received) < 20
        assert update.failed.keys() == {"m0", "m1"}
        assert update.changed == frozenset()

    def test_what_a_lost_answer_had_done_counts_as_changed(self) -> None:
        """After stateMismatch, a message found where it should be was moved by the first attempt."""
        with a_mail_server(lambda _: ["error", {"type": "stateMismatch"}], where=FEED) as server:
            update = JmapMailStore(client(server)).update(messages(1), to_feed)
        assert update.changed == {"m0"}
        assert update.failed == {}

    def test_refusals_are_told_by_message(self) -> None:
        """One message's refusal is its own; one that is gone is no failure."""

        def set_email(arguments: dict[str, Any]) -> list[Any]:
            refused = {"m0": {"type": "forbidden", "description": "read-only"}, "m1": {"type": "notFound"}}
            return ["Email/set", {"newState": "e2", "updated": None, "notUpdated": refused}]

        with a_mail_server(set_email) as server:
            update = JmapMailStore(client(server)).update(messages(2), to_feed)
        assert list(update.failed) == ["m0"]
        assert "read-only" in update.failed[MessageId("m0")]
        assert list(update.snapshot.messages) == ["m0"]
        assert update.snapshot.messages[MessageId("m0")].mailbox_ids == {INBOX}

    def test_as_much_of_a_servers_words_is_kept_as_can_be_read(self) -> None:
        """A description of megabytes is held for no longer than its answer, whatever it is about."""
        said = "why not " * 100_000
        refused = {"m0": {"type": "forbidden", "description": said}}
        with a_mail_server(lambda _: ["Email/set", {"newState": "e2", "notUpdated": refused}]) as server:
            update = JmapMailStore(client(server)).update(messages(1), to_feed)
        assert 100 < len(update.failed[MessageId("m0")]) < 5_000
        error = {"type": "forbidden", "description": said}
        with a_mail_server(lambda _: ["error", error]) as server, pytest.raises(MethodError) as caught:
            JmapMailStore(client(server)).update(messages(1), to_feed)
        assert 100 < len(str(caught.value)) < 5_000

    @pytest.mark.parametrize("updated", [None, {}, {"m0": None}], ids=["nothing", "none", "one of two"])
    def test_what_an_answer_does_not_name_is_not_done(self, updated: object) -> None:
        """Every message stands in `updated` or `notUpdated` (RFC 8620 section 5.3); of one that stands in
        neither, nobody knows, and it is not told as moved.
        """
        with a_mail_server(lambda _: ["Email/set", {"newState": "e2", "updated": updated}]) as server:
            update = JmapMailStore(client(server)).update(messages(2), to_feed)
        named = set(updated) if isinstance(updated, dict) else set()
        assert update.changed == named
        assert set(update.failed) == {"m0", "m1"} - named
        assert all("does not say" in reason for reason in update.failed.values())

    def test_a_batch_that_is_too_large_is_halved(self) -> None:
        """A server that refuses a batch for its size gets smaller ones."""
        sizes: list[int] = []

        def set_email(arguments: dict[str, Any]) -> list[Any]:
            sizes.append(len(arguments["update"]))
            if sizes[-1] > 1:
                return ["error", {"type": "requestTooLarge"}]
            return ["Email/set", {"newState": "e2", "updated": dict.fromkeys(arguments["update"])}]

        with a_mail_server(set_email) as server:
            update = JmapMailStore(client(server)).update(messages(4), to_feed)
        assert sizes == [2, 1, 1, 1, 1]
        assert len(update.changed) == 4

    def test_other_method_errors_end_the_update(self) -> None:
        """What no repetition fixes is raised."""
        store = a_mail_server(lambda _: ["error", {"type": "accountReadOnly"}])
        with store as server, pytest.raises(MethodError, match="accountReadOnly"):
            JmapMailStore(client(server)).update(messages(1), to_feed)

    def test_a_message_is_never_asked_to_be_nowhere(self) -> None:
        """A change that would leave no mailbox is not even sent: some servers would destroy the message."""
        with a_mail_server(lambda _: pytest.fail("Email/set was called")) as server:
            update = JmapMailStore(client(server)).update(
                messages(1), lambda message: Change(remove=message.mailbox_ids)
            )
        assert list(update.failed) == ["m0"]
