"""Which decision counts for a message: the one place that knows. Pure.

A message has several parties: the mailing lists it came over, its sender, and everybody at the sender's
domain. The first of them counts about whom something is decided, in the contacts, or about whom something
is being decided just now: a label speaks of them, or the person has named them otherwise. So a decision
about one sender stands beside another about their whole domain, whichever came first, and nothing that is
meant for the many moves mail of the one. Of several lists that counts whose contact group comes first in the
scheme, as the server's rules do which follow from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from attrs import Factory, define

from mailroom.model.address import Address
from mailroom.model.address_book import SendersCards
from mailroom.model.contacts import Card, CardUid
from mailroom.model.mail import Message
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party, PartyKind, domain_of, kind_of, shown, whole_domain
from mailroom.model.sender import Correspondent
from mailroom.model.shared_domains import why_shared
from mailroom.triage.layout import Layout

SHOWN_LISTS = 4
"""As many as a person reads in one sentence."""


def sender_of(message: Message) -> Address | None:
    """Return the sender's address, or None where there is no sender who could be filed."""
    return message.sender.address if isinstance(message.sender, Correspondent) else None


def parties_of(message: Message) -> tuple[Party, ...]:
    """Return about whom a decision may count for a message, who counts most first; perhaps nobody."""
    lists = [each.party for each in message.lists]
    sender = sender_of(message)
    if sender is None:
        return tuple(lists)
    domain = whole_domain(sender)
    return (*lists, sender, domain) if domain else (*lists, sender)


def why_nobody(message: Message, layout: Layout) -> str:
    """Say why the labels on a message speak of nobody, though it has a sender; empty where they do.

    Nothing is decided about a domain that strangers share. It can be taken back all the same.
    """
    sender, kinds = sender_of(message), layout.kinds_on(message)
    if not kinds or (sender is None and PartyKind.LIST not in kinds):
        return ""
    labels = layout.categories_on(message)
    if not labels:
        alone = " and ".join(
            sorted(layout.paths.get(x, x) for x in message.mailbox_ids & layout.scopes.keys())
        )
        return f"{alone} says about whom, but not what: put a triage label beside it, or take it off"
    if PartyKind.LIST in kinds:
        return _why_no_list(message, layout)
    if sender and PartyKind.DOMAIN in kinds and not all(category.is_undecided for category in labels):
        return _why_not_whole(sender)
    return ""


def _why_no_list(message: Message, layout: Layout) -> str:
    """Say why nothing is decided about the list that a message came over; empty where it may be."""
    scopes = sorted(layout.paths.get(x, x) for x in message.mailbox_ids & layout.scopes.keys())
    if len(scopes) > 1:
        return f"{' and '.join(scopes)} are on one message: take off all of them but one"
    instead = f"take {scopes[0]} off to decide about its sender alone"
    match message.lists:
        case []:
            return f"it came over no mailing list that says which one it is (List-Id): {instead}"
        case [_]:
            return ""
        case lists:
            names = " and ".join(sorted(shown(each.party) for each in lists)[:SHOWN_LISTS])
            return f"it came over {names}, and nobody can know which is meant: {instead}"


def _why_not_whole(sender: Address) -> str:
    """Say why nothing is decided about everybody at a sender's domain; empty where it may be."""
    domain = whole_domain(sender)
    if why := why_shared(domain_of(domain or sender)):
        return f"{why}, so decide about this sender alone: take the label for domains off"
    return "" if domain else "the sender's domain has an asterisk in it, so nothing is decided about it"


def subject_of(message: Message, layout: Layout) -> Party | None:
    """Return of whom the labels on a message speak, its sender without one; None where of nobody."""
    sender, kinds = sender_of(message), layout.kinds_on(message)
    if why_nobody(message, layout):
        return None
    if PartyKind.LIST in kinds:
        return message.lists[0].party
    if not sender:
        return None
    return whole_domain(sender) if PartyKind.DOMAIN in kinds else sender


def labelled_parties(messages: Iterable[Message], layout: Layout) -> frozenset[Party]:
    """Return of whom labels speak: they are under way, or left to the person."""
    spoken_of = (subject_of(message, layout) for message in messages if layout.is_labelled(message))
    return frozenset(filter(None, spoken_of))


class Nobody:
    """Contacts as long as nobody has read any (implements `SendersCards`)."""

    def cards(self, _: Party) -> Sequence[Card]:
        """No card."""
        return ()

    def groups(self, _: CardUid) -> Collection[str]:
        """No group."""
        return ()

    def knows_lists(self) -> bool:
        """Whether it is known of every card which mailing lists it stands for: there is none."""
        return True


@define
class Ruling:
    """Says whose decision counts, by the contacts and labels of one moment.

    Attributes:
        groups: The names of the triage groups in the order of the scheme; who is in one is decided on.
        under_way: About whom something is being decided, with the group they are to be in; it is empty where
            that is none, or left to the person.
        own: The person's own addresses, for whose mail no decision counts.
    """

    contacts: SendersCards = Factory(Nobody)
    groups: Collection[str] = ()
    under_way: Mapping[Party, str] = MappingProxyType({})
    own: OwnAddresses = Factory(OwnAddresses)
    _known: dict[Party, int | None] = Factory(dict)

    def party_of(self, message: Message) -> Party | None:
        """Return the party whose decision counts for a message; None where there is no such decision."""
        return self.first_of(parties_of(message))

    def first_of(self, parties: Sequence[Party]) -> Party | None:
        """Return the first of a message's parties about whom something is decided.

        What a list delivers goes where the list goes, whoever wrote it: the person, too.
        """
        return next((x for x in self.counting(parties) if self._rank(x) is not None), None)

    def counting(self, parties: Sequence[Party]) -> Sequence[Party]:
        """Return about which of a message's parties a decision can count for it, who counts most first.

        As long as a list may be decided on without that being known, what it delivers goes nowhere by others.
        """
        lists = [x for x in parties if kind_of(x) is PartyKind.LIST]
        if len(lists) > 1:
            ranks = {x: len(self.groups) if (rank := self._rank(x)) is None else rank for x in lists}
            lists.sort(key=ranks.__getitem__)
        is_unsure = bool(lists) and not self.contacts.knows_lists()
        return (
            lists if is_unsure or self.is_own(parties) else [*lists, *(x for x in parties if x not in lists)]
        )

    def is_own(self, parties: Iterable[Party]) -> bool:
        """Whether the person wrote it themselves, or may have."""
        return any(x in self.own or self.own.may_hold(x) for x in parties)

    def is_decided(self, party: Party) -> bool:
        """Whether a contact group says something of a party."""
        return self._place(party) is not None

    def _rank(self, party: Party) -> int | None:
        """Return the place of the group that stands for a party, or is to stand for it; None without one.

        What is being taken back, or waits for the person, comes before all: nobody knows yet what follows.
        """
        if party not in self.under_way:
            return self._place(party)
        group = self.under_way[party]
        return list(self.groups).index(group) if group in self.groups else -1

    def _place(self, party: Party) -> int | None:
        if party not in self._known:
            groups = {
                group for card in self.contacts.cards(party) for group in self.contacts.groups(card.uid)
            }
            places = (place for place, group in enumerate(self.groups) if group in groups)
            self._known[party] = next(places, None)
        return self._known[party]
