"""The address book: the same answers on the sandbox and on real Cyrus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from mailroom.triage.address import Address, parse_address
from mailroom.triage.model import Card, CardKind, CardUid, Membership, NewCard
from mailroom.triage.ports import AddressBook
from tests.conftest import open_account_on
from tests.contract import vcards
from tests.contract.accounts import (
    GROUPS,
    Account,
    add_contact,
    contacts,
    contacts_of,
    group_card_name,
    groups_of,
    join,
    members,
)
from tests.contract.running import opened


@pytest.fixture(params=["sandbox", "sandbox that rewrites cards", "cyrus"])
def bare_account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """The usual kinds of server, and one that stores another text than it was sent and tells no ETag."""
    with closing(open_account_on(request.param, request)) as account:
        yield account


@pytest.fixture
def book(account: Account) -> AddressBook:
    return opened(account).book


def address(text: str) -> Address:
    parsed = parse_address(text)
    assert parsed is not None
    return parsed


def new_card(email: str, name: str = "Acme", kind: CardKind = CardKind.COMPANY) -> NewCard:
    return NewCard(address(email), email, name, kind)


def uids(cards: object) -> list[str]:
    assert isinstance(cards, list | tuple)
    return [card.uid for card in cards]


def adding(*members: str) -> Membership:
    return Membership(add=frozenset(map(CardUid, members)))


def removing(*members: str) -> Membership:
    return Membership(remove=frozenset(map(CardUid, members)))


class TestFinding:
    """`Contacts`: which card an address has, and which groups a card is in."""

    @pytest.mark.parametrize(
        ("lines", "wanted"),
        [
            pytest.param(["EMAIL:ann@example.net"], "ann@example.net", id="plain"),
            pytest.param(["EMAIL;TYPE=INTERNET;TYPE=WORK:Ann@Example.NET"], "aNN@example.net", id="case"),
            pytest.param(["item1.EMAIL:ann@example.net", "item1.X-ABLabel:x"], "ann@example.net", id="item1"),
            pytest.param(["EMAIL:a@example.net", "EMAIL:b@example.net"], "b@example.net", id="second"),
            pytest.param(["EMAIL:ann@xn--bcher-kva.example"], "ann@bücher.example", id="card in ASCII"),
            pytest.param(["EMAIL:ann@bücher.example"], "ann@XN--BCHER-KVA.example", id="card in Unicode"),
            pytest.param(["email:ann@example.net"], "ann@example.net", id="small letters"),
            pytest.param([f"EMAIL;X-LONG={'x' * 60}:ann@example", " .net"], "ann@example.net", id="folded"),
        ],
    )
    def test_finds_a_card_by_its_address(
        self, account: Account, book: AddressBook, lines: list[str], wanted: str
    ) -> None:
        """An address is found however the card and the sender write it."""
        account.put_card("a.vcf", vcards.contact("a", "Ann", extra=lines))
        (card,) = book.refresh().cards(address(wanted))
        assert (card.uid, card.name) == ("a", "Ann")

    def test_finds_exact_addresses_only(self, account: Account, book: AddressBook) -> None:
        """An address that merely contains the wanted one, or is named elsewhere in a card, is another's."""
        add_contact(account, "Joann", "joann@example.net")
        add_contact(account, "Ann", "ann@example.net.example")
        account.put_card("n.vcf", vcards.contact("n", "Note", extra=["NOTE:see ann@example.net"]))
        assert not book.refresh().cards(address("ann@example.net"))

    def test_finds_every_card_with_the_address(self, account: Account, book: AddressBook) -> None:
        """Two cards with the same address are both told."""
        first = add_contact(account, "Ann", "ann@example.net")
        second = add_contact(account, "Ann at work", "ann@work.example", "ann@example.net")
        assert sorted(card.uid for card in book.refresh().cards(address("ann@example.net"))) == [
            first,
            second,
        ]

    def test_tells_when_a_card_was_made(self, account: Account, book: AddressBook) -> None:
        """A card's time of creation is known, so that the oldest of several can be told."""
        add_contact(account, "Ann", "ann@example.net")
        (card,) = book.refresh().cards(address("ann@example.net"))
        assert card.created > 1_500_000_000

    def test_tells_the_groups_of_a_card(self, account: Account, book: AddressBook) -> None:
        """The triage groups that have the card as a member are told by name."""
        uid = add_contact(account, "Ann", "ann@example.net", groups=["Feed", "Paper Trail"])
        seen = book.refresh()
        assert set(seen.groups(CardUid(uid))) >= {"Feed", "Paper Trail"}
        assert not {"Imbox", "Jail"} & set(seen.groups(CardUid(uid)))

    def test_reads_groups_of_either_version(self, account: Account, book: AddressBook) -> None:
        """A contact group of version 4.0 is a group like those with X-ADDRESSBOOKSERVER lines."""
        uid = add_contact(account, "Ann", "ann@example.net")
        account.put_card("Jail.vcf", vcards.group_4("Jail", [uid]))
        seen = book.refresh()
        assert "Jail" in seen.group_names()
        assert "Jail" in seen.groups(CardUid(uid))

    def test_tells_group_names_as_often_as_they_are_there(self, account: Account, book: AddressBook) -> None:
        """A name that two groups share stands twice."""
        account.put_card("feed-2.vcf", vcards.group("Feed", uid="feed-2"))
        names = list(book.refresh().group_names())
        assert {name: names.count(name) for name in GROUPS} == {
            "Imbox": 1,
            "Feed": 2,
            "Paper Trail": 1,
            "Jail": 1,
        }

    def test_finds_a_card_that_vobject_cannot_read(self, account: Account, book: AddressBook) -> None:
        """A card is found whatever else is in it, as long as the server takes it."""
        hostile = ["ORG:Acme, Inc.;R", "NICKNAME:a,b", "URL:http://example.net/?a,b", "FN:Another name"]
        account.put_card("h.vcf", vcards.contact("h", "Ann", "ann@example.net", extra=hostile))
        (card,) = book.refresh().cards(address("ann@example.net"))
        assert (card.uid, card.name) == ("h", "Ann")


