"""Reads old mail for its address headers, page after page (RFC 8621 sections 4.2 and 4.4)."""

from __future__ import annotations

from collections.abc import Iterator

from mailroom.jmap.client import Call, JmapClient, result_of
from mailroom.jmap.mail import header_entries
from mailroom.jmap.wire import EmailQuery, Json, LetterGet, LetterObject
from mailroom.triage.correspondent import read_correspondents, read_sender
from mailroom.triage.model import Letter, MailboxId
from mailroom.triage.ports import LetterPage

PAGE_LETTERS = 500

_PROPERTIES = ("from", "to", "cc", "bcc", "receivedAt", "messageId")


class JmapMailHistory:
    """The old mail of a JMAP account; fills the port `mailroom.triage.ports.MailHistory`."""

    def __init__(self, client: JmapClient) -> None:
        self._client = client

    def letters(self, mailbox_id: MailboxId, since: str = "") -> Iterator[LetterPage]:
        """Read a mailbox, newest mail first; see `MailHistory.letters`."""
        condition: Json = {"inMailbox": mailbox_id} | ({"after": since} if since else {})
        page_letters = min(PAGE_LETTERS, self._client.session.limits.max_objects_in_get)
        position, total = 0, 1
        while position < total:
            query: Json = {
                "filter": condition,
                "sort": [{"property": "receivedAt", "isAscending": False}],
                "position": position,
                "limit": page_letters,
                "calculateTotal": True,
            }
            get: Json = {"#ids": result_of(0, "Email/query", "/ids"), "properties": _PROPERTIES}
            answers = self._client.call([Call("Email/query", query), Call("Email/get", get)])
            found = answers[0].as_record(EmailQuery)
            letters = answers[1].as_record(LetterGet).list_
            position += len(found.ids)
            total = (found.total or 0) if found.ids else position
            yield LetterPage(tuple(map(_letter, letters)), max(total, position))


def _letter(email: LetterObject) -> Letter:
    recipients = [*(email.to or ()), *(email.cc or ()), *(email.bcc or ())]
    return Letter(
        sender=read_sender(header_entries(email.from_)),
        recipients=tuple(read_correspondents(header_entries(recipients))),
        received_at=email.received_at,
        message_id=(email.message_id or [""])[0],
    )
