"""The sandbox as a JMAP server: what RFC 8620 and RFC 8621 demand of one, asked over a real socket."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from mailroom.sandbox import Limits, Reply, Request, Sandbox, SandboxAccount
from tests.support.given_time import PATIENCE_SECONDS, eventually
from tests.support.raw_clients import CORE, MAIL, SUBMISSION, Answer, RawJmap

LIMITS = Limits(max_objects_in_get=4, max_objects_in_set=3, max_calls_in_request=3, max_size_request=5000)


@pytest.fixture
def account() -> SandboxAccount:
    account = SandboxAccount(limits=LIMITS)
    account.add_mailbox("Inbox", role="inbox")
    for name in ("Screener", "Feed", "@ToFeed"):
        account.add_mailbox(name)
    return account


@pytest.fixture
def jmap(account: SandboxAccount) -> Iterator[RawJmap]:
    with Sandbox(account) as sandbox, closing(RawJmap(sandbox)) as client:
        yield client


def deliver(account: SandboxAccount, count: int = 1, *mailboxes: str) -> list[str]:
    return [
        account.deliver(
            [("Bob", "bob@news.example")],
            mailboxes or ["Screener"],
            f"Issue {number}",
            f"2026-01-01T00:00:{number:02}Z",
        )
        for number in range(count)
    ]


class TestSession:
    def test_it_names_every_limit_url_and_account(self, jmap: RawJmap) -> None:
        """The session says all that RFC 8620 section 2 demands."""
        authorization = f"Bearer {jmap.account.token}"
        session = jmap.request("GET", "/jmap/session", Authorization=authorization).json
        assert session["capabilities"][CORE]["maxObjectsInSet"] == 3
        assert session["primaryAccounts"][MAIL] == jmap.account.id
        assert session["accounts"][jmap.account.id]["isReadOnly"] is False
        assert session["apiUrl"] == f"{jmap.sandbox.url}/jmap/api/"
        assert session["eventSourceUrl"].endswith("?types={types}&closeafter={closeafter}&ping={ping}")
        assert session["state"]

    @pytest.mark.parametrize("path", ["/jmap/session", "/jmap/api/", "/jmap/event/"])
    @pytest.mark.parametrize("authorization", [None, "Bearer nobody", "Basic Zm9vOmJhcg=="])
    def test_only_the_bearer_of_the_token_gets_in(
        self, jmap: RawJmap, path: str, authorization: str | None
    ) -> None:
        """Without the right token every resource answers 401 and says how to authenticate."""
        answer = jmap.request("GET", path, Authorization=authorization)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")

    def test_a_revoked_token_is_refused_from_then_on(self, jmap: RawJmap) -> None:
        """A token that the person takes back opens nothing, on the same connection too."""
        old = jmap.account.token
        assert jmap.call("Mailbox/get", ids=None)
        jmap.account.token = "another"
        assert jmap.post({}, Authorization=f"Bearer {old}").status == 401

    def test_submission_is_offered_only_where_the_token_has_its_scope(self) -> None:
        """Identity/get exists for those only whose session lists the submission capability."""
        for offers in (True, False):
            with (
                Sandbox(SandboxAccount(offers_submission=offers)) as sandbox,
                closing(RawJmap(sandbox)) as client,
            ):
                request = {
                    "using": [CORE, SUBMISSION],
                    "methodCalls": [["Identity/get", {"accountId": client.account.id}, "0"]],
                }
                answer = client.post(request)
                if offers:
                    (identity,) = answer.json["methodResponses"][0][1]["list"]
                    assert identity["email"] == client.account.username
                else:
                    assert answer.status == 400
                    assert answer.json["type"].endswith("unknownCapability")


class TestRequestErrors:
    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"{", "notJSON"),
            (b'{"using": [], "methodCalls": [], "using": []}', "notJSON"),
            (b'{"using": [NaN], "methodCalls": []}', "notJSON"),
            (b'{"using": ["\xff"], "methodCalls": []}', "notJSON"),
            (b'{"using": ["\\ud800"], "methodCalls": []}', "notJSON"),
            (b'{"using": ["\\ud83e\\udd80"], "methodCalls": []}', "unknownCapability"),
            (b"[" * 4000, "notJSON"),
            (b"[]", "notRequest"),
            (b'{"using": ["urn:ietf:params:jmap:core"]}', "notRequest"),
            (b'{"using": [], "methodCalls": [["Core/echo", {}]]}', "notRequest"),
            (b'{"using": ["urn:nobody"], "methodCalls": []}', "unknownCapability"),
        ],
    )
    def test_a_malformed_request_is_refused_as_a_whole(
        self, jmap: RawJmap, body: bytes, problem: str
    ) -> None:
        """Errors of the whole request are problem reports with status 400 (RFC 8620 section 3.6.1)."""
        answer = jmap.post(body)
        assert answer.status == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["type"] == f"urn:ietf:params:jmap:error:{problem}"

    def test_another_content_type_is_not_json(self, jmap: RawJmap) -> None:
        """JSON that does not say it is JSON is refused."""
        answer = jmap.post({"using": [], "methodCalls": []}, Content_Type="text/plain")
        assert answer.json["type"].endswith("notJSON")

    def test_more_calls_than_allowed_name_the_limit(self, jmap: RawJmap) -> None:
        """maxCallsInRequest is a limit of the whole request."""
        answer = jmap.post({"using": [CORE], "methodCalls": [["Core/echo", {}, "c"]] * 4})
        assert (answer.status, answer.json["limit"]) == (400, "maxCallsInRequest")

    def test_a_larger_body_than_allowed_names_the_limit(self, jmap: RawJmap) -> None:
        """maxSizeRequest counts octets of the body."""
        call = ["Core/echo", {"text": "x" * 5000}, "c"]
        answer = jmap.post({"using": [CORE], "methodCalls": [call]})
        assert (answer.status, answer.json["limit"]) == (400, "maxSizeRequest")

    def test_unknown_properties_of_the_envelope_are_ignored(self, jmap: RawJmap) -> None:
        """RFC 8620 section 3.3 wants servers to bear what later versions add."""
        answer = jmap.post({"using": [CORE], "methodCalls": [["Core/echo", {"a": 1}, "c"]], "later": 1})
        assert answer.json["methodResponses"] == [["Core/echo", {"a": 1}, "c"]]


class TestMethodCalls:
    def test_one_bad_call_does_not_spoil_the_others(self, jmap: RawJmap) -> None:
        """Method errors stand in the place of their own response."""
        responses = jmap.calls(("Mailbox/get", {"ids": []}), ("Foo/get", {}), ("Mailbox/get", {"ids": []}))
        assert [name for name, _, _ in responses] == ["Mailbox/get", "error", "Mailbox/get"]
        assert responses[1] == ["error", {"type": "unknownMethod"}, "1"]

    def test_a_method_is_unknown_without_its_capability(self, jmap: RawJmap) -> None:
        """What a request is not `using` does not exist for it."""
        call = ["Mailbox/get", {"accountId": jmap.account.id}, "c"]
        answer = jmap.post({"using": [CORE], "methodCalls": [call]})
        assert answer.json["methodResponses"][0][1]["type"] == "unknownMethod"

    def test_another_account_is_not_found(self, jmap: RawJmap) -> None:
        """A method works on the person's account only."""
        assert jmap.error("Mailbox/get", accountId="someone-else", ids=None) == "accountNotFound"

    @pytest.mark.parametrize(
        ("method", "arguments"),
        [
            ("Mailbox/get", {"ids": None, "frobnicate": True}),
            ("Mailbox/get", {"ids": "P01"}),
            ("Mailbox/get", {"ids": ["white space"]}),
            ("Mailbox/get", {"ids": None, "properties": ["nmae"]}),
            ("Email/get", {"ids": [], "properties": ["form"]}),
            ("Email/query", {"limit": -1}),
            ("Email/query", {"limit": True}),
            ("Email/query", {"filter": {"inMailbx": "P01"}}),
            ("Email/query", {"filter": {"inMailbox": None}}),
            ("Email/query", {"filter": {"operator": "XOR", "conditions": [{}]}}),
            ("Email/query", {"filter": {"operator": "OR", "conditions": []}}),
            ("Email/query", {"filter": {"after": "yesterday"}}),
            ("Email/set", {"update": {"M1": None}}),
            ("Email/changes", {}),
            ("Email/changes", {"sinceState": "e0", "maxChanges": 0}),
        ],
    )
    def test_what_does_not_fit_a_method_is_an_invalid_argument(
        self, jmap: RawJmap, method: str, arguments: dict[str, Any]
    ) -> None:
        """Unknown names, missing arguments and wrong types are refused, not guessed at."""
        assert jmap.error(method, **arguments) == "invalidArguments"

    def test_created_ids_go_from_request_to_request(self, jmap: RawJmap) -> None:
        """A creation id stands for what it made, in the same request and, sent along, in the next."""
        answer = jmap.post(
            {
                "using": [CORE, MAIL],
                "createdIds": {},
                "methodCalls": [
                    [
                        "Mailbox/set",
                        {"accountId": jmap.account.id, "create": {"k1": {"name": "Post"}}},
                        "0",
                    ],
                    ["Mailbox/get", {"accountId": jmap.account.id, "ids": ["#k1"]}, "1"],
                ],
            }
        ).json
        (mailbox,) = answer["methodResponses"][1][1]["list"]
        assert mailbox["name"] == "Post"
        assert answer["createdIds"] == {"k1": mailbox["id"]}


