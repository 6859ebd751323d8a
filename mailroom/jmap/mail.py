"""JMAP Mail (RFC 8621) as triage's mail store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from mailroom.errors import MethodError, ServerError, StatusError
from mailroom.jmap.calls import Call, is_too_large
from mailroom.jmap.client import JmapClient
from mailroom.jmap.mailboxes import MailboxList, create_mailboxes, delete_mailboxes
from mailroom.jmap.messages import FoundMessages, MessageForm, Messages, read_message
from mailroom.jmap.pages import email_calls
from mailroom.jmap.paging import NEWEST_FIRST
from mailroom.jmap.reading import MailReader
from mailroom.jmap.session import SUBMISSION
from mailroom.jmap.updating import MessageUpdater
from mailroom.jmap.wire import EmailGet, IdentityGet, Json, Query
from mailroom.model.mail import (
    ARCHIVED_KEYWORD,
    WARNED_KEYWORD,
    Change,
    MailboxId,
    Message,
    MessageId,
    Snapshot,
)
from mailroom.model.own import OwnAddresses
from mailroom.model.ports import Reading, Update

MAX_JUST_ARCHIVED = 500
"""Only messages of one cycle that was cut off bear the mark."""

MAX_WARNED = 500
"""The newest of them; that somebody shows another name than their card's is rare."""

_NOT_FOR_THIS_TOKEN = frozenset({"forbidden", "unknownMethod", "accountNotSupportedByMethod"})


class JmapMailStore:
    """The mail of a JMAP account; fills the port `mailroom.model.ports.MailStore`.

    Attributes:
        form: What is asked for of each message.
    """

    def __init__(self, client: JmapClient) -> None:
        self._client = client
        self._mailboxes = MailboxList(client)
        self.form = MessageForm()
        self._messages = Messages(client, self.form)
        self._reader = MailReader(client, self._mailboxes, self._messages)
        self._updater = MessageUpdater(client, self._messages)

    def own_addresses(self) -> OwnAddresses:
        """Return the addresses the person sends from; see `MailStore.own_addresses`.

        Where the token's scope offers no identities, the user name and the account's name are all
        there is to know.
        """
        session = self._client.session
        # Asked for all the same, it would fail the request as a whole (RFC 8620 section 3.6.1).
        if SUBMISSION not in session.capabilities:
            return OwnAddresses.read(session.names)
        try:
            (answer,) = self._client.call([Call("Identity/get", {"ids": None})])
            identities = answer.as_record(IdentityGet).list_
        except ServerError as error:
            return OwnAddresses.read(session.names, is_complete=_is_final(error))
        return OwnAddresses.read([*session.names, *(identity.email for identity in identities)])

    def read(
        self, mailbox_ids: Collection[MailboxId], keep: Callable[[Message], bool] = lambda _: True
    ) -> Reading:
        """Read the mailbox list and messages; see `MailStore.read`."""
        return self._reader.read(frozenset(mailbox_ids), keep)

    def tell_lists(self, tells: bool) -> None:
        """Say whether messages tell their lists; see `MailStore.tell_lists`."""
        if tells != self.form.tells_lists:
            self.form.tells_lists = tells
            # What was read otherwise would not be like what is read from now on.
            self._messages.forget()
            self._reader.forget()

    def just_archived(self) -> Snapshot:
        """Read the messages that are marked; see `MailStore.just_archived`."""
        return self._marked(ARCHIVED_KEYWORD, MAX_JUST_ARCHIVED)

    def warned(self) -> Snapshot:
        """Read the messages that are marked; see `MailStore.warned`."""
        return self._marked(WARNED_KEYWORD, MAX_WARNED)

    def those(self, message_ids: Collection[MessageId]) -> Snapshot:
        """Read messages by their ids; see `MailStore.those`."""
        found = self._messages.read(message_ids)
        return Snapshot(next(iter(found.states), ""), found.messages)

    def update(
        self,
        snapshot: Snapshot,
        change: Callable[[Message], Change],
        conclude: Callable[[Message], Change] | None = None,
    ) -> Update:
        """Change messages, each by one patch; see `MailStore.update`."""
        update = self._updater.update(snapshot, change, conclude)
        self._reader.note_changes(len(update.changed))
        return update

    def create_mailboxes(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Make mailboxes; see `MailStore.create_mailboxes`."""
        return create_mailboxes(self._client, self._mailboxes, paths)

    def delete_mailboxes(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Delete mailboxes that hold no mail; see `MailStore.delete_mailboxes`."""
        return delete_mailboxes(self._client, self._mailboxes, paths)

    def _marked(self, keyword: str, most: int) -> Snapshot:
        """Read the newest messages that bear a keyword, wherever they are."""
        search: Json = {"filter": {"hasKeyword": keyword}, "sort": NEWEST_FIRST, "limit": most}
        try:
            _, answer = self._client.call(email_calls(search, {"properties": self.form.properties}))
            found = FoundMessages()
            found.take(answer.as_record(EmailGet), read_message)
        except ServerError as error:
            if is_too_large(error):
                (ids,) = self._client.call([Call("Email/query", search)])
                found = self._messages.read([MessageId(x) for x in ids.as_record(Query).ids])
            elif isinstance(error, MethodError):
                # unsupportedFilter, or whatever else a server has against this search (RFC 8621 section 4.4).
                return Snapshot("", {})
            else:
                raise
        return Snapshot(next(iter(found.states), ""), found.messages)


def _is_final(error: ServerError) -> bool:
    """Whether a refusal is the token's, not the moment's: the session lists what it may not use."""
    if isinstance(error, MethodError):
        return error.type in _NOT_FOR_THIS_TOKEN
    return isinstance(error, StatusError) and error.status in {400, 403}
