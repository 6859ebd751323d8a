"""Mail: mailboxes, messages, and what is done to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NewType

from attrs import evolve, field, frozen

from mailroom.model.mailing_list import NamedList
from mailroom.model.sender import Correspondent, NoSender

MailboxId = NewType("MailboxId", str)


MessageId = NewType("MessageId", str)
ThreadId = NewType("ThreadId", str)


INBOX_ROLE = "inbox"


ARCHIVE_ROLE = "archive"


SENT_ROLE = "sent"


TRASH_ROLE = "trash"


PROTECTED_ROLES = frozenset({"trash", "junk", "sent", "drafts"})
ARCHIVED_KEYWORD = "$mailroom-archived"
"""The keyword (RFC 8621 section 4.1.1) behind `Message.is_just_archived`; servers keep it in lower case."""

SETTLED_KEYWORD = "$mailroom-settled"
"""The keyword behind `Message.is_settled`."""

WARNED_KEYWORD = "$mailroom-warned"
"""The keyword behind `Message.is_warned`."""


@frozen
class MailboxRights:
    """What may be done with a mailbox and the messages in it (RFC 8621 section 2, ``myRights``).

    Attributes:
        may_read: Whether its messages can be seen.
        may_add: Whether messages may be put into it.
        may_remove: Whether messages may be taken out of it.
        may_set_keywords: Whether its messages may be given keywords.
        may_create_child: Whether mailboxes may be made below it.
    """

    may_read: bool = True
    may_add: bool = True
    may_remove: bool = True
    may_set_keywords: bool = True
    may_create_child: bool = True


@frozen
class MailLimits:
    """What an account lets nobody do with its mail (RFC 8620 section 2, RFC 8621 section 1.3.1).

    Attributes:
        is_read_only: Whether nothing may be changed at all, for example because the token may only read.
        max_mailboxes_per_message: In how many mailboxes a message may be at once; None for any number.
        max_mailbox_depth: How many mailboxes may lie in each other; None for any number.
        max_name_bytes: How long a mailbox's name may be, in UTF-8; None for any length.
        may_make_at_top: Whether mailboxes may be made that lie in no other.
    """

    is_read_only: bool = False
    max_mailboxes_per_message: int | None = None
    max_mailbox_depth: int | None = None
    max_name_bytes: int | None = None
    may_make_at_top: bool = True


@frozen
class Mailbox:
    """A mailbox (RFC 8621 section 2): a folder to some clients, a label to others.

    Attributes:
        role: What the mailbox is for, such as ``inbox``; None for most. Spam has the role ``junk``.
        total_messages: How many messages it holds; two records that differ only in this are equal.
        rights: What the token may do with it; everything where the server does not say.
    """

    id: MailboxId
    name: str
    parent_id: MailboxId | None = None
    role: str | None = None
    total_messages: int = field(default=0, eq=False)
    rights: MailboxRights = MailboxRights()


@frozen
class Message:
    """What triage needs to know of a message; never its subject or its body.

    Attributes:
        mailbox_ids: Every mailbox it is in; at least one.
        is_read: Whether the person has seen it.
        sender: Who wrote it, or why nobody can be told; read from its From once and for all.
        received_at: When it arrived, RFC 3339 in UTC, so that text order is time order.
        thread_id: Its conversation (RFC 8621 section 3); empty where the server tells of none.
        is_just_archived: Whether Mailroom has put it into the Archive and not yet taken its label off: a
            mark of its own, since a person archives messages too.
        is_warned: Whether Mailroom has put the warning label onto it and not taken it off again: where the
            label is gone, the person took it off.
        is_settled: Whether Mailroom has let it out of Screener once because it answers the person, or their
            label has put it there: a mark that stays, so that it is left where they put it from then on.
        lists: The mailing lists that it came over, that which delivered it last first; none where they are
            not read along (`MailStore.tell_lists`).
    """

    id: MessageId
    mailbox_ids: frozenset[MailboxId]
    is_read: bool
    sender: Correspondent | NoSender
    received_at: str
    is_just_archived: bool = False
    thread_id: ThreadId = ThreadId("")
    is_warned: bool = False
    is_settled: bool = False
    lists: tuple[NamedList, ...] = ()


@frozen
class AddressHeaders:
    """Who wrote a message to whom, of those that came and of those that the person sent.

    Attributes:
        recipients: Those in To, Cc and Bcc, each address once.
        message_id: Its Message-ID without the angle brackets, or empty.
        mailbox_ids: Every mailbox it is in.
        is_list: Whether it came over a list (List-Id, RFC 2919) or can be unsubscribed from
            (List-Unsubscribe, RFC 2369), where that was asked for.
    """

    sender: Correspondent | NoSender
    recipients: tuple[Correspondent, ...]
    received_at: str
    message_id: str = ""
    mailbox_ids: frozenset[MailboxId] = frozenset()
    is_list: bool = False


@frozen
class Snapshot:
    """Messages as they were in one state of the account.

    Attributes:
        state: The server's name for that state (RFC 8620 section 1.6.2); empty where they were not all so in
            one: what is changed by them is looked at again.
        messages: The messages by id.
    """

    state: str
    messages: dict[MessageId, Message]

    def only(self, wanted: Iterable[MessageId]) -> Snapshot:
        """Return the snapshot of those of the `wanted` messages that it has."""
        return Snapshot(self.state, {key: self.messages[key] for key in wanted if key in self.messages})


@frozen
class Change:
    """What is done to a message in one step.

    Attributes:
        add: Mailboxes to add it to.
        remove: Mailboxes to take it out of.
        is_just_archived: The mark to set (True) or to take off (False); None leaves it as it is.
        is_warned: Likewise.
        is_settled: Whether to set this mark; nothing takes it off.
    """

    add: frozenset[MailboxId] = frozenset()
    remove: frozenset[MailboxId] = frozenset()
    is_just_archived: bool | None = None
    is_warned: bool | None = None
    is_settled: bool = False

    def __bool__(self) -> bool:
        marks = (self.is_just_archived, self.is_warned)
        return bool(self.add or self.remove or any(mark is not None for mark in marks) or self.is_settled)

    def applied_to(self, message: Message) -> Message:
        """Return the message as it is afterwards."""
        return evolve(
            message,
            mailbox_ids=(message.mailbox_ids - self.remove) | self.add,
            is_just_archived=_marked(message.is_just_archived, self.is_just_archived),
            is_warned=_marked(message.is_warned, self.is_warned),
            is_settled=message.is_settled or self.is_settled,
        )


def _marked(now: bool, change: bool | None) -> bool:
    return now if change is None else change
