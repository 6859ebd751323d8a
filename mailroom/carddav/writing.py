"""Writes cards and contact groups into one address book, each so that a repetition changes nothing more."""

from __future__ import annotations

import time

from attrs import evolve

from mailroom.carddav.cards import StoredCard, resource_name
from mailroom.carddav.client import CardDavClient
from mailroom.carddav.compose import compose_card, compose_group
from mailroom.carddav.discovery import Collection
from mailroom.carddav.members import edit_members
from mailroom.carddav.multistatus import read_uid_conflict
from mailroom.carddav.replica import Group
from mailroom.carddav.vcard import summarize
from mailroom.contacts.identity import MAX_UIDS, card_uids, group_uids
from mailroom.errors import PreconditionFailedError, ServerError, StatusError
from mailroom.model.contacts import Membership, NewCard

MAX_REGROUP_ATTEMPTS = 5


class CardWriter:
    """Makes cards and changes groups; may be used from several threads.

    Every method raises `ServerError` where the server does not do it, with the reason.
    """

    def __init__(self, client: CardDavClient, book: Collection) -> None:
        self._client = client
        self._book = book

    def create_card(self, new: NewCard) -> StoredCard:
        """Make a sender's card, or return the one that stands where it belongs and has their address."""
        for uid in card_uids(new.address):
            stored = self._write_new(f"{uid}.vcf", compose_card(new, uid))
            if stored is not None and new.address in summarize(stored.octets).parties:
                return stored
        raise ServerError(f"{MAX_UIDS} names for the contact card of {new.address} are taken by other cards")

    def create_group(self, name: str) -> StoredCard:
        """Make a contact group, or return the one of this name that stands where it belongs."""
        for uid in group_uids(name):
            stored = self._write_new(f"{uid}.vcf", compose_group(name, uid))
            summary = summarize(stored.octets) if stored else None
            if stored and summary and summary.is_group and summary.name == name:
                return stored
        raise ServerError(f"{MAX_UIDS} names for it are taken by other cards")

    def regroup(self, group: Group, membership: Membership) -> Group:
        """Change the members of a group; return it as it is now."""
        refused = ""
        for _ in range(MAX_REGROUP_ATTEMPTS):
            try:
                if group.octets is None or not group.etag:
                    group = self._reread(group)
                return self._change_members(group, membership)
            except PreconditionFailedError as error:
                if group.octets is None:
                    continue  # it changed while it was read
                if group.etag == refused:
                    raise ServerError(
                        f"the server rejects the ETag that it gave for the contact group {group.name!r}"
                    ) from error
                refused = group.etag
                group = evolve(group, octets=None)
        raise ServerError(
            f"the contact group {group.name!r} changed {MAX_REGROUP_ATTEMPTS} times while being edited"
        )

    def _write_new(self, resource: str, card: bytes) -> StoredCard | None:
        """Write a card, or return the one that stands in its place."""
        try:
            etag = self._client.write_card(self._book, resource, card)
        except PreconditionFailedError:
            # It may be ours: the answer to an earlier attempt was lost.
            return self._client.read_exact_card(self._book, resource)
        except StatusError as error:
            # Another card has the UID (RFC 6352 section 6.3.2.1, no-uid-conflict); the answer may say which.
            conflict = read_uid_conflict(error.body) if error.status == 403 else None
            if conflict is None:
                raise
            return self._client.read_exact_card(self._book, resource_name(conflict)) if conflict else None
        return StoredCard(resource, etag, card, is_exact=True, created=int(time.time()))

    def _change_members(self, group: Group, membership: Membership) -> Group:
        assert group.octets is not None
        joining = sorted(membership.add - group.members)
        # An older Cyrus reads MEMBER in a way of its own; the members that are there may tell.
        as_written = summarize(group.octets).members
        is_read_otherwise = bool(as_written) and as_written.isdisjoint(group.members)
        changed = group
        for prefixed in (is_read_otherwise, not is_read_otherwise):
            edited = edit_members(group.octets, joining, membership.remove, prefixed=prefixed)
            if edited is not group.octets:
                changed = self._write(changed if changed.etag else self._reread(group), edited)
            if changed.members.issuperset(joining):
                return changed
        raise ServerError(
            f"the server does not recognise the new members of the contact group {group.name!r}"
        )

    def _write(self, group: Group, card: bytes) -> Group:
        """Write a group's card over the version that is known.

        Raises:
            PreconditionFailedError: There is another version now.
        """
        etag = self._client.write_card(self._book, group.resource, card, group.etag)
        group = evolve(group, modified=0)
        members = summarize(card).members
        if group.is_shown_otherwise:
            # Whom the provider's rules will take for a member, only the provider knows.
            shown = self._client.read_card(self._book, group.resource)
            if shown is None or (etag and shown.etag and shown.etag != etag):
                raise PreconditionFailedError(f"{group.resource} changed as soon as it was written")
            etag = etag or shown.etag
            members = summarize(shown.octets).members
            return evolve(group, etag=etag, octets=None, members=members)
        # Without an ETag the server has stored something else: it is read before the next edit.
        return evolve(group, etag=etag, octets=card, members=members)

    def _reread(self, group: Group) -> Group:
        """Read a group's card byte for byte.

        Raises:
            ServerError: It cannot be read, or it is not that group any more.
        """
        stored = self._client.read_exact_card(self._book, group.resource)
        if stored is None:
            raise ServerError(f"the contact group {group.name!r} is gone")
        summary = summarize(stored.shown or stored.octets)
        if not summary.is_group or summary.name != group.name:
            raise ServerError(f"the contact group {group.name!r} is no longer a contact group")
        if not stored.etag:
            raise ServerError(f"the server gives the contact group {group.name!r} no ETag")
        return evolve(
            group,
            etag=stored.etag,
            octets=stored.octets,
            members=summary.members,
            is_shown_otherwise=stored.shown is not None,
        )
