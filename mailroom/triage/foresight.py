"""An account as it will be after a cycle, as far as that tells whose mail is swept after it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Self

from attrs import frozen

from mailroom.model.address_book import Contacts, SendersCards
from mailroom.model.contacts import Card, CardUid
from mailroom.model.mail import Message
from mailroom.model.party import Party
from mailroom.triage.plan import Filing
from mailroom.triage.view import MailView
from mailroom.triage.work import Work


@frozen
class CardsAfter(SendersCards):
    """Senders' cards once they are filed: a card that others share changes its groups for them, too.

    Attributes:
        now: As they are.
        joined: Which group a card will be in.
        left: Which groups cards will have left.
    """

    now: SendersCards
    joined: Mapping[CardUid, str]
    left: Collection[tuple[str, CardUid]]

    @classmethod
    def of(cls, now: SendersCards, filings: Collection[Filing]) -> Self:
        """Return them after these filings."""
        joined = {each.card.uid: str(each.group) for each in filings if each.card and each.joins}
        return cls(now, joined, frozenset().union(*(filing.departures for filing in filings)))

    def cards(self, address: Party) -> Sequence[Card]:
        """Return the cards that are there already; a new one is of who is filed, and has nothing waiting."""
        return self.now.cards(address)

    def knows_lists(self) -> bool:
        """Whether it is known of every card which mailing lists it stands for."""
        return self.now.knows_lists()

    def groups(self, uid: CardUid) -> Collection[str]:
        """Return the groups of a card."""
        staying = {name for name in self.now.groups(uid) if (name, uid) not in self.left}
        return staying | ({self.joined[uid]} if uid in self.joined else set())


def message_after(
    message: Message, work: Work, view: MailView, contacts: Contacts, names: Mapping[Party, str]
) -> Message:
    """Return a message as a cycle leaves it, before it sweeps after what was decided earlier.

    Args:
        names: What senders are called on their cards.
    """
    layout = view.layout
    message = work.unlabelled(message, layout, contacts).applied_to(message)
    message = work.swept(message, layout).applied_to(message)
    if message.id in view.marked.messages:
        message = work.concluded(message, layout, names).applied_to(message)
    return message
