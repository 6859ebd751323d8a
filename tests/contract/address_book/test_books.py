"""Several address books in one account, and what may be done to them."""

from __future__ import annotations

import pytest

from mailroom.errors import UserError
from mailroom.model.address_book import Refused
from mailroom.model.contacts import CardUid
from tests.contract.address_book import address
from tests.contract.address_book.test_writing import adding, new_card
from tests.support import vcards
from tests.support.accounts import GROUPS, AccountUnderTest, add_contact, contacts_of, label, members
from tests.support.running import opened, run_command, run_cycle

ANN = ("Ann", "ann@example.net")


@pytest.fixture
def with_ann(account: AccountUnderTest) -> AccountUnderTest:
    """An account in whose other address book Ann is."""
    account.add_address_book("Other")
    account.put_card("ann.vcf", vcards.contact("ann", *ANN), "Other")
    return account


def test_a_contact_in_another_book_is_known(with_ann: AccountUnderTest) -> None:
    """Nobody gets a second card for being in another book; groups take them with the UID they have."""
    book = opened(with_ann).book
    (card,) = book.refresh().cards(address(ANN[1]))
    assert (card.uid, card.name) == ("ann", "Ann")
    assert book.create([new_card("ann@example.net", "Ann")]) == {address(ANN[1]): card}
    assert book.regroup({"Feed": adding("ann")}) == {}
    assert members(with_ann, "Feed") == ["ann"]
    assert not contacts_of(with_ann, ANN[1])
    assert "Feed" in opened(with_ann).book.refresh().groups(CardUid("ann"))


def test_a_cycle_files_a_contact_of_another_book(with_ann: AccountUnderTest) -> None:
    """One label, no second card, one line in the group, and the mail moves."""
    message = with_ann.receive([ANN], "Screener")
    label(with_ann, message, "@ToFeed")
    report = run_cycle(with_ann)
    assert [filed.filing.created for filed in report.filed] == [False]
    assert with_ann.mailboxes_of(message) == {"Feed"}
    assert members(with_ann, "Feed") == ["ann"]
    assert not contacts_of(with_ann, ANN[1])


def test_groups_and_cards_are_written_where_the_groups_are(account: AccountUnderTest) -> None:
    """A book that comes later, with no group or with some of them, changes nothing about it."""
    account.add_address_book("Aaa")
    account.put_card("Feed.vcf", vcards.group("Feed", uid="another feed"), "Aaa")
    book = opened(account).book
    assert sorted(name for name in book.refresh().group_names() if name in GROUPS) == sorted(GROUPS)
    book.create([new_card("bob@example.net")])
    assert len(contacts_of(account, "bob@example.net")) == 1


def test_a_book_that_may_only_be_read_is_told_before_anything_is_written(account: AccountUnderTest) -> None:
    """By the start, by check, and by a cycle; the label stays, and nothing is done by halves."""
    uid = add_contact(account, *ANN)
    message = account.receive([ANN], "Screener", "@ToFeed")
    stranger = account.receive([("Bob", "bob@example.net")], "Screener", "@ToFeed")
    assert opened(account).book.problems() == []
    account.protect_address_book()
    before = account.state()
    mailroom = opened(account)
    (problem,) = mailroom.book.problems()
    assert "may be read, but not written" in problem
    with pytest.raises(UserError, match="not written"):
        mailroom.triage.check_book()
    with pytest.raises(UserError, match="not written"):
        mailroom.triage.run()
    assert isinstance(
        mailroom.book.create([new_card("bob@example.net")])[address("bob@example.net")], Refused
    )
    assert mailroom.book.regroup({"Feed": adding(uid)}).keys() == {"Feed"}
    assert mailroom.book.create_groups(["New"]).keys() == {"New"}
    checked = run_command(account.environment, "check")
    assert checked.code == 1
    assert "not written" in " ".join(checked.output.split())
    assert account.state() == before
    for each in (message, stranger):
        assert account.mailboxes_of(each) == {"Screener", "@ToFeed"}
    assert not any(request.startswith("PUT") for request in account.requests())


def test_a_large_book_is_read_in_part_and_its_groups_as_a_whole(account: AccountUnderTest) -> None:
    """Addresses of every form, photos left out, and groups of both versions with their members."""
    photo = f"PHOTO;ENCODING=b;TYPE=JPEG:{'A' * 40_000}"
    for n in range(60):
        grouped = [f"item1.EMAIL:grouped{n}@example.net", "item1.X-ABLabel:Own"]
        account.put_card(
            f"{n}.vcf", vcards.contact(str(n), f"N{n}", f"n{n}@example.net", extra=[*grouped, photo])
        )
    account.put_card("Feed.vcf", vcards.group("Feed", ["1", "2"]))
    account.put_card("Jail.vcf", vcards.group_4("Jail", ["3"], prefix=account.member_prefix))
    seen = opened(account).book.refresh()
    for n in range(60):
        for wanted in (f"n{n}@example.net", f"grouped{n}@example.net"):
            assert [card.uid for card in seen.cards(address(wanted))] == [str(n)]
    assert [set(seen.groups(CardUid(str(n)))) & set(GROUPS) for n in range(1, 5)] == [
        {"Feed"},
        {"Feed"},
        {"Jail"},
        set(),
    ]
