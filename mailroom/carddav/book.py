"""The person's contacts as triage sees them: finds cards, makes cards, changes contact groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from mailroom.carddav.books import Books
from mailroom.carddav.cards import StoredCard
from mailroom.carddav.client import CardDavClient, in_parallel
from mailroom.carddav.replica import Replica
from mailroom.carddav.writing import CardWriter
from mailroom.contacts.enrolling import enrol_in_two_steps
from mailroom.contacts.view import ContactsView, card_of, find_meant
from mailroom.errors import ServerError, StatusError
from mailroom.http import HttpClient
from mailroom.model.address_book import Advance, Enrolled, Joining, Refused, untold
from mailroom.model.contacts import Card, CardUid, Made, MadeCard, MadeGroup, Membership, NewCard
from mailroom.model.party import Party

if TYPE_CHECKING:
    from mailroom.carddav.removal import Remover

_LOCKED = 423
_FORBIDDEN = 403

_Key = TypeVar("_Key")
_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


class CardDavAddressBook:
    """A person's contacts on a CardDAV server (implements `AddressBook`); for one thread.

    What writes says of each item why it was not done, and raises only `AuthenticationError`, where the
    credentials are refused, and `StoppedError`, where the process is to end.

    Args:
        http: Carries the credentials.
        url: Where to look for address books: a server, a principal, or the address book to write in.
        groups: The names of the triage groups. They decide which of several address books is written.
        url_setting: What a person sets to have another URL.
        further_groups: Triage groups that may be missing.
    """

    def __init__(
        self,
        http: HttpClient,
        url: str,
        groups: Iterable[str],
        url_setting: str = "the URL",
        *,
        further_groups: Iterable[str] = (),
    ) -> None:
        self._client = CardDavClient(http, url)
        self._books = Books(
            self._client,
            frozenset(groups),
            url_setting=url_setting,
            further_groups=frozenset(further_groups),
        )
        self._writes_one_by_one = False

    def refresh(self) -> ContactsView:
        """Read what has changed since the last time; one request a book where nothing has.

        Raises:
            AuthenticationError: The credentials are refused.
            ServerError: The server as a whole fails, or the book that is written cannot be found.
        """
        self._books.refresh()
        return self.latest()

    def catch_up(self) -> ContactsView:
        """Read what has changed: mail is on another server, and looked at by itself."""
        return self.refresh()

    def has_changed(self) -> bool:
        """Return False: nothing shows that without a request."""
        return False

    def changes_read(self) -> int:
        """Return how many readings have brought something new; see `AddressBook.changes_read`."""
        return self._books.changes_read

    def has_lists(self) -> bool:
        """Whether a card stands for a mailing list; see `AddressBook.has_lists`."""
        return self._books.has_lists()

    def latest(self) -> ContactsView:
        """Return the last reading with what was changed here since; see `AddressBook.latest`."""
        groups = tuple(self._books.chosen.groups.values())
        return ContactsView(self._books, groups, self._books.knows_lists())

    def problems(self) -> Sequence[str]:
        """Say why nothing may be written, and what to do; see `AddressBook.problems`."""
        return self._books.problems()

    def left_out(self) -> Sequence[str]:
        """Say what is there and could not be read; see `AddressBook.left_out`."""
        return self._books.left_out()

    def create(self, cards: Sequence[NewCard], advance: Advance = untold) -> Mapping[Party, Card | Refused]:
        """Make the cards, several at a time; for each address the card, or why there is none.

        The card of an address has an identifier that follows from the address, and it is written
        only where there is none, so that neither a repetition nor a crash makes a second one. An
        address that has a card already, in any of the books, gets that one.
        """
        replica = self._chosen()
        if isinstance(replica, Refused):
            return dict.fromkeys((card.address for card in cards), replica)
        outcomes: dict[Party, Card | Refused] = {}
        unknown: dict[Party, NewCard] = {}
        contacts = self.latest()
        for new in cards:
            if known := contacts.known(new.address):
                outcomes[new.address] = known
            else:
                unknown[new.address] = new
        if unknown and (reason := self._books.why_no_card()):
            return outcomes | dict.fromkeys(unknown, Refused(reason))
        writer = CardWriter(self._client, replica.book)

        def create_card(new: NewCard) -> StoredCard:
            stored = writer.create_card(new)
            advance(1, len(unknown))
            return stored

        for address, made in self._each(create_card, unknown).items():
            if isinstance(made, StoredCard):
                replica.keep_written(made)
                # As the book has it: the one that was just kept stands last.
                outcomes[address] = card_of(replica.cards.find(address)[-1])
            else:
                outcomes[address] = made
        return outcomes

    def regroup(self, memberships: Mapping[str, Membership]) -> Mapping[str, str]:
        """Change contact groups, by name, one write each; for each that failed, why."""
        replica = self._chosen()
        if isinstance(replica, Refused):
            return dict.fromkeys(memberships, replica.reason)
        if problems := self._books.problems():
            return dict.fromkeys(memberships, problems[0])
        edits, failed = find_meant(replica.groups.values(), memberships)
        writer = CardWriter(self._client, replica.book)
        for name, outcome in self._each(lambda edit: writer.regroup(*edit), edits).items():
            if isinstance(outcome, Refused):
                failed[name] = outcome.reason
                group, _ = edits[name]  # perhaps it is what is known of it that the server refuses
                replica.groups[group.resource] = evolve(group, octets=None)
            else:
                replica.groups[outcome.resource] = outcome
        return failed

    def enrol(self, joining: Mapping[str, Joining], advance: Advance = untold) -> Enrolled:
        """Make cards, and put them and others into contact groups; see `AddressBook.enrol`."""
        return enrol_in_two_steps(self, joining, advance)

    def create_groups(self, names: Sequence[str]) -> Mapping[str, str]:
        """Make the contact groups that are not there; for each that could not be made, why.

        As with cards, an identifier that follows from the name keeps a repetition from making two.
        """
        replica = self._chosen()
        if isinstance(replica, Refused):
            return dict.fromkeys(names, replica.reason)
        missing = {name: name for name in names if not replica.groups_named(name)}
        if reason := next(iter(self._books.problems()), "") or self._books.why_unsure():
            return dict.fromkeys(missing, reason)
        failed: dict[str, str] = {}
        writer = CardWriter(self._client, replica.book)
        for name, outcome in self._each(writer.create_group, missing).items():
            if isinstance(outcome, StoredCard):
                replica.keep(outcome)
            else:
                failed[name] = outcome.reason
        return failed

    def made(self) -> Made:
        """Read what Mailroom made and is still there; see `AddressBook.made`."""
        return self._remover().made()

    def delete_cards(
        self, uids: Sequence[CardUid], objection: Callable[[MadeCard], str]
    ) -> Mapping[CardUid, str]:
        """Delete cards that Mailroom made; see `AddressBook.delete_cards`."""
        return self._remover().delete_cards(uids, objection)

    def delete_groups(
        self, uids: Sequence[CardUid], objection: Callable[[MadeGroup], str]
    ) -> Mapping[CardUid, str]:
        """Delete contact groups that Mailroom made; see `AddressBook.delete_groups`."""
        return self._remover().delete_groups(uids, objection)

    def _remover(self) -> Remover:
        from mailroom.carddav.removal import Remover  # noqa: PLC0415 - who only files takes nothing away

        return Remover(self._client, self._books)

    def _chosen(self) -> Replica | Refused:
        """Return the book that is written, or why it cannot be read."""
        try:
            return self._books.chosen
        except ServerError as error:
            return Refused(str(error))

    def _each(
        self, write: Callable[[_Item], _Done], items: Mapping[_Key, _Item]
    ) -> dict[_Key, _Done | Refused]:
        """Do one kind of write to each item, several at a time where the server can; say what was refused.

        Some servers lock more than they write (Xandikos 0.4.10: 423 for parallel writes of cards that
        exist), so what was locked is written again by itself, and from then on all one by one.
        """
        attempt = partial(_attempt, write)
        if self._writes_one_by_one:
            outcomes = [attempt(item) for item in items.values()]
        else:
            outcomes = in_parallel(attempt, list(items.values()))
        done: dict[_Key, _Done | Refused] = {}
        for (key, item), first in zip(items.items(), outcomes, strict=True):
            outcome = first
            if isinstance(outcome, StatusError) and outcome.status == _LOCKED:
                self._writes_one_by_one = True
                outcome = attempt(item)
            if isinstance(outcome, StatusError) and outcome.status == _FORBIDDEN:
                self._books.relist()  # perhaps the book may only be read by now
            done[key] = Refused(str(outcome)) if isinstance(outcome, ServerError) else outcome
        return done


def _attempt(write: Callable[[_Item], _Done], item: _Item) -> _Done | ServerError:
    try:
        return write(item)
    except ServerError as error:
        return error
