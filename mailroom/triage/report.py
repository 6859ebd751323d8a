"""What a cycle did, or would do."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Factory, frozen

from mailroom.model.contacts import CardUid, NewCard
from mailroom.model.mail import Message, MessageId
from mailroom.model.party import Party
from mailroom.triage.moves import Move, Moves
from mailroom.triage.plan import Filing


@frozen
class Filed:
    """A sender who was filed, or on whom nothing is decided any more.

    Attributes:
        messages_moved: How many of their messages got another place.
        card_kept: Why somebody on whom nothing is decided any more has a card all the same; else empty.
        gone_cards: Those of their cards that were deleted.
        moves: How their messages moved, as far as it is remembered; see `MAX_RECORDED_MOVES`.
        labelled: The newest message with the label; None where no label stands for it.
        staying: How many messages do not lie where they were before, because somebody has moved them since.
        gone_text: What one of the deleted cards said, so that it can be made again; None where nobody knows.
    """

    filing: Filing
    messages_moved: int
    card_kept: str = ""
    gone_cards: frozenset[CardUid] = frozenset()
    moves: tuple[Move, ...] = ()
    labelled: Message | None = None
    staying: int = 0
    gone_text: NewCard | None = None


@frozen
class Rejected:
    """A labelled message that is left to the person, and why.

    Attributes:
        is_new: Whether it is told for the first time: it got the error label in this cycle, or can bear
            none and has not been told of since the start.
    """

    message: Message
    reason: str
    is_new: bool

    @property
    def message_id(self) -> MessageId:
        """The server's name for the message."""
        return self.message.id


@frozen
class Unmarked:
    """A message of somebody who was not filed, whose labels could not be put on or taken off, and why."""

    message: Message
    reason: str


@frozen
class Warned:
    """A message that got the warning label.

    Attributes:
        name_on_card: What the sender's card shows, which the name in the message is no form of.
    """

    message: Message
    name_on_card: str


@frozen
class Waiting:
    """What waits in Screener, as far as a cycle looked there anyway.

    Attributes:
        senders: From how many senders it is; None where the messages were not read.
        oldest_at: When the oldest message arrived, RFC 3339 in UTC; empty where that is not known.
    """

    messages: int
    senders: int | None = None
    oldest_at: str = ""


@frozen
class Answer:
    """A message in Screener that answers the person.

    Attributes:
        message: As it waited there.
        reason: Why it is one; of one that could not be moved, why not.
    """

    message: Message
    reason: str


@frozen
class RepliesReport:
    """What became of mail in Screener that answers the person.

    Attributes:
        passed: What went to the Inbox, without a card and without a decision.
        failed: What could not be moved; it is tried again.
        postponed: Why nothing could be seen now, where that was not told before; empty where it could.
        left: How many messages are yet to be looked at, in the cycles that follow.
    """

    passed: tuple[Answer, ...] = ()
    failed: tuple[Answer, ...] = ()
    postponed: str = ""
    left: int = 0

    @property
    def says_nothing(self) -> bool:
        """Whether nothing was moved, nor tried."""
        return not (self.passed or self.failed or self.postponed)


@frozen
class SweepReport:
    """What became of mail in Screener whose senders were decided on before.

    Attributes:
        moved: For each sender how many of their messages were moved to where they belong.
        moves: How they moved, as far as it is remembered; see `MAX_RECORDED_MOVES`.
        failed: For each sender of whom a message could not be moved, why.
        postponed: Why nothing could be swept now; empty where it could.
        waiting: What is left in Screener; None where nobody looked.
        replies: What became there of mail that answers the person, of senders on whom nothing is decided.
    """

    moved: dict[Party, int] = Factory(dict)
    failed: dict[Party, str] = Factory(dict)
    postponed: str = ""
    waiting: Waiting | None = None
    moves: Moves = Factory(dict)
    replies: RepliesReport = RepliesReport()

    @property
    def says_nothing(self) -> bool:
        """Whether nothing was moved, nor tried."""
        return self.replies.says_nothing and not (self.moved or self.failed or self.postponed)

    @property
    def messages_moved(self) -> int:
        """How many messages were moved in all."""
        return sum(self.moved.values())


NOTHING_SWEPT = SweepReport()

ADDRESS_BOOK = "the address book"
"""What a problem is about that keeps contacts from being read or written; see `UserError.about`."""


