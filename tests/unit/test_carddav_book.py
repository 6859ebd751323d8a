"""The address book: cards are found and made once, groups change in one write, and nothing else changes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise

import pytest
from attrs import evolve

from mailroom.carddav import CardDavAddressBook
from mailroom.carddav.client import CardDavClient
from mailroom.carddav.discovery import Collection
from mailroom.carddav.reading import WHOLE_CARDS
from mailroom.carddav.replica import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, MAX_UNREADABLE, Replica
from mailroom.carddav.vcard import content_lines
from mailroom.errors import AuthenticationError, ServerError, StoppedError, TransportError
from mailroom.http import DEFAULT_BOUNDS, Bounds, Credentials, HttpClient
from mailroom.model.address import Address, parse_address
from mailroom.model.address_book import Refused
from mailroom.model.contacts import Card, CardKind, CardUid, Membership, NewCard
from mailroom.sandbox import Limits, Reply, Request, Sandbox, SandboxAccount
from mailroom.sandbox.dav import server as carddav
from mailroom.sandbox.dav.server import basic_authorization
from mailroom.sandbox.store.addressbook import AddressBook, contact_card, group_card

GROUPS = ("Imbox", "Feed", "Paper Trail", "Jail")


@contextmanager
def serving(account: SandboxAccount) -> Iterator[Sandbox]:
    for group in GROUPS:
        account.add_group(group)
    with Sandbox(account) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serving(SandboxAccount()) as sandbox:
        yield sandbox


@pytest.fixture
def book(sandbox: Sandbox) -> CardDavAddressBook:
    return connect(sandbox)


def connect(
    sandbox: Sandbox, stop: threading.Event | None = None, bounds: Bounds = DEFAULT_BOUNDS
) -> CardDavAddressBook:
    http = HttpClient(sandbox.carddav_url, Credentials(basic_authorization(sandbox.account)), stop, bounds)
    return CardDavAddressBook(http, sandbox.carddav_url, GROUPS)


def client_and_book(sandbox: Sandbox) -> tuple[CardDavClient, Collection]:
    http = HttpClient(sandbox.carddav_url, Credentials(basic_authorization(sandbox.account)))
    client = CardDavClient(http, sandbox.carddav_url)
    return client, client.discover()[0]


def address(text: str) -> Address:
    parsed = parse_address(text)
    assert parsed is not None
    return parsed


def new_card(email: str, name: str = "", kind: CardKind = CardKind.COMPANY) -> NewCard:
    return NewCard(address(email), email, name or email, kind)


def made(book: CardDavAddressBook, *cards: NewCard) -> list[Card]:
    outcomes = list(book.create(cards).values())
    assert all(isinstance(outcome, Card) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Card)]


def requests(sandbox: Sandbox, act: Callable[[], object]) -> list[str]:
    """The methods of the requests that `act` makes."""
    sandbox.reset_requests()
    act()
    return [entry.method for entry in sandbox.requests]


def replying(reply: Reply, method: str, times: int = 1) -> Callable[[Request], Reply | None]:
    """An interceptor that gives `reply` to the first requests of a method."""
    left = [reply] * times

    def intercept(request: Request) -> Reply | None:
        return left.pop() if request.method == method and left else None

    return intercept


def losing_answers(sandbox: Sandbox, method: str) -> None:
    """Let the next request of a method be carried out, and its answer be lost as a 503 would lose it."""
    busy = [True]

    def intercept(request: Request) -> Reply | None:
        if request.method != method or not busy:
            return None
        busy.clear()
        send(sandbox, request)
        return Reply(503, {"Retry-After": "0"})

    sandbox.interceptor = intercept


def send(sandbox: Sandbox, request: Request) -> None:
    headers = {
        name: request.headers[name] for name in request.headers if name.startswith(("if-", "content-type"))
    }
    http = HttpClient(sandbox.carddav_url, Credentials(basic_authorization(sandbox.account)))
    http.request(request.method, sandbox.url + request.path, headers=headers, body=request.body)
    http.close()


# --- refresh --------------------------------------------------------------------------------------


def test_an_unchanged_book_costs_one_request(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """After the first reading, looking for changes is one sync-collection report."""
    book.refresh()
    assert requests(sandbox, book.refresh) == ["REPORT"]


def test_changes_by_others_are_seen_with_one_more_request(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """What came, changed and went since is in the next view."""
    account = sandbox.account
    account.add_contact("Ann", "ann@a.example")
    bob = account.add_contact("Bob", "bob@b.example")
    book.refresh()
    account.add_contact("Cid", "cid@c.example", groups=["Feed"])
    account.put_card(f"{bob}.vcf", contact_card("Bob", "bob@new.example")[1])
    account.delete_card(account.cards_of("ann@a.example")[0].name)
    # The third proves in which form the group that changed is stored.
    assert requests(sandbox, book.refresh) == ["REPORT", "REPORT", "REPORT"]
    view = book.refresh()
    assert view.cards(address("ann@a.example")) == []
    assert view.cards(address("bob@b.example")) == []
    assert [card.name for card in view.cards(address("bob@new.example"))] == ["Bob"]
    (cid,) = view.cards(address("cid@c.example"))
    assert view.groups(cid.uid) == {"Feed"}


def test_a_sync_token_that_is_no_longer_good_means_reading_all_again(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """The server may forget; what went in the meantime is gone from the view too."""
    account = sandbox.account
    ann = account.add_contact("Ann", "ann@a.example")
    book.refresh()
    account.delete_card(f"{ann}.vcf")
    account.add_contact("Bob", "bob@b.example")
    account.forget_changes()
    view = book.refresh()
    assert view.cards(address("ann@a.example")) == []
    assert len(view.cards(address("bob@b.example"))) == 1
    assert sorted(view.group_names()) == sorted(GROUPS)


def test_a_server_may_answer_page_by_page() -> None:
    """A truncated answer (507) is continued with its token until all is read."""
    with serving(SandboxAccount(limits=Limits(max_sync_results=7))) as sandbox:
        for number in range(30):
            sandbox.account.add_contact(f"N{number}", f"n{number}@x.example")
        view = connect(sandbox).refresh()
        assert all(view.cards(address(f"n{number}@x.example")) for number in range(30))


def test_a_reading_that_breaks_off_is_begun_again(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """An error in the middle leaves no hole: the next refresh sees what the broken one did not."""
    book.refresh()
    sandbox.account.add_contact("Ann", "ann@a.example")
    sandbox.interceptor = lambda request: Reply(405) if b"multiget" in request.body else None
    with pytest.raises(Exception, match="HTTP 405"):
        book.refresh()
    sandbox.interceptor = None
    assert len(book.refresh().cards(address("ann@a.example"))) == 1


URN_CARD = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:uuid:x\r\nFN:Ann\r\nEMAIL:ann@a.example\r\nEND:VCARD\r\n"


def uid_of_ann(book: CardDavAddressBook) -> CardUid:
    (card,) = book.latest().cards(address("ann@a.example"))
    return card.uid


class TestStoredUid:
    """A server that converts cards (Cyrus from 3.10 on) shows them without the ``urn:uuid:`` of their UID."""

    @pytest.mark.parametrize("others", [0, WHOLE_CARDS])
    @pytest.mark.parametrize("is_new", [True, False])
    def test_it_is_known_as_it_is_stored(
        self, sandbox: Sandbox, book: CardDavAddressBook, others: int, is_new: bool
    ) -> None:
        """Read whole or in part, at first or later, and from then on, whatever else changes."""
        if is_new:
            book.refresh()
        sandbox.account.put_card("ann.vcf", URN_CARD)
        for number in range(others):
            sandbox.account.add_contact(f"N{number}", f"n{number}@x.example")
        assert requests(sandbox, book.refresh).count("REPORT") <= 6
        assert uid_of_ann(book) == "urn:uuid:x"
        assert book.regroup({"Feed": Membership(add=frozenset({CardUid("urn:uuid:x")}))}) == {}
        assert "Feed" in book.refresh().groups(CardUid("urn:uuid:x"))
        sandbox.account.put_card("ann.vcf", URN_CARD.replace(b"FN:Ann", b"FN:Ann Lee"))
        book.refresh()
        assert uid_of_ann(book) == "urn:uuid:x"

    def test_it_costs_nothing_where_cards_are_stored_as_they_are_shown(
        self, sandbox: Sandbox, book: CardDavAddressBook
    ) -> None:
        """A new contact is two requests, what changed and the card, as before."""
        book.refresh()
        sandbox.account.add_contact("Bob", "bob@b.example")
        assert requests(sandbox, book.refresh) == ["REPORT", "REPORT"]

    def test_a_reading_that_fails_at_it_is_begun_again(
        self, sandbox: Sandbox, book: CardDavAddressBook
    ) -> None:
        """Twenty times in a row, and then it is known."""
        book.refresh()
        sandbox.account.put_card("ann.vcf", URN_CARD)
        sandbox.interceptor = lambda request: Reply(500) if b"addressbook-query" in request.body else None
        for _ in range(20):
            with pytest.raises(ServerError):
                book.refresh()
        sandbox.interceptor = None
        book.refresh()
        assert uid_of_ann(book) == "urn:uuid:x"

    @pytest.mark.parametrize("status", [400, 403, 501])
    def test_a_server_without_such_a_filter_is_taken_at_its_word(
        self, sandbox: Sandbox, book: CardDavAddressBook, status: int
    ) -> None:
        """It is read as before, and nobody is kept from the rest."""
        sandbox.interceptor = lambda request: Reply(status) if b"addressbook-query" in request.body else None
        sandbox.account.put_card("ann.vcf", URN_CARD)
        book.refresh()
        assert uid_of_ann(book) == "x"

    def test_a_server_that_overlooks_the_filter_changes_nobody(
        self, sandbox: Sandbox, book: CardDavAddressBook
    ) -> None:
        """An answer with every card makes no card other than it is."""
        sandbox.account.put_card("ann.vcf", URN_CARD)
        plain = sandbox.account.add_contact("Bob", "bob@b.example")

        def overlook(request: Request) -> Reply | None:
            if b"addressbook-query" not in request.body:
                return None
            body = re.sub(rb"<C:filter.*</C:filter>", b"", request.body, flags=re.DOTALL)
            return carddav.answer(sandbox.account, evolve(request, body=body))

        sandbox.interceptor = overlook
        book.refresh()
        assert uid_of_ann(book) == "urn:uuid:x"
        assert [card.uid for card in book.latest().cards(address("bob@b.example"))] == [plain]

    def test_the_card_that_stands_in_the_place_of_a_new_one_has_it_too(
        self, sandbox: Sandbox, book: CardDavAddressBook
    ) -> None:
        """Somebody's program may have stored Mailroom's own card anew between two readings."""
        (card,) = made(book, new_card("ann@a.example"))
        again = connect(sandbox)
        for other in sandbox.account.cards_of("ann@a.example"):
            sandbox.account.delete_card(other.name)
        again.refresh()
        stored = URN_CARD.replace(b"urn:uuid:x", f"urn:uuid:{card.uid}".encode())
        sandbox.account.put_card(f"{card.uid}.vcf", stored)
        assert made(again, new_card("ann@a.example"))[0].uid == f"urn:uuid:{card.uid}"

    def test_the_uid_of_a_group_is_the_stored_one(self, sandbox: Sandbox, book: CardDavAddressBook) -> None:
        """The rules name it."""
        (feed,) = (card for card in sandbox.account.book.cards.values() if card.summary.name == "Feed")
        sandbox.account.delete_card(feed.name)
        lines = "BEGIN:VCARD|VERSION:4.0|UID:urn:uuid:g|KIND:group|FN:Feed|MEMBER:a|END:VCARD|"
        sandbox.account.put_card("g.vcf", lines.replace("|", "\r\n").encode())
        view = book.refresh()
        assert view.group_uids()["Feed"] == "urn:uuid:g"
        assert "Feed" in view.groups(CardUid("a"))


def test_a_card_that_breaks_the_answer_does_not_hide_the_others(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """Some servers put bytes into XML that no XML may have; such a card is read alone."""
    for number in range(20):
        sandbox.account.add_contact(f"N{number}", f"n{number}@x.example")
    bad = f"{sandbox.account.add_contact('Bad', 'bad@x.example')}.vcf".encode()

    def spoil(request: Request) -> Reply | None:
        if b"multiget" in request.body and bad in request.body:
            return Reply(
                207, {"Content-Type": "application/xml"}, b'<multistatus xmlns="DAV:">\x01</multistatus>'
            )
        return None

    sandbox.interceptor = spoil
    view = book.refresh()
    assert len(view.cards(address("bad@x.example"))) == 1
    assert all(len(view.cards(address(f"n{number}@x.example"))) == 1 for number in range(20))


def test_no_card_is_made_while_one_cannot_be_read(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """It may be the sender's, and then there were two. Who is known is known; afterwards all goes on."""
    odd = sandbox.account.add_contact("Ann", "ann@a.example")
    sandbox.account.add_contact("Bob", "bob@b.example")
    sandbox.interceptor = lambda request: (
        Reply(500) if odd.encode() in request.body + request.path.encode() else None
    )
    view = book.refresh()
    assert len(view.cards(address("bob@b.example"))) == 1
    outcomes = book.create([new_card("ann@a.example"), new_card("bob@b.example")])
    assert odd in str(outcomes[address("ann@a.example")])
    assert isinstance(outcomes[address("bob@b.example")], Card)
    assert len(sandbox.account.cards_of("ann@a.example")) == 1
    sandbox.interceptor = None
    sandbox.account.put_card(f"{odd}.vcf", contact_card("Ann", "other@a.example")[1])
    book.refresh()
    assert made(book, new_card("ann@a.example"))


