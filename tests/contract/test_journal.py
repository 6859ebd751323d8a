"""The journal: what was done is told in the account, once, and nothing else comes of it."""

from __future__ import annotations

import email
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path

import pytest

from mailroom.account import Account
from mailroom.journal.entry import Cause, Entry
from mailroom.journal.form import read_entry
from mailroom.journal.writer import Journal
from mailroom.model.mail import MailboxId
from mailroom.model.notes import NewNote, Note, NoteKind
from mailroom.triage.report import Report
from tests.support.accounts import (
    JOURNAL,
    AccountUnderTest,
    add_contact,
    contacts_of,
    groups_of,
    label,
    unlabel,
)
from tests.support.running import opened, run_command, run_cycle

ANN = ("Ann", "ann@example.net")
BOB = ("Bob's Shop", "bob@example.net")


def entries(account: AccountUnderTest) -> list[Note]:
    """The entries there, newest first."""
    pages = opened(account).notes.read(MailboxId(account.mailbox_id(JOURNAL)), NoteKind.ENTRY)
    return [note for page in pages for note in page]


def recorded(note: Note) -> Entry:
    entry = read_entry(note.data)
    assert isinstance(entry, Entry), entry
    return entry


def cycle(mailroom: Account) -> Report:
    """A cycle of the service."""
    report = mailroom.triage.run()
    mailroom.journal.tell(report)
    return report


def requests_of(account: AccountUnderTest, mailroom: Account) -> int:
    before = len(account.requests())
    cycle(mailroom)
    return len(account.requests()) - before


def test_a_cycle_that_did_something_adds_one_message_that_is_read(account: AccountUnderTest) -> None:
    """Its subject says what was done, and its data who moved from where to where."""
    first = account.receive([ANN], "Screener", "@ToFeed")
    second = account.receive([ANN], "Screener")
    run_cycle(account)
    (note,) = entries(account)
    assert note.subject == "Filed 1 sender: ann@example.net → Feed"
    assert note.is_read
    (decided,) = recorded(note).decided
    assert (decided.address, decided.category, decided.is_card_new) == (ANN[1], "Feed", True)
    (move,) = decided.moves
    assert [place.name for place in (*move.before, *move.after)] == ["Screener", "Feed"]
    assert set(move.message_ids) == {first, second}
    assert account.mailboxes_of(note.id) == {JOURNAL}


def test_a_person_and_other_programs_read_it(account: AccountUnderTest) -> None:
    """From and to the account's own address: who, why, the card, what moved, and how to take it back."""
    add_contact(account, "Bob", BOB[1], groups=["Feed"])
    message = account.receive([BOB], "Feed")
    label(account, message, "@ToJail")
    account.receive([ANN], "Screener", "@ToPerson")
    run_cycle(account)
    (note,) = entries(account)
    raw = email.message_from_bytes(account.download(note.id), policy=default)
    assert raw["From"].addresses[0].addr_spec == raw["To"].addresses[0].addr_spec == account.address
    assert raw["Subject"] == note.subject
    body, (data,) = raw.get_body(("plain",)), raw.iter_attachments()
    assert body is not None
    text = body.get_content().replace("\r\n", "\n")
    assert "Bob's Shop <bob@example.net> → Jail\n  Why: your label @ToJail on a message of 2026-03-01" in text
    assert "  Before: Feed\n  Contact card: found, Bob\n  Moved: 1 message from Feed to Jail" in text
    assert "Ann <ann@example.net> → Person" in text
    assert "Contact card: made" in text
    assert "@ToScreener" in text
    assert json.loads(data.get_content())["version"] == 1


def test_idle_cycles_add_nothing_and_cost_one_request(account: AccountUnderTest) -> None:
    """Nor does the entry itself bring any work."""
    account.receive([ANN], "Screener", "@ToFeed")
    account.receive([BOB], "Screener")  # who waits is not looked at again for it
    mailroom = opened(account)
    mailroom.begin()
    cycle(mailroom)
    before = account.state()
    # Over JMAP the account's contacts have another state by its own writing, which is read once.
    first = 2 if account.is_over_jmap else 1
    assert [requests_of(account, mailroom) for _ in range(3)] == [first, 1, 1]
    assert account.state() == before
    assert len(entries(account)) == 1


def test_telling_costs_one_request(account: AccountUnderTest) -> None:
    """As many more as where no journal is kept."""
    requests = {}
    for journal in ("", JOURNAL):
        mailroom = opened(account, MAILROOM_JOURNAL_MAILBOX=journal)
        mailroom.begin()
        cycle(mailroom)
        sender = ("Ann", f"ann{len(journal)}@example.net")
        account.receive([sender], "Screener", "@ToFeed")
        requests[journal] = requests_of(account, mailroom)
        assert groups_of(account, sender[1]) == ["Feed"]
    assert requests[JOURNAL] - requests[""] == 1


def test_what_fails_again_and_again_is_no_entry(account: AccountUnderTest) -> None:
    """A conflict waits for the person, who is told of it otherwise; a cycle that only sees it did nothing."""
    account.receive([ANN], "Screener", "@ToFeed", "@ToJail")
    for _ in range(2):
        run_cycle(account)
    assert not entries(account)


@pytest.mark.parametrize("variable", ["", JOURNAL])
def test_where_there_is_no_mailbox_for_it_none_is_kept(account: AccountUnderTest, variable: str) -> None:
    """Whether the setting is empty or the mailbox is not there: everything else is done."""
    if variable:
        account.remove_mailbox(JOURNAL)
    account.receive([ANN], "Screener", "@ToFeed")
    run_cycle(account, MAILROOM_JOURNAL_MAILBOX=variable)
    assert groups_of(account, ANN[1]) == ["Feed"]
    if not variable:
        assert not entries(account)


