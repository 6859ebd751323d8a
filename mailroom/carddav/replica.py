"""A small copy of one address book on the server, kept in step with it by sync-collection (RFC 6578)."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Sequence

from attrs import evolve, frozen

from mailroom.carddav.cards import StoredCard
from mailroom.carddav.client import CardDavClient
from mailroom.carddav.discovery import Collection
from mailroom.carddav.reading import WHOLE_CARDS, Unreadable, read_cards
from mailroom.carddav.vcard import summarize, version_and_uid
from mailroom.contacts.identity import bare_uid
from mailroom.contacts.index import CardEntry, CardIndex
from mailroom.contacts.summary import CardSummary
from mailroom.errors import ServerError

MAX_UNREADABLE = 100
"""With more of them, it is not the cards that something is wrong with."""

FIRST_RETRY_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 600.0
"""A card that could not be read is asked for again although it has not changed: at the next refresh, since
most troubles are over by then, and after that ever more rarely, since some never are."""


@frozen
class Group:
    """A contact group.

    Attributes:
        resource: The last part of its URL.
        uid: Its identifier, as it writes it.
        name: What people call it.
        etag: The version on the server, as far as it is known.
        octets: The card of that version byte for byte; None where it must be read before it is edited.
        members: Identifiers (UID) of its members; empty for a group that is not a triage group.
        is_shown_otherwise: Whether the server shows the card in another version than it stores.
        created: When it was made, seconds since 1970; 0 where the server does not tell.
        modified: When it was changed last, likewise; 0 also where it was written since it was read.
    """

    resource: str
    uid: str
    name: str
    etag: str
    octets: bytes | None
    members: frozenset[str]
    is_shown_otherwise: bool = False
    created: int = 0
    modified: int = 0


class Replica:
    """The contact cards and groups of one address book.

    Args:
        groups: The names of the triage groups; of no other group are the members kept.
        clock: Tells the time, in seconds.

    Attributes:
        cards: The contact cards that are no groups.
        groups: The contact groups by resource name.
        unreadable: Why a card that is there could not be read, by resource name. What an earlier
            version of it said is kept.
        unread_notes: The names of cards whose notes are larger than any answer, by resource name: which
            lists they stand for is not known until they change.
        is_current: Whether the last refresh came to its end, so that nothing is missing.
        changes_read: How often something new was read; it only grows.
    """

    def __init__(
        self,
        client: CardDavClient,
        book: Collection,
        groups: Container[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.book = book
        self.cards = CardIndex()
        self.groups: dict[str, Group] = {}
        self.unreadable: dict[str, str] = {}
        self.unread_notes: dict[str, str] = {}
        self.is_current = False
        self.changes_read = 0
        self._clock = clock
        self._retry_at = 0.0
        self._retry_seconds = 0.0
        self._client = client
        self._triage_groups = groups
        self._sync_token = ""
        self._written: set[str] = set()
        self._may_show_other_uids = False

    def refresh(self) -> None:
        """Read what has changed since the last time, all of it the first time.

        Where this fails half-way, the next call begins where this one began.

        Raises:
            ServerError: The book cannot be read.
        """
        self.is_current = False
        changes = self._client.changes(self.book, self._sync_token)
        if changes.is_whole:
            # Where the reading breaks off from here on, the next one has to be of everything again.
            self._sync_token = ""
            self.groups.clear()
            self.unreadable.clear()
            self.unread_notes.clear()
            self.cards.clear()
        # Of what was written since the sync token, the server says nothing if it is gone again already.
        gone = changes.removed | (self._written - changes.changed.keys())
        for resource in gone:
            self._forget(resource)
        pending = dict.fromkeys(
            resource for resource, etag in changes.changed.items() if not self._is_known(resource, etag)
        )
        changes.changed.clear()  # ten thousand ETags that nobody needs any more
        if self.unreadable and self._clock() >= self._retry_at:
            pending.update(dict.fromkeys(self.unreadable))
        self.changes_read += bool(changes.is_whole or gone or pending)
        self._read(list(pending))
        if self._may_show_other_uids:
            self._take_stored_uids()
        self._plan_retry(was_tried=bool(pending))
        # Not before all is read: a token taken earlier would skip what a reading that broke off has not seen.
        self._sync_token = changes.sync_token
        self._written.clear()
        self.is_current = True

    def _read(self, resources: Sequence[str]) -> None:
        """Read cards as far as is needed: whole where they are few or triage groups."""
        groups = self._take_over(resources, whole=len(resources) <= WHOLE_CARDS)
        if partial := [stored.name for stored in groups if not stored.is_whole]:
            groups = [stored for stored in groups if stored.is_whole]
            groups += self._take_over(partial, whole=True)
        for stored in groups:
            if not stored.is_whole:
                self._note_unreadable(Unreadable(stored.name, "the contact group is too large"))
        if proven := [stored for stored in groups if stored.is_whole]:
            for stored in self._client.find_stored(self.book, proven):
                self.keep(stored)

    def _take_over(self, resources: Sequence[str], *, whole: bool) -> list[StoredCard]:
        """Read cards; return those of the triage groups."""
        missing = dict.fromkeys(resources)
        groups = []
        for found in read_cards(self._client, self.book, resources, whole=whole):
            missing.pop(found.name, None)
            if isinstance(found, Unreadable):
                self._note_unreadable(found)
                continue
            summary = self.keep(found)
            if summary.is_group and summary.name in self._triage_groups:
                groups.append(found)
        for resource in missing:
            self._forget(resource)
        return groups

    def _take_stored_uids(self) -> None:
        """Give the cards whose UID is perhaps shown without ``urn:uuid:`` the UID that is stored.

        No card has to be read twice for it: one request finds those that are concerned, of all cards.
        """
        for resource, uid in self._client.uids_with_urn(self.book):
            self.cards.set_uid(_key(resource), uid)
        self._may_show_other_uids = False

    def _note_unreadable(self, card: Unreadable) -> None:
        self.unreadable[card.name] = card.reason
        if len(self.unreadable) > MAX_UNREADABLE:
            raise ServerError(f"more than {MAX_UNREADABLE} contact cards cannot be read: {card.reason}")

    def _plan_retry(self, *, was_tried: bool) -> None:
        if not self.unreadable:
            self._retry_seconds = 0.0
        elif was_tried:
            self._retry_at = self._clock() + self._retry_seconds
            self._retry_seconds = min(
                max(FIRST_RETRY_SECONDS, 2 * self._retry_seconds), LONGEST_RETRY_SECONDS
            )

    def keep_all_members(self) -> None:
        """Know from now on the members of every contact group, not only of the triage groups.

        Raises:
            ServerError: The groups cannot be read.
        """
        if isinstance(self._triage_groups, _Everything):
            return
        triage_groups, self._triage_groups = self._triage_groups, _Everything()
        try:
            self._read([name for name, group in self.groups.items() if group.name not in triage_groups])
        except ServerError:
            self._triage_groups = triage_groups
            raise

    def groups_named(self, name: str) -> list[Group]:
        """Return the groups that bear `name`; there may be several."""
        return [group for group in self.groups.values() if group.name == name]

    def resources(self) -> Iterator[tuple[str, CardEntry]]:
        """Return every contact card that is no group, by resource name."""
        for key, entry in self.cards.entries():
            yield (key[:-1] if key.endswith("/") else f"{key}.vcf"), entry

    def keep_written(self, stored: StoredCard) -> None:
        """Take over a card that was written to the server since the last refresh."""
        self.keep(stored)
        self._written.add(stored.name)

    def keep(self, stored: StoredCard) -> CardSummary:
        """Take over a card as it is on the server now."""
        # A server that converts cards says in version 3.0 whom it takes for a member. What it compares
        # with its members, though, is the UID of a card as it is stored.
        summary = summarize(stored.shown or stored.octets)
        if stored.shown is not None:
            summary = evolve(summary, uid=summarize(stored.octets).uid)
        self._forget(stored.name)
        if summary.is_group:
            is_triage_group = summary.name in self._triage_groups
            self.groups[stored.name] = Group(
                resource=stored.name,
                uid=summary.uid,
                name=summary.name,
                etag=stored.etag,
                octets=stored.octets if is_triage_group and stored.is_exact else None,
                members=summary.members if is_triage_group else frozenset(),
                is_shown_otherwise=stored.shown is not None,
                created=stored.created,
                modified=stored.modified,
            )
        else:
            self.cards.add(_key(stored.name), summary, stored.created)
            if stored.lacks_note:
                self.unread_notes[stored.name] = summary.name or summary.uid
            self._may_show_other_uids |= _may_show_other_uid(stored, summary)
        return summary

    def _forget(self, resource: str) -> None:
        self.groups.pop(resource, None)
        self.unreadable.pop(resource, None)
        self.unread_notes.pop(resource, None)
        self.cards.forget(_key(resource))

    def _is_known(self, resource: str, etag: str) -> bool:
        group = self.groups.get(resource)
        return group is not None and bool(etag) and group.etag == etag


class _Everything(Container[str]):
    """Contains whatever it is asked for."""

    def __contains__(self, _: object) -> bool:
        return True


def _may_show_other_uid(stored: StoredCard, summary: CardSummary) -> bool:
    """Whether a card that stands for somebody may be stored with another UID than it was shown with.

    A text as long as what is stored has lost nothing, and only what begins with ``urn:uuid:`` is cut.
    """
    if stored.is_exact or stored.is_as_long or not summary.parties:
        return False
    version, uid = version_and_uid(stored.octets)
    return version.startswith("3") and bool(uid) and bare_uid(uid) == uid


def _key(resource: str) -> str:
    """Shorten a resource name to what is mostly the card's UID, so that the two can be one string."""
    return resource.removesuffix(".vcf") if resource.endswith(".vcf") else f"{resource}/"
