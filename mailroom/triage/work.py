"""What is under way in one cycle, or by one file of decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from attrs import Factory, define, evolve, field

from mailroom.model.address_book import Contacts, SendersCards
from mailroom.model.contacts import CardUid, NewCard
from mailroom.model.mail import Change, Message, MessageId, Snapshot
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party
from mailroom.model.ports import Update
from mailroom.triage.conversations import Meant, Released
from mailroom.triage.decisions import Decision, Rejection
from mailroom.triage.falling import filing_for
from mailroom.triage.labels import conclude, name_differs, release
from mailroom.triage.layout import Layout
from mailroom.triage.moves import Move, is_only_labelled_otherwise, moves_of
from mailroom.triage.outcome import by_party
from mailroom.triage.plan import NO_CHANGE, Filing, sweep
from mailroom.triage.report import Filed
from mailroom.triage.ruling import Ruling, parties_of, sender_of, subject_of

Task = tuple[Party, str] | MessageId
"""What may be refused again and again: filing a party for a category, or marking a message."""


@define
class Work:
    """Parties and messages on their way through a cycle.

    Attributes:
        decisions: What the person decided.
        rejected: Labelled messages that are left to the person.
        released: Labelled messages of which the label does not speak: it just comes off; each with why.
        postponed: For each party about whom nothing can be decided yet, why.
        labelled: Of whom labels speak, those included that are left to the person.
        own: The person's own addresses.
        set_aside: For each party that is not to be as before, because somebody decided on them since, why.
        held: What was refused lately, and is left alone in this cycle.
        filings: How parties are filed; one stands here until something of theirs fails.
        broken_off: How parties were being filed of whom something failed then.
        failed: For each party of whom something failed, why.
        refused: For each message of others whose labels or marks could not be changed, why.
        moved: For each party how many messages were moved.
        accepted: Messages of which no warning is due: the person has taken one off before that was the same.
        moved_ids: These messages; `writes` is how often one of them was moved.
        moves: How they moved, as far as it is remembered.
        gone_cards: For each party on whom nothing is decided any more, the cards that were deleted.
        gone_texts: What one of these said, as far as it was read right before.
        resting: Parties and messages to which nothing is done in this cycle: they are held, or postponed.
        staying: For each party how many messages stay where somebody has moved them since.
        ended: How parties were filed whose labels came off with their last messages.
        kept_cards: For each party on whom nothing is decided any more and which has a card all the same, why.
    """

    decisions: tuple[Decision, ...]
    rejected: dict[MessageId, Rejection]
    released: dict[MessageId, Released] = Factory(dict)
    postponed: dict[Party, str] = Factory(dict)
    labelled: frozenset[Party] = frozenset()
    own: OwnAddresses = Factory(OwnAddresses)
    set_aside: dict[Party, str] = Factory(dict)
    held: frozenset[Task] = frozenset()
    filings: dict[Party, Filing] = Factory(dict)
    broken_off: dict[Party, Filing] = Factory(dict)
    failed: dict[Party, str] = Factory(dict)
    refused: dict[MessageId, str] = Factory(dict)
    moved: Counter[Party] = Factory(Counter)
    moved_ids: set[MessageId] = Factory(set)
    writes: int = 0
    moves: dict[Party, tuple[Move, ...]] = Factory(dict)
    gone_cards: dict[Party, frozenset[CardUid]] = Factory(dict)
    gone_texts: dict[Party, NewCard] = Factory(dict)
    staying: dict[Party, int] = Factory(dict)
    kept_cards: dict[Party, str] = Factory(dict)
    ended: tuple[Filed, ...] = ()
    accepted: frozenset[MessageId] = frozenset()
    resting: frozenset[Party | MessageId] = field(init=False)
    _ruling: Ruling = field(init=False, factory=Ruling)

    def __attrs_post_init__(self) -> None:
        held = (task[0] if isinstance(task, tuple) else task for task in self.held)
        self.resting = frozenset((*held, *self.postponed))

    def consult(self, contacts: SendersCards, layout: Layout) -> None:
        """Take in the contacts, which say who has a decision of their own."""
        under_way = dict.fromkeys(self.labelled, "")
        under_way |= {decision.party: decision.group for decision in self.decisions}
        self._ruling = Ruling(contacts, layout.destinations.keys(), under_way, self.own)

    def settle(self, meant: Meant) -> None:
        """Take in of whom the labels in conversations speak."""
        self.decisions = meant.decisions
        self.released |= meant.released
        self.rejected |= meant.rejected

    def hold_beside(self, marked: Snapshot) -> None:
        """Leave alone, too, who has a label beside one that lately did not come off.

        They could not be told from its sender later.
        """
        for message_id in self.released.keys() & self.held:
            beside = self._beside(self.released[message_id][0], marked)
            self.held |= {task_of(each) for each in beside}
            self.resting |= {each.party for each in beside}

    def is_under_way(self, party: Party) -> bool:
        """Whether something is being decided about a party, or is left to the person."""
        return party in self.labelled or any(each.party == party for each in self.decisions)

    @property
    def hopeful_decisions(self) -> list[Decision]:
        """The decisions about senders of whom nothing has failed yet."""
        return [decision for decision in self.decisions if decision.party not in self.failed]

    @property
    def has_work(self) -> bool:
        """Whether a decision is to be carried out in this cycle."""
        return any(task_of(decision) not in self.held for decision in self.decisions)

    def fail(self, party: Party, reason: str) -> None:
        """Let a party drop out of the steps that follow."""
        if filing := self.filings.pop(party, None):
            self.broken_off[party] = filing
        self.failed.setdefault(party, reason)

    def fail_release(self, message_id: MessageId, marked: Snapshot, reason: str) -> None:
        """Note that a label of which a message does not speak stays on.

        Everybody drops out who has a label in its conversation: they could not be told from its sender later.
        """
        message, _ = self.released.pop(message_id)
        self.refused[message_id] = reason
        for decision in self._beside(message, marked):
            self.fail(decision.party, reason)

    def _beside(self, message: Message, marked: Snapshot) -> list[Decision]:
        """Return the decisions whose labels are in the same conversation."""
        return [
            decision
            for decision in self.decisions
            if any(marked.messages[x].thread_id == message.thread_id for x in decision.message_ids)
        ]

    @property
    def coming_off(self) -> dict[MessageId, Released]:
        """The messages that are released in this cycle."""
        return {x: each for x, each in self.released.items() if x not in self.held}

    def party_of(self, message: Message) -> Party | None:
        """Return the party that is filed and whose decision counts for a message, if there is one."""
        parties = parties_of(message)
        if self.filings.keys().isdisjoint(parties):
            return None
        party = self._ruling.first_of(parties)
        return party if party in self.filings else None

    def filing_of(self, message: Message, layout: Layout) -> Filing | None:
        """Return how the party is filed whose decision counts for a message, if it is."""
        party = self.party_of(message)
        return filing_for(message, self.filings[party], self.filings, self._ruling, layout) if party else None

    def filing_said_on(self, message: Message, layout: Layout) -> Filing | None:
        """Return how the party is filed of which the labels on a message speak, if it is."""
        subject = subject_of(message, layout)
        return self.filings.get(subject) if subject else None

    def rests(self, message: Message, layout: Layout) -> bool:
        """Whether nothing more is to be done to a message in this cycle."""
        subject = subject_of(message, layout)
        return subject in self.failed or subject in self.resting or message.id in self.resting

    def swept(self, message: Message, layout: Layout) -> Change:
        """Say how a message gets to where its sender's mail belongs."""
        filing = self.filing_of(message, layout)
        if filing is None:
            return NO_CHANGE
        former = filing.former
        return NO_CHANGE if former and former.settles(message, layout) else sweep(message, filing, layout)

    def put_back(self, message: Message, layout: Layout) -> Change:
        """Say how a message gets back to where it was before what is taken back."""
        filing = self.filing_of(message, layout)
        former = filing.former if filing else None
        if former is None or message.id not in former.ways:
            return NO_CHANGE
        return former.way_back(message, layout) or NO_CHANGE

    @property
    def known_ways(self) -> list[MessageId]:
        """The messages of filed senders of which it is known where they were before."""
        formers = (filing.former for filing in self.filings.values())
        return [message_id for former in formers if former for message_id in former.ways]

    def note_moves(self, update: Update, before: Snapshot, layout: Layout) -> None:
        """Note what became of messages that were to move; one that moved twice did so once.

        One of which nothing but a label came off has not moved.
        """
        self.writes += len(update.changed)
        now = update.snapshot.messages
        new = {
            x: was
            for x, was in update.former.items()
            if x not in self.moved_ids and not is_only_labelled_otherwise(was, now.get(x), layout)
        }
        self.moved_ids |= new.keys()
        update = evolve(update, former=new)
        outcome = by_party(update, before, self.party_of)
        self.moved += outcome.changed
        for party, moves in moves_of(update, layout, self.party_of).items():
            self.moves[party] = (*self.moves.get(party, ()), *moves)
        for party, reason in outcome.failed.items():
            self.fail(party, reason)

    def note_ended(self, marked: Snapshot, layout: Layout) -> None:
        """Note of whom nothing is left to be done, not even a label to be taken off.

        Args:
            marked: The messages that were labelled.
        """
        labelled: set[Task] = set()
        for message in marked.messages.values():
            if subject := subject_of(message, layout):
                labelled |= {(subject, category.title) for category in layout.categories_on(message)}
        self.ended = tuple(
            each
            for each in self.filed(marked)
            if each.filing.ends_with_move and task_of(each.filing.decision) not in labelled
        )

    def unlabelled(self, message: Message, layout: Layout, contacts: Contacts) -> Change:
        """Say how the label comes off a message of which it does not speak, if this is one."""
        if message.id not in self.released:
            return NO_CHANGE
        ruling = Ruling(contacts, layout.destinations.keys(), own=self.own)
        labels = self.released[message.id][0].mailbox_ids & layout.speaking
        return release(message, labels, layout, is_decided=ruling.party_of(message) is not None)

    def concluded(self, message: Message, layout: Layout, names: Mapping[Party, str]) -> Change:
        """Say which labels come off a message, and which go on.

        Args:
            names: What senders are called on their cards.
        """
        if self.rests(message, layout):
            return NO_CHANGE
        sender = sender_of(message)
        return conclude(
            message,
            self.filing_said_on(message, layout),
            layout,
            rejection=self.rejected.get(message.id),
            differs=name_differs(message, names.get(sender, "") if sender else ""),
            is_accepted=message.id in self.accepted,
        )

    def refusals(self) -> set[Task]:
        """Return what was refused in this cycle."""
        senders = (task_of(decision) for decision in self.decisions if decision.party in self.failed)
        return {*senders, *self.refused}

    def foreseen(self) -> tuple[tuple[Filing, int], ...]:
        """Return how the parties would be filed, each with how many of their messages would move."""
        return tuple((filing, self.moved[party]) for party, filing in self.filings.items())

    def filed(self, marked: Snapshot) -> tuple[Filed, ...]:
        """Say how the parties were filed of whom nothing failed.

        Args:
            marked: The labelled messages.
        """

        def labelled(filing: Filing) -> Message | None:
            return next(
                (marked.messages[x] for x in filing.decision.message_ids if x in marked.messages), None
            )

        return tuple(
            Filed(
                filing,
                self.moved[party],
                self.kept_cards.get(party, ""),
                self.gone_cards.get(party, frozenset()),
                self.moves.get(party, ()),
                labelled(filing),
                self.staying.get(party, 0),
                self.gone_texts.get(party),
            )
            for party, filing in self.filings.items()
        )


def task_of(decision: Decision) -> Task:
    """Return what a decision is remembered by; another label on the party is another task."""
    return decision.party, decision.category.title
