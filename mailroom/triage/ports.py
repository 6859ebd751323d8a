"""What triage asks of a mail store and of an address book, in bulk and in its own terms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from attrs import frozen

from mailroom.triage.address import Address
from mailroom.triage.model import (
    Card,
    CardUid,
    Change,
    Mailbox,
    MailboxId,
    Membership,
    Message,
    MessageId,
    NewCard,
    Snapshot,
)


@frozen
class Reading:
    """The account's mailboxes, and messages of some of them, as of about the same moment."""

    mailboxes: tuple[Mailbox, ...]
    snapshot: Snapshot


@frozen
class Update:
    """What became of a change to many messages.

    Attributes:
        snapshot: The messages as they are now; those that are gone are missing.
        changed: The messages that were really changed.
        failed: Why a message could not be changed, in words for a log.
    """

    snapshot: Snapshot
    changed: frozenset[MessageId]
    failed: dict[MessageId, str]


class MailStore(Protocol):
    """A person's mail. Every method raises `ServerError` when the server as a whole fails."""

    def own_addresses(self) -> Collection[str]:
        """Return the addresses that the person sends from, as far as the server tells."""
        ...

    def read(self, mailbox_ids: Collection[MailboxId], keep: Callable[[Message], bool] = ...) -> Reading:
        """Read the mailbox list, and every message in any of `mailbox_ids` that `keep` wants.

        One request where the messages fit; more only for very many. No message where one of
        `mailbox_ids` is not (or no longer) in the mailbox list: resolve the names again and repeat.
        """
        ...

    def update(self, snapshot: Snapshot, change: Callable[[Message], Change]) -> Update:
        """Do to each message what `change`, a pure function, says of it.

        Where the account has changed since `snapshot` was taken, the messages are read again and
        `change` is asked anew, so that no decision rests on an outdated view. A message that
        `change` would leave in no mailbox is not changed and counts as failed.
        """
        ...


class Contacts(Protocol):
    """A view of the address book as of one moment; no request is made to look into it."""

    def cards(self, address: Address) -> Sequence[Card]:
        """Every card that has `address` among its addresses, in the order of the book."""
        ...

    def groups(self, uid: CardUid) -> Collection[str]:
        """The names of the contact groups that have this card as a member."""
        ...

    def group_names(self) -> Sequence[str]:
        """The names of all contact groups; a name that two groups share stands twice."""
        ...


class AddressBook(Protocol):
    """A person's address book. `refresh` raises `ServerError`; the others report per item."""

    def refresh(self) -> Contacts:
        """Read what has changed since the last time (all of it the first time)."""
        ...

    def create(self, cards: Sequence[NewCard]) -> Mapping[Address, Card | str]:
        """Make the cards; for each address the card, or why there is none. Never makes one twice."""
        ...

    def regroup(self, memberships: Mapping[str, Membership]) -> Mapping[str, str]:
        """Change contact groups, by name, one write each; for each that failed, why."""
        ...