def test_a_card_that_cannot_be_read_is_asked_for_again_at_once_and_then_ever_more_rarely(
    sandbox: Sandbox,
) -> None:
    """What is over in a moment is over at the next refresh; what lasts costs next to nothing."""
    now = [0.0]
    odd = sandbox.account.add_contact("Ann", "ann@a.example")
    replica = Replica(*client_and_book(sandbox), GROUPS, lambda: now[0])
    sandbox.interceptor = lambda request: (
        Reply(500) if odd.encode() in request.body + request.path.encode() else None
    )

    def asks() -> bool:
        return "REPORT" in requests(sandbox, replica.refresh)[1:]

    replica.refresh()
    assert set(replica.unreadable) == {f"{odd}.vcf"}
    asked_at = [now[0] for now[0] in range(3_600) if asks()]
    pauses = [later - earlier for earlier, later in pairwise(asked_at)]
    assert asked_at[:2] == [0, FIRST_RETRY_SECONDS]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_RETRY_SECONDS
    sandbox.interceptor = None
    now[0] += LONGEST_RETRY_SECONDS
    assert asks()
    assert not replica.unreadable
    assert len(replica.cards.find(address("ann@a.example"))) == 1


def test_a_card_that_became_unreadable_is_still_whose_it_was(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """What it said before is a better guess than that nobody has it."""
    uid = sandbox.account.add_contact("Ann", "ann@a.example")
    book.refresh()
    sandbox.account.put_card(f"{uid}.vcf", contact_card("Ann", "ann@a.example", "more@a.example")[1])
    sandbox.interceptor = lambda request: (
        Reply(500) if uid.encode() in request.body + request.path.encode() else None
    )
    assert [card.uid for card in book.refresh().cards(address("ann@a.example"))] == [uid]


def test_where_nearly_every_card_cannot_be_read_the_server_is_at_fault(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """Then it is asked no more in this reading, and nothing is concluded."""
    for number in range(MAX_UNREADABLE + 50):
        sandbox.account.add_contact(f"N{number}", f"n{number}@x.example")
    sandbox.interceptor = lambda request: (
        Reply(500) if request.method == "GET" or b"multiget" in request.body else None
    )
    with pytest.raises(ServerError, match="cannot be read"):
        book.refresh()


def test_a_book_that_is_read_in_part_has_whole_groups(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """Photos of many cards are not read; the triage groups are read with all their members."""
    account = sandbox.account
    uids = [account.add_contact(f"N{n}", f"n{n}@x.example", groups=["Feed"]) for n in range(WHOLE_CARDS)]
    account.add_group("Friends", uids)
    sandbox.reset_requests()
    view = book.refresh()
    assert all(view.groups(CardUid(uid)) == {"Feed"} for uid in uids)
    (ann,) = made(book, new_card("ann@a.example"))
    assert book.regroup({"Feed": Membership(add=frozenset({ann.uid}))}) == {}
    assert set(account.group_members("Feed")) == {*uids, ann.uid}


def test_a_card_is_found_by_each_of_its_addresses(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """Also by item1.EMAIL, by a second one, and in the other form of an international domain."""
    uid, card = contact_card("Ann", "first@a.example", "Post@Bücher.example")
    card = card.replace(b"END:VCARD", b"item1.EMAIL:item@a.example\r\nitem1.X-ABLabel:Own\r\nEND:VCARD")
    sandbox.account.put_card("ann.vcf", card, created=1234567890)
    view = book.refresh()
    written = ("FIRST@a.example", "post@xn--bcher-kva.example", "item@a.example")
    expected = Card(CardUid(uid), "Ann", 1234567890, parties=tuple(map(address, written)))
    for text in written:
        assert view.cards(address(text)) == [expected]


def test_several_cards_with_one_address_are_all_told(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """Triage chooses; each has the time of its making."""
    for name, created in (("Old", 1000), ("Young", 2000)):
        sandbox.account.put_card(f"{name}.vcf", contact_card(name, "both@x.example")[1], created)
    cards = book.refresh().cards(address("both@x.example"))
    assert sorted((card.created, card.name) for card in cards) == [(1000, "Old"), (2000, "Young")]


# --- several address books ------------------------------------------------------------------------


def second_book(account: SandboxAccount, name: str, *groups: str) -> AddressBook:
    """Give the account one more address book, before the one it has."""
    book = AddressBook(name, name)
    for group in groups:
        book.put(f"{group}.vcf", group_card(group)[1])
    account.books = {name: book, **account.books}
    return book


def hiding(sandbox: Sandbox, name: str, times: int) -> None:
    """Let the server answer 404 for an address book, so many times."""
    left = [Reply(404)] * times
    sandbox.interceptor = lambda request: left.pop() if left and f"/{name}/" in request.path else None


def test_of_several_address_books_the_one_with_the_groups_is_written() -> None:
    """The triage groups decide; without any, it is the one that is called Default."""
    account = SandboxAccount()
    other = second_book(account, "Other")
    with Sandbox(account) as sandbox:
        book = connect(sandbox)
        assert book.create_groups(["Imbox"]) == {}
        assert [card.summary.name for card in account.book.groups()] == ["Imbox"]
        for group in GROUPS:
            other.put(f"{group}.vcf", group_card(group)[1])
        book = connect(sandbox)
        assert sorted(book.refresh().group_names()) == sorted(GROUPS)
        (made_card,) = made(book, new_card("ann@a.example"))
        assert other.name_of(made_card.uid)


def test_of_several_cards_of_a_sender_triage_is_told_the_one_that_it_means(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """The oldest, unless another is in a triage group: no cycle is to work on two different cards."""
    uids = {}
    for name, created in (("new", 3_000), ("old", 1_000), ("newer", 4_000)):
        uids[name], card = contact_card(name, "ann@a.example")
        sandbox.account.put_card(f"{name}.vcf", card, created=created)
    book.refresh()
    (card_told,) = made(book, new_card("ann@a.example"))
    assert card_told.uid == uids["old"]
    sandbox.account.add_member("Feed", uids["newer"])
    book.refresh()
    (card_told,) = made(book, new_card("ann@a.example"))
    assert card_told.uid == uids["newer"]


def test_contacts_in_every_book_of_the_account_are_known(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """They get no second card, and a group takes them from whichever book they are in."""
    other = second_book(sandbox.account, "Other")
    uid, card = contact_card("Ann", "ann@a.example")
    other.put("ann.vcf", card)
    (known,) = book.refresh().cards(address("ann@a.example"))
    assert known.uid == uid
    assert made(book, new_card("ann@a.example")) == [known]
    assert sandbox.account.cards() == []
    assert book.regroup({"Feed": Membership(add=frozenset({known.uid}))}) == {}
    assert sandbox.account.group_members("Feed") == [uid]
    assert book.refresh().groups(known.uid) == {"Feed"}
    other.delete("ann.vcf")
    assert book.refresh().cards(address("ann@a.example")) == []


def test_each_book_costs_one_request_where_nothing_has_changed(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """And the list of the books is not asked for each time."""
    second_book(sandbox.account, "Other")
    book.refresh()
    assert requests(sandbox, book.refresh) == ["REPORT", "REPORT"]


def test_a_book_of_somebody_else_does_not_count(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """No group of the account sees its cards, so a sender needs a card here."""
    other = second_book(sandbox.account, "Shared", *GROUPS)
    other.owner = "bob@mailroom.example"
    other.put("ann.vcf", contact_card("Ann", "ann@a.example")[1])
    assert book.refresh().cards(address("ann@a.example")) == []
    assert made(book, new_card("ann@a.example"))
    assert len(sandbox.account.cards_of("ann@a.example")) == 1


def test_a_named_book_is_written_and_the_others_are_known(sandbox: Sandbox) -> None:
    """Who configures the URL of a book has chosen; the groups have to be there."""
    other = second_book(sandbox.account, "Other")
    sandbox.account.add_contact("Ann", "ann@a.example")
    http = HttpClient(sandbox.carddav_url, Credentials(basic_authorization(sandbox.account)))
    user = sandbox.account.username
    book = CardDavAddressBook(http, f"{sandbox.url}/dav/addressbooks/user/{user}/Other/", GROUPS)
    assert book.refresh().group_names() == []
    assert len(book.latest().cards(address("ann@a.example"))) == 1
    outcome = book.create([new_card("bob@b.example")])[address("bob@b.example")]
    assert isinstance(outcome, Refused)
    assert "'Imbox'" in outcome.reason
    assert "missing" in outcome.reason
    assert book.create_groups(GROUPS) == {}
    assert len(other.groups()) == len(GROUPS)


@pytest.mark.parametrize("times", [1, 2, 3, 20])
def test_a_book_that_is_hidden_for_a_moment_is_not_left(
    sandbox: Sandbox, book: CardDavAddressBook, times: int
) -> None:
    """However often the server says that it is not there: no card is made elsewhere, and it comes back."""
    other = second_book(sandbox.account, "Other", "Imbox", "Feed")
    sandbox.account.add_contact("Ann", "ann@a.example")
    book.refresh()
    hiding(sandbox, "Default", times)
    outcomes = []
    for _ in range(25):
        with suppress(ServerError):
            book.refresh()
        outcomes.append(book.create([new_card("ann@a.example")])[address("ann@a.example")])
    assert isinstance(outcomes[-1], Card)
    assert len(book.refresh().cards(address("ann@a.example"))) == 1
    assert len(other.cards) == 2
    assert len(sandbox.account.cards()) == 1


def test_a_book_that_is_gone_is_replaced_only_by_one_with_all_groups(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """An account that was moved on the server is found at its new place, and nothing else is taken for it."""
    book.refresh()
    account = sandbox.account
    moved = AddressBook("Moved", "Personal")
    moved.put("ann.vcf", contact_card("Ann", "ann@a.example")[1])
    original, account.books = account.books, {"Moved": moved}
    for group in GROUPS:
        for _ in range(20):
            with pytest.raises(
                ServerError, match="no longer exists, and no other has all the contact groups"
            ):
                book.refresh()
        assert isinstance(book.create([new_card("bob@b.example")])[address("bob@b.example")], Refused)
        moved.put(f"{group}.vcf", group_card(group)[1])
    assert len(book.refresh().cards(address("ann@a.example"))) == 1
    assert made(book, new_card("bob@b.example"))
    assert len(moved.cards) == len(GROUPS) + 2
    assert not original["Default"].name_of(book.latest().cards(address("bob@b.example"))[0].uid)


def test_a_gone_book_comes_back(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """Twenty times in a row."""
    account = sandbox.account
    account.add_contact("Ann", "ann@a.example")
    second_book(account, "Other")
    book.refresh()
    books = account.books
    for _ in range(20):
        account.books = {"Other": books["Other"]}
        with pytest.raises(ServerError):
            book.refresh()
        account.books = books
        assert len(book.refresh().cards(address("ann@a.example"))) == 1


def test_another_book_that_cannot_be_read_keeps_cards_from_being_made(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """The sender may be in it. Who is known is filed; what was known of the other book still is."""
    other = second_book(sandbox.account, "Other")
    other.put("ann.vcf", contact_card("Ann", "ann@a.example")[1])
    book.refresh()
    sandbox.interceptor = lambda request: Reply(500) if "/Other/" in request.path else None
    assert len(book.refresh().cards(address("ann@a.example"))) == 1
    outcomes = book.create([new_card("ann@a.example"), new_card("bob@b.example")])
    assert isinstance(outcomes[address("ann@a.example")], Card)
    refused = outcomes[address("bob@b.example")]
    assert isinstance(refused, Refused)
    assert "'Other' cannot be read" in refused.reason
    assert "'Other' cannot be read" in book.left_out()[0]
    assert book.problems() == []
    sandbox.interceptor = None
    book.refresh()
    assert book.left_out() == []
    assert made(book, new_card("bob@b.example"))


def test_at_first_the_book_with_the_groups_may_be_the_one_that_cannot_be_read(sandbox: Sandbox) -> None:
    """Then none is chosen; one that has all groups needs no other."""
    second_book(sandbox.account, "Other", "Imbox")
    sandbox.interceptor = lambda request: Reply(404) if "/Default/" in request.path else None
    with pytest.raises(ServerError, match="it may be the one with the contact groups"):
        connect(sandbox).refresh()
    sandbox.interceptor = lambda request: Reply(404) if "/Other/" in request.path else None
    assert sorted(connect(sandbox).refresh().group_names()) == sorted(GROUPS)


def test_a_book_that_may_not_be_read_is_passed_over(sandbox: Sandbox) -> None:
    """Whether the server says so before it is asked, or when it is."""
    other = second_book(sandbox.account, "Other", *GROUPS)
    sandbox.interceptor = lambda request: Reply(403) if "/Other/" in request.path else None
    assert connect(sandbox).refresh()
    sandbox.interceptor = None
    other.privileges = ("read-free-busy",)
    book = connect(sandbox)
    book.refresh()
    assert made(book, new_card("ann@a.example"))
    assert len(other.cards) == len(GROUPS)


# --- what may be written --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("privileges", "may_write"),
    [
        (("read",), False),
        (("read", "write-properties", "write-content"), False),
        (("read", "bind", "unbind"), False),
        (("read", "write-content", "bind"), True),
        (("read", "write"), True),
        (("all",), True),
        ((), True),
    ],
)
def test_a_book_that_may_only_be_read_is_not_written(
    sandbox: Sandbox, book: CardDavAddressBook, privileges: tuple[str, ...], may_write: bool
) -> None:
    """Nor is another one instead: the person is told. What the server does not tell counts as allowed."""
    uid = sandbox.account.add_contact("Ann", "ann@a.example")
    other = second_book(sandbox.account, "Other")
    sandbox.account.book.privileges = privileges
    book.refresh()
    assert bool(book.problems()) != may_write
    sandbox.reset_requests()
    made_card = book.create([new_card("bob@b.example")])[address("bob@b.example")]
    failed = book.regroup({"Feed": Membership(add=frozenset({CardUid(uid)}))})
    groups = book.create_groups(["More"])
    assert isinstance(made_card, Card) == may_write
    assert bool(failed) != may_write
    assert bool(groups) != may_write
    assert ("PUT" in [entry.method for entry in sandbox.requests]) == may_write
    assert not other.cards
    if not may_write:
        assert "'Personal' may be read, but not written" in book.problems()[0]


def test_a_refused_write_lets_the_rights_be_asked_for_again(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """Rights may change while the service runs; after a refusal the next reading knows."""
    book.refresh()
    sandbox.account.book.privileges = ("read",)
    assert isinstance(book.create([new_card("ann@a.example")])[address("ann@a.example")], Refused)
    book.refresh()
    assert book.problems()
    sandbox.account.book.privileges = ("all",)
    book.refresh()


def test_a_group_that_cannot_be_read_keeps_everything_from_being_written(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """Who is in it cannot be told, and a sender must not end in two groups."""
    account = sandbox.account
    book.refresh()
    feed = account.book.group("Feed").name
    account.add_member("Feed", "somebody")
    sandbox.interceptor = lambda request: (
        Reply(500) if feed.encode() in request.body + request.path.encode() else None
    )
    book.refresh()
    assert "'Feed' cannot be read" in book.problems()[0]
    assert book.regroup({"Jail": Membership(add=frozenset({CardUid("x")}))}).keys() == {"Jail"}
    sandbox.interceptor = None
    account.add_member("Feed", "somebody else")
    book.refresh()
    assert book.problems() == []


@pytest.mark.parametrize("attempts", [3, 6])
def test_a_server_that_locks_is_written_one_by_one(sandbox: Sandbox, attempts: int) -> None:
    """423 is waited out; where it stays, each group is written again by itself, and so from then on."""
    book = connect(sandbox, bounds=Bounds(first_wait_seconds=0.002))
    lock = threading.Lock()
    uid = sandbox.account.add_contact("Ann", "ann@a.example")
    book.refresh()
    locked = [Reply(423)] * attempts

    def intercept(request: Request) -> Reply | None:
        if request.method != "PUT":
            return None
        with lock:
            return locked.pop() if locked else None

    sandbox.interceptor = intercept
    members = Membership(add=frozenset({CardUid(uid)}))
    assert book.regroup({"Feed": members, "Jail": members}) == {}
    assert set(sandbox.account.group_titles(uid)) == {"Feed", "Jail"}


def test_refused_credentials_are_an_authentication_error(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """At the first request as at a later one."""
    book.refresh()
    sandbox.account.password = "changed"
    with pytest.raises(AuthenticationError):
        book.refresh()
    with pytest.raises(AuthenticationError):
        book.create([new_card("a@b.example"), new_card("c@d.example")])


# --- create ---------------------------------------------------------------------------------------


def test_a_new_card_costs_one_request_and_can_be_found_at_once(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """Before and after the next refresh."""
    view = book.refresh()
    senders = [new_card(f"S{number}@x.example", f"Sender, {number}") for number in range(30)]
    assert requests(sandbox, lambda: made(book, *senders)) == ["PUT"] * 30
    for later in (view, book.refresh()):
        (card,) = later.cards(address("s7@x.example"))
        assert card.name == "Sender, 7"
        assert abs(card.created - sandbox.account.cards_of("s7@x.example")[0].created) <= 2
    assert requests(sandbox, lambda: made(book, *senders)) == []


@pytest.mark.parametrize("fresh", [True, False])
def test_a_card_is_never_made_twice(sandbox: Sandbox, book: CardDavAddressBook, fresh: bool) -> None:
    """A repetition, by a new process or by one whose view is older, meets the card it made."""
    (first,) = made(book, new_card("a@b.example", "A"))
    other = connect(sandbox)
    if not fresh:
        sandbox.account.delete_card(f"{first.uid}.vcf")
        other.refresh()
        made(connect(sandbox), new_card("a@b.example", "A"))
    (second,) = made(other, new_card("a@b.example", "Another name"))
    assert (second.uid, second.name) == (first.uid, "A")
    assert len(sandbox.account.cards()) == 1


def test_a_lost_answer_makes_no_second_card(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """The PUT is repeated, meets its own work (412), and the card there is the card."""
    book.refresh()
    losing_answers(sandbox, "PUT")
    (card,) = made(book, new_card("a@b.example", "A"))
    assert [stored.name for stored in sandbox.account.cards()] == [f"{card.uid}.vcf"]


def test_a_card_that_was_given_to_somebody_else_is_left_alone(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """Where the person has changed the address of a card we made, the old address gets a card of its own."""
    (first,) = made(book, new_card("a@b.example", "A"))
    name = f"{first.uid}.vcf"
    edited = sandbox.account.card(name).data.replace(b"a@b.example", b"z@z.example")
    sandbox.account.put_card(name, edited)
    for refreshed in (connect(sandbox), book):
        refreshed.refresh()
        (second,) = made(refreshed, new_card("a@b.example", "A"))
        assert second.uid != first.uid
    assert sandbox.account.card(name).data == edited
    assert len(sandbox.account.cards()) == 2


def test_a_card_under_our_uid_at_another_place_is_ours_if_it_has_the_address(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """A client may store our card under another URL; the server then refuses our UID and names that card."""
    (first,) = made(book, new_card("a@b.example", "A"))
    card = sandbox.account.card(f"{first.uid}.vcf").data
    sandbox.account.delete_card(f"{first.uid}.vcf")
    book = connect(sandbox)
    book.refresh()
    sandbox.account.put_card("moved.vcf", card)
    assert made(book, new_card("a@b.example", "A"))[0].uid == first.uid
    assert len(sandbox.account.cards()) == 1


def test_a_uid_that_somebody_else_has_is_not_used(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """Another card with our UID at another place makes us take another UID."""
    (first,) = made(book, new_card("a@b.example", "A"))
    card = sandbox.account.card(f"{first.uid}.vcf").data
    sandbox.account.delete_card(f"{first.uid}.vcf")
    sandbox.account.put_card("taken.vcf", card.replace(b"a@b.example", b"z@z.example"))
    book = connect(sandbox)
    (second,) = made(book, new_card("a@b.example", "A"))
    assert second.uid != first.uid


def test_a_card_without_uid_is_neither_doubled_nor_passed_over(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """No group can hold it, so the sender fails with a reason instead of silently getting a second card."""
    card = contact_card("No Uid", "no@uid.example")[1]
    lines = [line.raw for line in content_lines(card) if line.name != "UID"]
    sandbox.account.put_card("no-uid.vcf", b"".join(lines))
    view = book.refresh()
    assert view.cards(address("no@uid.example")) == []
    outcomes = book.create([new_card("no@uid.example"), new_card("other@uid.example")])
    assert "'No Uid' of no@uid.example has no UID" in str(outcomes[address("no@uid.example")])
    assert isinstance(outcomes[address("other@uid.example")], Card)
    assert len(sandbox.account.cards()) == 2


def test_one_refused_card_does_not_stop_the_others(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """Each address has its own outcome, in words for a log."""
    book.refresh()

    def refuse(request: Request) -> Reply | None:
        return Reply(507, {}, b"quota") if request.method == "PUT" and b"s3@x" in request.body else None

    sandbox.interceptor = refuse
    outcomes = book.create([new_card(f"s{number}@x.example") for number in range(10)])
    failed = {key: made.reason for key, made in outcomes.items() if isinstance(made, Refused)}
    assert failed.keys() == {"s3@x.example"}
    assert "HTTP 507 (quota)" in failed[address("s3@x.example")]
    assert len(sandbox.account.cards()) == 9


def test_an_address_that_no_card_can_carry_is_a_failure(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """Rather than a card that is never found again: nothing is sent."""
    strange = Address("a\x07b@c.example")
    outcomes = book.create([NewCard(strange, strange, "", CardKind.PERSON)])
    assert "cannot be written into a contact card" in str(outcomes[strange])
    assert not any(request.method == "PUT" for request in sandbox.requests)


def test_a_stop_ends_the_making_of_cards(sandbox: Sandbox) -> None:
    """What would have to be repeated is given up, and what has not begun is not begun."""
    stop = threading.Event()
    book = connect(sandbox, stop)
    book.refresh()
    stop.set()
    sandbox.interceptor = lambda request: Reply(503)
    sandbox.reset_requests()
    with pytest.raises(StoppedError):
        book.create([new_card(f"s{number}@x.example") for number in range(100)])
    assert sandbox.request_count < 50


# --- regroup --------------------------------------------------------------------------------------


def test_a_group_changes_in_one_write_however_many_members(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """No reading before it, one PUT per group, and again so the next time."""
    old = sandbox.account.add_contact("Old", "old@x.example", groups=["Feed"])
    book.refresh()
    uids = frozenset(card.uid for card in made(book, *(new_card(f"s{n}@x.example") for n in range(20))))
    change = {"Imbox": Membership(add=uids), "Feed": Membership(remove=frozenset({CardUid(old)}))}
    assert requests(sandbox, lambda: book.regroup(change)) == ["PUT", "PUT"]
    assert set(sandbox.account.group_members("Imbox")) == uids
    assert sandbox.account.group_members("Feed") == []
    back = {"Imbox": Membership(remove=uids), "Feed": Membership(add=uids)}
    assert requests(sandbox, lambda: book.regroup(back)) == ["PUT", "PUT"]
    assert requests(sandbox, book.refresh)[:2] == ["REPORT", "REPORT"]  # the new cards; the groups are known
    assert all(book.refresh().groups(uid) == {"Feed"} for uid in uids)


def test_our_own_change_to_a_group_is_no_news(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """The server tells the ETag that we know from writing, so nothing is read again."""
    book.refresh()
    change_feed(book, "new")
    assert requests(sandbox, book.refresh) == ["REPORT"]
    assert book.refresh().groups(CardUid("new")) == {"Feed"}


def test_what_is_so_already_is_not_written(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """Adding a member, or taking out who is none, makes no request."""
    ann = CardUid(sandbox.account.add_contact("Ann", "ann@a.example", groups=["Feed"]))
    book.refresh()
    change = {"Feed": Membership(add=frozenset({ann})), "Jail": Membership(remove=frozenset({ann}))}
    assert requests(sandbox, lambda: book.regroup(change)) == []


def test_a_group_that_changed_meanwhile_keeps_that_change(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """A stale ETag (412) means reading the group and doing the change again, on what is there now."""
    book.refresh()
    ann = sandbox.account.add_contact("Ann", "ann@a.example", groups=["Feed"])
    change = {"Feed": Membership(add=frozenset({CardUid("new")}))}
    assert requests(sandbox, lambda: book.regroup(change)) == ["PUT", "PROPFIND", "GET", "GET", "PUT"]
    assert sandbox.account.group_members("Feed") == [ann, "new"]


def test_a_group_that_changes_again_and_again_is_a_failure_in_the_end(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """The number of attempts is bounded; the other groups do not suffer."""
    book.refresh()
    feed = sandbox.account.book.group("Feed").name

    def meddle(request: Request) -> Reply | None:
        if request.method == "PUT" and request.path.endswith(feed):
            sandbox.account.add_member("Feed", f"other-{len(sandbox.account.group_members('Feed'))}")
        return None

    sandbox.interceptor = meddle
    new = frozenset({CardUid("new")})
    sandbox.reset_requests()
    failed = book.regroup({"Feed": Membership(add=new), "Jail": Membership(add=new)})
    assert failed == {"Feed": "the contact group 'Feed' changed 5 times while being edited"}
    assert [entry.method for entry in sandbox.requests].count("PUT") == 6
    assert sandbox.account.group_members("Feed") == [f"other-{n}" for n in range(5)]
    assert sandbox.account.group_members("Jail") == ["new"]


def test_a_lost_answer_to_a_group_change_does_no_harm(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """The repetition meets its own work (412), reads it, and has nothing left to do."""
    book.refresh()
    losing_answers(sandbox, "PUT")
    assert book.regroup({"Feed": Membership(add=frozenset({CardUid("new")}))}) == {}
    assert sandbox.account.group_members("Feed") == ["new"]


def test_a_server_that_rewrites_cards_is_read_before_the_next_edit() -> None:
    """A PUT without an ETag leaves the text unknown: it is read, then edited; or refreshed, then edited."""
    with serving(SandboxAccount(rewrites_cards=True)) as sandbox:
        book = connect(sandbox)
        book.refresh()
        assert requests(sandbox, lambda: change_feed(book, "a")) == ["PUT"]
        assert requests(sandbox, lambda: change_feed(book, "b")) == ["PROPFIND", "GET", "GET", "PUT"]
        book.refresh()
        assert requests(sandbox, lambda: change_feed(book, "c")) == ["PUT"]
        assert set(sandbox.account.group_members("Feed")) == {"a", "b", "c"}


def change_feed(book: CardDavAddressBook, uid: str) -> None:
    assert book.regroup({"Feed": Membership(add=frozenset({CardUid(uid)}))}) == {}


ODD_GROUP = (
    b"BEGIN:VCARD\nVERSION:3.0\r\nUID:odd\nFN:Odd\nX-ADDRESSBOOKSERVER-KIND:group\nNOTE:a, b; caf\xe9\x01\r\n"
    b"X-FM-OTHERACCOUNT-MEMBER:x:urn:uuid:a\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:gone\nEND:VCARD\n"
)


def test_a_group_that_xml_cannot_carry_keeps_every_byte(sandbox: Sandbox) -> None:
    """Bytes that are changed on their way through XML are read by GET before an edit."""
    sandbox.account.put_card("odd.vcf", ODD_GROUP)
    http = HttpClient(sandbox.carddav_url, Credentials(basic_authorization(sandbox.account)))
    book = CardDavAddressBook(http, sandbox.carddav_url, ["Odd"])
    book.refresh()
    sent: list[bytes] = []

    def overhear(request: Request) -> Reply | None:
        sent.extend([request.body] if request.method == "PUT" else [])
        return None

    sandbox.interceptor = overhear
    book.regroup({"Odd": Membership(add=frozenset({CardUid("new")}))})
    head, end, tail = ODD_GROUP.partition(b"END:VCARD")
    assert sent == [head + b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:new\n" + end + tail]


def test_groups_that_are_missing_doubled_gone_or_renamed_are_named(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """For each group that could not be changed there is a reason; the others are changed."""
    account = sandbox.account
    account.put_card("imbox-2.vcf", group_card("Imbox")[1].replace(b"UID:", b"UID:2"))
    view = book.refresh()
    assert sorted(view.group_names()) == ["Feed", "Imbox", "Imbox", "Jail", "Paper Trail"]
    account.delete_card(account.book.group("Paper Trail").name)
    jail = account.book.group("Jail")
    account.put_card(jail.name, jail.data.replace(b"FN:Jail", b"FN:Prison"))
    membership = Membership(add=frozenset({CardUid("new")}))
    failed = book.regroup(dict.fromkeys(("Feed", "Imbox", "Jail", "Paper Trail", "Nope"), membership))
    assert failed == {
        "Imbox": "several contact groups are called 'Imbox': rename or delete all but one",
        "Jail": "the contact group 'Jail' is no longer a contact group",
        "Nope": "there is no contact group 'Nope'",
        "Paper Trail": "the contact group 'Paper Trail' is gone",
    }
    assert account.group_members("Feed") == ["new"]


def test_a_new_card_may_be_a_member_already(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """The line of a card that was deleted counts again as soon as the card is made again."""
    (card,) = made(book, new_card("a@b.example"))
    book.regroup({"Jail": Membership(add=frozenset({card.uid}))})
    sandbox.account.delete_card(f"{card.uid}.vcf")
    view = book.refresh()
    assert view.cards(card_address := address("a@b.example")) == []
    assert made(book, new_card("a@b.example"))[0].uid == card.uid
    assert view.cards(card_address)[0].uid == card.uid
    assert view.groups(card.uid) == {"Jail"}


def test_groups_that_are_not_for_triage_are_named_but_not_looked_into(
    sandbox: Sandbox, book: CardDavAddressBook
) -> None:
    """A person's own groups are told by name, never changed."""
    sandbox.account.add_group("Friends")
    ann = sandbox.account.add_contact("Ann", "ann@a.example", groups=["Friends", "Feed"])
    view = book.refresh()
    assert "Friends" in view.group_names()
    assert view.groups(CardUid(ann)) == {"Feed"}


def test_a_dead_server_is_a_transport_error(sandbox: Sandbox, book: CardDavAddressBook) -> None:
    """A refresh fails as a whole; the others tell it per item."""
    book.refresh()
    sandbox.close()
    with pytest.raises(TransportError):
        book.refresh()
    assert book.regroup({"Feed": Membership(add=frozenset({CardUid("x")}))}).keys() == {"Feed"}
    assert isinstance(book.create([new_card("a@b.example")])[address("a@b.example")], Refused)