class TestResultReferences:
    def test_a_path_with_a_star_gathers_and_flattens(self, jmap: RawJmap) -> None:
        """``/list/*/x`` collects x of every item, and lists become one list (RFC 8620 section 3.7)."""
        first, second = deliver(jmap.account, 2)
        responses = jmap.calls(
            ("Email/get", {"ids": [first, second], "properties": ["threadId"]}),
            ("Thread/get", {"#ids": {"resultOf": "0", "name": "Email/get", "path": "/list/*/threadId"}}),
            ("Email/get", {"#ids": {"resultOf": "1", "name": "Thread/get", "path": "/list/*/emailIds"}}),
        )
        assert [email["id"] for email in responses[2][1]["list"]] == [first, second]

    @pytest.mark.parametrize(
        "reference",
        [
            {"resultOf": "7", "name": "Mailbox/get", "path": "/list"},
            {"resultOf": "0", "name": "Email/get", "path": "/list"},
            {"resultOf": "0", "name": "Mailbox/get", "path": "/lost"},
            {"resultOf": "0", "name": "Mailbox/get", "path": "/list/99"},
            {"resultOf": "0", "name": "Mailbox/get", "path": "list"},
        ],
    )
    def test_a_reference_to_nothing_is_an_error(self, jmap: RawJmap, reference: dict[str, str]) -> None:
        """A reference that does not resolve is refused as such."""
        responses = jmap.calls(("Mailbox/get", {"ids": None}), ("Mailbox/get", {"#ids": reference}))
        assert responses[1][1]["type"] == "invalidResultReference"

    def test_an_argument_may_not_come_both_ways(self, jmap: RawJmap) -> None:
        """An argument and a reference for the same argument exclude each other."""
        reference = {"resultOf": "0", "name": "Mailbox/get", "path": "/list/*/id"}
        responses = jmap.calls(
            ("Mailbox/get", {"ids": None}), ("Mailbox/get", {"ids": [], "#ids": reference})
        )
        assert responses[1][1]["type"] == "invalidArguments"

    def test_a_failed_call_cannot_be_referred_to(self, jmap: RawJmap) -> None:
        """The response to a failed call is named error, so a reference by its method's name fails."""
        reference = {"resultOf": "0", "name": "Email/query", "path": "/ids"}
        responses = jmap.calls(("Email/query", {"limit": -1}), ("Email/get", {"#ids": reference}))
        assert responses[1][1]["type"] == "invalidResultReference"


