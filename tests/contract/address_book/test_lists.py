"""Mailing lists in the address book: which cards stand for them, whoever wrote the note."""

from __future__ import annotations

import pytest

from mailroom.carddav.reading import WHOLE_CARDS
from mailroom.model.address_book import AddressBook
from mailroom.model.contacts import CardUid
from mailroom.model.party import MailingList
from tests.contract.address_book import address
from tests.support import vcards
from tests.support.accounts import AccountUnderTest, add_contact, join
from tests.support.on_dav import AccountOnDavServer
from tests.support.running import opened

DEV, ANNOUNCE = MailingList("<dev.lists.example.org>"), MailingList("<announce.lists.example.org>")


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

    def test_notes_are_not_asked_for_where_decisions_about_lists_are_off(
        self, account: AccountUnderTest
    ) -> None:
        """They may be long, and nobody needs them."""
        for _ in range(WHOLE_CARDS + 1):
            add_contact(account, "Somebody", "somebody@example.net")
        account.put_card("d.vcf", vcards.contact("d", "Dev", extra=[f"NOTE:List-Id: {DEV}"]))
        off = opened(account, MAILROOM_LABEL_ENTIRE_LIST="").book
        if isinstance(account, AccountOnDavServer):
            pytest.skip("the server gives whole cards whatever it is asked for")
        assert not off.refresh().cards(DEV)
