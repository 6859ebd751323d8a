"""The mail of an account: mailboxes, messages, threads, and the log of their changes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from mailroom.sandbox.store.changes import ChangeLog
from mailroom.sandbox.store.messages import SEEN, Addresses, Attachment, Mailbox, Message, Timeline
from mailroom.sandbox.store.threads import thread_of

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Mail:
    """Mail in memory; what it holds may be read under `lock`.

    Attributes:
        changed: Told about every change, for those who wait for one; shares `lock`.
        threads: The ids of each thread's messages, oldest first.
        logs: The changes of each data type, by its name in JMAP.
    """

    def __init__(self, owner: str, lock: threading.RLock) -> None:
        self.owner = owner
        self.lock = lock
        self.changed = threading.Condition(lock)
        self.mailboxes: dict[str, Mailbox] = {}
        self.messages: dict[str, Message] = {}
        self.threads: dict[str, list[str]] = {}
        self.timeline = Timeline()
        self.logs = {"Email": ChangeLog("e"), "Mailbox": ChangeLog("m"), "Thread": ChangeLog("t")}
        self._shared_sets: dict[frozenset[str], frozenset[str]] = {}
        self._mailboxes_made = 0
        self._messages_made = 0

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

    def alter_mailbox(self, mailbox: str, **values: str | int | bool | frozenset[str] | None) -> None:
        """Set attributes of a mailbox: name, parent_id, role, sort_order, is_subscribed, withheld."""
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
        with self.lock:
            for id, record in self.mailboxes.items():
                if record.role == role:
                    return id
        raise KeyError(role)

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
        answers: Sequence[str] = (),
        headers: Mapping[str, Sequence[tuple[str, str]]] | None = None,
        fields: Sequence[tuple[str, str]] = (),
        attachments: Sequence[Attachment] = (),
        message_id: str = "",
        sent_at: str = "",
    ) -> str:
        """Take in a message and return its id.

        Args:
            from_: The entries of From, name and address; None where the header is missing.
            mailboxes: Where it goes; None leaves it to the account's rules.
            received_at: When; now, where it is None. Text must be RFC 3339 in UTC.
            in_reply_to: The id of a message that it answers, whose thread it joins.
            answers: Message-IDs that its References name, whether or not there is such a message. It joins
                the thread of one that bears or names one of them, if that has the same subject, as on Cyrus.
            headers: More address headers by their JMAP property, for example ``replyTo``.
            fields: Other headers, each with its name, for example ``List-Id``.
            attachments: What goes along with it.
            message_id: Its Message-ID without the angle brackets, if not one that is made here.
            sent_at: What stands in Date, RFC 3339; the time of arrival, where it is empty.
        """
        if received_at is None:
            received_at = datetime.now(UTC)
        if isinstance(received_at, datetime):
            received_at = received_at.astimezone(UTC).strftime(TIME_FORMAT)
        addresses: dict[str, Addresses] = {"to": tuple(to) if to else (("", self.owner),)}
        if from_ is not None:
            addresses["from"] = tuple(from_)
        for header, entries in (headers or {}).items():
            addresses[header] = tuple(entries)
        with self.changed:
            if mailboxes is None:
                mailboxes = self.route(from_)
            ids = frozenset(self.mailbox_id(mailbox) for mailbox in mailboxes)
            if not ids:
                raise ValueError("a message is in at least one mailbox")
            self._messages_made += 1
            id = f"M{self._messages_made:08x}"
            if in_reply_to:
                answers = (*answers, self.messages[in_reply_to].message_id)
                thread_id = self.messages[in_reply_to].thread_id
            else:
                thread_id = thread_of(frozenset(answers), subject, self.messages.values()) or f"T{id[1:]}"
            message = Message(
                id=id,
                thread_id=thread_id,
                received_at=received_at,
                sent_at=sent_at or received_at,
                addresses=addresses,
                subject=subject,
                text=text,
                message_id=message_id or f"{id}@sandbox.example",
                answers=tuple(answers),
                fields=tuple(fields),
                mailbox_ids=frozenset(),
                keywords=frozenset(),
                attachments=tuple(attachments),
            )
            self.messages[id] = message
            self.timeline.add(message.key)
            self.logs["Email"].created(id)
            self._join_thread(message)
            self._place(message, ids, frozenset(keyword.lower() for keyword in keywords))
            self.changed.notify_all()
            return id

    def messages_from(self, email: str) -> list[Message]:
        """Return the messages with this address in From, oldest first."""
        folded = email.casefold()
        with self.lock:
            return [
                message
                for message in map(self.messages.__getitem__, self.timeline)
                if any(address.casefold() == folded for _, address in message.addresses.get("from", ()))
            ]

    def route(self, from_: Sequence[tuple[str, str]] | None) -> Sequence[str]:  # noqa: ARG002 - for others to refine
        """Return the mailboxes for a message that nobody has put anywhere."""
        return [self.with_role("inbox")]

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

    def hidden(self) -> frozenset[str]:
        """Return the ids of the mailboxes whose messages the person may not read."""
        return frozenset(id for id, mailbox in self.mailboxes.items() if "mayReadItems" in mailbox.withheld)

    def messages_in(self, mailbox: str) -> list[Message]:
        """Return the messages of a mailbox, oldest first."""
        with self.lock:
            return [self.messages[id] for id in self.mailboxes[self.mailbox_id(mailbox)].timeline]

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
        message.mailbox_ids = self._shared_sets.setdefault(mailbox_ids, mailbox_ids)
        message.keywords = self._shared_sets.setdefault(keywords, keywords)
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
