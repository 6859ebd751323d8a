"""Mail in Screener of senders decided on before: the service sweeps it, rescue and check tell of it."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from mailroom.account import Account
from mailroom.model.own import OwnAddresses
from mailroom.service.loop import run_cycle
from mailroom.triage.cycle import Triage
from tests.support import vcards
from tests.support.accounts import AccountUnderTest, add_contact, furnish, join, label
from tests.support.behind import behind
from tests.support.dialogue import Dialogue
from tests.support.harm import Harm, about_contacts_alone, mail_write
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.proxy import Exchange
from tests.support.running import ONE_ATTEMPT, opened, run_command, settings_for

ANN = ("Ann", "ann@example.net")
BOB = ("Bob", "bob@example.net")
EVE = ("Eve", "eve@example.net")


@pytest.fixture
def mailroom(account: AccountUnderTest) -> Account:
    """Mailroom as it is when the service has started."""
    mailroom = opened(account)
    mailroom.begin()
    return mailroom


def reading_along(account: AccountUnderTest, mailroom: Account, most: int) -> Account:
    """Mailroom with a triage that reads at most so many messages of Screener with the labels."""
    own = OwnAddresses.read([account.address])
    scheme = settings_for(account, {}).scheme
    return evolve(mailroom, triage=Triage(mailroom.mail, mailroom.book, scheme, own, max_read_along=most))


def requests_of_a_cycle(account: AccountUnderTest, mailroom: Account) -> int:
    before = len(account.requests())
    run_cycle(mailroom.triage)
    return len(account.requests()) - before


def findings(account: AccountUnderTest) -> list[dict[str, Any]]:
    """What `mailroom check` finds wrong."""
    found = run_command(account.environment, "check", "--json")
    wrong = [finding for finding in found.json() if finding["is_right"] is False]
    assert found.code == (1 if wrong else 0)
    return wrong


class TestInTheService:
    """At the end of a cycle."""

    @pytest.mark.parametrize(
        ("group", "destination"),
        [("Imbox", "Inbox"), ("Feed", "Feed"), ("Paper Trail", "Paper Trail"), ("Jail", "Jail")],
    )
    def test_mail_that_raced_with_the_triage_is_swept(
        self, account: AccountUnderTest, mailroom: Account, group: str, destination: str
    ) -> None:
        """A member of a triage group never waits in Screener longer than until the next cycle."""
        add_contact(account, "Ann", "ann@example.net", groups=[group])
        mailroom.book.refresh()
        unread, read = account.receive([ANN], "Screener"), account.receive([ANN], "Screener", read=True)
        other = account.receive([BOB], "Screener")
        run_cycle(mailroom.triage)
        assert account.mailboxes_of(unread) == account.mailboxes_of(read) == {destination}
        assert account.mailboxes_of(other) == {"Screener"}

    def test_a_sender_who_was_just_filed_is_known_without_reading_contacts_again(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Mail that comes to Screener after its sender was filed follows them, also when they were moved."""
        for triage_label, destination in (("@ToFeed", "Feed"), ("@ToJail", "Jail")):
            label(account, account.receive([ANN], "Screener"), triage_label)
            run_cycle(mailroom.triage)
            late = account.receive([ANN], "Screener")
            run_cycle(mailroom.triage)
            assert account.mailboxes_of(late) == {destination}

    def test_it_is_logged_with_the_number_of_messages_of_each_sender(
        self, account: AccountUnderTest, mailroom: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One event tells whose mail was swept."""
        add_contact(account, "Ann", "ann@example.net", "bob@example.net", groups=["Feed"])
        mailroom.book.refresh()
        for sender in (ANN, ANN, BOB):
            account.receive([sender], "Screener")
        with caplog.at_level(logging.INFO, "mailroom"):
            run_cycle(mailroom.triage)
        (event,) = [record for record in caplog.records if record.getMessage() == "stragglers_swept"]
        assert vars(event)["fields"] == {
            "messages": 3,
            "senders": {"ann@example.net": 2, "bob@example.net": 1},
        }

    def test_it_goes_by_the_contacts_of_the_moment(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Whom the person puts into a group by hand is swept; whom they take out is left in Screener."""
        uid = add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        mailroom.book.refresh()
        add_contact(account, "Bob", "bob@example.net", groups=["Jail"])
        account.delete_card(f"{uid}.vcf")
        out, put_in = account.receive([ANN], "Screener"), account.receive([BOB], "Screener")
        run_cycle(mailroom.triage)
        assert account.mailboxes_of(out) == {"Screener"}
        assert account.mailboxes_of(put_in) == {"Jail"}

    def test_what_another_reading_took_in_is_swept_by_all_the_same(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Whoever it was that read the change, with the next cycle nobody waits in Screener any longer."""
        uid = add_contact(account, *ANN)
        waiting = account.receive([ANN], "Screener")
        for _ in range(2):
            run_cycle(mailroom.triage)
        assert account.mailboxes_of(waiting) == {"Screener"}
        join(account, "Feed", uid)
        mailroom.book.refresh()
        run_cycle(mailroom.triage)
        assert account.mailboxes_of(waiting) == {"Feed"}

    def test_a_contacts_server_that_is_down_postpones_it(
        self, account: AccountUnderTest, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The cycle itself is good, the log says why nothing was swept, and the next cycle does it."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        with behind(account) as hit:
            mailroom = hit.mailroom(ONE_ATTEMPT)
            mailroom.begin()
            message = account.receive([ANN], "Screener")

            def down(exchange: Exchange) -> None:
                (exchange.reset if about_contacts_alone(exchange.request) else exchange.pass_on)()

            hit.proxy.plan = down
            with caplog.at_level(logging.WARNING, "mailroom"):
                run_cycle(mailroom.triage)
            assert [record.getMessage() for record in caplog.records] == ["sweep_postponed"]
            assert account.mailboxes_of(message) == {"Screener"}
            hit.proxy.plan = Exchange.pass_on
            run_cycle(mailroom.triage)
        assert account.mailboxes_of(message) == {"Feed"}

    def test_a_full_screener_is_read_by_itself(self, account: AccountUnderTest, mailroom: Account) -> None:
        """Where very much is waiting, an idle cycle does not carry it along, and the sweep still works."""
        mailroom = reading_along(account, mailroom, 2)
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        mailroom.book.refresh()
        for _ in range(3):
            account.receive([BOB], "Screener")
        run_cycle(mailroom.triage)
        late = account.receive([ANN], "Screener")
        assert requests_of_a_cycle(account, mailroom) == 4, "labels, Screener, contacts, and the move"
        assert account.mailboxes_of(late) == {"Feed"}
        assert requests_of_a_cycle(account, mailroom) == 1

    def test_however_full_screener_is_it_goes_by_the_contacts_of_the_moment(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """A decision that the person makes by hand is not overruled from memory."""
        mailroom = reading_along(account, mailroom, 2)
        for _ in range(3):
            account.receive([BOB], "Screener")
        uid = add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        run_cycle(mailroom.triage)
        account.put_card("Feed.vcf", vcards.group("Feed"))
        join(account, "Jail", uid)
        late = account.receive([ANN], "Screener")
        run_cycle(mailroom.triage)
        assert account.mailboxes_of(late) == {"Jail"}

    def test_after_a_filing_too_a_sweep_is_decided_by_the_contacts_of_the_moment(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """The person regroups a sender while another one is filed."""
        uid = add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        late = account.receive([ANN], "Screener")
        label(account, account.receive([BOB], "Screener"), "@ToFeed")
        with behind(account) as hit:
            again = hit.mailroom()
            again.check()

            def regroup(exchange: Exchange) -> None:
                account.put_card("Feed.vcf", vcards.group("Feed"))
                join(account, "Jail", uid)
                exchange.pass_on()

            hit.proxy.plan = Harm(regroup, mail_write, times=1)
            run_cycle(again.triage)
        assert account.mailboxes_of(late) == {"Jail"}

    def test_it_costs_two_requests_and_an_idle_cycle_stays_one(self, account: AccountUnderTest) -> None:
        """One request reads the contacts, one moves; where the mail has not changed, none is made."""
        mailroom = opened(account, MAILROOM_REPLIES_PASS="false")
        mailroom.begin()
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        mailroom.book.refresh()
        run_cycle(mailroom.triage)
        assert requests_of_a_cycle(account, mailroom) == 1, "idle"
        account.receive([BOB], "Screener")
        assert requests_of_a_cycle(account, mailroom) == 2, "new mail, nothing to move"
        assert requests_of_a_cycle(account, mailroom) == 1, "idle"
        account.receive([ANN], "Screener")
        assert requests_of_a_cycle(account, mailroom) == 3, "new mail to move"
        assert requests_of_a_cycle(account, mailroom) == 1, "its own write is no news"
        mailroom.book.refresh()
        assert requests_of_a_cycle(account, mailroom) == 1, "nor is a reading that brought nothing"

    def test_it_can_be_turned_off(self, account: AccountUnderTest) -> None:
        """MAILROOM_SWEEP_STRAGGLERS=false leaves Screener to the person, and saves the request."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        mailroom = opened(account, MAILROOM_SWEEP_STRAGGLERS="false", MAILROOM_REPLIES_PASS="false")
        mailroom.begin()
        message = account.receive([ANN], "Screener")
        assert requests_of_a_cycle(account, mailroom) == 1
        assert account.mailboxes_of(message) == {"Screener"}


class TestWhatIsLeftAlone:
    """Mail that a straggler's sweep must not touch."""

    @pytest.mark.parametrize("protected", ["Trash", "Junk", "Sent", "Drafts"])
    def test_protected_mail(self, account: AccountUnderTest, mailroom: Account, protected: str) -> None:
        """What is in Trash, Junk, Sent or Drafts besides stays where it is."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        mailroom.book.refresh()
        message = account.receive([ANN], "Screener", protected)
        run_cycle(mailroom.triage)
        assert account.mailboxes_of(message) == {"Screener", protected}

    def test_mail_of_a_sender_whose_labels_conflict(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """As long as the person has not decided, nothing of theirs moves."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        mailroom.book.refresh()
        waiting = account.receive([ANN], "Screener")
        label(account, account.receive([ANN], "Family"), "@ToFeed")
        label(account, account.receive([ANN], "Family"), "@ToJail")
        run_cycle(mailroom.triage)
        assert account.mailboxes_of(waiting) == {"Screener"}

    def test_mail_of_a_sender_in_two_triage_groups(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Which of the two is right is for the person to say; check names them."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed", "Jail"])
        mailroom.book.refresh()
        message = account.receive([ANN], "Screener")
        run_cycle(mailroom.triage)
        assert account.mailboxes_of(message) == {"Screener"}
        (finding,) = findings(account)
        assert "ann@example.net is in more than one triage group (Feed, Jail)" in finding["says"]

    def test_mail_of_strangers_of_other_contacts_and_of_the_person_themselves(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Only members of a triage group are swept; the account's own address never is."""
        add_contact(account, "Bob", "bob@example.net", groups=["Friends"])
        add_contact(account, "Me", account.address, groups=["Feed"])
        mailroom.book.refresh()
        messages = [account.receive([sender], "Screener") for sender in (EVE, BOB, ("Me", account.address))]
        messages += [account.receive(None, "Screener"), account.receive([ANN, BOB], "Screener")]
        run_cycle(mailroom.triage)
        assert [account.mailboxes_of(message) for message in messages] == [{"Screener"}] * 5

    def test_mailboxes_of_the_persons_own(self, account: AccountUnderTest, mailroom: Account) -> None:
        """A message that is in one of them too keeps it; only Screener is left."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        mailroom.book.refresh()
        message = account.receive([ANN], "Screener", "Family")
        run_cycle(mailroom.triage)
        assert account.mailboxes_of(message) == {"Feed", "Family"}


class TestRescue:
    """`mailroom rescue`."""

    def test_moves_what_a_late_rule_let_through_and_says_whose(self, account: AccountUnderTest) -> None:
        """Contacts are read as they are now; each sender and number is told."""
        messages = [account.receive([ANN], "Screener") for _ in range(account.max_objects + 3)]
        add_contact(account, "Ann", "ann@example.net", groups=["Paper Trail"])
        stranger = account.receive([BOB], "Screener")
        done = run_command(account.environment, "rescue", "--json")
        assert done.code == 0
        assert done.json() == {
            "moved": {"ann@example.net": len(messages)},
            "failed": {},
            "contacts_waiting": {},
        }
        assert {frozenset(account.mailboxes_of(message)) for message in messages} == {
            frozenset({"Paper Trail"})
        }
        assert account.mailboxes_of(stranger) == {"Screener"}

    def test_contacts_are_those_of_the_moment(self, account: AccountUnderTest, mailroom: Account) -> None:
        """Unlike the service, it does not go by an earlier reading."""
        message = account.receive([ANN], "Screener")
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        assert mailroom.triage.stragglers.rescue().moved == {"ann@example.net": 1}
        assert account.mailboxes_of(message) == {"Feed"}

    def test_a_second_time_writes_nothing(self, account: AccountUnderTest) -> None:
        """It can be run again at any time."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        account.receive([ANN], "Screener")
        run_command(account.environment, "rescue")
        before = account.state()
        assert "Nothing to move" in run_command(account.environment, "rescue").output
        assert account.state() == before

    def test_works_where_the_service_is_told_not_to(self, account: AccountUnderTest) -> None:
        """The setting is about the service; the command is a person's own act."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        message = account.receive([ANN], "Screener")
        run_command(account.environment, "rescue", MAILROOM_SWEEP_STRAGGLERS="false")
        assert account.mailboxes_of(message) == {"Feed"}


class TestRescueOfContacts:
    """Mail in Screener of contacts in no triage group: for the person to say."""

    def test_nothing_moves_without_a_yes_and_what_gives_one_is_told(self, account: AccountUnderTest) -> None:
        """Without a terminal nobody can be asked; what was decided on is moved all the same."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        add_contact(account, "Bob", "bob@example.net")
        decided, known = account.receive([ANN], "Screener"), account.receive([BOB], "Screener")
        done = run_command(account.environment, "rescue")
        assert done.code == 1
        assert "bob@example.net (1)" in done.output
        assert "--yes" in done.errors
        assert account.mailboxes_of(decided) == {"Feed"}
        assert account.mailboxes_of(known) == {"Screener"}

    def test_after_a_yes_theirs_goes_to_the_inbox_and_no_other(self, account: AccountUnderTest) -> None:
        """Not a stranger's, not what is labelled or thrown away; the person's own mailboxes stay."""
        add_contact(account, "Bob", "bob@example.net")
        known = [account.receive([BOB], "Screener", read=True), account.receive([BOB], "Screener", "Family")]
        others = [account.receive([EVE], "Screener"), account.receive([BOB], "Screener", "Trash")]
        others.append(account.receive([BOB], "Feed"))
        before = [account.mailboxes_of(message) for message in others]
        asked = run_command(account.environment, "rescue", "--json")
        assert asked.json() == {"moved": {}, "failed": {}, "contacts_waiting": {"bob@example.net": 2}}
        done = run_command(account.environment, "rescue", "--yes", "--json")
        assert done.json() == {"moved": {"bob@example.net": 2}, "failed": {}, "contacts_waiting": {}}
        assert [account.mailboxes_of(x) for x in known] == [{"Inbox"}, {"Inbox", "Family"}]
        assert [account.mailboxes_of(message) for message in others] == before
        state = account.state()
        assert run_command(account.environment, "rescue", "--yes", "--json").json()["moved"] == {}
        assert account.state() == state

    def test_a_sender_whose_label_waits_is_left_to_the_next_cycle(self, account: AccountUnderTest) -> None:
        """What they are decided to be comes first."""
        add_contact(account, "Bob", "bob@example.net")
        waiting = account.receive([BOB], "Screener")
        label(account, account.receive([BOB], "Family"), "@ToJail")
        assert run_command(account.environment, "rescue", "--yes", "--json").json()["moved"] == {}
        assert account.mailboxes_of(waiting) == {"Screener"}


@pytest.mark.parametrize("answer", ["y", "n"])
def test_rescue_asks_about_contacts_on_a_terminal(answer: str, tmp_path: Path) -> None:
    """It says whose mail it is first, and does what is answered."""
    with closing(AccountOnSandbox()) as account:
        furnish(account)
        add_contact(account, "Bob", "bob@example.net")
        message = account.receive([BOB], "Screener")
        with Dialogue("rescue", account.environment, tmp_path) as person:
            assert "bob@example.net (1)" in person.answers("Move this message to the Inbox? [y/N]", answer)
            assert person.ends()[0] == 0
        assert account.mailboxes_of(message) == ({"Inbox"} if answer == "y" else {"Screener"})


class TestCheck:
    """What `mailroom check` says of what waits in Screener."""

    def test_a_screener_with_undecided_senders_only_is_right(self, account: AccountUnderTest) -> None:
        """Strangers, and senders whose label is not worked off yet, are what Screener is for."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        account.receive([EVE], "Screener")
        label(account, account.receive([ANN], "Screener"), "@ToJail")
        assert findings(account) == []

    def test_mail_of_a_groups_member(self, account: AccountUnderTest) -> None:
        """It names the group, the sender, and the way out; that a rule is missing is another line."""
        add_contact(account, "Ann", "ann@example.net", groups=["Paper Trail"])
        account.receive([ANN], "Screener")
        (finding,) = findings(account)
        assert finding["subject"] == "waiting"
        assert finding["says"] == (
            "Screener holds 1 message from members of the group 'Paper Trail' (ann@example.net): "
            "`mailroom rescue` moves them to where they belong"
        )

    def test_mail_of_a_contact_in_no_group(self, account: AccountUnderTest) -> None:
        """Whoever is known is not looked for there."""
        add_contact(account, "Ann", "ann@example.net")
        account.receive([ANN], "Screener")
        (finding,) = findings(account)
        assert (
            "Screener holds 1 message from contacts in no triage group (ann@example.net)" in finding["says"]
        )

    def test_mail_that_is_protected_is_no_evidence(self, account: AccountUnderTest) -> None:
        """What the person has put into Trash besides was not left in Screener by a rule."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        account.receive([ANN], "Screener", "Trash")
        assert findings(account) == []

    def test_it_writes_nothing(self, account: AccountUnderTest) -> None:
        """Looking at the evidence does not touch it."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        account.receive([ANN], "Screener")
        before = account.state()
        findings(account)
        assert account.state() == before


def test_plan_tells_what_a_cycle_would_sweep(account: AccountUnderTest) -> None:
    """The next cycle's sweep belongs to what the plan shows, unless it is turned off."""
    add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
    account.receive([ANN], "Screener")
    assert "ann@example.net  Feed   1" in run_command(account.environment, "plan").output
    expected = [{"sender": "ann@example.net", "group": "Feed", "messages_to_move": 1}]
    assert run_command(account.environment, "plan", "--json").json()["stragglers"] == expected
    off = run_command(account.environment, "plan", "--json", MAILROOM_SWEEP_STRAGGLERS="false")
    assert off.json()["stragglers"] == []
