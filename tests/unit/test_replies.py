"""Which messages answer the person, and how those are asked about that wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, evolve, field

from mailroom.errors import ServerError
from mailroom.model.address import Address
from mailroom.model.contacts import Card, CardUid
from mailroom.model.letters import Letter, Letters
from mailroom.model.mail import Change, MailboxId, Message, MessageId, Snapshot, ThreadId
from mailroom.model.own import OwnAddresses
from mailroom.model.ports import Update
from mailroom.model.sender import read_sender
from mailroom.triage.cycle import Triage
from mailroom.triage.replies import IN_YOUR_CONVERSATION, NAMES_YOURS, find_answers
from tests.support.default_account import GROUPS, MAILBOXES, SCHEME
from tests.support.memory import Book, World

ME, ANN, BOB = Address("me@home.example"), Address("ann@a.example"), Address("bob@b.example")
OWN = OwnAddresses.read([ME])
SENT = MailboxId("Sent")
AT_ONCE = 2


def letter(
    number: int,
    sender: Address,
    mailbox: str = "Screener",
    *,
    answers: Sequence[str] = (),
    to: Sequence[Address] = (),
    thread: str = "T",
) -> Letter:
    """The later the number, the later the letter; it bears the Message-ID `<number>@x`."""
    message = Message(
        MessageId(f"m{number}"),
        frozenset({MailboxId(mailbox)}),
        False,
        read_sender([("", sender)]),
        f"2026-03-01T00:00:{number:02}Z",
        thread_id=ThreadId(thread),
    )
    return Letter(message, frozenset({f"{number}@x"}), frozenset(answers), frozenset(to))


def answers_among(*letters: Letter, own: OwnAddresses = OWN) -> dict[str, str]:
    by_id = {each.message.id: each for each in letters}
    return dict(find_answers(by_id, by_id, SENT, own).items())


def test_a_message_answers_what_it_names() -> None:
    """In whichever conversation the server has put it, and whenever the mail came into Sent."""
    sent = letter(5, ME, "Sent", to=[ANN], thread="another")
    assert answers_among(sent, letter(1, BOB, answers=["5@x"])) == {"m1": NAMES_YOURS}


def test_an_answer_to_an_answer_is_one() -> None:
    """Some mail programs name only the mail before; how many lie between is all the same."""
    sent = letter(1, ME, "Sent")
    chain = [letter(n, BOB, "Archive", answers=[f"{n - 1}@x"]) for n in range(2, 9)]
    assert answers_among(sent, *reversed(chain))["m8"] == NAMES_YOURS


def test_who_was_written_to_answers_in_the_conversation_from_then_on() -> None:
    """Not before, not elsewhere, not without naming a mail there, and nobody else does."""
    first, sent = letter(1, ANN), letter(2, ME, "Sent", answers=["1@x"], to=[ANN])
    later = letter(3, ANN, answers=["1@x"])
    assert answers_among(first, sent, later) == {"m3": IN_YOUR_CONVERSATION}
    assert answers_among(first, sent, evolve(later, answers=frozenset())) == {}
    assert answers_among(first, sent, evolve(later, answers=frozenset({"other@x"}))) == {}
    assert answers_among(first, sent, letter(3, BOB, answers=["1@x"])) == {}
    assert answers_among(first, sent, letter(3, ANN, answers=["1@x"], thread="another")) == {}
    assert answers_among(first, letter(4, ME, "Sent", to=[ANN]), later) == {}


def test_a_mail_that_is_gone_still_names_the_conversation() -> None:
    """The person has deleted what they answered: their answer names it, as the other one does."""
    sent = letter(2, ME, "Sent", answers=["gone@x"], to=[ANN])
    assert answers_among(sent, letter(3, ANN, answers=["gone@x"])) == {"m3": IN_YOUR_CONVERSATION}


def test_a_server_without_conversations_shows_none() -> None:
    """An empty name is not one conversation of all mail."""
    sent = letter(2, ME, "Sent", answers=["1@x"], to=[ANN], thread="")
    assert answers_among(sent, letter(3, ANN, answers=["1@x"], thread="")) == {}


def test_who_may_be_the_person_is_not_taken_for_another() -> None:
    """As long as the server does not list all own addresses."""
    own = OwnAddresses.read([ME], is_complete=False)
    alias = Address("alias@home.example")
    assert answers_among(letter(1, ME, "Sent"), letter(2, alias, answers=["1@x"]), own=own) == {}


@define(repr=False)
class StubbornWorld(World):
    """An account that may refuse to change messages.

    Attributes:
        arriving: What comes right before the next change.
    """

    refuses: bool = False
    arriving: list[Letter] = field(factory=list)

    def update(
        self,
        snapshot: Snapshot,
        change: Callable[[Message], Change],
        conclude: Callable[[Message], Change] | None = None,
    ) -> Update:
        """Change messages, or say of each why not."""
        wanted = [x.id for x in snapshot.messages.values() if change(x).applied_to(x) != x]
        arriving, self.arriving = self.arriving if wanted else [], self.arriving if not wanted else []
        for each in arriving:
            self.messages[each.message.id], self.letters[each.message.id] = each.message, each
            self.writes += 1
        if not self.refuses:
            return super().update(snapshot, change, conclude)
        return Update(snapshot, {}, dict.fromkeys(wanted, "refused"))


@define
class Asked:
    """The conversations of a world, a few at once; how often they were asked for, and of what."""

    world: World
    fails: bool = False
    asked: list[Sequence[MessageId]] = field(factory=list)

    def around(self, message_ids: Sequence[MessageId], sent: MailboxId) -> Letters:
        """Answer as the world does, of the first two alone."""
        self.asked.append(message_ids[:AT_ONCE])
        if self.fails:
            raise ServerError("no conversations here")
        return self.world.around(message_ids[:AT_ONCE], sent)


def world(*letters: Letter) -> StubbornWorld:
    groups: dict[str, frozenset[CardUid]] = dict.fromkeys(GROUPS, frozenset())
    account = StubbornWorld(MAILBOXES, {x.message.id: x.message for x in letters}, {}, groups)
    account.letters = {x.message.id: x for x in letters}
    return account


def triage(account: World, conversations: Asked, now: Sequence[float] = (0.0,)) -> Triage:
    book = Book(account)
    return Triage(account, book, SCHEME, OWN, conversations=conversations, clock=lambda: now[0])


def test_where_very_many_wait_each_cycle_looks_at_some_the_newest_first() -> None:
    """A first start in a full Screener: how many are left is told, and new mail does not wait for them."""
    waiting = [letter(n, BOB, thread=f"T{n}", answers=["0@x"]) for n in range(1, 6)]
    account = world(letter(0, ME, "Sent"), *waiting)
    conversations = Asked(account)
    mailroom = triage(account, conversations)
    reports = [mailroom.run().replies for _ in range(2)]
    new = letter(9, ANN, thread="T9", answers=["0@x"])
    account.messages[new.message.id], account.letters[new.message.id] = new.message, new
    account.writes += 1
    reports += [mailroom.run().replies for _ in range(3)]
    passed = [[each.message.id for each in report.passed] for report in reports]
    assert passed == [["m4", "m5"], ["m2", "m3"], ["m1", "m9"], [], []]
    assert [report.left for report in reports] == [3, 1, 0, 0, 0]
    assert len(conversations.asked) == 3


def test_a_server_that_shows_no_conversations_is_asked_less_and_less_and_told_once() -> None:
    """All else in the cycle is done, and nothing is taken for looked at."""
    account = world(letter(0, ME, "Sent"), letter(1, BOB, answers=["0@x"]))
    conversations, now = Asked(account, fails=True), [0.0]
    mailroom = triage(account, conversations, now)
    told = []
    for seconds in (0.0, 1.0, 2.0, 20.0, 40.0):
        now[0] = seconds
        told.append(mailroom.run().replies.postponed)
    assert told == ["no conversations here", "", "", "", ""]
    assert len(conversations.asked) == 3, "at once, at once again, and after half a minute"
    conversations.fails, now[0] = False, 1_000.0
    assert [each.message.id for each in mailroom.run().replies.passed] == ["m1"]


def test_what_could_not_be_moved_is_tried_again_after_a_pause() -> None:
    """It is known to be an answer, and nobody is asked about it again."""
    account = world(letter(0, ME, "Sent"), letter(1, BOB, answers=["0@x"]))
    conversations, now = Asked(account), [0.0]
    mailroom = triage(account, conversations, now)
    account.refuses = True
    failed = [bool(mailroom.run().replies.failed) for _ in range(3)]
    assert failed == [True, True, False], "the third is in the pause"
    account.refuses, now[0] = False, 31.0
    assert [each.message.id for each in mailroom.run().replies.passed] == ["m1"]
    assert account.messages[MessageId("m1")].mailbox_ids == {"Inbox"}
    assert len(conversations.asked) == 1


def test_an_answer_whose_sender_had_a_label_for_a_while_is_none_the_less_one() -> None:
    """The label came off without a decision: it is looked at again, and not only by the next process."""
    other = letter(2, BOB)
    account = world(letter(0, ME, "Sent"), letter(1, BOB, answers=["0@x"]), other)
    now = [0.0]
    mailroom = triage(account, Asked(account), now)
    account.refuses = True
    assert mailroom.run().replies.failed
    account.refuses, now[0] = False, 1_000.0

    def place(*mailboxes: str) -> None:
        account.messages[other.message.id] = evolve(
            other.message, mailbox_ids=frozenset(map(MailboxId, mailboxes))
        )
        account.writes += 1

    place("Screener", "@ToFeed", "@ToImbox")
    assert not mailroom.run().replies.passed
    place("Screener")
    assert [each.message.id for each in mailroom.run().replies.passed] == ["m1"]


def test_what_comes_while_other_mail_is_moved_is_looked_at_in_the_next_cycle() -> None:
    """Where nothing else comes after it, too."""
    account = world(letter(0, ME, "Sent"), letter(1, BOB, answers=["0@x"]))
    account.arriving = [letter(2, ANN, answers=["0@x"])]
    mailroom = triage(account, Asked(account))
    passed = [[each.message.id for each in mailroom.run().replies.passed] for _ in range(3)]
    assert passed == [["m1"], ["m2"], []]


def test_a_straggler_that_comes_while_others_are_swept_is_swept_in_the_next_cycle() -> None:
    """Likewise."""
    account = world(letter(1, BOB))
    account.cards[CardUid("b")] = Card(CardUid("b"), "Bob", 1), frozenset({BOB})
    account.groups["Feed"] = frozenset({CardUid("b")})
    account.arriving = [letter(2, BOB)]
    mailroom = triage(account, Asked(account))
    assert [mailroom.run().swept.moved for _ in range(3)] == [{BOB: 1}, {BOB: 1}, {}]


def test_without_a_mailbox_for_sent_mail_nothing_is_an_answer() -> None:
    """And nobody is asked."""
    account = world(letter(0, ME, "Sent"), letter(1, BOB, answers=["0@x"]))
    account.mailboxes = tuple(evolve(x, role=None) if x.role == "sent" else x for x in account.mailboxes)
    conversations = Asked(account)
    assert triage(account, conversations).run().replies.passed == ()
    assert conversations.asked == []
