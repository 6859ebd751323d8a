"""Accounts with their mail on Apache James and their contacts on the sandbox: James has none worth using."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from email.utils import formataddr
from http.client import HTTPConnection
from typing import Any, cast
from uuid import uuid4

from attrs import evolve

from tests.support.accounts import Clock, Sender
from tests.support.james_server import JamesServer
from tests.support.on_jmap import AccountOnJmap
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.proxy import Exchange, Proxy
from tests.support.wire import RefusedError

USING = ("urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail")
TIMEOUT_SECONDS = 30.0
OUR_NAMES = {"INBOX": "Inbox", "Spam": "Junk"}
"""How the tests call the mailboxes that James makes by itself; their roles cannot be set."""


class AccountOnJames(AccountOnJmap):
    """A new account; Mailroom reaches its mail through a proxy that knows the password."""

    keeps_card_bytes = True
    member_prefix = AccountOnSandbox.member_prefix
    describes_cards = AccountOnSandbox.describes_cards
    max_objects = 500

    def __init__(self, server: JamesServer) -> None:
        self.address = f"user{uuid4().hex[:12]}@example.com"
        self._authorization = server.add_user(self.address, uuid4().hex)
        self._server_address = server.address
        self._book = AccountOnSandbox()
        self._proxy = Proxy(server.url, self._pass_on).__enter__()
        jmap = {"MAILROOM_JMAP_SESSION_URL": f"{self._proxy.url}/jmap/session", "MAILROOM_JMAP_TOKEN": "any"}
        self.environment = {**self._book.environment, **jmap}
        self._clock = Clock()
        session = json.loads(self._request("GET", "/jmap/session"))
        (self._id,) = session["accounts"]
        self.refresh_ids()

    def close(self) -> None:
        self._proxy.close()
        self._book.close()

    def add_mailboxes(self, roles: Mapping[str, str | None]) -> None:
        missing = [name for name in roles if name not in self.ids]
        create = {f"new{number}": {"name": name} for number, name in enumerate(missing)}
        answer = self.jmap("Mailbox/set", create=create)
        if refused := answer.get("notCreated"):
            raise RefusedError(f"mailboxes: {refused}")
        self.refresh_ids()

    def remove_mailbox(self, name: str) -> None:
        self.jmap("Mailbox/set", destroy=[self.ids[name]], onDestroyRemoveEmails=True)
        self.refresh_ids()

    def receive(
        self,
        senders: Sequence[Sender] | None,
        *mailboxes: str,
        read: bool = False,
        at: str = "",
        reply_to: str = "",
    ) -> str:
        header = [f"From: {', '.join(map(formataddr, senders))}"] if senders is not None else []
        if reply_to:
            header.append(f"In-Reply-To: <{self.message_id_of(reply_to)}>")
        return self._import(header, mailboxes, read=read, at=at)

    def receive_with(
        self,
        fields: Sequence[tuple[str, str]],
        sender: Sender,
        *mailboxes: str,
        read: bool = False,
        at: str = "",
    ) -> str:
        header = [*(f"{name}: {value}" for name, value in fields), f"From: {formataddr(sender)}"]
        return self._import(header, mailboxes, read=read, at=at)

    def send(self, *recipients: Sender, cc: Sequence[Sender] = (), at: str = "", reply_to: str = "") -> str:
        headers = {"From": [("", self.address)], "To": recipients, "Cc": cc}
        lines = [f"{name}: {', '.join(map(formataddr, them))}" for name, them in headers.items() if them]
        if reply_to:
            lines.append(f"In-Reply-To: <{self.message_id_of(reply_to)}>")
        return self._import(lines, ["Sent"], read=True, at=at)

    def download(self, message: str) -> bytes:
        return self._request("GET", f"/download/{self._id}/{message}")

    def receive_naming(
        self,
        senders: Sequence[Sender],
        message_ids: Sequence[str],
        *mailboxes: str,
        subject: str = "Something",
        at: str = "",
    ) -> str:
        header = [f"From: {', '.join(map(formataddr, senders))}"]
        header.append(f"References: {' '.join(f'<{x}>' for x in message_ids)}")
        return self._import(header, mailboxes, read=False, at=at, subject=subject)

    def message_id_of(self, message: str) -> str:
        (found,) = self.jmap("Email/get", ids=[message], properties=["messageId"])["list"]
        return str(found["messageId"][0])

    def put_card(self, name: str, data: bytes, book: str = "") -> None:
        self._book.put_card(name, data, book)

    def delete_card(self, name: str) -> None:
        self._book.delete_card(name)

    def cards(self) -> Mapping[str, bytes]:
        return self._book.cards()

    def forget_changes(self) -> None:
        self._book.forget_changes()

    def state(self) -> tuple[str, ...]:
        return str(self.jmap("Email/get", ids=[], properties=["id"])["state"]), *self._book.state()

    def requests(self) -> Sequence[str]:
        mail = [f"{each.method} {each.target}" for each in self._proxy.requests]
        return [*mail, *self._book.requests()]

    def _pass_on(self, exchange: Exchange) -> None:
        headers = {**exchange.request.headers, "authorization": self._authorization}
        exchange.reply(exchange.forward(evolve(exchange.request, headers=headers)))

    def _import(
        self,
        header: Sequence[str],
        mailboxes: Sequence[str],
        *,
        read: bool,
        at: str,
        subject: str = "Something",
    ) -> str:
        lines = [*header, f"Message-ID: <{uuid4().hex}@example.net>", f"Subject: {subject}"]
        lines += ["", "Text.", ""]
        blob = self._request("POST", f"/upload/{self._id}", "\r\n".join(lines).encode(), "message/rfc822")
        email = {
            "blobId": json.loads(blob)["blobId"],
            "mailboxIds": {self.ids[mailboxes[0]]: True},
            "receivedAt": at or self._clock.next(),
            "keywords": {"$seen": True} if read else {"something": True},  # James takes no empty set
        }
        answer = self.jmap("Email/import", emails={"new": email})
        if "new" not in (answer.get("created") or {}):
            raise RefusedError(f"message: {answer}")
        message = str(answer["created"]["new"]["id"])
        if len(mailboxes) > 1:  # James imports into one
            self.place(message, *mailboxes)
        return message

    def name_of(self, name: str) -> str:
        return OUR_NAMES.get(name, name)

    def jmap(self, method: str, **arguments: Any) -> dict[str, Any]:
        call = [method, {"accountId": self._id, **arguments}, "0"]
        body = json.dumps({"using": USING, "methodCalls": [call]}).encode()
        name, result, _ = json.loads(self._request("POST", "/jmap", body))["methodResponses"][0]
        if name == "error":
            raise RefusedError(f"{method}: {result}")
        return cast("dict[str, Any]", result)

    def _request(
        self, method: str, path: str, body: bytes | None = None, media_type: str = "application/json"
    ) -> bytes:
        headers = {
            "Authorization": self._authorization,
            "Content-Type": media_type,
            "Accept": "application/json; jmapVersion=rfc-8621",
        }
        with closing(HTTPConnection(*self._server_address, timeout=TIMEOUT_SECONDS)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        if response.status not in (200, 201):
            raise RefusedError(f"{method} {path}: {response.status} {content[:300]!r}")
        return content
