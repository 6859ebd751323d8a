"""Single cards are read in the form they are stored in, whatever is made of them on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from attrs import evolve

from mailroom.carddav import CardDavAddressBook
from mailroom.carddav.cards import delete_card, write_card
from mailroom.carddav.client import CardDavClient
from mailroom.carddav.discovery import Collection
from mailroom.carddav.exact import read_exact_card
from mailroom.errors import PreconditionFailedError, ProtocolError
from mailroom.http import Credentials, HttpClient
from mailroom.model.contacts import CardUid, Membership
from mailroom.sandbox import Reply, Request, Sandbox, SandboxAccount
from mailroom.sandbox.dav import server as carddav

GROUP_4 = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:g4\r\nKIND:group\r\nFN:Feed\r\nX-A:b\r\nEND:VCARD\r\n"
AS_LONG = GROUP_4.replace(b"KIND", b"N:Feed;;;;\r\nX-ADDRESSBOOKSERVER-KIND")
"""In version 3.0 this is exactly as long."""
GROUP_3 = AS_LONG.replace(b"4.0", b"3.0")
ODD = (
    b"BEGIN:VCARD\nVERSION:3.0\r\nUID:odd\nFN:Feed\nN:Feed;;;;\nX-ADDRESSBOOKSERVER-KIND:group\r\n"
    b"NOTE:a, b\nEND:VCARD\n"
)
STORED = {"4.0": GROUP_4, "4.0, as long": AS_LONG, "3.0": GROUP_3, "odd": ODD}
NEW_LINE = {
    "4.0": b"MEMBER:new\r\n",
    "4.0, as long": b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:new\r\n",
    "3.0": b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:new\r\n",
    "odd": b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:new\r\n",
}

Change = Callable[[Request, Reply], Reply]
"""Makes another answer of one, as a proxy or another server does."""

ADD_NEW = {"Feed": Membership(add=frozenset({CardUid("new")}))}


def without_etag_header(_: Request, reply: Reply) -> Reply:
    return evolve(reply, headers={k: v for k, v in reply.headers.items() if k != "ETag"})


def without_any_etag(request: Request, reply: Reply) -> Reply:
    stripped = without_etag_header(request, reply)
    return evolve(stripped, body=re.sub(rb"<D:getetag>.*?</D:getetag>", b"<D:getetag/>", stripped.body))


def with_weak_header(_: Request, reply: Reply) -> Reply:
    return evolve(reply, headers={k: f"W/{v}" if k == "ETag" else v for k, v in reply.headers.items()})


def with_weak_property(_: Request, reply: Reply) -> Reply:
    return evolve(reply, body=reply.body.replace(b"<D:getetag>", b"<D:getetag>W/"))


def without_length(_: Request, reply: Reply) -> Reply:
    return evolve(
        reply,
        body=re.sub(rb"<D:getcontentlength>\d+</D:getcontentlength>", b"<D:getcontentlength/>", reply.body),
    )


def without_version_4(request: Request, reply: Reply) -> Reply:
    if request.method == "GET" and "version=4.0" in request.headers.get("accept", ""):
        return Reply(406)
    if b'version="4.0"' in request.body:
        body = b'<e xmlns="DAV:"><c:supported-address-data xmlns:c="urn:ietf:params:xml:ns:carddav"/></e>'
        return Reply(403, {"Content-Type": "application/xml"}, body)
    return reply


def without_queries(request: Request, reply: Reply) -> Reply:
    return Reply(403) if b"addressbook-query" in request.body else reply


def with_all_for_a_query(request: Request, reply: Reply) -> Reply:
    if b"addressbook-query" not in request.body:
        return reply
    found = b"<D:response><D:href>/feed.vcf</D:href><D:propstat><D:prop/></D:propstat></D:response>"
    return Reply(207, {}, b'<D:multistatus xmlns:D="DAV:">' + found + b"</D:multistatus>")


@contextmanager
def serving(stored: bytes, *changes: Change) -> Iterator[Sandbox]:
    """An account with one group, behind what changes its answers."""
    account = SandboxAccount()
    account.book.shows_version_4_anew = False
    account.put_card("feed.vcf", stored)

    def intercept(request: Request) -> Reply | None:
        if request.path.startswith("/jmap/"):
            return None
        reply = carddav.answer(account, request)
        for change in changes:
            reply = change(request, reply)
        return reply

    with Sandbox(account) as sandbox:
        sandbox.interceptor = intercept
        yield sandbox


def connect(sandbox: Sandbox) -> HttpClient:
    return HttpClient(sandbox.carddav_url, Credentials(carddav.basic_authorization(sandbox.account)))


def book_of(sandbox: Sandbox) -> CardDavAddressBook:
    return CardDavAddressBook(connect(sandbox), sandbox.carddav_url, ["Feed"])


def collection(sandbox: Sandbox) -> Collection:
    (found,) = CardDavClient(connect(sandbox), sandbox.carddav_url).discover()
    return found


def methods(sandbox: Sandbox) -> list[str]:
    return [entry.method for entry in sandbox.requests]


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize(
    "changes",
    [
        (),
        (without_etag_header,),
        (with_weak_header,),
        (with_weak_property,),
        (with_weak_header, with_weak_property),
        (without_length,),
        (without_length, without_etag_header),
    ],
    ids=lambda changes: "+".join(change.__name__ for change in changes) or "as it is",
)
def test_a_group_is_written_back_as_it_is_stored(stored: str, changes: tuple[Change, ...]) -> None:
    """Whatever version the server shows, however the ETag comes: one line more, and no other byte."""
    with serving(STORED[stored], *changes) as sandbox:
        book = book_of(sandbox)
        assert "Feed" in book.refresh().group_names()
        for _ in range(2):
            assert book.regroup(ADD_NEW) == {}
            head, end, tail = STORED[stored].partition(b"END:VCARD")
            line = NEW_LINE[stored] if head.endswith(b"\r\n") else NEW_LINE[stored].replace(b"\r", b"")
            assert sandbox.account.card("feed.vcf").data == head + line + end + tail
        assert book.latest().groups(CardUid("new")) == {"Feed"}
        assert book.refresh().groups(CardUid("new")) == {"Feed"}
        assert book.regroup({"Feed": Membership(remove=frozenset({CardUid("new")}))}) == {}
        assert sandbox.account.card("feed.vcf").data == STORED[stored]


@pytest.mark.parametrize("kind", [b"GROUP", b"group"])
@pytest.mark.parametrize("changes", [(), (without_etag_header,), (with_weak_property,)])
def test_a_group_that_the_engine_shows_anew_is_written_back_as_it_is_stored(
    kind: bytes, changes: tuple[Change, ...]
) -> None:
    """What came over JMAP is stored as 4.0 and never shown as it is stored; its length tells all the same."""
    stored = GROUP_4.replace(b"KIND:group", b"KIND:" + kind)
    with serving(stored, *changes) as sandbox:
        sandbox.account.book.shows_version_4_anew = True
        book = book_of(sandbox)
        assert "Feed" in book.refresh().group_names()
        assert book.regroup(ADD_NEW) == {}
        in_capitals = stored.replace(b"KIND:group", b"KIND:GROUP")
        head, end, tail = in_capitals.partition(b"END:VCARD")
        assert sandbox.account.card("feed.vcf").data == head + NEW_LINE["4.0"] + end + tail
        assert book.refresh().groups(CardUid("new")) == {"Feed"}
        assert book.regroup({"Feed": Membership(remove=frozenset({CardUid("new")}))}) == {}
        assert sandbox.account.card("feed.vcf").data == in_capitals


@pytest.mark.parametrize("stored", ["3.0", "4.0"])
def test_a_group_in_the_usual_form_is_edited_without_another_look(stored: str) -> None:
    """One request at the start proves what is stored; version 4 is read again to see whom it counts."""
    with serving(STORED[stored]) as sandbox:
        book = book_of(sandbox)
        book.refresh()
        sandbox.reset_requests()
        assert book.regroup(ADD_NEW) == {}
        assert methods(sandbox) == (["PUT"] if stored == "3.0" else ["PUT", "GET"])


def test_a_server_without_version_4_stores_what_it_shows() -> None:
    """Where 4.0 is refused there is nothing to compare, and nothing to be converted."""
    with serving(GROUP_3, without_version_4) as sandbox:
        book = book_of(sandbox)
        book.refresh()
        sandbox.reset_requests()
        assert book.regroup(ADD_NEW) == {}
        assert methods(sandbox) == ["PUT"]
        stored = read_exact_card(connect(sandbox), collection(sandbox), "feed.vcf")
        assert stored is not None
        assert stored.octets == sandbox.account.card("feed.vcf").data


@pytest.mark.parametrize(
    "changes",
    [
        (without_queries,),
        (with_all_for_a_query,),
        (without_length, with_all_for_a_query),
    ],
)
def test_where_nobody_can_know_the_stored_version_nothing_is_written(changes: tuple[Change, ...]) -> None:
    """Two texts of one length, and a server that does not say which it stores: that is said, once."""
    with serving(AS_LONG, *changes) as sandbox:
        book = book_of(sandbox)
        book.refresh()
        sandbox.reset_requests()
        failed = book.regroup(ADD_NEW)
        assert list(failed) == ["Feed"]
        assert "PUT" not in methods(sandbox)
        assert len(methods(sandbox)) <= 5
        assert sandbox.account.card("feed.vcf").data == AS_LONG


def test_a_server_that_tells_no_etag_is_told_of_once() -> None:
    """Without an ETag nobody can know whether a change would undo another, so none is made."""
    with serving(GROUP_3, without_any_etag) as sandbox:
        book = book_of(sandbox)
        book.refresh()
        sandbox.reset_requests()
        assert book.regroup(ADD_NEW) == {"Feed": "the server gives the contact group 'Feed' no ETag"}
        assert len(methods(sandbox)) == 3


def test_a_server_that_refuses_its_own_etag_is_told_of_once() -> None:
    """A card that has not changed and is refused all the same is no race; five more rounds would not help."""

    with serving(GROUP_3) as sandbox:
        book = book_of(sandbox)
        book.refresh()
        sandbox.interceptor = lambda request: Reply(412) if "if-match" in request.headers else None
        sandbox.reset_requests()
        reason = "the server rejects the ETag that it gave for the contact group 'Feed'"
        assert book.regroup(ADD_NEW) == {"Feed": reason}
        assert methods(sandbox) == ["PUT", "PROPFIND", "GET", "GET", "PUT"]


@pytest.mark.parametrize("etag", ["a&#10;b", "a&#13;b", "a&#9;b", "\u20ac", "a" * 10_000])
def test_an_etag_that_no_header_can_carry_is_none(etag: str) -> None:
    """XML can hold what If-Match cannot: the group is told as one without an ETag, and only that group."""

    def odd(request: Request, reply: Reply) -> Reply:
        stripped = without_etag_header(request, reply)
        body = re.sub(
            "<D:getetag>.*?</D:getetag>", f'<D:getetag>"{etag}"</D:getetag>', stripped.body.decode()
        )
        return evolve(stripped, body=body.encode())

    with serving(GROUP_3, odd) as sandbox:
        book = book_of(sandbox)
        book.refresh()
        assert book.regroup(ADD_NEW) == {"Feed": "the server gives the contact group 'Feed' no ETag"}


def test_after_a_refusal_the_group_is_read_before_it_is_edited_again() -> None:
    """What was known of it may be what the server refuses: twenty refusals later the change is made."""
    with serving(GROUP_3) as sandbox:
        book = book_of(sandbox)
        book.refresh()
        sandbox.interceptor = lambda request: Reply(400) if request.method == "PUT" else None
        for _ in range(20):
            assert set(book.regroup(ADD_NEW)) == {"Feed"}
        sandbox.interceptor = None
        sandbox.reset_requests()
        assert book.regroup(ADD_NEW) == {}
        assert methods(sandbox) == ["PROPFIND", "GET", "GET", "PUT"]


def test_a_weak_etag_of_a_write_proves_nothing() -> None:
    """Only a strong one says that the card is stored as it was sent (RFC 6352 section 6.3.2.3)."""
    with serving(GROUP_3, with_weak_header) as sandbox:
        card = GROUP_3.replace(b"g4", b"g5").replace(b"Feed", b"Jail")
        assert write_card(connect(sandbox), collection(sandbox), "jail.vcf", card) == ""


@pytest.mark.parametrize("changes", [(), (without_etag_header,)])
@pytest.mark.parametrize("nth_get", [1, 2])
def test_a_card_that_changes_while_it_is_read_is_noticed(nth_get: int, changes: tuple[Change, ...]) -> None:
    """Its two versions and its length belong together, also where a proxy takes the ETag away."""
    seen: list[str] = []
    with serving(GROUP_4, *changes) as sandbox:
        inner = sandbox.interceptor
        assert inner is not None

        def meddle(request: Request) -> Reply | None:
            seen.extend([request.method] if request.method == "GET" else [])
            if request.method == "GET" and len(seen) == nth_get:
                sandbox.account.put_card("feed.vcf", GROUP_4.replace(b"X-A:b", b"X-A:c"))
            return inner(request)

        sandbox.interceptor = meddle
        with pytest.raises(PreconditionFailedError):
            read_exact_card(connect(sandbox), collection(sandbox), "feed.vcf")


def test_what_a_server_neither_stores_nor_shows_is_not_edited() -> None:
    """A length that fits no version means that the server hands out something of its own."""

    def longer(_: Request, reply: Reply) -> Reply:
        return evolve(reply, body=reply.body.replace(b"<D:getcontentlength>", b"<D:getcontentlength>9"))

    with (
        serving(GROUP_4, longer) as sandbox,
        pytest.raises(ProtocolError, match="does not return the card as it is stored"),
    ):
        read_exact_card(connect(sandbox), collection(sandbox), "feed.vcf")


def test_a_card_that_is_gone_is_none() -> None:
    """Nothing is made up for a card that is not there, or goes while it is read."""
    with serving(GROUP_3) as sandbox:
        http, book = connect(sandbox), collection(sandbox)
        assert read_exact_card(http, book, "nothing.vcf") is None


OLDER: Mapping[bytes, bytes] = {
    b"VERSION:4.0": b"VERSION:3.0",
    b"\r\nKIND:": b"\r\nx-addressbookserver-kind:",
    b"\r\nMEMBER:": b"\r\nx-addressbookserver-member:",
}


def as_older_cyrus(request: Request, reply: Reply) -> Reply:
    """Version 4 is shown as 3 by renaming properties alone, as Cyrus up to 3.10 does it."""
    shows_3 = request.method == "GET" and "version=4.0" not in request.headers.get("accept", "")
    if not (shows_3 or (b"multiget" in request.body and b"4.0" not in request.body)):
        return reply
    account = ACCOUNTS[request.headers["host"]]
    data = account.card("feed.vcf").data
    for old, new in OLDER.items():
        data = data.replace(old, new)
    if shows_3:
        return evolve(reply, body=data)
    escaped = data.replace(b"\r", b"&#13;")
    body = re.sub(
        rb"(<C:address-data>).*(</C:address-data>)", rb"\1%s\2" % escaped, reply.body, flags=re.DOTALL
    )
    return evolve(reply, body=body)


ACCOUNTS: dict[str, SandboxAccount] = {}


def test_an_older_cyrus_gets_member_lines_that_it_counts() -> None:
    """It shows that a plain identifier makes nobody a member, and gets the form that does; once is enough."""
    with serving(GROUP_4, as_older_cyrus) as sandbox:
        ACCOUNTS[f"127.0.0.1:{sandbox.port}"] = sandbox.account
        book = book_of(sandbox)
        book.refresh()
        assert book.regroup(ADD_NEW) == {}
        expected = GROUP_4.replace(b"END:VCARD", b"MEMBER:urn:uuid:new\r\nEND:VCARD")
        assert sandbox.account.card("feed.vcf").data == expected
        for view in (book.latest(), book.refresh()):
            assert view.groups(CardUid("new")) == {"Feed"}
        sandbox.reset_requests()
        assert book.regroup(ADD_NEW) == {}
        assert "PUT" not in methods(sandbox)


def told(name: str, status: str) -> bytes:
    """What Radicale says in the body of its answer to DELETE, with 200."""
    response = f"<response><href>/x/{name}</href><status>HTTP/1.1 {status}</status></response>"
    return f'<multistatus xmlns="DAV:">{response}</multistatus>'.encode()


def deleting(body: bytes) -> Change:
    return lambda request, reply: Reply(200, body=body) if request.method == "DELETE" else reply


@pytest.mark.parametrize("body", [b"", told("g.vcf", "200 OK")], ids=["nothing", "a multistatus"])
def test_an_answer_that_says_the_card_is_deleted_is_believed(body: bytes) -> None:
    """Empty, or as Radicale says it: one resource, that card, and 200."""
    with serving(GROUP_4, deleting(body)) as sandbox:
        delete_card(connect(sandbox), collection(sandbox), "g.vcf", '"1"')


@pytest.mark.parametrize(
    "body",
    [b"<html/>", told("g.vcf", "403 Forbidden"), told("other.vcf", "200 OK"), b"Come back later"],
    ids=["a page", "refused", "another card", "no XML"],
)
def test_an_answer_that_does_not_say_that_the_card_is_deleted_is_an_error(body: bytes) -> None:
    """Not every 200 is from the server that keeps the cards."""
    with (
        serving(GROUP_4, deleting(body)) as sandbox,
        pytest.raises(ProtocolError, match="does not say that the card is deleted"),
    ):
        delete_card(connect(sandbox), collection(sandbox), "g.vcf", '"1"')
