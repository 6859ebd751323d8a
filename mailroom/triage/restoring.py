"""What was decided about a sender, taken back exactly: groups and cards as they were before. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from mailroom.model.contacts import Card, CardUid
from mailroom.triage.decisions import Decision
from mailroom.triage.layout import Layout
from mailroom.triage.plan import Filing

if TYPE_CHECKING:
    from mailroom.triage.former import Former, Line


def objection(
    former: Former, cards: Sequence[Card], groups_of: Callable[[CardUid], Collection[str]], layout: Layout
) -> str:
    """Say why a sender stays as they are: somebody has decided on them since. Empty where they do not.

    A taking back that was broken off has left them in groups of before and of afterwards.
    """
    if gone := former.groups - layout.destinations.keys():
        return f"they were in the contact group {min(gone)}, which no category stands for any more"
    now = {group for group, _ in _lines(cards, groups_of, layout)}
    is_on_the_way = former.later_groups <= now or former.groups <= now
    if is_on_the_way and now <= former.groups | former.later_groups:
        return ""
    where = f"in {' and '.join(sorted(now))}" if now else "in no triage group"
    return f"somebody has changed their contact groups since: they are {where} now, and stay there"


def restore_sender(
    decision: Decision,
    former: Former,
    cards: Sequence[Card],
    groups_of: Callable[[CardUid], Collection[str]],
    layout: Layout,
) -> Filing:
    """Say which groups a sender's cards join and leave so that all is as it was before.

    Args:
        decision: What was decided before; that nothing was, where they were in no triage group.
        cards: Every card with their address; at least one, unless nothing was decided.
    """
    now = _lines(cards, groups_of, layout)
    uids = {card.uid for card in cards}
    arriving = {line for line in former.left if line[1] in uids} - now
    lacking = former.groups - {group for group, _ in now | arriving}
    arriving |= {(group, cards[0].uid) for group in lacking}
    category = decision.category
    is_undecided = category.is_undecided
    departing = {line for line in former.joined & now if line[0] not in former.groups}
    destination = layout.destination_of(category)
    left = {layout.destinations[group] for group, _ in departing} - {destination}
    made = {card.uid for card in cards if card.is_made} & former.made_cards
    of_category = sorted(uid for group, uid in now | arriving if group == decision.group)
    chosen = next((card for card in cards if card.uid in of_category), next(iter(cards), None))
    primary = (str(decision.group), chosen.uid) if chosen else None
    return Filing(
        decision=decision,
        card=chosen,
        created=False,
        all_cards=frozenset(uids),
        joins=primary in arriving,
        departures=frozenset(departing),
        made_cards=frozenset(made if is_undecided else ()),
        destination=destination,
        former_mailboxes=frozenset(mailbox for each in left for mailbox in each.mailboxes),
        further_lines=frozenset(arriving - {primary}),
    )


def _lines(
    cards: Sequence[Card], groups_of: Callable[[CardUid], Collection[str]], layout: Layout
) -> set[Line]:
    return {(group, card.uid) for card in cards for group in layout.destinations.keys() & groups_of(card.uid)}
