"""Reads the mailbox list and the messages of some mailboxes, as of one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailroom.errors import MethodError, ProtocolError, ServerError, TooLargeError
from mailroom.jmap.calls import is_too_large, result_of
from mailroom.jmap.client import MAX_READ_ATTEMPTS, JmapClient
from mailroom.jmap.mailboxes import GET_MAILBOXES, MailboxList, read_mailboxes
from mailroom.jmap.messages import (
    LARGE_MESSAGE_BYTES,
    FoundMessages,
    Messages,
    read_message,
)
from mailroom.jmap.picture import CALLS_FOR_CHANGES, MAX_CHANGES, NOTHING, Picture, small_ones
from mailroom.jmap.searching import Search, next_pages, searches_in, taken
from mailroom.jmap.wire import Changes, EmailGet, Json
from mailroom.model.mail import Mailbox, MailboxId, Message, MessageId, Snapshot
from mailroom.model.ports import Reading

PAGE_MESSAGES = 2_000
BUDGET_BYTES = 1024 * 1024
"""What is transferred again at every look without a second thought, besides usual messages."""

MAX_MISSES = 5
READINGS_WITHOUT_CHANGES = 500
"""So many readings follow that do not ask what has changed, where that was of no use so often in a row."""

_ONLY_STATE: Json = {"ids": [], "properties": ["id"]}

Keep = Callable[[Message], bool]


class MailReader:
    """Reads an account's mail, and learns on the way what its server can do.

    Usually one request reads everything. Where its answer is large, the ids are read first from then on:
    what is large comes in parts, and only once. A server may refuse to search several mailboxes at a
    time (``unsupportedFilter``, RFC 8620 section 5.5): then each is searched by itself.

    What was read of mailboxes that are not large is remembered. From then on the same one request asks
    what has changed (RFC 8621 section 4.3); where the server does not say all of it, all is read anew.
    """

    def __init__(self, client: JmapClient, mailboxes: MailboxList, messages: Messages) -> None:
        self._client = client
        self._mailboxes = mailboxes
        self._messages = messages
        self._totals: dict[MailboxId, int] = {}
        self._searches_one_by_one = False
        self._reads_ids_first = False
        self._picture = NOTHING
        self._misses = self._readings_without_changes = 0

    def note_changes(self, messages: int) -> None:
        """Hear how many messages were changed here; very many are not asked for one by one afterwards."""
        if messages > MAX_CHANGES:
            self._picture = NOTHING

    def forget(self) -> None:
        """Forget what is remembered: something else is asked for of messages from now on."""
        self._picture = NOTHING

    def read(self, wanted: frozenset[MailboxId], keep: Keep) -> Reading:
        """Read the mailbox list and messages; see `MailStore.read`."""
        if reading := self._read_changes(wanted, keep):
            return reading
        changes = 0
        while changes < MAX_READ_ATTEMPTS:
            read = self._read_ids_first if self._reads_ids_first else self._read_at_once
            try:
                reading = read(wanted, keep)
            except ServerError as error:
                self._learn(error)
            else:
                if reading:
                    return reading
                changes += 1
        raise ServerError("the mailboxes change faster than they can be read")

    def _learn(self, error: ServerError) -> None:
        """Choose another way to read, if there is one that this error does not stand against."""
        if is_too_large(error) and not self._reads_ids_first:
            self._reads_ids_first = True
        elif _is_unsupported_filter(error) and not self._searches_one_by_one:
            self._searches_one_by_one = True
        else:
            raise error

    def _read_changes(self, wanted: frozenset[MailboxId], keep: Keep) -> Reading | None:
        """Read what has changed, and what is not remembered, by one request; None where that cannot be."""
        known, rest = self._picture, wanted - self._picture.mailbox_ids
        if self._readings_without_changes:
            self._readings_without_changes -= 1
            return None
        if not known.mailbox_ids & wanted or not self._fits_beside_changes(rest):
            return None
        self._picture = NOTHING  # until it is in step again
        try:
            reading = self._read_on(known, wanted, keep)
        except (MethodError, ProtocolError, TooLargeError):
            reading = None
        self._misses = 0 if reading else self._misses + 1
        if self._misses == MAX_MISSES:
            self._misses, self._readings_without_changes = 0, READINGS_WITHOUT_CHANGES
        return reading

    def _fits_beside_changes(self, rest: frozenset[MailboxId]) -> bool:
        """Whether mailboxes can be read by the request that asks what has changed in others."""
        if self._reads_ids_first:
            return not rest
        searches = self._searches(rest)
        expected = sum(self._totals.get(x, 0) for x in rest)
        calls_left = self._client.session.limits.max_calls_in_request - 1 - CALLS_FOR_CHANGES
        pages = next_pages(searches, self._totals, calls_left)
        room = sum(page.search.page_messages for page in pages)
        return (
            2 * len(pages) <= calls_left
            and len({id(page.search) for page in pages}) == len(searches)
            and (not rest or expected < room)
        )

    def _read_on(self, known: Picture, wanted: frozenset[MailboxId], keep: Keep) -> Reading | None:
        """Bring a picture into step, and read what is not in it; None where that is not of one moment."""
        limits = self._client.session.limits
        most = min(MAX_CHANGES, limits.max_objects_in_get)
        asked = known.calls(1, most, self._messages.properties, alone=self._reads_ids_first)
        rest = wanted - known.mailbox_ids
        searches = self._searches(rest)
        pages = next_pages(searches, self._totals, limits.max_calls_in_request - 1 - len(asked))
        calls = [GET_MAILBOXES, *asked]
        for page in pages:
            calls += page.calls(self._what_is_found(len(calls)))
        first, *answers = self._client.call(calls)
        mailboxes = self._noted(read_mailboxes(first))
        if not wanted <= self._totals.keys():
            return self._reading(mailboxes, FoundMessages())
        changes, changed = answers[0].as_record(Changes), FoundMessages()
        for answer in answers[1 : len(asked)]:
            changed.take(answer.as_record(EmailGet), read_message)
        if self._reads_ids_first:
            changed = self._messages.read([MessageId(x) for x in (*changes.created, *changes.updated)])
        picture = known.after(changes, changed)
        if picture is None or not picture.agrees_with(mailboxes):
            return None
        small, found = small_ones(rest, self._totals, picture), FoundMessages()
        for _, emails in taken(pages, answers[len(asked) :]):
            found.take(emails, read_message, _or_in(small, keep))
        if not found.states.keys() <= {picture.state} or not all(search.is_over for search in searches):
            return None
        self._picture = picture.joined(small, found, mailboxes)
        return self._reading(mailboxes, self._picture.beside(found, wanted), keep)

    def _read_at_once(self, wanted: frozenset[MailboxId], keep: Keep) -> Reading | None:
        """Read mailboxes and messages by the same requests; None where they changed on the way."""
        searches, found = self._searches(wanted), FoundMessages()
        small = small_ones(wanted, self._totals)
        while True:
            most_calls = self._client.session.limits.max_calls_in_request - 1
            pages = next_pages(searches, self._totals, most_calls)
            calls = [GET_MAILBOXES]
            for page in pages:
                calls += page.calls(self._what_is_found(len(calls)))
            first, *answers = self._client.call(calls)
            mailboxes = self._noted(read_mailboxes(first))
            if not wanted or not wanted <= self._totals.keys():
                return self._reading(mailboxes, FoundMessages())
            for _, emails in taken(pages, answers):
                found.take(emails, read_message, _or_in(small, keep))
                usual_bytes = BUDGET_BYTES + LARGE_MESSAGE_BYTES * len(emails.list_)
                self._reads_ids_first |= first.response_bytes > usual_bytes
            if not _is_one_moment(searches, found):
                return None
            if all(search.is_over for search in searches):
                return self._remembered(small, mailboxes, found, keep)

    def _read_ids_first(self, wanted: frozenset[MailboxId], keep: Keep) -> Reading | None:
        """Read mailboxes, ids and messages one after the other; None where they changed on the way."""
        mailboxes = self._noted(self._mailboxes.read().mailboxes)
        if not wanted or not wanted <= self._totals.keys():
            return self._reading(mailboxes, FoundMessages())
        searches, seen = self._searches(wanted), FoundMessages()
        small = small_ones(wanted, self._totals)
        ids: dict[MessageId, None] = {}
        while pages := next_pages(searches, self._totals, self._client.session.limits.max_calls_in_request):
            answers = self._client.call([call for page in pages for call in page.calls(_ONLY_STATE)])
            for query, emails in taken(pages, answers):
                ids |= dict.fromkeys(map(MessageId, query.ids))
                seen.states |= {emails.state: None}
            if not _is_one_moment(searches, seen):
                return None
        # Newer than the ids perhaps, but never older than the state that the reading bears.
        kept = _or_in(small, keep)
        found = self._messages.read(ids, lambda message: bool(message.mailbox_ids & wanted) and kept(message))
        found.states = seen.states | found.states
        return self._remembered(small, mailboxes, found, keep)

    def _searches(self, wanted: frozenset[MailboxId]) -> list[Search]:
        page_messages = PAGE_MESSAGES
        if not self._reads_ids_first:
            # What a page finds is got in the same request, where no more are allowed.
            page_messages = min(page_messages, self._client.session.limits.max_objects_in_get)
        return searches_in(wanted, page_messages, one_by_one=self._searches_one_by_one)

    def _what_is_found(self, index: int) -> Json:
        """Say what to get of the messages that the query at `index` finds."""
        return {"#ids": result_of(index, "Email/query", "/ids"), "properties": self._messages.properties}

    def _noted(self, mailboxes: tuple[Mailbox, ...]) -> tuple[Mailbox, ...]:
        self._totals = {mailbox.id: mailbox.total_messages for mailbox in mailboxes}
        return mailboxes

    def _remembered(
        self, small: frozenset[MailboxId], mailboxes: tuple[Mailbox, ...], found: FoundMessages, keep: Keep
    ) -> Reading:
        """Remember what was read of small mailboxes, where it is of one moment."""
        small &= small_ones(small, self._totals)  # by now, one may have become large
        is_one_moment = len(found.states) == 1
        self._picture = NOTHING.joined(small, found, mailboxes) if is_one_moment else NOTHING
        return self._reading(mailboxes, found, keep)

    def _reading(
        self, mailboxes: tuple[Mailbox, ...], found: FoundMessages, keep: Keep = lambda _: True
    ) -> Reading:
        session = self._client.session
        messages = {key: each for key, each in found.messages.items() if keep(each)}
        snapshot = Snapshot(next(iter(found.states), ""), messages)
        return Reading(mailboxes, snapshot, session.mail_limits, found.left_out)


def _or_in(mailbox_ids: frozenset[MailboxId], keep: Keep) -> Keep:
    return lambda message: bool(message.mailbox_ids & mailbox_ids) or keep(message)


def _is_one_moment(searches: Sequence[Search], found: FoundMessages) -> bool:
    """Whether what was found was so at the same time.

    Some servers call the same result otherwise from page to page: then the state of all mail decides.
    """
    return len(found.states) <= 1 or (len(searches) == 1 and len(searches[0].states) == 1)


def _is_unsupported_filter(error: ServerError) -> bool:
    return isinstance(error, MethodError) and error.type == "unsupportedFilter"
