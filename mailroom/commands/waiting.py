"""`mailroom waiting`: who waits in Screener for a decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from attrs import frozen

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.exits import Exit
from mailroom.model.mail import MessageId
from mailroom.model.scheme import Scheme
from mailroom.output.terminal import Progress, Terminal
from mailroom.triage.crowds import Crowd, find_crowds
from mailroom.triage.strangers import Screened, Stranger, Why, find_strangers
from mailroom.triage.waiting import Overview, judge_misplaced
from mailroom.triage.words import age_of, number_of

MOST_SUBJECTS = 1_000
"""Nobody reads further down, and each is transferred."""

LEAST_SUBJECT_WIDTH = 24

MOST_CROWDS = 3
"""Of how many domains it is told that several wait; each is decided on by a look at one's mail."""


@frozen
class Found:
    """What lies in Screener.

    Attributes:
        subjects: Those of the newest messages of strangers; None where nobody asked for them.
    """

    overview: Overview
    screened: Screened
    subjects: Mapping[MessageId, str] | None


def waiting(*, with_subjects: bool, as_json: bool) -> Exit:
    """List who waits; reads only, and subjects only where they are shown to somebody.

    Args:
        with_subjects: Whether to read subjects where no terminal shows them, too.
    """
    settings = configured()
    terminal = Terminal()
    with Progress("reading the account"):
        reads_subjects = with_subjects or (terminal.is_terminal and not as_json)
        found = _read(open_account(settings), reads_subjects=reads_subjects)
    if as_json:
        terminal.json(_as_json(found))
    else:
        _show(terminal, found, settings.scheme, datetime.now(UTC))
    return Exit.DONE


def _read(account: Account, *, reads_subjects: bool) -> Found:
    overview = account.triage.overview()
    screened = find_strangers(overview)
    if not (reads_subjects and screened.strangers):
        return Found(overview, screened, {} if reads_subjects else None)
    newest = [each.newest for each in screened.strangers[:MOST_SUBJECTS]]
    return Found(overview, screened, account.subjects.subjects(newest))


def _show(terminal: Terminal, found: Found, scheme: Scheme, now: datetime) -> None:
    strangers = found.screened.strangers
    if strangers:
        _show_strangers(terminal, strangers, found.subjects, now)
        wait = "waits" if len(strangers) == 1 else "wait"
        terminal.paragraph(
            f"{number_of(len(strangers), 'sender')} {wait} in {scheme.screener} with "
            f"{number_of(found.screened.messages, 'message')}. "
            "A triage label on one message of a sender decides."
        )
        if crowds := _crowds(found):
            terminal.paragraph(_said_of_crowds(crowds, scheme))
        if found.subjects is not None and len(strangers) > MOST_SUBJECTS:
            terminal.paragraph(f"Subjects were read of the {MOST_SUBJECTS} most recent senders only.")
    else:
        terminal.line(f"Nobody waits in {scheme.screener}.")
    for says in _said_of_others(found, scheme):
        terminal.paragraph(says, "! ")


def _show_strangers(
    terminal: Terminal, strangers: Sequence[Stranger], subjects: Mapping[MessageId, str] | None, now: datetime
) -> None:
    header = ["ADDRESS", "NAME", "MAIL", "NEWEST"]
    rows = [
        [each.who.email, each.who.name, str(each.messages), age_of(each.newest_at, now)] for each in strangers
    ]
    if subjects is not None:
        header.append("SUBJECT")
        for row, each in zip(rows, strangers, strict=True):
            row.append(subjects.get(each.newest, ""))
    terminal.table(
        header,
        rows,
        yielding=("NAME", *header[4:], "ADDRESS"),
        least={"SUBJECT": LEAST_SUBJECT_WIDTH},
    )
    terminal.line()


def _crowds(found: Found) -> list[Crowd]:
    return find_crowds(found.screened.strangers, found.overview.layout)


def _said_of_crowds(crowds: Sequence[Crowd], scheme: Scheme) -> str:
    """Say where one label more decides about many."""
    named = [f"{each.senders} from {each.domain}" for each in crowds[:MOST_CROWDS]]
    told = " and ".join([", ".join(named[:-1]), named[-1]] if named[1:] else named)
    rest = len(crowds) - len(named)
    more = f" (and several from {number_of(rest, 'more domain')})" if rest else ""
    return (
        f"Of these, {told}{more}: {scheme.domain_label} beside a triage label decides about everyone at "
        "that domain."
    )


def _said_of_others(found: Found, scheme: Scheme) -> Iterator[str]:
    """Say what else lies in Screener, and what becomes of it."""
    others, screener = found.screened.others, scheme.screener
    if count := others[Why.LABELLED]:
        is_labelled = f"{screener} holds {number_of(count, 'message')} of senders who bear a label"
        yield f"{is_labelled}: `mailroom plan` says what becomes of it"
    if count := others[Why.ANSWER]:
        answer = "answers" if count == 1 else "answer"
        yield f"{number_of(count, 'message')} in {screener} {answer} you: to the Inbox with the next cycle"
    yield from (finding.says for finding in judge_misplaced(found.overview, scheme))
    if count := others[Why.OWN]:
        yield f"{screener} holds {number_of(count, 'message')} from your own addresses, which nobody files"
    if count := others[Why.NO_SENDER]:
        yield f"{screener} holds {number_of(count, 'message')} without one sender who could be filed"
    for message_id, reason in found.overview.unreadable.items():
        yield f"message {message_id} cannot be read: {reason}"


def _as_json(found: Found) -> dict[str, object]:
    return {
        "messages": found.screened.messages,
        "senders": [_sender_as_json(each, found.subjects) for each in found.screened.strangers],
        "domains": [
            {"domain": each.domain, "senders": each.senders, "messages": each.messages}
            for each in _crowds(found)
        ],
        "others": [
            {"why": why.name.lower(), "messages": found.screened.others[why]}
            for why in Why
            if found.screened.others[why]
        ],
    }


def _sender_as_json(stranger: Stranger, subjects: Mapping[MessageId, str] | None) -> dict[str, object]:
    said = {} if subjects is None else {"subject": subjects.get(stranger.newest)}
    return {
        "email": stranger.who.email,
        "name": stranger.who.name,
        "messages": stranger.messages,
        "newest": stranger.newest_at or None,
        **said,
    }
