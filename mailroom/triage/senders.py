"""Who writes: how often, over a list or not, what they are filed as, and what may fit them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from enum import Enum

from attrs import evolve, frozen

from mailroom.model.address import Address
from mailroom.model.address_book import Contacts
from mailroom.model.contacts import choose_card
from mailroom.model.mail import ARCHIVE_ROLE, INBOX_ROLE, MailboxId
from mailroom.model.mailboxes import MailboxTree, with_role
from mailroom.model.names import clean_name
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party, whole_domain
from mailroom.model.scheme import Category, Scheme
from mailroom.model.sender import Correspondent
from mailroom.triage.correspondence import Tallies, Tally
from mailroom.triage.plan import triage_groups_of

USUAL_FOR_LISTS = "Feed"
"""The title of the category that fits lists as long as the person has filed none."""


class SenderKind(Enum):
    """Who is behind an address, as far as old mail tells."""

    LIST = "list"
    """Most of their mail came over a list, or can be unsubscribed from."""

    PERSON = "person"
    """The person has written to them."""

    UNKNOWN = ""


@frozen
class Sender:
    """Somebody who writes, or who is filed although they do not.

    Attributes:
        who: With the name on their card where they are filed, else with the newest that they show.
        messages: How many messages of theirs were counted.
        last_at: When the newest of these arrived, RFC 3339 in UTC; empty where there are none.
        written: How many messages the person has sent them.
        categories: What they are filed as; several where they are in several groups.
        of_domain: What everybody at their domain is filed as; None where nothing is decided about the domain,
            or about them by themselves, which counts before.
        is_contact: Whether they have a card, in a triage group or not.
        suggestion: What may fit somebody who is not filed.
    """

    who: Correspondent
    messages: int
    last_at: str
    written: int
    kind: SenderKind
    categories: tuple[Category, ...]
    is_contact: bool
    of_domain: Category | None = None
    suggestion: Category | None = None

    @property
    def is_undecided(self) -> bool:
        """Whether no decision counts for their mail."""
        return not self.categories and self.of_domain is None


def places_to_look(tree: MailboxTree, scheme: Scheme) -> list[MailboxId]:
    """Return the mailboxes that tell who writes and hold mail: Inbox, Screener, destinations, Archive."""
    named = (each.id for name in (scheme.screener, *scheme.destinations) for each in tree.named(name))
    inbox, archive = (with_role(tree.mailboxes, role) for role in (INBOX_ROLE, ARCHIVE_ROLE))
    filled = {each.id for each in tree.mailboxes if each.total_messages}
    return [each for each in dict.fromkeys([*inbox, *named, *archive]) if each in filled]


def describe_senders(
    incoming: Tallies, outgoing: Tallies, contacts: Contacts, scheme: Scheme, own: OwnAddresses
) -> list[Sender]:
    """Describe who writes, the most frequent first, and then who is filed and does not.

    Args:
        incoming: Who wrote, and how much of it came over lists.
        outgoing: Whom the person has written to.
    """
    silent = (
        Tally(Correspondent(address, address, ""), 0, "")
        for address in sorted(map(Address, contacts.addresses()))
        if address not in own and incoming.of(address) is None
    )
    writing = [_describe(tally, outgoing, contacts, scheme) for tally in incoming.ranked()]
    filed = [each for each in (_describe(x, outgoing, contacts, scheme) for x in silent) if each.categories]
    habits = _Habits(writing, scheme)
    return [*(evolve(each, suggestion=habits.suggest(each)) for each in writing), *filed]


def _describe(tally: Tally, outgoing: Tallies, contacts: Contacts, scheme: Scheme) -> Sender:
    address = tally.who.address
    cards = contacts.cards(address)
    categories = _categories_of(address, contacts, scheme)
    domain = None if categories else whole_domain(address)
    of_domain = _categories_of(domain, contacts, scheme) if domain else ()
    name = tally.who.name
    if categories:
        card = choose_card(cards, {each.uid: contacts.groups(each.uid) for each in cards})
        name = _shown_name(card.name, address) or name
    sent = outgoing.of(address)
    return Sender(
        who=evolve(tally.who, name=name),
        messages=tally.messages,
        last_at=tally.last_at,
        written=sent.messages if sent else 0,
        kind=SenderKind.PERSON if sent else _kind_of(tally),
        categories=categories,
        is_contact=bool(cards),
        of_domain=of_domain[0] if len(of_domain) == 1 else None,
    )


def _categories_of(party: Party, contacts: Contacts, scheme: Scheme) -> tuple[Category, ...]:
    groups = triage_groups_of(contacts.cards(party), contacts.groups, scheme)
    return tuple(scheme.category_of(group) for group in groups)


def _shown_name(name: str, address: Address) -> str:
    return "" if name.casefold() == address else clean_name(name)


class _Habits:
    """What the person does with lists, read off what they have filed."""

    def __init__(self, senders: Iterable[Sender], scheme: Scheme) -> None:
        self._for_people = next((x for x in scheme.categories if x.approves), None)
        self._for_lists = next((x for x in scheme.categories if x.title == USUAL_FOR_LISTS), None)
        self._by_domain: dict[str, set[Category]] = defaultdict(set)
        counts: Counter[Category] = Counter()
        for sender in senders:
            if sender.kind is SenderKind.LIST:
                self._by_domain[_domain(sender)].update(sender.categories)
                counts.update(sender.categories)
        if counts:
            ((self._for_lists, _),) = counts.most_common(1)

    def suggest(self, sender: Sender) -> Category | None:
        """Suggest what fits somebody; nothing where they are filed, or where nothing tells."""
        if not sender.is_undecided:
            return None
        if sender.kind is SenderKind.LIST:
            of_domain: Sequence[Category] = list(self._by_domain.get(_domain(sender), ()))
            return of_domain[0] if len(of_domain) == 1 else self._for_lists
        if sender.kind is SenderKind.PERSON or sender.is_contact:
            return self._for_people
        return None


def _kind_of(tally: Tally) -> SenderKind:
    return SenderKind.LIST if 2 * tally.over_lists > tally.messages else SenderKind.UNKNOWN


def _domain(sender: Sender) -> str:
    return sender.who.address.rpartition("@")[2]
