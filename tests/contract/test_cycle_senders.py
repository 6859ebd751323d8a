"""A whole cycle: whom a label files, under which card and in which group."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from tests.contract import vcards
from tests.contract.accounts import (
    GROUPS,
    OWN_GROUP,
    Account,
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
from tests.contract.on_sandbox import SandboxAccount
from tests.contract.running import opened, run_cycle

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
    account: Account, triage_label: str, group: str, destination: str, is_company: bool
) -> None:
    """A label puts its sender into a group and his mail into a destination, and gives him a kind of card."""
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


class TestTheSender:
    """Who is meant by a label."""

    @pytest.mark.parametrize(
        "places", [["Screener"], ["Inbox"], ["Family"], ["Archive"], ["Feed", "Family"], ["Trash"], []]
    )
    def test_a_label_counts_wherever_the_message_lies(self, account: Account, places: list[str]) -> None:
        """A labelled message is found in whatever mailbox, also in none but the label."""
        message = account.receive([ANN], *places, "@ToFeed")
        run_cycle(account)
        assert groups_of(account, ANN[1]) == ["Feed"]
        assert "@ToFeed" not in account.mailboxes_of(message)

    def test_every_labelled_message_is_found(self, account: Account) -> None:
        """There may be more labelled messages than the server gives at once."""
        senders = [(f"Sender {n}", f"sender{n}@example.net") for n in range(account.max_objects + 5)]
        messages = [account.receive([sender], "Screener", "@ToFeed") for sender in senders]
        run_cycle(account)
        assert len(members(account, "Feed")) == len(senders)
        assert {frozenset(account.mailboxes_of(message)) for message in messages} == {frozenset({"Feed"})}

    def test_addresses_compare_without_case_and_with_idn_forms_equal(self, account: Account) -> None:
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
            pytest.param(None, id="missing"),
            pytest.param([], id="empty"),
            pytest.param([ANN, BOB], id="several"),
            pytest.param([("Root", "root")], id="no domain"),
            pytest.param([("Nobody", "@example.net")], id="no local part"),
        ],
    )
    def test_a_message_without_a_usable_sender_is_left_to_the_person(
        self, account: Account, senders: list[tuple[str, str]] | None
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

    def test_the_accounts_own_address_is_never_filed(self, account: Account) -> None:
        """A label on one's own message is an error, however the address is written."""
        own = account.receive([("Me", account.address.upper())], "Inbox", "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(own) == {"Inbox", "@ToFeed", "@MailroomError"}
        assert not contacts(account)
        assert members(account, "Feed") == []

    def test_nor_is_an_address_that_the_person_sends_from(self) -> None:
        """Every identity of the account is its own address; only the sandbox can have more than one."""
        with closing(SandboxAccount(identities=["alias@example.org"])) as account:
            furnish(account)
            own = account.receive([("Me", "Alias@example.org")], "Inbox", "@ToFeed")
            run_cycle(account)
            assert account.mailboxes_of(own) == {"Inbox", "@ToFeed", "@MailroomError"}
            assert not contacts(account)


class TestConflict:
    """One sender with labels of two categories."""

    def test_two_labels_are_an_error_and_nothing_is_filed(self, account: Account) -> None:
        """All his labelled messages get the error label, and nothing else happens to him."""
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

    def test_two_labels_on_one_message_are_a_conflict(self, account: Account) -> None:
        """It does not matter on how many messages the labels are."""
        message = account.receive([ANN], "Screener", "@ToFeed", "@ToJail")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Screener", "@ToFeed", "@ToJail", "@MailroomError"}

    def test_a_solved_conflict_is_filed_and_tidied_up(self, account: Account) -> None:
        """When one label is taken off, the sender is filed and all error labels come off by themselves."""
        feed = account.receive([ANN], "Screener", "@ToFeed")
        jail = account.receive([ANN], "Screener", "@ToJail")
        run_cycle(account)
        unlabel(account, jail, "@ToJail")
        run_cycle(account)
        assert groups_of(account, ANN[1]) == ["Feed"]
        assert account.mailboxes_of(feed) == account.mailboxes_of(jail) == {"Feed"}

    def test_a_dropped_conflict_is_tidied_up(self, account: Account) -> None:
        """When all labels are taken off, so is the error label, and nothing is filed."""
        message = account.receive([ANN], "Screener", "@ToFeed", "@ToJail")
        run_cycle(account)
        unlabel(account, message, "@ToFeed", "@ToJail")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Screener"}
        assert not contacts(account)

    def test_imbox_and_person_are_two_categories(self, account: Account) -> None:
        """Labels of two categories are a conflict even where both lead to one group."""
        message = account.receive([ANN], "Screener", "@ToImbox", "@ToPerson")
        run_cycle(account)
        assert "@MailroomError" in account.mailboxes_of(message)


class TestTheCard:
    """Which card a sender is filed under."""

    @pytest.mark.parametrize(
        "lines",
        [
            pytest.param(["EMAIL;TYPE=INTERNET,PREF:Ann@Example.NET"], id="plain"),
            pytest.param(["item1.EMAIL:ann@example.net", "item1.X-ABLabel:Home"], id="item1"),
            pytest.param(["EMAIL:first@example.net", "EMAIL:ann@example.net"], id="second address"),
        ],
    )
    def test_an_existing_card_is_found_and_keeps_every_byte(self, account: Account, lines: list[str]) -> None:
        """A sender who has a card is filed under it, and the card is not rewritten."""
        rest = ["NOTE:a\\, b\\; c", "ORG:Acme, Inc.;R", "NICKNAME:a,b", "PHOTO:data:image/png;base64,AAAA"]
        account.put_card("a.vcf", vcards.contact("a", "Ann Smith", extra=[*lines, *rest, "X-ODD;X-P=1:x,y"]))
        before = contacts(account)
        account.receive([ANN], "Screener", "@ToFeed")
        report = run_cycle(account)
        assert contacts(account) == before
        assert members(account, "Feed") == ["a"]
        assert not report.filed[0].filing.created

    @pytest.mark.parametrize("triage_label", ["@ToFeed", "@ToPerson"])
    def test_a_sender_without_a_display_name_is_named_by_his_address(
        self, account: Account, triage_label: str
    ) -> None:
        """A new card's name is the address where the sender shows no other."""
        account.receive([("", "Ann@example.net")], "Screener", triage_label)
        run_cycle(account)
        (card,) = contacts_of(account, ANN[1])
        assert vcards.value(card, "FN") == "Ann@example.net"

    def test_several_messages_of_a_new_sender_make_one_card(self, account: Account) -> None:
        """A sender gets one card, however many of his messages are labelled."""
        for _ in range(3):
            account.receive([ANN], "Screener", "@ToFeed")
        run_cycle(account)
        assert len(contacts(account)) == 1

    def test_of_several_cards_the_one_in_a_triage_group_is_taken(self, account: Account) -> None:
        """The card that the person has filed before stands for the sender; that there are more is told."""
        add_contact(account, "Ann", "ann@example.net", groups=[OWN_GROUP])
        filed = add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        add_contact(account, "Ann", "ann@example.net")
        account.receive([ANN], "Screener", "@ToJail")
        report = run_cycle(account)
        assert members(account, "Jail") == [filed]
        assert members(account, "Feed") == []
        assert len(report.filed[0].filing.all_cards) == 3

    def test_of_several_cards_in_no_triage_group_the_oldest_is_taken(self, account: Account) -> None:
        """Without such a group, the card that was made first stands for the sender."""
        account.put_card("z.vcf", vcards.contact("z", "Ann", "ann@example.net"))
        time.sleep(1.1)  # servers tell a card's age in seconds
        account.put_card("a.vcf", vcards.contact("a", "Ann", "ann@example.net"))
        account.receive([ANN], "Screener", "@ToFeed")
        run_cycle(account)
        assert members(account, "Feed") == ["z"]


class TestTheGroup:
    """Which groups a sender is in afterwards."""

    @pytest.mark.parametrize("before", [["Feed"], ["Imbox"], ["Feed", "Paper Trail"], ["Jail", "Feed"], []])
    def test_the_sender_ends_in_exactly_one_triage_group(self, account: Account, before: list[str]) -> None:
        """Whatever groups he was in, he is in the category's group only; others' membership stays."""
        for group in GROUPS:
            add_contact(account, f"Other {group}", f"{group[:2]}@example.net", groups=[group])
        others = {group: members(account, group) for group in GROUPS}
        add_contact(account, "Ann Smith", ANN[1], groups=before)
        account.receive([ANN], "Screener", "@ToJail")
        run_cycle(account)
        assert groups_of(account, ANN[1]) == ["Jail"]
        assert all(set(members(account, group)) >= set(others[group]) for group in GROUPS)

    def test_other_groups_are_not_touched(self, account: Account) -> None:
        """A group that is not a triage group keeps its members and every byte."""
        add_contact(account, "Ann Smith", ANN[1], groups=[OWN_GROUP, "Feed"])
        friends = group_card_name(account, OWN_GROUP)
        before = account.cards()[friends]
        account.receive([ANN], "Screener", "@ToImbox")
        run_cycle(account)
        assert account.cards()[friends] == before
        assert groups_of(account, ANN[1]) == [OWN_GROUP, "Imbox"]

    def test_he_joins_the_new_group_first_and_leaves_the_old_one_after_his_mail_moved(
        self, account: Account
    ) -> None:
        """At every moment he is in a triage group, and a crash leaves his mail to be found."""
        add_contact(account, "Ann Smith", ANN[1], groups=["Feed"])
        account.receive([ANN], "Feed", "@ToJail")
        joins, leaves = group_card_name(account, "Jail"), group_card_name(account, "Feed")
        mailroom = opened(account)
        mailroom.check()
        start = len(account.requests())
        mailroom.triage.run()
        requests = account.requests()[start:]
        (joined,) = (n for n, r in enumerate(requests) if r.startswith("PUT") and r.endswith(joins))
        (left,) = (n for n, r in enumerate(requests) if r.startswith("PUT") and r.endswith(leaves))
        writes_of_mail = [n for n, r in enumerate(requests) if r.startswith("POST")]
        assert joined < left
        assert any(joined < n < left for n in writes_of_mail), "his mail moves in between"
        assert writes_of_mail[-1] > left, "the label comes off last"


class TestFailure:
    """What goes wrong for one sender."""

    def test_one_senders_failure_leaves_his_label_and_touches_no_other(self, account: Account) -> None:
        """He keeps his label and his mail its place; the next cycle files him."""
        jailed = account.receive([ANN], "Screener", "@ToJail")
        waiting = account.receive([ANN], "Screener")
        fed = account.receive([BOB], "Screener", "@ToFeed")
        mailroom = opened(account)
        mailroom.check()
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
        assert not report.failed
        assert account.mailboxes_of(jailed) == account.mailboxes_of(waiting) == {"Jail"}
        assert len(contacts_of(account, ANN[1])) == 1

    def test_a_label_put_on_again_changes_nothing_but_the_label(self, account: Account) -> None:
        """A sender who is filed already is filed again without a write to the address book."""
        message = account.receive([ANN], "Screener", "@ToFeed")
        run_cycle(account)
        book = account.state()[-1]
        label(account, message, "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Feed"}
        assert account.state()[-1] == book
