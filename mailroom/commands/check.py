"""`mailroom check`: is everything right, and if not, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mailroom.account import Account, open_account
from mailroom.commands.examination import examine
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.model.party import Party
from mailroom.output.terminal import GREEN, RED, YELLOW, Progress, Terminal
from mailroom.settings.settings import Settings, load_settings
from mailroom.triage.findings import Finding, Verdict

_MARKS = {Verdict.RIGHT: ("✓", GREEN), Verdict.WRONG: ("✗", RED), Verdict.NOT_SEEN: ("?", YELLOW)}
_FOR_PROGRAMS = {Verdict.RIGHT: True, Verdict.WRONG: False, Verdict.NOT_SEEN: None}


def check(*, as_json: bool) -> Exit:
    """Print a finding for each subject; fail if one is wrong. Reads only."""
    findings = _findings()
    terminal = Terminal()
    if as_json:
        terminal.json([_as_json(finding) for finding in findings])
    else:
        _show(terminal, findings)
    return Exit.DONE if _are_fine(findings) else Exit.FAILED


def check_at_the_end(
    terminal: Terminal,
    account: Account,
    settings: Settings,
    failed: Mapping[Party, str] = MappingProxyType({}),
) -> bool:
    """End another command by what `check` says; return whether nothing is wrong. Reads only.

    Args:
        failed: Of whom a cycle has just failed to do everything, and why.
    """
    with Progress("checking the account"):
        findings = examine(account, settings, failed)
    terminal.heading("How it is now")
    _show(terminal, findings)
    return _are_fine(findings)


def _findings() -> list[Finding]:
    try:
        settings = load_settings()
    except UserError as error:
        return [Finding("settings", Verdict.WRONG, problem) for problem in error.problems]
    misspelt = [Finding("settings", Verdict.NOT_SEEN, each) for each in settings.misspelt]
    with Progress("reading the account"):
        found = examine(open_account(settings), settings)
    return [Finding("settings", Verdict.RIGHT, "every variable is valid"), *misspelt, *found]


def _are_fine(findings: Sequence[Finding]) -> bool:
    return all(finding.verdict is not Verdict.WRONG for finding in findings)


def _show(terminal: Terminal, findings: Sequence[Finding]) -> None:
    for finding in findings:
        mark, colour = _MARKS[finding.verdict]
        terminal.paragraph(finding.says, f"{mark} {finding.subject:<12} ", colour)


def _as_json(finding: Finding) -> dict[str, object]:
    return {"subject": finding.subject, "is_right": _FOR_PROGRAMS[finding.verdict], "says": finding.says}