class TestDiscovery:
    """Where the address book is looked for."""

    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/.well-known/carddav",
            "/dav/addressbooks",
            "/dav/principals/user/{address}/",
            "/dav/addressbooks/user/{address}/",
            "/dav/addressbooks/user/{address}/Default/",
            "/dav/addressbooks/user/{address}/Default",
        ],
    )
    def test_any_address_of_the_server_leads_to_the_book(self, account: Account, path: str) -> None:
        """The setting may name the server, a principal, the home of all books or the book itself."""
        uid = add_contact(account, "Ann", "ann@example.net")
        server = account.environment["MAILROOM_CARDDAV_URL"].rstrip("/")
        url = server + path.format(address=account.address)
        book = opened(account, MAILROOM_CARDDAV_URL=url).book
        assert [card.uid for card in book.refresh().cards(address("ann@example.net"))] == [uid]


class TestFollowing:
    """`AddressBook.refresh`: what others do to the book is seen."""

    def test_one_request_where_nothing_has_changed(self, account: Account, book: AddressBook) -> None:
        """A look at an unchanged book costs one request, however large it is."""
        add_contact(account, "Ann", "ann@example.net")
        book.refresh()
        before = len(account.requests())
        assert book.refresh().cards(address("ann@example.net"))
        assert len(account.requests()) - before == 1

    def test_sees_cards_made_by_others(self, account: Account, book: AddressBook) -> None:
        """Three hundred cards, made since the last look, are all found."""
        book.refresh()
        for n in range(300):
            account.put_card(f"{n}.vcf", vcards.contact(str(n), f"Sender {n}", f"sender{n}@example.net"))
        seen = book.refresh()
        assert [uids(seen.cards(address(f"sender{n}@example.net"))) for n in range(300)] == [
            [str(n)] for n in range(300)
        ]

    def test_sees_that_a_card_has_gone(self, account: Account, book: AddressBook) -> None:
        """A card deleted since the last look is no longer found."""
        uid = add_contact(account, "Ann", "ann@example.net")
        assert book.refresh().cards(address("ann@example.net"))
        account.delete_card(f"{uid}.vcf")
        assert not book.refresh().cards(address("ann@example.net"))

    def test_sees_that_a_card_has_changed(self, account: Account, book: AddressBook) -> None:
        """A card edited since the last look is found by its new address and no longer by the old."""
        account.put_card("a.vcf", vcards.contact("a", "Ann", "old@example.net"))
        book.refresh()
        account.put_card("a.vcf", vcards.contact("a", "Ann Smith", "new@example.net"))
        seen = book.refresh()
        assert not seen.cards(address("old@example.net"))
        assert [card.name for card in seen.cards(address("new@example.net"))] == ["Ann Smith"]

    def test_sees_that_a_group_has_changed(self, account: Account, book: AddressBook) -> None:
        """Members that the person has put in or taken out are seen."""
        uid = add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        book.refresh()
        account.put_card(group_card_name(account, "Feed"), vcards.group("Feed"))
        join(account, "Jail", uid)
        assert set(book.refresh().groups(CardUid(uid))) & set(GROUPS) == {"Jail"}

    def test_reads_all_again_where_the_server_has_forgotten(
        self, account: Account, book: AddressBook
    ) -> None:
        """A sync token that is no longer good leads to a whole reading, in which nothing old survives."""
        gone = add_contact(account, "Ann", "ann@example.net")
        stays = add_contact(account, "Bob", "bob@example.net")
        book.refresh()
        account.delete_card(f"{gone}.vcf")
        account.forget_changes()
        seen = book.refresh()
        assert not seen.cards(address("ann@example.net"))
        assert uids(seen.cards(address("bob@example.net"))) == [stays]


