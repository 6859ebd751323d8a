"""JMAP Mail (RFC 8621) as triage's mail store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from mailroom.errors import MethodError, StatusError
from mailroom.jmap.client import SUBMISSION, Call, JmapClient
from mailroom.jmap.mailboxes import MailboxList, create_mailboxes
from mailroom.jmap.messages import Messages
from mailroom.jmap.reading import MailReader
from mailroom.jmap.updating import update_messages
from mailroom.jmap.wire import IdentityGet
from mailroom.triage.model import Change, MailboxId, Message, Snapshot
from mailroom.triage.ports import Reading, Update


class JmapMailStore:
    """The mail of a JMAP account; fills the port `mailroom.triage.ports.MailStore`."""

    def __init__(self, client: JmapClient) -> None:
        self._client = client
        self._mailboxes = MailboxList(client)
        self._messages = Messages(client)
        self._reader = MailReader(client, self._mailboxes, self._messages)

    def own_addresses(self) -> tuple[str, ...]:
        """Return the addresses the person sends from, as far as the token may know them.

        Raises:
            ServerError: The server could not be asked.
        """
        if SUBMISSION not in self._client.session.capabilities:
            return ()
        try:
            (answer,) = self._client.call([Call("Identity/get", {"ids": None})])
            return tuple(identity.email for identity in answer.as_record(IdentityGet).list_)
        except (MethodError, StatusError):
            return ()  # listed, but not for this token

    def read(
        self, mailbox_ids: Collection[MailboxId], keep: Callable[[Message], bool] = lambda _: True
    ) -> Reading:
        """Read the mailbox list and messages; see `MailStore.read`."""
        return self._reader.read(frozenset(mailbox_ids), keep)

    def update(self, snapshot: Snapshot, change: Callable[[Message], Change]) -> Update:
        """Change messages, each by one patch; see `MailStore.update`."""
        return update_messages(self._client, self._messages, snapshot, change)

    def create_mailboxes(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Make mailboxes; see `MailStore.create_mailboxes`."""
        return create_mailboxes(self._client, self._mailboxes, paths)
