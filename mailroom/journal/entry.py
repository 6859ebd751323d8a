"""What Mailroom did at one time, as a record; its JSON is in `form`. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import MappingProxyType

from attrs import evolve, frozen

from mailroom.model.address import Address
from mailroom.model.contacts import CardUid
from mailroom.model.scheme import Category
from mailroom.triage.approval import ApprovalReport
from mailroom.triage.moves import MAX_RECORDED_MOVES, Move
from mailroom.triage.pointer import Pointer, point_to
from mailroom.triage.report import Filed, Report

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
        card_kept: Why somebody on whom nothing is decided any more has a card all the same; else empty.
        label: The triage label that said so; empty where none did.
        labelled: The newest message with it.
        messages_moved: How many of their messages were moved.
        moves: How, as far as it is recorded.
        takes_back: The entries whose work on this sender was taken back, by their ids.
    """

    address: Address
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
    card_kept: str = ""
    label: str = ""
    labelled: Pointer | None = None
    messages_moved: int = 0
    moves: tuple[Move, ...] = ()
    takes_back: tuple[str, ...] = ()

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

    address: Address
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

    address: Address
    reason: str


@frozen
class SetAside:
    """A sender who is not as before, because somebody has decided on them since.

    Attributes:
        takes_back: The entries of which nothing more is to be taken back for this sender, by their ids.
    """

    address: Address
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

    @classmethod
    def of(
        cls,
        report: Report,
        cause: Cause,
        at: datetime,
        takes_back: Mapping[Address, Sequence[str]] = MappingProxyType({}),
    ) -> Entry:
        """Return what a report says, with no more moves than an entry holds.

        Args:
            at: The moment, with a time zone.
            takes_back: For each sender the entries that were taken back, by their ids.
        """
        decided = [_decided(each, takes_back.get(each.filing.decision.sender, ())) for each in report.filed]
        # What a file says again and again is no news where nothing came of it.
        decided = [each for each in decided if each.has_changed or each.label or each.takes_back]
        swept = [Swept(x, count, report.swept.moves.get(x, ())) for x, count in report.swept.moved.items()]
        failed = [
            Failed(sender, reason)
            for sender, reason in (*report.failed.items(), *report.swept.failed.items())
            if sender not in report.set_aside
        ]
        released = [Told(point_to(message), reason) for message, reason in report.released]
        warned = [Misnamed(point_to(each.message), each.name_on_card) for each in report.warned]
        left = [Told(point_to(each.message), each.reason) for each in report.rejected]
        aside = [SetAside(x, reason, tuple(takes_back.get(x, ()))) for x, reason in report.set_aside.items()]
        entry = cls(
            "",
            _moment(at),
            cause,
            tuple(decided),
            tuple(swept),
            tuple(released),
            tuple(warned),
            tuple(left),
            tuple(failed),
            tuple(aside),
            tuple(Told(point_to(each.message), each.reason) for each in report.replies.passed),
            began=_moment(at - timedelta(seconds=report.seconds)),
        )
        return _named(_within_bounds(entry.shortened(MAX_RECORDED_SENDERS)))

    @classmethod
    def of_approval(cls, report: ApprovalReport, category: Category, at: datetime) -> Entry:
        """Return what approving people did, all of whom were put into one category.

        Args:
            at: The moment, with a time zone.
        """
        group = str(category.group.name)
        decided = tuple(
            Decided(
                who.address,
                who.name,
                str(category.title),
                group,
                joined=((group, uid),),
                card_uid=uid,
                is_card_new=who.address in report.made,
            )
            for who, uid in report.joined.items()
        )
        failed = tuple(Failed(*each) for each in report.failed.items())
        entry = cls("", _moment(at), Cause.APPROVE, decided, failed=failed)
        return _named(entry.shortened(MAX_RECORDED_SENDERS))

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


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def count_moves(moves: Sequence[Move]) -> int:
    """Return how many messages moved."""
    return sum(len(each.message_ids) for each in moves)


def _decided(filed: Filed, takes_back: Sequence[str]) -> Decided:
    filing = filed.filing
    decision = filing.decision
    card = filing.card
    return Decided(
        address=decision.sender,
        name=decision.who.name,
        category=str(decision.category.title),
        group=str(filing.group),
        former_groups=tuple(map(str, filing.former_groups)),
        joined=((str(filing.group), card.uid),) if filing.joins and card else (),
        left=tuple(sorted((str(group), uid) for group, uid in filing.departures)),
        card_uid=card.uid if card else NO_CARD,
        card_name=card.name if card else "",
        is_card_new=filing.created,
        gone_cards=tuple(sorted(filed.gone_cards)),
        card_kept=filed.card_kept,
        label=str(decision.category.label) if filed.labelled else "",
        labelled=point_to(filed.labelled) if filed.labelled else None,
        messages_moved=filed.messages_moved,
        moves=filed.moves,
        takes_back=tuple(takes_back),
    )


def _within_bounds(entry: Entry) -> Entry:
    """Leave moves out beyond as many as an entry holds; a sender's are there as a whole where it can be."""
    room = MAX_RECORDED_MOVES

    def cut(moves: tuple[Move, ...]) -> tuple[Move, ...]:
        nonlocal room
        kept = []
        for move in moves:
            if taken := move.message_ids[:room]:
                kept.append(move if len(taken) == len(move.message_ids) else evolve(move, message_ids=taken))
                room -= len(taken)
        return tuple(kept)

    if entry.moves_recorded <= room:
        return entry
    decided = tuple(evolve(each, moves=cut(each.moves)) for each in entry.decided)
    return evolve(
        entry,
        decided=decided,
        swept=tuple(evolve(each, moves=cut(each.moves)) for each in entry.swept),
    )


def _named(entry: Entry) -> Entry:
    return evolve(entry, id=hashlib.sha256(repr(entry).encode()).hexdigest()[:16])