class TestCreating:
    """`AddressBook.create`."""

    def test_makes_a_card_for_a_company(self, account: Account, book: AddressBook) -> None:
        """A company's card has the name as FN and ORG, and the address."""
        made = book.create([new_card("news@acme.example", "Acme, Inc.; R&D")])
        (card,) = contacts_of(account, "news@acme.example")
        assert vcards.value(card, "FN") == "Acme, Inc.; R&D"
        assert vcards.value(card, "ORG") == "Acme, Inc.; R&D"
        assert vcards.value(card, "EMAIL") == "news@acme.example"
        told = made[address("news@acme.example")]
        assert isinstance(told, Card)
        assert (told.uid, told.name) == (vcards.value(card, "UID"), "Acme, Inc.; R&D")

    @pytest.mark.parametrize(
        ("name", "family", "given"), [("Zoë Bhriain", "Bhriain", "Zoë"), ("Ann", "", "Ann")]
    )
    def test_makes_a_card_for_a_person(
        self, account: Account, book: AddressBook, name: str, family: str, given: str
    ) -> None:
        """A person's card has the name as FN, split into given and family name, and no company."""
        book.create([new_card("ann@example.net", name, CardKind.PERSON)])
        (card,) = contacts_of(account, "ann@example.net")
        assert vcards.value(card, "FN") == name
        assert vcards.value(card, "N").split(";")[:2] == [family, given]
        assert not vcards.values(card, "ORG")

    def test_makes_many(self, account: Account, book: AddressBook) -> None:
        """Each address gets a card of its own, for one request each."""
        book.refresh()
        before = len(account.requests())
        made = book.create([new_card(f"sender{n}@example.net", f"Sender {n}") for n in range(30)])
        assert len(account.requests()) - before == 30
        assert len({card.uid for card in made.values() if isinstance(card, Card)}) == 30
        emails = [vcards.value(card, "EMAIL") for card in contacts(account).values()]
        assert sorted(emails) == sorted(f"sender{n}@example.net" for n in range(30))

    def test_a_second_time_makes_none(self, account: Account, book: AddressBook) -> None:
        """The card that is there already is told, by the same book and by one that just started."""
        first = book.create([new_card("ann@example.net", "Ann")])
        before = account.state()
        again = book.create([new_card("ann@example.net", "Another name")])
        restarted = opened(account).book.create([new_card("ANN@example.net", "Ann")])
        for made in (again, restarted):
            assert made[address("ann@example.net")] == first[address("ann@example.net")]
        assert account.state() == before

    def test_makes_none_after_a_lost_answer(self, account: Account, book: AddressBook) -> None:
        """Where the card was made, but the book has not heard of it, it is found and not doubled."""
        book.refresh()
        other = opened(account).book
        made_by_other = other.create([new_card("ann@example.net", "Ann")])
        made = book.create([new_card("ann@example.net", "Ann")])
        assert len(contacts_of(account, "ann@example.net")) == 1
        told, known = made[address("ann@example.net")], made_by_other[address("ann@example.net")]
        assert isinstance(told, Card)
        assert isinstance(known, Card)
        assert told.uid == known.uid

    def test_makes_another_where_the_first_was_deleted(self, account: Account, book: AddressBook) -> None:
        """A sender whose card the person has deleted gets one again."""
        book.create([new_card("ann@example.net", "Ann")])
        for name in contacts(account):
            account.delete_card(name)
        book.refresh()
        book.create([new_card("ann@example.net", "Ann")])
        assert len(contacts_of(account, "ann@example.net")) == 1

    def test_keeps_a_card_whose_address_was_edited_away(self, account: Account, book: AddressBook) -> None:
        """A card that was made for the address, but now has another, is neither taken nor overwritten."""
        made = book.create([new_card("ann@example.net", "Ann")])
        ((name, _),) = contacts(account).items()
        card = made[address("ann@example.net")]
        assert isinstance(card, Card)
        account.put_card(name, vcards.contact(card.uid, "Ann", "moved@example.net"))
        book.refresh()
        again = book.create([new_card("ann@example.net", "Ann")])
        assert isinstance(again[address("ann@example.net")], Card)
        assert len(contacts_of(account, "ann@example.net")) == 1
        assert len(contacts_of(account, "moved@example.net")) == 1

    def test_finds_the_new_card_afterwards(self, account: Account, book: AddressBook) -> None:
        """A card just made is in the next view, and in no group yet."""
        made = book.create([new_card("ann@example.net", "Ann")])
        seen = book.refresh()
        (card,) = seen.cards(address("ann@example.net"))
        assert card == made[address("ann@example.net")]
        assert not set(seen.groups(card.uid)) & set(GROUPS)


