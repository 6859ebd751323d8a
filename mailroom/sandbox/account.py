"""The account: mail, contacts and the log of their changes, in memory, behind one lock. It speaks no protocol."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from attrs import frozen

from mailroom.sandbox.addressbook import AddressBook, Card, contact_card, group_card, member_urn
from mailroom.sandbox.changes import ChangeLog
from mailroom.sandbox.messages import SEEN, Addresses, Identity, Mailbox, Message, Timeline

DEFAULT_BOOK = "Default"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@frozen
class Limits:
    """What the server grants (RFC 8620 section 2); the defaults are those seen at Fastmail.

    Attributes:
        max_query_results: How many ids a query answers with at most; None for no limit.
        max_sync_results: How many members a sync-collection answers with at most; None for no limit.
    """

    max_size_upload: int = 250_000_000
    max_concurrent_upload: int = 10
    max_size_request: int = 10_000_000
    max_concurrent_requests: int = 10
    max_calls_in_request: int = 50
    max_objects_in_get: int = 4096
    max_objects_in_set: int = 4096
    max_query_results: int | None = None
    max_sync_results: int | None = None


Rules = Callable[["Account", str], str]
"""The provider's rules: from the account and a sender's address to the name of a mailbox."""


class Account:
    """One person's account.

    Every public method may be called from any thread. Mailboxes may be named by their id, by their
    name, or by the path of names from the top ("Inbox/Screener").

    Args:
        username: The address the person has, and the user name for CardDAV.
        token: The Bearer token for JMAP; a changed attribute revokes it.
        password: The password for CardDAV; likewise.
        offers_submission: Whether the token's scope lets the session offer submission and Identity/get.
        rewrites_cards: Whether PUT stores another serialisation and tells no ETag, as on Cyrus.
        announces_state: Whether an event stream begins with the current state, as at Fastmail.
        rules: Where `deliver` puts a message that names no mailboxes; the Inbox where there are none.
    """

    def __init__(
        self,
        username: str = "alex@mailroom.example",
        token: str = "fmu1-sandbox-token",  # noqa: S107 - it opens nothing but this
        password: str = "sandbox-app-password",  # noqa: S107
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        offers_submission: bool = True,
        rewrites_cards: bool = False,
        announces_state: bool = False,
        rules: Rules | None = None,
    ) -> None:
        self.id = f"u{hashlib.sha1(username.encode()).hexdigest()[:8]}"  # noqa: S324
        self.username = username
        self.token = token
        self.password = password
        self.limits = limits
        self.offers_submission = offers_submission
        self.announces_state = announces_state
        self.rules = rules
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.mailboxes: dict[str, Mailbox] = {}
        self.messages: dict[str, Message] = {}
        self.threads: dict[str, list[str]] = {}
        self.identities = [Identity("I1", username.partition("@")[0].title(), username)]
        self.timeline = Timeline()
        self.logs = {"Email": ChangeLog("e"), "Mailbox": ChangeLog("m"), "Thread": ChangeLog("t")}
        self.book = AddressBook(DEFAULT_BOOK, "Personal", rewrites_cards=rewrites_cards)
        self.books = {DEFAULT_BOOK: self.book}
        self._label_sets: dict[frozenset[str], frozenset[str]] = {}
        self._mailboxes_made = 0
        self._messages_made = 0

    # --- mailboxes -------------------------------------------------------------------------------

    def add_mailbox(self, name: str, parent: str | None = None, role: str | None = None) -> str:
        """Make a mailbox and return its id."""
        with self.changed:
            self._mailboxes_made += 1
            id = f"P{self._mailboxes_made:02X}"
            parent_id = None if parent is None else self.mailbox_id(parent)
            self.mailboxes[id] = Mailbox(id, name, parent_id, role)
            self.logs["Mailbox"].created(id)
            self.changed.notify_all()
            return id

    def alter_mailbox(self, mailbox: str, **values: str | int | bool | None) -> None:
        """Set attributes of a mailbox: name, parent_id, role, sort_order, is_subscribed."""
        with self.changed:
            record = self.mailboxes[self.mailbox_id(mailbox)]
            for attribute, value in values.items():
                setattr(record, attribute, value)
            log = self.logs["Mailbox"]
            log.updated(record.id)
            record.modified_at = log.number(log.state)
            self.changed.notify_all()

    def destroy_mailbox(self, mailbox: str) -> None:
        """Destroy a mailbox; messages that are in no other go with it."""
        with self.changed:
            id = self.mailbox_id(mailbox)
            for message_id in list(self.mailboxes[id].timeline):
                message = self.messages[message_id]
                if message.mailbox_ids == {id}:
                    self.destroy(message_id)
                else:
                    self.change(message_id, mailbox_ids=message.mailbox_ids - {id})
            del self.mailboxes[id]
            self.logs["Mailbox"].destroyed(id)
            self.changed.notify_all()

    def mailbox_id(self, mailbox: str) -> str:
        """Return the id of a mailbox.

        Raises:
            KeyError: There is no such mailbox.
        """
        with self.lock:
            if mailbox in self.mailboxes:
                return mailbox
            for id, record in self.mailboxes.items():
                if mailbox in (record.name, self.path(id)):
                    return id
        raise KeyError(mailbox)

    def path(self, mailbox_id: str) -> str:
        """Return the names from the top down to a mailbox, joined by slashes."""
        record = self.mailboxes[mailbox_id]
        return f"{self.path(record.parent_id)}/{record.name}" if record.parent_id else record.name

    def with_role(self, role: str) -> str:
        """Return the id of the mailbox with this role.

        Raises:
            KeyError: There is none.
        """
        for id, record in self.mailboxes.items():
            if record.role == role:
                return id
        raise KeyError(role)

    # --- messages --------------------------------------------------------------------------------

    def deliver(
        self,
        from_: Sequence[tuple[str, str]] | None,
        mailboxes: Iterable[str] | None = None,
        subject: str = "",
        received_at: datetime | str | None = None,
        keywords: Iterable[str] = (),
        *,
        to: Sequence[tuple[str, str]] | None = None,
        text: str = "",
        in_reply_to: str | None = None,
        headers: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    ) -> str:
        """Take in a message and return its id.

        Args:
            from_: The entries of From, name and address; None where the header is missing.
            mailboxes: Where it goes; None leaves it to the account's rules.
            received_at: When; now, where it is None. Text must be RFC 3339 in UTC.
            in_reply_to: The id of a message whose thread it joins.
            headers: More address headers by their JMAP property, for example ``replyTo``.
        """
        if received_at is None:
            received_at = datetime.now(UTC)
        if isinstance(received_at, datetime):
            received_at = received_at.astimezone(UTC).strftime(TIME_FORMAT)
        addresses: dict[str, Addresses] = {"to": tuple(to) if to else (("", self.username),)}
        if from_ is not None:
            addresses["from"] = tuple(from_)
        for header, entries in (headers or {}).items():
            addresses[header] = tuple(entries)
        with self.changed:
            if mailboxes is None:
                mailboxes = [self._routed(from_)]
            ids = frozenset(self.mailbox_id(mailbox) for mailbox in mailboxes)
            if not ids:
                raise ValueError("a message is in at least one mailbox")
            self._messages_made += 1
            id = f"M{self._messages_made:08x}"
            thread_id = self.messages[in_reply_to].thread_id if in_reply_to else f"T{id[1:]}"
            message = Message(
                id=id,
                thread_id=thread_id,
                received_at=received_at,
                sent_at=received_at,
                addresses=addresses,
                subject=subject,
                text=text,
                message_id=f"{id}@sandbox.example",
                in_reply_to=self.messages[in_reply_to].message_id if in_reply_to else None,
                mailbox_ids=frozenset(),
                keywords=frozenset(),
            )
            self.messages[id] = message
            self.timeline.add(message.key)
            self.logs["Email"].created(id)
            self._join_thread(message)
            self._place(message, ids, frozenset(keyword.lower() for keyword in keywords))
            self.changed.notify_all()
            return id

    def change(
        self,
        message_id: str,
        *,
        mailbox_ids: frozenset[str] | None = None,
        keywords: frozenset[str] | None = None,
    ) -> bool:
        """Give a message other mailboxes or keywords; tell whether that changed anything."""
        with self.changed:
            message = self.messages[message_id]
            mailbox_ids = message.mailbox_ids if mailbox_ids is None else mailbox_ids
            keywords = message.keywords if keywords is None else keywords
            if not mailbox_ids:
                raise ValueError("a message is in at least one mailbox")
            if (mailbox_ids, keywords) == (message.mailbox_ids, message.keywords):
                return False
            self._place(message, mailbox_ids, keywords)
            self.logs["Email"].updated(message_id)
            self.changed.notify_all()
            return True

    def destroy(self, message_id: str) -> None:
        """Destroy a message for good."""
        with self.changed:
            message = self.messages[message_id]
            self._place(message, frozenset(), message.keywords)
            del self.messages[message_id]
            self.timeline.remove(message.key)
            self.logs["Email"].destroyed(message_id)
            thread = self.threads[message.thread_id]
            thread.remove(message_id)
            if thread:
                self.logs["Thread"].updated(message.thread_id)
            else:
                del self.threads[message.thread_id]
                self.logs["Thread"].destroyed(message.thread_id)
            self.changed.notify_all()

    def label(self, message_id: str, mailbox: str) -> None:
        """Put a message into one more mailbox."""
        with self.lock:
            ids = self.messages[message_id].mailbox_ids | {self.mailbox_id(mailbox)}
            self.change(message_id, mailbox_ids=ids)

    def unlabel(self, message_id: str, mailbox: str) -> None:
        """Take a message out of a mailbox that is not its only one."""
        with self.lock:
            ids = self.messages[message_id].mailbox_ids - {self.mailbox_id(mailbox)}
            self.change(message_id, mailbox_ids=ids)

    def move(self, message_id: str, *mailboxes: str) -> None:
        """Put a message into these mailboxes and no others."""
        with self.lock:
            self.change(message_id, mailbox_ids=frozenset(map(self.mailbox_id, mailboxes)))

    def mark_read(self, message_id: str) -> None:
        """Mark a message as seen."""
        with self.lock:
            self.change(message_id, keywords=self.messages[message_id].keywords | {SEEN})

    def mailbox_names(self, message_id: str) -> set[str]:
        """Return the names of the mailboxes a message is in."""
        with self.lock:
            return {self.mailboxes[id].name for id in self.messages[message_id].mailbox_ids}

    def messages_in(self, mailbox: str) -> list[Message]:
        """Return the messages of a mailbox, oldest first."""
        with self.lock:
            return [self.messages[id] for id in self.mailboxes[self.mailbox_id(mailbox)].timeline]

    def forget_changes(self) -> None:
        """Make every state and sync token given out so far unknown."""
        with self.lock:
            for log in (*self.logs.values(), *(book.log for book in self.books.values())):
                log.forget()

    def _routed(self, from_: Sequence[tuple[str, str]] | None) -> str:
        if self.rules is None or not from_:
            return self.with_role("inbox")
        return self.rules(self, from_[0][1])

    def _join_thread(self, message: Message) -> None:
        thread = self.threads.setdefault(message.thread_id, [])
        thread.append(message.id)
        thread.sort(key=lambda id: self.messages[id].key)
        if len(thread) == 1:
            self.logs["Thread"].created(message.thread_id)
        else:
            self.logs["Thread"].updated(message.thread_id)

    def _place(self, message: Message, mailbox_ids: frozenset[str], keywords: frozenset[str]) -> None:
        """Set where a message is and how it is marked, and keep every mailbox's counts right."""
        was_unread, before = message.is_unread, message.mailbox_ids
        message.mailbox_ids = self._label_sets.setdefault(mailbox_ids, mailbox_ids)
        message.keywords = self._label_sets.setdefault(keywords, keywords)
        is_unread = message.is_unread
        for id in before | mailbox_ids:
            mailbox = self.mailboxes[id]
            mailbox.unread += (is_unread and id in mailbox_ids) - (was_unread and id in before)
            if id not in before:
                mailbox.timeline.add(message.key)
            elif id not in mailbox_ids:
                mailbox.timeline.remove(message.key)
            elif is_unread == was_unread:
                continue
            self.logs["Mailbox"].updated(id)

    # --- contacts --------------------------------------------------------------------------------

    def put_card(self, name: str, data: bytes, created: int | None = None) -> Card:
        """Store bytes as a card in the default address book, whatever they say.

        Args:
            name: The last segment of its href.
            created: Seconds since 1970; now for a new card, where it is None.
        """
        with self.lock:
            return self.book.put(name, data, created)

    def delete_card(self, name: str) -> None:
        """Delete a card of the default address book."""
        with self.lock:
            self.book.delete(name)

    def card(self, name: str) -> Card:
        """Return a card by its name or its href.

        Raises:
            KeyError: There is none.
        """
        with self.lock:
            return self.book.cards[name.rpartition("/")[2]]

    def cards(self) -> list[Card]:
        """Return the cards of the default address book that are not contact groups."""
        with self.lock:
            return [card for card in self.book.cards.values() if not card.summary.is_group]

    def cards_of(self, email: str) -> list[Card]:
        """Return the cards with this address, compared without case."""
        folded = email.casefold()
        return [c for c in self.cards() if folded in (other.casefold() for other in c.summary.emails)]

    def add_contact(self, name: str, *emails: str, groups: Collection[str] = ()) -> str:
        """Make a plain card, put it into contact groups, and return its UID."""
        uid, data = contact_card(name, *emails)
        with self.lock:
            self.put_card(f"{uid}.vcf", data)
            for group in groups:
                self.add_member(group, uid)
        return uid

    def add_group(self, title: str, members: Iterable[str] = ()) -> str:
        """Make a contact group and return its UID."""
        uid, data = group_card(title, tuple(members))
        self.put_card(f"{uid}.vcf", data)
        return uid

    def add_member(self, group: str, uid: str) -> None:
        """Put a card into a contact group by a line before the group's END."""
        with self.lock:
            card = self.book.group(group)
            line = f"X-ADDRESSBOOKSERVER-MEMBER:{member_urn(uid)}\r\n".encode()
            head, end, tail = card.data.rpartition(b"END:VCARD")
            self.book.put(card.name, head + line + end + tail)

    def group_members(self, title: str) -> list[str]:
        """Return the UIDs of a contact group's members."""
        with self.lock:
            return list(self.book.group(title).summary.members)

    def group_titles(self, uid: str) -> list[str]:
        """Return the names of the contact groups a card is in."""
        with self.lock:
            return [card.summary.name for card in self.book.groups() if uid in card.summary.members]
