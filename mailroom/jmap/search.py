"""Finds messages by their Message-ID or by who wrote them (RFC 8621 section 4.4.1)."""

from __future__ import annotations

from collections.abc import Sequence

from mailroom.errors import MethodError, ProtocolError, ServerError
from mailroom.jmap.client import JmapClient
from mailroom.jmap.messages import FoundMessages, MessageForm, read_message
from mailroom.jmap.pages import email_calls
from mailroom.jmap.paging import NEWEST_FIRST
from mailroom.jmap.structuring import structure
from mailroom.jmap.wire import EmailGet, Json, NamedObject
from mailroom.model.address import Address, spellings
from mailroom.model.mail import Message
from mailroom.model.sender import Correspondent

MOST_OF_ONE_NAME = 20
"""Copies of one message; a server finds more that are similar."""

_REFUSED = frozenset({"unsupportedFilter", "invalidArguments"})


class JmapSearch:
    """Searches the mail of a JMAP account; fills the port `mailroom.model.ports.Search`."""

    def __init__(self, client: JmapClient, form: MessageForm) -> None:
        self._client = client
        self._form = form

    def named(self, message_id: str) -> Sequence[Message]:
        """Find the messages with a Message-ID; see `Search.named`."""
        try:
            # As the server has it: between brackets. Contained in the header is what the filter asks for.
            emails = self._find({"header": ["Message-ID", message_id]}, MOST_OF_ONE_NAME, ("messageId",))
        except MethodError as error:
            if error.type not in _REFUSED:
                raise
            raise ServerError(
                "the server does not find messages by their Message-ID: name the sender's address instead"
            ) from error
        found = FoundMessages()
        for value in emails.list_:
            if _is_named(value, message_id):
                found.take(EmailGet(emails.state, [value]), read_message)
        return tuple(found.messages.values())

    def of_sender(self, sender: Address, most: int) -> Sequence[Message]:
        """Find a sender's newest messages; see `Search.of_sender`."""
        most = min(most, self._client.session.limits.max_objects_in_get)
        found = FoundMessages()
        for spelling in spellings(sender):
            found.take(self._find({"from": spelling}, most), read_message)
        return [
            each
            for each in found.messages.values()
            if isinstance(each.sender, Correspondent) and each.sender.address == sender
        ]

    def _find(self, condition: Json, most: int, further: Sequence[str] = ()) -> EmailGet:
        query: Json = {"filter": condition, "sort": NEWEST_FIRST, "limit": most}
        _, answer = self._client.call(email_calls(query, {"properties": (*self._form.properties, *further)}))
        return answer.as_record(EmailGet)


def _is_named(value: Json, message_id: str) -> bool:
    """Whether a message has just this Message-ID."""
    try:
        return message_id in (structure(value, NamedObject, "the message").message_id or ())
    except ProtocolError:
        return False
