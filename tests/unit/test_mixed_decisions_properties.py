"""Whatever mix of senders, domains and lists is decided on, each message goes where it belongs."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from functools import partial

import pytest
from attrs import evolve
from hypothesis import event, given, settings
from hypothesis import strategies as st

from mailroom.journal.entry import Entry
from mailroom.model.address import Address
from mailroom.model.contacts import Card, CardKind, CardUid, NewCard
from mailroom.model.mail import Mailbox, MailboxId, Message, MessageId
from mailroom.model.mailing_list import NamedList
from mailroom.model.own import OwnAddresses
from mailroom.model.party import MailingList, Party, PartyKind, WholeDomain, kind_of
from mailroom.model.scheme import Name
from mailroom.model.sender import Correspondent, read_sender
from mailroom.triage.cycle import Triage
from tests.support.default_account import LABELS, MAILBOXES, MARKS, PLACES, WHOLE_SCHEME
from tests.support.memory import Book, CrashError, World
from tests.unit.test_taking_back_properties import cycle_into, take_back_last
from tests.unit.test_triage_properties import run_cycle

OWN = "me@home.example"
POST = Address("dev@lists.example")
SENDERS = tuple(map(Address, ("ann@a.example", "bob@a.example", "cat@c.example", POST, OWN)))
DOMAINS = (WholeDomain("*@a.example"), WholeDomain("*@c.example"), WholeDomain("*@lists.example"))
LISTS = (
    NamedList(MailingList("<dev.lists.example>"), "Dev", POST),
    NamedList(MailingList("<ops.lists.example>"), "Ops"),
)
PARTIES: tuple[Party, ...] = (*SENDERS, *DOMAINS, *(each.party for each in LISTS))
DOMAIN_LABEL, LIST_LABEL = MailboxId("@EntireDomain"), MailboxId("@EntireList")
SCOPES = (DOMAIN_LABEL, LIST_LABEL)
OURS = frozenset(map(MailboxId, (*LABELS, *MARKS, *SCOPES)))
DESTINATIONS = {group.name: MailboxId(group.mailbox or "Inbox") for group in WHOLE_SCHEME.all_groups}
SCREENER = frozenset({MailboxId("Screener")})
KEPT = frozenset(map(MailboxId, ("Trash", "Sent")))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """An account in which some are decided on, with mail of theirs here and there, some of it labelled."""
    messages = {}
    for number in range(draw(st.integers(1, 6))):
        places = set(map(MailboxId, draw(st.sets(st.sampled_from(PLACES), min_size=1, max_size=2))))
        if draw(st.booleans()):
            places.add(MailboxId(draw(st.sampled_from(LABELS))))
            places |= draw(st.sets(st.sampled_from(SCOPES), max_size=1))
        messages[MessageId(f"m{number}")] = Message(
            id=MessageId(f"m{number}"),
            mailbox_ids=frozenset(places),
            is_read=draw(st.booleans()),
            sender=read_sender([("Ann", draw(st.sampled_from(SENDERS)))]),
            received_at=f"2026-01-01T00:00:0{number}Z",
            lists=draw(st.sampled_from([(), (), *((each,) for each in LISTS)])),
        )
    groups: dict[str, frozenset[CardUid]] = {group.name: frozenset() for group in WHOLE_SCHEME.all_groups}
    world = World(
        (*MAILBOXES, *(Mailbox(each, each) for each in SCOPES)),
        messages,
        {},
        groups,
        own=(OWN,),
        tells_lists=True,
    )
    for party in PARTIES:
        if party != OWN and draw(st.booleans()):
            decide(world, draw, party)
    return world


def decide(world: World, draw: st.DrawFn, party: Party) -> None:
    """Put a party into a contact group, by a card that Mailroom made or somebody else."""
    is_list = kind_of(party) is PartyKind.LIST
    has_post = party == LISTS[0].party and draw(st.booleans())
    parties: tuple[Party, ...] = (party, *((POST,) if has_post else ()))
    if any(Book(world).refresh().cards(each) for each in parties):
        return  # a list's posting address stands on its card, or on one of its own
    email = str(POST if has_post else "" if is_list else party)
    is_made = draw(st.booleans())
    uid = CardUid(f"uid of {party}" if is_made else f"card of {party}")
    card = Card(uid, "Ann", created=len(world.cards), is_made=is_made, parties=parties)
    world.cards[uid] = card, frozenset(parties)
    if is_made:
        world.made[uid] = NewCard(party, email, "Ann", CardKind.COMPANY)
    category = draw(st.sampled_from(WHOLE_SCHEME.categories))
    name = category.group_for(party).name
    world.groups[name] |= {uid}


run = partial(run_cycle, scheme=WHOLE_SCHEME)


def triage_of(world: World, *, sweeps_stragglers: bool = False) -> Triage:
    own = OwnAddresses.read([OWN])
    return Triage(world, Book(world), WHOLE_SCHEME, own, sweeps_stragglers=sweeps_stragglers)


def seen(world: World) -> object:
    """Everything a person can see, but for when a card was made."""
    where, cards, groups = {x.id: x.mailbox_ids for x in world.messages.values()}, world.cards, world.groups
    return where, {uid: (card.name, parties) for uid, (card, parties) in cards.items()}, dict(groups)


def places(message: Message) -> frozenset[MailboxId]:
    return message.mailbox_ids - OURS


def parties_of(message: Message) -> tuple[Party, ...]:
    """Of whom a decision counts for a message, the first one first; of the person's own mail lists alone."""
    assert isinstance(message.sender, Correspondent)
    sender = message.sender.address
    lists = tuple(each.party for each in message.lists)
    domain = WholeDomain(f"*@{sender.partition('@')[2]}")
    return lists if sender == OWN else (*lists, sender, domain)


