"""`mailroom rules`: the provider's rules that route mail by contact group."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mailroom.account import Account, open_account
from mailroom.commands.configured import configured
from mailroom.exits import Exit
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.own import OwnAddresses
from mailroom.model.scheme import Scheme
from mailroom.output.files import write_file
from mailroom.output.streams import write_in_utf8
from mailroom.output.terminal import Progress, Terminal
from mailroom.rules import GroupTest, SieveContext, render_fastmail, render_sieve, render_text
from mailroom.rules.routing import Rule, rules_of
from mailroom.triage.correspondence import reply_domains
from mailroom.triage.old_mail import newest_sent

DIALECTS = {"group-id": GroupTest.GROUP_ID, "card-uid": GroupTest.CARD_UID}

_CONTACTS_CAPABILITY = "urn:ietf:params:jmap:contacts"
_DATES: Final = re.compile(r'"(?:created|updated)": "[^"]*"')
_NEXT_STEPS = {
    "fastmail": "Import it at Fastmail: Settings → Filters & Rules. Importing adds rules, "
    "so delete those of an earlier import.",
    "sieve": "Install it as the active Sieve script; if you have one already, add this at its end.",
    "text": "Follow it step by step.",
}


def rules(*, form: str, dialect: str | None, output: Path | None, force: bool) -> Exit:
    """Print or write the rules, for the groups and mailboxes that really are there.

    Args:
        form: ``fastmail``, ``sieve`` or ``text``.
        dialect: A key of `DIALECTS`; None for what the server seems to speak.
    """
    settings = configured()
    account = open_account(settings)
    with Progress("reading the account"):
        account.check()
        listed = current_rules(account, settings.scheme)
        can_approve = settings.scheme.approving is not None
        group_test = DIALECTS[dialect] if dialect else None
        text = render_rules(account, listed, form, group_test, can_approve=can_approve)
    if output is None:
        write_in_utf8(sys.stdout, text)
        return Exit.DONE
    write_file(output, text, force=force)
    show_next_step(Terminal(), listed, form, output)
    return Exit.DONE


def current_rules(account: Account, scheme: Scheme) -> tuple[Rule, ...]:
    """Return the rules for the contact groups that are there and the mailing lists that are decided on.

    By contacts read for it: of a reading that broke off, some may be missing, and then their rules would be.

    Raises:
        ServerError: The contacts could not be read.
    """
    return rules_of(account.book.refresh(), scheme)


def show_next_step(terminal: Terminal, listed: Sequence[Rule], form: str, output: Path) -> None:
    """Say where the rules are, and what to do with them."""
    terminal.paragraph(f"{len(listed)} rules are in {output}. {_NEXT_STEPS[form]}")


def render_rules(
    account: Account,
    listed: Sequence[Rule],
    form: str,
    group_test: GroupTest | None = None,
    *,
    can_approve: bool,
) -> str:
    """Return the rules in one of the forms of `rules`.

    Args:
        group_test: How a Sieve script names a contact group; None for what the server seems to speak.
        can_approve: Whether there is a category for the people to whom the person has written.

    Raises:
        UserError: A contact group's name means something else in a search.
        ServerError: The server could not be asked for what a script names besides.
    """
    if form != "sieve":
        # Only what is decided about domains would count for the person's own mail.
        own = account.own_addresses() if any(rule.unless_in for rule in listed) else OwnAddresses()
        if form == "text":
            return render_text(listed, own, can_approve=can_approve)
        return render_fastmail(listed, datetime.now(UTC), own)
    mailboxes = account.mail.read([]).mailboxes
    if group_test is None:
        speaks_cards = _CONTACTS_CAPABILITY in account.jmap.session.capabilities
        group_test = GroupTest.CARD_UID if speaks_cards else GroupTest.GROUP_ID
    context = SieveContext(
        mailbox_ids=MailboxTree(mailboxes).ids,
        group_uids=account.book.latest().group_uids(),
        group_test=group_test,
        own=account.own_addresses(),
        reply_domains=reply_domains(newest_sent(account.history, mailboxes)),
    )
    return render_sieve(listed, context)


def is_same_rules(file: Path, text: str) -> bool:
    """Whether a file holds these rules already, whenever it was written."""
    try:
        return _DATES.sub("", file.read_text("utf-8")) == _DATES.sub("", text)
    except (OSError, UnicodeError):
        return False
