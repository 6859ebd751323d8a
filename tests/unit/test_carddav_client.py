"""The CardDAV client: finding address books, reading cards in batches, and bearing what servers send."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailroom.carddav.cards import resource_name
from mailroom.carddav.client import CardDavClient, in_parallel
from mailroom.carddav.discovery import Collection
from mailroom.carddav.reading import WHOLE, read_cards
from mailroom.errors import (
    AuthenticationError,
    MailroomError,
    PreconditionFailedError,
    ProtocolError,
    StatusError,
    StoppedError,
    UntrustedHostError,
)
from mailroom.http import Credentials, HttpClient
from mailroom.sandbox import Reply, Request, Sandbox, SandboxAccount
from mailroom.sandbox.dav.server import basic_authorization
from mailroom.sandbox.store.addressbook import AddressBook, contact_card
from tests.unit.test_multistatus import BODIES, HEAD, TAIL


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxAccount()) as sandbox:
        yield sandbox


def client(sandbox: Sandbox, path: str = "/") -> CardDavClient:
    http = HttpClient(sandbox.carddav_url, Credentials(basic_authorization(sandbox.account)))
    return CardDavClient(http, sandbox.url + path)


def only_book(sandbox: Sandbox) -> Collection:
    (book,) = client(sandbox).discover()
    return book


def multistatus(properties: bytes) -> Reply:
    propstat = (
        b"<D:propstat><D:prop>%s</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>" % properties
    )
    body = HEAD + b"<D:response><D:href>/</D:href>" + propstat + b"</D:response>" + TAIL
    return Reply(207, {"Content-Type": "application/xml"}, body)


# --- discovery ------------------------------------------------------------------------------------


def test_an_account_is_found_from_any_door(sandbox: Sandbox) -> None:
    """From the server, the well-known place, the principal, the home, and the address book itself."""
    book = only_book(sandbox)
    assert book.name == "Personal"
    assert book.url.startswith(sandbox.url)
    assert book.url.endswith("/Default/")
    home = book.url.removesuffix("Default/")
    user = home.rstrip("/").rpartition("/")[2]
    for url in (
        "/.well-known/carddav",
        f"/dav/principals/user/{user}/",
        home,
        book.url,
        book.url.rstrip("/"),
    ):
        (found,) = client(sandbox, url.removeprefix(sandbox.url)).discover()
        assert evolve(found, is_named=False) == book
        assert found.is_named == url.endswith(("Default/", "Default"))


def test_an_address_book_that_is_named_comes_first(sandbox: Sandbox) -> None:
    """Who configures its URL has chosen; the others are told too, since the rules know their contacts."""
    sandbox.account.add_book(AddressBook("Second", "Second"))
    path = client(sandbox).discover()[1].url.removeprefix(sandbox.url)
    assert [(book.name, book.is_named) for book in client(sandbox, path).discover()] == [
        ("Second", True),
        ("Personal", False),
    ]


def test_every_address_book_of_the_home_is_told(sandbox: Sandbox) -> None:
    """In the server's order, with their names; the home itself is none."""
    sandbox.account.add_book(AddressBook("Shared & more", "<Shared>"))
    assert [book.name for book in client(sandbox).discover()] == ["Personal", "<Shared>"]


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_told_as_such(sandbox: Sandbox, status: int) -> None:
    """Whichever of the two statuses a server has for them."""
    sandbox.interceptor = lambda request: Reply(status)
    with pytest.raises(AuthenticationError):
        client(sandbox).discover()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404),
        Reply(405),
        Reply(200, {"Content-Type": "text/html"}, b"<html>It works!</html>"),
        multistatus(b"<D:displayname>no principal</D:displayname>"),
        multistatus(b"<D:current-user-principal><D:unauthenticated/></D:current-user-principal>"),
    ],
)
def test_a_server_without_contacts_is_a_protocol_error(sandbox: Sandbox, reply: Reply) -> None:
    """The message names the URL that was configured."""
    sandbox.interceptor = lambda request: reply
    with pytest.raises(ProtocolError, match="is not the URL of an address book"):
        client(sandbox).discover()


@pytest.mark.parametrize("href", [b"http://[bad", b"http://127.0.0.1:port/", b"//[::1"])
def test_a_reference_that_is_no_url_is_a_protocol_error(sandbox: Sandbox, href: bytes) -> None:
    """It raises nothing of the URL library's."""
    sandbox.interceptor = lambda request: multistatus(
        b"<D:current-user-principal><D:href>%s</D:href></D:current-user-principal>" % href
    )
    with pytest.raises(ProtocolError, match="not a URL"):
        client(sandbox).discover()


