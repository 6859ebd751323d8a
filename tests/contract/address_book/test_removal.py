"""Taking away what was made: cards and contact groups, each in the version that was looked at."""

from __future__ import annotations

from contextlib import closing

import pytest

from mailroom.carddav.books import Books
from mailroom.carddav.cards import StoredCard
from mailroom.carddav.client import CardDavClient
from mailroom.carddav.reading import read_cards
from mailroom.http import HttpClient
from mailroom.model.address_book import AddressBook
from mailroom.model.contacts import Alteration, Card, CardUid, MadeCard, MadeGroup, NewCard
from mailroom.triage.inventory import why_card_stays
from tests.contract.address_book import address
from tests.contract.address_book.test_writing import adding, new_card
from tests.support import vcards
from tests.support.accounts import (
    GROUPS,
    AccountUnderTest,
    add_contact,
    contacts,
    contacts_of,
    group_card_name,
    groups_of,
    join,
)
from tests.support.given_time import eventually
from tests.support.running import opened, settings_for

ANN, BOB = "ann@example.net", "Bob@Example.net"


def made(book: AddressBook, *cards: NewCard) -> list[CardUid]:
    """Make cards, and return their identifiers."""
    assert all(isinstance(each, Card) for each in book.create(cards).values())
    return [card.uid for card in book.made().cards]


def no_objection(_: MadeCard | MadeGroup) -> str:
    return ""


def test_tells_what_was_made_and_in_which_groups_it_is(account: AccountUnderTest, book: AddressBook) -> None:
    """Of all groups, a person's own too; and nothing of what others have made."""
    add_contact(account, "Carol", "carol@example.net", groups=["Feed"])
    (uid,) = made(book, new_card(BOB, "Böb, Inc."))
    book.regroup({"Feed": adding(uid)})
    join(account, "Friends", uid)
    (card,) = book.made().cards
    assert (card.address, card.name) == (address(BOB), "Böb, Inc.")
    assert sorted(card.groups) == ["Feed", "Friends"]
    assert book.made().groups == (), "a person has made them here"


def test_tells_so_after_a_fresh_start_too(account: AccountUnderTest, book: AddressBook) -> None:
    """What was made years ago is known by its identifier alone."""
    made(book, new_card(ANN))
    assert [card.address for card in opened(account).book.made().cards] == [ANN]


def test_a_new_name_is_never_taken_for_none(account: AccountUnderTest, book: AddressBook) -> None:
    """Each card tells what it was made with, whether or not the server tells dates."""
    book.create([new_card(ANN, "Shop News"), new_card(BOB, BOB)])
    cards = book.made().cards
    assert [card.alteration for card in cards] == [Alteration.NONE] * 2
    for card, name in zip(cards, (b"Shop News", BOB.encode()), strict=True):
        resource = f"{card.uid}.vcf"
        account.put_card(resource, account.cards()[resource].replace(b"FN:" + name, b"FN:Aunt Erna"))
    before = contacts(account)
    stays = book.delete_cards([card.uid for card in cards], lambda card: why_card_stays(card, ()))
    assert stays.keys() == {card.uid for card in cards}
    assert contacts(account) == before


def test_of_an_older_card_nobody_knows_its_name_where_no_dates_tell(
    account: AccountUnderTest, book: AddressBook
) -> None:
    """It says nothing of what it was made with; one that is named by its address has no name to lose."""
    if account.is_over_jmap:
        pytest.skip("what version 1.0 wrote over JMAP tells it")
    book.create([new_card(ANN, "Shop News"), new_card(BOB, BOB)])
    for resource, card in contacts(account).items():
        account.put_card(resource, vcards.without_product(card))
    named, nameless = sorted(book.made().cards, key=lambda card: card.name == BOB)
    assert named.alteration is (Alteration.NONE if account.describes_cards else Alteration.UNKNOWN)
    assert nameless.alteration is Alteration.NONE
    if not account.describes_cards:
        stays = book.delete_cards([named.uid], lambda card: why_card_stays(card, ()))
        assert "does not tell enough of it" in stays[named.uid]


