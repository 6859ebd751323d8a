"""Accounts on the sandbox, reached through its own methods rather than its protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from mailroom.sandbox.server import Sandbox
from mailroom.sandbox.store.account import Limits, SandboxAccount
from mailroom.sandbox.store.addressbook import AddressBook
from mailroom.sandbox.store.messages import SEEN, Identity
from mailroom.sandbox.store.rendering import composed
from mailroom.settings.variables import CARDDAV_SECRETS
from tests.support.accounts import AccountUnderTest, Clock, Sender

MAX_OBJECTS = 50


class AccountOnSandbox(AccountUnderTest):
    """A new account on a sandbox of its own.

    Args:
        rewrites_cards: Whether the server stores cards in a form of its own, as Cyrus does.
        identities: Further addresses that the person sends from.
        is_over_jmap: Whether Mailroom reaches the contacts over JMAP, with no secret for CardDAV.
    """

    max_objects = MAX_OBJECTS
    describes_cards = True
    member_prefix = ""

    def __init__(
        self, *, rewrites_cards: bool = False, identities: Sequence[str] = (), is_over_jmap: bool = False
    ) -> None:
        self.keeps_card_bytes = not rewrites_cards
        self.is_over_jmap = is_over_jmap
        limits = Limits(max_objects_in_get=MAX_OBJECTS, max_objects_in_set=MAX_OBJECTS)
        self.store = SandboxAccount(limits=limits, rewrites_cards=rewrites_cards)
        self.store.book.shows_version_4_anew = False  # as the engines beside it here, up to 3.12
        self.store.identities += [Identity(f"alias{n}", "", email) for n, email in enumerate(identities)]
        self.store.add_mailbox("Inbox", role="inbox")
        self._sandbox = Sandbox(self.store).__enter__()
        self._clock = Clock()
        self.address = self.store.username
        self.secrets = {x: self._sandbox.environment()[x] for x in CARDDAV_SECRETS}
        without = self.secrets if is_over_jmap else {}
        self.environment = {x: y for x, y in self._sandbox.environment().items() if x not in without}

    def close(self) -> None:
        self._sandbox.close()

    def add_mailboxes(self, roles: Mapping[str, str | None]) -> None:
        for name, role in roles.items():
            self.store.add_mailbox(name, role=role)

    def rename_mailbox(self, name: str, new_name: str) -> None:
        self.store.alter_mailbox(name, name=new_name)

    def remove_mailbox(self, name: str) -> None:
        self.store.destroy_mailbox(name)

    def withhold(self, mailbox: str, right: str) -> None:
        self.store.alter_mailbox(mailbox, withheld=frozenset({right}))

    def mailbox_id(self, name: str) -> str:
        return self.store.mailbox_id(name)

    def receive(
        self,
        senders: Sequence[Sender] | None,
        *mailboxes: str,
        read: bool = False,
        at: str = "",
        reply_to: str = "",
    ) -> str:
        keywords = [SEEN] if read else []
        arrived = at or self._clock.next()
        return self.store.deliver(
            senders, mailboxes, "Something", arrived, keywords, in_reply_to=reply_to or None
        )

    def receive_from_list(self, sender: Sender, *mailboxes: str, at: str = "") -> str:
        return self.receive_with([("List-Id", "News <news.lists.example>")], sender, *mailboxes, at=at)

    def receive_with(
        self,
        fields: Sequence[tuple[str, str]],
        sender: Sender,
        *mailboxes: str,
        read: bool = False,
        at: str = "",
    ) -> str:
        keywords = [SEEN] if read else []
        arrived = at or self._clock.next()
        return self.store.deliver([sender], mailboxes, "Something", arrived, keywords, fields=fields)

    def receive_about(self, subject: str, sender: Sender, *mailboxes: str, at: str = "") -> str:
        return self.store.deliver([sender], mailboxes, subject, at or self._clock.next())

    def send(self, *recipients: Sender, cc: Sequence[Sender] = (), at: str = "", reply_to: str = "") -> str:
        arrived = at or self._clock.next()
        own, answered = [("", self.address)], reply_to or None
        return self.store.deliver(
            own, ["Sent"], "Something", arrived, to=recipients, headers={"cc": cc}, in_reply_to=answered
        )

    def receive_naming(
        self,
        senders: Sequence[Sender],
        message_ids: Sequence[str],
        *mailboxes: str,
        subject: str = "Something",
        at: str = "",
    ) -> str:
        arrived = at or self._clock.next()
        return self.store.deliver(senders, mailboxes, subject, arrived, answers=message_ids)

    def message_id_of(self, message: str) -> str:
        return self.store.messages[message].message_id

    def mailbox_names(self) -> list[str]:
        return [mailbox.name for mailbox in self.store.mailboxes.values()]

    def mailboxes_of(self, message: str) -> set[str]:
        with self.store.lock:
            return self.store.mailbox_names(message) if message in self.store.messages else set()

    def place(self, message: str, *mailboxes: str) -> None:
        self.store.move(message, *mailboxes)

    def mark_read(self, message: str) -> None:
        self.store.mark_read(message)

    def keywords_of(self, message: str) -> set[str]:
        with self.store.lock:
            found = self.store.messages.get(message)
            return set(found.keywords) if found else set()

    def download(self, message: str) -> bytes:
        return composed(self.store.messages[message])

    def destroy(self, message: str) -> None:
        self.store.destroy(message)

    def put_card(self, name: str, data: bytes, book: str = "") -> None:
        with self.store.lock:
            (self.store.books[book] if book else self.store.book).put(name, data)

    def add_address_book(self, name: str) -> None:
        with self.store.lock:
            self.store.add_book(AddressBook(name, name, rewrites_cards=not self.keeps_card_bytes))

    def protect_address_book(self) -> None:
        self.store.book.privileges = ("read",)

    def offer_scripts(self, name: str) -> None:
        """Let the session offer Sieve scripts under a name."""
        self.store.scripts.offered_as = name

    def put_script(self, name: str, content: bytes, *, is_active: bool = True) -> None:
        """Put a Sieve script there, as a person's mail program does."""
        shelf = self.store.scripts
        with self.store.lock:
            found = next((each for each in shelf.all.values() if each.name == name), None)
            if found:
                shelf.alter(found.id, content=content)
            else:
                found = shelf.add(name, content)
            if is_active:
                shelf.activate(found.id)

    def delete_script(self, name: str) -> None:
        """Delete one that is not active."""
        with self.store.lock:
            shelf = self.store.scripts
            shelf.remove(next(each.id for each in shelf.all.values() if each.name == name))

    def deactivate_scripts(self) -> None:
        """Let none be active."""
        with self.store.lock:
            self.store.scripts.activate(None)

    def scripts(self) -> dict[str, bytes]:
        """Return the Sieve scripts by name."""
        return {each.name: each.content for each in self.store.scripts.all.values()}

    def active_script(self) -> str | None:
        """Return the name of the active Sieve script; None where there is none."""
        shelf = self.store.scripts
        return shelf.all[shelf.active].name if shelf.active else None

    def delete_card(self, name: str) -> None:
        self.store.delete_card(name)

    def age_deleted_cards(self, seconds: int) -> None:
        with self.store.lock:
            book = self.store.book
            book.made_at |= {x: at - seconds for x, at in book.made_at.items() if x not in book.cards}

    def cards(self) -> Mapping[str, bytes]:
        with self.store.lock:  # a card that is being written is for a moment not there
            return {name: card.data for name, card in self.store.book.cards.items()}

    def at_one_moment(self) -> AbstractContextManager[object]:
        return self.store.lock

    def forget_changes(self) -> None:
        self.store.forget_changes()

    def state(self) -> tuple[str, ...]:
        logs = (*self.store.logs.values(), self.store.book.log)
        return tuple(log.state for log in logs)

    def requests(self) -> Sequence[str]:
        return [f"{each.method} {each.path}" for each in self._sandbox.requests]