def test_a_reference_to_another_host_is_not_followed(sandbox: Sandbox) -> None:
    """The credentials stay where they belong."""
    sandbox.interceptor = lambda request: multistatus(
        b"<C:addressbook-home-set><D:href>https://elsewhere.example/</D:href></C:addressbook-home-set>"
    )
    with pytest.raises(UntrustedHostError):
        client(sandbox).discover()


# --- reading and writing --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b.vcf", "ü%&#?.vcf", "x@y;z,w.vcf", "%41.vcf", "no suffix"])
def test_any_resource_name_survives_the_way(sandbox: Sandbox, name: str) -> None:
    """Names are decoded and encoded the same way in every request."""
    card = contact_card("Ann", "ann@a.example")[1]
    book, carddav = only_book(sandbox), client(sandbox)
    etag = carddav.write_card(book, name, card)
    assert sandbox.account.card(name).data == card
    changes = carddav.changes(book, "")
    assert changes.changed == {name: etag}
    ((found, stored),) = carddav.multiget(book, [name], WHOLE)
    assert stored is not None
    assert (found, stored.octets) == (name, card)
    stored = carddav.read_card(book, name)
    assert stored is not None
    assert (stored.octets, stored.etag) == (card, etag)
    sandbox.account.delete_card(name)
    assert carddav.changes(book, changes.sync_token).removed == {name}


def test_a_name_that_is_not_utf8_is_kept_too() -> None:
    """Percent-encoded bytes of another encoding come back as they were."""
    assert resource_name("/book/caf%E9.vcf").encode("utf-8", "surrogateescape") == b"caf\xe9.vcf"


def test_a_write_states_what_it_starts_from(sandbox: Sandbox) -> None:
    """A new card only where there is none, an old one only over the version that is known."""
    book, carddav = only_book(sandbox), client(sandbox)
    uid, card = contact_card("Ann", "ann@a.example")
    etag = carddav.write_card(book, "ann.vcf", card)
    with pytest.raises(PreconditionFailedError):
        carddav.write_card(book, "ann.vcf", card)
    with pytest.raises(PreconditionFailedError):
        carddav.write_card(book, "ann.vcf", card, '"another"')
    changed = card.replace(b"Ann", b"Anna")
    assert carddav.write_card(book, "ann.vcf", changed, etag) != etag
    assert sandbox.account.card("ann.vcf").data == changed
    assert carddav.read_card(book, f"{uid}.vcf") is None


@pytest.mark.parametrize("status", [409, 410, 412])
def test_other_servers_refuse_an_old_token_in_other_words(sandbox: Sandbox, status: int) -> None:
    """Whatever the status, the book is read from the beginning."""
    sandbox.account.add_contact("Ann", "ann@a.example")
    book = only_book(sandbox)
    sandbox.interceptor = lambda request: Reply(status) if b"old-token" in request.body else None
    changes = client(sandbox).changes(book, "old-token")
    assert changes.is_whole
    assert len(changes.changed) == 1


def test_a_403_that_is_not_about_the_token_is_an_error(sandbox: Sandbox) -> None:
    """Reading all again would not help where reading is forbidden."""
    book = only_book(sandbox)
    sandbox.interceptor = lambda request: Reply(403, {}, b"no privilege")
    sandbox.reset_requests()
    with pytest.raises(StatusError, match="no privilege"):
        client(sandbox).changes(book, "token")
    assert sandbox.request_count == 1


def test_the_collection_itself_is_no_card(sandbox: Sandbox) -> None:
    """Some servers list it among its members."""
    book = only_book(sandbox)
    members = b"".join(
        b"<D:response><D:href>%s</D:href></D:response>" % href for href in (b"/book/", b"/book/a.vcf")
    )
    page = Reply(207, {}, HEAD + members + b"<D:sync-token>1</D:sync-token>" + TAIL)
    sandbox.interceptor = lambda request: page
    assert client(sandbox).changes(book, "").changed == {"a.vcf": ""}


