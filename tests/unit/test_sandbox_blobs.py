"""What the sandbox announces works: uploads, downloads, dates with fractions, cards that others can read."""

from __future__ import annotations

import base64
import email
import json
from collections.abc import Iterator
from contextlib import closing
from email.policy import default
from urllib.parse import urlsplit

import pytest
import vobject

from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.sandbox.seed.account import seeded_account
from tests.support.raw_clients import Answer, RawDav, RawJmap


@pytest.fixture
def jmap() -> Iterator[RawJmap]:
    account = SandboxAccount()
    account.add_mailbox("Inbox", role="inbox")
    with Sandbox(account) as sandbox, closing(RawJmap(sandbox)) as jmap:
        yield jmap


def send(jmap: RawJmap, method: str, template: str, body: bytes | None = None, **values: str) -> Answer:
    """Use a URL of the session (RFC 8620 section 2) with its variables filled in."""
    token = f"Bearer {jmap.account.token}"
    session = json.loads(jmap.request("GET", "/jmap/session", Authorization=token).body)
    target = urlsplit(session[template].format(accountId=jmap.account.id, **values))
    path = f"{target.path}?{target.query}" if target.query else target.path
    return jmap.request(method, path, body, Authorization=token, Content_Type="text/x-test")


def test_what_is_uploaded_can_be_downloaded(jmap: RawJmap) -> None:
    """The same bytes come back, in the media type asked for."""
    answer = send(jmap, "POST", "uploadUrl", b"a\x00\xff")
    assert answer.status == 201
    assert (answer.json["type"], answer.json["size"]) == ("text/x-test", 3)
    blob_id = answer.json["blobId"]
    got = send(jmap, "GET", "downloadUrl", blobId=blob_id, name="a.bin", type="image/png")
    assert (got.status, got.body, got.headers["content-type"]) == (200, b"a\x00\xff", "image/png")


def test_a_message_can_be_downloaded(jmap: RawJmap) -> None:
    """Its blob is the message as mail programs know it."""
    message_id = jmap.account.deliver([("Ann", "ann@x.example")], ["Inbox"], "Hello", text="One\nTwo\n")
    (message,) = jmap.call("Email/get", ids=[message_id], properties=["blobId"])["list"]
    got = send(jmap, "GET", "downloadUrl", blobId=message["blobId"], name="m.eml", type="message/rfc822")
    parsed = email.message_from_bytes(got.body, policy=default)
    assert (parsed["From"], parsed["Subject"]) == ("Ann <ann@x.example>", "Hello")
    assert parsed.get_content().split() == ["One", "Two"]


def test_what_is_not_there_cannot_be_downloaded(jmap: RawJmap) -> None:
    """An unknown blob is 404, and without the token there is nothing to be had."""
    for blob_id in ("Bnone", "Gnone", "x"):
        assert send(jmap, "GET", "downloadUrl", blobId=blob_id, name="a", type="text/plain").status == 404
    assert jmap.request("POST", f"/jmap/upload/{jmap.account.id}/", b"x").status == 401


def test_a_fraction_of_a_second_is_a_date(jmap: RawJmap) -> None:
    """Only a fraction that is zero is left out (RFC 8620 section 1.4); order is that of time."""
    account = jmap.account
    ids = [
        account.deliver([("", "a@b.example")], ["Inbox"], received_at=f"2026-01-01T00:00:{seconds}Z")
        for seconds in ("00", "00.5", "00.800", "01")
    ]
    found = jmap.call("Email/query", filter={"after": "2026-01-01T00:00:00.800Z"})["ids"]
    assert sorted(found) == sorted(ids[2:])
    ascending = [{"property": "receivedAt", "isAscending": True}]
    assert jmap.call("Email/query", sort=ascending)["ids"] == ids
    zero = {"after": "2026-01-01T00:00:00.000Z"}
    assert jmap.error("Email/query", filter=zero) in ("invalidArguments", "unsupportedFilter")


def test_a_query_without_a_filter_finds_every_card(jmap: RawJmap) -> None:
    """So do Cyrus, Radicale and Xandikos, whatever RFC 6352 section 10.3 demands."""
    jmap.account.add_contact("Ann", "ann@x.example")
    with closing(RawDav(jmap.sandbox)) as dav:
        answer = dav.report("c:addressbook-query", "<d:prop><d:getetag/></d:prop>", depth="1")
    assert answer.status == 207
    assert len(answer.xml) == 1


def test_other_programs_can_read_every_card_of_the_demo() -> None:
    """Clients built on vobject refuse a card whose picture is no base64."""
    account = seeded_account()
    for card in account.book.cards.values():
        read = vobject.readOne(card.data.decode())
        assert read.fn.value
    pictures = [
        line.partition(b":")[2]
        for card in account.cards()
        for line in card.data.replace(b"\r\n ", b"").split(b"\r\n")
        if line.startswith(b"PHOTO")
    ]
    assert [base64.b64decode(picture, validate=True)[:3] for picture in pictures] == [b"\xff\xd8\xff"]
