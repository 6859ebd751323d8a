"""A small copy of an account's contacts, kept in step with it by ContactCard/changes (RFC 9610 section 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mailroom.contacts.index import CardIndex
from mailroom.errors import MethodError, ProtocolError, ServerError
from mailroom.jmap.calls import Answer, Call, is_too_large
from mailroom.jmap.client import MAX_READ_ATTEMPTS, JmapClient
from mailroom.jmap.contact_cards import NOTES, PROPERTIES, ReadCard, id_of, read_card
from mailroom.jmap.contact_changes import Read, calls_for_changes, calls_for_page
from mailroom.jmap.contact_groups import Group
from mailroom.jmap.contact_wire import AddressBookGet, AddressBookObject, ContactCardChanges, ContactCardGet
from mailroom.jmap.paging import Paging
from mailroom.jmap.wire import Json, Query

PAGE_CARDS = 1_000
"""As objects, so many take a few megabytes for a moment."""

PAGE_BYTES = 2 * 1024 * 1024
"""Where a page is larger, such as one with long notes, those that follow are of fewer cards."""

MAX_CHANGES = 500
MAX_CHANGES_BESIDE = 50
"""So many come together with mail; where there are more, they come by themselves."""

MAX_CHANGES_PAGES = 1_000
MAX_UNREADABLE = 100
"""With more of them, it is not the cards that something is wrong with."""


class ContactReplica:
    """The contact cards and groups of an account, in all its address books.

    Args:
        groups: The names of the triage groups; of no other group are the members kept.

    Attributes:
        cards: The contact cards that are no groups, by their ids.
        groups: The contact groups by their ids.
        books: The address books.
        unreadable: Why a card that is there could not be read, by its id.
        unread_notes: The names of cards whose notes are larger than any answer, by their ids: which lists
            they stand for is not known until they change.
        state: The server's name for what is known; empty where all has to be read.
        account_id: The account that it was read from.
        changes_read: How often something new was read; it only grows.
    """

    def __init__(self, client: JmapClient, groups: Collection[str]) -> None:
        self._client = client
        self._properties: tuple[str, ...] = (*PROPERTIES, NOTES)
        self._triage_groups = groups
        self._keeps_all_members = False
        self.account_id = ""
        self._written: set[str] = set()
        self._told: set[str] = set()
        self._heard: tuple[str, Sequence[Answer]] | None = None
        self.cards = CardIndex()
        self.groups: dict[str, Group] = {}
        self.books: tuple[AddressBookObject, ...] = ()
        self.unreadable: dict[str, str] = {}
        self.unread_notes: dict[str, str] = {}
        self.state = ""
        self.changes_read = 0

    def refresh(self) -> None:
        """Read what has changed since the last time; all of it the first time, and where nothing else tells.

        Raises:
            ServerError: The contacts cannot be read.
        """
        account_id = self._client.session.require_contacts().id
        if account_id != self.account_id:
            self.account_id, self.state = account_id, ""
        self._heard = None
        if not (self.state and self._read_changes()):
            self._read_all()
            self._forget_own_writes()

    def calls_beside(self, first: int, most: int) -> list[Call]:
        """Return the calls that ask what has changed, for a request that asks for mail; see `Companion`."""
        session = self._client.known_session
        is_known = self.state and session and session.contacts and session.contacts.id == self.account_id
        calls = calls_for_changes(self.state, first, MAX_CHANGES_BESIDE, self._properties)
        return calls if is_known and len(calls) <= most else []

    def hear(self, answers: Sequence[Answer]) -> None:
        """Keep the answers to these calls until they are wanted; see `Companion`."""
        self._heard = self.state, answers

    def forget_heard(self) -> None:
        """Take back what was heard: something has been written since."""
        self._heard = None

    def has_heard_of_changes(self) -> bool:
        """Whether what was heard is about other contacts than are known."""
        if self._heard is None or self._heard[0] != self.state:
            return False
        try:
            changes = self._heard[1][1].as_record(ContactCardChanges)
        except ServerError:
            return True
        return changes.any or changes.new_state != self.state

    def take_heard(self) -> bool:
        """Take in what was heard; return whether that is all there is to know."""
        heard, self._heard = self._heard, None
        if heard is None or heard[0] != self.state:
            return False
        try:
            return self._take_changes(*heard) is Read.ALL
        except ServerError:
            return False

    def forget_state(self) -> None:
        """Read everything anew at the next refresh."""
        self.state = ""

    def keep_all_members(self) -> None:
        """Know from now on the members of every contact group, not only of the triage groups.

        Raises:
            ServerError: The contacts cannot be read.
        """
        if self._keeps_all_members:
            return
        ids = [group.id for group in self.groups.values() if group.name not in self._triage_groups]
        most = self._client.session.limits.max_objects_in_get
        self._keeps_all_members = True
        try:
            for start in range(0, len(ids), most):
                arguments: Json = {"ids": ids[start : start + most], "properties": self._properties}
                (answer,) = self._client.call([Call("ContactCard/get", arguments)])
                self._take(answer)
        except ServerError:
            self._keeps_all_members = False
            raise

    def uids(self) -> set[str]:
        """Return the identifiers of everything that is there."""
        found = {entry.uid for _, entry in self.cards.entries()}
        return found | {group.uid for group in self.groups.values()}

    def keep_written(self, card: ReadCard) -> None:
        """Take over a card that was written to the server since the last refresh."""
        self.keep(card)
        self._written.add(card.id)

    def keep(self, card: ReadCard) -> None:
        """Take over a card as it is on the server now."""
        self.forget(card.id)
        summary = card.summary
        if not summary.is_group:
            self.cards.add(card.id, summary, card.created)
            return
        keeps_members = self._keeps_all_members or summary.name in self._triage_groups
        self.groups[card.id] = Group(
            id=card.id,
            uid=summary.uid,
            name=summary.name,
            members=summary.members if keeps_members else frozenset(),
            book_ids=card.book_ids,
            created=card.created,
            modified=card.modified,
        )

    def forget(self, card_id: str) -> None:
        """Take a card out, if it is there."""
        self.groups.pop(card_id, None)
        self.unreadable.pop(card_id, None)
        self.unread_notes.pop(card_id, None)
        self.cards.forget(card_id)

    def _read_all(self) -> None:
        self.state = ""
        for _ in range(MAX_READ_ATTEMPTS):
            if state := self._read_pages():
                self.state = state
                return
        raise ServerError("the contacts change faster than they can be read")

    def _read_pages(self) -> str:
        """Read page after page; return the state all of it is of, or nothing where it changed on the way.

        Where a page is too large, those from there on are of fewer cards. A note may be larger than any
        answer: then that card is read without it, for who is known counts for more than which lists are.
        """
        self.changes_read += 1
        self.groups.clear()
        self.unreadable.clear()
        self.unread_notes.clear()
        self.cards.clear()
        paging, states = Paging("ContactCard/query"), set[str]()
        most = limit = min(PAGE_CARDS, self._client.session.limits.max_objects_in_get)
        properties = self._properties
        while True:
            try:
                books, found, cards = self._client.call(calls_for_page(paging.position, limit, properties))
            except ServerError as error:
                if not is_too_large(error) or (limit == 1 and properties == PROPERTIES):
                    raise
                if limit == 1:
                    properties = PROPERTIES
                limit = max(1, limit // 4)
                continue
            self.books = tuple(books.as_record(AddressBookGet).list_)
            page = found.as_record(Query)
            states.add(self._take(cards).state)
            limit = max(1, min(limit, limit * PAGE_BYTES // cards.response_bytes))
            if properties != self._properties:
                self._note_unread(page.ids)
                properties, limit = self._properties, most
            if len(states) > 1:
                return ""
            paging.take(page.ids)
            # No server has to tell the total, or to fill a page: then only an empty one is surely the last.
            if not page.ids or (page.total is not None and paging.position >= page.total):
                return states.pop()

    def _note_unread(self, ids: Iterable[str]) -> None:
        for card_id in ids:
            if entry := self.cards.entry(card_id):
                self.unread_notes[card_id] = entry.name or entry.uid

    def _read_changes(self) -> bool:
        """Read what has changed; return whether that can be known."""
        limit = min(MAX_CHANGES, self._client.session.limits.max_objects_in_get)
        for _ in range(MAX_CHANGES_PAGES):
            calls = calls_for_changes(self.state, 0, limit, self._properties)
            try:
                read = self._take_changes(self.state, self._client.call(calls))
            except ServerError as error:
                if not is_too_large(error):
                    raise
                return False  # all of it can be read in as many parts as it takes
            if read is not Read.PART:
                return read is Read.ALL
        return False

    def _take_changes(self, since: str, answers: Sequence[Answer]) -> Read:
        """Take in what has changed since a state, and say how much of it that is."""
        try:
            changes = answers[1].as_record(ContactCardChanges)
        except MethodError as error:
            if error.type != "cannotCalculateChanges":
                raise
            return Read.NOTHING
        self.changes_read += changes.any
        self.books = tuple(answers[0].as_record(AddressBookGet).list_)
        got = {self._take(answer).state for answer in answers[2:]}
        for card_id in changes.destroyed:
            self.forget(card_id)
        self._told.update(changes.created, changes.updated)
        is_same = changes.new_state == since
        if not changes.any and (not is_same or got != {since}):
            # A state that the server had before it was restored may lie in its future: it tells of no
            # change then (seen on Cyrus 3.13.7), and only what it calls the present betrays it.
            return Read.NOTHING
        if changes.any and is_same and changes.has_more_changes:
            raise ProtocolError("ContactCard/changes does not come any further")
        self.state = changes.new_state
        if changes.has_more_changes or got != {changes.new_state}:
            return Read.PART
        # Of what was written since the last reading, it says nothing if it is gone again already.
        for card_id in self._written - self._told:
            self.forget(card_id)
        self._forget_own_writes()
        return Read.ALL

    def _forget_own_writes(self) -> None:
        self._written.clear()
        self._told.clear()

    def _take(self, answer: Answer) -> ContactCardGet:
        found = answer.as_record(ContactCardGet)
        for value in found.list_:
            card_id = id_of(value)
            try:
                card = read_card(value)
            except ProtocolError as error:
                self._note_unreadable(card_id, str(error))
            else:
                if card_id:
                    self.keep(card)
                else:
                    self._note_unreadable(card_id, "the server gives it no id")
        for card_id in found.not_found or ():
            self.forget(card_id)
        return found

    def _note_unreadable(self, card_id: str, reason: str) -> None:
        self.unreadable[card_id] = reason
        if len(self.unreadable) > MAX_UNREADABLE:
            raise ServerError(f"more than {MAX_UNREADABLE} contact cards cannot be read: {reason}")