def test_pages_that_lead_nowhere_are_an_error(sandbox: Sandbox) -> None:
    """A server that says "there is more" with the same token again would keep us for ever."""
    book = only_book(sandbox)
    more = b"<D:response><D:href>/</D:href><D:status>HTTP/1.1 507 x</D:status></D:response>"
    page = Reply(207, {}, HEAD + more + b"<D:sync-token>same</D:sync-token>" + TAIL)
    sandbox.interceptor = lambda request: page
    with pytest.raises(ProtocolError, match="pages of changes do not end"):
        client(sandbox).changes(book, "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=BODIES, framed=st.booleans(), status=st.sampled_from([200, 207, 204, 404]))
def test_whatever_a_server_answers_raises_our_own_errors_only(
    sandbox: Sandbox, body: bytes, framed: bool, status: int
) -> None:
    """Discovery, changes and cards: an answer, or a MailroomError."""
    body = HEAD + body + TAIL if framed else body
    reply = Reply(status, {"Content-Type": "application/xml"}, b"" if status == 204 else body)
    sandbox.interceptor = lambda request: reply if request.method != "GET" else Reply(404)
    book, carddav = Collection(f"{sandbox.url}/book/", ""), client(sandbox)
    for act in (
        carddav.discover,
        lambda: carddav.changes(book, ""),
        lambda: list(read_cards(carddav, book, ["a.vcf", "text"], whole=True)),
    ):
        with suppress(MailroomError):
            act()


def test_parallel_work_keeps_its_order_and_stops_at_an_error() -> None:
    """Results stand as their items stood; after an error what has not begun is left out."""
    assert in_parallel(str, range(100)) == [str(number) for number in range(100)]
    assert in_parallel(str, []) == []
    done: list[int] = []

    def work(number: int) -> None:
        if number == 3:
            raise ProtocolError("three")
        done.append(number)

    with pytest.raises(ProtocolError, match="three"):
        in_parallel(work, range(5_000))
    assert len(done) < 5_000


# --- servers that have no end ----------------------------------------------------------------------


def pages_without_end(sandbox: Sandbox, *, refuses: bool) -> Callable[[Request], Reply | None]:
    """Return a server that always says that there is more, and perhaps refuses each token that it gave."""
    numbers = count()

    def answer(request: Request) -> Reply | None:
        if request.method != "REPORT":
            return None
        number = next(numbers)
        if refuses and b"<sync-token></sync-token>" not in request.body:
            return Reply(403, {}, b'<error xmlns="DAV:"><valid-sync-token/></error>')
        more = (
            b"<D:response><D:href>/</D:href><D:status>HTTP/1.1 507 More</D:status></D:response>"
            b"<D:response><D:href>/x/%d.vcf</D:href><D:status>HTTP/1.1 404 Gone</D:status></D:response>"
        )
        token = b"<D:sync-token>token-%d</D:sync-token>"
        return Reply(207, {}, HEAD + more % (number if not refuses else 0) + token % number + TAIL)

    return answer


def test_a_server_that_refuses_each_token_it_gave_is_given_up(sandbox: Sandbox) -> None:
    """It truncates, refuses the token that leads on, and would have it all begin anew for ever."""
    book = only_book(sandbox)
    sandbox.interceptor = pages_without_end(sandbox, refuses=True)
    sandbox.reset_requests()
    for times in range(1, 21):
        with pytest.raises(ProtocolError, match="rejects the sync tokens that it gives"):
            client(sandbox).changes(book, "")
        assert sandbox.request_count <= 8 * times


def test_pages_that_tell_nothing_new_are_given_up(sandbox: Sandbox) -> None:
    """Another token alone is no progress."""
    book = only_book(sandbox)
    numbers = count()
    more = b"<D:response><D:href>/</D:href><D:status>HTTP/1.1 507 More</D:status></D:response>"
    sandbox.interceptor = lambda _: Reply(
        207, {}, HEAD + more + b"<D:sync-token>t%d</D:sync-token>" % next(numbers) + TAIL
    )
    with pytest.raises(ProtocolError, match="pages of changes do not end"):
        client(sandbox).changes(book, "")


def test_a_stop_ends_pages_without_end(sandbox: Sandbox) -> None:
    """A process that is to end does not read on, whatever there still is."""
    book = only_book(sandbox)
    sandbox.interceptor = pages_without_end(sandbox, refuses=False)
    stop = threading.Event()
    http = HttpClient(sandbox.carddav_url, Credentials(basic_authorization(sandbox.account)), stop)
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    with pytest.raises(StoppedError):
        CardDavClient(http, sandbox.url).changes(book, "")
    timer.join()
