"""`mailroom undo`: takes decisions about senders back, as the label does."""

from __future__ import annotations

from collections.abc import Sequence

from mailroom.account import open_account
from mailroom.commands.configured import configured
from mailroom.commands.plan import filing_as_json, show_filings
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.model.address import Address, parse_address
from mailroom.model.scheme import Scheme
from mailroom.model.sender import Correspondent
from mailroom.output.question import agrees
from mailroom.output.terminal import RED, YELLOW, Progress, Terminal
from mailroom.triage.decisions import Decision
from mailroom.triage.plan import Filing
from mailroom.triage.report import Forecast, Report
from mailroom.triage.words import number_of


def undo(texts: Sequence[str], *, yes: bool, as_json: bool) -> Exit:
    """Show what would be taken back, and after a yes take it back.

    Args:
        texts: The senders' addresses.

    Returns:
        1 if a decision still stands.

    Raises:
        UserError: Names every text that is no address, or what is wrong with the account.
    """
    settings = configured()
    decisions = _decisions(texts, settings.scheme)
    account = open_account(settings)
    terminal = Terminal()
    with Progress("reading the account"):
        account.check()
        forecast = account.triage.foresee(decisions)
    changes = forecast.changes
    if not as_json:
        _show(terminal, changes, forecast)
    report = Report()
    if changes and (yes or (not as_json and agrees(_question(changes)))):
        with Progress("taking back"):
            report = account.triage.apply(filing.decision for filing, _ in changes)
        if not as_json:
            _conclude(terminal, report)
    if as_json:
        terminal.json(_as_json(changes, forecast, report))
    return Exit.FAILED if forecast.left or report.failed else Exit.DONE


def _decisions(texts: Sequence[str], scheme: Scheme) -> list[Decision]:
    addresses: dict[Address, None] = {}
    problems = []
    for text in texts:
        if address := parse_address(text):
            addresses[address] = None
        else:
            problems.append(f"{text!r} is not an address: name senders as ann@example.com")
    if problems:
        raise UserError(problems)
    return [Decision(Correspondent(each, each, ""), scheme.undecided) for each in addresses]


def _question(changes: Sequence[tuple[Filing, int]]) -> str:
    messages = sum(n for _, n in changes)
    moving = f", and move {number_of(messages, 'message')} to Screener" if messages else ""
    return f"Take back what was decided about {number_of(len(changes), 'sender')}{moving}?"


def _show(terminal: Terminal, changes: Sequence[tuple[Filing, int]], forecast: Forecast) -> None:
    if changes:
        show_filings(terminal, changes)
        terminal.line()
    changed = {filing.decision.sender for filing, _ in changes}
    for filing, _ in forecast.filings:
        if filing.decision.sender not in changed:
            terminal.line(f"Nothing is decided about {filing.decision.sender}.")
    for sender, reason in forecast.left.items():
        terminal.paragraph(f"{sender}: {reason}", "  ✗ ", RED)


def _conclude(terminal: Terminal, report: Report) -> None:
    moved = sum(each.messages_moved for each in report.filed)
    terminal.line(
        f"Taken back: {number_of(len(report.filed), 'sender')}. Moved: {number_of(moved, 'message')}."
    )
    for each in report.filed:
        if each.card_kept:
            said = (
                f"{each.filing.decision.sender} stays a contact, so your rules let their mail into the Inbox"
            )
            terminal.paragraph(f"{said}: {each.card_kept}", "  ! ", YELLOW)
    for sender, reason in report.failed.items():
        terminal.paragraph(f"{sender}: {reason}", "  ✗ ", RED)


def _as_json(changes: Sequence[tuple[Filing, int]], forecast: Forecast, report: Report) -> dict[str, object]:
    return {
        "changes": [filing_as_json(filing, messages) for filing, messages in changes],
        "left_to_you": dict(forecast.left),
        "taken_back": [
            {
                "sender": each.filing.decision.sender,
                "messages_moved": each.messages_moved,
                "card_kept": each.card_kept or None,
            }
            for each in report.filed
        ],
        "failed": dict(report.failed),
    }
