"""Domains from which several strangers wait at once: one decision would do for all of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from attrs import frozen

from mailroom.model.party import PartyKind, domain_of
from mailroom.model.shared_domains import why_shared
from mailroom.triage.layout import Layout
from mailroom.triage.strangers import Stranger

LEAST_SENDERS = 3
"""From how many on it is worth telling: two may well be two people."""


@frozen
class Crowd:
    """Strangers who wait and write from one domain, which they do not share with everybody.

    Attributes:
        messages: How many of theirs wait.
    """

    domain: str
    senders: int
    messages: int


def find_crowds(strangers: Iterable[Stranger], layout: Layout) -> list[Crowd]:
    """Return the domains, where the most wait from first; none where nothing can be decided about domains."""
    if PartyKind.DOMAIN not in layout.scopes.values():
        return []
    by_domain: dict[str, list[Stranger]] = defaultdict(list)
    for each in strangers:
        by_domain[domain_of(each.who.address)].append(each)
    crowds = [
        Crowd(domain, len(theirs), sum(each.messages for each in theirs))
        for domain, theirs in by_domain.items()
        if len(theirs) >= LEAST_SENDERS and not why_shared(domain)
    ]
    return sorted(crowds, key=lambda crowd: (-crowd.senders, -crowd.messages, crowd.domain))
