"""Who shares a contact card, so that a decision about the one is one about the other. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from mailroom.model.address_book import SendersCards
from mailroom.model.contacts import Card, CardUid
from mailroom.model.mailing_list import is_posting_address
from mailroom.model.party import MailingList, Party, PartyKind, kind_of, shown
from mailroom.triage.plan import Filing


def conflicts_over_cards(filings: Iterable[Filing], contacts: SendersCards) -> dict[Party, str]:
    """Say of whom nothing can be decided without deciding about somebody else, and what to do."""
    listed = tuple(filings)
    beside = ((filing.decision.party, _why_not_alone(filing, contacts)) for filing in listed)
    return shared_card_conflicts(listed) | {party: reason for party, reason in beside if reason}


def shared_card_conflicts(filings: Iterable[Filing]) -> dict[Party, str]:
    """Find senders that share a contact card and are to be in different groups."""
    by_card: dict[CardUid, list[Filing]] = defaultdict(list)
    for filing in filings:
        for uid in filing.all_cards:
            by_card[uid].append(filing)
    conflicts = {}
    for sharing in by_card.values():
        if len({filing.group for filing in sharing}) > 1:
            parties = [filing.decision.party for filing in sharing]
            names = " and ".join(sorted(map(shown, parties)))
            remedy = _domain_off(parties) or "decide the same about all of them"
            says = f"{names} share a contact card, which can be in one group only: {remedy}"
            conflicts.update(dict.fromkeys(parties, says))
    return conflicts


def _why_not_alone(filing: Filing, contacts: SendersCards) -> str:
    """Say why filing a party would decide about another kind of party; empty where it would not.

    Several addresses on one card are one sender. But a person may note on their own card, or on that of
    whoever runs it, which list is theirs: that does not make all mail of theirs the list's.
    """
    party = filing.decision.party
    changed = {uid for _, uid in filing.arrivals | filing.departures}
    for card in contacts.cards(party):
        if card.uid in changed and (other := _other_on(card, party)):
            return f"{shown(other)} has the same contact card: {_remedy(card, party, other)}"
    return ""


def _other_on(card: Card, party: Party) -> Party | None:
    """Return somebody of another kind whom a card stands for, too; None where nobody is.

    On a list's card its posting address is the list. But who speaks of mail from that address does not
    speak of the list: whoever likes can put it into a From.
    """
    kind = kind_of(party)
    others = (each for each in card.parties if kind_of(each) is not kind)
    if kind is PartyKind.LIST:
        others = (each for each in others if not _is_posting_address(card, each))
    return next(others, None)


def _is_posting_address(card: Card, party: Party) -> bool:
    """Whether it is the address to which one writes to a list for which a card is."""
    lists = (MailingList(each) for each in card.parties if kind_of(each) is PartyKind.LIST)
    return any(is_posting_address(each, party) for each in lists)


def _remedy(card: Card, party: Party, other: Party) -> str:
    if _is_posting_address(card, party):
        return f"take {shown(party)} off it, or decide about the list"
    if card.is_list:
        return "take the line List-Id out of its note"
    if kind_of(party) is PartyKind.DOMAIN:
        return _domain_off([party, other])
    return f"give {shown(party)} a card of their own"


def _domain_off(sharing: Sequence[Party]) -> str:
    """Say what parts a domain from others on a card; empty where none is, or they are all domains.

    Whatever is decided, a domain is in another group than senders and lists.
    """
    domains = sorted(party for party in sharing if kind_of(party) is PartyKind.DOMAIN)
    if not domains or len(domains) == len(sharing):
        return ""
    return f"take {' and '.join(domains)} off it, and a decision about the domain makes a card of its own"
