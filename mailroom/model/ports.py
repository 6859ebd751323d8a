"""What triage asks of a mail store and of an address book, in bulk and in its own terms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from typing import Protocol

from attrs import Factory, frozen

from mailroom.model.address import Address
from mailroom.model.contacts import Card, CardUid, Made, MadeCard, MadeGroup, Membership, NewCard
from mailroom.model.letters import Letters
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
from mailroom.model.notes import NewNote, Note, NoteKind, Retiring, Written
from mailroom.model.own import OwnAddresses

Advance = Callable[[int, int], None]
"""Is told how many things more are done, and how many there are in all."""


def untold(count: int, total: int) -> None:
    """Tell nobody how far something is."""


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
        snapshot: The messages as they are now; those that are gone are missing.
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

    def update(self, snapshot: Snapshot, change: Callable[[Message], Change]) -> Update:
        """Do to each message what `change`, a pure function, says of it.

        Where the account has changed since `snapshot` was taken, the messages are read again and
        `change` is asked anew, so that no decision rests on an outdated view. A message that
        `change` would leave in no mailbox is not changed and counts as failed.
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


class SendersCards(Protocol):
    """Which contact cards senders have, and which contact groups these are in."""

    def cards(self, address: Address) -> Sequence[Card]:
        """Every card that has `address` among its addresses, in the order of the book."""
        ...

    def groups(self, uid: CardUid) -> Collection[str]:
        """The names of the contact groups that have this card as a member."""
        ...


class Contacts(SendersCards, Protocol):
    """A view of the address book as of one moment; no request is made to look into it."""

    def addresses(self) -> Iterable[Address]:
        """Every address that a card has, each once."""
        ...

    def group_names(self) -> Sequence[str]:
        """The names of all contact groups; a name that two groups share stands twice."""
        ...

    def group_uids(self) -> Mapping[str, CardUid]:
        """The identifier of each contact group, by its name."""
        ...

    def filed_by(self, address: Address, group: str) -> int:
        """By when a sender was in a contact group, seconds since 1970; 0 where nothing tells.

        A card that Mailroom made for them was made when they were filed. Of any other, no more is known
        than when the group was changed last.
        """
        ...

    def changed_at(self, group: str) -> int:
        """When a contact group was changed last, seconds since 1970; 0 where nothing tells."""
        ...

    def renamed_groups(self, names: Collection[str]) -> Mapping[str, str]:
        """Return what those of these groups are called now that Mailroom made and somebody has renamed.

        Known by their identifiers; none that bears another of `names` by now.
        """
        ...

    def groups_made_at(self, names: Collection[str]) -> int:
        """When the last of these contact groups was made, seconds since 1970; 0 where one does not tell."""
        ...


@frozen
class Refused:
    """Why something was not done to one item, in words for a log."""

    reason: str


@frozen
class Joining:
    """Who is to come into one contact group.

    Attributes:
        uids: Cards that are there.
        new: Cards to be made for it; one whose address has a card already stands for that card.
    """

    uids: frozenset[CardUid] = frozenset()
    new: tuple[NewCard, ...] = ()


@frozen
class Enrolled:
    """What became of cards that were to come into contact groups.

    Attributes:
        cards: For the address of each new card the card, or why there is none.
        failed: For each contact group into which not all have come who have a card, why.
    """

    cards: Mapping[Address, Card | Refused]
    failed: Mapping[str, str]


class AddressBook(Protocol):
    """A person's contacts, in one or more address books of which one is written.

    `refresh` and `latest` raise `ServerError`; the others report per item.
    """

    def refresh(self) -> Contacts:
        """Read what has changed since the last time (all of it the first time)."""
        ...

    def catch_up(self) -> Contacts:
        """Return the contacts as of the last look at the mail, where both are looked at together; or refresh.

        What somebody reads after that look is newer.
        """
        ...

    def has_changed(self) -> bool:
        """Whether the last look at the mail has shown that the contacts are others than was read. No request.

        Where mail and contacts are not looked at together, nothing shows that.
        """
        ...

    def latest(self) -> Contacts:
        """Return the last reading with what was changed here since; no request but for the first."""
        ...

    def problems(self) -> Sequence[str]:
        """Say why nothing may be written, as of the last reading, and what to do; empty where all may be.

        No request but for the first. Look at it before the first write: what is done by halves has to
        be done again.
        """
        ...

    def left_out(self) -> Sequence[str]:
        """Say what is there and could not be read, in words for a log. No request but for the first.

        Who is known is known all the same; but no card is made while one cannot be read, because it
        may be the sender's.
        """
        ...

    def create(self, cards: Sequence[NewCard], advance: Advance = ...) -> Mapping[Address, Card | Refused]:
        """Make the cards; for each address the card, or why there is none. Never makes one twice."""
        ...

    def regroup(self, memberships: Mapping[str, Membership]) -> Mapping[str, str]:
        """Change contact groups, by name, one write each; for each that failed, why."""
        ...

    def enrol(self, joining: Mapping[str, Joining], advance: Advance = ...) -> Enrolled:
        """Make cards and put them, and others, into contact groups, in as few writes as there can be.

        As `create` and `regroup` do by themselves. A card is in no group before it is there, and one that
        is refused comes into none.

        Args:
            joining: Who is to come into each contact group, by its name.
        """
        ...

    def create_groups(self, names: Sequence[str]) -> Mapping[str, str]:
        """Make the contact groups that are not there; for each that could not be made, why."""
        ...

    def made(self) -> Made:
        """Read what Mailroom made and is still there, known by its identifiers. Raises `ServerError`."""
        ...

    def delete_cards(
        self, uids: Sequence[CardUid], objection: Callable[[MadeCard], str]
    ) -> Mapping[CardUid, str]:
        """Delete cards that Mailroom made, one by one; for each that stays, why.

        Each is read right before, and `objection`, a pure function, is asked about it as it is then:
        what it says keeps the card. It goes in that version only. One that is gone already is no failure.
        Where the credentials are refused, that is why all from there on stay.
        """
        ...

    def delete_groups(
        self, uids: Sequence[CardUid], objection: Callable[[MadeGroup], str]
    ) -> Mapping[CardUid, str]:
        """Delete groups that Mailroom made, as `delete_cards` deletes cards; their members stay."""
        ...