class TestGet:
    def test_more_ids_than_allowed_are_too_large(self, jmap: RawJmap) -> None:
        """maxObjectsInGet is a limit of the method, also where the ids come from a query."""
        deliver(jmap.account, 5)
        responses = jmap.calls(
            ("Email/query", {}),
            ("Email/get", {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}}),
        )
        assert responses[1][:2] == ["error", responses[1][1]]
        assert responses[1][1]["type"] == "requestTooLarge"

    def test_all_messages_at_once_are_too_large(self, jmap: RawJmap) -> None:
        """Mailboxes come without ids, messages only by their ids."""
        assert len(jmap.call("Mailbox/get")["list"]) == 4
        assert jmap.error("Email/get") == jmap.error("Email/get", ids=None) == "requestTooLarge"

    def test_unknown_ids_are_told_apart(self, jmap: RawJmap) -> None:
        """Ids that name nothing are in notFound; an id asked for twice comes once."""
        (message,) = deliver(jmap.account)
        result = jmap.call("Email/get", ids=[message, "M404", message], properties=["subject"])
        assert result["list"] == [{"id": message, "subject": "Issue 0"}]
        assert result["notFound"] == ["M404"]

    def test_a_message_shows_its_headers_as_they_are(self, jmap: RawJmap) -> None:
        """A missing header is null, an empty display name is null, several senders are several."""
        account = jmap.account
        nobody = account.deliver(None, ["Screener"])
        two = account.deliver([("", "a@x.example"), ("Ben", "b@x.example")], ["Screener"], keywords=["$Seen"])
        messages = jmap.call(
            "Email/get", ids=[nobody, two], properties=["from", "keywords", "mailboxIds", "sentAt"]
        )
        assert messages["list"][0]["from"] is None
        assert messages["list"][1]["from"] == [
            {"name": None, "email": "a@x.example"},
            {"name": "Ben", "email": "b@x.example"},
        ]
        assert messages["list"][1]["keywords"] == {"$seen": True}
        assert messages["list"][1]["mailboxIds"] == {account.mailbox_id("Screener"): True}

    def test_a_mailbox_counts_its_messages(self, jmap: RawJmap) -> None:
        """Counts follow deliveries, moves, reading and destruction."""
        account = jmap.account
        first, second, third = deliver(account, 3)
        account.mark_read(first)
        account.move(second, "Feed")
        account.destroy(third)
        names = ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"]
        ids = [account.mailbox_id("Screener"), account.mailbox_id("Feed")]
        screener, feed = jmap.call("Mailbox/get", ids=ids, properties=names)["list"]
        assert [screener[name] for name in names] == [1, 0, 1, 0]
        assert [feed[name] for name in names] == [1, 1, 1, 1]

    def test_body_values_come_only_when_asked_for(self, jmap: RawJmap) -> None:
        """bodyValues is empty unless a fetch argument asks for text, and can be cut to a size."""
        message = jmap.account.deliver([("", "a@x.example")], ["Screener"], text="Grüße")
        plain = jmap.call("Email/get", ids=[message], properties=["bodyValues", "preview"])["list"][0]
        cut = jmap.call(
            "Email/get",
            ids=[message],
            properties=["bodyValues"],
            fetchTextBodyValues=True,
            maxBodyValueBytes=3,
        )["list"][0]
        assert (plain["bodyValues"], plain["preview"]) == ({}, "Grüße")
        assert cut["bodyValues"]["1"] == {"value": "Gr", "isEncodingProblem": False, "isTruncated": True}


