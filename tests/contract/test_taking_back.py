"""`@ToScreener` takes a decision back: the sender is undecided, and their mail waits again."""

from __future__ import annotations

import pytest

from tests.support import vcards
from tests.support.accounts import (
    AccountUnderTest,
    add_contact,
    contacts,
    contacts_of,
    groups_of,
    join,
    label,
    members,
    unlabel,
)
from tests.support.running import run_cycle

ANN = ("Ann Smith", "ann@example.net")
BOB = ("Bob", "bob@example.net")
UNDO = "@ToScreener"


def filed(account: AccountUnderTest, triage_label: str) -> str:
    """Have Ann filed, and return the message that was labelled."""
    message = account.receive([ANN], "Screener", triage_label)
    run_cycle(account)
    assert groups_of(account, ANN[1])
    return message


@pytest.mark.parametrize("triage_label", ["@ToImbox", "@ToFeed", "@ToPaperTrail", "@ToJail", "@ToPerson"])
def test_filing_and_taking_back_leave_the_account_as_it_was(
    account: AccountUnderTest, triage_label: str
) -> None:
    """Nobody else acted in between: each message, card and group is what it was before."""
    labelled = account.receive([ANN], "Screener")
    waiting = account.receive([ANN], "Screener")
    before = account.cards().keys()
    members_before = {group: members(account, group) for group in ("Imbox", "Feed", "Paper Trail", "Jail")}
    label(account, labelled, triage_label)
    run_cycle(account)
    assert account.cards().keys() != before
    label(account, labelled, UNDO)
    run_cycle(account)
    assert account.mailboxes_of(labelled) == account.mailboxes_of(waiting) == {"Screener"}
    assert account.cards().keys() == before
    assert {group: members(account, group) for group in members_before} == members_before


def test_a_second_cycle_writes_nothing(account: AccountUnderTest) -> None:
    """What is taken back stays so."""
    message = filed(account, "@ToFeed")
    label(account, message, UNDO)
    run_cycle(account)
    before = account.state()
    report = run_cycle(account)
    assert account.state() == before
    assert not report.filed


class TestTheMail:
    """Which messages of theirs wait again."""

    def test_all_that_lies_in_the_destination_does(self, account: AccountUnderTest) -> None:
        """Read or not, from before or of later: it is there because of the decision."""
        message = filed(account, "@ToFeed")
        read, unread = account.receive([ANN], "Feed", read=True), account.receive([ANN], "Feed")
        of_bob = account.receive([BOB], "Feed")
        label(account, message, UNDO)
        run_cycle(account)
        assert {*map(frozenset, map(account.mailboxes_of, (message, read, unread)))} == {
            frozenset({"Screener"})
        }
        assert account.mailboxes_of(of_bob) == {"Feed"}

    def test_what_was_read_in_the_inbox_stays(self, account: AccountUnderTest) -> None:
        """From the Inbox comes what lies unread, and the labelled message."""
        message = filed(account, "@ToImbox")
        read, unread = account.receive([ANN], "Inbox", read=True), account.receive([ANN], "Inbox")
        account.mark_read(message)
        label(account, message, UNDO)
        run_cycle(account)
        assert account.mailboxes_of(message) == account.mailboxes_of(unread) == {"Screener"}
        assert account.mailboxes_of(read) == {"Inbox"}

    def test_what_the_person_has_filed_elsewhere_stays(self, account: AccountUnderTest) -> None:
        """A message in a mailbox of the person's own is theirs; so are Archive and Trash."""
        message = filed(account, "@ToFeed")
        kept = [account.receive([ANN], place) for place in ("Family", "Archive", "Trash")]
        beside = account.receive([ANN], "Feed", "Family")
        label(account, message, UNDO)
        run_cycle(account)
        assert [account.mailboxes_of(each) for each in kept] == [{"Family"}, {"Archive"}, {"Trash"}]
        assert account.mailboxes_of(beside) == {"Screener", "Family"}

    def test_a_label_on_a_message_that_was_thrown_away_counts(self, account: AccountUnderTest) -> None:
        """The sender is undecided; the message stays where it is, without its label."""
        filed(account, "@ToFeed")
        thrown_away = account.receive([ANN], "Trash", UNDO)
        run_cycle(account)
        assert account.mailboxes_of(thrown_away) == {"Trash"}
        assert groups_of(account, ANN[1]) == []


