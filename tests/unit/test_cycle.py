"""What a cycle and a forecast tell, on accounts in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import pytest
from attrs import define, evolve, field

from mailroom.account import open_account
from mailroom.errors import UserError
from mailroom.model.address import Address
from mailroom.model.contacts import Card, CardUid, Membership
from mailroom.model.mail import Change, MailboxId, MailLimits, Message, MessageId, Snapshot, ThreadId
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party
from mailroom.model.ports import Update
from mailroom.model.sender import read_sender
from mailroom.model.whom import Whom
from mailroom.sandbox import Reply, Sandbox
from mailroom.service.loop import run_cycle
from mailroom.triage.cycle import Triage
from mailroom.triage.decisions import Decision
from mailroom.triage.layout import find_layout
from mailroom.triage.telling import all_released, left_to_the_person
from mailroom.triage.work import Work
from tests.support.default_account import FEED, GROUPS, MAILBOXES, SCHEME
from tests.support.memory import Book, View, World
from tests.support.sized_accounts import furnished_account, settings_for

ANN, BOB = Address("ann@a.example"), Address("bob@b.example")


@define
class RefusingBook(Book):
    """An address book in which some contact groups may not be changed."""

    refused: set[str] = field(factory=set)

    def regroup(self, memberships: Mapping[str, Membership]) -> Mapping[str, str]:
        """Refuse these groups, and change the others."""
        allowed = {name: each for name, each in memberships.items() if name not in self.refused}
        super().regroup(allowed)
        return dict.fromkeys(self.refused & memberships.keys(), "refused")


def message(number: int, sender: Address, *mailboxes: str) -> Message:
    places = frozenset(map(MailboxId, mailboxes))
    return Message(MessageId(f"m{number}"), places, False, read_sender([("", sender)]), f"2026-0{number}")


def world(*messages: Message, cards: Mapping[str, Collection[Party]] | None = None) -> World:
    held = {CardUid(x): (Card(CardUid(x), x, 1), frozenset(y)) for x, y in (cards or {}).items()}
    groups: dict[str, frozenset[CardUid]] = dict.fromkeys(GROUPS, frozenset())
    return World(MAILBOXES, {x.id: x for x in messages}, held, groups)


def triage(world: World, book: Book | None = None, now: Callable[[], float] = lambda: 0.0) -> Triage:
    return Triage(world, book or Book(world), SCHEME, OwnAddresses(), clock=now)


def test_a_forecast_says_who_gets_a_card_and_who_has_one() -> None:
    """Of a new sender it shows the card to be made; it counts what would be moved, and writes nothing."""
    account = world(
        message(1, ANN, "Screener", "@ToFeed"),
        message(2, ANN, "Screener"),
        message(3, BOB, "Screener", "@ToJail"),
        cards={"b": [BOB]},
    )
    forecast = triage(account).forecast()
    filings = {filing.decision.party: (filing, moved) for filing, moved in forecast.filings}
    (ann, anns), (bob, bobs) = filings[ANN], filings[BOB]
    assert ann.card
    assert bob.card
    assert (ann.created, ann.card.name, ann.joins, anns) == (True, ANN, True, 2)
    assert (bob.created, bob.card.uid, bob.joins, bobs) == (False, "b", True, 1)
    assert account.writes == 0


def test_a_forecast_and_the_cycle_say_the_same() -> None:
    """What would be moved is what is moved."""
    account = world(
        message(1, ANN, "Screener", "@ToFeed"), message(2, ANN, "Screener"), message(3, BOB, "@ToImbox")
    )
    foretold = {filing.decision.party: moved for filing, moved in triage(account).forecast().filings}
    done = {filed.filing.decision.party: filed.messages_moved for filed in triage(account).run().filed}
    assert done == foretold == {ANN: 2, BOB: 1}


def test_who_is_left_alone_for_a_while_still_counts_for_a_conflict() -> None:
    """A shared card is in conflict, whichever of its senders the server refused before."""
    account = world(message(1, ANN, "Screener", "@ToFeed"), cards={"both": [ANN, BOB]})
    mailroom = triage(account, RefusingBook(account, {"Feed"}))
    assert mailroom.run().failed.keys() == mailroom.run().failed.keys() == {ANN}
    assert not mailroom.run().failed, "now it is left alone"
    account.messages[MessageId("m2")] = message(2, BOB, "Screener", "@ToJail")
    report = mailroom.run()
    assert {rejected.message_id for rejected in report.rejected} == {"m1", "m2"}
    assert not account.groups["Jail"]


def test_who_does_not_fit_is_not_put_off_while_nothing_is_tried() -> None:
    """A pause grows by what was tried: as soon as it is over, what the person has mended goes."""
    account = world(message(1, ANN, "Family", "@ToFeed"))
    now = 0.0
    mailroom = Triage(account, Book(account), SCHEME, OwnAddresses(), clock=lambda: now)
    account.limits = MailLimits(max_mailboxes_per_message=2)
    tried = []
    for second in range(0, 40, 5):
        now = float(second)
        account.messages[MessageId("m2")] = message(2, BOB, "Screener", "@ToJail")  # there is other work
        tried.append(bool(mailroom.run().failed))
    assert tried == [True, True, False, False, False, False, False, True]


def test_a_refused_group_stops_no_other_sender() -> None:
    """Who was to join it keeps the label; the others are filed."""
    account = world(message(1, ANN, "Screener", "@ToFeed"), message(2, BOB, "Screener", "@ToJail"))
    report = triage(account, RefusingBook(account, {"Feed"})).run()
    assert report.failed == {ANN: "refused"}
    assert [filed.filing.decision.party for filed in report.filed] == [BOB]
    assert account.messages[MessageId("m1")].mailbox_ids == {"Screener", "@ToFeed"}


def test_whoever_takes_the_label_off_while_its_sender_is_stuck_decides_anew_later() -> None:
    """The mark of the broken cycle goes with the label, also where another process has set it."""
    account = world(message(1, ANN, "Feed", "@ToImbox"), cards={"a": [ANN]})
    account.groups["Feed"] = frozenset({CardUid("a")})
    first = account.messages[MessageId("m1")]
    account.messages[first.id] = evolve(first, is_read=True)
    book = RefusingBook(account, {"Feed"})
    triage(account, book).run()
    assert account.messages[first.id].is_just_archived, "the sender cannot leave the Feed"
    mailroom = triage(account, book)
    mailroom.run()
    account.messages[first.id] = evolve(
        account.messages[first.id], mailbox_ids=frozenset({MailboxId("Archive")})
    )
    mailroom.run()
    assert not account.messages[first.id].is_just_archived
    writes = account.writes
    mailroom.run()
    assert account.writes == writes
    book.refused.clear()
    account.messages[first.id] = evolve(
        account.messages[first.id], mailbox_ids=frozenset(map(MailboxId, ("Archive", "@ToImbox")))
    )
    triage(account, book).run()
    assert account.messages[first.id].mailbox_ids == {"Archive", "Inbox"}


@define(repr=False)
class StubbornWorld(World):
    """An account whose mail store may refuse every change.

    Attributes:
        refuses: Whether it does.
    """

    refuses: bool = False

    def update(
        self,
        snapshot: Snapshot,
        change: Callable[[Message], Change],
        conclude: Callable[[Message], Change] | None = None,
    ) -> Update:
        """Change messages, or say of each why not."""
        if not self.refuses:
            return super().update(snapshot, change, conclude)
        wanted = [x.id for x in snapshot.messages.values() if change(x).applied_to(x) != x]
        return Update(snapshot, {}, dict.fromkeys(wanted, "refused"))


def test_a_mark_that_the_server_does_not_take_off_is_not_forgotten() -> None:
    """The next cycle takes it off: a later label must not meet a mark of long ago."""
    plain = world(message(1, ANN, "Feed", "@ToImbox"), cards={"a": [ANN]})
    account = StubbornWorld(plain.mailboxes, plain.messages, plain.cards, plain.groups)
    account.groups["Feed"] = frozenset({CardUid("a")})
    first = MessageId("m1")
    account.messages[first] = evolve(account.messages[first], is_read=True)
    mailroom = triage(account, RefusingBook(account, {"Feed"}))
    mailroom.run()
    assert account.messages[first].is_just_archived, "the sender cannot leave the Feed"
    account.messages[first] = evolve(account.messages[first], mailbox_ids=frozenset({MailboxId("Archive")}))
    account.refuses = True
    mailroom.run()
    assert account.messages[first].is_just_archived
    account.refuses = False
    mailroom.run()
    assert not account.messages[first].is_just_archived


def test_a_straggler_whose_mail_could_not_be_moved_is_tried_again_after_a_pause() -> None:
    """Also where no other mail comes; in between nothing is tried, and afterwards nothing more."""
    plain = world(message(1, ANN, "Screener"), cards={"a": [ANN]})
    account = StubbornWorld(plain.mailboxes, plain.messages, plain.cards, plain.groups, refuses=True)
    account.groups["Feed"] = frozenset({CardUid("a")})
    now = [0.0]
    mailroom = triage(account, now=lambda: now[0])
    assert [bool(mailroom.run().swept.failed) for _ in range(4)] == [True, True, False, False]
    account.refuses = False
    assert not mailroom.run().swept.moved
    now[0] += 30
    assert mailroom.run().swept.moved == {ANN: 1}
    assert account.messages[MessageId("m1")].mailbox_ids == {"Feed"}
    assert mailroom.run().swept.says_nothing


def test_a_label_that_the_server_does_not_take_off_is_not_told_as_taken_off() -> None:
    """Nobody of its conversation is filed before: later nothing would tell whom the label means."""
    places = (MailboxId("Sent"), MailboxId("@ToFeed"))
    own = evolve(message(1, ANN, *places), thread_id=ThreadId("t"))
    wanted = evolve(message(2, BOB, "Screener", "@ToFeed"), thread_id=ThreadId("t"))
    plain = world(own, wanted)
    account = StubbornWorld(plain.mailboxes, plain.messages, plain.cards, plain.groups, (ANN,), refuses=True)
    report = triage(account).run()
    assert report.released == ()
    assert [(each.message.id, each.reason) for each in report.unmarked] == [("m1", "refused")]
    assert report.failed == {BOB: "refused"}
    assert account.writes == 0


def test_a_message_whose_label_comes_off_is_not_left_to_the_person_too() -> None:
    """Although something of its sender failed elsewhere: a forecast tells each message once."""
    off, stays = message(1, ANN, "Screener", "@ToFeed"), message(2, ANN, "Screener", "@ToFeed")
    marked = Snapshot("", {x.id: x for x in (off, stays)})
    work = Work((), {}, {off.id: (off, "the label speaks of another")}, failed={ANN: "refused"})
    layout = find_layout(MAILBOXES, SCHEME)
    assert left_to_the_person(work, marked, layout) == {stays.id: "refused"}
    assert all_released(work, marked) == ((off, "the label speaks of another"),)


def test_a_mark_that_an_earlier_process_left_does_not_meet_a_later_label() -> None:
    """The person has taken the label off while nobody ran; what they decide then is carried out whole."""
    left_over = evolve(message(1, ANN, "Archive"), is_just_archived=True, is_read=True)
    account = world(left_over, cards={"a": [ANN]})
    mailroom = triage(account)
    mailroom.find_unfinished()
    mailroom.run()
    assert not account.messages[left_over.id].is_just_archived
    places = frozenset(map(MailboxId, ("Archive", "@ToImbox")))
    account.messages[left_over.id] = evolve(account.messages[left_over.id], mailbox_ids=places)
    mailroom.run()
    assert account.messages[left_over.id].mailbox_ids == {"Archive", "Inbox"}


def test_a_card_that_cannot_be_read_is_told_once_and_stops_only_who_has_no_card(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may be the card of any stranger, so none gets a second one; whoever is known is filed."""
    account = furnished_account()
    odd = account.add_contact("Odd", "odd@a.example")
    account.add_contact("Known", "known@a.example")
    for sender in ("known@a.example", "new@a.example"):
        account.label(account.deliver([("", sender)], ["Screener"]), "@ToFeed")
    with Sandbox(account) as sandbox:
        sandbox.interceptor = lambda request: (
            Reply(500) if odd.encode() in request.body + request.path.encode() else None
        )
        triage = open_account(settings_for(sandbox.environment())).triage
        reports = [run_cycle(triage) for _ in range(2)]
    assert [each.filing.decision.party for each in reports[0].filed] == ["known@a.example"]
    assert odd in reports[0].failed[Address("new@a.example")]
    assert not account.cards_of("new@a.example")
    told = [record for record in caplog.records if record.message == "contacts_unreadable"]
    assert len(told) == 1


