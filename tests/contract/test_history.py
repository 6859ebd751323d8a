"""`mailroom history`, on the sandbox and on real Cyrus."""

from __future__ import annotations

from typing import Any

from mailroom.model.mail import MailboxId
from mailroom.model.notes import NewNote, NoteKind
from tests.support.accounts import AccountUnderTest, label
from tests.support.running import opened, run_command, run_once, run_shown

ANN = ("Ann Example", "ann@example.net")
BOB = ("Bob", "bob@example.net")


def told(account: AccountUnderTest, *arguments: str) -> Any:
    """What the command says for programs."""
    return run_command(account.environment, "history", "--json", *arguments).json()


def rows(account: AccountUnderTest, *arguments: str) -> list[list[str]]:
    """The lines behind the header, without when it was."""
    done = run_command(account.environment, "history", *arguments)
    assert done.code == 0, done.errors
    return [line.split()[2:] for line in done.output.splitlines()[1:]]


def test_says_who_was_filed_newest_first(account: AccountUnderTest) -> None:
    """As what, how much mail moved, and by which label; what was swept and taken back, too."""
    message = account.receive([ANN], "Screener", "@ToFeed")
    run_once(account)
    account.receive([ANN], "Screener")
    run_once(account)
    label(account, message, "@ToJail")
    run_once(account)
    assert run_command(account.environment, "undo", "--last", "--yes").code == 0
    assert rows(account) == [
        [ANN[1], "Feed", "again", "(was", "Jail)", "2", "`mailroom", "undo`"],
        [ANN[1], "Jail", "(was", "Feed)", "2", "@ToJail"],
        [ANN[1], "moved", "to", "Feed", "1", "the", "service"],
        [ANN[1], "Feed", "1", "@ToFeed"],
    ]


def test_asked_about_one_sender_a_terminal_has_room_for_what_was_done(account: AccountUnderTest) -> None:
    """Their address stands in no line: who asked knows it, and the words need the room."""
    long = ("Ann", f"ann.{'x' * 50}@example.net")
    message = account.receive([long], "Screener", "@ToPaperTrail")
    run_once(account)
    label(account, message, "@ToFeed")
    run_once(account)
    assert run_command(account.environment, "undo", "--last", "--yes").code == 0
    for asked in (["history", "--sender", long[1]], ["why", long[1]]):
        shown = run_shown(account.environment, *asked).output
        assert "Paper Trail again (was Feed)" in shown
        assert max(map(len, shown.splitlines())) <= 80


def test_an_empty_journal_is_named_as_what_it_is(account: AccountUnderTest) -> None:
    """Its mailbox is called as the program is: the bare name would say that of Mailroom."""
    assert run_command(account.environment, "history").output == (
        "The journal (mailbox 'Mailroom') holds nothing yet.\n"
    )


def test_fits_eighty_columns_and_a_pipe(account: AccountUnderTest) -> None:
    """On a terminal it is cut, in a pipe all is there."""
    long = ("Ann", f"ann.{'x' * 50}@example.net")
    account.receive([long], "Screener", "@ToPaperTrail")
    run_once(account)
    shown = run_shown(account.environment, "history").output
    assert max(map(len, shown.splitlines())) <= 80
    assert long[1] in run_command(account.environment, "history").output


def test_only_one_sender_and_only_from_a_day_on(account: AccountUnderTest) -> None:
    """What is said of others is left out, and so are entries of before."""
    for sender in (ANN, BOB):
        account.receive([sender], "Screener", "@ToFeed")
    run_once(account)
    assert rows(account, "--sender", "Ann@Example.net") == [["Feed", "1", "@ToFeed"]]
    assert len(told(account, "--since", "7d")["entries"]) == 1
    others = run_command(account.environment, "history", "--sender", "x@y.example")
    assert "The journal (mailbox 'Mailroom') holds nothing of it." in others.output
    assert run_command(account.environment, "history", "--sender", "nobody").code == 1


def test_an_entry_that_is_broken_is_left_out_alone(account: AccountUnderTest) -> None:
    """It is told that there is one, and why it cannot be read."""
    account.receive([ANN], "Screener", "@ToFeed")
    run_once(account)
    broken = NewNote(NoteKind.ENTRY, "Filed nobody", "", '{"version":1,"id":3}')
    opened(account).notes.write(MailboxId(account.mailbox_id("Mailroom")), [broken])
    found = told(account)
    assert [x["decided"][0]["address"] for x in found["entries"]] == [ANN[1]]
    assert len(found["unreadable"]) == 1
    assert "cannot be read" in run_command(account.environment, "history").output


def test_without_a_journal_it_says_so(account: AccountUnderTest) -> None:
    """Off is another matter than missing."""
    off = run_command(account.environment, "history", MAILROOM_JOURNAL_MAILBOX="")
    assert (off.code, "journal is off" in off.output) == (1, True)
    missing = run_command(account.environment, "history", MAILROOM_JOURNAL_MAILBOX="Nowhere")
    assert (missing.code, "setup --apply" in missing.output) == (1, True)
