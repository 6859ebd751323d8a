"""Reads the conversations of some messages, and the newest mail that was sent, in one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailroom.errors import ProtocolError, ServerError
from mailroom.jmap.calls import Call, is_too_large, result_of
from mailroom.jmap.client import JmapClient
from mailroom.jmap.messages import MessageForm, header_entries, read_message
from mailroom.jmap.pages import email_calls
from mailroom.jmap.paging import NEWEST_FIRST
from mailroom.jmap.structuring import structure
from mailroom.jmap.wire import EmailGet, Json, LetterObject
from mailroom.model.letters import Letter, Letters
from mailroom.model.mail import MailboxId, MessageId
from mailroom.model.sender import read_correspondents

MOST_AT_ONCE = 200
NEWEST_SENT = 200
"""Among how many of the newest in Sent an answer finds what it names outside of its own conversation.

A server begins another conversation where the subject is another. To search for a Message-ID takes its
name, so a second request, and some servers look through all mail for it.
"""

MAX_ANSWERS = 100
"""The last ones that a message names; the rest of an endless list is passed over."""

LETTERS_IN_A_CONVERSATION = 4
"""As many as are expected in each; where there are more, fewer conversations are asked for at once."""

_FURTHER_PROPERTIES = ("to", "cc", "bcc", "messageId", "inReplyTo", "references")
_CALLS_FOR_CONVERSATIONS = 3
_CALLS_FOR_ALL = 5


class JmapConversations:
    """The conversations of a JMAP account; fills the port `mailroom.model.ports.Conversations`.

    Args:
        form: What is asked for of each message, as for the rest of the mail.
    """

    def __init__(self, client: JmapClient, form: MessageForm) -> None:
        self._client = client
        self._form = form
        self._at_once = MOST_AT_ONCE
        self._reads_sent = True

    def around(self, message_ids: Sequence[MessageId], sent: MailboxId) -> Letters:
        """Read the conversations of messages, in one request; see `Conversations.around`."""
        limits = self._client.session.limits
        if limits.max_calls_in_request < _CALLS_FOR_CONVERSATIONS:
            return Letters(asked=frozenset(message_ids))  # nothing can be seen
        fitting = max(1, limits.max_objects_in_get // LETTERS_IN_A_CONVERSATION)
        batch = message_ids[: min(self._at_once, fitting)]
        properties = (*self._form.properties, *_FURTHER_PROPERTIES)
        calls = _conversations_of(batch, properties)
        if self._reads_sent and limits.max_calls_in_request >= _CALLS_FOR_ALL:
            calls += _newest_in(sent, min(NEWEST_SENT, limits.max_objects_in_get), properties)
        try:
            answers = self._client.call(calls)
            first, *more = (each.as_record(EmailGet) for each in answers[2::2])
        except ServerError as error:
            if not is_too_large(error):
                raise
            return Letters(asked=self._ask_for_less(batch))
        self._at_once, self._reads_sent = min(MOST_AT_ONCE, 2 * self._at_once), True
        found = (letter for emails in (first, *more) for letter in _letters(emails))
        return Letters(first.state, frozenset(batch), {each.message.id: each for each in found})

    def _ask_for_less(self, batch: Sequence[MessageId]) -> frozenset[MessageId]:
        """Ask for less the next time; return what even alone is too large to be seen, now or later."""
        if len(batch) > 1:
            self._at_once = len(batch) // 2
        elif self._reads_sent:
            self._reads_sent = False
        else:
            self._reads_sent = True
            return frozenset(batch)
        return frozenset()


def _conversations_of(message_ids: Sequence[MessageId], properties: Sequence[str]) -> list[Call]:
    threads = result_of(0, "Email/get", "/list/*/threadId")
    emails = result_of(1, "Thread/get", "/list/*/emailIds")
    return [
        Call("Email/get", {"ids": message_ids, "properties": ["threadId"]}),
        Call("Thread/get", {"#ids": threads}),
        Call("Email/get", {"#ids": emails, "properties": properties}),
    ]


def _newest_in(sent: MailboxId, most: int, properties: Sequence[str]) -> list[Call]:
    query: Json = {"filter": {"inMailbox": sent}, "sort": NEWEST_FIRST, "limit": most}
    return email_calls(query, {"properties": properties}, first=_CALLS_FOR_CONVERSATIONS)


def _letters(emails: EmailGet) -> Iterator[Letter]:
    """Read what the server has; one of an odd form is no evidence, and stops no other."""
    for value in emails.list_:
        try:
            email = structure(value, LetterObject, "the message")
        except ProtocolError:
            continue
        recipients = [*(email.to or ()), *(email.cc or ()), *(email.bcc or ())]
        named = [*(email.references or ()), *(email.in_reply_to or ())]
        yield Letter(
            read_message(email),
            names=frozenset(email.message_id or ()),
            answers=frozenset(named[-MAX_ANSWERS:]),
            recipients=frozenset(each.address for each in read_correspondents(header_entries(recipients))),
        )
