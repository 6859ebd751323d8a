"""Words what is told in the journal, and writes it: where there is nothing new, nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from mailroom.errors import MailroomError, StoppedError
from mailroom.journal.entry import Cause, Entry
from mailroom.journal.form import to_json
from mailroom.journal.needs import Needs, RulesTrouble, needs_of, needs_of_failure
from mailroom.journal.notices import NOTHING, Notices, Telling
from mailroom.journal.recording import entry_of, entry_of_approval
from mailroom.journal.text import subject_of, text_of
from mailroom.model.notes import NewNote, NoteKind, Retiring
from mailroom.model.party import Party
from mailroom.model.ports import Notes
from mailroom.model.scheme import Category
from mailroom.output.logs import log
from mailroom.triage.layout import JournalPlace
from mailroom.triage.report import Report

if TYPE_CHECKING:
    from mailroom.triage.approval import ApprovalReport

BETWEEN_LOOKS_FOR_OLD = timedelta(days=1)


class Teller:
    """Writes into the journal's mailbox.

    What is written costs one request. Once a day the entries that are old by then are found in the same one,
    and go to Trash right after: later they could be in other mailboxes than they were found in.

    Args:
        on_written: Hears of the states of the mail right before and after a message was added.
        days: For how long entries are kept.
        takes_back: The label that takes a decision back; empty where there is none.
        now: Returns the time, with a time zone.
        clock: Tells seconds; only differences count.

    Attributes:
        rules: What is known of the provider's rules: that they are stale, or, by None within, that they are
            not; None where nothing is.
    """

    def __init__(
        self,
        notes: Notes,
        days: int,
        *,
        on_written: Callable[[str, str], None],
        takes_back: str,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        self._notes = notes
        self.rules: tuple[RulesTrouble | None] | None = None
        self._notices = Notices(notes, clock)
        self._days = days
        self._on_written = on_written
        self._takes_back = takes_back
        self._now = now
        self._looked_for_old_at: datetime | None = None

    def tell(self, place: JournalPlace, report: Report) -> None:
        """Tell what a cycle did, and what of it needs the person.

        Raises:
            MailroomError: Nobody knows what became of it.
        """
        self._write(place, self._entries(report, Cause.CYCLE), self._plan(needs_of(report)))

    def tell_failure(self, place: JournalPlace, error: BaseException) -> None:
        """Tell what a cycle failed for, where a person can mend it.

        Raises:
            MailroomError: Nobody knows what became of it.
        """
        if needs := needs_of_failure(error):
            self._write(place, [], self._plan(needs))

    def tell_of_command(
        self,
        place: JournalPlace,
        report: Report,
        cause: Cause,
        takes_back: Mapping[Party, Sequence[str]],
    ) -> None:
        """Tell what a command did; what it left undone it has said itself.

        Raises:
            MailroomError: Nobody knows what became of it.
        """
        self._write(place, self._entries(report, cause, takes_back), NOTHING)

    def tell_of_approval(self, place: JournalPlace, report: ApprovalReport, category: Category) -> None:
        """Tell who was put into the category for people whom the person has written to.

        Raises:
            MailroomError: Nobody knows what became of it.
        """
        self._write(place, self._notes_of(entry_of_approval(report, category, self._now())), NOTHING)

    def forget(self) -> None:
        """Read anew, before the next notice, what was told before."""
        self._notices.forget()

    def _entries(
        self,
        report: Report,
        cause: Cause,
        takes_back: Mapping[Party, Sequence[str]] = MappingProxyType({}),
    ) -> list[NewNote]:
        """Return the entry; none where nothing was done."""
        return self._notes_of(entry_of(report, cause, self._now(), takes_back))

    def _notes_of(self, entry: Entry) -> list[NewNote]:
        if entry.is_empty:
            return []
        text = text_of(entry, self._takes_back)
        return [NewNote(NoteKind.ENTRY, subject_of(entry), text, to_json(entry))]

    def _plan(self, needs: Needs) -> Telling:
        """Return what is to be told of these; nothing where the server does not say what was told before."""
        try:
            return self._notices.plan(needs.with_rules(*self.rules) if self.rules else needs)
        except StoppedError:
            raise
        except MailroomError as error:
            log(logging.WARNING, "journal_failed", reason=str(error))
            return NOTHING

    def _write(self, place: JournalPlace, entries: Sequence[NewNote], telling: Telling) -> None:
        """Write all of it in one request.

        Raises:
            MailroomError: Nobody knows what became of it.
        """
        if not (entries or telling):
            return
        written = self._notes.write(
            place.mailbox,
            [*entries, *telling.notes],
            Retiring.of(telling.retiring, place.trash),
            old_before=self._old_before(),
        )
        if written.states:
            self._on_written(*written.states)
        for problem in written.problems:
            log(logging.WARNING, "journal_failed", reason=problem)
        self._notices.settle(telling, written, written.ids[len(entries) :])
        if old := Retiring.of(written.old, place.trash):
            self._notes.write(place.mailbox, (), old)

    def _old_before(self) -> str:
        """Return from before which moment entries are old; empty where they were looked for a while ago."""
        now = self._now()
        if self._looked_for_old_at and now - self._looked_for_old_at < BETWEEN_LOOKS_FOR_OLD:
            return ""
        self._looked_for_old_at = now
        return (now - timedelta(days=self._days)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
