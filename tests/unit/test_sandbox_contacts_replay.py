"""The sandbox against the engine: a transcript of Cyrus 3.13.7, asked again step by step.

``tests/corpus/jmap_contacts.json`` holds 37 steps over JMAP and CardDAV on one account, with what the
engine answered. The sandbox answers the same, but for what `Replay` makes equal, each with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mailroom.sandbox import Sandbox, SandboxAccount
from tests.support.raw_clients import CONTACTS, CORE, MAIL, RawDav, RawJmap

STEPS = json.loads((Path(__file__).parents[1] / "corpus" / "jmap_contacts.json").read_text())
SESSION, *CALLS = STEPS
ACCOUNT = "me@example.com"
BEFORE_ALL = ("ContactCard", "1")
STATES = ("state", "oldState", "newState", "sinceState", "ifInState")

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\d{8}T\d{6}Z")
"""When something was written: now, and then."""
PRODUCT = re.compile(r"-//[^\r\n\"]*//EN")
"""Which program wrote a card."""
FOLD = re.compile(r"\r\n[ \t]")
"""Where a line is folded: the engine likes to do it between parameters (RFC 6350 section 3.2 allows any)."""
UNKNOWABLE = ("cyrusimap.org:blobId",)
"""Names that a server makes up, and that are in nothing else of the transcript."""
STRICTER = {"Email/query": ("canCalculateChanges", "total", "filter")}
"""Where the sandbox offers less: it refuses Email/queryChanges, and says no more than RFC 8620 demands."""

ON_THE_WAY = ("newState",)
"""A state between two: the engine counts several for one write, the sandbox one."""


class Replay:
    """Asks the sandbox what the engine was asked.

    Attributes:
        names: For each state, ETag, account and made-up identifier of the engine, what it is here: one
            for one, so that two that are equal there are equal here, and two that differ, differ.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.names: dict[tuple[str, str], str] = {("account", ACCOUNT): sandbox.account.id}
        # The engine's counter began before the address book: there were several states without a card.
        self.names[BEFORE_ALL] = sandbox.account.logs["ContactCard"].state
        self.dav = RawDav(sandbox)
        self.jmap = RawJmap(sandbox)

    def close(self) -> None:
        self.dav.close()
        self.jmap.close()

    def same(self, kind: str, theirs: str, ours: str) -> bool:
        """Whether two names stand for the same thing; remembered at their first meeting."""
        if (kind, theirs) not in self.names and ours not in self._taken(kind):
            self.names[kind, theirs] = ours
        return self.names.get((kind, theirs)) == ours

    def _taken(self, kind: str) -> set[str]:
        return {
            ours for (other, theirs), ours in self.names.items() if other == kind and theirs != BEFORE_ALL[1]
        }

    def ask_dav(self, step: dict[str, Any]) -> None:
        answer = self.dav.dav(step["dav"], self.dav.book + step["name"], step["body"], **step["headers"])
        assert answer.status == step["status"]
        assert self.same("etag", step["etag"], answer.headers["etag"])
        if step["answer"] is not None:
            assert lines_of(answer.body.decode()) == lines_of(step["answer"])

    def ask_jmap(self, step: dict[str, Any]) -> None:
        calls = [
            [name, self.translated(name, arguments), number]
            for name, arguments, number in step["methodCalls"]
        ]
        answer = self.jmap.post({"using": [CORE, MAIL, CONTACTS], "methodCalls": calls})
        assert answer.status == step["status"]
        responses = answer.json["methodResponses"]
        assert [name for name, _, _ in responses] == [name for name, _, _ in step["methodResponses"]]
        for (name, theirs, _), (_, ours, _) in zip(step["methodResponses"], responses, strict=True):
            self.compare(name, "", theirs, ours)

    def translated(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return arguments with the names that things have here."""
        kind, _, _ = method.partition("/")
        known = {key: self.names.get((kind, str(value)), value) for key, value in arguments.items()}
        states = {key: known[key] for key in STATES if key in known}
        return {**arguments, **states, "accountId": self.names["account", ACCOUNT]}

    def compare(self, method: str, key: str, theirs: Any, ours: Any) -> None:
        """Compare two answers; every difference that is left is a failure."""
        kind, _, _ = method.partition("/")
        where = f"{method}: {key}"
        if key in UNKNOWABLE:
            assert isinstance(ours, str), where
        elif key == "queryState":
            assert self.same(f"query of {kind}", theirs, ours), where
        elif key in STATES:
            assert self.same(kind, theirs, ours), f"{where}: {theirs} there, {ours} here"
        elif isinstance(theirs, dict):
            excused = self.excused(method, theirs, ours) if not key else set()
            theirs, ours = self.renamed(theirs, ours), dict(ours)
            assert ours.keys() | excused == theirs.keys() | excused, where
            for name in theirs.keys() - excused:
                self.compare(method, name, theirs[name], ours[name])
        elif isinstance(theirs, list):
            assert len(ours) == len(theirs), where
            for number, (there, here) in enumerate(zip(theirs, ours, strict=True)):
                self.compare(method, f"{key}/{number}", there, here)
        elif key == "accountId":
            assert self.same("account", theirs, ours), where
        elif isinstance(theirs, str):
            assert plain(ours) == plain(theirs) or self.same("made up", theirs, ours), where
        else:
            assert ours == theirs, where

    def excused(self, method: str, theirs: dict[str, Any], ours: dict[str, Any]) -> set[str]:
        """Return the properties of an answer that need not be equal."""
        is_on_the_way = theirs.get("hasMoreChanges") is ours.get("hasMoreChanges") is True
        return {*STRICTER.get(method, ()), *(ON_THE_WAY if is_on_the_way else ())}

    def renamed(self, theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
        """Return an object of the engine's with the keys that made-up identifiers have here."""
        return {self.names.get(("made up", key), key): value for key, value in theirs.items()}


def plain(text: str) -> str:
    """Return a text without what cannot be equal."""
    return PRODUCT.sub("product", TIME.sub("time", text))


def lines_of(card: str) -> list[str]:
    """Return the logical lines of a vCard, in their order."""
    return plain(FOLD.sub("", card)).split("\r\n")


@pytest.fixture
def account() -> SandboxAccount:
    account = SandboxAccount(ids_are_uids=True)
    account.add_mailbox("Inbox", role="inbox")
    return account


@pytest.fixture
def replay(account: SandboxAccount) -> Iterator[Replay]:
    with Sandbox(account) as sandbox, closing(Replay(sandbox)) as replay:
        yield replay


def test_the_session_offers_contacts_as_the_engine_does(replay: Replay) -> None:
    """Under the same name, with its account; address books are made by nobody, as at Fastmail."""
    token = f"Bearer {replay.jmap.account.token}"
    session = replay.jmap.request("GET", "/jmap/session", Authorization=token).json
    of_account = session["accounts"][replay.jmap.account.id]["accountCapabilities"][CONTACTS]
    assert session["capabilities"][CONTACTS] == SESSION["capability"]
    assert of_account == {**SESSION["accountCapability"], "mayCreateAddressBook": False}
    assert session["primaryAccounts"][CONTACTS] == replay.jmap.account.id
    assert SESSION["primaryAccounts"][CONTACTS] == ACCOUNT


def test_every_step_is_answered_as_the_engine_answers_it(replay: Replay, account: SandboxAccount) -> None:
    """Step by step, on one account: what a card becomes over one way is what the other way shows."""
    for step in CALLS:
        if step["step"] == "whose mail is of that group":
            # It had been delivered by another way than these two.
            account.deliver([("", "any@dom.example")], ["Inbox"])
            account.deliver([("", "any@below.dom.example")], ["Inbox"])
        try:
            (replay.ask_dav if "dav" in step else replay.ask_jmap)(step)
        except AssertionError as error:
            raise AssertionError(f"{step['step']}: {error}") from error


def test_the_transcript_is_whole() -> None:
    """Thirty-seven steps, the session and calls of both ways."""
    assert len(STEPS) == 37
    assert {"dav" in step for step in CALLS} == {True, False}
