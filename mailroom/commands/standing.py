"""How a sender, a whole domain or a list stands: by its cards and groups, and whose decision counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from mailroom.commands.journaled import moment
from mailroom.journal.entry import Entry
from mailroom.model.address_book import Contacts
from mailroom.model.contacts import Card
from mailroom.model.party import Party, PartyKind, domain_of, kind_of, shown
from mailroom.model.scheme import ContactGroup, Scheme
from mailroom.model.shared_domains import why_shared
from mailroom.triage.plan import triage_groups_of


@frozen
class Standing:
    """What is known of one party.

    Attributes:
        cards: Each of its cards with the triage groups that it is in.
        groups: These groups.
        since: When the journal says that it came into its group, RFC 3339 in UTC; empty where it does not.
    """

    party: Party
    cards: Sequence[tuple[Card, Sequence[str]]]
    groups: Sequence[ContactGroup]
    since: str

    @property
    def says(self) -> str:
        """The group, and since when, in words; empty where there is none."""
        names = ", ".join(group.name for group in self.groups)
        since = f", since {moment(self.since)}" if self.since else ""
        return f"in the contact group {names}{since}" if names else ""


def find_standing(party: Party, contacts: Contacts, scheme: Scheme, entries: Iterable[Entry]) -> Standing:
    """Return how a party stands, by the contacts as they are, and what the journal says, newest first."""
    cards = contacts.cards(party)
    groups = triage_groups_of(cards, contacts.groups, scheme)
    since = ""
    if len(groups) == 1:
        since = next(
            (
                entry.at
                for entry in entries
                for each in entry.decided
                if each.address == party and each.group == groups[0].name
            ),
            "",
        )
    return Standing(party, [(card, sorted(contacts.groups(card.uid))) for card in cards], groups, since)


def in_order(standings: Iterable[Standing], scheme: Scheme) -> list[Standing]:
    """Sort a message's parties as their decisions count: of several lists that of the first group does."""
    groups = list(scheme.all_groups)

    def place(standing: Standing) -> tuple[int, int]:
        kind = kind_of(standing.party)
        is_list = kind is PartyKind.LIST
        rank = groups.index(standing.groups[0]) if is_list and standing.groups else len(groups)
        return list(PartyKind).index(kind), rank

    return sorted(standings, key=place)


def counting(standings: Sequence[Standing]) -> Standing | None:
    """Return whose decision counts, of a message's parties in their order; None where nothing is decided."""
    return next((each for each in standings if each.groups), None)


def say_decided(standing: Standing) -> str:
    """Say what is decided about a party that is in a triage group at least."""
    if len(standing.groups) > 1:
        return f"in several triage groups: {', '.join(group.name for group in standing.groups)}"
    return f"decided on: {standing.says}"


def say_standing(asked: Standing, standings: Sequence[Standing]) -> str:
    """Say what is decided about who was asked about, and whether something else counts.

    Args:
        standings: Of all parties of their mail, in the order in which decisions count, `asked` among them.
    """
    counts = counting(standings)
    if len(asked.groups) > 1:
        return say_decided(asked)
    if asked.groups:
        others = [shown(each.party) for each in standings if each.groups and each is not counts]
        before = f"; that counts before what is decided about {' and '.join(others)}" if others else ""
        return f"{say_decided(asked)}{before if counts is asked else _after(counts)}"
    whose = "its card is" if kind_of(asked.party) is PartyKind.LIST else "a contact"
    own = f"{whose} in no triage group" if asked.cards else "undecided"
    if counts is None:
        return own + _beside(asked, standings)
    here = " for this message" if kind_of(counts.party) is PartyKind.LIST else ""
    return (
        f"{own} by themselves: what counts{here} is the decision about {shown(counts.party)}, {counts.says}"
    )


def _beside(asked: Standing, standings: Sequence[Standing]) -> str:
    """Say what there is to know of a domain on which nothing is decided."""
    domain = _domain_of(standings)
    if domain is asked and (why := why_shared(domain_of(asked.party))):
        return f", and no label decides about it: {why}"
    is_known = domain and domain is not asked and domain.cards
    return f"; {shown(domain.party)} is a contact in no triage group" if domain and is_known else ""


def _domain_of(standings: Sequence[Standing]) -> Standing | None:
    return next((each for each in standings if kind_of(each.party) is PartyKind.DOMAIN), None)


def _after(counts: Standing | None) -> str:
    return (
        f"; before that counts what is decided about {shown(counts.party)}, {counts.says}" if counts else ""
    )


def say_new_mail(asked: Standing, standings: Sequence[Standing], scheme: Scheme) -> str:
    """Say where new mail goes; of a sender, what they write to the person alone."""
    standings = [each for each in standings if each is asked or kind_of(each.party) is not PartyKind.LIST]
    counts = counting(standings)
    if counts is None:
        return _undecided_mail(asked, standings, scheme)
    if len(counts.groups) > 1:
        return "goes where the first of your rules puts it: leave them in one of these groups"
    (group,) = counts.groups
    places = ", ".join(dict.fromkeys((group.mailbox or "the Inbox", *group.also)))
    match kind_of(counts.party):
        case PartyKind.SENDER:
            return f"goes to {places}, by your rule for the contact group {group.name}"
        case PartyKind.DOMAIN:
            rule = f"your rule for the contact group {group.name}"
        case PartyKind.LIST:
            rule = "your rule for the list"
    return f"goes to {places}, by {rule} or, where the server has none that knows it, by Mailroom"


def _undecided_mail(asked: Standing, standings: Sequence[Standing], scheme: Scheme) -> str:
    """Say where new mail goes for which no decision counts."""
    if kind_of(asked.party) is PartyKind.LIST:
        return "goes where its writers' mail goes: nothing is decided about the list"
    domain = _domain_of(standings)
    if asked.cards and asked is not domain:
        return "goes to the Inbox: they are a contact"
    knows = ""
    if domain and domain.cards:  # some servers take such a card for a contact of each of them
        knows = f"the Inbox where your server takes {domain.party} for everyone there, and else to "
    return f"goes to {knows}{scheme.screener}: nothing is decided"