class TestEmailQuery:
    def test_the_newest_message_comes_first(self, jmap: RawJmap) -> None:
        """Without a sort, and with receivedAt, order is by arrival."""
        ids = deliver(jmap.account, 3)
        ascending = [{"property": "receivedAt", "isAscending": True}]
        assert jmap.call("Email/query")["ids"] == ids[::-1]
        assert jmap.call("Email/query", sort=ascending)["ids"] == ids
        assert jmap.error("Email/query", sort=[{"property": "colour"}]) == "unsupportedSort"

    def test_operators_combine_conditions(self, jmap: RawJmap) -> None:
        """AND, OR and NOT (of none) nest as RFC 8620 section 5.5 says."""
        account = jmap.account
        a, b = account.mailbox_id("Screener"), account.mailbox_id("Feed")
        in_a, in_b, in_both = (
            deliver(account, 1, *names)[0] for names in (["Screener"], ["Feed"], ["Feed", "Screener"])
        )
        account.mark_read(in_b)

        def found(condition: dict[str, Any]) -> set[str]:
            return set(jmap.call("Email/query", filter=condition)["ids"])

        def both(operator: str) -> set[str]:
            return found({"operator": operator, "conditions": [{"inMailbox": a}, {"inMailbox": b}]})

        assert both("AND") == {in_both}
        assert both("OR") == {in_a, in_b, in_both}
        assert both("NOT") == set()
        assert found({"inMailbox": a}) == {in_a, in_both}
        assert found({"inMailboxOtherThan": [a]}) == {in_b, in_both}
        assert found({"inMailbox": b, "notKeyword": "$seen"}) == {in_both}
        unread = {"operator": "NOT", "conditions": [{"hasKeyword": "$SEEN"}]}
        assert found({"operator": "AND", "conditions": [{"inMailbox": b}, unread]}) == {in_both}
        assert found({}) == {in_a, in_b, in_both}

    def test_a_filter_with_an_unknown_mailbox_matches_nothing(self, jmap: RawJmap) -> None:
        """An id that names no mailbox is no error; it is just a mailbox without messages."""
        (message,) = deliver(jmap.account)
        assert jmap.call("Email/query", filter={"inMailbox": "P404"})["ids"] == []
        either = [{"inMailbox": "P404"}, {"inMailbox": jmap.account.mailbox_id("Screener")}]
        assert jmap.call("Email/query", filter={"operator": "OR", "conditions": either})["ids"] == [message]

    def test_from_is_a_search_and_no_equality(self, jmap: RawJmap) -> None:
        """A search for an address finds longer addresses too, and display names, without case."""
        account = jmap.account
        short, long, named = (
            account.deliver([sender], ["Screener"], received_at=f"2026-01-0{day}T00:00:00Z")
            for day, sender in enumerate(
                [("", "bob@x.example"), ("", "jim.bob@x.example.net"), ("Bob@X.example", "a@b.example")], 1
            )
        )
        assert jmap.call("Email/query", filter={"from": "BOB@x.example"})["ids"] == [named, long, short]
        assert jmap.call("Email/query", filter={"from": "jim example.net"})["ids"] == [long]
        assert jmap.call("Email/query", filter={"from": '"example jim"'})["ids"] == []

    def test_dates_cut_half_open(self, jmap: RawJmap) -> None:
        """After includes its moment, before does not."""
        ids = deliver(jmap.account, 3)
        condition = {"after": "2026-01-01T00:00:01Z", "before": "2026-01-01T00:00:02Z"}
        assert jmap.call("Email/query", filter=condition)["ids"] == [ids[1]]

    @pytest.mark.parametrize(
        ("arguments", "position", "expected"),
        [
            ({"position": 1, "limit": 2}, 1, [1, 2]),
            ({"position": -2}, 3, [3, 4]),
            ({"position": -9, "limit": 1}, 0, [0]),
            ({"position": 9}, 9, []),
            ({"limit": 0}, 0, []),
            ({"anchor": 2, "anchorOffset": -1, "limit": 2}, 1, [1, 2]),
            ({"anchor": 0, "anchorOffset": -5, "limit": 1}, 0, [0]),
            ({"anchor": 4, "position": 1}, 4, [4]),
        ],
    )
    def test_windows_follow_position_anchor_and_limit(
        self, jmap: RawJmap, arguments: dict[str, Any], position: int, expected: list[int]
    ) -> None:
        """Position counts from either end, an anchor takes its place, and both stop at the edges."""
        ids = deliver(jmap.account, 5)[::-1]
        if "anchor" in arguments:
            arguments = {**arguments, "anchor": ids[arguments["anchor"]]}
        result = jmap.call("Email/query", calculateTotal=True, **arguments)
        assert result["ids"] == [ids[number] for number in expected]
        assert (result["position"], result["total"]) == (position, 5)

    def test_an_anchor_outside_the_result_is_not_found(self, jmap: RawJmap) -> None:
        """An anchor has to be in the result."""
        deliver(jmap.account)
        assert jmap.error("Email/query", anchor="M404") == "anchorNotFound"

    def test_a_server_limit_is_told(self, jmap: RawJmap) -> None:
        """Where the server grants fewer ids than asked for, it says how many."""
        deliver(jmap.account, 3)
        jmap.account.limits = Limits(max_query_results=2)
        result = jmap.call("Email/query", limit=50)
        assert (len(result["ids"]), result["limit"]) == (2, 2)
        assert "limit" not in jmap.call("Email/query", limit=1)

    def test_collapsed_threads_keep_their_first_message(self, jmap: RawJmap) -> None:
        """With collapseThreads, of each thread only the message that sorts first is left."""
        account = jmap.account
        first, other = deliver(account, 2)
        reply = account.deliver([("", "a@x.example")], ["Feed"], in_reply_to=first)
        assert jmap.call("Email/query", collapseThreads=True)["ids"] == [reply, other]

    def test_query_changes_are_refused_as_announced(self, jmap: RawJmap) -> None:
        """canCalculateChanges is false, and so is every attempt."""
        state = jmap.call("Email/query")["queryState"]
        assert jmap.error("Email/queryChanges", sinceQueryState=state) == "cannotCalculateChanges"


