"""Accounts on the double of the unit tests: no server and no protocol, but the same sentences hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain

from attrs import evolve

from mailroom.account import Account, open_account, open_journal
from mailroom.model.address import parse_addresses
from mailroom.model.address_book import AddressBook
from mailroom.model.contacts import Card, CardUid
from mailroom.model.letters import Letter
from mailroom.model.mail import (
    ARCHIVED_KEYWORD,
    SETTLED_KEYWORD,
    WARNED_KEYWORD,
    Mailbox,
    MailboxId,
    Message,
    MessageId,
    ThreadId,
)
from mailroom.model.mailing_list import lists_in_note, note_line, read_lists
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party, PartyKind, kind_of
from mailroom.model.ports import MailStore
from mailroom.model.sender import read_correspondents, read_sender
from mailroom.settings.settings import Settings
from mailroom.triage.cycle import Triage
from tests.support import vcards
from tests.support.accounts import AccountUnderTest, Clock, Sender
from tests.support.memory import Book, World
from tests.support.notes_in_memory import NotesInMemory

_URL = re.compile("<([^<>]*)>")
NOWHERE = "http://127.0.0.1:9/"


class AccountOnMemory(AccountUnderTest):
    """A new account in memory."""

    keeps_card_bytes = True
    describes_cards = False
    max_objects = 50
    member_prefix = ""

    def __init__(self) -> None:
        self.address = "alex@home.example"
        inbox = Mailbox(MailboxId("inbox"), "Inbox", role="inbox")
        self._world = World((inbox,), {}, {}, {}, own=(self.address,))
        self._notes = NotesInMemory(self._world)
        self._cards: dict[str, bytes] = {}
        self._clock = Clock()
        self.environment = {
            "MAILROOM_JMAP_SESSION_URL": NOWHERE,
            "MAILROOM_CARDDAV_URL": NOWHERE,
            "MAILROOM_JMAP_TOKEN": "no-token",
            "MAILROOM_CARDDAV_USERNAME": self.address,
            "MAILROOM_CARDDAV_PASSWORD": "no-password",
        }

    def opened(self, settings: Settings) -> Account:
        """Wire triage up to the double; the servers' clients are there and never used."""
        mail: MailStore = self._world
        book: AddressBook = Book(self._world)
        own = OwnAddresses.read([self.address])
        triage = Triage(
            mail,
            book,
            settings.scheme,
            own,
            sweeps_stragglers=settings.sweep_stragglers,
            conversations=self._world if settings.replies_pass else None,
        )
        account = open_account(settings)
        journal = open_journal(settings, self._open_notes, triage)
        return evolve(
            account, mail=mail, open_notes=self._open_notes, journal=journal, book=book, triage=triage
        )

    def _open_notes(self) -> NotesInMemory:
        return self._notes

    def close(self) -> None:
        """Nothing is held."""

    def add_mailboxes(self, roles: Mapping[str, str | None]) -> None:
        self._world.mailboxes += tuple(
            Mailbox(MailboxId(f"id of {name}"), name, role=role) for name, role in roles.items()
        )
        self._world.writes += 1

    def rename_mailbox(self, name: str, new_name: str) -> None:
        self._world.mailboxes = tuple(
            evolve(each, name=new_name) if each.name == name else each for each in self._world.mailboxes
        )
        self._world.writes += 1

    def remove_mailbox(self, name: str) -> None:
        self._world.mailboxes = tuple(each for each in self._world.mailboxes if each.name != name)
        self._world.writes += 1

    def mailbox_id(self, name: str) -> str:
        (found,) = (each.id for each in self._world.mailboxes if each.name == name)
        return found

    def receive(
        self,
        senders: Sequence[Sender] | None,
        *mailboxes: str,
        read: bool = False,
        at: str = "",
        reply_to: str = "",
    ) -> str:
        answers = [self.message_id_of(reply_to)] if reply_to else []
        thread = self._message(reply_to).thread_id if reply_to else ThreadId("")
        return self._arrive(senders or (), mailboxes, answers, read=read, at=at, thread=thread)

    def receive_with(
        self,
        fields: Sequence[tuple[str, str]],
        sender: Sender,
        *mailboxes: str,
        read: bool = False,
        at: str = "",
    ) -> str:
        ids = [" ".join(value.split()) for name, value in fields if name.lower() == "list-id"]
        posts = [url for name, value in fields if name.lower() == "list-post" for url in _URL.findall(value)]
        message = self._arrive([sender], mailboxes, [], read=read, at=at, thread=ThreadId(""))
        self._put(evolve(self._message(message), lists=read_lists(ids, posts)))
        return message

    def send(self, *recipients: Sender, cc: Sequence[Sender] = (), at: str = "", reply_to: str = "") -> str:
        answers = [self.message_id_of(reply_to)] if reply_to else []
        thread = self._message(reply_to).thread_id if reply_to else ThreadId("")
        own = [("", self.address)]
        return self._arrive(own, ["Sent"], answers, at=at, thread=thread, recipients=(*recipients, *cc))

    def receive_naming(
        self,
        senders: Sequence[Sender],
        message_ids: Sequence[str],
        *mailboxes: str,
        subject: str = "Something",
        at: str = "",
    ) -> str:
        related = (
            self._world.messages[x].thread_id
            for x, letter in self._world.letters.items()
            if x in self._world.messages
            and (letter.names | letter.answers) & set(message_ids)
            and subject == "Something"
        )
        thread = next(related, ThreadId(""))
        return self._arrive(senders, mailboxes, message_ids, at=at, thread=thread)

    def message_id_of(self, message: str) -> str:
        (name,) = self._world.letters[MessageId(message)].names
        return name

    def _arrive(
        self,
        senders: Sequence[Sender],
        mailboxes: Sequence[str],
        answers: Sequence[str],
        *,
        thread: ThreadId,
        at: str = "",
        read: bool = False,
        recipients: Sequence[Sender] = (),
    ) -> str:
        message_id = MessageId(f"message {len(self._world.letters)}")
        message = Message(
            message_id,
            self._ids(mailboxes),
            read,
            read_sender(senders),
            at or self._clock.next(),
            thread_id=thread or ThreadId(message_id),
        )
        names = frozenset({f"{len(self._world.letters)}@memory.example"})
        to = frozenset(each.address for each in read_correspondents(recipients))
        self._world.letters[message_id] = Letter(message, names, frozenset(answers), to)
        self._world.messages[message_id] = message
        self._world.writes += 1
        return message_id

    def mailbox_names(self) -> list[str]:
        return [each.name for each in self._world.mailboxes]

    def mailboxes_of(self, message: str) -> set[str]:
        names = {each.id: each.name for each in self._world.mailboxes}
        found = self._world.messages.get(MessageId(message))
        return {names[x] for x in found.mailbox_ids} if found else set()

    def keywords_of(self, message: str) -> set[str]:
        found = self._world.messages.get(MessageId(message))
        marks = {
            ARCHIVED_KEYWORD: "is_just_archived",
            WARNED_KEYWORD: "is_warned",
            SETTLED_KEYWORD: "is_settled",
        }
        return {keyword for keyword, mark in marks.items() if getattr(found, mark, False)}

    def place(self, message: str, *mailboxes: str) -> None:
        self._put(evolve(self._message(message), mailbox_ids=self._ids(mailboxes)))

    def mark_read(self, message: str) -> None:
        self._put(evolve(self._message(message), is_read=True))

    def destroy(self, message: str) -> None:
        del self._world.messages[MessageId(message)]
        self._world.writes += 1

    def put_card(self, name: str, data: bytes, book: str = "") -> None:
        self._cards[name] = data
        uid = CardUid(vcards.value(data, "UID"))
        title = vcards.value(data, "FN")
        if vcards.is_group(data):
            self._world.groups[title] = frozenset(map(CardUid, vcards.members(data)))
        else:
            known = self._world.cards.get(uid)
            created = known[0].created if known else len(self._world.cards) + 1
            lists = chain.from_iterable(map(lists_in_note, vcards.values(data, "NOTE")))
            addresses: frozenset[Party] = parse_addresses(vcards.values(data, "EMAIL")) | frozenset(lists)
            is_made = uid in self._world.made and self._world.made[uid].address in addresses
            self._world.cards[uid] = (Card(uid, title, created, is_made, tuple(addresses)), addresses)
        self._world.writes += 1

    def delete_card(self, name: str) -> None:
        data = self.cards()[name]
        self._cards.pop(name, None)
        if vcards.is_group(data):
            del self._world.groups[vcards.value(data, "FN")]
        else:
            del self._world.cards[CardUid(vcards.value(data, "UID"))]
        self._world.writes += 1

    def cards(self) -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        for name, data in self._cards.items():
            title = vcards.value(data, "FN")
            found[name] = data
            if vcards.is_group(data) and set(vcards.members(data)) != self._world.groups[title]:
                members = sorted(self._world.groups[title])
                found[name] = vcards.group(title, members, uid=vcards.value(data, "UID"))
        for new_uid, new in self._world.made.items():
            if new_uid in self._world.cards:
                is_list = kind_of(new.address) is PartyKind.LIST
                note = [f"NOTE:{note_line(new.address)}"] if is_list else []
                emails = [new.email] if new.email else []
                found[f"{new_uid}.vcf"] = vcards.contact(new_uid, new.name, *emails, extra=note)
        return found

    def state(self) -> tuple[str, ...]:
        return (str(self._world.writes), str(self._world.card_writes))

    def _ids(self, names: Sequence[str]) -> frozenset[MailboxId]:
        return frozenset(MailboxId(self.mailbox_id(name)) for name in names)

    def _message(self, message: str) -> Message:
        return self._world.messages[MessageId(message)]

    def _put(self, message: Message) -> None:
        self._world.messages[message.id] = message
        self._world.writes += 1
