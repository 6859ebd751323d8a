"""The person's contacts over JMAP (RFC 9610) as triage sees them: cards and their groups in one request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from mailroom.contacts.view import ContactsView, find_meant
from mailroom.errors import ServerError
from mailroom.jmap.client import JmapClient
from mailroom.jmap.contact_books import RIGHTS_WANTED, ContactBooks
from mailroom.jmap.contact_creation import Creation, creation_of_card, creation_of_group
from mailroom.jmap.contact_edits import Edits, open_edits
from mailroom.jmap.contact_replica import ContactReplica
from mailroom.jmap.contact_writing import ContactWriter
from mailroom.model.address_book import AddressBook, Advance, Enrolled, Joining, Refused, untold
from mailroom.model.contacts import Card, CardUid, Made, MadeCard, MadeGroup, Membership, NewCard
from mailroom.model.party import Party

if TYPE_CHECKING:
    from mailroom.jmap.contact_removal import ContactRemover


class JmapAddressBook:
    """A person's contacts on a JMAP server (implements `AddressBook`); for one thread.

    What writes says of each item why it was not done, and raises only `AuthenticationError`, where the
    credentials are refused, and `StoppedError`, where the process is to end.

    Args:
        groups: The names of the triage groups. They decide which of several address books is written.
        way_on: What a person can do where the server offers no contacts.
        further_groups: Triage groups that may be missing.
        beside: Opens the same contacts over a protocol that keeps members of other accounts; None where
            there is none. It is opened when a group has such members.
    """

    def __init__(
        self,
        client: JmapClient,
        groups: Iterable[str],
        beside: Callable[[], AddressBook] | None = None,
        *,
        way_on: str = RIGHTS_WANTED,
        further_groups: Iterable[str] = (),
    ) -> None:
        names = frozenset(groups)
        all_names = names.union(further_groups)
        self._client = client
        self._replica = ContactReplica(client, all_names)
        self._books = ContactBooks(client, self._replica, names, all_names)
        self._writer = ContactWriter(client, self._replica)
        client.companion = self._replica
        self._open_beside = beside
        self._way_on = way_on
        self._beside: AddressBook | None = None

    def refresh(self) -> ContactsView:
        """Read what has changed since the last time; one request where little has.

        Raises:
            AuthenticationError: The credentials are refused.
            ServerError: The server as a whole fails, or offers no contacts.
        """
        if self._client.session.contacts is None:
            raise ServerError(f"the mail server offers no contacts over JMAP to this token: {self._way_on}")
        self._books.refresh()
        return self.latest()

    def catch_up(self) -> ContactsView:
        """Take in what the last look at the mail has shown of the contacts; see `AddressBook.catch_up`."""
        if not self._replica.take_heard():
            return self.refresh()
        self._books.settle()
        return self.latest()

    def has_changed(self) -> bool:
        """Whether the last look at the mail has shown other contacts; see `AddressBook.has_changed`."""
        return self._replica.has_heard_of_changes()

    def changes_read(self) -> int:
        """Return how many readings have brought something new; see `AddressBook.changes_read`."""
        return self._replica.changes_read

    def has_lists(self) -> bool:
        """Whether a card stands for a mailing list; see `AddressBook.has_lists`."""
        return self._replica.cards.has_lists

    def latest(self) -> ContactsView:
        """Return the last reading with what was changed here since; see `AddressBook.latest`."""
        return ContactsView(self._replica.cards, self._books.groups(), not self._replica.unread_notes)

    def problems(self) -> Sequence[str]:
        """Say why nothing may be written, and what to do; see `AddressBook.problems`."""
        return self._books.problems()

    def left_out(self) -> Sequence[str]:
        """Say what is there and could not be read; see `AddressBook.left_out`."""
        return self._books.left_out()

    def create(self, cards: Sequence[NewCard], advance: Advance = untold) -> Mapping[Party, Card | Refused]:
        """Make the cards; for each address the card, or why there is none. See `AddressBook.create`."""
        return self._enrol({None: Joining(new=tuple(cards))}, advance).cards

    def enrol(self, joining: Mapping[str, Joining], advance: Advance = untold) -> Enrolled:
        """Make cards, and put them and others into contact groups; see `AddressBook.enrol`."""
        return self._enrol(dict(joining.items()), advance)

    def regroup(self, memberships: Mapping[str, Membership]) -> Mapping[str, str]:
        """Change contact groups, by name, all in one write; for each that failed, why."""
        try:
            if problems := self._books.problems():
                return dict.fromkeys(memberships, problems[0])
            edits = self._edits(memberships)
        except ServerError as error:
            return dict.fromkeys(memberships, str(error))
        failed = self._writer.write((), edits.patches, untold)
        return edits.failed | edits.by_name(failed) | self._regroup_beside(edits.beside)

    def create_groups(self, names: Sequence[str]) -> Mapping[str, str]:
        """Make the contact groups that are not there; for each that could not be made, why."""
        try:
            there = {group.name for group in self._books.groups()}
            missing = [name for name in dict.fromkeys(names) if name not in there]
            if reason := next(iter(self._books.problems()), "") or self._books.why_unsure():
                return dict.fromkeys(missing, reason)
            book_id = self._books.chosen_id
        except ServerError as error:
            return dict.fromkeys(names, str(error))
        creations = {name: creation_of_group(name, self._replica, book_id) for name in missing}
        self._writer.write(list(creations.values()), {}, untold)
        return {
            name: each.outcome.reason for name, each in creations.items() if isinstance(each.outcome, Refused)
        }

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

    def _remover(self) -> ContactRemover:
        from mailroom.jmap.contact_removal import ContactRemover  # noqa: PLC0415 - who only files takes nothing away

        return ContactRemover(self._client, self._replica, self._books)

    def _enrol(self, joining: Mapping[str | None, Joining], advance: Advance) -> Enrolled:
        """Make cards, and put them and others into contact groups; into none where its name is None."""
        try:
            cards, newcomers, memberships = self._known(joining)
            edits = self._edits(memberships)
            reason = self._books.why_no_card()
            problems = self._books.problems()
            book_id = self._books.chosen_id
        except ServerError as error:
            return _all_refused(joining, str(error))
        if problems:
            edits = Edits(failed=dict.fromkeys(memberships, problems[0]))
        creations: dict[Party, Creation] = {}
        for new, group in newcomers:
            if why_not := reason or edits.failed.get(group or "", ""):
                cards[new.address] = Refused(why_not)
            else:
                group_id = edits.ids.get(group or "")
                creations[new.address] = creation_of_card(new, self._replica, book_id, group_id)
        failed = edits.by_name(self._writer.write(list(creations.values()), edits.patches, advance))
        for address, creation in creations.items():
            cards[address] = self._outcome(address, creation)
        beside = {
            name: _with_those_made(membership, joining[name].new, cards)
            for name, membership in edits.beside.items()
        }
        return Enrolled(cards, edits.failed | failed | self._regroup_beside(beside))

    def _known(
        self, joining: Mapping[str | None, Joining]
    ) -> tuple[dict[Party, Card | Refused], list[tuple[NewCard, str | None]], dict[str, Membership]]:
        """Return whose card is there, or can be none; who gets one for which group; and who joins each."""
        contacts = self.latest()
        cards: dict[Party, Card | Refused] = {}
        newcomers: list[tuple[NewCard, str | None]] = []
        memberships: dict[str, Membership] = {}
        for group, each in joining.items():
            uids = set(each.uids)
            for new in each.new:
                if known := contacts.known(new.address):
                    cards[new.address] = known
                    uids |= {known.uid} if isinstance(known, Card) else set()
                else:
                    newcomers.append((new, group))
            if group is not None:
                memberships[group] = Membership(add=frozenset(uids))
        return cards, newcomers, memberships

    def _edits(self, memberships: Mapping[str, Membership]) -> Edits:
        meant, failed = find_meant(self._books.groups(), memberships)
        may_go_beside = self._open_beside is not None
        return open_edits(self._client, self._replica, meant, failed, may_go_beside=may_go_beside)

    def _outcome(self, address: Party, creation: Creation) -> Card | Refused:
        if isinstance(creation.outcome, Refused):
            return creation.outcome
        cards = self.latest().cards(address)
        found = next((card for card in cards if card.uid == creation.outcome), None)
        return found or Refused("the contact card just made does not appear in the address book")

    def _regroup_beside(self, memberships: Mapping[str, Membership]) -> dict[str, str]:
        """Change groups over the protocol that keeps members of other accounts."""
        if not memberships or self._open_beside is None:
            return {}
        try:
            self._beside = self._beside or self._open_beside()
            self._beside.refresh()
            failed = dict(self._beside.regroup(memberships))
            self._books.refresh()
        except ServerError as error:
            return dict.fromkeys(memberships, str(error))
        return failed


def _with_those_made(
    membership: Membership, new: Iterable[NewCard], cards: Mapping[Party, Card | Refused]
) -> Membership:
    made = (cards[each.address] for each in new)
    return Membership(add=membership.add | {card.uid for card in made if isinstance(card, Card)})


def _all_refused(joining: Mapping[str | None, Joining], reason: str) -> Enrolled:
    cards = {card.address: Refused(reason) for each in joining.values() for card in each.new}
    return Enrolled(cards, {name: reason for name in joining if name is not None})
