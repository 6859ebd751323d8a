"""Finds what Mailroom made in a person's contacts over JMAP, and deletes it in the state that was looked at.

A card has no version of its own over JMAP. But ``ifInState`` names that of all the contacts (RFC 8620
section 5.3): what is deleted is what was judged, or nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from attrs import frozen

from mailroom.contacts.caution import CHANGED_MEANWHILE, SEVERAL, why_needed
from mailroom.contacts.identity import address_of, bare_uid, group_uids
from mailroom.errors import AuthenticationError, MethodError, ProtocolError, ServerError
from mailroom.jmap.calls import Call
from mailroom.jmap.client import MAX_READ_ATTEMPTS, MAX_STALE_ATTEMPTS, JmapClient
from mailroom.jmap.contact_books import ContactBooks
from mailroom.jmap.contact_cards import read_card
from mailroom.jmap.contact_compose import alteration_of_card, email_of, is_group_unchanged, kind_of_card
from mailroom.jmap.contact_groups import Group
from mailroom.jmap.contact_replica import ContactReplica
from mailroom.jmap.contact_wire import ContactCardGet, ContactCardSet
from mailroom.jmap.wire import Json
from mailroom.model.contacts import CardUid, Made, MadeCard, MadeGroup

MAX_CARDS = 200
"""They are read whole, with pictures and all."""

_Item = TypeVar("_Item", MadeCard, MadeGroup)


@frozen
class _Seen:
    """What Mailroom made, by what the server calls it, and the state in which that was so."""

    cards: dict[str, MadeCard]
    groups: dict[str, MadeGroup]
    state: str


class ContactRemover:
    """What Mailroom made in those of an account's address books that may be written."""

    def __init__(self, client: JmapClient, replica: ContactReplica, books: ContactBooks) -> None:
        self._client = client
        self._replica = replica
        self._books = books

    def made(self) -> Made:
        """Read what there is; see `AddressBook.made`."""
        seen = self._see(None)
        return Made(
            tuple(sorted(seen.cards.values(), key=lambda card: card.address)),
            tuple(sorted(seen.groups.values(), key=lambda group: group.name)),
        )

    def delete_cards(
        self, uids: Sequence[CardUid], objection: Callable[[MadeCard], str]
    ) -> Mapping[CardUid, str]:
        """Delete cards; see `AddressBook.delete_cards`."""
        return self._delete_all(uids, lambda seen: seen.cards, objection)

    def delete_groups(
        self, uids: Sequence[CardUid], objection: Callable[[MadeGroup], str]
    ) -> Mapping[CardUid, str]:
        """Delete contact groups; see `AddressBook.delete_groups`."""
        return self._delete_all(uids, lambda seen: seen.groups, objection)

    def _delete_all(
        self,
        uids: Sequence[CardUid],
        select: Callable[[_Seen], dict[str, _Item]],
        objection: Callable[[_Item], str],
    ) -> dict[CardUid, str]:
        most = min(MAX_CARDS, self._client.session.limits.max_objects_in_set)
        staying: dict[CardUid, str] = {}
        for start in range(0, len(uids), most):
            batch = uids[start : start + most]
            try:
                staying |= self._delete(batch, select, objection)
            except AuthenticationError as error:
                # What is gone by now is to be told; and whoever goes on knocking may be locked out.
                return staying | dict.fromkeys(uids[start:], str(error))
            except ServerError as error:
                staying |= dict.fromkeys(batch, str(error))
        return staying

    def _delete(
        self,
        uids: Sequence[CardUid],
        select: Callable[[_Seen], dict[str, _Item]],
        objection: Callable[[_Item], str],
    ) -> dict[CardUid, str]:
        """Delete a few things; return why some of them stay."""
        by_bare = {bare_uid(uid): uid for uid in uids}
        for _ in range(MAX_STALE_ATTEMPTS):
            seen = self._see(by_bare.keys())
            if needed := why_needed(self._books.left_out()):
                return dict.fromkeys(uids, needed)
            items = select(seen)
            staying = self._not_told_apart(by_bare, items)
            doomed = {}
            for card_id, item in items.items():
                if item.uid in staying:
                    continue
                if reason := objection(item):
                    staying[item.uid] = reason
                else:
                    doomed[card_id] = by_bare[item.uid]
            staying_by_uid = {by_bare[uid]: reason for uid, reason in staying.items()}
            if not doomed:
                return staying_by_uid
            if (refused := self._destroy(doomed, seen.state)) is not None:
                return staying_by_uid | refused
        return dict.fromkeys(uids, "the contacts change faster than one can be deleted")

    def _not_told_apart(
        self, wanted: Mapping[str, CardUid], items: Mapping[str, MadeCard | MadeGroup]
    ) -> dict[CardUid, str]:
        """Say why things stay that are not what was asked for any more, or are there several times."""
        staying: dict[CardUid, str] = {}
        there = {bare_uid(uid) for uid in self._replica.uids()}
        found = [item.uid for item in items.values()]
        for uid in map(CardUid, wanted):
            if found.count(uid) > 1:
                staying[uid] = SEVERAL
            elif uid in there and uid not in found:
                staying[uid] = CHANGED_MEANWHILE
        return staying

    def _destroy(self, doomed: Mapping[str, CardUid], state: str) -> dict[CardUid, str] | None:
        """Delete things in a state; return why some stay, None where it is another state by now."""
        self._replica.forget_heard()
        arguments: Json = {
            "accountId": self._replica.account_id,
            "ifInState": state,
            "destroy": list(doomed),
        }
        try:
            (answer,) = self._client.call([Call("ContactCard/set", arguments)])
            refused = answer.as_record(ContactCardSet).not_destroyed or {}
        except MethodError as error:
            if error.type == "stateMismatch":
                return None
            raise
        for card_id in doomed.keys() - refused.keys():
            self._replica.forget(card_id)
        return {
            doomed[card_id]: f"the server refuses it: {error.description or error.type}"
            for card_id, error in refused.items()
            if card_id in doomed and error.type != "notFound"
        }

    def _see(self, wanted: Collection[str] | None) -> _Seen:
        """Read what Mailroom made, as of one state: all of it, or what has these identifiers.

        Raises:
            ServerError: It cannot be read, or does not hold still.
        """
        for _ in range(MAX_READ_ATTEMPTS):
            self._books.refresh()
            self._replica.keep_all_members()
            seen = _Seen({}, {}, self._replica.state)
            ids = [x for x in self._made_ids() if wanted is None or x[1] in wanted]
            if self._read(dict(ids), seen):
                return seen
        raise ServerError("the contacts change faster than they can be read")

    def _made_ids(self) -> Iterator[tuple[str, CardUid]]:
        """Return what the server calls each thing that Mailroom made, with its identifier."""
        for card_id, entry in self._replica.cards.entries():
            if address_of(entry.uid, entry.parties):
                yield card_id, CardUid(bare_uid(entry.uid))
        for group in self._replica.groups.values():
            uid = CardUid(bare_uid(group.uid))
            if uid in group_uids(group.name):
                yield group.id, uid

    def _read(self, uids: Mapping[str, CardUid], seen: _Seen) -> bool:
        """Read cards whole; return whether all of them are of the state that is known."""
        ids = list(uids)
        groups_of = self._memberships()
        most = min(MAX_CARDS, self._client.session.limits.max_objects_in_get)
        for start in range(0, len(ids), most):
            # Without a list of properties, all of them come.
            (answer,) = self._client.call([Call("ContactCard/get", {"ids": ids[start : start + most]})])
            found = answer.as_record(ContactCardGet)
            if found.state != seen.state:
                return False
            for value in found.list_:
                self._describe(value, groups_of, seen)
        return True

    def _describe(self, value: object, groups_of: Mapping[str, list[Group]], seen: _Seen) -> None:
        """Take in what is said of one thing, if it may be changed."""
        try:
            card = read_card(value)
        except ProtocolError:
            return  # the replica tells of it
        if not isinstance(value, dict) or not self._books.may_write(card.book_ids):
            return
        summary, uid = card.summary, CardUid(bare_uid(card.summary.uid))
        if summary.is_group:
            is_written = self._books.chosen_id in card.book_ids
            seen.groups[card.id] = MadeGroup(
                uid, summary.name, is_group_unchanged(value), len(summary.members), is_written
            )
        elif address := address_of(uid, summary.parties):
            names = tuple(map(self._name_of, groups_of.get(uid, ())))
            alteration, email, kind = alteration_of_card(value, address), email_of(value), kind_of_card(value)
            seen.cards[card.id] = MadeCard(uid, summary.name, address, alteration, names, email, kind)

    def _memberships(self) -> dict[str, list[Group]]:
        """Return which groups of which books a card is in, by its identifier."""
        found: dict[str, list[Group]] = {}
        for group in self._replica.groups.values():
            for member in group.members:
                found.setdefault(bare_uid(member), []).append(group)
        return found

    def _name_of(self, group: Group) -> str:
        if self._books.chosen_id in group.book_ids:
            return group.name
        books = ", ".join(map(self._books.name_of, sorted(group.book_ids)))
        return f"{group.name} in {books}"
