"""A whole cycle: whom a label files, under which card and in which group."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.support import vcards
from tests.support.accounts import (
    AccountUnderTest,
    add_contact,
    contacts,
    contacts_of,
    furnish,
    group_card_name,
    groups_of,
    label,
    members,
    unlabel,
)
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.running import opened, run_cycle

ANN = ("Ann Smith", "ann@example.net")
BOB = ("Bob", "bob@example.net")

CATEGORIES = [
    pytest.param("@ToImbox", "Imbox", "Inbox", True, id="Imbox"),
    pytest.param("@ToFeed", "Feed", "Feed", True, id="Feed"),
    pytest.param("@ToPaperTrail", "Paper Trail", "Paper Trail", True, id="Paper Trail"),
    pytest.param("@ToJail", "Jail", "Jail", True, id="Jail"),
    pytest.param("@ToPerson", "Imbox", "Inbox", False, id="Person"),
]


@pytest.mark.parametrize(("triage_label", "group", "destination", "is_company"), CATEGORIES)
def test_each_label_has_its_group_destination_and_kind_of_card(
    account: AccountUnderTest, triage_label: str, group: str, destination: str, is_company: bool
) -> None:
    """A label puts its sender into a group, their mail into a destination, and gives a kind of card."""
    labelled = account.receive([ANN], "Screener", triage_label)
    waiting = account.receive([ANN], "Screener")
    run_cycle(account)
    assert groups_of(account, ANN[1]) == [group]
    assert account.mailboxes_of(labelled) == account.mailboxes_of(waiting) == {destination}
    (card,) = contacts_of(account, ANN[1])
    assert vcards.value(card, "FN") == "Ann Smith"
    if is_company:
        assert vcards.value(card, "ORG") == "Ann Smith"
    else:
        assert not vcards.values(card, "ORG")
        assert vcards.value(card, "N").split(";")[:2] == ["Smith", "Ann"]


@pytest.mark.parametrize("triage_label", ["@ToFeed", "@ToJail"])
def test_a_new_card_shows_the_address_as_the_sender_writes_it(
    account: AccountUnderTest, triage_label: str
) -> None:
    """A card is for people to read, whatever its sender is filed as; only comparing leaves case out."""
    account.receive([("Ann", "Ann.Smith@example.net")], "Screener", triage_label)
    run_cycle(account)
    (card,) = contacts(account).values()
    assert vcards.value(card, "EMAIL") == "Ann.Smith@example.net"


class TestTheSender:
    """Who is meant by a label."""

    @pytest.mark.parametrize(
        "places", [["Screener"], ["Inbox"], ["Family"], ["Archive"], ["Feed", "Family"], ["Trash"], []]
    )
    def test_a_label_counts_wherever_the_message_lies(
        self, account: AccountUnderTest, places: list[str]
    ) -> None:
        """A labelled message is found in whatever mailbox, also in none but the label."""
        message = account.receive([ANN], *places, "@ToFeed")
        run_cycle(account)
        assert groups_of(account, ANN[1]) == ["Feed"]
        assert "@ToFeed" not in account.mailboxes_of(message)

    def test_every_labelled_message_is_found(self, account: AccountUnderTest) -> None:
        """There may be more labelled messages than the server gives at once."""
        senders = [(f"Sender {n}", f"sender{n}@example.net") for n in range(account.max_objects + 5)]
        messages = [account.receive([sender], "Screener", "@ToFeed") for sender in senders]
        run_cycle(account)
        assert len(members(account, "Feed")) == len(senders)
        assert {frozenset(account.mailboxes_of(message)) for message in messages} == {frozenset({"Feed"})}

    def test_addresses_compare_without_case_and_with_idn_forms_equal(self, account: AccountUnderTest) -> None:
        """Messages from differently written forms of an address are one sender's, with one card."""
        first = account.receive([("Bücher", "Info@xn--bcher-kva.EXAMPLE")], "Screener", "@ToFeed")
        second = account.receive([("Bücher", "info@XN--BCHER-KVA.example")], "Screener", "@ToFeed")
        waiting = account.receive([("Bücher", "INFO@xn--bcher-kva.example")], "Screener")
        account.put_card("b.vcf", vcards.contact("b", "Bücher", "info@bücher.example"))
        run_cycle(account)
        assert list(contacts(account)) == ["b.vcf"]
        assert members(account, "Feed") == ["b"]
        for message in (first, second, waiting):
            assert account.mailboxes_of(message) == {"Feed"}

    @pytest.mark.parametrize(
        "senders",
        [
            pytest.param([("Ann", "mailto:ann@example.net")], id="URI"),
            pytest.param([("Ann", "<ann@example.net>")], id="brackets"),
            pytest.param([("", "ann@example.net"), ("Ann", "ANN@example.net")], id="twice"),
            pytest.param([("Ann", '"ann"@example.net')], id="quotes"),
        ],
    )
    def test_an_oddly_written_sender_is_the_one_who_is_known(
        self, account: AccountUnderTest, senders: list[tuple[str, str]]
    ) -> None:
        """Their card is found, none is made, now or later, and the rest of their mail comes along."""
        card = add_contact(account, "Ann", "ann@example.net")
        odd, plain = account.receive(senders, "Screener", "@ToFeed"), account.receive([ANN], "Screener")
        for _ in range(3):
            run_cycle(account)
            assert account.mailboxes_of(odd) == account.mailboxes_of(plain) == {"Feed"}
            assert len(contacts(account)) == 1
            assert members(account, "Feed") == [card]

    @pytest.mark.parametrize(
        "senders",
        [
            pytest.param(None, id="missing"),
            pytest.param([], id="empty"),
            pytest.param([ANN, BOB], id="several"),
            pytest.param([("Root", "root")], id="no domain"),
            pytest.param([("Nobody", "@example.net")], id="no local part"),
            pytest.param([("Everybody", "*@example.net")], id="everybody at a domain"),
            pytest.param([("Everybody", '"*"@example.net')], id="everybody, in quotes"),
            pytest.param([("Everybody", "*@*.example.net")], id="everybody below a domain"),
        ],
    )
    def test_a_message_without_a_usable_sender_is_left_to_the_person(
        self, account: AccountUnderTest, senders: list[tuple[str, str]] | None
    ) -> None:
        """Such a message gets the error label and keeps all else; the reason is told; others go on."""
        unusable = account.receive(senders, "Screener", "@ToFeed")
        fine = account.receive([("Carol", "carol@example.net")], "Screener", "@ToFeed")
        report = run_cycle(account)
        assert account.mailboxes_of(unusable) == {"Screener", "@ToFeed", "@MailroomError"}
        assert account.mailboxes_of(fine) == {"Feed"}
        (rejected,) = report.rejected
        assert (rejected.message_id, rejected.is_new) == (unusable, True)
        assert rejected.reason
        assert [vcards.value(card, "FN") for card in contacts(account).values()] == ["Carol"]

    def test_the_accounts_own_address_is_never_filed(self, account: AccountUnderTest) -> None:
        """A label on one's own message is an error, however the address is written."""
        own = account.receive([("Me", account.address.upper())], "Inbox", "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(own) == {"Inbox", "@ToFeed", "@MailroomError"}
        assert not contacts(account)
        assert members(account, "Feed") == []

    def test_nor_is_an_address_that_the_person_sends_from(self) -> None:
        """Every identity of the account is its own address; only the sandbox can have more than one."""
        with closing(AccountOnSandbox(identities=["alias@example.org"])) as account:
            furnish(account)
            own = account.receive([("Me", "Alias@example.org")], "Inbox", "@ToFeed")
            run_cycle(account)
            assert account.mailboxes_of(own) == {"Inbox", "@ToFeed", "@MailroomError"}
            assert not contacts(account)


class TestConflict:
    """One sender with labels of two categories."""

    def test_two_labels_are_an_error_and_nothing_is_filed(self, account: AccountUnderTest) -> None:
        """All their labelled messages get the error label, and nothing else happens to them."""
        feed = account.receive([ANN], "Screener", "@ToFeed")
        jail = account.receive([ANN], "Screener", "@ToJail")
        waiting = account.receive([ANN], "Screener")
        other = account.receive([BOB], "Screener", "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(feed) == {"Screener", "@ToFeed", "@MailroomError"}
        assert account.mailboxes_of(jail) == {"Screener", "@ToJail", "@MailroomError"}
        assert account.mailboxes_of(waiting) == {"Screener"}
        assert groups_of(account, ANN[1]) == []
        assert account.mailboxes_of(other) == {"Feed"}, "another sender is filed all the same"

    def test_two_labels_on_one_message_are_a_conflict(self, account: AccountUnderTest) -> None:
        """It does not matter on how many messages the labels are."""
        message = account.receive([ANN], "Screener", "@ToFeed", "@ToJail")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Screener", "@ToFeed", "@ToJail", "@MailroomError"}

    def test_a_solved_conflict_is_filed_and_tidied_up(self, account: AccountUnderTest) -> None:
        """When one label is taken off, the sender is filed and all error labels come off by themselves."""
        feed = account.receive([ANN], "Screener", "@ToFeed")
        jail = account.receive([ANN], "Screener", "@ToJail")
        run_cycle(account)
        unlabel(account, jail, "@ToJail")
        run_cycle(account)
        assert groups_of(account, ANN[1]) == ["Feed"]
        assert account.mailboxes_of(feed) == account.mailboxes_of(jail) == {"Feed"}

    def test_a_dropped_conflict_is_tidied_up(self, account: AccountUnderTest) -> None:
        """When all labels are taken off, so is the error label, and nothing is filed."""
        message = account.receive([ANN], "Screener", "@ToFeed", "@ToJail")
        run_cycle(account)
        unlabel(account, message, "@ToFeed", "@ToJail")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Screener"}
        assert not contacts(account)

    def test_imbox_and_person_are_two_categories(self, account: AccountUnderTest) -> None:
        """Labels of two categories are a conflict even where both lead to one group."""
        message = account.receive([ANN], "Screener", "@ToImbox", "@ToPerson")
        run_cycle(account)
        assert "@MailroomError" in account.mailboxes_of(message)


class TestFailure:
    """What goes wrong for one sender."""

    def test_one_senders_failure_leaves_their_label_and_touches_no_other(
        self, account: AccountUnderTest
    ) -> None:
        """They keep their label and their mail its place; the next cycle files them."""
        jailed = account.receive([ANN], "Screener", "@ToJail")
        waiting = account.receive([ANN], "Screener")
        fed = account.receive([BOB], "Screener", "@ToFeed")
        mailroom = opened(account)
        mailroom.begin()
        jail = group_card_name(account, "Jail")
        account.delete_card(jail)
        report = mailroom.triage.run()
        assert set(report.failed) == {ANN[1]}
        assert "Jail" in report.failed[ANN[1]]  # type: ignore[index]
        assert account.mailboxes_of(jailed) == {"Screener", "@ToJail"}
        assert account.mailboxes_of(waiting) == {"Screener"}
        assert account.mailboxes_of(fed) == {"Feed"}
        account.put_card(jail, vcards.group("Jail"))
        report = mailroom.triage.run()
        assert not report.has_failures
        assert account.mailboxes_of(jailed) == account.mailboxes_of(waiting) == {"Jail"}
        assert len(contacts_of(account, ANN[1])) == 1

    def test_a_label_put_on_again_changes_nothing_but_the_label(self, account: AccountUnderTest) -> None:
        """A sender who is filed already is filed again without a write to the address book."""
        message = account.receive([ANN], "Screener", "@ToFeed")
        run_cycle(account)
        book = account.state()[-1]
        label(account, message, "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Feed"}
        assert account.state()[-1] == book
