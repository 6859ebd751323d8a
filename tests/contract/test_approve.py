"""`mailroom approve --correspondents`, on the sandbox and on real Cyrus."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from mailroom.account import Account
from mailroom.contacts.identity import UID_NAMESPACE
from mailroom.triage.approval import ApprovalReport, approve_people, undecided
from mailroom.triage.old_mail import read_recipients
from tests.support import harm, vcards
from tests.support.accounts import (
    AccountUnderTest,
    Sender,
    add_contact,
    contacts,
    contacts_of,
    groups_of,
    join,
    members,
)
from tests.support.behind import behind
from tests.support.default_account import SCHEME
from tests.support.harm import Harm
from tests.support.proxy import Exchange
from tests.support.running import ONE_ATTEMPT, run_command

ANN = ("Ann Example", "ann@example.net")
BOB = ("", "bob@example.net")
EVE = ("Eve", "eve@example.net")


def approve(account: AccountUnderTest, *arguments: str) -> list[str]:
    """Run it with a yes and return who was approved."""
    done = run_command(account.environment, "approve", "--correspondents", "--yes", "--json", *arguments)
    assert done.code == 0, done.output
    return list(done.json()["approved"])


def listed(account: AccountUnderTest, *arguments: str) -> list[tuple[str, int]]:
    """Return who would be approved, and how often the person has written to them."""
    done = run_command(account.environment, "approve", "--correspondents", "--json", *arguments)
    return [(each["email"], each["written"]) for each in done.json()["correspondents"]]


def approve_in_batches(mailroom: Account, batch_cards: int) -> ApprovalReport:
    """Do what the command does after the yes, in batches so small that there are several."""
    mailboxes = mailroom.mail.read([]).mailboxes
    tallies = read_recipients(mailroom.history, mailboxes, mailroom.own_addresses(), lambda *_: None)
    people = undecided(tallies.ranked(), mailroom.book.refresh(), SCHEME)
    return approve_people(people, mailroom.book, SCHEME, lambda *_: None, batch_cards=batch_cards)


class TestWho:
    """Whom it lists."""

    def test_everybody_in_to_cc_and_the_most_written_to_first(self, account: AccountUnderTest) -> None:
        """Each address counts once for each message, in whatever case it was written."""
        account.send(ANN, BOB, ("Ann again", "ANN@Example.net"))
        account.send(EVE, cc=[BOB])
        account.send(("", "Bob@example.net"))
        assert listed(account) == [("Bob@example.net", 3), ("eve@example.net", 1), ("ann@example.net", 1)]

    def test_not_the_person_themselves(self, account: AccountUnderTest) -> None:
        """Own addresses are not correspondents."""
        account.send(("Me", account.address), ANN)
        assert [email for email, _ in listed(account)] == ["ann@example.net"]

    def test_not_who_is_in_a_triage_group_already(self, account: AccountUnderTest) -> None:
        """A decision stands, whichever it was; a contact without one is listed."""
        add_contact(account, "Ann", "ann@example.net", groups=["Jail"])
        add_contact(account, "Eve", "eve@example.net", groups=["Friends"])
        account.send(ANN, EVE)
        assert [email for email, _ in listed(account)] == ["eve@example.net"]

    def test_only_mail_in_sent(self, account: AccountUnderTest) -> None:
        """Mail that came, and drafts, say nothing about whom the person has written to."""
        account.receive([ANN], "Inbox")
        account.place(account.send(BOB), "Drafts")
        assert listed(account) == []

    def test_a_limit_takes_those_they_have_written_to_most(self, account: AccountUnderTest) -> None:
        """With --limit the list is cut after the first."""
        account.send(ANN, BOB)
        account.send(BOB)
        assert listed(account, "--limit", "1") == [("bob@example.net", 2)]
        assert approve(account, "--limit", "1") == ["bob@example.net"]
        assert groups_of(account, "ann@example.net") == []

    def test_says_how_many_messages_could_not_be_read(self, account: AccountUnderTest) -> None:
        """Who was written to in them alone is not listed, and nobody takes the list for the whole."""
        odd = account.send(ANN)
        account.send(BOB)
        with behind(account) as hit:
            hit.proxy.plan = Harm(harm.odd_messages(odd), harm.jmap)
            environment = hit.proxy.environment(account.environment)
            shown = run_command(environment, "approve", "--correspondents", "--yes").output
            told = run_command(environment, "approve", "--correspondents", "--json").json()
        assert "1 message could not be read" in shown
        assert told["unreadable"] == 1
        assert (groups_of(account, BOB[1]), contacts_of(account, ANN[1])) == (["Imbox"], [])
        done = run_command(account.environment, "approve", "--correspondents", "--json").json()
        assert done["unreadable"] == 0


class TestLeftOut:
    """Who was written to, and does not look like a person."""

    def test_automatic_addresses_are_shown_apart_and_left_out(self, account: AccountUnderTest) -> None:
        """Nobody reads what is sent there, and their mail is what the Screener is for."""
        account.send(ANN)
        for automatic in ("no-reply@shop.example", "unsubscribe@list.example", "a=b.example@bounces.example"):
            account.send(("", automatic))
        shown = run_command(account.environment, "approve", "--correspondents", "--yes").output
        people, _, others = shown.partition("Left out")
        assert "no-reply@shop.example" not in people
        assert all(reason in others for reason in ("no-reply", "unsubscribe", "bounce"))
        assert groups_of(account, ANN[1]) == ["Imbox"]
        assert len(contacts(account)) == 1

    def test_who_was_one_of_forty_counts_little(self, account: AccountUnderTest) -> None:
        """One mail to a whole club makes nobody a correspondent; who got another one is one."""
        club: list[Sender] = [(f"P {n}", f"p{n}@example.net") for n in range(40)]
        account.send(ANN, BOB)
        account.send(*club)
        account.send(club[7])
        assert [email for email, _ in listed(account)] == ["p7@example.net", "bob@example.net", ANN[1]]

    def test_whom_the_person_names_is_taken_all_the_same(self, account: AccountUnderTest) -> None:
        """In any spelling; and who was never written to is a mistake that is told."""
        account.send(("", "no-reply@shop.example"), ANN)
        assert approve(account, "--include", "No-Reply@SHOP.example") == [ANN[1], "no-reply@shop.example"]
        assert groups_of(account, "no-reply@shop.example") == ["Imbox"]
        done = run_command(
            account.environment, "approve", "--correspondents", "--include", "eve@example.net", "no address"
        )
        assert done.code == 1
        assert done.errors.splitlines() == [
            "mailroom: you have not written to eve@example.net",
            "mailroom: you have not written to no address",
        ]

    def test_programs_are_told_of_them(self, account: AccountUnderTest) -> None:
        """Each with what it looks like."""
        account.send(("Shop", "no-reply@shop.example"), ANN)
        (left_out,) = run_command(account.environment, "approve", "--correspondents", "--json").json()[
            "left_out"
        ]
        assert (left_out["email"], left_out["looks_like"]) == ("no-reply@shop.example", "no-reply")


class TestApproving:
    """What it does after a yes."""

    def test_without_a_yes_nothing_is_written(self, account: AccountUnderTest) -> None:
        """Neither a list for programs nor a run without a terminal writes anything."""
        account.send(ANN)
        before = account.state()
        listed(account)
        done = run_command(account.environment, "approve", "--correspondents")
        assert done.code == 1
        assert "--yes" in done.errors
        assert account.state() == before

    def test_they_get_cards_as_persons_in_the_imbox_group(self, account: AccountUnderTest) -> None:
        """A card has the name they were written to by; without one, the address."""
        account.send(ANN, BOB)
        assert sorted(approve(account)) == ["ann@example.net", "bob@example.net"]
        (card,) = contacts_of(account, "ann@example.net")
        assert vcards.value(card, "FN") == "Ann Example"
        assert vcards.value(card, "N").split(";")[:2] == ["Example", "Ann"]
        assert vcards.value(contacts_of(account, "bob@example.net")[0], "FN") == "bob@example.net"
        assert groups_of(account, "ann@example.net") == groups_of(account, "bob@example.net") == ["Imbox"]

    def test_an_existing_card_joins_as_it_is(self, account: AccountUnderTest) -> None:
        """No second card is made, and other groups keep them."""
        add_contact(account, "Annie", "ann@example.net", groups=["Friends"])
        before = contacts_of(account, "ann@example.net")
        account.send(ANN)
        approve(account)
        assert contacts_of(account, "ann@example.net") == before
        assert groups_of(account, "ann@example.net") == ["Friends", "Imbox"]

    def test_of_several_cards_one_joins(self, account: AccountUnderTest) -> None:
        """Two cards of one correspondent do not make two members."""
        for name in ("Ann", "Annie"):
            add_contact(account, name, "ann@example.net")
        account.send(ANN)
        approve(account)
        assert groups_of(account, "ann@example.net") == ["Imbox"]

    def test_it_moves_no_mail(self, account: AccountUnderTest) -> None:
        """Mail stays where it is, in Screener too."""
        account.send(ANN)
        message = account.receive([ANN], "Screener")
        approve(account)
        assert account.mailboxes_of(message) == {"Screener"}

    def test_a_second_time_writes_nothing(self, account: AccountUnderTest) -> None:
        """Who is in the group is passed over."""
        account.send(ANN, BOB)
        approve(account)
        before = account.state()
        assert approve(account) == []
        assert account.state() == before

    def test_who_is_decided_on_after_the_question_is_passed_over(self, account: AccountUnderTest) -> None:
        """The contacts of the moment count, batch by batch: nobody ends in Jail and in the Imbox group."""
        account.send(ANN, BOB, EVE)
        known = add_contact(account, "Bob", BOB[1])

        def put_into_jail(exchange: Exchange) -> None:
            add_contact(account, "Ann", ANN[1], groups=["Jail"])
            exchange.pass_on()

        def put_another_into_jail(exchange: Exchange) -> None:
            join(account, "Jail", known)
            exchange.pass_on()

        with behind(account) as hit:
            while_reading = Harm(put_into_jail, lambda request: "Email/query" in request.calls, times=1)
            while_writing = Harm(put_another_into_jail, harm.card_write, times=1)
            hit.proxy.plan = lambda exchange: (
                while_reading if while_reading.choice(exchange.request) else while_writing
            )(exchange)
            arguments = ("approve", "--correspondents", "--yes", "--json")
            done = run_command(hit.proxy.environment(account.environment), *arguments).json()
        assert done["approved"] == [EVE[1]]
        assert {each["email"] for each in done["correspondents"]} == {BOB[1], EVE[1]}
        assert done["decided_meanwhile"] == {BOB[1]: ["Jail"]}
        assert groups_of(account, ANN[1]) == groups_of(account, BOB[1]) == ["Jail"]
        assert groups_of(account, EVE[1]) == ["Imbox"]

    def test_a_batch_goes_by_the_contacts_of_its_own_moment(self, account: AccountUnderTest) -> None:
        """Who is put into a group while an earlier batch is made gets neither a card nor a second group."""
        account.send(ANN)
        account.send(ANN, BOB)

        def put_into_jail(exchange: Exchange) -> None:
            add_contact(account, "Bob", BOB[1], groups=["Jail"])
            exchange.pass_on()

        with behind(account) as hit:
            hit.proxy.plan = Harm(put_into_jail, harm.card_write, times=1)
            report = approve_in_batches(hit.mailroom(), batch_cards=1)
        assert report.decided == {BOB[1]: ("Jail",)}
        assert groups_of(account, BOB[1]) == ["Jail"]
        assert len(contacts_of(account, BOB[1])) == 1
        assert groups_of(account, ANN[1]) == ["Imbox"]

    def test_a_new_card_that_a_group_was_waiting_for_joins_no_second_one(
        self, account: AccountUnderTest
    ) -> None:
        """A group may still hold the line of a card that was deleted, and that is made again."""
        account.send(ANN, BOB)
        join(account, "Jail", str(uuid.uuid5(UID_NAMESPACE, ANN[1])))
        assert approve(account) == [BOB[1]]
        assert groups_of(account, ANN[1]) == ["Jail"]
        assert approve(account) == []

    def test_many_take_one_write_of_the_group_a_batch(self, account: AccountUnderTest) -> None:
        """The number of requests grows with the cards that are made, and with nothing else."""
        people: list[Sender] = [(f"P {n}", f"p{n}@example.net") for n in range(60)]
        for first in range(0, 60, 10):  # to ten at once: who is one of more counts as no correspondent
            account.send(*people[first : first + 10])
        before = len(account.requests())
        assert len(approve(account)) == 60
        assert len(members(account, "Imbox")) == 60
        if not account.is_over_jmap:
            writes = [request for request in account.requests()[before:] if request.startswith("PUT")]
            assert len(writes) == 60 + 2

    @pytest.mark.parametrize("is_done", [False, True], ids=["before the server acts", "before the answer"])
    def test_cut_off_at_any_write_and_run_again_it_ends_the_same(
        self, new_account: Callable[[], AccountUnderTest], is_done: bool
    ) -> None:
        """Wherever it ends, the next run puts everybody into the group, with one card each."""
        for writes_left in range(10):
            account = new_account()
            account.add_mailboxes({"Sent": "sent"})
            run_command(account.environment, "setup", "--apply")
            account.mailbox_names()
            account.send(ANN, BOB, EVE)
            with behind(account) as hit:
                hit.proxy.plan = harm.dead_after_writes(writes_left, is_done=is_done)
                report = approve_in_batches(hit.mailroom(ONE_ATTEMPT), batch_cards=2)
            assert run_command(account.environment, "approve", "--correspondents", "--yes").code == 0
            for _, email in (ANN, BOB, EVE):
                assert len(contacts_of(account, email)) == 1
                assert groups_of(account, email) == ["Imbox"]
            if not report.failed:
                assert writes_left == 5, "three cards, and the group twice"
                return
        pytest.fail("it never ends")


def test_an_account_without_a_sent_mailbox_is_told_so(bare_account: AccountUnderTest) -> None:
    """Without Sent nobody can tell whom the person has written to."""
    run_command(bare_account.environment, "setup", "--apply")
    done = run_command(bare_account.environment, "approve", "--correspondents", "--yes")
    assert done.code == 1
    assert "role sent" in done.errors