def groups_of(world: World, party: Party) -> set[Name]:
    uids = {uid for uid, (_, parties) in world.cards.items() if party in parties}
    return {Name(name) for name, members in world.groups.items() if members & uids}


def spoken_of(world: World) -> set[Party]:
    """Of whom labels speak, as a person reads them."""
    found: set[Party] = set()
    for message in world.messages.values():
        assert isinstance(message.sender, Correspondent)
        if LIST_LABEL in message.mailbox_ids:
            found |= {each.party for each in message.lists}
        elif DOMAIN_LABEL in message.mailbox_ids:
            found.add(WholeDomain(f"*@{message.sender.address.partition('@')[2]}"))
        elif message.mailbox_ids & {*LABELS}:
            found.add(message.sender.address)
    return found


@settings(max_examples=40)
@given(worlds(), st.booleans())
def test_interrupted_after_any_write_and_run_again_it_ends_the_same(
    world: World, sweeps_stragglers: bool
) -> None:
    """However the decisions of a cycle hang together, no half of one is taken for the person's will."""
    undisturbed = run(world.copy(), sweeps_stragglers=sweeps_stragglers)
    event(f"writes: {min(undisturbed.writes, 8)}")
    for writes in range(undisturbed.writes):
        interrupted = world.copy()
        interrupted.writes_left = writes
        with suppress(CrashError):
            run(interrupted, sweeps_stragglers=sweeps_stragglers)
        interrupted.writes_left = None
        run(interrupted, sweeps_stragglers=sweeps_stragglers)
        assert seen(interrupted) == seen(undisturbed), f"after {writes} of {undisturbed.writes} writes"


@given(worlds(), st.booleans())
def test_what_is_planned_is_done_and_nothing_is_left_to_plan(world: World, sweeps_stragglers: bool) -> None:
    """The same is foretold twice, it is what happens, and the state after it asks for nothing."""
    triage = triage_of(world, sweeps_stragglers=sweeps_stragglers)
    foretold = triage.forecast()
    assert triage.forecast() == foretold
    report = triage.run()
    filed = {each.filing.decision.party: each.messages_moved for each in report.filed}
    assert filed == {filing.decision.party: messages for filing, messages in foretold.filings}
    assert report.swept.moved == {x.decision.party: messages for x, messages in foretold.stragglers}
    after = triage_of(world, sweeps_stragglers=sweeps_stragglers).forecast()
    assert (after.filings, after.stragglers, after.released) == ((), (), ())
    written = world.writes
    run(world, sweeps_stragglers=sweeps_stragglers)
    assert world.writes == written


class Watched(dict[MessageId, Message]):
    """Messages that count how often each gets another place."""

    def __init__(self, messages: dict[MessageId, Message]) -> None:
        super().__init__(messages)
        self.moved: Counter[MessageId] = Counter()

    def __setitem__(self, key: MessageId, value: Message) -> None:
        self.moved[key] += places(self[key]) != places(value)
        super().__setitem__(key, value)


