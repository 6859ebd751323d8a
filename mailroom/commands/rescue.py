"""`mailroom rescue`: mail in Screener whose senders were decided on before."""

from __future__ import annotations

from mailroom.account import open_account
from mailroom.commands.configured import configured
from mailroom.exits import Exit
from mailroom.output.terminal import RED, Progress, Terminal


def rescue(*, as_json: bool) -> Exit:
    """Sweep such mail to where it belongs; return 1 if some of it could not be moved."""
    account = open_account(configured())
    with Progress("looking through Screener"):
        account.check()
        swept = account.triage.stragglers.rescue()
    terminal = Terminal()
    if as_json:
        report = {"moved": swept.moved, "failed": swept.failed}
        terminal.json(report)
    elif swept.moved:
        terminal.table(("SENDER", "MESSAGES"), [(sender, str(n)) for sender, n in swept.moved.items()])
        terminal.line()
        terminal.line(f"Moved to where they belong: {swept.messages_moved}.")
    elif not swept.failed:
        terminal.line("Nothing to move: Screener holds only mail from senders you have not decided on.")
    if not as_json:
        for sender, reason in swept.failed.items():
            terminal.paragraph(f"{sender}: {reason}", "  ✗ ", RED)
    return Exit.FAILED if swept.failed else Exit.DONE
