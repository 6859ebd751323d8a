"""The person's address book as triage sees it: finds cards, makes cards, changes contact groups."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

from attrs import evolve, frozen

from mailroom.carddav.cards import StoredCard, card_name
from mailroom.carddav.client import CardDavClient, in_parallel
from mailroom.carddav.compose import compose_card, compose_group
from mailroom.carddav.members import edit_members
from mailroom.carddav.multistatus import read_uid_conflict
from mailroom.carddav.replica import Entry, Group, Replica
from mailroom.carddav.vcard import summarize
from mailroom.errors import PreconditionFailedError, ServerError, StatusError
from mailroom.http import HttpClient
from mailroom.triage.address import Address
from mailroom.triage.model import Card, CardUid, Membership, NewCard

MAX_REGROUP_ATTEMPTS = 5
MAX_CREATE_ATTEMPTS = 5
UID_NAMESPACE = uuid.UUID("0c5f3a34-6f0e-5b0b-9f5e-3d1c7a4e8b21")
DEFAULT_BOOK = "Default"
_UNREADABLE = frozenset({403, 404})


@frozen
class ContactsView:
    """The address book as of the last refresh, and the cards made since (implements `Contacts`).

    Of the contact groups, only the triage groups' members are known.
    """

    _replica: Replica
    _groups: tuple[Group, ...]

    def cards(self, address: Address) -> Sequence[Card]:
        """Every card that has `address`, in the order of the book.

        A card without a UID is left out, since no group could hold it; `create` then refuses to
        make a second one for the address and says why.
        """
        return [_card(entry) for entry in self._replica.find(address) if entry.uid]

    def groups(self, uid: CardUid) -> Collection[str]:
        """The names of the triage groups that have this card as a member."""
        return frozenset(group.name for group in self._groups if uid in group.members)

    def group_names(self) -> Sequence[str]:
        """The names of all contact groups; a name that two groups share stands twice."""
        return [group.name for group in self._groups]

    def group_uids(self) -> Mapping[str, CardUid]:
        """The identifier of each contact group, by its name."""
        return {group.name: CardUid(group.uid) for group in self._groups}


class CardDavAddressBook:
    """A person's contacts on a CardDAV server (implements `AddressBook`); for one thread.

    Args:
        http: Carries the credentials.
        url: Where to look for the address book: a server, a principal, or the address book itself.
        groups: The names of the triage groups. They decide which of several address books it is.
    """

    def __init__(self, http: HttpClient, url: str, groups: Iterable[str]) -> None:
        self._client = CardDavClient(http, url)
        self._groups = frozenset(groups)
        self._chosen: Replica | None = None

    def refresh(self) -> ContactsView:
        """Read what has changed since the last time; one request where nothing has.

        Raises:
            AuthenticationError: The credentials are refused.
            ServerError: The server as a whole fails.
        """
        if self._chosen is not None:
            try:
                self._chosen.refresh()
            except StatusError as error:
                if error.status not in {404, 410}:
                    raise
                self._chosen = None
        if self._chosen is None:
            self._chosen = self._choose()
        return self.latest()

    def latest(self) -> ContactsView:
        """Return the last reading with what was changed here since; see `AddressBook.latest`."""
        replica = self._replica()
        return ContactsView(replica, tuple(replica.groups.values()))

    def create(self, cards: Sequence[NewCard]) -> Mapping[Address, Card | str]:
        """Make the cards, several at a time; for each address the card, or why there is none.

        The card of an address has an identifier that follows from the address, and it is written
        only where there is none, so that neither a repetition nor a crash makes a second one. An
        address that has a card already gets that one.

        Raises:
            AuthenticationError: The credentials are refused.
            StoppedError: The process is to end.
        """
        wanted = {card.address: card for card in cards}
        replica = self._replica()
        outcomes = in_parallel(partial(self._create, replica), list(wanted.values()))
        made: dict[Address, Card | str] = {}
        for address, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, StoredCard):
                replica.keep_written(outcome)
                made[address] = _card(replica.find(address)[-1])
            else:
                made[address] = outcome
        return made

    def regroup(self, memberships: Mapping[str, Membership]) -> Mapping[str, str]:
        """Change contact groups, by name, one write each; for each that failed, why.

        Raises:
            AuthenticationError: The credentials are refused.
            StoppedError: The process is to end.
        """
        replica = self._replica()
        failed: dict[str, str] = {}
        edits: list[tuple[Group, Membership]] = []
        for name, membership in memberships.items():
            match replica.groups_named(name):
                case [group]:
                    edits.append((group, membership))
                case []:
                    failed[name] = f"there is no contact group {name!r}"
                case _:
                    failed[name] = f"several contact groups are called {name!r}"
        for (group, _), outcome in zip(
            edits, in_parallel(partial(self._regroup, replica), edits), strict=True
        ):
            if isinstance(outcome, str):
                failed[group.name] = outcome
            else:
                replica.groups[outcome.resource] = outcome
        return failed

    def create_groups(self, names: Sequence[str]) -> Mapping[str, str]:
        """Make the contact groups that are not there; for each that could not be made, why.

        As with cards, an identifier that follows from the name keeps a repetition from making two.

        Raises:
            AuthenticationError: The credentials are refused.
            StoppedError: The process is to end.
        """
        replica = self._replica()
        missing = [name for name in names if not replica.groups_named(name)]
        failed: dict[str, str] = {}
        for name, outcome in zip(
            missing, in_parallel(partial(self._create_group, replica), missing), strict=True
        ):
            if isinstance(outcome, StoredCard):
                replica.keep(outcome)
            else:
                failed[name] = outcome
        return failed

    def _replica(self) -> Replica:
        if self._chosen is None:
            self.refresh()
        assert self._chosen is not None
        return self._chosen

    def _choose(self) -> Replica:
        """Read the person's address books and take the one that has most of the triage groups."""
        books = self._client.discover()
        best: Replica | None = None
        best_score = (-1, False)
        for book in books:
            replica = Replica(self._client, book, self._groups)
            try:
                replica.refresh()
            except StatusError as error:
                if len(books) == 1 or error.status not in _UNREADABLE:
                    raise
                continue
            names = {group.name for group in replica.groups.values()}
            is_default = DEFAULT_BOOK in {book.name, book.url.rstrip("/").rpartition("/")[2]}
            score = (len(names & self._groups), is_default)
            if score > best_score:
                best, best_score = replica, score
        if best is None:
            raise ServerError("none of the account's address books can be read")
        return best

    def _create(self, replica: Replica, new: NewCard) -> Card | StoredCard | str:
        known = replica.find(new.address)
        for entry in known:
            if entry.uid:
                return _card(entry)
        if known:
            return f"the card {known[0].name!r} of {new.address} has no UID, so no group can hold it"
        if replica.unreadable:
            name, reason = next(iter(replica.unreadable.items()))
            return (
                f"the contact card {name!r} cannot be read, and may be theirs already: no card is made "
                f"until it can be, or is deleted ({reason})"
            )
        try:
            for attempt in range(MAX_CREATE_ATTEMPTS):
                salt = f"#{attempt}" if attempt else ""
                uid = CardUid(str(uuid.uuid5(UID_NAMESPACE, new.address + salt)))
                stored = self._write_new(replica, f"{uid}.vcf", compose_card(new, uid))
                if stored is not None and new.address in summarize(stored.octets).addresses:
                    return stored
            return f"{MAX_CREATE_ATTEMPTS} cards that are not of {new.address} stand where its card belongs"
        except ServerError as error:
            return str(error)

    def _create_group(self, replica: Replica, name: str) -> StoredCard | str:
        try:
            for attempt in range(MAX_CREATE_ATTEMPTS):
                salt = f"#{attempt}" if attempt else ""
                uid = CardUid(str(uuid.uuid5(UID_NAMESPACE, f"group {name}{salt}")))
                stored = self._write_new(replica, f"{uid}.vcf", compose_group(name, uid))
                summary = summarize(stored.octets) if stored else None
                if stored and summary and summary.is_group and summary.name == name:
                    return stored
            return f"{MAX_CREATE_ATTEMPTS} other cards stand where it belongs"
        except ServerError as error:
            return str(error)

    def _write_new(self, replica: Replica, resource: str, card: bytes) -> StoredCard | None:
        """Write a card, or return the one that stands in its place."""
        try:
            etag = self._client.write_card(replica.book, resource, card)
        except PreconditionFailedError:
            # It may be ours: the answer to an earlier attempt was lost.
            return self._client.read_card(replica.book, resource)
        except StatusError as error:
            conflict = read_uid_conflict(error.body) if error.status == 403 else None
            if conflict is None:
                raise
            return self._client.read_card(replica.book, card_name(conflict)) if conflict else None
        return StoredCard(resource, etag, card, is_exact=True, created=int(time.time()))

    def _regroup(self, replica: Replica, task: tuple[Group, Membership]) -> Group | str:
        """Change one group; return it as it is now, or why it could not be changed."""
        group, membership = task
        refused = ""
        try:
            for _ in range(MAX_REGROUP_ATTEMPTS):
                try:
                    if group.octets is None or not group.etag:
                        group = self._reread(replica, group)
                    return self._change_members(replica, group, membership)
                except PreconditionFailedError:
                    if group.octets is None:
                        continue  # it changed while it was read
                    if group.etag == refused:
                        return f"the server refuses the ETag that it gives the contact group {group.name!r}"
                    refused = group.etag
                    group = evolve(group, octets=None)
            return f"the contact group {group.name!r} changed {MAX_REGROUP_ATTEMPTS} times while being edited"
        except ServerError as error:
            return str(error)

    def _change_members(self, replica: Replica, group: Group, membership: Membership) -> Group:
        assert group.octets is not None
        joining = sorted(membership.add - group.members)
        # An older Cyrus reads MEMBER in a way of its own; the members that are there may tell.
        as_written = summarize(group.octets).members
        is_read_otherwise = bool(as_written) and as_written.isdisjoint(group.members)
        changed = group
        for prefixed in (is_read_otherwise, not is_read_otherwise):
            edited = edit_members(group.octets, joining, membership.remove, prefixed=prefixed)
            if edited is not group.octets:
                changed = self._write(
                    replica, changed if changed.etag else self._reread(replica, group), edited
                )
            if changed.members.issuperset(joining):
                return changed
        raise ServerError(f"the server does not see the new members of the contact group {group.name!r}")

    def _write(self, replica: Replica, group: Group, card: bytes) -> Group:
        """Write a group's card over the version that is known.

        Raises:
            PreconditionFailedError: There is another version now.
        """
        etag = self._client.write_card(replica.book, group.resource, card, group.etag)
        members = summarize(card).members
        if group.is_shown_otherwise:
            # Whom the provider's rules will take for a member, only the provider knows.
            shown = self._client.read_card(replica.book, group.resource)
            if shown is None or (etag and shown.etag and shown.etag != etag):
                raise PreconditionFailedError(f"{group.resource} changed as soon as it was written")
            etag = etag or shown.etag
            members = summarize(shown.octets).members
            return evolve(group, etag=etag, octets=None, members=members)
        # Without an ETag the server has stored something else: it is read before the next edit.
        return evolve(group, etag=etag, octets=card, members=members)

    def _reread(self, replica: Replica, group: Group) -> Group:
        """Read a group's card byte for byte.

        Raises:
            ServerError: It cannot be read, or it is not that group any more.
        """
        stored = self._client.read_exact_card(replica.book, group.resource)
        if stored is None:
            raise ServerError(f"the contact group {group.name!r} is gone")
        summary = summarize(stored.shown or stored.octets)
        if not summary.is_group or summary.name != group.name:
            raise ServerError(f"the contact group {group.name!r} has become something else")
        if not stored.etag:
            raise ServerError(f"the server gives the contact group {group.name!r} no ETag")
        return evolve(
            group,
            etag=stored.etag,
            octets=stored.octets,
            members=summary.members,
            is_shown_otherwise=stored.shown is not None,
        )


def _card(entry: Entry) -> Card:
    return Card(CardUid(entry.uid), entry.name, entry.created)
