"""What lies in Screener although a decision counts for it, or its sender is known. Pure.

Screener is for senders that nobody has decided on. Mail of others gets there when a rule is missing,
came late or reaches too far, or when mail and triage crossed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from attrs import frozen

from mailroom.model.address import Address
from mailroom.model.address_book import SendersCards
from mailroom.model.mail import Change, MailboxId, Message
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party
from mailroom.model.scheme import Scheme
from mailroom.triage.decisions import Decision, whom_behind
from mailroom.triage.layout import Layout
from mailroom.triage.plan import NO_CHANGE, Filing, file_sender, sweep, triage_groups_of
from mailroom.triage.report import Waiting
from mailroom.triage.ruling import Ruling, labelled_parties, parties_of, sender_of


@frozen
class MisplacedMail:
    """The mail in Screener that should not be there, by the parties whose decisions count for it.

    A party whose label has not been worked off is left out: it is under way, or left to the person.

    Attributes:
        stragglers: How parties in one triage group are filed.
        in_several_groups: The groups of parties in more than one, for the person to choose from.
        in_no_group: Senders with a card that is in no triage group, and for whom no other decision counts.
        message_counts: For each of all these how many messages there are.
        undecided: The senders in no group, and those without a card.
    """

    stragglers: dict[Party, Filing]
    in_several_groups: dict[Party, tuple[str, ...]]
    in_no_group: frozenset[Address]
    message_counts: Counter[Party]
    undecided: frozenset[Address]
    _ruling: Ruling

    def party_of(self, message: Message) -> Party | None:
        """Return the party whose decision counts for a message; None where there is no such decision."""
        return self._ruling.party_of(message)

    def counts_for(self, message: Message) -> Party | None:
        """Return to whom a message counts: that party, or else its sender."""
        return self.party_of(message) or sender_of(message)

    def is_undecided(self, message: Message) -> bool:
        """Whether nobody's decision counts for a message that waits."""
        return sender_of(message) in self.undecided and self.party_of(message) is None


def find_misplaced(
    messages: Iterable[Message],
    contacts: SendersCards,
    layout: Layout,
    scheme: Scheme,
    own: OwnAddresses,
) -> MisplacedMail:
    """Sort the mail in Screener.

    Args:
        messages: Every message in Screener, and every one with a triage label wherever it lies.
    """
    seen = tuple(messages)
    labelled = labelled_parties(seen, layout)
    ruling = Ruling(contacts, layout.destinations.keys(), dict.fromkeys(labelled, ""), own)
    decided: dict[Party, list[Message]] = {}
    others: dict[Address, int] = Counter()
    for message in seen:
        if layout.screener not in message.mailbox_ids or layout.is_protected(message):
            continue
        party = ruling.party_of(message)
        if party is None:
            if (sender := sender_of(message)) and not ruling.is_own(parties_of(message)):
                others[sender] += 1
        elif party not in labelled:
            decided.setdefault(party, []).append(message)
    stragglers: dict[Party, Filing] = {}
    in_several_groups: dict[Party, tuple[str, ...]] = {}
    for party, theirs in decided.items():
        cards = contacts.cards(party)
        match triage_groups_of(cards, contacts.groups, scheme):
            case [group]:
                decision = Decision(whom_behind(party, theirs[0]), scheme.category_of(group), is_old=True)
                stragglers[party] = file_sender(decision, cards, contacts.groups, layout)
            case groups:
                in_several_groups[party] = tuple(group.name for group in groups)
    in_no_group = frozenset(sender for sender in others if contacts.cards(sender))
    counts: Counter[Party] = Counter({party: len(theirs) for party, theirs in decided.items()})
    counts.update({sender: others[sender] for sender in others if sender in in_no_group})
    return MisplacedMail(stragglers, in_several_groups, in_no_group, counts, frozenset(others), ruling)


def count_waiting(messages: Iterable[Message], screener: MailboxId) -> Waiting:
    """Count what lies in Screener."""
    waiting = [message for message in messages if screener in message.mailbox_ids]
    senders = {sender for message in waiting if (sender := sender_of(message))}
    dates = filter(None, (message.received_at for message in waiting))
    return Waiting(len(waiting), len(senders), min(dates, default=""))


def release_contact(
    message: Message, senders: Collection[Party], misplaced: MisplacedMail, layout: Layout
) -> Change:
    """Say how a message of one of some contacts in no triage group gets out of Screener, to the Inbox."""
    here, sender = message.mailbox_ids, sender_of(message)
    is_theirs = sender in senders and sender in misplaced.in_no_group and misplaced.is_undecided(message)
    if (
        not is_theirs
        or layout.screener not in here
        or layout.is_labelled(message)
        or layout.is_protected(message)
    ):
        return NO_CHANGE
    return Change(add=frozenset({layout.inbox}) - here, remove=frozenset({layout.screener}))


def sweep_straggler(message: Message, misplaced: MisplacedMail, layout: Layout) -> Change:
    """Say how a message gets out of Screener to where its sender belongs."""
    party = misplaced.party_of(message)
    filing = misplaced.stragglers.get(party) if party else None
    # The label may be as new as this view of the message: then the next cycle decides.
    if filing is None or layout.screener not in message.mailbox_ids or layout.is_labelled(message):
        return NO_CHANGE
    return sweep(message, filing, layout)
