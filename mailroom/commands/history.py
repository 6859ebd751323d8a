"""`mailroom history`: what the journal says was done."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date

from attrs import evolve, frozen

from mailroom.account import open_account
from mailroom.commands.configured import configured
from mailroom.commands.journaled import CAUSES, moment, open_entries, why_no_journal
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.journal.entry import Cause, Decided, Entry, Swept
from mailroom.journal.form import as_json as entry_as_json
from mailroom.model.address import parse_address
from mailroom.model.mailing_list import list_in_brackets
from mailroom.model.party import Party
from mailroom.output.terminal import YELLOW, Progress, Terminal
from mailroom.triage.words import number_of

LEAST_DONE_WIDTH = 20

HOW_TO_NAME = "name a sender as ann@example.com, a domain as '*@example.com', a list as '<its List-Id>'"
"""What a person is told who has named nobody."""


@frozen
class Happened:
    """One line of the history."""

    at: str
    sender: str
    done: str
    messages: str
    by: str


def history(*, since: date | None, sender: str | None, as_json: bool) -> Exit:
    """List what was done, newest first; reads only.

    Args:
        since: From which day on, in UTC; all that is there where it is None.
        sender: Only what was done to this one.

    Returns:
        1 if there is no journal.

    Raises:
        UserError: `sender` is no address.
    """
    address = read_party(sender) if sender else None
    settings = configured()
    account = open_account(settings)
    with Progress("reading the journal"):
        found = open_entries(account, settings.scheme, f"{since}T00:00:00Z" if since else "")
        entries = [] if found is None else list(found)
    if address:
        entries = [each for entry in entries if (each := only_of(entry, [address]))]
    terminal = Terminal()
    broken = found.broken if found else []
    if as_json:
        terminal.json(
            {
                "journal": None if found is None else settings.scheme.journal,
                "entries": [entry_as_json(entry) for entry in entries],
                "unreadable": [{"at": at, "reason": reason} for at, reason in broken],
            }
        )
    elif found is None:
        terminal.paragraph(f"{_capital(why_no_journal(settings.scheme))}.")
    else:
        if not show_lines(terminal, (x for entry in entries for x in lines_of(entry)), of_one=bool(address)):
            nothing = "nothing of it" if since or address else "nothing yet"
            terminal.paragraph(f"The journal (mailbox {settings.scheme.journal!r}) holds {nothing}.")
        _show_missing(terminal, entries, broken)
    return Exit.FAILED if found is None else Exit.DONE


def read_party(text: str) -> Party:
    """Read whom a person names: a sender, everybody at a domain, or a mailing list.

    Raises:
        UserError: It is none of them.
    """
    if party := list_in_brackets(text) or parse_address(text):
        return party
    raise UserError([f"{text!r} is not an address: {HOW_TO_NAME}"])


def only_of(entry: Entry, parties: Collection[Party]) -> Entry | None:
    """Return what an entry says of some parties; None where it says nothing."""
    only = evolve(
        entry,
        decided=tuple(each for each in entry.decided if each.address in parties),
        swept=tuple(each for each in entry.swept if each.address in parties),
        passed=tuple(each for each in entry.passed if each.message.sender in parties),
        released=tuple(each for each in entry.released if each.message.sender in parties),
        warned=tuple(each for each in entry.warned if each.message.sender in parties),
        left=tuple(each for each in entry.left if each.message.sender in parties),
        failed=tuple(each for each in entry.failed if each.address in parties),
        set_aside=tuple(each for each in entry.set_aside if each.address in parties),
    )
    return only if only.longest else None


def show_lines(terminal: Terminal, lines: Iterable[Happened], *, of_one: bool = False) -> bool:
    """Show lines of the history.

    Args:
        of_one: All of them are of one sender, whose address would only take room from what was done.

    Returns:
        Whether there are any.
    """
    columns = {"WHEN": "at", "SENDER": "sender", "DONE": "done", "MAIL": "messages", "BY": "by"}
    if of_one:
        del columns["SENDER"]
    rows = [[getattr(each, name) for name in columns.values()] for each in lines]
    if rows:
        terminal.table(
            tuple(columns),
            rows,
            yielding=[x for x in ("DONE", "SENDER", "BY") if x in columns],
            least={"DONE": LEAST_DONE_WIDTH, "WHEN": len("2026-11-26 09:00")},
        )
    return bool(rows)


def lines_of(entry: Entry) -> Iterator[Happened]:
    """Return what an entry says, a line for each sender and message."""
    at, by = moment(entry.at), CAUSES[entry.cause]
    for each in entry.decided:
        yield Happened(
            at, each.address, _decided(each, entry), str(each.messages_moved), _label(each, entry) or by
        )
    for swept in entry.swept:
        yield Happened(at, swept.address, f"moved{_where(swept)}", str(swept.messages_moved), by)
    for told in entry.passed:
        yield Happened(at, told.message.sender or "–", f"to the Inbox: {told.reason}", "1", by)
    for told in entry.released:
        yield Happened(at, told.message.sender or "–", f"label taken off: {told.reason}", "", by)
    for warned in entry.warned:
        says = f"warned: {warned.message.name!r}, card: {warned.name_on_card!r}"
        yield Happened(at, warned.message.sender or "–", says, "", by)
    for told in entry.left:
        yield Happened(at, told.message.sender or "–", f"left to you: {told.reason}", "", by)
    for failed in entry.failed:
        yield Happened(at, failed.address, f"failed: {failed.reason}", "", by)
    for aside in entry.set_aside:
        yield Happened(at, aside.address, f"left: {aside.reason}", "", by)


def _label(decided: Decided, entry: Entry) -> str:
    return decided.label if entry.cause is Cause.CYCLE else ""


def _decided(decided: Decided, entry: Entry) -> str:
    now = decided.category if decided.group else "undecided"
    former = [group for group in decided.former_groups if group != decided.group]
    was = f" (was {', '.join(former)})" if former else ""
    again = " again" if entry.cause is Cause.UNDO else ""
    return f"{now}{again}{was}"


def _where(swept: Swept) -> str:
    names = sorted({place.name for move in swept.moves for place in move.after})
    return f" to {', '.join(names)}" if names else ""


def _show_missing(terminal: Terminal, entries: Sequence[Entry], broken: Sequence[tuple[str, str]]) -> None:
    """Say what the lines do not."""
    if left_out := sum(entry.senders_left_out for entry in entries):
        terminal.paragraph(f"{number_of(left_out, 'line')} more had no room in the journal.", "! ", YELLOW)
    for at, reason in broken:
        terminal.paragraph(f"the entry of {moment(at)} cannot be read: {reason}", "! ", YELLOW)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
