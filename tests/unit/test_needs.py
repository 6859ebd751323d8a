"""What needs the person, as a report or a failure shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mailroom.errors import AuthenticationError, ServerError, UserError
from mailroom.journal.needs import SHOWN_MESSAGES, Needs, needs_of, needs_of_failure
from mailroom.journal.notices import (
    MOST_APART,
    MOST_TOGETHER,
    NOTHING,
    SHOWN_TOGETHER,
    Notices,
    keys_of,
)
from mailroom.model.address import Address
from mailroom.model.address_book import Advance, Refused, untold
from mailroom.model.contacts import Card, NewCard
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.notes import Note, NoteKind, Retiring
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party
from mailroom.model.sender import read_sender
from mailroom.triage.cycle import Triage
from mailroom.triage.decisions import MAY_BE_OWN
from mailroom.triage.report import ADDRESS_BOOK, Rejected, Report, Standing, SweepReport, Unmarked
from tests.support.default_account import GROUPS, MAILBOXES, SCHEME
from tests.support.memory import Book, World
from tests.support.notes_in_memory import NotesInMemory

ANN, BEN = Address("ann@example.net"), Address("ben@example.net")
LOOKED = Standing(contacts=())
"""What a cycle says that looked at everything and found nothing."""


def message(number: int, sender: str = ANN) -> Message:
    """Return a message in Screener."""
    from_header = [("", sender)] if sender else []
    return Message(
        MessageId(f"m{number}"),
        frozenset({MailboxId("Screener")}),
        is_read=False,
        sender=read_sender(from_header),
        received_at=f"2026-03-0{number % 9 + 1}T12:00:00Z",
    )


def rejected(*messages: Message, reason: str = "labelled for Feed and Jail") -> tuple[Rejected, ...]:
    """Return messages that are left to the person."""
    return tuple(Rejected(each, reason, is_new=False) for each in messages)


REPORTS = {
    "label ann@example.net": Report(rejected=rejected(message(1), message(2))),
    "label m3": Report(rejected=rejected(message(3, ""))),
    "write ann@example.net": Report(failed={ANN: "forbidden"}),
    "write m4": Report(unmarked=(Unmarked(message(4), "forbidden"),)),
    "sweep ann@example.net": Report(swept=SweepReport(failed={ANN: "forbidden"})),
    "mail unreadable": Report(standing=Standing(unreadable={MessageId("m5"): "odd"})),
    f"account {ADDRESS_BOOK}": Report(standing=Standing(contacts=("the card a.vcf is odd",))),
}


class TestKeys:
    """What a cause is known by."""

    @pytest.mark.parametrize(("key", "report"), REPORTS.items(), ids=REPORTS)
    def test_each_cause_has_one(self, key: str, report: Report) -> None:
        """However many messages it is on: it says whom or what it is about, never how it is worded."""
        (need,) = needs_of(report).found.values()
        assert need.key == key
        assert need.subject
        assert need.text

    def test_of_many_messages_the_newest_are_shown(self) -> None:
        """And how many more there are; of few that are all, nothing is said of more."""
        many = needs_of(Report(rejected=rejected(*map(message, range(9)))))
        few = needs_of(Report(rejected=rejected(*map(message, range(SHOWN_MESSAGES)))))
        ((long,), (short,)) = (needs.found.values() for needs in (many, few))
        assert long.text.count("Search: ") == short.text.count("Search: ") == SHOWN_MESSAGES
        assert f"and {9 - SHOWN_MESSAGES} more" in long.text
        assert "more" not in short.text
        assert "2026-03-09" in long.text

    def test_what_waits_for_the_server_alone_needs_nobody(self) -> None:
        """It may be an own address: the server will say."""
        assert not needs_of(Report(failed={ANN: MAY_BE_OWN})).found

    def test_a_failure_is_named_by_what_it_is_about(self) -> None:
        """Not by its sentences, and credentials by what refused them."""
        gone = needs_of_failure(UserError(["'Feed' is gone"], "mailboxes Feed"))
        again = needs_of_failure(UserError(["no 'Feed' is there"], "mailboxes Feed"))
        assert gone
        assert again
        assert gone.found.keys() == again.found.keys() == {"account mailboxes Feed"}
        refused = needs_of_failure(AuthenticationError("CardDAV: make a new app password"))
        assert refused
        assert list(refused.found) == ["account credentials"]

    @pytest.mark.parametrize("error", [ServerError("503"), ValueError("a bug"), UserError(["503"])], ids=repr)
    def test_what_no_person_can_mend_is_none(self, error: Exception) -> None:
        """A server that is down comes back, or health tells."""
        assert needs_of_failure(error) is None


class TestOver:
    """When a cause is over, rather than not looked at."""

    @pytest.mark.parametrize(("key", "report"), REPORTS.items(), ids=REPORTS)
    def test_a_cycle_that_looked_and_found_nothing_ends_it(self, key: str, report: Report) -> None:
        """And one that finds it does not."""
        assert needs_of(Report(standing=LOOKED)).is_over(key)
        standing = report.standing or LOOKED
        assert not needs_of(evolve(report, standing=standing)).is_over(key)

    @pytest.mark.parametrize("key", REPORTS)
    def test_what_did_not_look_at_everything_ends_nothing(self, key: str) -> None:
        """A file that is carried out, for example."""
        assert not needs_of(Report()).is_over(key)

    @pytest.mark.parametrize("key", [key for key in REPORTS if not key.startswith("account")])
    def test_while_a_cycle_fails_nothing_of_senders_is_over(self, key: str) -> None:
        """Nobody looked at their mail."""
        failure = needs_of_failure(UserError(["gone"], "mailboxes Feed"))
        assert failure
        assert not failure.is_over(key)

    @pytest.mark.parametrize(
        ("key", "standing"),
        [
            ("write ann@example.net", Standing(resting=frozenset({ANN}))),
            ("label ann@example.net", Standing(resting=frozenset({ANN}))),
            ("write m4", Standing(resting=frozenset({MessageId("m4")}))),
            ("sweep ann@example.net", Standing(unswept=frozenset({ANN}))),
            (f"account {ADDRESS_BOOK}", Standing(contacts=None)),
            ("account credentials", Standing(contacts=None)),
        ],
    )
    def test_what_was_left_alone_is_not_over(self, key: str, standing: Standing) -> None:
        """It is tried again after its pause, or looked at when there is work."""
        assert not needs_of(Report(standing=standing)).is_over(key)

    def test_a_sweep_that_was_put_off_ends_none(self) -> None:
        """The server could not be asked."""
        report = Report(swept=SweepReport(postponed="503"), standing=LOOKED)
        assert not needs_of(report).is_over("sweep ann@example.net")

    def test_other_mailboxes_that_are_gone_end_the_first(self) -> None:
        """What is told is what is wrong now; contacts are not looked at before mailboxes."""
        failure = needs_of_failure(UserError(["gone"], "mailboxes Feed"))
        assert failure
        assert failure.is_over("account mailboxes Feed, Jail")
        assert not failure.is_over("account mailboxes Feed")
        assert not failure.is_over(f"account {ADDRESS_BOOK}")


def _world() -> World:
    return World(MAILBOXES, {}, {}, {name: frozenset() for name in GROUPS}, own=("me@example.com",))


def _tell(world: World, notices: Notices, notes: NotesInMemory, needs: Needs) -> int:
    """Tell it as the journal does, and return how much was written."""
    before = world.writes
    if telling := notices.plan(needs):
        retiring = Retiring(telling.retiring, MailboxId("Trash"))
        written = notes.write(MailboxId("Inbox"), telling.notes, retiring)
        notices.settle(telling, written, written.ids)
    return world.writes - before


def _all(notes: NotesInMemory) -> list[Note]:
    return [note for page in notes.read(None, NoteKind.NOTICE) for note in page]


class TestTelling:
    """What becomes notices."""

    def test_very_many_are_few_notices(self) -> None:
        """Each holds the keys of many, and shows some: the work is bounded."""
        count = MOST_TOGETHER + 1
        failed: dict[Party, str] = {Address(f"p{n}@example.net"): "forbidden" for n in range(count)}
        world = _world()
        notes = NotesInMemory(world)
        notices = Notices(notes)
        assert _tell(world, notices, notes, needs_of(Report(failed=failed, standing=LOOKED))) == 2
        assert sorted(len(keys_of(note)) for note in _all(notes)) == [1, MOST_TOGETHER]
        assert not _tell(world, notices, notes, needs_of(Report(failed=failed, standing=LOOKED)))
        assert _tell(world, notices, notes, needs_of(Report(standing=LOOKED))) == 2
        assert not _all(notes)
        telling = Notices(notes).plan(needs_of(Report(failed=failed)))
        assert telling.notes[0].text.count("* ") == SHOWN_TOGETHER
        assert f"and {MOST_TOGETHER - SHOWN_TOGETHER} more" in telling.notes[0].text
        assert len(telling.notes[0].text) < 10_000

    def test_few_are_each_by_themselves(self) -> None:
        """So that each goes as soon as it is over."""
        failed: dict[Party, str] = {Address(f"p{n}@example.net"): "forbidden" for n in range(MOST_APART)}
        assert len(Notices(NotesInMemory(_world())).plan(needs_of(Report(failed=failed))).notes) == MOST_APART

    def test_where_the_server_takes_none_it_is_tried_again_later(self) -> None:
        """After a pause, not in every cycle, and no cycle fails."""
        now = 0.0
        world = _world()
        notes = NotesInMemory(world)
        notices = Notices(notes, lambda: now)
        needs = needs_of(Report(failed={ANN: "forbidden"}, standing=LOOKED))
        for _ in range(3):
            if telling := notices.plan(needs):
                written = notes.write(MailboxId("gone"), telling.notes)
                notices.settle(telling, written, written.ids)
        assert not notices.plan(needs)
        now = 10_000.0
        assert _tell(world, notices, notes, needs) == 1

    def test_what_the_person_deleted_for_good_is_told_again_when_it_comes_again(self) -> None:
        """Nothing has to be taken away then; the cause was over all the same."""
        world = _world()
        notes = NotesInMemory(world)
        notices = Notices(notes)
        found = needs_of(Report(failed={ANN: "forbidden"}, standing=LOOKED))
        assert _tell(world, notices, notes, found) == 1
        (note,) = _all(notes)
        del world.messages[note.id]
        for needs, writes in ((found, 0), (needs_of(Report(standing=LOOKED)), 0), (found, 1)):
            assert _tell(world, notices, notes, needs) == writes

    def test_what_another_process_has_told_is_neither_told_again_nor_left(self) -> None:
        """As soon as anything is read."""
        world = _world()
        notes = NotesInMemory(world)
        one, other = Notices(notes), Notices(notes)
        assert not _tell(world, other, notes, needs_of(Report(failed={}, standing=LOOKED)))
        both = needs_of(Report(failed={ANN: "forbidden", BEN: "forbidden"}, standing=LOOKED))
        _tell(world, one, notes, both)
        _tell(world, other, notes, needs_of(Report(failed={ANN: "forbidden"}, standing=LOOKED)))
        assert len(_all(notes)) == 3, "it has read nothing since"
        _tell(world, other, notes, needs_of(Report(standing=LOOKED)))
        assert not _all(notes)

    def test_an_account_that_cannot_be_read_is_asked_less_and_less_often(self) -> None:
        """Nothing is told meanwhile: nobody knows what was told before."""
        now = 0.0
        broken = _Broken(_world())
        notices = Notices(broken, lambda: now)
        needs = needs_of(Report(failed={ANN: "forbidden"}, standing=LOOKED))
        for _ in range(5):
            assert notices.plan(needs) == NOTHING
        assert broken.asked == 2
        now = 10_000.0
        assert not notices.plan(needs)
        assert broken.asked == 3

    @pytest.mark.parametrize("data", ["", "{", "[]", '{"keys": 1}', '{"keys": [1]}', "null", "[" * 100_000])
    def test_what_is_no_list_of_keys_is_left_alone(self, data: str) -> None:
        """A notice of another version, or one that somebody has made up, is not taken away."""
        note = Note(MessageId("n"), NoteKind.NOTICE, "2026-03-01T00:00:00Z", "Look", data)
        assert not keys_of(note)

    @given(st.lists(st.sampled_from([*REPORTS.values(), Report()]), max_size=6), st.lists(st.booleans()))
    def test_whatever_comes_and_goes_each_cause_has_one_notice_as_long_as_it_lasts(
        self, reports: list[Report], restarts: list[bool]
    ) -> None:
        """With restarts in between, too; and what is told once more is nothing to do."""
        world = _world()
        notes = NotesInMemory(world)
        notices = Notices(notes)
        for number, report in enumerate(reports):
            if number < len(restarts) and restarts[number]:
                notices = Notices(notes)
            seen = evolve(report, standing=report.standing or LOOKED)
            if report.standing and report.standing.contacts is None:
                seen = evolve(seen, standing=evolve(report.standing, contacts=()))
            needs = needs_of(seen)
            _tell(world, notices, notes, needs)
            told = [key for note in _all(notes) for key in keys_of(note)]
            assert sorted(told) == sorted(needs.found)
            assert not _tell(world, notices, notes, needs)

    def test_the_data_says_of_which_form_it_is(self) -> None:
        """So that a later version knows."""
        (note,) = Notices(NotesInMemory(_world())).plan(needs_of(REPORTS["label m3"])).notes
        assert json.loads(note.data) == {"version": 1, "keys": ["label m3"]}


def test_a_cycle_says_what_is_left_alone() -> None:
    """What was refused lately is in no report, and is not over: the report names it as resting."""
    world = _world()
    mine = message(1)
    world.messages[mine.id] = evolve(mine, mailbox_ids=mine.mailbox_ids | {MailboxId("@ToFeed")})
    now = 0.0
    triage = Triage(world, _Refusing(world), SCHEME, OwnAddresses.read([]), clock=lambda: now)
    first, second, third = (triage.run() for _ in range(3))
    assert first.failed == second.failed == {ANN: "no more cards"}
    assert not third.failed
    assert third.standing
    assert third.standing.resting == {ANN}
    assert not needs_of(third).is_over("write ann@example.net")


class _Broken(NotesInMemory):
    """Notes that cannot be read."""

    asked = 0

    def read(self, mailbox_id: MailboxId | None, kind: NoteKind, since: str = "") -> Iterator[Sequence[Note]]:
        self.asked += 1
        raise ServerError("503")


class _Refusing(Book):
    """An address book in which no card can be made."""

    def create(self, cards: Sequence[NewCard], advance: Advance = untold) -> Mapping[Party, Card | Refused]:
        del advance
        return {card.address: Refused("no more cards") for card in cards}
