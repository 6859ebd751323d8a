"""Makes an entry of what a report says, within the bounds of one. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import evolve

from mailroom.journal.entry import (
    MAX_RECORDED_SENDERS,
    NO_CARD,
    Cause,
    Decided,
    Entry,
    Failed,
    GoneCard,
    Misnamed,
    SetAside,
    Swept,
    Told,
)
from mailroom.model.party import Party
from mailroom.model.scheme import Category
from mailroom.triage.moves import MAX_RECORDED_MOVES, Move
from mailroom.triage.pointer import point_to
from mailroom.triage.report import Filed, Report

if TYPE_CHECKING:
    from mailroom.triage.approval import ApprovalReport


def entry_of(
    report: Report,
    cause: Cause,
    at: datetime,
    takes_back: Mapping[Party, Sequence[str]] = MappingProxyType({}),
) -> Entry:
    """Return what a report says, with no more moves than an entry holds.

    Args:
        at: The moment, with a time zone.
        takes_back: For each sender the entries that were taken back, by their ids.
    """
    decided = [_decided(each, takes_back.get(each.filing.decision.party, ())) for each in report.filed]
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
    entry = Entry(
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


def entry_of_approval(report: ApprovalReport, category: Category, at: datetime) -> Entry:
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
    entry = Entry("", _moment(at), Cause.APPROVE, decided, failed=failed)
    return _named(entry.shortened(MAX_RECORDED_SENDERS))


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _decided(filed: Filed, takes_back: Sequence[str]) -> Decided:
    filing, gone = filed.filing, filed.gone_text
    decision = filing.decision
    card = filing.card
    return Decided(
        address=decision.party,
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
        gone_card=GoneCard(gone.name, gone.email, gone.kind) if gone else None,
        card_kept=filed.card_kept,
        label=str(decision.category.label) if filed.labelled else "",
        labelled=point_to(filed.labelled) if filed.labelled else None,
        messages_moved=filed.messages_moved,
        moves=filed.moves,
        takes_back=tuple(takes_back),
        falls_to=filing.falls_to or "",
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