class TestEmailSet:
    def update(self, jmap: RawJmap, message: str, patch: dict[str, Any]) -> dict[str, Any] | None:
        """Patch a message; return the error, None for success."""
        result = jmap.call("Email/set", update={message: patch})
        if result["updated"] == {message: None}:
            assert result["notUpdated"] is None
            return None
        return dict(result["notUpdated"][message])

    def test_a_patch_adds_and_removes_mailboxes_at_once(self, jmap: RawJmap) -> None:
        """One patch moves a message; the answer names the states before and after."""
        account = jmap.account
        (message,) = deliver(account)
        before = jmap.call("Email/get", ids=[])["state"]
        patch = {
            f"mailboxIds/{account.mailbox_id('Feed')}": True,
            f"mailboxIds/{account.mailbox_id('Screener')}": None,
        }
        result = jmap.call("Email/set", ifInState=before, update={message: patch})
        assert account.mailbox_names(message) == {"Feed"}
        assert result["oldState"] == before
        assert result["newState"] == jmap.call("Email/get", ids=[])["state"] != before

    def test_another_state_refuses_everything(self, jmap: RawJmap) -> None:
        """With an ifInState that is not the current one, nothing at all is done."""
        account = jmap.account
        (message,) = deliver(account)
        old = jmap.call("Email/get", ids=[])["state"]
        account.mark_read(message)
        assert jmap.error("Email/set", ifInState=old, destroy=[message]) == "stateMismatch"
        assert message in account.messages

    def test_a_message_stays_in_at_least_one_mailbox(self, jmap: RawJmap) -> None:
        """A patch that would leave a message in no mailbox is refused and changes nothing."""
        account = jmap.account
        (message,) = deliver(account)
        patch: dict[str, Any]
        for patch in (
            {f"mailboxIds/{account.mailbox_id('Screener')}": None},
            {"mailboxIds": {}},
            {"mailboxIds": None},
        ):
            error = self.update(jmap, message, patch)
            assert error is not None
            assert (error["type"], error["properties"]) == ("invalidProperties", ["mailboxIds"])
        assert account.mailbox_names(message) == {"Screener"}

    @pytest.mark.parametrize(
        ("patch", "error"),
        [
            ({"mailboxIds/P404": True}, "invalidProperties"),
            ({"mailboxIds/P404": None}, "invalidProperties"),
            ({"mailboxIds": {"P404": True}}, "invalidProperties"),
            ({"keywords/$seen": False}, "invalidProperties"),
            ({"keywords": {"a b": True}}, "invalidProperties"),
            ({"keywords/paren(": True}, "invalidProperties"),
            ({"colour": "red"}, "invalidProperties"),
            ({"subject": "Another"}, "invalidProperties"),
            ({"keywords/a/b": True}, "invalidPatch"),
            ({"keywords": {}, "keywords/a": True}, "invalidPatch"),
            ({"subject/a": True}, "invalidPatch"),
            ({"keywords/~2": True}, "invalidPatch"),
        ],
    )
    def test_a_bad_patch_is_refused_by_its_own_error(
        self, jmap: RawJmap, patch: dict[str, Any], error: str
    ) -> None:
        """What a patch may not say is told as invalidPatch or invalidProperties (RFC 8620 section 5.3)."""
        (message,) = deliver(jmap.account)
        refusal = self.update(jmap, message, patch)
        assert refusal is not None
        assert refusal["type"] == error
        assert jmap.account.logs["Email"].state == "e1"

    def test_pointers_are_unescaped_and_keywords_folded(self, jmap: RawJmap) -> None:
        """``~1`` is a slash and ``~0`` a tilde; keywords are kept in lower case."""
        (message,) = deliver(jmap.account)
        assert self.update(jmap, message, {"keywords/A~1b~0c": True}) is None
        assert jmap.account.messages[message].keywords == {"a/b~c"}
        assert self.update(jmap, message, {"keywords/a~1B~0c": None, "keywords/absent": None}) is None
        assert jmap.account.messages[message].keywords == set()

    def test_unchanged_properties_may_be_sent_along(self, jmap: RawJmap) -> None:
        """A property that cannot change may be given with the value it has."""
        (message,) = deliver(jmap.account)
        assert self.update(jmap, message, {"subject": "Issue 0", "id": message}) is None

    def test_a_patch_that_changes_nothing_leaves_the_state(self, jmap: RawJmap) -> None:
        """The state changes with changes only."""
        (message,) = deliver(jmap.account)
        result = jmap.call(
            "Email/set",
            update={message: {f"mailboxIds/{jmap.account.mailbox_id('Screener')}": True}},
        )
        assert result["oldState"] == result["newState"]

    def test_failures_touch_only_their_own_message(self, jmap: RawJmap) -> None:
        """Each object of a /set succeeds or fails alone."""
        account = jmap.account
        first, second = deliver(account, 2)
        feed = account.mailbox_id("Feed")
        result = jmap.call(
            "Email/set",
            update={first: {f"mailboxIds/{feed}": True}, "M404": {}, second: {"mailboxIds/P404": True}},
        )
        assert list(result["updated"]) == [first]
        types = {message: error["type"] for message, error in result["notUpdated"].items()}
        assert types == {"M404": "notFound", second: "invalidProperties"}

    def test_destroyed_messages_are_gone(self, jmap: RawJmap) -> None:
        """Destruction is final, and an update of what goes in the same call is refused."""
        first, second = deliver(jmap.account, 2)
        result = jmap.call("Email/set", update={first: {"keywords/$seen": True}}, destroy=[first, "M404"])
        assert result["destroyed"] == [first]
        assert result["notUpdated"][first]["type"] == "willDestroy"
        assert result["notDestroyed"]["M404"]["type"] == "notFound"
        assert jmap.call("Email/query")["ids"] == [second]

    def test_more_objects_than_allowed_are_too_large(self, jmap: RawJmap) -> None:
        """maxObjectsInSet counts creations, updates and destructions together."""
        ids = deliver(jmap.account, 4)
        update = {message: {"keywords/$seen": True} for message in ids[:2]}
        assert jmap.error("Email/set", update=update, destroy=ids[2:]) == "requestTooLarge"
        assert len(jmap.account.messages) == 4

    def test_a_message_can_be_made(self, jmap: RawJmap) -> None:
        """Email/set makes plain text messages, and refuses one without a mailbox."""
        mailboxes = {jmap.account.mailbox_id("Feed"): True}
        draft = {
            "from": [{"name": "Zoë", "email": "z@x.example"}],
            "subject": "Hej",
            "bodyValues": {"1": {"value": "text"}},
            "textBody": [{"partId": "1", "type": "text/plain"}],
        }
        result = jmap.call("Email/set", create={"good": {**draft, "mailboxIds": mailboxes}, "bad": draft})
        message = jmap.account.messages[result["created"]["good"]["id"]]
        assert (message.addresses["from"], message.text) == ((("Zoë", "z@x.example"),), "text")
        assert result["notCreated"]["bad"]["properties"] == ["mailboxIds"]

    @pytest.mark.parametrize("form", ["attachments", "bodyStructure"])
    def test_text_goes_along_with_a_message_that_is_made(self, jmap: RawJmap, form: str) -> None:
        """It comes in the same request, or was uploaded; in one of two forms, and not in both."""
        jmap.account.blobs["B1"] = "größer".encode()
        text = {"partId": "1", "type": "text/plain"}
        others = [{"partId": "2", "name": "a.json"}, {"blobId": "B1", "name": "b.json"}]
        structure = {"type": "multipart/mixed", "subParts": [text, *others]}
        body = {"textBody": [text], "attachments": others} if form != "bodyStructure" else {form: structure}
        values = {"1": {"value": "text"}, "2": {"value": "small"}}
        draft = {"mailboxIds": {jmap.account.mailbox_id("Feed"): True}, "bodyValues": values, **body}
        lost = {**draft, "textBody": [text], "attachments": [{"blobId": "B2"}]}
        lost.pop("bodyStructure", None)
        both = {**draft, "bodyStructure": structure, "attachments": others}
        result = jmap.call("Email/set", create={"good": draft, "lost": lost, "both": both})
        message = jmap.account.messages[result["created"]["good"]["id"]]
        assert message.text == "text"
        assert [(x.name, x.text) for x in message.attachments] == [("a.json", "small"), ("b.json", "größer")]
        assert result["notCreated"]["lost"] == {"type": "blobNotFound", "notFound": ["B2"]}
        assert "attachments" in result["notCreated"]["both"]["properties"]