def test_a_decision_that_is_taken_back_is_told(account: AccountUnderTest) -> None:
    """And that the card that was made is gone."""
    message = account.receive([ANN], "Screener", "@ToFeed")
    run_cycle(account)
    label(account, message, "@ToScreener")
    run_cycle(account)
    newest = max(
        entries(account), key=lambda note: recorded(note).at + str(not recorded(note).decided[0].group)
    )
    assert newest.subject == "Taken back 1 sender: ann@example.net"


def test_a_labelled_entry_loses_the_label(account: AccountUnderTest) -> None:
    """It is the person's own mail: nobody is filed by it, and it stays where it is."""
    account.receive([ANN], "Screener", "@ToFeed")
    run_cycle(account)
    (note,) = entries(account)
    label(account, note.id, "@ToJail")
    run_cycle(account)
    assert "@ToJail" not in account.mailboxes_of(note.id) or "@MailroomError" in account.mailboxes_of(note.id)
    assert JOURNAL in account.mailboxes_of(note.id)
    assert groups_of(account, account.address) == []


class TestPruning:
    """Old entries go to Trash, in a cycle that writes anyway."""

    @staticmethod
    def journal(mailroom: Account, days_on: int) -> Journal:
        """A journal some days from now."""
        now = datetime.now(UTC) + timedelta(days=days_on)
        return Journal(mailroom.open_notes, lambda: mailroom.triage.journal, 90, now=lambda: now)

    def test_old_entries_go_and_others_stay(self, account: AccountUnderTest) -> None:
        """Those that are older than that; mail of others stays whatever its age, and so do notices."""
        place = MailboxId(account.mailbox_id(JOURNAL))
        account.receive([ANN], "Screener", "@ToFeed")
        mailroom = opened(account)
        mailroom.begin()
        report = cycle(mailroom)
        mailroom.notes.write(place, [NewNote(NoteKind.NOTICE, "Look", "Text", is_read=False)])
        strange = account.receive([BOB], JOURNAL)
        (old,) = entries(account)
        self.journal(mailroom, 89).tell(report)
        assert account.mailboxes_of(old.id) == {JOURNAL}
        late = self.journal(mailroom, 91)
        late.tell(Report())
        assert account.mailboxes_of(old.id) == {JOURNAL}, "an idle cycle writes nothing"
        late.tell(report)
        assert account.mailboxes_of(old.id) == {"Trash"}
        assert account.mailboxes_of(strange) == {JOURNAL}
        assert [note.subject for note in _notices(mailroom, place)] == ["Look"]

    def test_old_entries_are_looked_for_once_a_day(self, account: AccountUnderTest) -> None:
        """Whatever is told in between costs one request."""
        account.receive([ANN], "Screener", "@ToFeed")
        mailroom = opened(account)
        mailroom.begin()
        report = cycle(mailroom)
        (old,) = entries(account)
        clock = [datetime.now(UTC) + timedelta(days=89, hours=hours) for hours in (23, 46, 47)]
        late = Journal(mailroom.open_notes, lambda: mailroom.triage.journal, 90, now=lambda: clock[0])
        while clock:
            assert account.mailboxes_of(old.id) == {JOURNAL}
            late.tell(report)
            clock.pop(0)
        assert account.mailboxes_of(old.id) == {"Trash"}


def _notices(mailroom: Account, place: MailboxId) -> Sequence[Note]:
    return [note for page in mailroom.notes.read(place, NoteKind.NOTICE) for note in page]


def test_a_command_is_told_with_its_cause(account: AccountUnderTest) -> None:
    """What it did not do because it was so already is no news."""
    message = account.receive([ANN], "Screener", "@ToFeed")
    mailroom = opened(account)
    mailroom.begin()
    report = mailroom.triage.run()
    unlabel(account, message, "@ToFeed")
    mailroom.journal.tell_of_command(report, Cause.APPLY)
    mailroom.journal.tell_of_command(Report(), Cause.APPLY)
    (note,) = entries(account)
    assert recorded(note).cause is Cause.APPLY


def test_people_who_were_approved_are_told_and_can_be_taken_back(account: AccountUnderTest) -> None:
    """`undo --last` finds them by the journal, as it finds whom a label filed."""
    account.send(ANN)
    assert run_command(account.environment, "approve", "--correspondents", "--yes").code == 0
    (note,) = entries(account)
    (decided,) = recorded(note).decided
    assert (recorded(note).cause, decided.address, decided.is_card_new) == (Cause.APPROVE, ANN[1], True)
    assert groups_of(account, ANN[1]) == ["Imbox"]
    assert run_command(account.environment, "undo", "--last", "--yes").code == 0
    assert contacts_of(account, ANN[1]) == []


def test_apply_and_rescue_are_told(account: AccountUnderTest, tmp_path: Path) -> None:
    """What a command moved is in the journal as what a cycle moved."""
    file = tmp_path / "senders.txt"
    file.write_text("Feed  ann@example.net\n", encoding="utf-8")
    account.receive([ANN], "Screener")
    assert run_command(account.environment, "apply", str(file), "--yes").code == 0
    (note,) = entries(account)
    assert (recorded(note).cause, recorded(note).decided[0].messages_moved) == (Cause.APPLY, 1)
    account.receive([ANN], "Screener")
    assert run_command(account.environment, "rescue", "--yes").code == 0
    (rescued,) = (x for x in map(recorded, entries(account)) if x.cause is Cause.RESCUE)
    assert [(each.address, each.messages_moved) for each in rescued.swept] == [(ANN[1], 1)]
