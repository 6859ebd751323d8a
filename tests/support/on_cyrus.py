"""Accounts on a real Cyrus server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.header import Header
from email.utils import formataddr
from typing import Any
from uuid import uuid4

from tests.support import vcards
from tests.support.accounts import Clock, Sender
from tests.support.cyrus.front import Front
from tests.support.on_jmap import AccountOnJmap
from tests.support.wire import RefusedError, Wire

MAX_OBJECTS = 50
OPTIONS = {"jmap_max_objects_in_get": str(MAX_OBJECTS), "jmap_max_objects_in_set": str(MAX_OBJECTS)}
"""Limits low enough that a test can exceed them."""

ALL_RIGHTS = "lrswipkxtean"
RIGHTS = {"mayReadItems": "r", "mayAddItems": "i", "mayRemoveItems": "te", "maySetKeywords": "w"}
"""The letters of RFC 4314 behind RFC 8621's ``myRights``; what an owner always has is none of them."""


class AccountOnCyrus(AccountOnJmap):
    """A new account on the server behind `front`."""

    keeps_card_bytes = False
    max_objects = MAX_OBJECTS
    describes_cards = True
    member_prefix = "urn:uuid:"

    def __init__(self, front: Front) -> None:
        self._front = front
        self._server = front.server
        password, token = uuid4().hex, f"token-{uuid4().hex}"
        self.address = f"user{uuid4().hex[:12]}@example.com"
        self._server.add_user(self.address, password)
        front.tokens[token] = self.address
        self.environment = {
            "MAILROOM_JMAP_SESSION_URL": f"{front.url}/jmap/session",
            "MAILROOM_JMAP_TOKEN": token,
            "MAILROOM_CARDDAV_URL": f"{front.url}/",
            "MAILROOM_CARDDAV_USERNAME": self.address,
            "MAILROOM_CARDDAV_PASSWORD": password,
        }
        authorization = self._server.basic_authorization(self.address)
        self._wire = Wire(self._server.http_address, self.address, authorization)
        self._clock = Clock()
        self.refresh_ids()

    def jmap(self, method: str, **arguments: Any) -> dict[str, Any]:
        return self._wire.jmap(method, **arguments)

    def settle(self) -> None:
        self._server.settle()

    def close(self) -> None:
        """There is nothing to let go of: the account ends with its server."""

    def add_mailboxes(self, roles: Mapping[str, str | None]) -> None:
        create = {name: {"name": name, "role": role} for name, role in roles.items()}
        answer = self._wire.jmap("Mailbox/set", create=create)
        if refused := answer["notCreated"]:
            raise RefusedError(f"mailboxes: {refused}")
        self.ids |= {name: made["id"] for name, made in answer["created"].items()}

    def remove_mailbox(self, name: str) -> None:
        self._wire.jmap("Mailbox/set", destroy=[self.ids[name]])
        self.refresh_ids()

    def withhold(self, mailbox: str, right: str) -> None:
        user, _, domain = self.address.partition("@")
        inner = "" if mailbox == "Inbox" else f"/{mailbox}"
        rest = "".join(letter for letter in ALL_RIGHTS if letter not in RIGHTS[right])
        self._server.set_rights(f"user/{user}{inner}@{domain}", self.address, rest)

    def receive(
        self,
        senders: Sequence[Sender] | None,
        *mailboxes: str,
        read: bool = False,
        at: str = "",
        reply_to: str = "",
    ) -> str:
        answered = [self.message_id(reply_to)] if reply_to else []
        return self.receive_raw(_compose(senders, answered=answered), *mailboxes, read=read, at=at)

    def receive_from_list(self, sender: Sender, *mailboxes: str, at: str = "") -> str:
        fields = [("List-Unsubscribe", "<https://lists.example/off>")]
        return self.receive_with(fields, sender, *mailboxes, at=at)

    def receive_with(
        self,
        fields: Sequence[tuple[str, str]],
        sender: Sender,
        *mailboxes: str,
        read: bool = False,
        at: str = "",
    ) -> str:
        header = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return self.receive_raw(header.encode() + _compose([sender]), *mailboxes, read=read, at=at)

    def receive_about(self, subject: str, sender: Sender, *mailboxes: str, at: str = "") -> str:
        encoded = Header(subject, "utf-8", maxlinelen=70, continuation_ws=" ").encode(linesep="\r\n")
        message = _compose([sender]).replace(b"Something", encoded.encode("ascii"), 1)
        return self.receive_raw(message, *mailboxes, at=at)

    def receive_raw(self, message: bytes, *mailboxes: str, read: bool = False, at: str = "") -> str:
        """Let a message arrive just as it is."""
        email = {
            "blobId": self._wire.upload(message),
            "mailboxIds": {self.ids[name]: True for name in mailboxes},
            "keywords": {"$seen": True} if read else {},
            "receivedAt": at or self._clock.next(),
        }
        answer = self._wire.jmap("Email/import", emails={"new": email})
        if "new" not in (answer["created"] or {}):
            raise RefusedError(f"message: {answer['notCreated']}")
        return str(answer["created"]["new"]["id"])

    def send(self, *recipients: Sender, cc: Sequence[Sender] = (), at: str = "", reply_to: str = "") -> str:
        headers = {"To": recipients, "Cc": cc}
        answered = [self.message_id(reply_to)] if reply_to else []
        message = _compose([("", self.address)], {k: v for k, v in headers.items() if v}, answered)
        return self.receive_raw(message, "Sent", read=True, at=at)

    def download(self, message: str) -> bytes:
        (found,) = self._wire.jmap("Email/get", ids=[message], properties=["blobId"])["list"]
        return self._wire.download(found["blobId"])

    def receive_naming(
        self,
        senders: Sequence[Sender],
        message_ids: Sequence[str],
        *mailboxes: str,
        subject: str = "Something",
        at: str = "",
    ) -> str:
        return self.receive_raw(_compose(senders, answered=message_ids, subject=subject), *mailboxes, at=at)

    def message_id_of(self, message: str) -> str:
        return self.message_id(message)

    def deliver(self, message: bytes) -> None:
        """Hand a message in from outside, through the account's Sieve script."""
        self._server.deliver(self.address, message)

    def find(self, message_id: str, timeout_seconds: float) -> str:
        """Return the id that JMAP has for a message, as soon as it has arrived."""
        deadline = time.monotonic() + timeout_seconds
        newest_first = [{"property": "receivedAt", "isAscending": False}]
        while time.monotonic() < deadline:
            ids = self._wire.jmap("Email/query", sort=newest_first, limit=MAX_OBJECTS)["ids"]
            for each in self._wire.jmap("Email/get", ids=ids, properties=["messageId"])["list"]:
                if each["messageId"] == [message_id]:
                    return str(each["id"])
            time.sleep(0.02)
        raise RefusedError(f"{message_id} does not arrive")

    def message_id(self, message: str) -> str:
        """Return the Message-ID of a message."""
        (found,) = self._wire.jmap("Email/get", ids=[message], properties=["messageId"])["list"]
        return str(found["messageId"][0])

    def install_rules(self, script: str) -> None:
        """Make a Sieve script the active one, over JMAP as a person's mail program does."""
        blob_id = self._wire.upload(script.encode(), "application/sieve")
        create = {"rules": {"name": f"rules {uuid4().hex}", "blobId": blob_id}}
        answer = self._wire.jmap("SieveScript/set", create=create, onSuccessActivateScript="#rules")
        if "rules" not in (answer["created"] or {}):
            raise RefusedError(f"script: {answer['notCreated']}\n{script}")

    def put_script(self, name: str, content: bytes, *, is_active: bool = True) -> None:
        """Put a Sieve script there, as a person's mail program does."""
        ids = {each["name"]: each["id"] for each in self._wire.jmap("SieveScript/get", ids=None)["list"]}
        blob_id = self._wire.upload(content, "application/sieve")
        change: dict[str, Any] = {"create": {"x": {"name": name, "blobId": blob_id}}}
        if name in ids:
            change = {"update": {ids[name]: {"blobId": blob_id}}}
        if is_active:
            change["onSuccessActivateScript"] = ids.get(name, "#x")
        answer = self._wire.jmap("SieveScript/set", **change)
        if refused := answer["notCreated"] or answer["notUpdated"]:
            raise RefusedError(f"script: {refused}")

    def delete_script(self, name: str) -> None:
        """Delete one that is not active."""
        ids = {each["name"]: each["id"] for each in self._wire.jmap("SieveScript/get", ids=None)["list"]}
        self._wire.jmap("SieveScript/set", destroy=[ids[name]])

    def deactivate_scripts(self) -> None:
        """Let none be active."""
        ways = {"onSuccessDeactivatescript": True}, {"onSuccessActivateScript": None}
        for way in ways:  # of Cyrus 3.12, and of those before
            with suppress(RefusedError):
                self._wire.jmap("SieveScript/set", **way)

    def scripts(self) -> dict[str, bytes]:
        """Return the Sieve scripts by name."""
        found = self._wire.jmap("SieveScript/get", ids=None)["list"]
        return {x["name"]: self._wire.download(x["blobId"], "application/sieve") for x in found}

    def active_script(self) -> str | None:
        """Return the name of the active Sieve script; None where there is none."""
        found = self._wire.jmap("SieveScript/get", ids=None)["list"]
        return next((str(each["name"]) for each in found if each["isActive"]), None)

    def set_vacation_reply(self, text: str, *, is_on: bool = True) -> None:
        """Set a reply (RFC 8621 section 8), as a person's mail program does; not before Cyrus 3.10."""
        reply = {"isEnabled": is_on, "textBody": text}
        answer = self._wire.jmap("VacationResponse/set", update={"singleton": reply})
        if refused := answer["notUpdated"]:
            raise RefusedError(f"vacation reply: {refused}")

    def put_card(self, name: str, data: bytes, book: str = "") -> None:
        self._wire.put_card(name, data, book)

    def add_address_book(self, name: str) -> None:
        self._wire.make_book(name)

    def protect_address_book(self) -> None:
        user, _, domain = self.address.partition("@")
        self._server.set_rights(f"user/{user}/#addressbooks/Default@{domain}", self.address, "lrs")

    def delete_card(self, name: str) -> None:
        self._wire.delete_card(name)

    def age_deleted_cards(self, seconds: int) -> None:
        self._server.age_deleted_cards(seconds)

    def cards(self) -> Mapping[str, bytes]:
        return self._wire.cards()

    def stored_card(self, name: str) -> bytes:
        """Return a card in the version it is stored in, as its length tells."""
        return self._wire.get_stored_card(name)

    def forget_changes(self) -> None:
        # The server forgets what was deleted, and then can no longer tell what changed since before.
        self.put_card("short-lived.vcf", vcards.contact("short-lived", "Nobody"))
        self.delete_card("short-lived.vcf")
        self._server.forget_deleted(self.address)

    def state(self) -> tuple[str, ...]:
        return str(self._wire.jmap("Email/get", ids=[])["state"]), self._wire.sync_token()

    def requests(self) -> Sequence[str]:
        return [f"{each.method} {each.path}" for each in self._front.requests if each.user == self.address]


def _compose(
    senders: Sequence[Sender] | None,
    recipients: Mapping[str, Sequence[Sender]] | None = None,
    answered: Sequence[str] = (),
    subject: str = "Something",
) -> bytes:
    lines = [f"Message-ID: <{uuid4().hex}@example.net>", f"Subject: {subject}", "", "Text.", ""]
    lines[:0] = [f"{name}: {', '.join(map(formataddr, them))}" for name, them in (recipients or {}).items()]
    if answered:
        lines[:0] = [f"In-Reply-To: <{answered[-1]}>", f"References: {' '.join(f'<{x}>' for x in answered)}"]
    if senders is not None:
        lines.insert(0, f"From: {', '.join(map(formataddr, senders))}")
    return "\r\n".join(lines).encode("ascii")
