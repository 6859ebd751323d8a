"""`mailroom undo`, on the sandbox and on real Cyrus."""

from __future__ import annotations

from tests.support.accounts import AccountUnderTest, add_contact, contacts_of, groups_of
from tests.support.running import run_command, run_cycle

ANN = ("Ann Example", "ann@example.net")
BOB = ("Bob", "bob@example.net")


def test_takes_decisions_back_as_the_label_does(account: AccountUnderTest) -> None:
    """Mail waits again, groups are left, and the card that was made goes; again, it writes nothing."""
    messages = [account.receive([ANN], "Screener", "@ToFeed"), account.receive([BOB], "Screener", "@ToJail")]
    run_cycle(account)
    done = run_command(account.environment, "undo", "--yes", "Ann@Example.net", BOB[1])
    assert (done.code, done.errors) == (0, "")
    assert "Taken back: 2 senders. Moved: 2 messages." in done.output
    assert "mailroom rules" not in done.output  # they name groups: of senders, no rule is another now
    assert [account.mailboxes_of(each) for each in messages] == [{"Screener"}] * 2
    assert [contacts_of(account, email) for _, email in (ANN, BOB)] == [[], []]
    before = account.state()
    again = run_command(account.environment, "undo", "--yes", ANN[1])
    assert "Nothing is decided about ann@example.net." in again.output
    assert account.state() == before


def test_says_that_a_card_of_ones_own_stays(account: AccountUnderTest) -> None:
    """Who stays a contact is not screened, and that is said together with why."""
    add_contact(account, *ANN, groups=["Feed"])
    done = run_command(account.environment, "undo", "--yes", ANN[1])
    assert "ann@example.net stays a contact" in done.output
    assert "Mailroom did not make it" in done.output
    assert groups_of(account, ANN[1]) == []


def test_only_after_a_yes(account: AccountUnderTest) -> None:
    """Without a terminal and without --yes it shows what it would do, and is an error."""
    add_contact(account, *ANN, groups=["Feed"])
    before = account.state()
    done = run_command(account.environment, "undo", ANN[1])
    assert done.code == 1
    assert "--yes" in done.errors
    assert account.state() == before


def test_what_is_no_address_is_told_at_once(account: AccountUnderTest) -> None:
    """All of it, before anything is asked of a server."""
    done = run_command(account.environment, "undo", "--yes", "nobody", ANN[1], "@example")
    assert done.code == 1
    assert "'nobody'" in done.errors
    assert "'@example'" in done.errors


def test_without_a_sender_it_says_what_to_name_before_settings_are_missing() -> None:
    """What is wrong with the line that was typed needs no account."""
    done = run_command({}, "undo")
    assert done.code == 1
    assert "--last" in done.errors
    assert "MAILROOM_" not in done.errors


def test_programs_read_what_became_of_each(account: AccountUnderTest) -> None:
    """With --json."""
    account.receive([ANN], "Screener", "@ToFeed")
    run_cycle(account)
    shown = run_command(account.environment, "undo", "--json", "--yes", ANN[1]).json()
    assert shown["taken_back"] == [
        {"sender": ANN[1], "messages_moved": 1, "messages_staying": 0, "card_kept": None}
    ]
    assert (shown["failed"], shown["left_to_you"]) == ({}, {})
