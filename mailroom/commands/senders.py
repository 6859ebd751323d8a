"""`mailroom senders`: who writes, what they are filed as, and what may fit them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from attrs import frozen

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.commands.inspection import inspect
from mailroom.commands.sender_file import render_senders
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.model.mail import SENT_ROLE
from mailroom.model.mailboxes import with_role
from mailroom.model.party import PartyKind, kind_of
from mailroom.model.scheme import Scheme
from mailroom.output.files import refuse_existing, write_file
from mailroom.output.terminal import Progress, Terminal
from mailroom.triage.correspondence import Tallies, not_read
from mailroom.triage.old_mail import read_incoming, read_recipients
from mailroom.triage.senders import Sender, describe_senders, places_to_look
from mailroom.triage.words import number_of

USUAL_DAYS = 90


@frozen
class Found:
    """Who writes, and what could not be read.

    Attributes:
        unreadable: How many messages.
        unreadable_contacts: What of the contacts, and why.
    """

    senders: Sequence[Sender]
    unreadable: int
    unreadable_contacts: Sequence[str]


def senders(*, since: date | None, file: Path | None, force: bool, as_json: bool) -> Exit:
    """List who writes; reads only.

    Args:
        since: From which day on, in UTC; the last 90 days where it is None.
        file: Write who writes and who is filed into this file, for ``mailroom apply``.
        force: Whether that file may be there.
    """
    settings = configured()
    if file and not force:
        refuse_existing(file)
    account = open_account(settings)
    since = since or (datetime.now(UTC) - timedelta(days=USUAL_DAYS)).date()
    found = _read(account, settings.scheme, since)
    terminal = Terminal()
    if file:
        write_file(file, render_senders(found.senders, settings.scheme, since.isoformat()), force=force)
    if as_json:
        terminal.json(_as_json(found, since))
        return Exit.DONE
    if not file:
        _show(terminal, [each for each in found.senders if each.messages])
    _conclude(terminal, found, since, file)
    return Exit.DONE


def _read(account: Account, scheme: Scheme, since: date) -> Found:
    with Progress("reading the account"):
        seen = inspect(account, scheme)
        if seen.reading.value is None or seen.contacts.value is None or seen.tree is None:
            raise UserError(seen.troubles)
        own = account.own_addresses()
    mailboxes, contacts, begin = seen.reading.value.mailboxes, seen.contacts.value, f"{since}T00:00:00Z"
    with Progress("reading who wrote to you") as progress:
        places = places_to_look(seen.tree, scheme)
        incoming = read_incoming(account.history, places, own, begin, progress.advance, with_lists=True)
    outgoing = Tallies(own)
    if with_role(mailboxes, SENT_ROLE):
        with Progress("reading who you wrote to") as progress:
            outgoing = read_recipients(account.history, mailboxes, own, progress.advance, begin)
    described = describe_senders(incoming, outgoing, contacts, scheme, own)
    return Found(described, incoming.unreadable, tuple(account.book.left_out()))


def _show(terminal: Terminal, found: Sequence[Sender]) -> None:
    if not found:
        return
    rows = [
        (
            each.who.email,
            each.who.name,
            str(each.messages),
            each.last_at[:10],
            each.kind.value,
            _filed_as(each),
        )
        for each in found
    ]
    header = ("ADDRESS", "NAME", "MAIL", "NEWEST", "KIND", "FILED AS")
    terminal.table(header, rows, yielding=("NAME", "ADDRESS"))
    terminal.line()


def _filed_as(sender: Sender) -> str:
    if sender.suggestion:
        return f"{sender.suggestion.title}?"
    if sender.of_domain:
        return f"{sender.of_domain.title} (domain)"
    return ", ".join(x.title for x in sender.categories) or ("contact" if sender.is_contact else "–")


def _conclude(terminal: Terminal, found: Found, since: date, file: Path | None) -> None:
    writing = [each for each in found.senders if each.messages]
    undecided = sum(each.is_undecided for each in writing)
    others = Counter(
        kind_of(each.who.address) is PartyKind.SENDER for each in found.senders if not each.messages
    )
    silent, of_many = others[True], others[False]
    if found.unreadable:
        terminal.paragraph(f"{not_read(found.unreadable)}, so their senders are not counted.")
    for each in found.unreadable_contacts:
        terminal.paragraph(f"{each}: who is in there may be filed and is not told as such.")
    terminal.paragraph(
        f"{number_of(len(writing), 'sender')} since {since}, {undecided} of them not filed"
        + (f"; {silent} more {'is' if silent == 1 else 'are'} filed and did not write" if silent else "")
        + (
            f"; filed besides: {number_of(of_many, 'whole domain or list', 'whole domains or lists')}"
            if of_many
            else ""
        )
        + "."
    )
    if file:
        terminal.paragraph(f"{file} has them. Edit it, then: mailroom apply {file}")
    elif undecided:
        if any(each.suggestion for each in writing):
            terminal.paragraph("What ends in ? is a suggestion; nothing is filed as that.")
        terminal.paragraph(
            "`mailroom senders --file senders.txt` writes them into a file to edit, and `mailroom apply "
            "senders.txt` files them."
        )


def _as_json(found: Found, since: date) -> dict[str, object]:
    return {
        "since": since.isoformat(),
        "senders": [
            {
                "email": each.who.email,
                "name": each.who.name,
                "messages": each.messages,
                "newest": each.last_at or None,
                "kind": each.kind.value or None,
                "written": each.written,
                "filed_as": [category.title for category in each.categories],
                "filed_with_domain_as": each.of_domain.title if each.of_domain else None,
                "is_contact": each.is_contact,
                "suggestion": each.suggestion.title if each.suggestion else None,
            }
            for each in found.senders
        ],
        "unreadable": found.unreadable,
        "unreadable_contacts": list(found.unreadable_contacts),
    }
