"""Whatever an account looks like, what was decided last is taken back exactly, interrupted or not."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from hypothesis import event, given, settings
from hypothesis import strategies as st

from mailroom.journal.entry import Cause, Entry
from mailroom.journal.form import read_entry, to_json
from mailroom.journal.memory import take_back_last as find_last
from mailroom.journal.recording import entry_of
from mailroom.model.address_book import Advance, Enrolled, Joining, untold
from mailroom.model.contacts import CardUid
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.own import OwnAddresses
from mailroom.model.scheme import Scheme
from mailroom.model.sender import read_sender
from mailroom.triage.cycle import Triage
from mailroom.triage.report import Report
from tests.support.default_account import GROUPS, LABELS, MAILBOXES, MARKS, PLACES, SCHEME
from tests.support.memory import Book, CrashError, World
from tests.unit.test_triage_properties import OWN, SENDERS, run_cycle, schemes, worlds


def read_back(report: Report, cause: Cause = Cause.CYCLE, **further: Any) -> Entry:
    """What the journal has of it, as it comes back from the account."""
    entry = read_entry(to_json(entry_of(report, cause, datetime(2026, 1, 3, tzinfo=UTC), **further)))
    assert isinstance(entry, Entry)
    return entry


def take_back_last(world: World, scheme: Scheme, journal: list[Entry]) -> World:
    """`mailroom undo --last`: the journal has the newest entry first."""
    taking_back = find_last(journal, scheme)
    if taking_back:
        triage = Triage(world, Book(world), scheme, OwnAddresses.read([OWN]), sweeps_stragglers=False)
        report = triage.apply(taking_back.decisions)
        journal.insert(0, read_back(report, Cause.UNDO, takes_back=taking_back.entries))
    return world


def places_of(world: World) -> object:
    """The account but for Mailroom's labels and marks, which no taking back puts on again.

    A card that is made again is another to whoever looks at when it was made.
    """
    names = frozenset((*LABELS, *MARKS))
    where = {m.id: m.mailbox_ids - names for m in world.messages.values()}
    return where, {uid: addresses for uid, (_, addresses) in world.cards.items()}, dict(world.groups)


@st.composite
def decided_worlds(draw: st.DrawFn) -> tuple[World, Scheme, str]:
    """An account in any state that a cycle leaves, and a sender with mail who is decided on or not."""
    world, scheme = draw(worlds()), draw(schemes)
    for name, uids in world.groups.items():
        world.groups[name] = uids & world.cards.keys()  # what comes back with a card of before is no memory
    run_cycle(world, scheme)
    who = draw(st.sampled_from((*SENDERS[:4], "eve@e.example")))
    for number in range(draw(st.integers(1, 3))):
        places = draw(st.sets(st.sampled_from(PLACES), min_size=1, max_size=2))
        message_id = MessageId(f"new {number}")
        world.messages[message_id] = Message(
            id=message_id,
            mailbox_ids=frozenset(map(MailboxId, places)),
            is_read=draw(st.booleans()),
            sender=read_sender([("Eve", who)]),
            received_at=f"2026-01-02T00:00:0{number}Z",
        )
    return world, scheme, who


def label(world: World, name: str) -> None:
    message = world.messages[MessageId("new 0")]
    world.messages[message.id] = evolve(message, mailbox_ids=message.mailbox_ids | {MailboxId(name)})


def cycle_into(world: World, scheme: Scheme, journal: list[Entry]) -> None:
    triage = Triage(world, Book(world), scheme, OwnAddresses.read([OWN]), sweeps_stragglers=False)
    entry = read_back(triage.run())
    if not entry.is_empty:
        journal.insert(0, entry)


class SlowBook(Book):
    """An address book that takes a minute and a half, in which the server sorts new mail by its groups."""

    seconds = 0.0

    def enrol(self, joining: Mapping[str, Joining], advance: Advance = untold) -> Enrolled:
        enrolled = super().enrol(joining, advance)
        self.seconds += 90
        self.world.messages[MessageId("m2")] = mail("m2", "Feed", at="2026-01-02T23:59:30Z")
        return enrolled


def mail(name: str, *places: str, at: str = "2026-01-02T00:00:00Z") -> Message:
    here = frozenset(map(MailboxId, places))
    return Message(MessageId(name), here, False, read_sender([("Eve", "eve@e.example")]), at)


def test_mail_that_came_while_its_sender_was_filed_waits_with_the_rest() -> None:
    """A sender is undecided again, so nothing stays where the server put it for the group's sake.

    What lay there before they were filed was put there by the person, and stays.
    """
    messages = [mail("m0", "Screener", "@ToFeed"), mail("m1", "Feed")]
    world = World(MAILBOXES, {x.id: x for x in messages}, {}, {x: frozenset[CardUid]() for x in GROUPS})
    book = SlowBook(world)
    triage = Triage(world, book, SCHEME, OwnAddresses.read([OWN]), clock=lambda: book.seconds)
    journal = [read_back(triage.run())]
    assert world.messages[MessageId("m2")].mailbox_ids == {"Feed"}
    take_back_last(world, SCHEME, journal)
    places = {x.id: x.mailbox_ids for x in world.messages.values()}
    assert places == {"m0": {"Screener"}, "m1": {"Feed"}, "m2": {"Screener"}}


@settings(max_examples=40)
@given(decided_worlds(), st.data())
def test_what_was_filed_last_is_taken_back_exactly(
    seen: tuple[World, Scheme, str], data: st.DataObject
) -> None:
    """Where nobody else acts, `undo --last` leaves the account as it was, as often as there were decisions.

    Strangers and senders decided on before, read mail and unread, and whatever else the account holds.
    """
    world, scheme, _ = seen
    journal: list[Entry] = []
    before = []
    for _ in range(data.draw(st.integers(1, 3))):
        category = data.draw(st.sampled_from((*scheme.categories, SCHEME.undecided)))
        known, state = len(journal), places_of(world.copy())
        label(world, category.label)
        cycle_into(world, scheme, journal)
        if len(journal) > known and any(each.has_changed for each in journal[0].decided):
            before.append(state)
    event(f"entries: {len(before)}")
    for state in reversed(before):
        take_back_last(world, scheme, journal)
        assert places_of(world) == state
    written = world.writes
    take_back_last(world, scheme, journal)
    assert world.writes == written


@pytest.mark.slow
@given(decided_worlds(), st.data())
def test_taking_back_the_last_interrupted_after_any_write_and_run_again_ends_the_same(
    seen: tuple[World, Scheme, str], data: st.DataObject
) -> None:
    """What broke off before its own entry was written is taken back by the next run, and nothing else."""
    world, scheme, _ = seen
    journal: list[Entry] = []
    for _ in range(data.draw(st.integers(1, 2))):
        label(world, data.draw(st.sampled_from((*scheme.categories, SCHEME.undecided))).label)
        cycle_into(world, scheme, journal)
    undisturbed = take_back_last(world.copy(), scheme, list(journal))
    for writes in range(undisturbed.writes + 1):
        interrupted, theirs = world.copy(), list(journal)
        interrupted.writes_left = writes
        with suppress(CrashError):
            take_back_last(interrupted, scheme, list(journal))
        interrupted.writes_left = None
        take_back_last(interrupted, scheme, theirs)
        assert interrupted.state() == undisturbed.state(), f"after {writes} of {undisturbed.writes} writes"