class TestChanges:
    def test_every_kind_of_change_is_told_once(self, jmap: RawJmap) -> None:
        """Created, updated and destroyed since a state; what came and went in between is not told."""
        account = jmap.account
        old, gone = deliver(account, 2)
        since = jmap.call("Email/get", ids=[])["state"]
        (new,) = deliver(account)
        account.mark_read(new)
        account.mark_read(old)
        account.label(old, "Feed")
        account.destroy(gone)
        (brief,) = deliver(account)
        account.destroy(brief)
        changes = jmap.call("Email/changes", sinceState=since)
        assert (changes["created"], changes["updated"], changes["destroyed"]) == ([new], [old], [gone])
        assert changes["newState"] == jmap.call("Email/get", ids=[])["state"]

    def test_limited_changes_resume_where_they_stopped(self, jmap: RawJmap) -> None:
        """With maxChanges, following newState tells everything, in steps of at most that many."""
        since = jmap.call("Email/get", ids=[])["state"]
        ids = deliver(jmap.account, 5)
        seen: list[str] = []
        while True:
            changes = jmap.call("Email/changes", sinceState=since, maxChanges=2)
            assert len(changes["created"]) <= 2
            seen += changes["created"]
            since = changes["newState"]
            if not changes["hasMoreChanges"]:
                break
        assert seen == ids

    @pytest.mark.parametrize("state", ["", "e999", "m1", "e-1", "e1x", "unknown"])
    def test_a_state_nobody_gave_out_is_refused(self, jmap: RawJmap, state: str) -> None:
        """Only this type's own states are known."""
        deliver(jmap.account)
        assert jmap.error("Email/changes", sinceState=state) == "cannotCalculateChanges"

    def test_forgotten_states_are_refused(self, jmap: RawJmap) -> None:
        """A server that lost its history says so instead of telling half of it."""
        deliver(jmap.account)
        old = jmap.call("Email/get", ids=[])["state"]
        jmap.account.forget_changes()
        assert jmap.error("Email/changes", sinceState=old) == "cannotCalculateChanges"
        new = jmap.call("Email/get", ids=[])["state"]
        assert jmap.call("Email/changes", sinceState=new)["updated"] == []

    def test_mailboxes_tell_when_only_counts_changed(self, jmap: RawJmap) -> None:
        """updatedProperties names the counts after a delivery, and nothing after a new name."""
        account = jmap.account
        since = jmap.call("Mailbox/get", ids=[])["state"]
        deliver(account)
        counted = jmap.call("Mailbox/changes", sinceState=since)
        account.alter_mailbox("Screener", name="Waiting")
        renamed = jmap.call("Mailbox/changes", sinceState=since)
        assert counted["updated"] == renamed["updated"] == [account.mailbox_id("Waiting")]
        assert "totalEmails" in counted["updatedProperties"]
        assert renamed["updatedProperties"] is None

    def test_threads_change_with_their_messages_coming_and_going(self, jmap: RawJmap) -> None:
        """A thread changes when its set of messages does, not when one is read."""
        account = jmap.account
        (first,) = deliver(account)
        thread = account.messages[first].thread_id
        since = jmap.call("Thread/get", ids=[])["state"]
        account.mark_read(first)
        assert jmap.call("Thread/changes", sinceState=since)["updated"] == []
        account.deliver([("", "a@x.example")], ["Feed"], in_reply_to=first)
        assert jmap.call("Thread/changes", sinceState=since)["updated"] == [thread]


