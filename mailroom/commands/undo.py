"""`mailroom undo`: takes decisions about senders back, as the label does, or what was done last."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.commands.history import HOW_TO_NAME
from mailroom.commands.journaled import CAUSES, moment, open_entries, why_no_journal
from mailroom.commands.plan import filing_as_json, show_filings, tell_of_rules
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.journal.entry import Cause, Entry
from mailroom.journal.memory import TakingBack, take_back_last, take_back_senders
from mailroom.model.address import parse_address
from mailroom.model.mailing_list import list_in_brackets
from mailroom.model.party import Party, PartyKind, kind_of, shown
from mailroom.model.scheme import Scheme
from mailroom.output.question import agrees
from mailroom.output.terminal import RED, YELLOW, Progress, Terminal
from mailroom.triage.plan import Filing
from mailroom.triage.report import Filed, Forecast, Report
from mailroom.triage.words import number_of


@frozen
class Preview:
    """What is to be taken back, and what that would change."""

    taking_back: TakingBack
    forecast: Forecast

    @property
    def changes(self) -> tuple[tuple[Filing, int], ...]:
        """The filings that would change anything."""
        return self.forecast.changes

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to be done but to note that an entry is taken back."""
        is_left_otherwise = self.forecast.left.keys() - self.forecast.set_aside.keys()
        return bool(self.taking_back.entry and not self.changes and not is_left_otherwise)


def undo(texts: Sequence[str], *, last: bool, yes: bool, as_json: bool) -> Exit:
    """Show what would be taken back, and after a yes take it back.

    Args:
        texts: The senders' addresses; ``*@dom.example`` is a whole domain, ``<list.example.org>`` a list.
        last: Whether it is what was done last that the journal remembers and that still stands.

    Returns:
        1 if a decision still stands.

    Raises:
        UserError: Names every text that is no address, or what is wrong with the account.
    """
    parties = _parties(texts, last=last)
    settings = configured()
    account = open_account(settings)
    terminal = Terminal()
    with Progress("reading the account"):
        account.check()
        taking_back = _find(account, settings.scheme, parties)
        forecast = account.triage.foresee(taking_back.decisions if taking_back else ())
    if taking_back is None:
        if as_json:
            terminal.json(_as_json(None, forecast, Report()))
        else:
            terminal.line("The journal remembers nothing that is left to take back.")
        return Exit.DONE
    preview = Preview(taking_back, forecast)
    if not as_json:
        _show(terminal, preview)
    report = Report()
    is_wanted = yes or not as_json
    if is_wanted and (preview.is_settled or (preview.changes and (yes or agrees(_question(preview))))):
        with Progress("taking back"):
            report = _take_back(account, preview)
        if not as_json:
            _conclude(terminal, report, preview)
    if as_json:
        terminal.json(_as_json(taking_back, forecast, report))
    return Exit.FAILED if forecast.left or report.failed else Exit.DONE


def _parties(texts: Sequence[str], *, last: bool) -> list[Party]:
    """Return whom the texts name: addresses, ``*@dom.example`` for a whole domain, and lists in brackets."""
    parties: dict[Party, None] = {}
    problems = []
    for text in texts:
        if party := list_in_brackets(text) or parse_address(text):
            parties[party] = None
        else:
            problems.append(f"{text!r} is not an address: {HOW_TO_NAME}")
    if last and texts:
        problems.append("--last takes back what was done last: name no senders besides")
    elif not (last or texts):
        problems.append("name the senders, or ask for what was done last with --last")
    if problems:
        raise UserError(problems)
    return list(parties)


def _find(account: Account, scheme: Scheme, parties: Sequence[Party]) -> TakingBack | None:
    """Return what is to be taken back: of these parties, or else the last.

    Raises:
        UserError: There is no journal that would know the last.
    """
    entries = open_entries(account, scheme)
    if parties:
        return take_back_senders(parties, entries or (), scheme)
    if entries is None:
        raise UserError([f"nothing knows what was done last: {why_no_journal(scheme)}"])
    return take_back_last(entries, scheme)


def _take_back(account: Account, preview: Preview) -> Report:
    """Carry it out, and tell it: of the last entry all, so that none of it is taken back again."""
    taking_back = preview.taking_back
    decisions = taking_back.decisions
    if not taking_back.entry:
        decisions = tuple(filing.decision for filing, _ in preview.changes)
    report = account.triage.apply(decisions)
    account.journal.tell_of_command(report, Cause.UNDO, taking_back.entries)
    return report


