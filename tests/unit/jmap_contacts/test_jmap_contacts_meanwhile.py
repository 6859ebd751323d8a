"""Contacts over JMAP that the person, or the server, changes between a look and the write that follows it."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from mailroom.errors import ServerError
from mailroom.model.address import Address
from mailroom.model.address_book import Joining, Refused
from mailroom.model.contacts import CardKind, CardUid, Membership, NewCard
from mailroom.sandbox.store.addressbook import AddressBook as SandboxBook
from tests.support import vcards
from tests.support.accounts import (
    AccountUnderTest,
    add_contact,
    contacts,
    contacts_of,
    group_card_name,
    members,
)
from tests.support.behind import Behind
from tests.support.enrolling import enrol, uid_of
from tests.support.harm import cards_set
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.proxy import Exchange

CONTACTS = "urn:ietf:params:jmap:contacts"
ANN, BOB = Address("ann@example.net"), Address("bob@example.net")


def leave(account: AccountUnderTest, group: str) -> None:
    """Everybody leaves a contact group."""
    name = group_card_name(account, group)
    (uid,) = vcards.values(account.cards()[name], "UID")
    account.put_card(name, vcards.group(group, uid=uid))


def test_a_group_that_everybody_left_takes_the_sender(hit: Behind) -> None:
    """Then there are no members to patch any more: it is looked at again, and filled."""
    add_contact(hit.account, "Bob", BOB, groups=["Feed"])
    book = hit.mailroom().book
    book.refresh()
    leave(hit.account, "Feed")
    enrolled = enrol(book, ANN)
    assert not enrolled.failed
    assert members(hit.account, "Feed") == [uid_of(enrolled, ANN)]


def test_whoever_left_a_group_already_has_left_it(hit: Behind) -> None:
    """Also where nobody is in it any more, so that there is nothing to patch."""
    uid = add_contact(hit.account, "Bob", BOB, groups=["Feed"])
    book = hit.mailroom().book
    book.refresh()
    leave(hit.account, "Feed")
    leaving = Membership(remove=frozenset({CardUid(uid)}))
    assert not book.regroup({"Feed": leaving})
    book.refresh()
    assert not book.regroup({"Feed": leaving})
    assert members(hit.account, "Feed") == []


def test_one_leaves_and_another_comes_into_a_group_that_everybody_left(hit: Behind) -> None:
    """Both."""
    bob = add_contact(hit.account, "Bob", BOB, groups=["Feed"])
    ann = add_contact(hit.account, "Ann", ANN)
    book = hit.mailroom().book
    book.refresh()
    leave(hit.account, "Feed")
    both = Membership(add=frozenset({CardUid(ann)}), remove=frozenset({CardUid(bob)}))
    assert not book.regroup({"Feed": both})
    assert members(hit.account, "Feed") == [ann]


@pytest.mark.parametrize("uid", ["a/b", "a~b", "~1", "a~0/~1b", "a b", "urn:uuid:x", 'qu"ote'])
def test_an_identifier_may_have_any_characters(account: AccountOnSandbox, hit: Behind, uid: str) -> None:
    """It comes into a group and goes out of it as itself (RFC 6901), and nobody else goes with it."""
    hit.account.put_card("odd.vcf", vcards.contact(uid, "Ann", ANN))
    bob = add_contact(hit.account, "Bob", BOB, groups=["Feed"])
    book = hit.mailroom().book
    (card,) = book.refresh().cards(ANN)
    assert not book.regroup({"Feed": Membership(add=frozenset({card.uid}))})
    assert "Feed" in book.refresh().groups(card.uid)
    assert account.store.stands_for("group-feed", ANN)
    assert not book.regroup({"Feed": Membership(remove=frozenset({card.uid}))})
    assert members(hit.account, "Feed") == [bob]


def test_a_group_of_five_thousand_takes_one_more(hit: Behind) -> None:
    """None of them is lost, and none of them is sent."""
    many = [f"member-{number}" for number in range(5_000)]
    hit.account.put_card(group_card_name(hit.account, "Feed"), vcards.group("Feed", many))
    book = hit.mailroom().book
    book.refresh()
    enrolled = enrol(book, ANN)
    assert members(hit.account, "Feed") == sorted([*many, uid_of(enrolled, ANN)])
    (write,) = (x for x in hit.proxy.requests if cards_set(x))
    assert len(write.body) < 2_000


def test_of_two_groups_with_one_name_neither_is_changed(hit: Behind) -> None:
    """Nobody knows which is meant: the sender is told, and gets no card."""
    hit.account.put_card("second.vcf", vcards.group("Feed", uid="second"))
    book = hit.mailroom().book
    book.refresh()
    enrolled = enrol(book, ANN)
    assert isinstance(enrolled.cards[ANN], Refused)
    assert set(enrolled.failed) == {"Feed"}
    assert not contacts(hit.account)


def test_a_group_that_goes_meanwhile_fails_its_senders(hit: Behind) -> None:
    """With words; the others are filed, and nothing names the group that is gone."""
    add_contact(hit.account, "Own", "own@example.net", groups=["Feed"])
    book = hit.mailroom().book
    book.refresh()
    hit.account.delete_card(group_card_name(hit.account, "Feed"))
    new = {
        group: Joining(new=(NewCard(x, x, "S", CardKind.COMPANY),))
        for group, x in (("Feed", ANN), ("Jail", BOB))
    }
    enrolled = book.enrol(new)
    assert enrolled.failed == {"Feed": "the contact group 'Feed' is gone"}
    assert members(hit.account, "Jail") == [uid_of(enrolled, BOB)]


def test_an_address_book_that_goes_meanwhile_is_told(account: AccountOnSandbox, hit: Behind) -> None:
    """Nothing is written any more, and everything that is asked for is answered in words."""
    store = account.store
    store.add_book(SandboxBook("Second", "Second", rewrites_cards=False))
    book = hit.mailroom().book
    book.refresh()
    with store.lock:
        for name in list(store.books["Default"].cards):
            store.books["Default"].delete(name)
        del store.books["Default"]
    assert isinstance(enrol(book, ANN).cards[ANN], Refused)
    assert book.problems() == ["the address book 'Default' no longer exists"]
    assert not book.left_out()
    assert set(book.regroup({"Feed": Membership(add=frozenset({CardUid("x")}))})) == {"Feed"}
    assert set(book.create_groups(["Feed"])) == {"Feed"}
    with pytest.raises(ServerError, match="no longer exists"):
        book.refresh()


def test_what_is_written_goes_into_the_account_that_was_read(hit: Behind) -> None:
    """Also where the session says meanwhile that the person's contacts are in another one."""

    def elsewhere(exchange: Exchange) -> None:
        answer = exchange.forward()
        value = json.loads(answer.body)
        if exchange.request.is_session:
            own = value["primaryAccounts"][CONTACTS]
            value["accounts"]["other"] = value["accounts"][own]
            value["primaryAccounts"][CONTACTS] = "other"
        value["state" if exchange.request.is_session else "sessionState"] = "another"
        exchange.reply(evolve(answer, body=json.dumps(value).encode()))

    book = hit.mailroom().book
    book.refresh()
    hit.proxy.plan = elsewhere
    book.refresh()
    hit.now += 3_600
    assert not enrol(book, ANN).failed
    assert contacts_of(hit.account, ANN)