class TestMailboxSet:
    def refusal(self, jmap: RawJmap, **arguments: Any) -> dict[str, Any]:
        """Make a Mailbox/set that fails for its one object, and return the error."""
        result = jmap.call("Mailbox/set", **arguments)
        (errors,) = (result[name] for name in ("notCreated", "notUpdated", "notDestroyed") if result[name])
        (error,) = errors.values()
        return dict(error)

    @pytest.mark.parametrize(
        ("values", "wrong"),
        [
            ({}, "name"),
            ({"name": ""}, "name"),
            ({"name": "Screener"}, "name"),
            ({"name": "Second", "role": "inbox"}, "role"),
            ({"name": "Second", "role": "chief"}, "role"),
            ({"name": "Second", "parentId": "P404"}, "parentId"),
            ({"name": "Second", "totalEmails": 7}, "totalEmails"),
            ({"name": "Second", "colour": "red"}, "colour"),
        ],
    )
    def test_a_mailbox_that_may_not_be_is_refused(
        self, jmap: RawJmap, values: dict[str, Any], wrong: str
    ) -> None:
        """Names are unique among siblings, roles in the account, and counts are the server's."""
        error = self.refusal(jmap, create={"k": values})
        assert (error["type"], error["properties"]) == ("invalidProperties", [wrong])
        assert len(jmap.account.mailboxes) == 4

    def test_names_may_repeat_under_another_parent(self, jmap: RawJmap) -> None:
        """Only siblings need different names; creation ids name parents."""
        result = jmap.call(
            "Mailbox/set",
            create={"top": {"name": "Trips"}, "low": {"name": "Screener", "parentId": "#top"}},
        )
        assert result["notCreated"] is None
        assert jmap.account.path(result["created"]["low"]["id"]) == "Trips/Screener"

    def test_a_mailbox_with_messages_stays_unless_told_otherwise(self, jmap: RawJmap) -> None:
        """mailboxHasEmail protects; onDestroyRemoveEmails destroys what is nowhere else."""
        account = jmap.account
        (alone,) = deliver(account, 1, "Feed")
        (shared,) = deliver(account, 1, "Feed", "Screener")
        feed = account.mailbox_id("Feed")
        assert self.refusal(jmap, destroy=[feed])["type"] == "mailboxHasEmail"
        assert jmap.call("Mailbox/set", destroy=[feed], onDestroyRemoveEmails=True)["destroyed"] == [feed]
        assert alone not in account.messages
        assert account.mailbox_names(shared) == {"Screener"}

    def test_a_parent_stays_and_does_not_move_into_its_child(self, jmap: RawJmap) -> None:
        """mailboxHasChild protects parents; a loop of parents is refused."""
        account = jmap.account
        child = account.add_mailbox("Child", parent="Feed")
        feed = account.mailbox_id("Feed")
        assert self.refusal(jmap, destroy=[feed])["type"] == "mailboxHasChild"
        assert self.refusal(jmap, update={feed: {"parentId": child}})["properties"] == ["parentId"]

    def test_a_mailbox_with_a_role_stays_and_the_inbox_keeps_its_name(self, jmap: RawJmap) -> None:
        """What myRights does not allow is forbidden."""
        inbox = jmap.account.mailbox_id("Inbox")
        rights = jmap.call("Mailbox/get", ids=[inbox])["list"][0]["myRights"]
        assert (rights["mayDelete"], rights["mayRename"]) == (False, False)
        assert self.refusal(jmap, destroy=[inbox])["type"] == "forbidden"
        assert self.refusal(jmap, update={inbox: {"name": "Post"}})["type"] == "forbidden"
        assert jmap.call("Mailbox/set", update={inbox: {"name": "Inbox", "sortOrder": 3}})["updated"]

    def test_mailboxes_are_found_by_role_and_name(self, jmap: RawJmap) -> None:
        """Mailbox/query filters by role exactly and by part of a name."""
        account = jmap.account
        inbox = account.mailbox_id("Inbox")
        assert jmap.call("Mailbox/query", filter={"role": "inbox"})["ids"] == [inbox]
        assert set(jmap.call("Mailbox/query", filter={"name": "feed"})["ids"]) == {
            account.mailbox_id("Feed"),
            account.mailbox_id("@ToFeed"),
        }
        assert jmap.call("Mailbox/query", filter={"hasAnyRole": True})["ids"] == [inbox]


