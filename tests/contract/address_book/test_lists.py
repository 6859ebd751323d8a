"""Mailing lists in the address book: which cards stand for them, whoever wrote the note."""

from __future__ import annotations

import pytest

from mailroom.carddav.reading import WHOLE_CARDS
from mailroom.contacts.identity import card_uids
from mailroom.model.address_book import AddressBook
from mailroom.model.contacts import Alteration, Card, CardKind, CardUid, NewCard
from mailroom.model.party import MailingList
from tests.contract.address_book import address
from tests.support import vcards
from tests.support.accounts import AccountUnderTest, add_contact, contacts, join
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.running import opened

DEV, ANNOUNCE = MailingList("<dev.lists.example.org>"), MailingList("<announce.lists.example.org>")
POST = "dev@lists.example.org"


class TestFinding:
    """`Contacts.cards` of a list."""

    @pytest.mark.parametrize(
        "note",
        [
            pytest.param("List-Id: <dev.lists.example.org>", id="as Mailroom writes it"),
            pytest.param("Our list\\nlist-id: <DEV.Lists.example.ORG>\\nBob runs it", id="among other lines"),
            pytest.param("List-Id: dev.lists.example.org", id="without brackets"),
            pytest.param("List-Id: <x.example>\\, <dev.lists.example.org>", id="beside another"),
        ],
    )
    def test_a_card_whose_note_names_a_list_is_found(
        self, account: AccountUnderTest, book: AddressBook, note: str
    ) -> None:
        """A person can read and edit it, and whoever reads it finds the same."""
        account.put_card("d.vcf", vcards.contact("d", "Dev", "dev@example.net", extra=[f"NOTE:{note}"]))
        join(account, "Feed", "d")
        seen = book.refresh()
        (card,) = seen.cards(DEV)
        assert (card.uid, card.name, card.is_made) == ("d", "Dev", False)
        assert "Feed" in seen.groups(card.uid)
        assert [each.uid for each in seen.cards(address("dev@example.net"))] == ["d"]

    def test_a_note_that_names_none_is_no_list(self, account: AccountUnderTest, book: AddressBook) -> None:
        """Nor is a list that is only spoken of."""
        account.put_card("a.vcf", vcards.contact("a", "A", extra=["NOTE:see <dev.lists.example.org>"]))
        account.put_card(
            "b.vcf", vcards.contact("b", "B", extra=["NICKNAME:List-Id: <dev.lists.example.org>"])
        )
        assert not book.refresh().cards(DEV)

    def test_a_card_follows_its_note(self, account: AccountUnderTest, book: AddressBook) -> None:
        """What a person changes there is known at the next look."""
        book.refresh()
        for note, found in ((DEV, (DEV,)), (ANNOUNCE, (ANNOUNCE,)), ("x", ())):
            account.put_card("d.vcf", vcards.contact("d", "Dev", extra=[f"NOTE:List-Id: {note}"]))
            seen = book.refresh()
            assert tuple(x for x in (DEV, ANNOUNCE) if seen.cards(x)) == found
        account.delete_card("d.vcf")
        assert not book.refresh().cards(DEV)

    def test_it_is_found_among_many(self, account: AccountUnderTest, book: AddressBook) -> None:
        """Where not all of each card is read."""
        for _ in range(WHOLE_CARDS + 1):
            add_contact(account, "Somebody", "somebody@example.net")
        account.put_card("d.vcf", vcards.contact("d", "Dev", extra=[f"item1.NOTE:List-Id: {DEV}"]))
        assert [card.uid for card in book.refresh().cards(DEV)] == [CardUid("d")]


def new_list(email: str = POST) -> NewCard:
    return NewCard(DEV, email, "Dev, the list", CardKind.COMPANY)


class TestMaking:
    """`AddressBook.create` of a list's card."""

    @pytest.mark.parametrize("email", [POST, ""], ids=["with a posting address", "without one"])
    def test_it_is_named_after_the_list_and_says_which_it_is(
        self, account: AccountUnderTest, book: AddressBook, email: str
    ) -> None:
        """Name, posting address if there is one, and a line of the note that anybody can read."""
        book.refresh()
        card = book.create([new_list(email)])[DEV]
        assert isinstance(card, Card)
        (made,) = contacts(account).values()
        assert vcards.value(made, "FN") == "Dev, the list"
        assert vcards.value(made, "NOTE") == f"List-Id: {DEV}"
        assert vcards.values(made, "EMAIL") == ([email] if email else [])
        assert card.uid == next(card_uids(DEV))
        for seen in (book.latest(), opened(account).book.refresh()):
            assert [(x.uid, x.name, x.is_made) for x in seen.cards(DEV)] == [
                (card.uid, "Dev, the list", True)
            ]
            assert [x.uid for x in seen.cards(address(POST))] == ([card.uid] if email else [])

    def test_it_is_made_once(self, account: AccountUnderTest, book: AddressBook) -> None:
        """By whoever and however often."""
        for each in (book, book, opened(account).book):
            each.refresh()
            assert isinstance(each.create([new_list()])[DEV], Card)
        assert len(contacts(account)) == 1

    def test_a_card_of_a_person_that_names_the_list_is_taken(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
        """It stands for the list already, and not a byte of it changes."""
        account.put_card("d.vcf", vcards.contact("d", "Ours", extra=[f"NOTE:List-Id: {DEV}"]))
        before = account.cards()
        book.refresh()
        card = book.create([new_list()])[DEV]
        assert isinstance(card, Card)
        assert card.uid == "d"
        assert account.cards() == before

    @pytest.mark.parametrize("email", [POST, ""], ids=["with a posting address", "without one"])
    def test_it_is_known_as_unchanged_until_somebody_changes_it(
        self, account: AccountUnderTest, book: AddressBook, email: str
    ) -> None:
        """Over whichever way: then it is the person's, and stays."""
        book.refresh()
        book.create([new_list(email)])
        (card,) = opened(account).book.made().cards
        assert (card.address, card.name) == (DEV, "Dev, the list")
        assert card.alteration is Alteration.NONE
        (name,) = contacts(account)
        changed = contacts(account)[name].replace(b"List-Id", b"ours\\nList-Id")
        account.put_card(name, changed)
        (card,) = opened(account).book.made().cards
        assert card.alteration is Alteration.SEEN

    def test_one_that_was_made_over_jmap_is_known_over_carddav(self, account: AccountUnderTest) -> None:
        """And the other way round, where there are both."""
        if not isinstance(account, AccountOnSandbox) or not account.is_over_jmap:
            pytest.skip("the account has one way")
        opened(account).book.create([new_list()])
        other = opened(account, **account.secrets, MAILROOM_CONTACTS="carddav").book
        assert [x.alteration for x in other.made().cards] == [Alteration.NONE]
        assert not other.delete_cards([next(card_uids(DEV))], lambda _: "")
        other.refresh()
        assert isinstance(other.create([new_list()])[DEV], Card)
        assert [x.alteration is not Alteration.SEEN for x in opened(account).book.made().cards] == [True]
