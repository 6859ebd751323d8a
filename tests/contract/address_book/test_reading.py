"""Reading the address book: finding senders, and following what others do to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import pytest

from mailroom.model.address_book import AddressBook
from mailroom.model.contacts import Card, CardUid, Membership
from tests.contract.address_book import address
from tests.contract.address_book.test_writing import new_card
from tests.support import vcards
from tests.support.accounts import GROUPS, AccountUnderTest, add_contact, group_card_name, join
from tests.support.on_dav import AccountOnDavServer
from tests.support.running import opened
from tests.support.wire import RefusedError

CLOCKS_APART_SECONDS = 5


def uids(cards: Iterable[Card]) -> list[str]:
    return [card.uid for card in cards]


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
            pytest.param(['EMAIL:"ann"@example.net'], "ann@example.net", id="needless quotes"),
            pytest.param(['EMAIL:"ann doe"@example.net'], "ann doe@example.net", id="quotes"),
            pytest.param(["EMAIL:ann doe@example.net"], '"ann doe"@example.net', id="quotes left out"),
            pytest.param(["EMAIL:mailto:ann@example.net"], "ann@example.net", id="as a URI"),
            pytest.param(["EMAIL:Ann <ann@example.net>"], "ann@example.net", id="with a name"),
            pytest.param([f"EMAIL;X-LONG={'x' * 60}:ann@example", " .net"], "ann@example.net", id="folded"),
        ],
    )
    def test_finds_a_card_by_its_address(
        self, account: AccountUnderTest, book: AddressBook, lines: list[str], wanted: str
    ) -> None:
        """An address is found however the card and the sender write it."""
        account.put_card("a.vcf", vcards.contact("a", "Ann", extra=lines))
        (card,) = book.refresh().cards(address(wanted))
        assert (card.uid, card.name) == ("a", "Ann")

    def test_finds_exact_addresses_only(self, account: AccountUnderTest, book: AddressBook) -> None:
        """An address that merely contains the wanted one, or is named elsewhere in a card, is another's."""
        add_contact(account, "Joann", "joann@example.net")
        add_contact(account, "Ann", "ann@example.net.example")
        account.put_card("n.vcf", vcards.contact("n", "Note", extra=["NOTE:see ann@example.net"]))
        assert not book.refresh().cards(address("ann@example.net"))

    def test_finds_every_card_with_the_address(self, account: AccountUnderTest, book: AddressBook) -> None:
        """Two cards with the same address are both told."""
        first = add_contact(account, "Ann", "ann@example.net")
        second = add_contact(account, "Ann at work", "ann@work.example", "ann@example.net")
        assert sorted(card.uid for card in book.refresh().cards(address("ann@example.net"))) == [
            first,
            second,
        ]

    def test_tells_when_a_card_was_made(self, account: AccountUnderTest, book: AddressBook) -> None:
        """A card's time of creation is known, so that the oldest of several can be told."""
        add_contact(account, "Ann", "ann@example.net")
        (card,) = book.refresh().cards(address("ann@example.net"))
        if account.is_over_jmap or not account.describes_cards:
            pytest.skip("the server tells no time of creation")
        assert card.created > 1_500_000_000

    def test_tells_the_groups_of_a_card(self, account: AccountUnderTest, book: AddressBook) -> None:
        """The triage groups that have the card as a member are told by name."""
        uid = add_contact(account, "Ann", "ann@example.net", groups=["Feed", "Paper Trail"])
        seen = book.refresh()
        assert set(seen.groups(CardUid(uid))) >= {"Feed", "Paper Trail"}
        assert not {"Imbox", "Jail"} & set(seen.groups(CardUid(uid)))

    @pytest.mark.parametrize("form", vcards.GROUP_FORMS)
    def test_reads_groups_of_every_form(
        self, account: AccountUnderTest, book: AddressBook, form: str
    ) -> None:
        """A contact group of version 4.0 is a group like those with X-ADDRESSBOOKSERVER lines."""
        uid = add_contact(account, "Ann", "ann@example.net")
        account.put_card("Jail.vcf", vcards.group_in(form, account.member_prefix, "Jail", [uid]))
        seen = book.refresh()
        assert "Jail" in seen.group_names()
        assert "Jail" in seen.groups(CardUid(uid))

    def test_tells_group_names_as_often_as_they_are_there(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
        """A name that two groups share stands twice."""
        account.put_card("feed-2.vcf", vcards.group("Feed", uid="feed-2"))
        names = list(book.refresh().group_names())
        assert {name: names.count(name) for name in GROUPS} == {
            "Imbox": 1,
            "Feed": 2,
            "Paper Trail": 1,
            "Jail": 1,
        }

    def test_finds_a_card_that_vobject_cannot_read(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
        """A card is found whatever else is in it, as long as the server takes it."""
        hostile = ["ORG:Acme, Inc.;R", "NICKNAME:a,b", "URL:http://example.net/?a,b", "FN:Another name"]
        try:
            account.put_card("h.vcf", vcards.contact("h", "Ann", "ann@example.net", extra=hostile))
        except RefusedError as error:
            pytest.skip(f"the server does not take it: {error}")
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
    def test_any_address_of_the_server_leads_to_the_book(self, account: AccountUnderTest, path: str) -> None:
        """The setting may name the server, a principal, the home of all books or the book itself."""
        if path != "/" and isinstance(account, AccountOnDavServer):
            pytest.skip("the server has other paths")
        uid = add_contact(account, "Ann", "ann@example.net")
        server = account.environment["MAILROOM_CARDDAV_URL"].rstrip("/")
        url = server + path.format(address=account.address)
        book = opened(account, MAILROOM_CARDDAV_URL=url).book
        assert [card.uid for card in book.refresh().cards(address("ann@example.net"))] == [uid]


class TestFollowing:
    """`AddressBook.refresh`: what others do to the book is seen."""

    def test_one_request_where_nothing_has_changed(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
        """A look at an unchanged book costs one request, however large it is."""
        add_contact(account, "Ann", "ann@example.net")
        book.refresh()
        before = len(account.requests())
        assert book.refresh().cards(address("ann@example.net"))
        assert len(account.requests()) - before == 1

    def test_counts_the_readings_that_brought_something_new(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
        """So whoever did not ask for a reading can tell later that there was one that mattered to them."""
        uid = add_contact(account, "Ann", "ann@example.net")
        book.refresh()

        def put_one_and_forget() -> None:  # Radicale knows the token of what still is, forgotten or not
            account.put_card("c.vcf", vcards.contact("c", "Cem", "cem@example.net"))
            account.forget_changes()

        changes: tuple[Callable[[], object], ...] = (
            lambda: account.put_card("b.vcf", vcards.contact("b", "Bob", "bob@example.net")),
            lambda: join(account, "Jail", uid),
            lambda: account.delete_card(f"{uid}.vcf"),
            put_one_and_forget,
        )
        for change in changes:
            change()
            known = book.changes_read()
            book.refresh()
            assert book.changes_read() > known
            known = book.changes_read()
            book.refresh()
            assert book.changes_read() == known

    def test_sees_cards_made_by_others(self, account: AccountUnderTest, book: AddressBook) -> None:
        """Three hundred cards, made since the last look, are all found."""
        book.refresh()
        for n in range(300):
            account.put_card(f"{n}.vcf", vcards.contact(str(n), f"Sender {n}", f"sender{n}@example.net"))
        seen = book.refresh()
        assert [uids(seen.cards(address(f"sender{n}@example.net"))) for n in range(300)] == [
            [str(n)] for n in range(300)
        ]

    def test_sees_that_a_card_has_gone(self, account: AccountUnderTest, book: AddressBook) -> None:
        """A card deleted since the last look is no longer found."""
        uid = add_contact(account, "Ann", "ann@example.net")
        assert book.refresh().cards(address("ann@example.net"))
        account.delete_card(f"{uid}.vcf")
        assert not book.refresh().cards(address("ann@example.net"))

    def test_sees_that_a_card_has_changed(self, account: AccountUnderTest, book: AddressBook) -> None:
        """A card edited since the last look is found by its new address and no longer by the old."""
        account.put_card("a.vcf", vcards.contact("a", "Ann", "old@example.net"))
        book.refresh()
        account.put_card("a.vcf", vcards.contact("a", "Ann Smith", "new@example.net"))
        seen = book.refresh()
        assert not seen.cards(address("old@example.net"))
        assert [card.name for card in seen.cards(address("new@example.net"))] == ["Ann Smith"]

    def test_sees_that_a_group_has_changed(self, account: AccountUnderTest, book: AddressBook) -> None:
        """Members that the person has put in or taken out are seen."""
        uid = add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        book.refresh()
        account.put_card(group_card_name(account, "Feed"), vcards.group("Feed"))
        join(account, "Jail", uid)
        assert set(book.refresh().groups(CardUid(uid))) & set(GROUPS) == {"Jail"}

    def test_reads_all_again_where_the_server_has_forgotten(
        self, account: AccountUnderTest, book: AddressBook
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


class TestMoments:
    """When somebody was filed, and a group changed: known as far as the server's dates tell."""

    def test_groups_and_members_have_their_moments(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
        """A group of the person's own has its members by the time it was changed last."""
        before = int(time.time()) - CLOCKS_APART_SECONDS
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        found = book.refresh()
        ann = address("ann@example.net")
        moments = [found.filed_by(ann, "Feed"), found.changed_at("Feed"), found.groups_made_at(["Feed"])]
        if account.is_over_jmap:
            assert moments == [0, 0, 0], "a card that was made over CardDAV bears no date of its own"
        elif account.describes_cards:
            assert all(before <= moment <= time.time() + CLOCKS_APART_SECONDS for moment in moments)
            assert found.filed_by(ann, "Feed") == found.changed_at("Feed")
        else:
            assert moments[0] == moments[1]
        assert found.filed_by(ann, "Nowhere") == found.changed_at("Nowhere") == 0
        assert found.groups_made_at(["Feed", "Nowhere"]) == 0

    def test_whoever_mailroom_made_a_card_for_was_filed_then(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
        """A later change of the group does not move it; one that was just written has no moment yet."""
        book.refresh()
        created = book.create([new_card("ann@example.net", "Ann")])
        (card,) = created.values()
        assert isinstance(card, Card)
        book.regroup({"Feed": Membership(add=frozenset({card.uid}))})
        assert book.latest().changed_at("Feed") == 0
        again = opened(account).book.refresh()
        made = again.cards(address("ann@example.net"))[0].created
        assert again.filed_by(address("ann@example.net"), "Feed") == (made or again.changed_at("Feed"))

    def test_a_renamed_group_is_known_if_mailroom_made_it(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
        """By its identifier, under whatever name but one that is wanted itself."""
        account.delete_card(group_card_name(account, "Feed"))
        book.refresh()
        assert book.create_groups(["Feed"]) == {}
        name = group_card_name(account, "Feed")
        uid = vcards.value(account.cards()[name], "UID")
        account.put_card(name, vcards.group("News", uid=uid))
        renamed = opened(account).book.refresh()
        assert renamed.renamed_groups(GROUPS) == {"Feed": "News"}
        assert renamed.renamed_groups(["News", "Jail"]) == {}
        assert renamed.renamed_groups([*GROUPS, "News"]) == {}
