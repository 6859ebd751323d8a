"""An entry as a person reads it, on a telephone too: a subject in one line, and a plain text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from mailroom.journal.entry import Cause, Decided, Entry, Swept, count_moves
from mailroom.model.notes import one_line
from mailroom.model.party import PartyKind, WholeDomain, kind_of, shown
from mailroom.triage.moves import Move, Place
from mailroom.triage.pointer import Pointer
from mailroom.triage.words import number_of

SHOWN_IN_SUBJECT = 3
MAX_SUBJECT_CHARACTERS = 150
SHOWN_SENDERS = 100
"""Of each kind; an entry tells programs of many more."""

SHOWN_WAYS = 10
"""Of one sender: messages that went the same way are told together."""

SHOWN_MESSAGES = 20

T = TypeVar("T")

_BECAUSE = {
    Cause.CYCLE: "decided on before",
    Cause.APPLY: "your file says so (mailroom apply)",
    Cause.APPROVE: "you have written to them (mailroom approve)",
    Cause.RESCUE: "you asked for it (mailroom rescue)",
    Cause.UNDO: "you asked for it (mailroom undo)",
}
"""Why, where no label says so."""


def subject_of(entry: Entry) -> str:
    """Return what was done in one line: ``Filed 2 senders: news@shop.example → Feed, ann@…``."""
    filed = [each for each in entry.decided if each.group]
    back = [each for each in entry.decided if not each.group]
    swept, messages = len(entry.swept), sum(each.messages_moved for each in entry.swept)
    parts = [
        _listed("Filed", [f"{shown(each.address)} → {each.category}" for each in filed]),
        _listed("Taken back", [shown(each.address) for each in back]),
        f"Moved {number_of(messages, 'message')} of {number_of(swept, 'sender')}" if swept else "",
        f"Let {number_of(len(entry.passed), 'answer')} through" if entry.passed else "",
        f"Label taken off {number_of(len(entry.released), 'message')}" if entry.released else "",
        f"{number_of(len(entry.warned), 'name differs', 'names differ')}" if entry.warned else "",
        f"{number_of(len(entry.failed), 'sender')} not done" if entry.failed else "",
    ]
    said = "; ".join(filter(None, parts)) or "Nothing done"
    return said if len(said) <= MAX_SUBJECT_CHARACTERS else f"{said[: MAX_SUBJECT_CHARACTERS - 1].rstrip()}…"


def text_of(entry: Entry, takes_back: str = "") -> str:
    """Return what was done for a person to read.

    Args:
        takes_back: The label that takes a decision back; empty where there is none.
    """
    filed = [each for each in entry.decided if each.group]
    back = [each for each in entry.decided if not each.group]
    sections = [
        _section("Filed", filed, lambda each: _filed(each, entry.cause), SHOWN_SENDERS),
        _section("Taken back", back, lambda each: _taken_back(each, entry.cause), SHOWN_SENDERS),
        _section("Moved to where it belongs", entry.swept, lambda x: _swept(x, entry.cause), SHOWN_SENDERS),
        _section(
            "Answers to you, let through to the Inbox",
            entry.passed,
            lambda each: _about(each.message, each.reason),
            SHOWN_MESSAGES,
        ),
        _section(
            "Label taken off, nothing else",
            entry.released,
            lambda each: _about(each.message, each.reason),
            SHOWN_MESSAGES,
        ),
        _section(
            "Another name than on the card",
            entry.warned,
            lambda each: _about(each.message, f"the card says {each.name_on_card!r}"),
            SHOWN_MESSAGES,
        ),
        _section("Left to you", entry.left, lambda each: _about(each.message, each.reason), SHOWN_MESSAGES),
        _section(
            "Not taken back, for you have decided since",
            entry.set_aside,
            lambda each: [shown(each.address), f"  {each.reason}"],
            SHOWN_SENDERS,
        ),
        _section(
            "Not done; Mailroom tries again by itself",
            entry.failed,
            lambda each: [shown(each.address), f"  {each.reason}"],
            SHOWN_SENDERS,
        ),
    ]
    if entry.senders_left_out:
        sections.append(f"And {entry.senders_left_out} more that are not listed.")
    if entry.decided:
        sections.append(_way_back(takes_back))
    return "\n\n".join(filter(None, sections)) + "\n"


def _listed(what: str, names: Sequence[str]) -> str:
    """Name the first of them in one line; nothing where there is none."""
    if not names:
        return ""
    more = len(names) - SHOWN_IN_SUBJECT
    first = [*names[:SHOWN_IN_SUBJECT], *([f"and {more} more"] if more > 0 else [])]
    return f"{what} {number_of(len(names), 'sender')}: {', '.join(first)}"


def _section(title: str, items: Sequence[T], lines: Callable[[T], Iterable[str]], most: int) -> str:
    """Return a heading and what stands below it; nothing where there is nothing."""
    if not items:
        return ""
    blocks = ["\n".join(map(_line, lines(each))) for each in islice(items, most)]
    if len(items) > most:
        blocks.append(f"and {len(items) - most} more")
    return "\n\n".join([title.upper(), *blocks])


def _line(text: str) -> str:
    """Return what is one line although others chose a part of it."""
    return text[: len(text) - len(text.lstrip(" "))] + one_line(text)


def _filed(decided: Decided, cause: Cause) -> Iterator[str]:
    yield f"{_who(decided)} → {decided.category}"
    yield from _why(decided, cause)
    if decided.former_groups != (decided.group,):
        yield f"  Before: {', '.join(decided.former_groups) or 'not decided on'}"
    else:
        yield f"  Before: {decided.group}, too"
    made_or_found = "made" if decided.is_card_new else "found"
    yield f"  Contact card: {made_or_found}" + (f", {decided.card_name}" if decided.card_name else "")
    yield from _moved(decided.messages_moved, decided.moves)


def _taken_back(decided: Decided, cause: Cause) -> Iterator[str]:
    yield _who(decided)
    yield from _why(decided, cause)
    if decided.left_groups:
        yield f"  Before: {', '.join(decided.left_groups)}"
    if decided.falls_to:
        yield f"  Now: as {shown(WholeDomain(decided.falls_to))}, on whom you have decided, too"
    if decided.card_kept:
        yield f"  Contact card: kept, {decided.card_kept}"
        if not decided.falls_to:
            yield "  As your contact their mail goes to the Inbox, not to Screener."
    elif decided.gone_cards:
        yield "  Contact card: the one that Mailroom made is deleted"
    yield from _moved(decided.messages_moved, decided.moves)


def _swept(swept: Swept, cause: Cause) -> Iterator[str]:
    yield shown(swept.address)
    yield f"  Why: {_BECAUSE[cause]}"
    yield from _moved(swept.messages_moved, swept.moves)


def _who(decided: Decided) -> str:
    name = decided.name if decided.name.casefold() != decided.address.casefold() else ""
    if not name or kind_of(decided.address) is not PartyKind.SENDER:
        return shown(decided.address)
    return f"{name} <{decided.address}>"


def _why(decided: Decided, cause: Cause) -> Iterator[str]:
    if not decided.label:
        yield f"  Why: {_BECAUSE[cause]}"
    elif decided.labelled is None:
        yield f"  Why: your label {decided.label}"
    else:
        on = f"a message of {decided.labelled.date}" if decided.labelled.date else "a message"
        yield f"  Why: your label {decided.label} on {on}"
        if decided.labelled.search:
            yield f"  Search: {decided.labelled.search}"


def _moved(count: int, moves: Sequence[Move]) -> Iterator[str]:
    """Say what moved from where to where; what is not remembered of it is counted."""
    if not count:
        yield "  Moved: nothing"
        return
    first = moves[:SHOWN_WAYS]
    for move in first:
        messages = number_of(len(move.message_ids), "message")
        yield f"  Moved: {messages} from {_places(move.before)} to {_places(move.after)}"
    if (rest := count - count_moves(first)) > 0:
        yield f"  Moved: {number_of(rest, 'message')}{' more' if first else ''}"


def _places(places: Sequence[Place]) -> str:
    return " and ".join(place.name for place in places) or "no mailbox but the label"


def _about(pointer: Pointer, reason: str) -> Iterator[str]:
    yield str(pointer)[:1].upper() + str(pointer)[1:]
    yield f"  {reason}"
    if pointer.search:
        yield f"  Search: {pointer.search}"


def _way_back(takes_back: str) -> str:
    by_label = f"put {takes_back} on any message of theirs, or run " if takes_back else "run "
    return f"To take back what was decided on a sender, {by_label}`mailroom undo ADDRESS`."