def test_a_file_does_not_overrule_a_label_put_on_while_the_contacts_were_read() -> None:
    """Where reading them took long, the labels are looked at again before anything is written."""
    account = world(message(1, ANN, "Screener"))
    now = [0.0]

    @define
    class SlowBook(Book):
        """An address book that takes a minute to read, in which the person does not wait."""

        def refresh(self) -> View:
            """Read it, while the person puts a label on."""
            now[0] += 60
            account.messages[MessageId("m1")] = message(1, ANN, "Screener", "@ToJail")
            return super().refresh()

    decision = Decision(Whom(ANN, ANN, ""), SCHEME.category_of(FEED))
    report = triage(account, SlowBook(account), lambda: now[0]).apply([decision])
    assert "@ToJail" in report.failed[ANN]
    assert account.writes == 0


def test_a_label_of_the_second_look_meets_a_book_that_may_not_be_written_before_any_write() -> None:
    """What the first look has seen needed no contact card; what the second one sees does."""
    own = evolve(message(1, ANN, "Sent", "@ToFeed"), thread_id=ThreadId("t"))
    account = world(own, evolve(message(2, BOB, "Inbox", "@ToFeed", "@ToJail"), thread_id=ThreadId("t")))
    account.own = (ANN,)
    now = [0.0]

    @define
    class ReadOnlyBook(Book):
        """An address book that may only be read, and that slowly."""

        def refresh(self) -> View:
            """Read it, while the person mends a conflict."""
            now[0] += 60
            account.messages[MessageId("m2")] = message(2, BOB, "Screener", "@ToFeed")
            return super().refresh()

        def problems(self) -> Sequence[str]:
            """Say that nothing may be written."""
            return ["the address book may only be read"]

    with pytest.raises(UserError, match="may only be read"):
        triage(account, ReadOnlyBook(account), lambda: now[0]).run()
    assert account.writes == 0
