"""Reads old mail for its address headers: whom the person has written to, and who has written to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from mailroom.errors import UserError
from mailroom.model.address_book import Advance
from mailroom.model.mail import SENT_ROLE, AddressHeaders, Mailbox, MailboxId
from mailroom.model.mailboxes import with_role
from mailroom.model.own import OwnAddresses
from mailroom.model.ports import HeadersPage, MailHistory
from mailroom.triage.correspondence import Tallies


def read_recipients(
    history: MailHistory, mailboxes: Sequence[Mailbox], own: OwnAddresses, advance: Advance, since: str = ""
) -> Tallies:
    """Count whom the person has written to.

    Args:
        since: Leave out what was sent before this moment, RFC 3339 in UTC.

    Raises:
        UserError: The account has no mailbox for sent mail.
        ServerError: The server could not be asked.
    """
    if not with_role(mailboxes, SENT_ROLE):
        raise UserError(
            [
                "the account has no Sent mailbox (no mailbox with the role sent), which would "
                "tell who you wrote to"
            ]
        )
    tallies = Tallies(own)
    for page in _pages(history, mailboxes, SENT_ROLE, advance, since):
        tallies.add_recipients(page)
    return tallies


def read_incoming(
    history: MailHistory,
    places: Sequence[MailboxId],
    own: OwnAddresses,
    since: str,
    advance: Advance,
    *,
    with_lists: bool = False,
) -> Tallies:
    """Count who wrote what lies in some mailboxes, each message once.

    Args:
        since: Leave out what arrived before this moment, RFC 3339 in UTC.
        with_lists: Whether to count what came over lists, too.

    Raises:
        ServerError: The server could not be asked.
    """
    tallies = Tallies(own)
    in_others = total = 0
    for number, mailbox_id in enumerate(places):
        for page in history.headers(mailbox_id, since, with_lists=with_lists):
            tallies.add_senders(page, places[:number])
            total = in_others + page.total
            advance(len(page.headers) + page.left_out, total)
        in_others = total
    return tallies


def newest_sent(history: MailHistory, mailboxes: Sequence[Mailbox]) -> list[AddressHeaders]:
    """Return one page of the newest sent mail, in one request.

    Raises:
        ServerError: The server could not be asked.
    """
    return [
        each
        for mailbox_id in with_role(mailboxes, SENT_ROLE)
        for page in islice(history.headers(mailbox_id), 1)
        for each in page.headers
    ]


def _pages(
    history: MailHistory, mailboxes: Sequence[Mailbox], role: str, advance: Advance, since: str = ""
) -> Iterator[HeadersPage]:
    for mailbox_id in with_role(mailboxes, role):
        for page in history.headers(mailbox_id, since):
            yield page
            advance(len(page.headers) + page.left_out, page.total)
