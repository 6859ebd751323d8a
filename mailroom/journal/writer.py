"""Tells in the account what was done and what needs the person, where it has a mailbox for that."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from mailroom.errors import MailroomError, StoppedError
from mailroom.output.logs import log

if TYPE_CHECKING:
    from mailroom.journal.entry import Cause
    from mailroom.journal.needs import RulesTrouble
    from mailroom.journal.teller import Teller
    from mailroom.model.party import Party
    from mailroom.model.ports import Notes
    from mailroom.model.scheme import Category
    from mailroom.triage.approval import ApprovalReport
    from mailroom.triage.layout import JournalPlace
    from mailroom.triage.report import Report


def utc_now() -> datetime:
    """Return the time by the clock of this machine."""
    return datetime.now(UTC)


class Journal:
    """Tells what was done, in the account's mailbox for it, where there is one.

    Only there is loaded what words and writes it. Where a server fails, that is logged: nothing that was
    done fails because it cannot be told.

    Args:
        open_notes: Opens what writes into the account.
        find_place: Returns where it is told, as of the last look at the account; None where nowhere.
        on_written: Hears of the states of the mail right before and after a message was added.
        days: For how long entries are kept.
        takes_back: The label that takes a decision back; empty where there is none.
        now: Returns the time, with a time zone.
        clock: Tells seconds; only differences count.
    """

    def __init__(
        self,
        open_notes: Callable[[], Notes],
        find_place: Callable[[], JournalPlace | None],
        days: int,
        *,
        on_written: Callable[[str, str], None] = lambda _before, _after: None,
        takes_back: str = "",
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        def open_teller() -> Teller:
            from mailroom.journal.teller import Teller  # noqa: PLC0415 - many accounts have no journal

            return Teller(
                open_notes(), days, on_written=on_written, takes_back=takes_back, now=now, clock=clock
            )

        self._open_teller = open_teller
        self._teller: Teller | None = None
        self._find_place = find_place
        self._rules: tuple[RulesTrouble | None] | None = None

    def note_rules(self, trouble: RulesTrouble | None) -> None:
        """Tell from the next cycle on what is wrong with the provider's rules; None where nothing is."""
        self._rules = (trouble,)

    def tell(self, report: Report) -> None:
        """Tell what a cycle did, and what of it needs the person.

        Raises:
            StoppedError: The process is to end, and the server is still waited for.
        """
        self._tell(lambda teller, place: teller.tell(place, report))

    def tell_failure(self, error: BaseException) -> None:
        """Tell what a cycle failed for, where a person can mend it.

        Raises:
            StoppedError: The process is to end, and the server is still waited for.
        """
        self._tell(lambda teller, place: teller.tell_failure(place, error))

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
        self._tell(lambda teller, place: teller.tell_of_command(place, report, cause, takes_back))

    def tell_of_approval(self, report: ApprovalReport, category: Category) -> None:
        """Tell who was put into the category for people whom the person has written to.

        Raises:
            StoppedError: The process is to end, and the server is still waited for.
        """
        self._tell(lambda teller, place: teller.tell_of_approval(place, report, category))

    def _tell(self, tell: Callable[[Teller, JournalPlace], None]) -> None:
        """Tell something where there is a place for it; what goes wrong is logged, and stops nobody."""
        try:
            if place := self._find_place():
                self._teller = self._teller or self._open_teller()
                self._teller.rules = self._rules
                tell(self._teller, place)
        except StoppedError:
            raise
        except MailroomError as error:
            log(logging.WARNING, "journal_failed", reason=str(error))
            self._forget()
        except Exception:  # a bug here must not make a cycle fail that has done its work
            logging.getLogger("mailroom").exception("journal_failed")
            self._forget()

    def _forget(self) -> None:
        if self._teller:
            self._teller.forget()
