"""Writing the address book: making cards, and changing contact groups."""

from __future__ import annotations

import pytest

from mailroom.model.address_book import AddressBook
from mailroom.model.contacts import Card, CardKind, CardUid, Membership, NewCard
from tests.contract.address_book import address
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
    members,
)
from tests.support.running import opened


def new_card(email: str, name: str = "Acme", kind: CardKind = CardKind.COMPANY) -> NewCard:
    return NewCard(address(email), email, name, kind)


def adding(*members: str) -> Membership:
    return Membership(add=frozenset(map(CardUid, members)))


def removing(*members: str) -> Membership:
    return Membership(remove=frozenset(map(CardUid, members)))


class TestCreating:
    """`AddressBook.create`."""

    def test_makes_a_card_for_a_company(self, account: AccountUnderTest, book: AddressBook) -> None:
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
        self, account: AccountUnderTest, book: AddressBook, name: str, family: str, given: str
    ) -> None:
        """A person's card has the name as FN, split into given and family name, and no company."""
        book.create([new_card("ann@example.net", name, CardKind.PERSON)])
        (card,) = contacts_of(account, "ann@example.net")
        assert vcards.value(card, "FN") == name
        assert vcards.value(card, "N").split(";")[:2] == [family, given]
        assert not vcards.values(card, "ORG")

    def test_makes_many(self, account: AccountUnderTest, book: AddressBook) -> None:
        """Each address gets a card of its own, for one request each; over JMAP for one in all."""
        book.refresh()
        before = len(account.requests())
        wanted = [new_card(f"sender{n}@example.net", f"Sender {n}") for n in range(30)]
        made = book.create(wanted)
        requests = account.requests()[before:]
        if account.describes_cards:
            assert len(requests) == (1 if account.is_over_jmap else 30)
        for _ in range(10):  # one that cannot keep up makes the rest the next time
            if all(isinstance(card, Card) for card in made.values()):
                break
            assert not account.describes_cards
            made = book.create(wanted)
        assert len({card.uid for card in made.values() if isinstance(card, Card)}) == 30
        emails = [vcards.value(card, "EMAIL") for card in contacts(account).values()]
        assert sorted(emails) == sorted(f"sender{n}@example.net" for n in range(30))

    def test_a_second_time_makes_none(self, account: AccountUnderTest, book: AddressBook) -> None:
        """The card that is there already is told, by the same book and by one that just started."""
        first = book.create([new_card("ann@example.net", "Ann")])
        before = account.state()
        again = book.create([new_card("ann@example.net", "Another name")])
        restarted = opened(account).book.create([new_card("ANN@example.net", "Ann")])
        told = first[address("ann@example.net")]
        assert isinstance(told, Card)
        for made in (again, restarted):
            card = made[address("ann@example.net")]
            assert isinstance(card, Card)
            assert (card.uid, card.name) == (told.uid, told.name)
            if account.describes_cards:
                assert abs(card.created - told.created) <= 2  # by two clocks
        assert account.state() == before

    def test_makes_none_after_a_lost_answer(self, account: AccountUnderTest, book: AddressBook) -> None:
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

    def test_makes_another_where_the_first_was_deleted(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
        """A sender whose card the person has deleted gets one again."""
        book.create([new_card("ann@example.net", "Ann")])
        for name in contacts(account):
            account.delete_card(name)
        book.refresh()
        book.create([new_card("ann@example.net", "Ann")])
        assert len(contacts_of(account, "ann@example.net")) == 1

    def test_keeps_a_card_whose_address_was_edited_away(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
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

    def test_finds_the_new_card_afterwards(self, account: AccountUnderTest, book: AddressBook) -> None:
        """A card just made is in the next view, and in no group yet."""
        made = book.create([new_card("ann@example.net", "Ann")])
        seen = book.refresh()
        (card,) = seen.cards(address("ann@example.net"))
        told = made[address("ann@example.net")]
        assert isinstance(told, Card)
        assert (card.uid, card.name) == (told.uid, told.name)
        assert not set(seen.groups(card.uid)) & set(GROUPS)


class TestRegrouping:
    """`AddressBook.regroup`."""

    @pytest.mark.parametrize("form", vcards.GROUP_FORMS)
    def test_adds_and_removes_members(self, account: AccountUnderTest, book: AddressBook, form: str) -> None:
        """Members come and go in one write; those not named stay, in groups of every form."""
        uids = [add_contact(account, f"Sender {n}", f"sender{n}@example.net") for n in range(4)]
        account.put_card("Feed.vcf", vcards.group_in(form, account.member_prefix, "Feed", uids[:3]))
        book.refresh()
        change = Membership(add=frozenset({CardUid(uids[3])}), remove=frozenset(map(CardUid, uids[:2])))
        assert book.regroup({"Feed": change}) == {}
        assert members(account, "Feed") == uids[2:]
        if not account.is_over_jmap:
            assert sum(request.startswith("PUT") for request in account.requests()) == 1
        assert set(book.refresh().groups(CardUid(uids[3]))) & set(GROUPS) == {"Feed"}

    @pytest.mark.parametrize("form", vcards.GROUP_FORMS)
    def test_fills_an_empty_group(self, account: AccountUnderTest, book: AddressBook, form: str) -> None:
        """Where no line shows how members are written, the new one is of the kind that the server counts."""
        uid = add_contact(account, "Ann", "ann@example.net")
        account.put_card("Feed.vcf", vcards.group_in(form, account.member_prefix, "Feed"))
        book.refresh()
        for _ in range(2):
            assert book.regroup({"Feed": adding(uid)}) == {}
            assert members(account, "Feed") == [uid]
        for seen in (book.latest(), book.refresh(), opened(account).book.refresh()):
            assert set(seen.groups(CardUid(uid))) & set(GROUPS) == {"Feed"}
        assert book.regroup({"Feed": removing(uid)}) == {}
        assert members(account, "Feed") == []

    @pytest.mark.parametrize("form", vcards.GROUP_FORMS)
    def test_keeps_everything_else_in_the_group(
        self, account: AccountUnderTest, book: AddressBook, form: str
    ) -> None:
        """A group's other lines stay as they are: members of shared books, notes, unknown properties."""
        uid = add_contact(account, "Ann", "ann@example.net")
        extra = [
            "X-FM-OTHERACCOUNT-MEMBER;ACCOUNT=u1:urn:uuid:foreign",
            "NOTE:one\\, two\\; three\\nfour",
            f"X-UNKNOWN;X-A=b:{'long ' * 30}",
            "CATEGORIES:a,b",
        ]
        group = vcards.group_in(form, account.member_prefix, "Feed", ["stranger", "colon:ed"], extra=extra)
        account.put_card("Feed.vcf", group)
        before = account.cards()["Feed.vcf"]
        book.refresh()
        book.regroup({"Feed": adding(uid)})
        added = account.cards()["Feed.vcf"]
        if account.is_over_jmap:  # the server writes the group anew, and loses whose a foreign member is
            assert vcards.said_of_group(before) <= vcards.said_of_group(added)
            assert sorted(vcards.members(added)) == sorted([*vcards.members(before), "foreign", uid])
            return
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

    def test_a_second_time_writes_nothing(self, account: AccountUnderTest, book: AddressBook) -> None:
        """Members that are in already, or out already, need no write."""
        uid = add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        book.refresh()
        before = account.state()
        assert book.regroup({"Feed": adding(uid), "Jail": removing(uid)}) == {}
        assert account.state() == before

    def test_keeps_a_concurrent_change(self, account: AccountUnderTest, book: AddressBook) -> None:
        """What the person has put into the group since the last look stays in."""
        mine, theirs = (add_contact(account, name, f"{name}@example.net") for name in ("mine", "theirs"))
        book.refresh()
        join(account, "Feed", theirs)
        assert book.regroup({"Feed": adding(mine)}) == {}
        assert members(account, "Feed") == sorted([mine, theirs])

    def test_changes_several_groups(self, account: AccountUnderTest, book: AddressBook) -> None:
        """Each group gets one write, whatever the number of members; over JMAP all of them get one."""
        uids = [add_contact(account, f"Sender {n}", f"sender{n}@example.net") for n in range(20)]
        book.refresh()
        before = len(account.requests())
        assert book.regroup({"Feed": adding(*uids), "Jail": adding(uids[0])}) == {}
        made = account.requests()[before:]
        if account.is_over_jmap:
            assert len(made) == 1
        else:
            assert len({request for request in made if request.startswith("PUT")}) == 2
        if account.describes_cards and not account.is_over_jmap:  # else each is read before it is edited
            assert len(made) == 2
        assert members(account, "Feed") == sorted(uids)
        assert members(account, "Jail") == uids[:1]

    def test_tells_which_group_is_unknown(self, account: AccountUnderTest, book: AddressBook) -> None:
        """A group that is not there fails with a reason; the others are changed."""
        uid = add_contact(account, "Ann", "ann@example.net")
        account.delete_card(group_card_name(account, "Jail"))
        book.refresh()
        failed = book.regroup({"Jail": adding(uid), "Feed": adding(uid)})
        assert set(failed) == {"Jail"}
        assert "Jail" in failed["Jail"]
        assert groups_of(account, "ann@example.net") == ["Feed"]

    def test_fails_where_the_group_has_just_gone(self, account: AccountUnderTest, book: AddressBook) -> None:
        """A group deleted since the last look is not made anew behind the person's back."""
        uid = add_contact(account, "Ann", "ann@example.net")
        book.refresh()
        account.delete_card(group_card_name(account, "Jail"))
        assert set(book.regroup({"Jail": adding(uid)})) == {"Jail"}
        assert "Jail" not in [vcards.value(card, "FN") for card in account.cards().values()]

    def test_keeps_members_that_are_gone(self, account: AccountUnderTest, book: AddressBook) -> None:
        """A line for a card that no longer exists is not ours to tidy up."""
        uid = add_contact(account, "Ann", "ann@example.net")
        join(account, "Feed", "long-gone", "shared:card")
        book.refresh()
        book.regroup({"Feed": adding(uid)})
        assert members(account, "Feed") == sorted(["long-gone", "shared:card", uid])

    def test_takes_out_a_member_that_stands_twice(self, account: AccountUnderTest, book: AddressBook) -> None:
        """A card taken out of a group is out of it, however many lines it had."""
        uid = add_contact(account, "Ann", "ann@example.net")
        join(account, "Feed", uid, uid)
        book.refresh()
        book.regroup({"Feed": removing(uid)})
        assert members(account, "Feed") == []

    def test_names_a_member_whose_uid_holds_a_colon(
        self, account: AccountUnderTest, book: AddressBook
    ) -> None:
        """A UID such as urn:uuid:… goes in and out again, and is known as a member meanwhile."""
        uid = "urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1"
        account.put_card("c.vcf", vcards.contact(uid, "Ann", "ann@example.net"))
        seen = book.refresh()
        (card,) = seen.cards(address("ann@example.net"))
        book.regroup({"Feed": Membership(add=frozenset({card.uid}))})
        assert "Feed" in opened(account).book.refresh().groups(card.uid)
        book.regroup({"Feed": Membership(remove=frozenset({card.uid}))})
        assert members(account, "Feed") == []
