"""Finds what Mailroom made in a person's contacts, and deletes it in the very version that was looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar

from attrs import frozen

from mailroom.carddav.books import Books
from mailroom.carddav.cards import StoredCard
from mailroom.carddav.client import CardDavClient
from mailroom.carddav.reading import read_cards
from mailroom.carddav.replica import Group, Replica
from mailroom.carddav.unchanged import alteration_of_card, is_group_unchanged
from mailroom.carddav.vcard import content_lines, summarize, unescape
from mailroom.contacts.caution import CHANGED_MEANWHILE, SEVERAL, why_needed
from mailroom.contacts.identity import address_of, bare_uid, group_uids
from mailroom.contacts.index import CardEntry
from mailroom.contacts.writing import written_as
from mailroom.errors import AuthenticationError, PreconditionFailedError, ServerError
from mailroom.model.contacts import CardKind, CardUid, Made, MadeCard, MadeGroup
from mailroom.model.party import Party

_Item = TypeVar("_Item", MadeCard, MadeGroup)


@frozen
class _Found(Generic[_Item]):
    """Where something is that Mailroom made, and what is to be said of it by its text."""

    uid: CardUid
    replica: Replica
    resource: str
    describe: Callable[[StoredCard], _Item]


_Find = Callable[[Sequence[Replica]], Iterator[_Found[_Item]]]


class Remover:
    """What Mailroom made in those of a person's address books that may be written."""

    def __init__(self, client: CardDavClient, books: Books) -> None:
        self._client = client
        self._books = books

    def made(self) -> Made:
        """Read what there is; see `AddressBook.made`."""
        replicas = self._books.read_with_all_groups()
        cards, groups = self._described(_find_cards(replicas)), self._described(_find_groups(replicas))
        return Made(
            tuple(sorted(cards, key=lambda card: card.address)),
            tuple(sorted(groups, key=lambda group: group.name)),
        )

    def delete_cards(
        self, uids: Sequence[CardUid], objection: Callable[[MadeCard], str]
    ) -> Mapping[CardUid, str]:
        """Delete cards; see `AddressBook.delete_cards`."""
        return self._delete_each(uids, _find_cards, objection)

    def delete_groups(
        self, uids: Sequence[CardUid], objection: Callable[[MadeGroup], str]
    ) -> Mapping[CardUid, str]:
        """Delete contact groups; see `AddressBook.delete_groups`."""
        return self._delete_each(uids, _find_groups, objection)

    def _described(self, everything: Iterable[_Found[_Item]]) -> Iterator[_Item]:
        by_replica: dict[Replica, dict[str, _Found[_Item]]] = {}
        for found in everything:
            by_replica.setdefault(found.replica, {})[found.resource] = found
        for replica, by_resource in by_replica.items():
            for stored in read_cards(self._client, replica.book, list(by_resource), whole=True):
                if isinstance(stored, StoredCard):
                    yield by_resource[stored.name].describe(stored)

    def _delete_each(
        self, uids: Sequence[CardUid], find: _Find[_Item], objection: Callable[[_Item], str]
    ) -> dict[CardUid, str]:
        staying: dict[CardUid, str] = {}
        for position, uid in enumerate(uids):
            try:
                reason = self._delete(CardUid(bare_uid(uid)), find, objection)
            except AuthenticationError as error:
                # What is gone by now is to be told; and whoever goes on knocking may be locked out.
                return staying | dict.fromkeys(uids[position:], str(error))
            except PreconditionFailedError:
                reason = CHANGED_MEANWHILE
            except ServerError as error:
                reason = str(error)
            if reason:
                staying[uid] = reason
        return staying

    def _delete(self, uid: CardUid, find: _Find[_Item], objection: Callable[[_Item], str]) -> str:
        """Delete one thing; return why it stays, or nothing where it is gone."""
        found = self._find(uid, find)
        if isinstance(found, str):
            return found
        book = found.replica.book
        # What is judged and what is deleted must be the same version: its ETag comes with this very text.
        for stored in read_cards(self._client, book, [found.resource], whole=True):
            if not isinstance(stored, StoredCard):
                return stored.reason
            if reason := objection(found.describe(stored)):
                return reason
            if not stored.etag:
                return "the server gives it no ETag, so that no version of it can be named"
            self._client.delete_card(book, found.resource, stored.etag)
        return ""

    def _find(self, uid: CardUid, find: _Find[_Item]) -> _Found[_Item] | str:
        """Find one thing as it is now; or say why it stays, with nothing where it is gone."""
        replicas = self._books.read_with_all_groups()
        if reason := why_needed(self._books.left_out()):
            return reason
        match [each for each in find(replicas) if each.uid == uid]:
            case [found]:
                return found
            case []:
                there = (x.uid for replica in replicas for x in _everything(replica))
                return CHANGED_MEANWHILE if uid in map(bare_uid, there) else ""
            case _:
                return SEVERAL


def _everything(replica: Replica) -> Iterator[CardEntry | Group]:
    yield from (entry for _, entry in replica.resources())
    yield from replica.groups.values()


def _find_cards(replicas: Sequence[Replica]) -> Iterator[_Found[MadeCard]]:
    groups_of = _memberships(replicas)
    for replica in replicas:
        for resource, entry in replica.resources() if replica.book.may_write else ():
            if address := address_of(entry.uid, entry.parties):
                uid = CardUid(bare_uid(entry.uid))
                groups = tuple(
                    group if home is replica else f"{group} in {home.book.name or home.book.url}"
                    for home, group in groups_of.get(uid, ())
                )
                yield _Found(uid, replica, resource, partial(_made_card, uid, address, groups))


def _find_groups(replicas: Sequence[Replica]) -> Iterator[_Found[MadeGroup]]:
    for replica in replicas:
        is_written = replica is replicas[0]
        for resource, group in replica.groups.items() if replica.book.may_write else ():
            uid = CardUid(bare_uid(group.uid))
            if uid in group_uids(group.name):
                yield _Found(uid, replica, resource, partial(_made_group, uid, is_written))


def _memberships(replicas: Sequence[Replica]) -> dict[str, list[tuple[Replica, str]]]:
    """Return which groups of which books a card is in, by its identifier: members come from any book."""
    found: dict[str, list[tuple[Replica, str]]] = {}
    for replica in replicas:
        for group in replica.groups.values():
            for member in group.members:
                found.setdefault(bare_uid(member), []).append((replica, group.name))
    return found


def _made_card(uid: CardUid, address: Party, groups: tuple[str, ...], stored: StoredCard) -> MadeCard:
    name = summarize(stored.octets).name
    lines = list(content_lines(stored.octets))
    email = written_as([unescape(line.value).strip() for line in lines if line.name == "EMAIL"])
    kind = CardKind.COMPANY if any(line.name == "ORG" for line in lines) else CardKind.PERSON
    return MadeCard(uid, name, address, alteration_of_card(uid, address, stored), groups, email, kind)


def _made_group(uid: CardUid, is_in_written_book: bool, stored: StoredCard) -> MadeGroup:
    group = summarize(stored.octets)
    is_unchanged = is_group_unchanged(uid, group.name, stored)
    return MadeGroup(uid, group.name, is_unchanged, len(group.members), is_in_written_book)
