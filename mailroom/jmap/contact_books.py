"""Which of an account's address books is written over JMAP, and what keeps it from being written.

Contact groups and new cards are written in one book, and that stays the same as long as it is there.
"""

from __future__ import annotations

from collections.abc import Collection

from mailroom.contacts.caution import (
    unread_notes,
    unreadable_cards,
    unreadable_groups,
    why_unsure,
    why_without_groups,
)
from mailroom.errors import ServerError
from mailroom.jmap.client import JmapClient
from mailroom.jmap.contact_groups import Group
from mailroom.jmap.contact_replica import ContactReplica
from mailroom.jmap.contact_wire import AddressBookObject

RIGHTS_WANTED = "make an API token with read and write access to Contacts"


class ContactBooks:
    """The address books of an account, as of the last refresh.

    Args:
        groups: The names of the triage groups that are needed.
        all_groups: Those besides that may be missing.
    """

    def __init__(
        self,
        client: JmapClient,
        replica: ContactReplica,
        groups: Collection[str],
        all_groups: Collection[str] = (),
    ) -> None:
        self._client = client
        self._replica = replica
        self._names = frozenset(groups)
        self._all_names = self._names.union(all_groups)
        self._chosen_id = ""
        self._complete: set[str] = set()

    def refresh(self) -> None:
        """Read what has changed.

        Raises:
            ServerError: The contacts cannot be read, or the chosen book is gone.
        """
        self._replica.refresh()
        self.settle()

    def settle(self) -> None:
        """Choose the book that is written, by what is known now.

        Raises:
            ServerError: The chosen book is gone, or none can be read.
        """
        self._choose()
        if self._names <= self._group_names(self._chosen_id):
            self._complete.add(self._chosen_id)

    @property
    def chosen_id(self) -> str:
        """The book that is written; read first where that has not been done, or not to the end.

        Raises:
            ServerError: As `refresh`.
        """
        if not (self._chosen_id and self._replica.state):
            self.refresh()
        return self._chosen_id

    def groups(self) -> tuple[Group, ...]:
        """Return the contact groups of the book that is written, no others count."""
        chosen = self.chosen_id
        return tuple(group for group in self._replica.groups.values() if chosen in group.book_ids)

    def problems(self) -> list[str]:
        """Say why nothing may be written, and what to do; see `AddressBook.problems`."""
        chosen = self._book(self.chosen_id)
        if chosen is None:
            return [f"the address book {self.name_of(self._chosen_id)} no longer exists"]
        found = []
        if self._client.session.require_contacts().is_read_only or not chosen.rights.may_write:
            name = self.name_of(chosen.id)
            found.append(f"the address book {name} may be read, but not written: {RIGHTS_WANTED}")
        reasons = self._replica.unreadable
        return found + unreadable_groups(
            {
                group.name: reasons[group.id]
                for group in self.groups()
                if group.id in reasons and group.name in self._all_names
            }
        )

    def left_out(self) -> list[str]:
        """Say what is there and could not be read; see `AddressBook.left_out`."""
        return [*self._unreadable(), *unread_notes(self._replica.unread_notes.values())]

    def _unreadable(self) -> list[str]:
        return unreadable_cards(self._replica.unreadable, "") if self.chosen_id else []

    def why_no_card(self) -> str:
        """Say why no new card may be made; empty where one may. See `Books.why_no_card` of CardDAV."""
        chosen = self.chosen_id
        if problems := self.problems():
            return problems[0]
        missing = self._names - self._group_names(chosen)
        if missing and chosen not in self._complete:
            return why_without_groups(missing, self.name_of(chosen))
        return self.why_unsure()

    def why_unsure(self) -> str:
        """Say what keeps anybody from knowing everything that is there; empty where nothing does."""
        return why_unsure(self._unreadable())

    def may_write(self, book_ids: Collection[str]) -> bool:
        """Whether what is in these books may be changed."""
        return all(each.rights.may_write for each in self._replica.books if each.id in book_ids)

    def name_of(self, book_id: str) -> str:
        """Return what a person calls a book, in quotation marks."""
        book = self._book(book_id)
        return repr((book.name if book else "") or book_id)

    def _book(self, book_id: str) -> AddressBookObject | None:
        return next((each for each in self._replica.books if each.id == book_id), None)

    def _choose(self) -> None:
        readable = [each for each in self._replica.books if each.rights.may_read]
        if self._chosen_id and self._chosen_id not in {each.id for each in readable}:
            readable = [
                each for each in readable if self._names and self._names <= self._group_names(each.id)
            ]
            if not readable:
                self._replica.forget_state()
                raise ServerError(
                    "the address book no longer exists, and no other has all the contact groups"
                )
            self._chosen_id = ""
        if not readable:
            self._replica.forget_state()
            raise ServerError(f"none of the account's address books can be read: {RIGHTS_WANTED}")
        if not self._chosen_id:
            self._chosen_id = max(readable, key=self._suitability).id

    def _suitability(self, book: AddressBookObject) -> tuple[int, bool, bool]:
        return len(self._names & self._group_names(book.id)), book.rights.may_write, book.is_default

    def _group_names(self, book_id: str) -> frozenset[str]:
        return frozenset(group.name for group in self._replica.groups.values() if book_id in group.book_ids)
