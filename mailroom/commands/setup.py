"""`mailroom setup`: what the account lacks for triage, and making it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from attrs import evolve, frozen

from mailroom.account import Account, open_account
from mailroom.commands.inspection import inspect
from mailroom.errors import ServerError, UserError
from mailroom.exits import Exit
from mailroom.model.mail import INBOX_ROLE, Mailbox
from mailroom.model.mailboxes import with_role
from mailroom.model.ports import Contacts
from mailroom.output.terminal import GREEN, RED, YELLOW, Progress, Terminal
from mailroom.settings.settings import load_settings
from mailroom.triage.correspondence import ScreenerPreview, Tallies, not_read, preview_screener
from mailroom.triage.survey import Kind, State

PREVIEW_DAYS = 90
SHOWN_STRANGERS = 5
WAITS = "not made yet, because the other thing of this name is in question"

_COLOURS = {"present": GREEN, "made": GREEN, "missing": YELLOW, "taken": RED, "failed": RED}


@frozen
class Line:
    """One line of the table.

    Attributes:
        state: present, missing, taken; or what became of it: made, failed.
        remedy: What the person can do, or why it failed.
    """

    kind: str
    name: str
    state: str
    remedy: str = ""


def setup(*, apply: bool, as_json: bool) -> Exit:
    """Print what is missing, and with `apply` make it; fail if that leaves anything undone."""
    settings = load_settings()
    account = open_account(settings)
    with Progress("reading the account"):
        found = inspect(account, settings.scheme)
    reading, contacts = found.reading.value, found.contacts.value
    if reading is None or contacts is None:
        raise UserError(found.troubles)
    lines = [Line(item.kind.value, item.name, item.state.value, item.remedy) for item in found.items]
    if apply:
        # What shares its setting with a taken name may be called otherwise in the end: it is not made yet.
        undecided = {item.name.setting for item in found.items if item.state is State.TAKEN}
        waiting = [number for number, item in enumerate(found.items) if item.name.setting in undecided]
        lines = _make(account, lines, waiting)
    terminal = Terminal()
    if not as_json:
        _show(terminal, lines, applied=apply)
    ahead, why_not = _look_ahead(account, reading.mailboxes, contacts)
    if as_json:
        terminal.json(_as_json(lines, ahead))
    else:
        _show_preview(terminal, ahead, why_not)
    is_undone = apply and any(line.state not in {"present", "made"} for line in lines)
    return Exit.FAILED if is_undone else Exit.DONE


def _make(account: Account, lines: Sequence[Line], waiting: Sequence[int]) -> list[Line]:
    """Make what is missing, but for those `waiting`; what fails is told, and the rest is made."""
    lines = [
        evolve(line, remedy=WAITS) if number in waiting and line.state == State.MISSING.value else line
        for number, line in enumerate(lines)
    ]
    missing = [line for line in lines if line.state == State.MISSING.value and not line.remedy]
    groups = [line.name for line in missing if line.kind == Kind.GROUP.value]
    mailboxes = [line.name for line in missing if line.kind != Kind.GROUP.value]
    with Progress("making what is missing"):
        failed_mailboxes = _attempt(account.mail.create_mailboxes, mailboxes)
        failed_groups = _attempt(account.book.create_groups, groups)

    def outcome(line: Line) -> Line:
        failed = failed_groups if line.kind == Kind.GROUP.value else failed_mailboxes
        if line not in missing:
            return line
        if reason := failed.get(line.name):
            return evolve(line, state="failed", remedy=reason)
        return evolve(line, state="made")

    return [outcome(line) for line in lines]


def _attempt(make: Callable[[Sequence[str]], Mapping[str, str]], names: Sequence[str]) -> Mapping[str, str]:
    try:
        return make(names) if names else {}
    except ServerError as error:
        return dict.fromkeys(names, str(error))


def _look_ahead(
    account: Account, mailboxes: Sequence[Mailbox], contacts: Contacts
) -> tuple[ScreenerPreview | None, str]:
    """Read who wrote to the Inbox lately; None, and why, where that cannot be done."""
    since = datetime.now(UTC) - timedelta(days=PREVIEW_DAYS)
    try:
        tallies = Tallies(account.own_addresses())
        with Progress("reading who wrote to you") as progress:
            for inbox in with_role(mailboxes, INBOX_ROLE):
                for page in account.history.headers(inbox, since.strftime("%Y-%m-%dT%H:%M:%SZ")):
                    tallies.add_senders(page)
                    progress.advance(len(page.headers) + page.left_out, page.total)
    except ServerError as error:
        return None, str(error)
    return preview_screener(tallies, contacts), ""


def _show(terminal: Terminal, lines: Sequence[Line], *, applied: bool) -> None:
    rows = [(line.kind, line.name, line.state) for line in lines]
    terminal.table(("KIND", "NAME", "STATE"), rows, _COLOURS, yielding=("KIND",))
    if remedies := [line for line in lines if line.remedy]:
        terminal.heading("Left to you")
        for line in remedies:
            terminal.paragraph(f"{line.kind} {line.name!r}: {line.remedy}", "  ✗ ", RED)
    missing = sum(line.state == State.MISSING.value for line in lines)
    if missing and not applied:
        terminal.line()
        terminal.paragraph(f"{missing} of {len(lines)} are missing: `mailroom setup --apply` makes them.")
    elif not remedies:
        terminal.line()
        terminal.paragraph(
            "Everything is there. Next: `mailroom rules -o mailrules.json`, and import that file at "
            "Fastmail (Settings → Filters & Rules)."
        )


def _show_preview(terminal: Terminal, found: ScreenerPreview | None, why_not: str) -> None:
    if found is None:
        terminal.paragraph(f"Whose mail the Screener rule would hold back cannot be told: {why_not}")
        return
    if found.unreadable:
        terminal.line()
        terminal.paragraph(f"{not_read(found.unreadable)}, so their senders are not counted here.")
    if not found.strangers:
        return
    terminal.heading("What the Screener rule would hold back")
    terminal.paragraph(
        f"In the last {PREVIEW_DAYS} days {found.senders} senders wrote to your Inbox; "
        f"{len(found.strangers)} of them are no contacts:"
    )
    for stranger in found.strangers[:SHOWN_STRANGERS]:
        shown = f"{stranger.name} <{stranger.email}>" if stranger.name else stranger.email
        terminal.paragraph(f"{shown} ({stranger.messages})", "  ")
    if len(found.strangers) > SHOWN_STRANGERS:
        terminal.line("  …")
    terminal.paragraph("`mailroom approve --correspondents` keeps those you have written to out of it.")


def _as_json(lines: Sequence[Line], found: ScreenerPreview | None) -> dict[str, object]:
    screened = found and {
        "days": PREVIEW_DAYS,
        "senders": found.senders,
        "not_contacts": [
            {"email": each.email, "name": each.name, "messages": each.messages} for each in found.strangers
        ],
        "unreadable": found.unreadable,
    }
    return {
        "items": [
            {"kind": line.kind, "name": line.name, "state": line.state, "remedy": line.remedy or None}
            for line in lines
        ],
        "screener_rule": screened,
    }
