"""What Mailroom did at one time, as a record; `recording` makes it, and its JSON is in `form`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from attrs import evolve, frozen

from mailroom.model.contacts import CardKind, CardUid
from mailroom.model.party import Party
from mailroom.triage.moves import Move
from mailroom.triage.pointer import Pointer

NO_CARD = CardUid("")

MAX_RECORDED_SENDERS = 5_000
"""How many senders an entry names of each kind."""


class Cause(Enum):
    """What did it."""

    CYCLE = "cycle"
    APPLY = "apply"
    APPROVE = "approve"
    RESCUE = "rescue"
    UNDO = "undo"


@frozen
class GoneCard:
    """What a contact card said that was deleted, so that the same can be made again.

    Attributes:
        email: The address on it, as it was written; empty where it had none.
    """

    name: str
    email: str
    kind: CardKind


@frozen
class Decided:
    """What was decided about one sender, and what became of it.

    Attributes:
        name: What the sender is called; perhaps empty.
        category: The category's title.
        group: The contact group that stands for it; empty where nothing is decided on them any more.
        former_groups: The triage groups that they were in before.
        joined: The group and the card that was put into it; nothing where it was there already.
        left: The groups that were left, each with the card that was taken out of it.
        card_uid: Their card; empty where there is none.
        is_card_new: Whether it was made for this.
        gone_cards: Their cards that were deleted.
        gone_card: What one of these said; None where none was, or nobody knows any more.
        card_kept: Why somebody on whom nothing is decided any more has a card all the same; else empty.
        label: The triage label that said so; empty where none did.
        labelled: The newest message with it.
        messages_moved: How many of their messages were moved.
        moves: How, as far as it is recorded.
        takes_back: The entries whose work on this sender was taken back, by their ids.
        falls_to: Their domain, where what is decided about it counts for them now that their own decision is
            taken back; else empty.
    """

    address: Party
    name: str
    category: str
    group: str
    former_groups: tuple[str, ...] = ()
    joined: tuple[tuple[str, CardUid], ...] = ()
    left: tuple[tuple[str, CardUid], ...] = ()
    card_uid: CardUid = NO_CARD
    card_name: str = ""
    is_card_new: bool = False
    gone_cards: tuple[CardUid, ...] = ()
    gone_card: GoneCard | None = None
    card_kept: str = ""
    label: str = ""
    labelled: Pointer | None = None
    messages_moved: int = 0
    moves: tuple[Move, ...] = ()
    takes_back: tuple[str, ...] = ()
    falls_to: str = ""

    @property
    def left_groups(self) -> list[str]:
        """The names of the groups that were left, sorted."""
        return sorted({group for group, _ in self.left})

    @property
    def has_changed(self) -> bool:
        """Whether anything is another way than it was, but for the label."""
        return bool(self.joined or self.left or self.is_card_new or self.gone_cards or self.messages_moved)


@frozen
class Swept:
    """Mail of a sender decided on before that got to where it belongs.

    Attributes:
        moves: How it moved, as far as it is recorded.
    """

    address: Party
    messages_moved: int
    moves: tuple[Move, ...] = ()


@frozen
class Told:
    """A message of which something is to be said.

    Attributes:
        reason: What.
    """

    message: Pointer
    reason: str


@frozen
class Misnamed:
    """A message that got the warning label: its name is no form of what the sender's card shows."""

    message: Pointer
    name_on_card: str


@frozen
class Failed:
    """A sender of whom something was left undone, and why."""

    address: Party
    reason: str


@frozen
class SetAside:
    """A sender who is not as before, because somebody has decided on them since.

    Attributes:
        takes_back: The entries of which nothing more is to be taken back for this sender, by their ids.
    """

    address: Party
    reason: str
    takes_back: tuple[str, ...]


@frozen
class Entry:
    """What Mailroom did at one time.

    Attributes:
        id: Follows from all the rest, so that an entry that is there twice is known as one.
        at: When it was done, RFC 3339 in UTC with milliseconds, so that text order is time order.
        decided: Senders who were filed, or on whom nothing is decided any more.
        swept: Mail of others that got to where it belongs.
        released: Messages whose label just came off, each with why.
        warned: Messages that got the warning label.
        left: Messages that are left to the person, each with why.
        failed: Senders, of both kinds, of whom something was left undone.
        set_aside: Senders who are not as before although that was wanted.
        passed: Messages that went from Screener to the Inbox because they answer the person, each with why.
        senders_left_out: How many senders and messages the entry has no room for.
        began: When the work began, likewise; empty where that is not known.
    """

    id: str
    at: str
    cause: Cause
    decided: tuple[Decided, ...] = ()
    swept: tuple[Swept, ...] = ()
    released: tuple[Told, ...] = ()
    warned: tuple[Misnamed, ...] = ()
    left: tuple[Told, ...] = ()
    failed: tuple[Failed, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    passed: tuple[Told, ...] = ()
    senders_left_out: int = 0
    began: str = ""

    def shortened(self, most: int) -> Entry:
        """Return the entry with at most so many senders and messages of each kind."""
        if self.longest <= most:
            return self
        return evolve(
            self,
            decided=self.decided[:most],
            swept=self.swept[:most],
            released=self.released[:most],
            warned=self.warned[:most],
            left=self.left[:most],
            failed=self.failed[:most],
            set_aside=self.set_aside[:most],
            passed=self.passed[:most],
            senders_left_out=self.senders_left_out + sum(max(0, len(each) - most) for each in self._lists),
        )

    @property
    def longest(self) -> int:
        """How many senders and messages it names of the kind that there are most of."""
        return max(map(len, self._lists))

    @property
    def _lists(self) -> tuple[Sequence[object], ...]:
        named = (self.decided, self.swept, self.released, self.warned, self.left, self.failed)
        return (*named, self.set_aside, self.passed)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was done: what failed or is left to the person alone is no entry."""
        done = self.decided or self.swept or self.released or self.warned
        return not (done or self.set_aside or self.passed)

    @property
    def moves_recorded(self) -> int:
        """How many messages were moved of which the entry tells from where to where."""
        decided = (count_moves(each.moves) for each in self.decided)
        return sum(decided) + sum(count_moves(each.moves) for each in self.swept)

    @property
    def moves_left_out(self) -> int:
        """How many messages were moved of which the entry does not tell from where to where."""
        moved = sum(each.messages_moved for each in self.decided) + sum(
            each.messages_moved for each in self.swept
        )
        return moved - self.moves_recorded


def count_moves(moves: Sequence[Move]) -> int:
    """Return how many messages moved."""
    return sum(len(each.message_ids) for each in moves)
