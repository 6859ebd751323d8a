"""Watches over the rules while the service runs: says when they are stale, or keeps them current.

It looks after the first cycle, after each in which something was decided about a whole domain or a mailing
list, and where the contacts that were read ask for other rules, whoever decided it (`mailroom apply`, say): a
sender's decision changes a contact group, which the rules name, and so no rule.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable
from typing import Final

from mailroom.account import Account
from mailroom.errors import MailroomError, StoppedError
from mailroom.model.address_book import Contacts
from mailroom.model.party import PartyKind, kind_of
from mailroom.output.logs import log
from mailroom.settings.settings import Settings
from mailroom.triage.report import Report

RETRY_SECONDS: Final = 900.0
LOOK_AGAIN_SECONDS: Final = 86_400.0
"""A mailbox may have got another name, or a script may have been edited."""

IMPORT: Final = (
    "the rules to import have changed: write them anew (`mailroom rules -o mailrules.json`), import that "
    "file at your provider, and delete the rules of the import before"
)


class RulesUpkeep:
    """A reader of cycles, and what is done after them; neither raises.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(
        self, account: Account, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._account = account
        self._settings = settings
        self._clock = clock
        self._due_at = -math.inf
        self._rules = ""
        self._changes_read = 0
        self._told: str | None = None
        self._were_in_force = False

    def note_report(self, report: Report, seconds: float) -> None:  # noqa: ARG002 - for another reader
        """Look anew after this cycle, where it may have changed the rules."""
        if any(kind_of(each.filing.decision.party) is not PartyKind.SENDER for each in report.filed):
            self._due_at = -math.inf

    def note_failure(self, error: Exception, seconds: float) -> None:
        """A cycle that failed has decided nothing."""

    def note_end(self, failures: int) -> None:
        """The end of the service changes no rule."""

    def seconds_until_due(self) -> float:
        """Return in how many seconds a failed look is to be repeated."""
        # What is due now waits for a cycle that ends well, and hastens none.
        now = self._clock()
        return self._due_at - now if self._due_at > now else math.inf

    def do_if_due(self) -> None:
        """Look at the rules if they may have changed; no request otherwise."""
        if self._clock() < self._due_at and not self._are_others_wanted():
            return
        self._due_at = self._clock() + LOOK_AGAIN_SECONDS
        try:
            self._look()
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the service goes on
            self._due_at = self._clock() + RETRY_SECONDS
            reason = str(error) if isinstance(error, MailroomError) else f"{type(error).__name__}: {error}"
            log(logging.WARNING, "rules_not_checked", reason=reason, again_in_seconds=RETRY_SECONDS)

    def _look(self) -> None:
        if self._account.jmap.session.sieve is None:
            self._compare_with_earlier()
            return
        # What many services have no use for is not loaded with them.
        from mailroom.commands.installation import read_installation  # noqa: PLC0415

        installation = read_installation(self._account, self._settings)
        self._rules = self._rules_of(self._account.book.latest())
        if installation is None or self._is_unsure():
            return
        from mailroom.commands.rules_on_server import look_after  # noqa: PLC0415

        keeps = self._settings.rules == "install"
        found = look_after(installation, keeps=keeps, were_in_force=self._were_in_force)
        self._were_in_force |= found.are_in_force
        self._say(found.event, found.key + found.says, found.says)
        if found.is_known:  # else what was told before may be so still
            self._note(found.key, found.says)

    def _compare_with_earlier(self) -> None:
        """Say where other rules would be written than before; what was imported no server tells."""
        # Of a reading that broke off, a list may be missing that is still decided on.
        contacts = self._account.book.refresh()
        if self._is_unsure():
            return
        imported, self._rules = self._rules, self._rules_of(contacts)
        if imported and imported != self._rules:
            self._say("rules_stale", self._rules, IMPORT)
            self._note(self._rules, IMPORT)

    def _are_others_wanted(self) -> bool:
        """Whether contacts that were read since ask for other rules than at the last look. No request."""
        read = self._account.book.changes_read()
        if read == self._changes_read:
            return False
        self._changes_read = read
        return bool(self._rules) and self._rules_of(self._account.book.latest()) != self._rules

    def _rules_of(self, contacts: Contacts) -> str:
        """Return what tells rules apart."""
        from mailroom.rules.routing import rules_of  # noqa: PLC0415

        rules = repr(rules_of(contacts, self._settings.scheme))
        return hashlib.sha256(rules.encode()).hexdigest()[:12]

    def _is_unsure(self) -> bool:
        """Whether a contact card cannot be read, which may be a mailing list's: its rule would be missing."""
        left_out = self._account.book.left_out()
        if left_out:
            log(
                logging.WARNING,
                "rules_not_checked",
                reason=f"a mailing list may be decided on there: {left_out[0]}",
                again_in_seconds=LOOK_AGAIN_SECONDS,
            )
        return bool(left_out)

    def _say(self, event: str, cause: str, says: str) -> None:
        """Say it in the log, once for each cause.

        Args:
            event: What the log calls it; empty where nothing is wrong.
        """
        if event and self._told != cause:
            log(logging.WARNING, event, message=says)
        self._told = cause if event else None

    def _note(self, key: str, says: str) -> None:
        """Say it in the journal, where it has a key there."""
        from mailroom.journal.needs import RulesTrouble  # noqa: PLC0415

        self._account.journal.note_rules(RulesTrouble(key, says) if key else None)
