"""Where mail goes whose party's decision is taken back: where the next decision wants it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from mailroom.model.mail import Message
from mailroom.model.party import Party
from mailroom.triage.beneath import only_place
from mailroom.triage.layout import Destination, Layout
from mailroom.triage.plan import Filing
from mailroom.triage.ruling import Ruling, parties_of


def filing_for(
    message: Message, filing: Filing, filings: Mapping[Party, Filing], ruling: Ruling, layout: Layout
) -> Filing:
    """Return how a message is filed whose party is filed so.

    Where a decision is taken back, the next one counts that there is for this message: so it goes where it
    belongs in one step, and what is told of it can be taken back.

    Args:
        filings: How parties are filed, that one among them.
    """
    if not filing.decision.category.is_undecided:
        return filing
    parties = ruling.counting(parties_of(message))
    behind = parties[parties.index(filing.decision.party) + 1 :]
    place = _place_of(behind, filings, ruling, layout)
    if place == filing.beneath.from_now:
        return filing
    beneath = evolve(filing.beneath, from_now=place)
    return evolve(filing, beneath=beneath, destination=place or Destination(layout.screener))


def _place_of(
    parties: Sequence[Party], filings: Mapping[Party, Filing], ruling: Ruling, layout: Layout
) -> Destination | None:
    """Return where mail belongs by the first of its parties that is decided on; None where none is.

    One about whom something is left to the person is no place to send mail to.
    """
    for party in parties:
        if filing := filings.get(party):
            if not filing.decision.category.is_undecided:
                return filing.destination
        elif party in ruling.under_way:
            return None
        elif groups := _groups_of(party, filings, ruling, layout):
            return only_place(frozenset(layout.destinations[group] for group in groups))
    return None


def _groups_of(
    party: Party, filings: Mapping[Party, Filing], ruling: Ruling, layout: Layout
) -> frozenset[str]:
    """Return the triage groups that a party's cards stay in; they may share one with who is leaving."""
    cards, groups_of = ruling.contacts.cards(party), ruling.contacts.groups
    lines = {
        (group, card.uid) for card in cards for group in groups_of(card.uid) if group in layout.destinations
    }
    if lines:  # it is asked of each message, and hardly any has somebody there
        lines = lines.difference(*(filing.departures for filing in filings.values()))
    return frozenset(group for group, _ in lines)
