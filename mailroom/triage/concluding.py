"""What is concluded together with the move of a sender's last messages, and what senders are called. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from mailroom.model.address_book import Contacts
from mailroom.model.mail import Change, Message, Snapshot
from mailroom.model.party import Party
from mailroom.triage.layout import Layout
from mailroom.triage.plan import NO_CHANGE, card_name
from mailroom.triage.ruling import sender_of
from mailroom.triage.work import Work


def names_for(snapshot: Snapshot, contacts: Contacts, work: Work, layout: Layout) -> dict[Party, str]:
    """Return the name on each sender's card: the one they are filed under in this cycle, or would be."""
    senders = {sender for message in snapshot.messages.values() if (sender := sender_of(message))}
    names = {sender: card_name(contacts.cards(sender), contacts.groups, layout) for sender in senders}
    return names | {x: filing.name_on_card for x, filing in work.filings.items()}


def concluded_with_move(message: Message, work: Work, layout: Layout, names: Mapping[Party, str]) -> Change:
    """Say how the label comes off a message once nothing but that is left to be done for its sender.

    Else it stays for the end of the cycle: the label is the only record that something is to be done. So it
    does where a mark goes on: whether the person has taken one like it off before is looked at just then.

    Args:
        message: As it is once it has moved.
        names: What senders are called on their cards.
    """
    filing = work.filing_said_on(message, layout)
    if filing is None or not filing.ends_with_move or message.id in work.rejected:
        return NO_CHANGE
    if filing.decision.category not in layout.categories_on(message):
        return NO_CHANGE
    change = work.concluded(message, layout, names)
    return NO_CHANGE if change.add - {layout.screener} else change
