"""`mailroom apply`: files all senders of a file at once, as their labels would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.commands.plan import filing_as_json, show_filings, tell_of_rules
from mailroom.commands.sender_file import Line, read_senders
from mailroom.exits import Exit
from mailroom.journal.entry import Cause
from mailroom.model.party import Party
from mailroom.output.question import agrees
from mailroom.output.terminal import RED, YELLOW, Progress, Terminal
from mailroom.triage.plan import Filing
from mailroom.triage.report import Filed, Forecast, Report
from mailroom.triage.words import number_of


@frozen
class Preview:
    """What the file would change.

    Attributes:
        changes: How senders would be filed who are not so yet, each with the messages that would move.
        unchanged: How many are as the file says.
        left: Why others would not be filed, by their lines.
    """

    changes: Sequence[tuple[Filing, int]]
    unchanged: int
    left: Mapping[int, tuple[Party, str]]


def apply(file: Path, *, yes: bool, as_json: bool) -> Exit:
    """Show what the file would change, and after a yes do it.

    Returns:
        1 if a sender of the file is not filed as it says.

    Raises:
        UserError: Names everything that is wrong with the file, or with the account.
    """
    settings = configured()
    lines = read_senders(file, settings.scheme)
    account = open_account(settings)
    terminal = Terminal()
    with Progress("reading the account"):
        account.check()
        forecast = account.triage.foresee(line.decision for line in lines)
    preview = _preview(forecast, lines)
    if not as_json:
        _show(terminal, preview)
    report = Report()
    if preview.changes and (yes or (not as_json and agrees(_question(preview)))):
        report = _apply(account, forecast, preview)
    if as_json:
        terminal.json(_as_json(preview, report))
    elif preview.changes:
        _conclude(terminal, preview, report)
    return Exit.FAILED if preview.left or report.failed else Exit.DONE


def _preview(forecast: Forecast, lines: Sequence[Line]) -> Preview:
    numbers = {line.decision.party: line.number for line in lines}
    changes = forecast.changes
    left = sorted((numbers[sender], (sender, reason)) for sender, reason in forecast.left.items())
    return Preview(changes, len(forecast.filings) - len(changes), dict(left))


def _question(preview: Preview) -> str:
    messages = sum(n for _, n in preview.changes)
    moving = f", and move {number_of(messages, 'message')}" if messages else ""
    return f"File {number_of(len(preview.changes), 'sender')}{moving}?"


def _apply(account: Account, forecast: Forecast, preview: Preview) -> Report:
    """Carry all of it out: who is filed already costs nothing, and may share a card with somebody else."""
    with Progress(f"filing {number_of(len(preview.changes), 'sender')}") as progress:
        report = account.triage.apply((filing.decision for filing, _ in forecast.filings), progress.advance)
        account.journal.tell_of_command(report, Cause.APPLY)
    return report


def _done(preview: Preview, report: Report) -> list[Filed]:
    """Return who is filed now and was not before, and of whom mail was moved."""
    changed = {filing.decision.party for filing, _ in preview.changes}
    return [x for x in report.filed if x.filing.decision.party in changed or x.messages_moved]


def _show(terminal: Terminal, preview: Preview) -> None:
    if preview.changes:
        show_filings(terminal, preview.changes)
        terminal.line()
        _tell_of_those_filed_so(terminal, preview)
    if preview.unchanged:
        are = "is" if preview.unchanged == 1 else "are"
        terminal.line(f"{number_of(preview.unchanged, 'sender')} {are} as the file says.")
    elif not (preview.changes or preview.left):
        terminal.line("The file names nobody: take the # off the lines that are to count.")
    if preview.left:
        terminal.heading("Needs your attention")
        for number, (sender, reason) in preview.left.items():
            terminal.paragraph(f"line {number}, {sender}: {reason}", "  ✗ ", RED)
        terminal.line()


def _tell_of_those_filed_so(terminal: Terminal, preview: Preview) -> None:
    """Say whose mail alone would move: nobody can tell what the person has moved from what was left over."""
    filed_so = [messages for filing, messages in preview.changes if not filing.changes_contacts]
    if filed_so:
        are = "is" if len(filed_so) == 1 else "are"
        terminal.paragraph(
            f"{number_of(len(filed_so), 'sender')} {are} as the file says, but for "
            f"{number_of(sum(filed_so), 'message')} in the Inbox or in Screener, which would move, too. "
            "What you keep there stays if you put a # before their line.",
            "! ",
            YELLOW,
        )
        terminal.line()


def _conclude(terminal: Terminal, preview: Preview, report: Report) -> None:
    done = _done(preview, report)
    if done:
        moved = sum(each.messages_moved for each in done)
        terminal.line(f"Filed: {number_of(len(done), 'sender')}. Moved: {number_of(moved, 'message')}.")
    elif not report.failed:
        terminal.line("Nothing was changed.")
    for sender, reason in report.failed.items():
        terminal.paragraph(f"{sender}: {reason}", "  ✗ ", RED)
    if report.failed:
        terminal.line("Run it again to go on: who is filed already is left as they are.")
    tell_of_rules(terminal, (each for each in done if each.filing.changes_contacts))


def _as_json(preview: Preview, report: Report) -> dict[str, object]:
    return {
        "changes": [filing_as_json(filing, messages) for filing, messages in preview.changes],
        "unchanged": preview.unchanged,
        "left_to_you": [
            {"line": number, "sender": sender, "reason": reason}
            for number, (sender, reason) in preview.left.items()
        ],
        "filed": [
            {
                "sender": each.filing.decision.party,
                "category": each.filing.decision.category.title,
                "messages_moved": each.messages_moved,
            }
            for each in _done(preview, report)
        ],
        "failed": dict(report.failed),
    }