def test_dates_betray_a_new_name(account: AccountUnderTest, book: AddressBook) -> None:
    """Where a server tells them: that of making stays through every writing, that of change does not."""
    if account.is_over_jmap:
        pytest.skip("there are no dates of CardDAV")
    made(book, new_card(ANN, "Shop News"))
    (name,) = contacts(account)
    settings = settings_for(account, {})
    with closing(HttpClient(settings.carddav_url, settings.carddav_credentials)) as http:
        client = CardDavClient(http, settings.carddav_url)
        books = Books(client, frozenset(GROUPS))
        books.refresh()

        def dates() -> tuple[int, int]:
            (stored,) = read_cards(client, books.chosen.book, [name], whole=True)
            assert isinstance(stored, StoredCard)
            return stored.created, stored.modified

        def renamed() -> tuple[int, int]:
            account.put_card(name, account.cards()[name].replace(b"Shop News", b"Aunt Erna"))
            return dates()

        before = dates()
        if not account.describes_cards:
            assert before == renamed() == (0, 0)
            return
        created, modified = before
        # They count whole seconds: until the next one, the change bears the date of making.
        assert eventually(lambda: renamed()[1] > modified)
        assert dates()[0] == created


def test_of_two_cards_of_one_identifier_neither_goes(account: AccountUnderTest, book: AddressBook) -> None:
    """Somebody copied it into another book, and which of them was looked at nobody can tell."""
    made(book, new_card(ANN, ANN))
    account.add_address_book("other")
    (name,) = contacts(account)
    account.put_card(name, contacts(account)[name], "other")
    later = opened(account).book
    shown = later.made().cards
    staying = later.delete_cards([card.uid for card in shown], no_objection)
    assert len(shown) == 2
    assert all("several cards have its identifier" in staying[card.uid] for card in shown)
    assert later.made().cards == shown


def test_deletes_cards_and_leaves_all_else(account: AccountUnderTest, book: AddressBook) -> None:
    """One that is gone already is no failure."""
    add_contact(account, "Carol", "carol@example.net", groups=["Feed"])
    uids = made(book, new_card(ANN), new_card(BOB))
    assert book.delete_cards(uids[:1], no_objection) == {}
    assert book.delete_cards(uids, no_objection) == {}
    assert len(contacts(account)) == 1
    assert groups_of(account, "carol@example.net") == ["Feed"]
    assert not book.refresh().cards(address(ANN))


def test_asks_of_each_card_as_it_is_then(account: AccountUnderTest, book: AddressBook) -> None:
    """What is said against it keeps it, and what changed since it was shown is seen."""
    uids = made(book, new_card(ANN), new_card(BOB))
    name = f"{uids[0]}.vcf"
    account.put_card(name, account.cards()[name].replace(b"END:VCARD", b"TEL:1\r\nEND:VCARD"))
    staying = book.delete_cards(
        uids, lambda card: f"not {card.address}" if card.alteration is Alteration.SEEN else ""
    )
    assert staying == {uids[0]: f"not {ANN}"}
    assert len(contacts_of(account, ANN)) == 1
    assert not contacts_of(account, BOB)


def test_deletes_a_group_and_none_of_its_members(account: AccountUnderTest, book: AddressBook) -> None:
    """Their cards stay as they are."""
    account.delete_card("Feed.vcf")
    assert book.create_groups(["Feed"]) == {}
    add_contact(account, "Carol", "carol@example.net", groups=["Feed"])
    before = contacts(account)
    (group,) = book.made().groups
    assert (group.name, group.members, group.is_unchanged) == ("Feed", 1, True)
    assert book.delete_groups([group.uid], lambda each: f"has {each.members}") == {group.uid: "has 1"}
    assert book.delete_groups([group.uid], no_objection) == {}
    assert contacts(account) == before
    assert groups_of(account, "carol@example.net") == []


def test_a_group_that_was_renamed_meanwhile_is_not_told_as_gone(
    account: AccountUnderTest, book: AddressBook
) -> None:
    """Its identifier says that it is there, under whatever name; one that is gone is no failure."""
    account.delete_card("Feed.vcf")
    account.delete_card("Jail.vcf")
    assert book.create_groups(["Feed", "Jail"]) == {}
    feed, jail = (group.uid for group in book.made().groups)
    name = group_card_name(account, "Feed")
    account.put_card(name, account.cards()[name].replace(b"Feed", b"Reading"))
    account.delete_card(group_card_name(account, "Jail"))
    assert book.delete_groups([feed, jail], no_objection) == {feed: "it was changed meanwhile"}
    assert group_card_name(account, "Reading") == name
