"""The journal as commands find it: its entries, or in words why there are none."""

from __future__ import annotations

from datetime import datetime

from mailroom.account import Account
from mailroom.journal.entry import Cause
from mailroom.journal.reader import Entries
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.scheme import Scheme
from mailroom.triage.layout import journal_mailbox

CAUSES = {
    Cause.CYCLE: "the service",
    Cause.APPLY: "`mailroom apply`",
    Cause.APPROVE: "`mailroom approve`",
    Cause.RESCUE: "`mailroom rescue`",
    Cause.UNDO: "`mailroom undo`",
}


def open_entries(account: Account, scheme: Scheme, since: str = "") -> Entries | None:
    """Return the entries of the journal; None where there is no journal, as `why_no_journal` says.

    Args:
        since: Leave out what was written before this moment, RFC 3339 in UTC; nothing where it is empty.

    Raises:
        ServerError: The server could not be asked.
    """
    if not scheme.journal:
        return None
    mailbox = journal_mailbox(MailboxTree(account.mail.read(()).mailboxes), scheme)
    return Entries(account.notes, mailbox.id, since) if mailbox else None


def why_no_journal(scheme: Scheme) -> str:
    """Say in words why there is no journal, and how to get one."""
    if not scheme.journal:
        return "the journal is off: MAILROOM_JOURNAL_MAILBOX names no mailbox"
    return f"there is no mailbox {scheme.journal!r} for the journal: `mailroom setup --apply` makes it"


def moment(at: str) -> str:
    """Return when something was, in the zone of this machine, to the minute."""
    try:
        return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):  # from an entry that somebody else wrote
        return at[:16]
