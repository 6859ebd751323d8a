"""Reads old mail for its address headers, page after page (RFC 8621 sections 4.2 and 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from mailroom.errors import ProtocolError, ServerError
from mailroom.jmap.calls import Call, is_too_large
from mailroom.jmap.client import JmapClient
from mailroom.jmap.messages import FoundMessages, MessageForm, header_entries, read_message
from mailroom.jmap.pages import email_calls, email_pages
from mailroom.jmap.paging import NEWEST_FIRST
from mailroom.jmap.structuring import structure
from mailroom.jmap.wire import AddressHeadersObject, EmailGet, Json
from mailroom.model.mail import AddressHeaders, MailboxId, Message, MessageId
from mailroom.model.ports import HeadersPage
from mailroom.model.sender import read_correspondents, read_sender

PAGE_MESSAGES = 500
_PROPERTIES = ("from", "to", "cc", "bcc", "receivedAt", "messageId", "mailboxIds")
_LIST_PROPERTIES = ("header:List-Id", "header:List-Unsubscribe")


class JmapMailHistory:
    """The old mail of a JMAP account; fills the port `mailroom.model.ports.MailHistory`."""

    def __init__(self, client: JmapClient, form: MessageForm) -> None:
        self._client = client
        self._form = form

    def newest(self, mailbox_ids: Sequence[MailboxId], since: str, most: int) -> Mapping[MessageId, Message]:
        """Read the newest messages of each mailbox; see `MailHistory.newest`."""
        limits = self._client.session.limits
        page_messages = min(most, limits.max_objects_in_get)
        at_once = max(1, limits.max_calls_in_request // 2)
        found, rest = FoundMessages(), list(dict.fromkeys(mailbox_ids))
        while rest:
            batch = rest[:at_once]
            conditions = [_condition(each, since) for each in batch]
            pages = [self._newest_page(x, 2 * n, page_messages) for n, x in enumerate(conditions)]
            try:
                emails = [x.as_record(EmailGet) for x in self._client.call([*chain(*pages)])[1::2]]
            except ServerError as error:
                if not is_too_large(error) or page_messages == at_once == 1:
                    raise
                page_messages, at_once = max(1, page_messages // 2), max(1, len(batch) // 2)
                continue
            for each in emails:
                found.take(each, read_message)
            del rest[: len(batch)]
        return found.messages

    def headers(
        self, mailbox_id: MailboxId, since: str = "", *, with_lists: bool = False
    ) -> Iterator[HeadersPage]:
        """Read a mailbox, newest mail first; see `MailHistory.headers`."""
        properties = (*_PROPERTIES, *(_LIST_PROPERTIES if with_lists else ()))
        condition = _condition(mailbox_id, since)

        def calls(position: int, limit: int) -> list[Call]:
            query: Json = {
                "filter": condition,
                "sort": NEWEST_FIRST,
                "position": position,
                "limit": limit,
                "calculateTotal": True,
            }
            return email_calls(query, {"properties": properties})

        for page in email_pages(self._client, calls, PAGE_MESSAGES):
            if (found := page.query) is None:
                yield HeadersPage((), page.position, left_out=1)
                continue
            headers = tuple(_address_headers(page.emails))
            total = max(found.total or 0, page.position)
            yield HeadersPage(headers, total, left_out=len(page.emails) - len(headers))
            # A server need not tell the total even where it is asked to.
            if not found.ids or (found.total is not None and page.position >= found.total):
                return

    def _newest_page(self, condition: Json, index: int, page_messages: int) -> list[Call]:
        """Return the two calls that read a page, the first of them at `index` in its request."""
        query: Json = {"filter": condition, "sort": NEWEST_FIRST, "limit": page_messages}
        return email_calls(query, {"properties": self._form.properties}, index)


def _condition(mailbox_id: MailboxId, since: str) -> Json:
    return {"inMailbox": mailbox_id} | ({"after": since} if since else {})


def _address_headers(emails: Iterable[Json]) -> Iterator[AddressHeaders]:
    """Read what the server has; one of an odd form is passed over."""
    for value in emails:
        try:
            email = structure(value, AddressHeadersObject, "the message")
        except ProtocolError:
            continue
        recipients = [*(email.to or ()), *(email.cc or ()), *(email.bcc or ())]
        yield AddressHeaders(
            sender=read_sender(header_entries(email.from_)),
            recipients=tuple(read_correspondents(header_entries(recipients))),
            received_at=email.received_at,
            message_id=(email.message_id or [""])[0],
            mailbox_ids=frozenset(MailboxId(x) for x, holds in email.mailbox_ids.items() if holds),
            is_list=bool(email.list_id or email.list_unsubscribe),
        )