@frozen
class Standing:
    """What a cycle saw of what still waits, told or not: where something is missing here, it is over.

    Attributes:
        resting: Senders and messages that were left alone, since something of theirs was refused lately.
        unswept: Senders decided on before of whom a message could not be moved, and is tried again.
        unreadable: For each message that the server gives in no form that can be read, why.
        contacts: What of the contacts could not be read, and why nothing may be written to them; None where
            nobody looked.
    """

    resting: frozenset[Party | MessageId] = frozenset()
    unswept: frozenset[Party] = frozenset()
    unreadable: Mapping[MessageId, str] = Factory(dict)
    contacts: tuple[str, ...] | None = None


@frozen
class Report:
    """What a cycle did.

    Attributes:
        released: Labelled messages whose label just came off: it did not speak of them; each with why.
        failed: For each sender whose label was left for the next cycle, why.
        unmarked: Messages of senders who were not filed, on which a label or mark could not be changed.
        warned: Messages marked with the warning label in this cycle.
        unreadable: For each message that the server gives in no form that can be read, why; only those
            that the cycle before has not told.
        unreadable_contacts: What of the contacts could not be read, and why; likewise.
        swept: What became of mail of senders decided on before.
        set_aside: Senders of whom something was to be taken back and on whom somebody has decided since; they
            stand in `failed`, too.
        waiting: What waits in Screener, as the cycle saw it last.
        standing: What still waits; None where not all was looked at, as when a file is carried out.
        seconds: How long it took.
    """

    filed: tuple[Filed, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    released: tuple[tuple[Message, str], ...] = ()
    failed: dict[Party, str] = Factory(dict)
    unmarked: tuple[Unmarked, ...] = ()
    warned: tuple[Warned, ...] = ()
    unreadable: dict[MessageId, str] = Factory(dict)
    unreadable_contacts: tuple[str, ...] = ()
    swept: SweepReport = SweepReport()
    set_aside: dict[Party, str] = Factory(dict)
    waiting: Waiting | None = None
    standing: Standing | None = None
    seconds: float = 0.0

    @property
    def replies(self) -> RepliesReport:
        """What became of mail in Screener that answers the person."""
        return self.swept.replies

    @property
    def has_failures(self) -> bool:
        """Whether something was left undone that the next cycle tries again."""
        return bool(self.failed or self.unmarked)

    @property
    def says_nothing_new(self) -> bool:
        """Whether the cycle did nothing, and found nothing that has not been told before."""
        news = (
            self.filed,
            self.released,
            self.warned,
            self.unreadable,
            self.unreadable_contacts,
            self.has_failures,
        )
        return not any(news) and self.swept.says_nothing and not any(each.is_new for each in self.rejected)


@frozen
class Forecast:
    """What the next cycle would do, with each filing the number of messages it would move.

    Attributes:
        rejected: Labelled messages that would be left to the person, and why.
        released: Those of which the label does not speak, so that it would just come off; each with why.
        unreadable: For each message that the server gives in no form that can be read, why.
        stragglers: Senders decided on before whose mail would be swept out of Screener.
        left: Senders who would not be filed although no label stands for it, and why.
        set_aside: Those of them on whom somebody has decided since what was to be taken back.
        staying: For each sender how many messages would stay where somebody has moved them since.
        replies: Mail that answers the person and would go from Screener to the Inbox.
    """

    filings: tuple[tuple[Filing, int], ...]
    rejected: tuple[tuple[Message, str], ...]
    unreadable: Mapping[MessageId, str] = Factory(dict)
    stragglers: tuple[tuple[Filing, int], ...] = ()
    left: Mapping[Party, str] = Factory(dict)
    released: tuple[tuple[Message, str], ...] = ()
    set_aside: Mapping[Party, str] = Factory(dict)
    staying: Mapping[Party, int] = Factory(dict)
    replies: tuple[Answer, ...] = ()

    @property
    def changes(self) -> tuple[tuple[Filing, int], ...]:
        """The filings that would change anything, in the address book or of where mail lies."""
        return tuple((filing, n) for filing, n in self.filings if filing.changes_contacts or n)

    @property
    def is_empty(self) -> bool:
        """Whether no message carries a label, and none waits that would be moved."""
        labelled = self.filings or self.rejected or self.released or self.unreadable or self.left
        return not (labelled or self.stragglers or self.replies)
