"""Subjects of messages, read only for whoever asks for them by name (RFC 8621 section 4.1.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailroom.errors import ProtocolError, ServerError
from mailroom.jmap.calls import Call, is_too_large
from mailroom.jmap.client import JmapClient
from mailroom.jmap.pages import Portion
from mailroom.jmap.structuring import structure
from mailroom.jmap.wire import EmailGet, Json, SubjectObject
from mailroom.model.mail import MessageId

PAGE_MESSAGES = 500
MAX_SUBJECT_CHARACTERS = 500
"""More than fits on any line; what a stranger writes may be megabytes."""


class JmapSubjects:
    """The subjects of a JMAP account; fills the port `mailroom.model.ports.Subjects`."""

    def __init__(self, client: JmapClient) -> None:
        self._client = client

    def subjects(self, message_ids: Sequence[MessageId]) -> Mapping[MessageId, str]:
        """Read the subjects of these messages; see `Subjects.subjects`."""
        found: dict[MessageId, str] = {}
        rest = list(dict.fromkeys(message_ids))
        most = min(PAGE_MESSAGES, self._client.session.limits.max_objects_in_get)
        portion = Portion(most, most)
        while rest:
            batch = rest[: portion.size]
            get: Json = {"ids": batch, "properties": ["id", "subject"]}
            try:
                (answer,) = self._client.call([Call("Email/get", get)])
                emails = answer.as_record(EmailGet)
            except ServerError as error:
                if not is_too_large(error):
                    raise
                if len(batch) > 1:
                    portion.halve(len(batch))
                    continue
            else:
                found |= _subjects(emails)
                portion.grow(answer, self._client)
            del rest[: len(batch)]
        return found


def _subjects(emails: EmailGet) -> dict[MessageId, str]:
    """Read what the server has; one of an odd form is passed over."""
    found = {}
    for value in emails.list_:
        try:
            email = structure(value, SubjectObject, "the message")
        except ProtocolError:
            continue
        found[MessageId(email.id)] = (email.subject or "")[:MAX_SUBJECT_CHARACTERS]
    return found
