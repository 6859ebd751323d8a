"""A whole cycle: under which card and in which group a sender is filed."""

from __future__ import annotations

import time

import pytest

from tests.support import vcards
from tests.support.accounts import (
    GROUPS,
    OWN_GROUP,
    AccountUnderTest,
    add_contact,
    contacts,
    contacts_of,
    group_card_name,
    groups_of,
    members,
)
from tests.support.running import opened, run_cycle

ANN = ("Ann Smith", "ann@example.net")


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
    def test_an_existing_card_is_found_and_keeps_every_byte(
        self, account: AccountUnderTest, lines: list[str]
    ) -> None:
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
    def test_a_sender_without_a_display_name_is_named_by_their_address(
        self, account: AccountUnderTest, triage_label: str
    ) -> None:
        """A new card's name is the address where the sender shows no other."""
        account.receive([("", "Ann@example.net")], "Screener", triage_label)
        run_cycle(account)
        (card,) = contacts_of(account, ANN[1])
        assert vcards.value(card, "FN") == "Ann@example.net"

    def test_several_messages_of_a_new_sender_make_one_card(self, account: AccountUnderTest) -> None:
        """A sender gets one card, however many of their messages are labelled."""
        for _ in range(3):
            account.receive([ANN], "Screener", "@ToFeed")
        run_cycle(account)
        assert len(contacts(account)) == 1

    def test_of_several_cards_the_one_in_a_triage_group_is_taken(self, account: AccountUnderTest) -> None:
        """The card that the person has filed before stands for the sender; that there are more is told."""
        add_contact(account, "Ann", "ann@example.net", groups=[OWN_GROUP])
        filed = add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        add_contact(account, "Ann", "ann@example.net")
        account.receive([ANN], "Screener", "@ToJail")
        report = run_cycle(account)
        assert members(account, "Jail") == [filed]
        assert members(account, "Feed") == []
        assert len(report.filed[0].filing.all_cards) == 3

    def test_of_several_cards_in_no_triage_group_the_oldest_is_taken(self, account: AccountUnderTest) -> None:
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
    def test_the_sender_ends_in_exactly_one_triage_group(
        self, account: AccountUnderTest, before: list[str]
    ) -> None:
        """Whatever groups they were in, they are in the category's group only; others' membership stays."""
        for group in GROUPS:
            add_contact(account, f"Other {group}", f"{group[:2]}@example.net", groups=[group])
        others = {group: members(account, group) for group in GROUPS}
        add_contact(account, "Ann Smith", ANN[1], groups=before)
        account.receive([ANN], "Screener", "@ToJail")
        run_cycle(account)
        assert groups_of(account, ANN[1]) == ["Jail"]
        assert all(set(members(account, group)) >= set(others[group]) for group in GROUPS)

    def test_all_of_several_cards_leave_the_groups_they_were_in(self, account: AccountUnderTest) -> None:
        """Where their cards are in different triage groups, only one of them is in one afterwards."""
        filed = add_contact(account, "Ann Smith", ANN[1], groups=["Jail"])
        add_contact(account, "Ann Smith", ANN[1], groups=["Feed"])
        add_contact(account, "Ann Smith", ANN[1], groups=["Paper Trail", OWN_GROUP])
        account.receive([ANN], "Screener", "@ToJail")
        run_cycle(account)
        assert groups_of(account, ANN[1]) == [OWN_GROUP, "Jail"]
        assert members(account, "Jail") == [filed]

    def test_other_groups_are_not_touched(self, account: AccountUnderTest) -> None:
        """A group that is not a triage group keeps its members and every byte."""
        add_contact(account, "Ann Smith", ANN[1], groups=[OWN_GROUP, "Feed"])
        friends = group_card_name(account, OWN_GROUP)
        before = account.cards()[friends]
        account.receive([ANN], "Screener", "@ToImbox")
        run_cycle(account)
        assert account.cards()[friends] == before
        assert groups_of(account, ANN[1]) == [OWN_GROUP, "Imbox"]

    def test_they_join_the_new_group_first_and_leave_the_old_one_after_their_mail_moved(
        self, account: AccountUnderTest
    ) -> None:
        """At every moment they are in a triage group, and a crash leaves their mail to be found."""
        add_contact(account, "Ann Smith", ANN[1], groups=["Feed"])
        account.receive([ANN], "Feed", "@ToJail")
        joins, leaves = group_card_name(account, "Jail"), group_card_name(account, "Feed")
        if account.is_over_jmap:
            pytest.skip("all requests look the same from outside; tests/faults cuts off at each of them")
        mailroom = opened(account)
        mailroom.begin()
        start = len(account.requests())
        mailroom.triage.run()
        requests = account.requests()[start:]
        (joined,) = (n for n, r in enumerate(requests) if r.startswith("PUT") and r.endswith(joins))
        (left,) = (n for n, r in enumerate(requests) if r.startswith("PUT") and r.endswith(leaves))
        writes_of_mail = [n for n, r in enumerate(requests) if r.startswith("POST")]
        assert joined < left
        assert any(joined < n < left for n in writes_of_mail), "their mail moves in between"
        assert writes_of_mail[-1] > left, "the label comes off last"