GROUP_STYLES = [pytest.param(vcards.group, id="3.0"), pytest.param(vcards.group_4, id="4.0")]


class TestRegrouping:
    """`AddressBook.regroup`."""

    @pytest.mark.parametrize("style", GROUP_STYLES)
    def test_adds_and_removes_members(self, account: Account, book: AddressBook, style: object) -> None:
        """Members come and go in one write; those not named stay, in groups of either version."""
        assert callable(style)
        uids = [add_contact(account, f"Sender {n}", f"sender{n}@example.net") for n in range(4)]
        account.put_card("Feed.vcf", style("Feed", uids[:3]))
        book.refresh()
        change = Membership(add=frozenset({CardUid(uids[3])}), remove=frozenset(map(CardUid, uids[:2])))
        assert book.regroup({"Feed": change}) == {}
        assert members(account, "Feed") == uids[2:]
        assert sum(request.startswith("PUT") for request in account.requests()) == 1
        assert set(book.refresh().groups(CardUid(uids[3]))) & set(GROUPS) == {"Feed"}

    @pytest.mark.parametrize("style", GROUP_STYLES)
    def test_keeps_everything_else_in_the_group(
        self, account: Account, book: AddressBook, style: object
    ) -> None:
        """A group's other lines stay as they are: members of shared books, notes, unknown properties."""
        assert callable(style)
        uid = add_contact(account, "Ann", "ann@example.net")
        extra = [
            "X-FM-OTHERACCOUNT-MEMBER;ACCOUNT=u1:urn:uuid:foreign",
            "NOTE:one\\, two\\; three\\nfour",
            f"X-UNKNOWN;X-A=b:{'long ' * 30}",
            "CATEGORIES:a,b",
        ]
        account.put_card("Feed.vcf", style("Feed", ["stranger", "colon:ed"], extra=extra))
        before = account.cards()["Feed.vcf"]
        book.refresh()
        book.regroup({"Feed": adding(uid)})
        added = account.cards()["Feed.vcf"]
        assert vcards.without_members(added) == vcards.without_members(before)
        assert sorted(vcards.members(added)) == sorted([*vcards.members(before), uid])
        if account.keeps_card_bytes:
            before_lines, added_lines = before.splitlines(keepends=True), added.splitlines(keepends=True)
            assert [line for line in added_lines if line in before_lines] == before_lines
            assert len(added_lines) == len(before_lines) + 1
        book.regroup({"Feed": removing(uid)})
        removed = account.cards()["Feed.vcf"]
        assert vcards.properties(removed) == vcards.properties(before)
        if account.keeps_card_bytes:
            assert removed == before

    def test_a_second_time_writes_nothing(self, account: Account, book: AddressBook) -> None:
        """Members that are in already, or out already, need no write."""
        uid = add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        book.refresh()
        before = account.state()
        assert book.regroup({"Feed": adding(uid), "Jail": removing(uid)}) == {}
        assert account.state() == before

    def test_keeps_a_concurrent_change(self, account: Account, book: AddressBook) -> None:
        """What the person has put into the group since the last look stays in."""
        mine, theirs = (add_contact(account, name, f"{name}@example.net") for name in ("mine", "theirs"))
        book.refresh()
        join(account, "Feed", theirs)
        assert book.regroup({"Feed": adding(mine)}) == {}
        assert members(account, "Feed") == sorted([mine, theirs])

    def test_changes_several_groups(self, account: Account, book: AddressBook) -> None:
        """Each group gets one write, whatever the number of members."""
        uids = [add_contact(account, f"Sender {n}", f"sender{n}@example.net") for n in range(20)]
        book.refresh()
        before = len(account.requests())
        assert book.regroup({"Feed": adding(*uids), "Jail": adding(uids[0])}) == {}
        assert len(account.requests()) - before == 2
        assert members(account, "Feed") == sorted(uids)
        assert members(account, "Jail") == uids[:1]

    def test_tells_which_group_is_unknown(self, account: Account, book: AddressBook) -> None:
        """A group that is not there fails with a reason; the others are changed."""
        uid = add_contact(account, "Ann", "ann@example.net")
        account.delete_card(group_card_name(account, "Jail"))
        book.refresh()
        failed = book.regroup({"Jail": adding(uid), "Feed": adding(uid)})
        assert set(failed) == {"Jail"}
        assert "Jail" in failed["Jail"]
        assert groups_of(account, "ann@example.net") == ["Feed"]

    def test_fails_where_the_group_has_just_gone(self, account: Account, book: AddressBook) -> None:
        """A group deleted since the last look is not made anew behind the person's back."""
        uid = add_contact(account, "Ann", "ann@example.net")
        book.refresh()
        account.delete_card(group_card_name(account, "Jail"))
        assert set(book.regroup({"Jail": adding(uid)})) == {"Jail"}
        assert "Jail" not in [vcards.value(card, "FN") for card in account.cards().values()]

    def test_keeps_members_that_are_gone(self, account: Account, book: AddressBook) -> None:
        """A line for a card that no longer exists is not ours to tidy up."""
        uid = add_contact(account, "Ann", "ann@example.net")
        join(account, "Feed", "long-gone", "shared:card")
        book.refresh()
        book.regroup({"Feed": adding(uid)})
        assert members(account, "Feed") == sorted(["long-gone", "shared:card", uid])

    def test_takes_out_a_member_that_stands_twice(self, account: Account, book: AddressBook) -> None:
        """A card taken out of a group is out of it, however many lines it had."""
        uid = add_contact(account, "Ann", "ann@example.net")
        join(account, "Feed", uid, uid)
        book.refresh()
        book.regroup({"Feed": removing(uid)})
        assert members(account, "Feed") == []

    def test_names_a_member_whose_uid_holds_a_colon(self, account: Account, book: AddressBook) -> None:
        """A UID such as urn:uuid:… goes in and out again, and is known as a member meanwhile."""
        uid = "urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1"
        account.put_card("c.vcf", vcards.contact(uid, "Ann", "ann@example.net"))
        seen = book.refresh()
        (card,) = seen.cards(address("ann@example.net"))
        book.regroup({"Feed": Membership(add=frozenset({card.uid}))})
        assert "Feed" in opened(account).book.refresh().groups(card.uid)
        book.regroup({"Feed": Membership(remove=frozenset({card.uid}))})
        assert members(account, "Feed") == []
