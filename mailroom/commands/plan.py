"""`mailroom plan`: what the next cycle would do."""

from __future__ import annotations

from collections.abc import Iterable

from mailroom.account import open_account
from mailroom.commands.configured import configured
from mailroom.exits import Exit
from mailroom.model.party import PartyKind, kind_of, shown
from mailroom.output.terminal import RED, YELLOW, Progress, Terminal
from mailroom.triage.plan import Filing
from mailroom.triage.pointer import point_to
from mailroom.triage.report import Filed, Forecast


def plan(*, as_json: bool) -> Exit:
    """Print what the next cycle would do; writes nothing to the account."""
    account = open_account(configured())
    with Progress("reading the account"):
        account.check()
        forecast = account.triage.forecast()
    terminal = Terminal()
    if as_json:
        terminal.json(_as_json(forecast))
        return Exit.DONE
    if forecast.is_empty:
        terminal.line("Nothing to do: no message carries a triage label.")
        return Exit.DONE
    if forecast.filings:
        show_filings(terminal, forecast.filings)
    if forecast.stragglers:
        terminal.heading("Still in Screener, although you decided on the sender before")
        known = [(shown(each.decision.party), each.group, str(n)) for each, n in forecast.stragglers]
        terminal.table(("SENDER", "GROUP", "TO MOVE"), known)
    if forecast.replies:
        terminal.heading("Answers to you, which go from Screener to the Inbox")
        for each in forecast.replies:
            terminal.paragraph(f"{point_to(each.message)}: {each.reason}", "  ")
    _show_left(terminal, forecast)
    return Exit.DONE


def show_filings(terminal: Terminal, filings: Iterable[tuple[Filing, int]]) -> None:
    """Show how senders would be filed, each with the number of messages that would move."""
    rows = [
        (
            shown(filing.decision.party),
            filing.decision.category.title,
            _card(filing),
            _groups(filing),
            str(messages),
        )
        for filing, messages in filings
    ]
    terminal.table(("SENDER", "CATEGORY", "CARD", "GROUPS", "TO MOVE"), rows, yielding=("CARD", "SENDER"))


def tell_of_rules(terminal: Terminal, filed: Iterable[Filed]) -> None:
    """Say that the rules are others now where a decision was about a mailing list: they name lists."""
    if any(kind_of(each.filing.decision.party) is PartyKind.LIST for each in filed):
        terminal.paragraph(
            "The rules at your provider name mailing lists: bring them up to date with `mailroom rules "
            "--install`, or write them anew with `mailroom rules` and import them.",
            "! ",
            YELLOW,
        )


def filing_as_json(filing: Filing, messages: int) -> dict[str, object]:
    """Say for programs how a sender would be filed."""
    return {
        "sender": filing.decision.party,
        "category": filing.decision.category.title,
        "card": {"name": filing.card.name, "new": filing.created} if filing.card else None,
        "joins": [filing.group] if filing.joins else [],
        "leaves": filing.left_groups,
        "messages_to_move": messages,
    }


def _show_left(terminal: Terminal, forecast: Forecast) -> None:
    if forecast.released:
        terminal.heading("Labels that just come off")
        for message, reason in forecast.released:
            terminal.paragraph(f"{point_to(message)}: {reason}", "  ")
    if not (forecast.rejected or forecast.unreadable):
        return
    terminal.heading("Needs your attention")
    for message, reason in forecast.rejected:
        pointer = point_to(message)
        terminal.paragraph(f"{pointer}: {reason}", "  ✗ ", RED)
        if pointer.search:
            terminal.paragraph(f"to find it, search for {pointer.search}", "    ")
    for message_id, reason in forecast.unreadable.items():
        terminal.paragraph(f"message {message_id}, of which nothing else can be read: {reason}", "  ✗ ", RED)


def _card(filing: Filing) -> str:
    if filing.card is None:
        return "none"
    if filing.created:
        return f"new: {filing.card.name}"
    return f"{filing.card.name or filing.card.uid}" + (
        " (one of several)" if len(filing.all_cards) > 1 else ""
    )


def _groups(filing: Filing) -> str:
    joins = [f"+{filing.group}"] if filing.joins else []
    return ", ".join([*joins, *(f"-{group}" for group in filing.left_groups)]) or "as is"


def _as_json(forecast: Forecast) -> dict[str, object]:
    return {
        "senders": [filing_as_json(filing, messages) for filing, messages in forecast.filings],
        "stragglers": [
            {
                "sender": each.decision.party,
                "group": each.group,
                "messages_to_move": messages,
            }
            for each, messages in forecast.stragglers
        ],
        "replies": [{**point_to(x.message).as_fields(), "reason": x.reason} for x in forecast.replies],
        "labels_that_come_off": [
            {**point_to(message).as_fields(), "reason": reason} for message, reason in forecast.released
        ],
        "left_to_you": [
            *({**point_to(message).as_fields(), "reason": reason} for message, reason in forecast.rejected),
            *({"message_id": key, "reason": reason} for key, reason in forecast.unreadable.items()),
        ],
    }
