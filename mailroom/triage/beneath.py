"""What is decided about a sender's domain, which counts as long as nothing is decided about them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from mailroom.model.address_book import SendersCards
from mailroom.model.party import Party, domain_behind
from mailroom.triage.decisions import Decision
from mailroom.triage.layout import Destination, Layout


@frozen
class Beneath:
    """What is decided about a sender's domain, which counts while nothing is decided about the sender.

    Attributes:
        until_now: Where their mail lay by that, or may have; nowhere where there is no such decision.
        from_now: Where it belongs by that; None where there is no such decision, or nobody knows which.
    """

    until_now: frozenset[Destination] = frozenset()
    from_now: Destination | None = None


NOTHING_BENEATH = Beneath()


@frozen
class Domains:
    """What is decided about senders' domains: in the contacts, and by decisions that are being carried out.

    Attributes:
        decisions: Those, by whom they are about.
        labelled: Of whom labels speak, those included that are left to the person.
    """

    decisions: Mapping[Party, Decision]
    labelled: frozenset[Party]
    contacts: SendersCards
    layout: Layout

    def beneath(self, decision: Decision) -> Beneath:
        """Return what is decided about a sender's domain; nothing where it is about no sender.

        A domain that is going elsewhere may be in its new group already, if an earlier cycle was cut off:
        until now its mail lay where it would lie without that.
        """
        party = decision.party
        domain = domain_behind(party)
        if domain is None:
            return NOTHING_BENEATH
        wanted = self.decisions.get(domain)
        cards = self.contacts.cards(domain)
        groups = {group for card in cards for group in self.contacts.groups(card.uid)}
        groups &= self.layout.destinations.keys()
        until_now = frozenset(self.layout.destinations[x] for x in groups - {wanted.group if wanted else ""})
        return Beneath(until_now, self._from_now(domain, wanted, until_now))

    def _from_now(
        self, domain: Party, wanted: Decision | None, until_now: frozenset[Destination]
    ) -> Destination | None:
        if wanted:
            undecided = wanted.category.is_undecided
            return None if undecided else self.layout.destination_of(wanted.category)
        return only_place(until_now) if domain not in self.labelled else None


def only_place(places: frozenset[Destination]) -> Destination | None:
    """Return the one place; None where there are several, of which nobody can know which is meant."""
    return next(iter(places)) if len(places) == 1 else None
