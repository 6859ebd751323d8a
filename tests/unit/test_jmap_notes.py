"""Mailroom's own messages on servers that do less than Fastmail's, or otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from attrs import evolve

from mailroom.http import Credentials, HttpClient
from mailroom.jmap import JmapClient
from mailroom.jmap.notes import JmapNotes
from mailroom.model.mail import MailboxId
from mailroom.model.notes import NewNote, Note, NoteKind
from mailroom.sandbox import Sandbox, SandboxAccount
from tests.support.proxy import Exchange, Plan, Proxy

ENTRY = NoteKind.ENTRY
DATA = json.dumps({"version": 1, "name": "Zoë"})
REFUSAL = {
    "type": "invalidArguments",
    "description": "List((/attachments(0)/blobId,List(error.path.missing)))",
}
"""As James says it."""


class Account:
    """An account with a mailbox for notes, behind a proxy that may alter what its server says."""

    def __init__(self, proxy: Proxy, account: SandboxAccount) -> None:
        self.proxy = proxy
        http = HttpClient(proxy.url, Credentials(f"Bearer {account.token}"))
        self.notes = JmapNotes(JmapClient(http, f"{proxy.url}/jmap/session"), "me@example.net")
        self.mailbox_id = MailboxId(account.add_mailbox("Mailroom"))

    def write(self, *subjects: str, data: str = DATA) -> Sequence[str]:
        """Write notes, and return why not all were written."""
        new = [NewNote(ENTRY, subject, "Text\n", data) for subject in subjects]
        return self.notes.write(self.mailbox_id, new).problems

    def read(self) -> list[Note]:
        """Read all notes."""
        return [note for page in self.notes.read(self.mailbox_id, ENTRY) for note in page]

    def asked(self) -> list[str]:
        """Return what was asked for since the last time, by the ends of the URLs."""
        asked = [request.target.rstrip("/").rsplit("/", 2)[-2:] for request in self.proxy.requests]
        self.proxy.requests.clear()
        return ["upload" if "upload" in parts else parts[-1] for parts in asked]


@pytest.fixture
def account() -> Iterator[Account]:
    account = SandboxAccount()
    with Sandbox(account) as sandbox, Proxy(sandbox.url) as proxy:
        yield Account(proxy, account)
        proxy.check()


def altering(alter: Callable[[dict[str, Any]], object]) -> Plan:
    """Alter the answers of Email/get."""

    def plan(exchange: Exchange) -> None:
        answer = exchange.forward()
        value = json.loads(answer.body)
        for name, arguments, _ in value.get("methodResponses", ()):
            if name == "Email/get":
                alter(arguments)
        exchange.reply(evolve(answer, body=json.dumps(value).encode()))

    return plan


def refuse_attached(*names: str) -> Plan:
    """Refuse messages with parts that are named so, such as text in the same request, as James does."""

    def plan(exchange: Exchange) -> None:
        is_api = exchange.request.target.endswith("/api/")
        calls = exchange.request.json()["methodCalls"] if is_api else []
        created: dict[str, Any] = next(
            (x.get("create", {}) for method, x, _ in calls if method == "Email/set"), {}
        )
        parts = [part for email in created.values() for part in email.get("attachments", ())]
        if not any(part.keys() & set(names) for part in parts):
            exchange.pass_on()
            return
        nothing = json.dumps({**exchange.request.json(), "methodCalls": []}).encode()
        answer = exchange.forward(evolve(exchange.request, body=nothing))
        refused = {"newState": "any", "notCreated": dict.fromkeys(created, REFUSAL)}
        value = {**json.loads(answer.body), "methodResponses": [["Email/set", refused, "0"]]}
        exchange.reply(evolve(answer, body=json.dumps(value).encode()))

    return plan


def test_they_are_read_newest_first_whatever_order_the_server_has(account: Account) -> None:
    """The search's order counts, not that in which the server hands them out (RFC 8620 section 5.1)."""
    account.write(*map(str, range(5)))
    expected = [note.id for note in account.read()]
    account.proxy.plan = altering(lambda arguments: arguments["list"].sort(key=lambda each: each["subject"]))
    handed_out = [note.id for note in account.read()]
    account.proxy.plan = altering(lambda arguments: arguments["list"].reverse())
    assert handed_out == [note.id for note in account.read()] == expected


def test_what_goes_along_is_uploaded_where_the_server_wants_it_so(account: Account) -> None:
    """It is tried in the same request once; from then on the upload comes first."""
    account.proxy.plan = refuse_attached("partId")
    assert not account.write("One")
    assert account.asked() == ["session", "api", "upload", "api"]
    assert not account.write("Two")
    assert account.asked() == ["upload", "api"]
    assert not account.write("Three", data="")
    assert account.asked() == ["api"]
    assert {(note.subject, note.data) for note in account.read()} == {
        ("One", DATA),
        ("Two", DATA),
        ("Three", ""),
    }


def test_where_an_upload_is_refused_too_it_says_so(account: Account) -> None:
    """Nothing is tried again and again."""
    account.proxy.plan = refuse_attached("partId", "blobId")
    (problem,) = account.write("One")
    assert "Mailroom's own" in problem
    assert account.asked() == ["session", "api", "upload", "api"]
