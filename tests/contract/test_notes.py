"""The messages that Mailroom itself writes: the same on the double, the sandbox and real servers."""

from __future__ import annotations

import email
import json
from collections.abc import Sequence
from email.policy import default

import pytest

from mailroom.model.mail import MailboxId
from mailroom.model.notes import NewNote, Note, NoteKind, Retiring, Written
from mailroom.model.ports import Notes
from tests.support.accounts import AccountUnderTest, label
from tests.support.running import opened

ENTRY, NOTICE, DIGEST = NoteKind.ENTRY, NoteKind.NOTICE, NoteKind.DIGEST
PLACE = "Family"
TEXTS = {
    "plain": "Filed news@shop.example.\n",
    "umlauts": "Größe → Maß, für Zoë 日本語 🏔\nund noch eine Zeile\n",
    "long lines": "y" * 1_200 + "\n" + "word " * 400 + "\n",
    "a lone CR": "before\rafter\r\nnext\n",
    "dots and From": ".\n..\nFrom the beginning\n-- \n",
    "control characters": "tab\tbell\x07nul\x00half\ud800 end\n",
    "no end of line": "no end of line",
    "empty": "",
}
SUBJECTS = (
    "Filed 1 sender: news@shop.example",
    "Filed 3 senders: Zoë <z@shop.example> → Feed 🏔 日本語",
    "x" * 300,
    "word " * 60 + "Ende mit ß",
    "a\r\nBcc: someone@else.example",
    "two  blanks\ta tab and \x00 nul",
    "=?utf-8?Q?not_encoded?=",
    '"quoted", (comment) <x@y.example>',
)


@pytest.fixture
def notes(account: AccountUnderTest) -> Notes:
    return opened(account).notes


def _id(account: AccountUnderTest, name: str) -> MailboxId:
    return MailboxId(account.mailbox_id(name))


def _read(notes: Notes, account: AccountUnderTest, kind: NoteKind = ENTRY, since: str = "") -> list[Note]:
    return [note for page in notes.read(_id(account, PLACE), kind, since) for note in page]


def _everywhere(notes: Notes) -> list[Note]:
    return [note for page in notes.read(None, NOTICE) for note in page]


def _write(notes: Notes, account: AccountUnderTest, *new: NewNote) -> Sequence[str]:
    written = notes.write(_id(account, PLACE), new)
    assert not written.problems
    return [message for message in written.ids if message]


def _retire(notes: Notes, account: AccountUnderTest, *old: Note) -> Written:
    return notes.write(_id(account, PLACE), (), Retiring(old, _id(account, "Trash")))


class TestWriting:
    """`Notes.write`."""

    def test_a_note_is_found_by_its_keyword_and_read_as_it_was_written(
        self, account: AccountUnderTest, notes: Notes
    ) -> None:
        """Subject, data and whether it is read come back; other kinds are not among it."""
        data = json.dumps({"version": 1, "name": 'Zoë "the" boss', "more": "x" * 3_000})
        (message,) = _write(notes, account, NewNote(ENTRY, "Filed ☃", "Hello\n", data))
        _write(notes, account, NewNote(NOTICE, "Look here", "A text\n", is_read=False))
        (note,) = _read(notes, account)
        assert (note.id, note.kind, note.subject, note.data) == (message, ENTRY, "Filed ☃", data)
        assert note.is_read
        assert note.mailbox_ids == {account.mailbox_id(PLACE)}
        assert note.received_at.endswith("Z")
        (notice,) = _read(notes, account, NOTICE)
        assert (notice.subject, notice.data, notice.is_read) == ("Look here", "", False)
        assert not _read(notes, account, DIGEST)

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    def test_other_programs_read_it(self, account: AccountUnderTest, notes: Notes, text: str) -> None:
        """Python's `email` reads the message: from and to the account's own address, in two parts."""
        note = NewNote(ENTRY, "Filed", text, '{"version": 1}')
        (message,) = _write(notes, account, note)
        read = email.message_from_bytes(account.download(message), policy=default)
        assert not read.defects
        assert [(x.display_name, x.addr_spec) for x in read["From"].addresses] == [
            ("Mailroom", account.address)
        ]
        assert [x.addr_spec for x in read["To"].addresses] == [account.address]
        assert read["Date"].datetime
        assert read["Message-ID"]
        first, (second,) = read.get_body(("plain",)), read.iter_attachments()
        assert first is not None
        assert first.get_content().replace("\r\n", "\n") == note.text
        assert (second.get_filename(), second.get_content_type()) == ("mailroom.json", "text/plain")
        assert second.get_content_disposition() == "attachment"
        assert json.loads(second.get_content()) == {"version": 1}

    @pytest.mark.parametrize("subject", SUBJECTS)
    def test_any_subject_is_one_line(self, account: AccountUnderTest, notes: Notes, subject: str) -> None:
        """It reads the same over JMAP and in the message itself, and adds no header."""
        note = NewNote(ENTRY, subject, "Text\n")
        (message,) = _write(notes, account, note)
        assert [x.subject for x in _read(notes, account)] == [note.subject]
        read = email.message_from_bytes(account.download(message), policy=default)
        assert read["Subject"] == note.subject
        assert read["Bcc"] is None

    def test_several_are_one_request(self, account: AccountUnderTest, notes: Notes) -> None:
        """Writing some, letting others go and looking for old ones takes one request together."""
        _write(notes, account, NewNote(NOTICE, "Old", "Text\n"))
        old = _read(notes, account, NOTICE)
        before = len(account.requests())
        new = [NewNote(ENTRY, "One", "1\n"), NewNote(DIGEST, "Two", "2\n")]
        retiring = Retiring(old, _id(account, "Trash"))
        written = notes.write(_id(account, PLACE), new, retiring, old_before="2026-01-01T00:00:00Z")
        assert len(account.requests()) - before == 1
        assert None not in written.ids
        assert written.retired == {note.id for note in old}

    def test_more_than_the_server_takes_at_once_are_written_all_the_same(
        self, account: AccountUnderTest, notes: Notes
    ) -> None:
        """And read again: each once, newest first."""
        count = account.max_objects + 1
        written = _write(notes, account, *(NewNote(ENTRY, f"No. {n}", "Text\n") for n in range(count)))
        assert len(set(written)) == count
        found = _read(notes, account)
        assert sorted(note.id for note in found) == sorted(written)
        moments = [note.received_at for note in found]
        assert moments == sorted(moments, reverse=True)

    def test_where_there_is_no_such_mailbox_it_says_so(self, account: AccountUnderTest, notes: Notes) -> None:
        """A mailbox that was deleted in the meantime is no error of the server's."""
        written = notes.write(MailboxId("gone"), [NewNote(ENTRY, "Filed", "Text\n")])
        assert written.ids == (None,)
        assert "Mailroom's own" in written.problems[0]

    def test_it_is_the_persons_own_mail(self, account: AccountUnderTest, notes: Notes) -> None:
        """Whoever reads senders finds the account's own address, which nobody files."""
        (message,) = _write(notes, account, NewNote(ENTRY, "Filed", "Text\n"))
        mail = opened(account).mail
        found = mail.read([_id(account, PLACE)]).snapshot.messages
        (sender,) = (x.sender for x in found.values() if x.id == message)
        assert getattr(sender, "address", None) in mail.own_addresses()


