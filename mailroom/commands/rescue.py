"""`mailroom rescue`: mail in Screener whose senders were decided on before, or are contacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from mailroom.account import open_account
from mailroom.commands.configured import configured
from mailroom.exits import Exit
from mailroom.journal.entry import Cause
from mailroom.model.party import Party, shown
from mailroom.output.question import agrees
from mailroom.output.terminal import RED, Progress, Terminal
from mailroom.triage.report import Report

SHOWN_CONTACTS = 10


def rescue(*, yes: bool, as_json: bool) -> Exit:
    """Sweep such mail to where it belongs; return 1 if some of it could not be moved.

    Mail of contacts in no triage group goes to the Inbox, after a yes.

    Raises:
        UserError: There is such mail, and nobody to ask; what needs no yes is done by then.
    """
    account = open_account(configured())
    stragglers = account.triage.stragglers
    with Progress("looking through Screener"):
        account.check()
        swept = stragglers.rescue()
        contacts = stragglers.contacts_waiting()
        account.journal.tell_of_command(Report(swept=swept), Cause.RESCUE)
    terminal = Terminal()
    moved, failed = Counter(swept.moved), dict(swept.failed)
    if not as_json:
        _show(terminal, moved, "where they belong")
        if contacts:
            _show_contacts(terminal, contacts)
    if contacts and (yes or (not as_json and agrees(_question(contacts)))):
        with Progress("moving to the Inbox"):
            released = stragglers.release(contacts)
            account.journal.tell_of_command(Report(swept=released), Cause.RESCUE)
        if not as_json:
            _show(terminal, released.moved, "the Inbox")
        moved += Counter(released.moved)
        contacts -= Counter(released.moved)
        failed |= released.failed
    if as_json:
        terminal.json({"moved": dict(moved), "failed": failed, "contacts_waiting": dict(contacts)})
        return Exit.FAILED if failed else Exit.DONE
    if not (moved or failed or contacts):
        terminal.line("Nothing to move: Screener holds only mail from senders you have not decided on.")
    for party, reason in failed.items():
        terminal.paragraph(f"{shown(party)}: {reason}", "  ✗ ", RED)
    return Exit.FAILED if failed else Exit.DONE


def _show(terminal: Terminal, moved: Mapping[Party, int], where: str) -> None:
    if moved:
        terminal.table(("SENDER", "MESSAGES"), [(shown(party), str(n)) for party, n in moved.items()])
        terminal.line()
        terminal.line(f"Moved to {where}: {sum(moved.values())}.")


def _show_contacts(terminal: Terminal, contacts: Counter[Party]) -> None:
    terminal.heading("Contacts in no triage group whose mail waits in Screener")
    for sender, count in contacts.most_common(SHOWN_CONTACTS):
        terminal.paragraph(f"{sender} ({count})", "  ")
    if len(contacts) > SHOWN_CONTACTS:
        terminal.line(f"  … and {len(contacts) - SHOWN_CONTACTS} more")


def _question(contacts: Counter[Party]) -> str:
    messages = contacts.total()
    these = "this message" if messages == 1 else f"these {messages} messages"
    return f"Move {these} to the Inbox?"
