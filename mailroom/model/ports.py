"""What triage asks of a mail store, in bulk and in its own terms; of an address book: `address_book`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Protocol

from attrs import Factory, frozen

from mailroom.model.address import Address
from mailroom.model.mail import (
    AddressHeaders,
    Change,
    Mailbox,
    MailboxId,
    MailLimits,
    Message,
    MessageId,
    Snapshot,
)
from mailroom.model.own import OwnAddresses

if TYPE_CHECKING:  # what only some accounts use
    from mailroom.model.letters import Letters
    from mailroom.model.notes import NewNote, Note, NoteKind, Retiring, Written


@frozen
class Reading:
    """The account's mailboxes, and messages of some of them, as of about the same moment.

    Attributes:
        limits: What the account lets nobody do; to be looked at before the first write.
        left_out: Why a message that should be in the snapshot is not: the server gives it in a form
            that cannot be read, or not at all. In words for a log.
    """

    mailboxes: tuple[Mailbox, ...]
    snapshot: Snapshot
    limits: MailLimits = Factory(MailLimits)
    left_out: Mapping[MessageId, str] = Factory(dict)


@frozen
class Update:
    """What became of a change to many messages.

    Attributes:
        snapshot: The messages as they are now; those that are gone are missing. Where others changed some
            meanwhile, those that needed nothing may be older, and it is of no state.
        former: The messages that were really changed, as they were right before.
        failed: Why a message could not be changed, in words for a log.
        is_seamless: Whether nothing else changed between the state that it began in and this one; else mail
            may have come that nobody has seen yet.
    """

    snapshot: Snapshot
    former: Mapping[MessageId, Message]
    failed: dict[MessageId, str]
    is_seamless: bool = True

    @property
    def changed(self) -> Set[MessageId]:
        """The messages that were really changed."""
        return self.former.keys()


class MailStore(Protocol):
    """A person's mail. Every method raises `ServerError` when the server as a whole fails."""

    def own_addresses(self) -> OwnAddresses:
        """Return the addresses that the person sends from, as far as the server tells now."""
        ...

    def read(self, mailbox_ids: Collection[MailboxId], keep: Callable[[Message], bool] = ...) -> Reading:
        """Read the mailbox list, and every message in any of `mailbox_ids` that `keep` wants.

        One request where the messages fit; more only for very many, or very large ones. No message
        where one of `mailbox_ids` is not (or no longer) in the mailbox list: resolve the names again
        and repeat. A message that cannot be read is told in `Reading.left_out` and stops no other.
        """
        ...

    def tell_lists(self, tells: bool) -> None:
        """Say whether the messages that are read from now on tell which lists they came over. No request."""
        ...

    def just_archived(self) -> Snapshot:
        """Read the messages with the mark `is_just_archived`, wherever they are, if they can be found."""
        ...

    def warned(self) -> Snapshot:
        """Read the newest messages with the mark `is_warned`, wherever they are, if they can be found.

        Some hundreds at most; one request, unless they are very large.
        """
        ...

    def those(self, message_ids: Collection[MessageId]) -> Snapshot:
        """Read messages by their ids, wherever they are; those that are gone are missing."""
        ...

    def update(
        self,
        snapshot: Snapshot,
        change: Callable[[Message], Change],
        conclude: Callable[[Message], Change] | None = None,
    ) -> Update:
        """Do to each message what `change`, a pure function, says of it.

        Where the account has changed since `snapshot` was taken, the messages are read again and
        `change` is asked anew, so that no decision rests on an outdated view. A message that
        `change` would leave in no mailbox is not changed and counts as failed.

        Args:
            conclude: Says what may be done besides to a message as `change` leaves it, in the same step,
                once every message of which it says nothing is as `change` wants it. Such messages come
                last, in the same request where that can be. Where another failed, only `change` is done.
        """
        ...

    def create_mailboxes(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Make the mailboxes that are not there, parents too; for each that could not be made, why.

        Args:
            paths: Full names, parents first: ``Inbox/Screener``.
        """
        ...

    def delete_mailboxes(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Delete the mailboxes that hold no mail and are for nothing else; for each that stays, why.

        No message is deleted, or taken out of a mailbox. One that is not there is no failure.

        Args:
            paths: Full names: ``Inbox/Screener``.
        """
        ...


@frozen
class HeadersPage:
    """The address headers of some messages of a mailbox.

    Attributes:
        total: How many it has in all, or has had so far where the server does not tell.
        left_out: How many of this page could not be read.
    """

    headers: tuple[AddressHeaders, ...]
    total: int
    left_out: int = 0


class MailHistory(Protocol):
    """A person's old mail: large, and read for its address headers alone."""

    def newest(self, mailbox_ids: Sequence[MailboxId], since: str, most: int) -> Mapping[MessageId, Message]:
        """Read the newest messages of each mailbox, in one request where the server takes that many calls.

        Args:
            since: Leave out what arrived before this moment, RFC 3339 in UTC; nothing where it is empty.
            most: How many of each mailbox; fewer where they are larger than usual messages.

        Raises:
            ServerError: The server as a whole fails.
        """
        ...

    def headers(
        self, mailbox_id: MailboxId, since: str = "", *, with_lists: bool = False
    ) -> Iterator[HeadersPage]:
        """Read a mailbox, newest mail first, one request a page.

        Args:
            since: Leave out what arrived before this moment, RFC 3339 in UTC.
            with_lists: Whether to tell `AddressHeaders.is_list`.

        Raises:
            ServerError: The server as a whole fails.
        """
        ...


class Subjects(Protocol):
    """What messages are about: the one way on which a subject is read, and a stranger's one at that."""

    def subjects(self, message_ids: Sequence[MessageId]) -> Mapping[MessageId, str]:
        """Read the subjects of messages, as far as they can be read; an overlong one is cut.

        One request where they fit. One that is gone, or too large, is missing.

        Raises:
            ServerError: The server as a whole fails.
        """
        ...


class Conversations(Protocol):
    """A person's conversations, as the server puts them together (RFC 8621 section 3)."""

    def around(self, message_ids: Sequence[MessageId], sent: MailboxId) -> Letters:
        """Read the conversations of messages, and the newest mail that was sent, in one request.

        As many of the first ones as one request may carry; `Letters.asked` says which.

        Args:
            sent: Where the mail lies that the person sent.

        Raises:
            ServerError: The server as a whole fails.
        """
        ...


class Search(Protocol):
    """Finds messages wherever they lie; only for a person who asks. What is very new may not be found yet."""

    def named(self, message_id: str) -> Sequence[Message]:
        """Find the messages with this Message-ID, given without its angle brackets.

        Raises:
            ServerError: The server could not be asked, or does not look for that.
        """
        ...

    def of_sender(self, sender: Address, most: int) -> Sequence[Message]:
        """Find a sender's newest messages, about so many at most, the newest first.

        Raises:
            ServerError: The server could not be asked.
        """
        ...


class Notes(Protocol):
    """The messages that Mailroom itself writes. Every method raises `ServerError` when the server fails."""

    def write(
        self,
        mailbox_id: MailboxId,
        notes: Sequence[NewNote],
        retiring: Retiring | None = None,
        *,
        old_before: str = "",
    ) -> Written:
        """Write notes into a mailbox, and let others leave it; one request, where that takes all of it.

        Args:
            old_before: Tell on the way which entries of that mailbox are from before this moment, RFC 3339 in
                UTC; none where it is empty.
        """
        ...

    def read(self, mailbox_id: MailboxId | None, kind: NoteKind, since: str = "") -> Iterator[Sequence[Note]]:
        """Read the notes of a mailbox, newest first, one request a page; an odd one stops no other.

        Args:
            mailbox_id: None for the notes of the whole account, those that the person has deleted included.
            since: Leave out what was written before this moment, RFC 3339 in UTC; nothing where it is empty.
        """
        ...