class TestReading:
    """`Notes.read`."""

    def test_mail_of_others_is_no_note(self, account: AccountUnderTest, notes: Notes) -> None:
        """Whatever it calls itself: only who has the account sets a keyword."""
        account.receive([("Mailroom", account.address)], PLACE)
        assert not _read(notes, account)

    def test_only_those_since_a_moment(self, account: AccountUnderTest, notes: Notes) -> None:
        """What was written before is left out."""
        _write(notes, account, NewNote(ENTRY, "Filed", "Text\n"))
        assert _read(notes, account, since="2026-01-01T00:00:00Z")
        assert not _read(notes, account, since="2099-01-01T00:00:00Z")


class TestRetiring:
    """What becomes of notes that have had their time."""

    def test_it_goes_to_trash(self, account: AccountUnderTest, notes: Notes) -> None:
        """There it is a note no more, and read: nobody takes it for one that the person has deleted."""
        _write(notes, account, NewNote(NOTICE, "Look", "Text\n", is_read=False))
        (note,) = _read(notes, account, NOTICE)
        assert _retire(notes, account, note).retired == {note.id}
        assert account.mailboxes_of(note.id) == {"Trash"}
        assert not _everywhere(notes)
        assert NOTICE.keyword not in account.keywords_of(note.id)

    def test_one_that_the_person_has_deleted_is_a_note_until_then(
        self, account: AccountUnderTest, notes: Notes
    ) -> None:
        """It is found wherever it lies, and stays there."""
        _write(notes, account, NewNote(NOTICE, "Look", "Text\n", is_read=False))
        (note,) = _read(notes, account, NOTICE)
        account.place(note.id, "Trash")
        assert not _read(notes, account, NOTICE)
        (note,) = _everywhere(notes)
        assert note.mailbox_ids == {account.mailbox_id("Trash")}
        assert _retire(notes, account, note).retired == {note.id}
        assert account.mailboxes_of(note.id) == {"Trash"}
        assert not _everywhere(notes)

    def test_what_the_person_has_filed_elsewhere_stays_there(
        self, account: AccountUnderTest, notes: Notes
    ) -> None:
        """It leaves this mailbox only."""
        _write(notes, account, NewNote(ENTRY, "Filed", "Text\n"))
        (note,) = _read(notes, account)
        label(account, note.id, "Archive")
        (note,) = _read(notes, account)
        assert _retire(notes, account, note).retired == {note.id}
        assert account.mailboxes_of(note.id) == {"Archive"}

    def test_one_that_is_gone_is_no_problem(self, account: AccountUnderTest, notes: Notes) -> None:
        """The person has deleted it: what was wanted is so."""
        _write(notes, account, NewNote(ENTRY, "Filed", "Text\n"))
        (note,) = _read(notes, account)
        account.destroy(note.id)
        written = _retire(notes, account, note)
        assert written.retired == {note.id}
        assert not written.problems

    def test_old_entries_are_told(self, account: AccountUnderTest, notes: Notes) -> None:
        """Entries alone, and only those from before the moment."""
        _write(notes, account, NewNote(ENTRY, "Filed", "Text\n"), NewNote(NOTICE, "Look", "Text\n"))
        account.receive([("Ann", "ann@example.net")], PLACE)
        (note,) = _read(notes, account)
        new = NewNote(DIGEST, "Waiting", "Text\n")
        early, late = "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
        assert not notes.write(_id(account, PLACE), [new], old_before=early).old
        (old,) = notes.write(_id(account, PLACE), [new], old_before=late).old
        assert (old.id, old.mailbox_ids) == (note.id, note.mailbox_ids)
