"""`mailroom setup`: what the account lacks for triage, and making it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mailroom.account import Account, open_account
from mailroom.commands.check import check_at_the_end
from mailroom.commands.configured import configured
from mailroom.commands.inspection import inspect
from mailroom.errors import ServerError, UserError
from mailroom.exits import Exit
from mailroom.model.address_book import Contacts
from mailroom.model.mail import INBOX_ROLE, Mailbox
from mailroom.model.mailboxes import with_role
from mailroom.output.terminal import GREEN, RED, YELLOW, Progress, Terminal
from mailroom.triage.correspondence import ScreenerPreview, not_read, preview_screener
from mailroom.triage.items import Item, State
from mailroom.triage.making import make_missing
from mailroom.triage.old_mail import read_incoming

PREVIEW_DAYS = 90
SHOWN_STRANGERS = 5

_COLOURS = {
    State.PRESENT.value: GREEN,
    State.MADE.value: GREEN,
    State.MISSING.value: YELLOW,
    State.TAKEN.value: RED,
    State.FAILED.value: RED,
}


def setup(*, apply: bool, as_json: bool) -> Exit:
    """Print what is missing, and with `apply` make it; fail if that leaves anything undone."""
    settings = configured()
    account = open_account(settings)
    with Progress("reading the account"):
        found = inspect(account, settings.scheme)
    reading, contacts = found.reading.value, found.contacts.value
    if reading is None or contacts is None:
        raise UserError(found.troubles)
    items: Sequence[Item] = found.items
    can_approve = settings.scheme.approving is not None
    if apply:
        with Progress("making what is missing"):
            items = make_missing(items, account.mail, account.book)
    terminal = Terminal()
    if not as_json:
        show_items(terminal, items)
        _show_next_step(terminal, items, applied=apply, can_approve=can_approve)
    ahead, why_not = preview_rule(account, reading.mailboxes, contacts)
    if as_json:
        terminal.json(_as_json(items, ahead))
    else:
        show_preview(terminal, ahead, why_not, can_approve=can_approve)
        if apply and terminal.is_terminal:
            check_at_the_end(terminal, account, settings)
    return Exit.FAILED if apply and not is_complete(items) else Exit.DONE


def is_complete(items: Sequence[Item]) -> bool:
    """Whether everything is there."""
    return all(item.state in {State.PRESENT, State.MADE} for item in items)


def preview_rule(
    account: Account, mailboxes: Sequence[Mailbox], contacts: Contacts
) -> tuple[ScreenerPreview | None, str]:
    """Read who wrote to the Inbox lately; None, and why, where that cannot be done."""
    since = datetime.now(UTC) - timedelta(days=PREVIEW_DAYS)
    try:
        own = account.own_addresses()
        with Progress("reading who wrote to you") as progress:
            tallies = read_incoming(
                account.history,
                with_role(mailboxes, INBOX_ROLE),
                own,
                since.strftime("%Y-%m-%dT%H:%M:%SZ"),
                progress.advance,
            )
    except ServerError as error:
        return None, str(error)
    return preview_screener(tallies, contacts), ""


def show_items(terminal: Terminal, items: Sequence[Item]) -> None:
    """Show what is there and what is not, and what the person can do about it."""
    rows = [(item.kind.value, item.name, item.state.value) for item in items]
    terminal.table(("KIND", "NAME", "STATE"), rows, _COLOURS, yielding=("KIND",))
    if remedies := [item for item in items if item.remedy]:
        terminal.heading("Needs your attention")
        for item in remedies:
            terminal.paragraph(f"{item.kind.value} {item.name!r}: {item.remedy}", "  ✗ ", RED)


def _show_next_step(terminal: Terminal, items: Sequence[Item], *, applied: bool, can_approve: bool) -> None:
    missing = sum(item.state is State.MISSING for item in items)
    if missing and not applied:
        terminal.line()
        terminal.paragraph(f"{missing} of {len(items)} are missing: `mailroom setup --apply` makes them.")
    elif not any(item.remedy for item in items):
        terminal.line()
        approve = "`mailroom approve --correspondents`, so that nobody you write to is screened; then "
        terminal.paragraph(
            f"Everything exists. Next: {approve if can_approve else ''}`mailroom rules -o mailrules.json`, "
            "and import that file at Fastmail (Settings → Filters & Rules), or `mailroom rules --install` "
            "on a server that takes Sieve scripts over JMAP."
        )


def show_preview(
    terminal: Terminal, found: ScreenerPreview | None, why_not: str, *, can_approve: bool
) -> None:
    """Show whose mail the Screener rule would hold back; where nobody can tell, why."""
    if found is None:
        terminal.paragraph(f"It cannot be told whose mail the Screener rule would hold back: {why_not}")
        return
    if found.unreadable:
        terminal.line()
        terminal.paragraph(f"{not_read(found.unreadable)}, so their senders are not counted here.")
    terminal.heading("What the Screener rule would hold back")
    if not found.senders:
        terminal.paragraph(f"Nobody wrote to your Inbox in the last {PREVIEW_DAYS} days, so nothing tells.")
        return
    if not found.strangers:
        terminal.paragraph(
            f"Nothing of the last {PREVIEW_DAYS} days: who wrote to your Inbox is in your contacts."
        )
        return
    terminal.paragraph(
        f"In the last {PREVIEW_DAYS} days {found.senders} senders wrote to your Inbox; "
        f"{len(found.strangers)} of them are not in your contacts:"
    )
    for stranger in found.strangers[:SHOWN_STRANGERS]:
        who = stranger.who
        shown = f"{who.name} <{who.email}>" if who.name else who.email
        terminal.paragraph(f"{shown} ({stranger.messages})", "  ")
    if len(found.strangers) > SHOWN_STRANGERS:
        terminal.line("  …")
    if can_approve:
        terminal.paragraph(
            "`mailroom approve --correspondents` keeps people you have written to from being screened."
        )


def _as_json(items: Sequence[Item], found: ScreenerPreview | None) -> dict[str, object]:
    screened = found and {
        "days": PREVIEW_DAYS,
        "senders": found.senders,
        "not_contacts": [
            {"email": each.who.email, "name": each.who.name, "messages": each.messages}
            for each in found.strangers
        ],
        "unreadable": found.unreadable,
    }
    return {
        "items": [
            {"kind": x.kind.value, "name": x.name, "state": x.state.value, "remedy": x.remedy or None}
            for x in items
        ],
        "screener_rule": screened,
    }
