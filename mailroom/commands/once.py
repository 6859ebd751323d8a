"""`mailroom run --once`: one cycle of the service."""

from __future__ import annotations

from mailroom.account import open_account
from mailroom.commands.check import check_at_the_end
from mailroom.commands.run import with_log
from mailroom.errors import MailroomError, UserError
from mailroom.exits import Exit
from mailroom.output.terminal import Terminal
from mailroom.service.cycle_log import log_failure
from mailroom.service.loop import run_cycle
from mailroom.settings.settings import Settings


def run_once() -> Exit:
    """Run one cycle; on a terminal, what `check` says comes after it.

    Raises:
        UserError: It cannot start; names everything that is wrong.
    """
    return with_log(_run_once)


def _run_once(settings: Settings) -> Exit:
    account = open_account(settings)
    try:
        account.begin()
    except UserError as error:
        account.journal.tell_failure(error)
        raise
    try:
        report = run_cycle(account.triage, account.journal, is_awaited=True)
    except MailroomError as error:
        log_failure(error)
        account.journal.tell_failure(error)
        return Exit.FAILED
    terminal = Terminal()
    if terminal.is_terminal:
        check_at_the_end(terminal, account, settings, report.failed)
    return Exit.FAILED if report.has_failures else Exit.DONE
