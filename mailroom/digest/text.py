"""What a digest says, and of which day it is. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo

from mailroom.model.mail import MessageId
from mailroom.model.notes import NewNote, Note, NoteKind
from mailroom.model.scheme import Scheme
from mailroom.output.domains import with_readable_domains
from mailroom.output.programs import json_line
from mailroom.output.redaction import presentable
from mailroom.triage.strangers import Screened, Stranger
from mailroom.triage.words import number_of

MOST_SENDERS = 100
"""Nobody reads further down."""

MOST_CHARACTERS = 200
"""Of what a stranger writes, in a line."""

NO_SUBJECT = "(no subject)"


def compose_digest(
    day: date,
    screened: Screened,
    subjects: Mapping[MessageId, str],
    scheme: Scheme,
    zone: tzinfo | None = None,
) -> NewNote:
    """Write the digest of a day: who waits, the most recent first, and what to do.

    Its subject has no word of a stranger's: it comes from the person's own address.

    Args:
        subjects: Those of the senders' newest messages.
        zone: In which times are told; None for that of the process.
    """
    strangers = screened.strangers
    wait = "waits" if len(strangers) == 1 else "wait"
    says = f"{number_of(len(strangers), 'sender')} {wait} in {scheme.screener}"
    lines = [f"{says} with {number_of(screened.messages, 'message')}, the most recent first.", ""]
    for each in strangers[:MOST_SENDERS]:
        lines += [*_lines_about(each, subjects.get(each.newest, ""), zone), ""]
    if (more := len(strangers) - MOST_SENDERS) > 0:
        lines += [f"And {number_of(more, 'more sender')}: `mailroom waiting` lists them all.", ""]
    labels = ", ".join(scheme.labels)
    lines += [
        f"To decide on a sender, put a label on a message of theirs: {labels}.",
        "",
        "The next digest takes the place of this one, unless you have moved it out of the Inbox.",
        "",
    ]
    data = json_line({"version": 1, "day": day.isoformat()})
    return NewNote(NoteKind.DIGEST, says, "\n".join(lines), data, is_read=False)


def day_of(digest: Note, zone: tzinfo | None = None) -> date | None:
    """Return the day whose digest it is: what it says itself, else when it came; None where nothing tells."""
    try:
        return date.fromisoformat(json.loads(digest.data)["day"])
    except (ValueError, TypeError, KeyError, RecursionError):
        came = _local(digest.received_at, zone)
        return came.date() if came else None


def _lines_about(stranger: Stranger, subject: str, zone: tzinfo | None) -> Iterator[str]:
    name = f", {_shown(stranger.who.name)}" if stranger.who.name else ""
    yield f"{_shown(stranger.who.email)}{name}"
    yield f"  {_shown(subject) or NO_SUBJECT}"
    came = _local(stranger.newest_at, zone)
    newest = "" if stranger.messages == 1 else "the newest "
    at = f", {newest}of {came:%Y-%m-%d %H:%M}" if came else ""
    yield f"  {number_of(stranger.messages, 'message')}{at}"


def _shown(text: str) -> str:
    """Make fit to be read what a stranger wrote: one line, not too long, without what steers a program."""
    line = " ".join(with_readable_domains(presentable(text)).split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}…"


def _local(moment: str, zone: tzinfo | None) -> datetime | None:
    try:
        return datetime.fromisoformat(moment).astimezone(zone)
    except (ValueError, OverflowError):
        return None
