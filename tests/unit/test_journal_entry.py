"""What the journal keeps of a cycle: a record, its JSON, and its bounds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mailroom.journal.entry import (
    MAX_RECORDED_SENDERS,
    Cause,
    Decided,
    Entry,
    Failed,
    GoneCard,
    Misnamed,
    SetAside,
    Swept,
    Told,
    count_moves,
)
from mailroom.journal.form import MAX_JSON_CHARACTERS, VERSION, Broken, read_entry, to_json
from mailroom.journal.memory import take_back_last
from mailroom.journal.recording import entry_of
from mailroom.model.address import Address
from mailroom.model.contacts import CardKind, CardUid, NewCard
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.own import OwnAddresses
from mailroom.model.sender import read_sender
from mailroom.triage.cycle import Triage
from mailroom.triage.moves import MAX_RECORDED_MOVES, Move, Place
from mailroom.triage.pointer import Pointer
from mailroom.triage.report import Answer, RepliesReport, Report, SweepReport
from tests.support.default_account import GROUPS, MAILBOXES, SCHEME
from tests.support.memory import Book, World

AT = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
addresses = texts.map(Address)
places = st.lists(st.builds(Place, texts.map(MailboxId), texts), max_size=3).map(tuple)
moves = st.lists(
    st.builds(Move, places, places, st.lists(texts.map(MessageId), max_size=3).map(tuple)), max_size=3
).map(tuple)
pointers = st.builds(Pointer, texts.map(MessageId), st.none() | addresses, texts, texts, texts)
lines = st.lists(st.tuples(texts, texts.map(CardUid)), max_size=2).map(tuple)
told = st.lists(st.builds(Told, pointers, texts), max_size=2).map(tuple)
decided = st.builds(
    Decided,
    addresses,
    texts,
    texts,
    texts,
    former_groups=st.lists(texts, max_size=2).map(tuple),
    joined=lines,
    left=lines,
    card_uid=texts.map(CardUid),
    card_name=texts,
    is_card_new=st.booleans(),
    gone_cards=st.lists(texts.map(CardUid), max_size=2).map(tuple),
    gone_card=st.none() | st.builds(GoneCard, texts, texts, st.sampled_from(CardKind)),
    card_kept=texts,
    label=texts,
    labelled=st.none() | pointers,
    messages_moved=st.integers(0, 9),
    moves=moves,
    takes_back=st.lists(texts, max_size=2).map(tuple),
)
entries = st.builds(
    Entry,
    texts,
    texts,
    st.sampled_from(Cause),
    decided=st.lists(decided, max_size=2).map(tuple),
    swept=st.lists(st.builds(Swept, addresses, st.integers(0, 9), moves), max_size=2).map(tuple),
    released=told,
    warned=st.lists(st.builds(Misnamed, pointers, texts), max_size=2).map(tuple),
    left=told,
    failed=st.lists(st.builds(Failed, addresses, texts), max_size=2).map(tuple),
    set_aside=st.lists(st.builds(SetAside, addresses, texts, st.just(("x",))), max_size=2).map(tuple),
    passed=told,
    senders_left_out=st.integers(0, 9),
    began=texts,
)


@given(entries)
def test_what_is_written_is_read_again(entry: Entry) -> None:
    """Nothing of an entry is lost on its way through the account, whatever stands in it."""
    text = to_json(entry)
    assert text.isascii()
    assert "\n" not in text
    assert read_entry(text) == entry


@given(entries, texts)
def test_what_this_version_does_not_know_is_passed_over(entry: Entry, more: str) -> None:
    """A later version may say more, anywhere."""
    value = json.loads(to_json(entry))
    value[f"more {more}"] = more
    for each in value.get("decided", []):
        each["more"] = [more]
    assert read_entry(json.dumps(value)) == entry


@given(
    st.text(max_size=30)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=10,
    ).map(json.dumps)
)
def test_what_is_no_entry_is_broken_with_a_reason(text: str) -> None:
    """Whatever it is, and however deep."""
    broken = read_entry(text)
    assert isinstance(broken, Broken)
    assert broken.reason


@given(entries, st.data())
def test_an_entry_with_a_wrong_field_is_broken(entry: Entry, data: st.DataObject) -> None:
    """A value of another type is not guessed at."""
    value = json.loads(to_json(entry))
    key = data.draw(st.sampled_from(sorted(value)))
    value[key] = {"wrong": 1}
    assert isinstance(read_entry(json.dumps(value)), Broken)


EMPTY = Entry("1", "2026-11-26T09:00:00Z", Cause.CYCLE)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "not JSON"),
        (" " * (MAX_JSON_CHARACTERS + 1), "longer"),
        ("{}", "no version"),
        ('{"version":true}', "no version"),
        (json.dumps({**json.loads(to_json(EMPTY)), "version": VERSION + 1}), "newer"),
        (
            to_json(
                evolve(
                    EMPTY,
                    swept=(
                        Swept(
                            Address("a@b"),
                            1,
                            (Move((), (), (MessageId("m"),) * (MAX_RECORDED_MOVES + 1)),),
                        ),
                    ),
                )
            ),
            "longer than an entry",
        ),
        (
            to_json(evolve(EMPTY, failed=(Failed(Address("a@b"), ""),) * (MAX_RECORDED_SENDERS + 1))),
            "longer than an entry",
        ),
    ],
)
def test_why_an_entry_is_broken(text: str, reason: str) -> None:
    """In words."""
    broken = read_entry(text)
    assert isinstance(broken, Broken)
    assert reason in broken.reason


def message(number: int, sender: str, *places: str, is_read: bool = False) -> Message:
    """A message in these mailboxes."""
    return Message(
        MessageId(f"m{number}"),
        frozenset(map(MailboxId, places)),
        is_read,
        read_sender([("Ann", sender)]),
        "2026-11-20T00:00:00Z",
    )


def world(*messages: Message) -> World:
    """An account with these messages and no contacts."""
    return World(MAILBOXES, {x.id: x for x in messages}, {}, {x: frozenset[CardUid]() for x in GROUPS})


def entry_of_cycle(account: World) -> Entry:
    """What a cycle does, as the journal has it."""
    own = OwnAddresses.read(["me@home.example"])
    report = Triage(account, Book(account), SCHEME, own, clock=lambda: 0.0).run()
    return entry_of(report, Cause.CYCLE, AT)


def test_an_entry_says_who_was_filed_why_and_what_moved() -> None:
    """Label and message, card, groups, and for each way its messages with where they were and are."""
    account = world(
        message(1, "ann@a.example", "Screener", "@ToFeed"),
        message(2, "ann@a.example", "Screener"),
        message(3, "ann@a.example", "Inbox", "Family"),
        message(4, "bob@b.example", "Screener"),
    )
    entry = entry_of_cycle(account)
    (ann,) = entry.decided
    assert (ann.address, ann.name, ann.category, ann.group, ann.label) == (
        "ann@a.example",
        "Ann",
        "Feed",
        "Feed",
        "@ToFeed",
    )
    assert ann.labelled
    assert ann.labelled.message_id == "m1"
    assert (ann.former_groups, ann.joined, ann.left) == ((), (("Feed", "uid of ann@a.example"),), ())
    assert (ann.card_name, ann.is_card_new) == ("Ann", True)
    ways = {
        (tuple(x.name for x in move.before), tuple(x.name for x in move.after)): move.message_ids
        for move in ann.moves
    }
    assert ways == {
        (("Screener",), ("Feed",)): ("m1", "m2"),
        (("Family", "Inbox"), ("Family", "Feed")): ("m3",),
    }
    assert (ann.messages_moved, entry.moves_left_out, entry.at) == (3, 0, "2026-11-26T09:00:00.000Z")
    assert not entry.is_empty


def test_who_changes_category_is_told_with_the_groups_of_before() -> None:
    """So that it can be taken back."""
    account = world(message(1, "ann@a.example", "Screener", "@ToFeed"))
    entry_of_cycle(account)
    account.messages[MessageId("m1")] = message(1, "ann@a.example", "Feed", "@ToJail")
    (ann,) = entry_of_cycle(account).decided
    assert ann.former_groups == ("Feed",)
    assert ann.joined == (("Jail", "uid of ann@a.example"),)
    assert ann.left == (("Feed", "uid of ann@a.example"),)
    account.messages[MessageId("m1")] = message(1, "ann@a.example", "Jail", "@ToScreener")
    (ann,) = entry_of_cycle(account).decided
    assert (ann.former_groups, ann.group, ann.gone_cards) == (("Jail",), "", ("uid of ann@a.example",))
    assert ann.gone_card == GoneCard("Ann", "ann@a.example", CardKind.COMPANY)


def test_an_entry_of_an_older_mailroom_says_which_cards_are_gone_and_not_what_they_said() -> None:
    """It is taken back as it was then: with the card that its sender would get now."""
    gone = GoneCard("Ann", "Ann@a.example", CardKind.PERSON)
    back = Decided(Address("ann@a.example"), "Ann", "Undecided", "", ("Feed",), gone_card=gone)
    entry = Entry("1", "2026-11-26T09:00:00.000Z", Cause.CYCLE, (evolve(back, gone_cards=(CardUid("c"),)),))
    value = json.loads(to_json(entry))
    del value["decided"][0]["gone_card"]
    older = read_entry(json.dumps(value))
    assert isinstance(older, Entry)
    texts = []
    for each in (entry, older):
        taking_back = take_back_last([each], SCHEME)
        assert taking_back
        (decision,) = taking_back.decisions
        assert decision.former
        assert decision.former.gone_cards == {"c"}
        texts.append(decision.former.gone_text)
    assert texts == [NewCard(back.address, gone.email, gone.name, gone.kind), None]


def test_an_answer_to_the_person_is_told_with_why_it_went_to_the_inbox() -> None:
    """It is no decision; a cycle that did nothing else has an entry of its own all the same."""
    waiting = message(1, "ann@a.example", "Screener")
    report = Report(swept=SweepReport(replies=RepliesReport(passed=(Answer(waiting, "you wrote"),))))
    entry = entry_of(report, Cause.CYCLE, AT)
    assert [(each.message.message_id, each.reason) for each in entry.passed] == [("m1", "you wrote")]
    assert (entry.is_empty, entry.decided) == (False, ())


def test_stragglers_are_told_with_their_ways() -> None:
    """What is swept after a decision of before can be told as exactly."""
    account = world(message(1, "ann@a.example", "Screener", "@ToFeed"))
    entry_of_cycle(account)
    account.messages[MessageId("m2")] = message(2, "ann@a.example", "Screener")
    entry = entry_of_cycle(account)
    (swept,) = entry.swept
    assert (swept.address, swept.messages_moved, swept.moves[0].message_ids) == ("ann@a.example", 1, ("m2",))
    assert not entry.decided


def test_a_cycle_that_did_nothing_is_an_empty_entry() -> None:
    """What is left to the person is no work either."""
    assert entry_of_cycle(world(message(1, "nobody", "Screener", "@ToFeed"))).is_empty


def test_an_entry_holds_no_more_moves_than_its_bound() -> None:
    """Of the rest it says how many there were; whom it names keeps their numbers."""
    messages = [message(n, "ann@a.example", "Screener") for n in range(MAX_RECORDED_MOVES + 5)]
    others = [message(10_000 + n, "bob@b.example", "Screener") for n in range(10)]
    labelled = message(20_000, "ann@a.example", "Screener", "@ToFeed")
    entry = entry_of_cycle(world(*messages, *others, labelled))
    (ann,) = entry.decided
    assert ann.messages_moved == MAX_RECORDED_MOVES + 6
    assert count_moves(ann.moves) == MAX_RECORDED_MOVES
    assert entry.moves_left_out == 6
    assert isinstance(read_entry(to_json(entry)), Entry)


def test_an_entry_is_never_longer_than_is_read() -> None:
    """Whatever servers and senders call things: of the senders it says how many it leaves out."""
    ann = Decided(Address("ann@a.example"), "ä" * 500, "Feed", "Feed", messages_moved=1)
    entry = evolve(EMPTY, decided=(ann,) * MAX_RECORDED_SENDERS)
    text = to_json(entry)
    again = read_entry(text)
    assert len(text) <= MAX_JSON_CHARACTERS
    assert isinstance(again, Entry)
    assert len(again.decided) + again.senders_left_out == MAX_RECORDED_SENDERS
    assert again.decided


def test_the_same_work_at_the_same_moment_is_the_same_entry() -> None:
    """A message that was added twice is known as one; anything else is another."""
    one, again = (entry_of_cycle(world(message(1, "ann@a.example", "Screener", "@ToFeed"))) for _ in range(2))
    other = entry_of_cycle(world(message(1, "bob@b.example", "Screener", "@ToFeed")))
    assert one.id == again.id != other.id
