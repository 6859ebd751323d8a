"""What the journal remembers for taking back: which entry is next, and how all was before it."""

from __future__ import annotations

from attrs import evolve

from mailroom.journal.entry import Cause, Decided, Entry, SetAside, Swept
from mailroom.journal.memory import take_back_last, take_back_senders
from mailroom.model.address import Address
from mailroom.model.contacts import CardUid
from mailroom.model.mail import MailboxId, MessageId
from mailroom.model.party import Party
from mailroom.triage.former import Way
from mailroom.triage.moves import Move, Place
from tests.support.default_account import SCHEME

ANN, BOB = Address("ann@a.example"), Address("bob@b.example")
M1, M2 = MessageId("m1"), MessageId("m2")


def places(*names: str) -> tuple[Place, ...]:
    return tuple(Place(MailboxId(name), name) for name in names)


def move(before: str, after: str, *messages: MessageId) -> Move:
    return Move(places(before), places(after), messages)


def ids(*names: str) -> frozenset[MailboxId]:
    return frozenset(map(MailboxId, names))


def filed(address: Address, category: str, *former: str, moves: tuple[Move, ...] = ()) -> Decided:
    """Somebody who came into a group, out of others."""
    card = CardUid(f"card of {address}")
    return Decided(
        address,
        "",
        category,
        category,
        former,
        joined=((category, card),),
        left=tuple((group, card) for group in former),
        card_uid=card,
        is_card_new=not former,
        messages_moved=sum(len(each.message_ids) for each in moves),
        moves=moves,
    )


def entry(number: int, *decided: Decided, cause: Cause = Cause.CYCLE, swept: tuple[Swept, ...] = ()) -> Entry:
    return Entry(str(number), f"2026-11-26T09:00:{number:02}.000Z", cause, decided, swept)


def undone(number: int, *decided: Decided, takes_back: str) -> Entry:
    """What a command took back."""
    return entry(number, *(evolve(each, takes_back=(takes_back,)) for each in decided), cause=Cause.UNDO)


def taken(entries: list[Entry]) -> tuple[str, list[Party]] | None:
    """Which entry is taken back next, and of whom."""
    taking_back = take_back_last(entries, SCHEME)
    if taking_back is None:
        return None
    assert taking_back.entry
    return taking_back.entry.id, [each.party for each in taking_back.decisions]


def test_the_newest_that_changed_somebody_is_next() -> None:
    """Sweeping alone changes nobody, and neither does a label on who was filed so already."""
    swept = entry(3, swept=(Swept(ANN, 1, (move("Screener", "Feed", M1),)),))
    again = entry(2, Decided(ANN, "", "Feed", "Feed", ("Feed",), label="@ToFeed"))
    assert taken([swept, again, entry(1, filed(ANN, "Feed"))]) == ("1", [ANN])
    assert taken([swept, again]) is None


def test_what_is_taken_back_is_no_more_and_the_taking_back_itself_stays() -> None:
    """The next is the one before; where only some were taken back, the others of the same entry."""
    first, second = entry(1, filed(ANN, "Feed")), entry(2, filed(ANN, "Jail", "Feed"), filed(BOB, "Jail"))
    of_ann = undone(3, filed(ANN, "Feed"), takes_back="2")
    assert taken([of_ann, second, first]) == ("2", [BOB])
    assert taken([undone(4, filed(BOB, ""), takes_back="2"), of_ann, second, first]) == ("1", [ANN])


def test_who_was_set_aside_is_not_asked_about_again() -> None:
    """Somebody has decided on them since; else nothing before would ever be reached."""
    aside = evolve(entry(3, cause=Cause.UNDO), set_aside=(SetAside(ANN, "moved on", ("2",)),))
    assert taken([aside, entry(2, filed(ANN, "Jail", "Feed")), entry(1, filed(ANN, "Feed"))]) == ("1", [ANN])


def test_how_all_was_before_is_what_the_entry_says() -> None:
    """Groups, cards and messages; what a cycle filed and then swept has one way."""
    moves = (move("Screener", "Feed", M1), move("Jail", "Feed", M2))
    both = entry(
        1, filed(ANN, "Feed", "Jail", moves=moves), swept=(Swept(ANN, 1, (move("Feed", "Archive", M1),)),)
    )
    taking_back = take_back_last([both], SCHEME)
    assert taking_back
    (decision,) = taking_back.decisions
    former = decision.former
    assert former
    assert decision.category.title == "Jail"
    assert (former.groups, former.later_groups) == (frozenset({"Jail"}), frozenset({"Feed"}))
    assert former.ways == {M1: Way(ids("Screener"), ids("Archive")), M2: Way(ids("Jail"), ids("Feed"))}
    assert (former.until, former.is_whole) == ("2026-11-26T09:00:01Z", True)


def test_where_not_all_moves_are_known_the_rules_see_to_the_rest() -> None:
    """Nothing tells what was moved from what lay there before."""
    cut = evolve(filed(ANN, "Feed", moves=(move("Screener", "Feed", M1),)), messages_moved=2)
    taking_back = take_back_last([entry(1, cut)], SCHEME)
    assert taking_back
    (decision,) = taking_back.decisions
    assert decision.former
    assert decision.former.until == ""


def test_a_named_sender_is_followed_back_to_where_nothing_was_decided() -> None:
    """Through several entries each message has one way; older ones are of another decision."""
    entries = [
        entry(3, filed(ANN, "Imbox", "Feed", moves=(move("Feed", "Archive", M1),))),
        entry(2, filed(ANN, "Feed", moves=(move("Screener", "Feed", M1, M2),)), filed(BOB, "Jail")),
        entry(1, filed(ANN, "Jail", moves=(move("Screener", "Jail", M2),))),
    ]
    taking_back = take_back_senders([ANN], entries, SCHEME)
    (decision,) = taking_back.decisions
    assert decision.category.is_undecided
    assert decision.former
    assert not decision.former.is_whole
    assert decision.former.ways == {
        M1: Way(ids("Screener"), ids("Archive")),
        M2: Way(ids("Screener"), ids("Feed")),
    }
    assert taking_back.entries == {ANN: ("3", "2")}


def test_what_somebody_did_with_a_message_in_between_stays_done() -> None:
    """A mailbox that they added stays; one that they moved elsewhere goes back there, and no further."""
    added, gone, labelled = MessageId("added"), MessageId("gone"), MessageId("labelled")
    later = (
        Move(places("Family", "Feed"), places("Family", "Jail"), (added, labelled)),
        Move(places("Family"), places("Family", "Jail"), (gone,)),
    )
    first = (move("Screener", "Feed", added, gone), Move((), places("Feed"), (labelled,)))
    entries = [entry(2, filed(ANN, "Jail", "Feed", moves=later)), entry(1, filed(ANN, "Feed", moves=first))]
    (decision,) = take_back_senders([ANN], entries, SCHEME).decisions
    assert decision.former
    assert decision.former.ways == {
        added: Way(ids("Family", "Screener"), ids("Family", "Jail")),
        gone: Way(ids("Family"), ids("Family", "Jail")),
        labelled: Way(ids(), ids("Family", "Jail")),  # by the rules, since it was in a label alone
    }


def test_of_a_sender_whom_the_journal_does_not_know_nothing_is_remembered() -> None:
    """They are taken back by the rules alone."""
    taking_back = take_back_senders([ANN, BOB], [], SCHEME)
    assert [each.former and dict(each.former.ways) for each in taking_back.decisions] == [{}, {}]
    assert taking_back.entries == {ANN: (), BOB: ()}
