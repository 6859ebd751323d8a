"""The person's contacts as triage sees them: finds cards, makes cards, changes contact groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from attrs import evolve, frozen

from mailroom.carddav.books import Books
from mailroom.carddav.cards import StoredCard
from mailroom.carddav.client import CardDavClient, in_parallel
from mailroom.carddav.identity import address_of, group_uids
from mailroom.carddav.index import CardEntry
from mailroom.carddav.members import bare_uid
from mailroom.carddav.removal import Remover
from mailroom.carddav.replica import Group, Replica
from mailroom.carddav.writing import CardWriter
from mailroom.errors import ServerError, StatusError
from mailroom.http import HttpClient
from mailroom.model.address import Address
from mailroom.model.contacts import (
    Card,
    CardUid,
    Made,
    MadeCard,
    MadeGroup,
    Membership,
    NewCard,
    choose_card,
)
from mailroom.model.ports import Advance, Refused, untold

_LOCKED = 423
_FORBIDDEN = 403

_Key = TypeVar("_Key")
_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


@frozen
class ContactsView:
    """The address books as of the last refresh, and the cards made since (implements `Contacts`).

    Of the contact groups, only those of the book that is written count, and only the triage groups'
    members are known.
    """

    _books: Books
    _groups: tuple[Group, ...]

    def cards(self, address: Address) -> Sequence[Card]:
        """Every card that has `address`, in the order of the books, the one that is written first.

        A card without a UID is left out, since no group could hold it; `create` then refuses to
        make a second one for the address and says why.
        """
        return [_card(entry) for entry in self._books.find(address) if entry.uid]

    def addresses(self) -> Iterable[Address]:
        """Every address that a card has, in any of the books."""
        return self._books.addresses()

    def groups(self, uid: CardUid) -> Collection[str]:
        """The names of the triage groups that have this card as a member."""
        return frozenset(group.name for group in self._groups if uid in group.members)

    def group_names(self) -> Sequence[str]:
        """The names of all contact groups; a name that two groups share stands twice."""
        return [group.name for group in self._groups]

    def group_uids(self) -> Mapping[str, CardUid]:
        """The identifier of each contact group, by its name."""
        return {group.name: CardUid(group.uid) for group in self._groups}

    def filed_by(self, address: Address, group: str) -> int:
        """By when a sender was in a contact group; see `Contacts.filed_by`."""
        found = next((each for each in self._groups if each.name == group), None)
        if found is None:
            return 0
        cards = [card for card in self.cards(address) if card.uid in found.members]
        made = [card.created for card in cards if address_of(card.uid, [address])]
        return min(made, default=0) or found.modified

    def changed_at(self, group: str) -> int:
        """When a contact group was changed last; see `Contacts.changed_at`."""
        return max((each.modified for each in self._groups if each.name == group), default=0)

    def renamed_groups(self, names: Collection[str]) -> Mapping[str, str]:
        """Return what renamed groups are called now; see `Contacts.renamed_groups`."""
        called = {bare_uid(group.uid): group.name for group in self._groups if group.name not in names}
        there = {group.name for group in self._groups}
        return {
            name: called[uid]
            for name in names
            if name not in there
            for uid in group_uids(name)
            if uid in called
        }

    def groups_made_at(self, names: Collection[str]) -> int:
        """When the last of some contact groups was made; see `Contacts.groups_made_at`."""
        moments = {group.name: group.created for group in self._groups}
        made = [moments.get(name, 0) for name in names]
        return max(made, default=0) if all(made) else 0


class CardDavAddressBook:
    """A person's contacts on a CardDAV server (implements `AddressBook`); for one thread.

    What writes says of each item why it was not done, and raises only `AuthenticationError`, where the
    credentials are refused, and `StoppedError`, where the process is to end.

    Args:
        http: Carries the credentials.
        url: Where to look for address books: a server, a principal, or the address book to write in.
        groups: The names of the triage groups. They decide which of several address books is written.
        url_setting: What a person sets to have another URL.
    """

    def __init__(
        self, http: HttpClient, url: str, groups: Iterable[str], url_setting: str = "the URL"
    ) -> None:
        self._client = CardDavClient(http, url)
        self._books = Books(self._client, frozenset(groups), url_setting=url_setting)
        self._remover = Remover(self._client, self._books)
        self._writes_one_by_one = False

    def refresh(self) -> ContactsView:
        """Read what has changed since the last time; one request a book where nothing has.

        Raises:
            AuthenticationError: The credentials are refused.
            ServerError: The server as a whole fails, or the book that is written cannot be found.
        """
        self._books.refresh()
        return self.latest()

    def latest(self) -> ContactsView:
        """Return the last reading with what was changed here since; see `AddressBook.latest`."""
        return ContactsView(self._books, tuple(self._books.chosen.groups.values()))

    def problems(self) -> Sequence[str]:
        """Say why nothing may be written, and what to do; see `AddressBook.problems`."""
        return self._books.problems()

    def left_out(self) -> Sequence[str]:
        """Say what is there and could not be read; see `AddressBook.left_out`."""
        return self._books.left_out()

    def create(self, cards: Sequence[NewCard], advance: Advance = untold) -> Mapping[Address, Card | Refused]:
        """Make the cards, several at a time; for each address the card, or why there is none.

        The card of an address has an identifier that follows from the address, and it is written
        only where there is none, so that neither a repetition nor a crash makes a second one. An
        address that has a card already, in any of the books, gets that one.
        """
        replica = self._chosen()
        if isinstance(replica, Refused):
            return dict.fromkeys((card.address for card in cards), replica)
        outcomes: dict[Address, Card | Refused] = {}
        unknown: dict[Address, NewCard] = {}
        for new in cards:
            if known := self._known(new.address):
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
                outcomes[address] = _card(replica.cards.find(address)[-1])
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
        failed: dict[str, str] = {}
        edits: dict[str, tuple[Group, Membership]] = {}
        for name, membership in memberships.items():
            match replica.groups_named(name):
                case [group]:
                    edits[name] = group, membership
                case []:
                    failed[name] = f"there is no contact group {name!r}"
                case _:
                    failed[name] = f"several contact groups are called {name!r}: rename or delete all but one"
        writer = CardWriter(self._client, replica.book)
        for name, outcome in self._each(lambda edit: writer.regroup(*edit), edits).items():
            if isinstance(outcome, Refused):
                failed[name] = outcome.reason
                group, _ = edits[name]  # perhaps it is what is known of it that the server refuses
                replica.groups[group.resource] = evolve(group, octets=None)
            else:
                replica.groups[outcome.resource] = outcome
        return failed

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
        return self._remover.made()

    def delete_cards(
        self, uids: Sequence[CardUid], objection: Callable[[MadeCard], str]
    ) -> Mapping[CardUid, str]:
        """Delete cards that Mailroom made; see `AddressBook.delete_cards`."""
        return self._remover.delete_cards(uids, objection)

    def delete_groups(
        self, uids: Sequence[CardUid], objection: Callable[[MadeGroup], str]
    ) -> Mapping[CardUid, str]:
        """Delete contact groups that Mailroom made; see `AddressBook.delete_groups`."""
        return self._remover.delete_groups(uids, objection)

    def _chosen(self) -> Replica | Refused:
        """Return the book that is written, or why it cannot be read."""
        try:
            return self._books.chosen
        except ServerError as error:
            return Refused(str(error))

    def _known(self, address: Address) -> Card | Refused | None:
        """Return the card that an address has already, or why it can have none."""
        contacts = self.latest()
        if cards := contacts.cards(address):
            return choose_card(cards, {card.uid: contacts.groups(card.uid) for card in cards})
        for entry in self._books.find(address):
            return Refused(
                f"the card {entry.name!r} of {address} has no UID, so it cannot be in a "
                "group: make the contact anew"
            )
        return None

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


def _card(entry: CardEntry) -> Card:
    is_made = address_of(entry.uid, entry.addresses) is not None
    return Card(CardUid(entry.uid), entry.name, entry.created, is_made)
