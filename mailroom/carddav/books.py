"""Which of a person's address books is written, and what all of them hold.

Contacts in every book of the account are known senders: a contact group takes members from any of them
(seen on Cyrus, whose groups name UIDs and look through all books of the account; a book that belongs to
another account does not count there, and does not here). Contact groups and new cards are written in
one book, and that stays the same as long as it is there: a server that hides it for a moment must not
lead to a second set of cards somewhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator

from mailroom.carddav.client import CardDavClient, in_parallel
from mailroom.carddav.discovery import Collection as BookUrl
from mailroom.carddav.replica import Replica
from mailroom.contacts.caution import (
    unread_notes,
    unreadable_cards,
    unreadable_groups,
    why_unsure,
    why_without_groups,
)
from mailroom.contacts.index import CardEntry
from mailroom.errors import ServerError, StatusError
from mailroom.model.party import Party

DEFAULT_BOOK = "Default"
RELIST_SECONDS = 3600.0
"""How long the list of the books, and what may be done to them, is relied on."""

_GONE = frozenset({404, 410})
_FORBIDDEN = 403


class Books:
    """All address books of one account, as of the last refresh.

    Args:
        groups: The names of the triage groups.
        clock: Tells the time, in seconds.
        url_setting: What a person sets to have another book written.
        further_groups: Triage groups that may be missing.

    Attributes:
        changes_read: How often something new was read, in any book; it only grows.
    """

    def __init__(
        self,
        client: CardDavClient,
        groups: Collection[str],
        clock: Callable[[], float] = time.monotonic,
        url_setting: str = "the URL",
        *,
        further_groups: Collection[str] = (),
    ) -> None:
        self._client = client
        self._url_setting = url_setting
        self._groups = frozenset(groups)
        self._all_groups = self._groups.union(further_groups)
        self._clock = clock
        self.changes_read = 0
        self._changes_read_of: dict[Replica, int] = {}
        self._replicas: dict[str, Replica] = {}
        self._unreadable: dict[str, str] = {}
        self._chosen: Replica | None = None
        self._listed_at: float | None = None
        self._complete: set[str] = set()

    def refresh(self) -> None:
        """Read what has changed in each book; one request for each where nothing has.

        Raises:
            ServerError: The server as a whole fails, or the chosen book cannot be read.
        """
        try:
            self._read_all_books()
        finally:
            known = self._changes_read_of
            self._changes_read_of = {each: each.changes_read for each in self._replicas.values()}
            self.changes_read += self._changes_read_of != known
        self._choose()
        if self._chosen is not None and self._groups <= _group_names(self._chosen):
            self._complete.add(self._chosen.book.url)

    def _read_all_books(self) -> None:
        is_listed = self._is_list_due()
        if is_listed:
            self._list()
        self._read_books()
        if self._chosen is not None and self._chosen.book.url in self._unreadable and not is_listed:
            self._list()  # perhaps it has moved
            self._read_books()

    def relist(self) -> None:
        """Ask anew, at the next refresh, which books there are and what may be done to them."""
        self._listed_at = None

    @property
    def chosen(self) -> Replica:
        """The book that is written; read first where that has not been done, or not to the end.

        Raises:
            ServerError: As `refresh`.
        """
        if self._chosen is None or not all(each.is_current for each in (self._chosen, *self._readable())):
            self.refresh()
        assert self._chosen is not None
        return self._chosen

    def read_with_all_groups(self) -> list[Replica]:
        """Read what has changed, and every group's members; return the books, the chosen one first.

        Raises:
            ServerError: As `refresh`.
        """
        self.refresh()
        replicas = [each for each in self._in_order() if each.book.url not in self._unreadable]
        for replica in replicas:
            replica.keep_all_members()
        return replicas

    def find(self, party: Party) -> list[CardEntry]:
        """Return the cards that stand for a party, those of the chosen book first."""
        return [entry for replica in self._in_order() for entry in replica.cards.find(party)]

    def addresses(self) -> frozenset[Party]:
        """Return every party that a card stands for, in any book."""
        return frozenset().union(*(replica.cards.addresses() for replica in self._in_order()))

    def has_lists(self) -> bool:
        """Whether a card stands for a mailing list, in any book; without a request."""
        return any(replica.cards.has_lists for replica in self._replicas.values())

    def problems(self) -> list[str]:
        """Say why nothing may be written, and what to do; empty where all may be, as far as is known."""
        chosen, found = self.chosen, []
        if not chosen.book.may_write:
            found.append(
                f"the address book {_name_of(chosen.book)} may be read, but not written: make an app "
                f"password with read and write access to Contacts, or set {self._url_setting} to an "
                "address book of your own"
            )
        reasons = chosen.unreadable
        return found + unreadable_groups(
            {
                group.name: reasons[resource]
                for resource, group in chosen.groups.items()
                if resource in reasons and group.name in self._all_groups
            }
        )

    def knows_lists(self) -> bool:
        """Whether it is known of every card that was read which mailing lists it stands for."""
        return not any(replica.unread_notes for replica in self._replicas.values())

    def left_out(self) -> list[str]:
        """Say what is there and could not be read."""
        names = [name for replica in self._in_order() for name in replica.unread_notes.values()]
        return [*self._unreadable_parts(), *unread_notes(names)]

    def _unreadable_parts(self) -> list[str]:
        found = [
            f"the address book {_name_of(self._replicas[url].book)} cannot be read: {reason}"
            for url, reason in self._unreadable.items()
        ]
        for replica in self._in_order():
            found += unreadable_cards(replica.unreadable, f" in {_name_of(replica.book)}")
        return found

    def why_no_card(self) -> str:
        """Say why no new card may be made; empty where one may.

        A card that cannot be read may be the sender's own, and a book that never had all groups may be the
        wrong one. That a group goes later is the trouble of those alone who are to be put into it.
        """
        chosen = self.chosen
        if problems := self.problems():
            return problems[0]
        missing = self._groups - _group_names(chosen)
        if missing and chosen.book.url not in self._complete:
            return why_without_groups(missing, _name_of(chosen.book))
        return self.why_unsure()

    def why_unsure(self) -> str:
        """Say what keeps anybody from knowing everything that is there; empty where nothing does."""
        return why_unsure(self._unreadable_parts())

    def _is_list_due(self) -> bool:
        return self._listed_at is None or self._clock() - self._listed_at >= RELIST_SECONDS

    def _list(self) -> None:
        """Ask which books there are; what is known of those that are still there is kept."""
        listed = [book for book in self._client.discover() if book.may_read]
        # Where no book belongs to whom the credentials belong to, owners mean something else there.
        own = [book for book in listed if book.is_own or book.is_named] or listed
        replicas: dict[str, Replica] = {}
        for book in own:
            known = self._replicas.get(book.url)
            replicas[book.url] = known or Replica(self._client, book, self._all_groups, self._clock)
            replicas[book.url].book = book
        self._replicas = replicas
        self._unreadable = {url: reason for url, reason in self._unreadable.items() if url in replicas}
        self._listed_at = self._clock()

    def _read_books(self) -> None:
        replicas = list(self._replicas.values())
        self._unreadable = {}
        for replica, error in zip(replicas, in_parallel(_read, replicas), strict=True):
            if error is None:
                continue
            # Moved or deleted: which of the two, only a new list of the books tells.
            is_gone = error.status in _GONE
            if not is_gone and (len(replicas) == 1 or replica is self._chosen):
                raise error
            if error.status == _FORBIDDEN:
                del self._replicas[replica.book.url]  # until the list is asked for again
                continue
            self._unreadable[replica.book.url] = str(error)
            if is_gone:
                self.relist()

    def _choose(self) -> None:
        readable = self._readable()
        if self._chosen is not None:
            url, name = self._chosen.book.url, _name_of(self._chosen.book)
            if url in self._unreadable:
                raise ServerError(f"the address book {name} cannot be read: {self._unreadable[url]}")
            if url in self._replicas:
                self._chosen = self._replicas[url]
                return
            readable = [each for each in readable if self._groups and self._groups <= _group_names(each)]
            if not readable:
                self._chosen.is_current = False
                self.relist()
                raise ServerError(
                    f"the address book {name} no longer exists, and no other has all the contact groups"
                )
        if not readable:
            reason = next(iter(self._unreadable.values()), "the app password gives access to none")
            raise ServerError(f"none of the account's address books can be read: {reason}")
        best = max(readable, key=self._suitability)
        if self._unreadable and not self._groups <= _group_names(best) and not best.book.is_named:
            raise ServerError(
                "an address book cannot be read; it may be the one with the contact groups: "
                + next(iter(self._unreadable.values()))
            )
        self._chosen = best

    def _suitability(self, replica: Replica) -> tuple[bool, int, bool, bool]:
        book = replica.book
        is_default = DEFAULT_BOOK in {book.name, book.url.rstrip("/").rpartition("/")[2]}
        return book.is_named, len(self._groups & _group_names(replica)), book.may_write, is_default

    def _readable(self) -> list[Replica]:
        return [each for url, each in self._replicas.items() if url not in self._unreadable]

    def _in_order(self) -> Iterator[Replica]:
        """The books, the chosen one first; of those that cannot be read, what was known of them."""
        chosen = self.chosen
        yield chosen
        yield from (each for each in self._replicas.values() if each is not chosen)


def _read(replica: Replica) -> StatusError | None:
    try:
        replica.refresh()
    except StatusError as error:
        return error
    return None


def _group_names(replica: Replica) -> frozenset[str]:
    return frozenset(group.name for group in replica.groups.values())


def _name_of(book: BookUrl) -> str:
    return repr(book.name or book.url)