class TestTheCard:
    """What becomes of the sender's card."""

    def test_one_that_mailroom_made_goes(self, account: AccountUnderTest) -> None:
        """It is there because of the decision alone."""
        label(account, filed(account, "@ToFeed"), UNDO)
        (taken_back,) = run_cycle(account).filed
        assert contacts_of(account, ANN[1]) == []
        assert taken_back.card_kept == ""

    def test_one_that_is_made_again_goes_as_well(self, account: AccountUnderTest) -> None:
        """Cyrus gives it the date of the one that was deleted, as if it had been changed since then."""
        message = filed(account, "@ToFeed")
        for _ in range(2):
            unlabel(account, message, "@ToFeed")
            label(account, message, UNDO)
            (taken_back,) = run_cycle(account).filed
            assert taken_back.card_kept == ""
            assert contacts_of(account, ANN[1]) == []
            account.age_deleted_cards(60)
            label(account, message, "@ToFeed")
            run_cycle(account)
            assert len(contacts_of(account, ANN[1])) == 1

    def test_one_of_the_persons_own_stays(self, account: AccountUnderTest) -> None:
        """They leave the triage groups alone, are a contact then, and the report says so."""
        add_contact(account, *ANN, groups=["Friends"])
        before = contacts(account)
        label(account, filed(account, "@ToFeed"), UNDO)
        (taken_back,) = run_cycle(account).filed
        assert contacts(account) == before
        assert groups_of(account, ANN[1]) == ["Friends"]
        assert taken_back.card_kept == "Mailroom did not make it"

    def test_one_that_somebody_has_changed_stays(self, account: AccountUnderTest) -> None:
        """What a person wrote into it is theirs, and so is the card by now."""
        message = filed(account, "@ToFeed")
        ((name, card),) = contacts(account).items()
        account.put_card(name, card.replace(b"END:VCARD", b"NOTE:met in Lisbon\r\nEND:VCARD"))
        label(account, message, UNDO)
        (taken_back,) = run_cycle(account).filed
        assert b"met in Lisbon" in contacts(account)[name]
        assert groups_of(account, ANN[1]) == []
        assert taken_back.card_kept == "changed since it was made"

    def test_one_that_got_a_second_address_stays_for_either(self, account: AccountUnderTest) -> None:
        """It was made for the one and is labelled for the other: that is no failure that comes again."""
        filed(account, "@ToFeed")
        ((name, card),) = contacts(account).items()
        account.put_card(name, card.replace(b"END:VCARD", f"EMAIL:{BOB[1]}\r\nEND:VCARD".encode()))
        message = account.receive([BOB], "Feed", UNDO)
        report = run_cycle(account)
        assert [filed.card_kept for filed in report.filed] == ["changed since it was made"]
        assert not report.failed
        assert account.mailboxes_of(message) == {"Screener"}

    def test_one_that_is_in_another_group_stays(self, account: AccountUnderTest) -> None:
        """Who put it there wants it there."""
        message = filed(account, "@ToFeed")
        ((_, card),) = contacts(account).items()
        join(account, "Friends", vcards.value(card, "UID"))
        label(account, message, UNDO)
        (taken_back,) = run_cycle(account).filed
        assert groups_of(account, ANN[1]) == ["Friends"]
        assert "Friends" in taken_back.card_kept


class TestTheLabel:
    """When it counts."""

    @pytest.mark.parametrize("other", ["@ToFeed", "@ToImbox"])
    def test_beside_another_label_it_is_a_conflict(self, account: AccountUnderTest, other: str) -> None:
        """Nobody can know which of the two was meant."""
        message = filed(account, "@ToFeed")
        label(account, message, UNDO, other)
        report = run_cycle(account)
        assert not report.filed
        assert account.mailboxes_of(message) == {"Feed", UNDO, other, "@MailroomError"}
        unlabel(account, message, other)
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Screener"}

    def test_of_a_stranger_it_just_comes_off(self, account: AccountUnderTest) -> None:
        """There is nothing to take back; the message waits as before, and no card is made."""
        message = account.receive([ANN], "Screener", UNDO)
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Screener"}
        assert contacts(account) == {}

    def test_where_it_is_missing_all_else_works(self, account: AccountUnderTest) -> None:
        """A label that only takes back is not needed by what decides."""
        account.remove_mailbox(UNDO)
        assert groups_of(account, ANN[1]) == []
        filed(account, "@ToFeed")

    def test_whoever_is_decided_on_anew_is_filed_anew(self, account: AccountUnderTest) -> None:
        """A decision that was taken back leaves nothing behind that could stand in the way."""
        message = filed(account, "@ToFeed")
        for _ in range(3):
            label(account, message, UNDO)
            run_cycle(account)
            assert account.mailboxes_of(message) == {"Screener"}
            label(account, message, "@ToPaperTrail")
            run_cycle(account)
            assert account.mailboxes_of(message) == {"Paper Trail"}
            assert groups_of(account, ANN[1]) == ["Paper Trail"]