def _question(preview: Preview) -> str:
    messages = sum(n for _, n in preview.changes)
    is_exact = preview.taking_back.entry is not None
    has_list = any(kind_of(filing.decision.party) is PartyKind.LIST for filing, _ in preview.changes)
    where = "back" if is_exact or has_list else "to Screener"
    if where == "to Screener" and all(filing.falls_to for filing, _ in preview.changes):
        where = "to where that of their domain belongs"
    moving = f", and move {number_of(messages, 'message')} {where}" if messages else ""
    return f"Take back what was decided about {number_of(len(preview.changes), 'sender')}{moving}?"


def _show(terminal: Terminal, preview: Preview) -> None:
    forecast, changes = preview.forecast, preview.changes
    if entry := preview.taking_back.entry:
        terminal.line(f"Done last, and not taken back: {moment(entry.at)}, by {CAUSES[entry.cause]}.")
        if entry.moves_left_out:
            terminal.paragraph(
                f"Of {number_of(entry.moves_left_out, 'message')} the journal does not say where they were: "
                "they move by the rules for senders who change category.",
                "! ",
                YELLOW,
            )
    if changes:
        show_filings(terminal, changes)
        terminal.line()
    changed = {filing.decision.party for filing, _ in changes}
    for filing, _ in forecast.filings:
        if filing.decision.party not in changed:
            terminal.line(_unchanged(filing))
    for sender, count in forecast.staying.items():
        if count:
            terminal.paragraph(_staying(sender, count), "  ! ", YELLOW)
    for sender, reason in forecast.left.items():
        terminal.paragraph(f"{shown(sender)}: {reason}", "  ✗ ", RED)


def _unchanged(filing: Filing) -> str:
    sender = shown(filing.decision.party)
    if filing.decision.former and filing.decision.former.is_whole:
        return f"Nothing is left to take back about {sender}."
    return f"Nothing is decided about {sender}."


def _staying(sender: Party, count: int) -> str:
    return f"{number_of(count, 'message')} of {shown(sender)} stay where somebody has moved them since"


def _conclude(terminal: Terminal, report: Report, preview: Preview) -> None:
    if not preview.changes:
        return
    moved = sum(each.messages_moved for each in report.filed)
    terminal.line(
        f"Taken back: {number_of(len(report.filed), 'sender')}. Moved: {number_of(moved, 'message')}."
    )
    for each in report.filed:
        who = shown(each.filing.decision.party)
        if each.filing.falls_to:
            terminal.paragraph(
                f"{who}: what is decided about {shown(each.filing.falls_to)} counts again", "  "
            )
        elif each.card_kept:
            said = f"{who} stays a contact, so your rules let their mail into the Inbox"
            if kind_of(each.filing.decision.party) is PartyKind.LIST:  # its card makes nobody a contact
                said = f"the card of {who} stays"
            terminal.paragraph(f"{said}: {each.card_kept}", "  ! ", YELLOW)
    for sender, reason in report.failed.items():
        if sender not in preview.forecast.left:
            terminal.paragraph(f"{shown(sender)}: {reason}", "  ✗ ", RED)
    tell_of_rules(terminal, report.filed)


def _as_json(taking_back: TakingBack | None, forecast: Forecast, report: Report) -> dict[str, object]:
    entry = taking_back.entry if taking_back else None
    return {
        "entry": _entry_as_json(entry) if entry else None,
        "changes": [filing_as_json(filing, messages) for filing, messages in forecast.changes],
        "left_to_you": dict(forecast.left),
        "taken_back": [_filed_as_json(each) for each in report.filed],
        "failed": dict(report.failed),
    }


def _entry_as_json(entry: Entry) -> dict[str, object]:
    return {"id": entry.id, "at": entry.at, "by": entry.cause.value, "moves_left_out": entry.moves_left_out}


def _filed_as_json(filed: Filed) -> dict[str, object]:
    return {
        "sender": filed.filing.decision.party,
        "messages_moved": filed.messages_moved,
        "messages_staying": filed.staying,
        "card_kept": filed.card_kept or None,
    }
