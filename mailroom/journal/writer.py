"""Writes into the account what was done and what needs the person: where there is nothing new, nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from mailroom.errors import MailroomError, StoppedError
from mailroom.journal.entry import Cause, Entry
from mailroom.journal.form import to_json
from mailroom.journal.needs import Needs, needs_of, needs_of_failure
from mailroom.journal.notices import NOTHING, Notices, Telling
from mailroom.journal.recording import entry_of, entry_of_approval
from mailroom.journal.text import subject_of, text_of
from mailroom.model.notes import NewNote, NoteKind, Retiring
from mailroom.model.party import Party
from mailroom.model.ports import Notes
from mailroom.model.scheme import Category
from mailroom.output.logs import log
from mailroom.triage.approval import ApprovalReport
from mailroom.triage.layout import JournalPlace
from mailroom.triage.report import Report

BETWEEN_LOOKS_FOR_OLD = timedelta(days=1)


def utc_now() -> datetime:
    """Return the time by the clock of this machine."""
    return datetime.now(UTC)


class Journal:
    """Tells what was done, in the account's mailbox for it, where there is one.

    What is written costs one request. Once a day the entries that are old by then are found in the same one,
    and go to Trash right after: later they could be in other mailboxes than they were found in. Where a
    server fails, that is logged: nothing that was done fails because it cannot be told.

    Args:
        find_place: Returns where it is told, as of the last look at the account; None where nowhere.
        on_written: Hears of the states of the mail right before and after a message was added.
        days: For how long entries are kept.
        takes_back: The label that takes a decision back; empty where there is none.
        now: Returns the time, with a time zone.
        clock: Tells seconds; only differences count.
    """

    def __init__(
        self,
        notes: Notes,
        find_place: Callable[[], JournalPlace | None],
        days: int,
        *,
        on_written: Callable[[str, str], None] = lambda _before, _after: None,
        takes_back: str = "",
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notes = notes
        self._notices = Notices(notes, clock)
        self._find_place = find_place
        self._days = days
        self._on_written = on_written
        self._takes_back = takes_back
        self._now = now
        self._looked_for_old_at: datetime | None = None

    def tell(self, report: Report) -> None:
        """Tell what a cycle did, and what of it needs the person.

        Raises:
            StoppedError: The process is to end, and the server is still waited for.
        """
        with self._place() as place:
            if place:
                self._write(place, self._entries(report, Cause.CYCLE), self._plan(needs_of(report)))

    def tell_failure(self, error: BaseException) -> None:
        """Tell what a cycle failed for, where a person can mend it.

        Raises:
            StoppedError: The process is to end, and the server is still waited for.
        """
        with self._place() as place:
            if place and (needs := needs_of_failure(error)):
                self._write(place, [], self._plan(needs))

    def tell_of_command(
        self,
        report: Report,
        cause: Cause,
        takes_back: Mapping[Party, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """Tell what a command did; what it left undone it has said itself.

        Args:
            takes_back: For each sender the entries that were taken back, by their ids.

        Raises:
            StoppedError: The process is to end, and the server is still waited for.
        """
        with self._place() as place:
            if place:
                self._write(place, self._entries(report, cause, takes_back), NOTHING)

    def tell_of_approval(self, report: ApprovalReport, category: Category) -> None:
        """Tell who was put into the category for people whom the person has written to.

        Raises:
            StoppedError: The process is to end, and the server is still waited for.
        """
        with self._place() as place:
            if place:
                self._write(place, self._notes_of(entry_of_approval(report, category, self._now())), NOTHING)

    @contextmanager
    def _place(self) -> Iterator[JournalPlace | None]:
        """Give the place for the journal; what goes wrong with it is logged, and stops nobody."""
        try:
            yield self._find_place()
        except StoppedError:
            raise
        except MailroomError as error:
            log(logging.WARNING, "journal_failed", reason=str(error))
            self._notices.forget()
        except Exception:  # a bug here must not make a cycle fail that has done its work
            logging.getLogger("mailroom").exception("journal_failed")
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
            return self._notices.plan(needs)
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