@given(worlds())
def test_no_message_moves_twice_and_each_goes_where_the_first_decision_wants_it(world: World) -> None:
    """List before sender before domain; mail of whom nothing is decided waits, and nobody loses any.

    What the person put elsewhere stays beside it.
    """
    before = dict(world.messages)
    world.messages = watched = Watched(world.messages)
    run(world, sweeps_stragglers=True)
    assert max(watched.moved.values(), default=0) <= 1
    open_parties = spoken_of(world)
    for message_id, message in world.messages.items():
        assert message.mailbox_ids
        was, here = places(before[message_id]), places(message)
        counting = next((x for x in parties_of(message) if x in open_parties or groups_of(world, x)), None)
        if counting in open_parties:
            continue
        wanted = {DESTINATIONS[x] for x in groups_of(world, counting)} if counting else SCREENER
        event(f"moved by {kind_of(counting).value if counting else 'nobody'}: {was != here}")
        if was & KEPT:
            assert was == here
        elif was != here:
            arrived = here - was
            assert arrived <= {*wanted, MailboxId("Archive")}
            assert MailboxId("Archive") not in arrived or (message.is_read and wanted == {"Inbox"})
            assert here & {*wanted, MailboxId("Archive")}
        if counting and not was & KEPT and not message.mailbox_ids & OURS:
            assert "Screener" not in here


@given(worlds(), st.booleans())
def test_nobody_is_decided_on_but_of_whom_labels_speak(world: World, sweeps_stragglers: bool) -> None:
    """Who posts to a list, or writes from a domain, stays as undecided as before, or decided as before.

    But for a list's posting address, which stands on its card: a label about the list decides about it, too.
    """
    labelled = spoken_of(world)
    others = [x for x in PARTIES if x not in labelled]
    before = {x: groups_of(world, x) for x in others}
    run(world, sweeps_stragglers=sweeps_stragglers)
    for party in others:
        if not (party == POST and LISTS[0].party in labelled):
            assert groups_of(world, party) == before[party]


@given(worlds(), st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_messages_does_not_matter(
    world: World, sweeps_stragglers: bool, dice: random.Random
) -> None:
    """The server may give them in any."""
    other = world.copy()
    shuffled = list(other.messages.items())
    dice.shuffle(shuffled)
    other.messages = dict(shuffled)
    for each in (world, other):
        run(each, sweeps_stragglers=sweeps_stragglers)
    assert seen(world) == seen(other)


def undoable(world: World) -> object:
    """What `undo --last` restores: everything but labels and marks, and when a card was made."""
    cards = {uid: (card.name, parties) for uid, (card, parties) in world.cards.items()}
    return {x.id: places(x) for x in world.messages.values()}, cards, dict(world.groups)


def label_anew(world: World, data: st.DataObject) -> None:
    """Put labels on some messages, each on one that waits for nothing else."""
    for message_id, message in list(world.messages.items()):
        if data.draw(st.booleans()):
            label = MailboxId(data.draw(st.sampled_from(LABELS)))
            labels = {label, *data.draw(st.sets(st.sampled_from(SCOPES), max_size=1))}
            world.messages[message_id] = evolve(message, mailbox_ids=places(message) | labels)


@settings(max_examples=40)
@given(worlds(), st.data())
def test_what_was_done_last_is_taken_back_exactly(world: World, data: st.DataObject) -> None:
    """As often as there were decisions, whoever they were about."""
    journal: list[Entry] = []
    before = []
    for number in range(2):
        if number:
            label_anew(world, data)
        known, state = len(journal), undoable(world.copy())
        cycle_into(world, WHOLE_SCHEME, journal)
        if len(journal) > known and any(each.has_changed for each in journal[0].decided):
            before.append(state)
    for message_id, message in world.messages.items():  # what is left to the person is no matter of this
        world.messages[message_id] = evolve(message, mailbox_ids=places(message))
    event(f"entries: {len(before)}")
    for state in reversed(before):
        take_back_last(world, WHOLE_SCHEME, journal)
        assert undoable(world) == state


@pytest.mark.slow
@given(worlds())
def test_taking_back_interrupted_after_any_write_and_run_again_ends_the_same(world: World) -> None:
    """What broke off before its own entry was written is taken back by the next run, and nothing else."""
    journal: list[Entry] = []
    cycle_into(world, WHOLE_SCHEME, journal)
    undisturbed = take_back_last(world.copy(), WHOLE_SCHEME, list(journal))
    for writes in range(undisturbed.writes):
        interrupted = world.copy()
        interrupted.writes_left = writes
        with suppress(CrashError):
            take_back_last(interrupted, WHOLE_SCHEME, list(journal))
        interrupted.writes_left = None
        take_back_last(interrupted, WHOLE_SCHEME, list(journal))
        assert seen(interrupted) == seen(undisturbed), f"after {writes} of {undisturbed.writes} writes"