class TestServer:
    def test_no_more_requests_at_once_than_allowed(self, account: SandboxAccount) -> None:
        """maxConcurrentRequests is a limit of the API; one request after the other stays below it."""
        account.limits = Limits(max_concurrent_requests=2)
        with Sandbox(account) as sandbox, ThreadPoolExecutor(4) as pool:

            def ask() -> Answer:
                with closing(RawJmap(sandbox)) as client:
                    return client.post({"using": [CORE], "methodCalls": []})

            are_refused = threading.Event()
            sandbox.interceptor = lambda _: None if are_refused.wait(PATIENCE_SECONDS) else Reply(500)
            asked = [pool.submit(ask) for _ in range(4)]
            assert eventually(lambda: sum(each.done() for each in asked) == 2)
            are_refused.set()
            answers = [each.result() for each in asked]
            refused = [answer for answer in answers if answer.status == 400]
            assert [answer.json["limit"] for answer in refused] == ["maxConcurrentRequests"] * 2
            assert ask().status == 200

    def test_an_answer_is_held_back_as_long_as_asked(self, account: SandboxAccount) -> None:
        """delay_seconds stands for the round trip to a distant server, once per request, not per method."""
        delay_seconds, calls = 1.0, LIMITS.max_calls_in_request
        with Sandbox(account, delay_seconds=delay_seconds) as sandbox, closing(RawJmap(sandbox)) as client:
            started = time.monotonic()
            client.calls(*[("Mailbox/get", {"ids": []})] * calls)
            assert delay_seconds <= time.monotonic() - started < delay_seconds * calls

    def test_it_logs_requests_with_the_methods_they_called(self, jmap: RawJmap) -> None:
        """The log tells a benchmark how many requests there were and what they did."""
        jmap.sandbox.reset_requests()
        jmap.calls(("Mailbox/get", {"ids": []}), ("Email/query", {}))
        (entry,) = jmap.sandbox.requests
        assert (entry.method, entry.path, entry.status) == ("POST", "/jmap/api/", 200)
        assert entry.calls == ("Mailbox/get", "Email/query")

    def test_an_interceptor_answers_in_its_place(self, jmap: RawJmap) -> None:
        """A test can put any answer in the server's mouth, and what is intercepted is not done."""
        (message,) = deliver(jmap.account)

        def busy(request: Request) -> Reply | None:
            return Reply(503, {"Retry-After": "1"}) if b"Email/set" in request.body else None

        jmap.sandbox.interceptor = busy
        call = ["Email/set", {"accountId": jmap.account.id, "destroy": [message]}, "0"]
        assert jmap.post({"using": [CORE, MAIL], "methodCalls": [call]}).status == 503
        assert message in jmap.account.messages
        assert jmap.call("Mailbox/get", ids=[])["list"] == []

    def test_an_interceptor_breaks_answers_and_connections(self, jmap: RawJmap) -> None:
        """A test can cut a body short, or drop the connection without an answer."""
        headers = {"Content-Length": "1000", "Connection": "close"}
        jmap.sandbox.interceptor = lambda _: Reply(200, headers, b"{")
        with pytest.raises(http.client.IncompleteRead):
            jmap.post({})
        jmap.close()

        def drop(_: Request) -> Reply:
            raise ConnectionAbortedError

        jmap.sandbox.interceptor = drop
        with pytest.raises(ConnectionError):
            jmap.post({})
        jmap.close()
        jmap.sandbox.interceptor = None
        assert jmap.call("Mailbox/get", ids=[])["list"] == []

    def test_a_body_of_unknown_length_is_refused(self, jmap: RawJmap) -> None:
        """A request has to say how long it is; where it does not, 411 says so and the connection ends."""
        jmap.connection.putrequest("POST", "/jmap/api/")
        jmap.connection.putheader("Transfer-Encoding", "chunked")
        jmap.connection.endheaders()
        assert jmap.connection.getresponse().status == 411

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("POST", "/jmap/session", 405),
            ("GET", "/jmap/api/", 405),
            ("GET", "/jmap/nothing", 404),
            ("GET", "/.well-known/jmap", 301),
        ],
    )
    def test_wrong_methods_and_paths_are_told(
        self, jmap: RawJmap, method: str, path: str, status: int
    ) -> None:
        """Every path has its methods; the well-known one leads to the session."""
        authorization = f"Bearer {jmap.account.token}"
        assert jmap.request(method, path, Authorization=authorization).status == status

    def test_a_closed_sandbox_drops_its_connections(self, account: SandboxAccount) -> None:
        """Once closed, an open connection gets no answer any more."""
        with Sandbox(account) as sandbox:
            client = RawJmap(sandbox)
            assert client.call("Mailbox/get", ids=[])
        with pytest.raises((ConnectionError, json.JSONDecodeError, OSError)):
            client.post({})
        client.close()
