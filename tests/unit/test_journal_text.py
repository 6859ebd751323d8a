"""How an entry of the journal reads."""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import evolve

from mailroom.journal.entry import Cause, Decided, Failed, SetAside, Swept, Told
from mailroom.journal.recording import entry_of
from mailroom.journal.text import MAX_SUBJECT_CHARACTERS, subject_of, text_of
from mailroom.model.address import Address
from mailroom.model.contacts import CardUid
from mailroom.model.mail import MailboxId, MessageId
from mailroom.model.notes import NewNote, NoteKind
from mailroom.triage.moves import Move, Place
from mailroom.triage.pointer import Pointer
from mailroom.triage.report import Report

SCREENER, FEED = Place(MailboxId("s"), "Screener"), Place(MailboxId("f"), "Feed")
EMPTY = entry_of(Report(), Cause.CYCLE, datetime(2026, 3, 1, tzinfo=UTC))
NEWS = Pointer(MessageId("m1"), Address("news@shop.example"), "Shop", "2026-03-01", "from:news@shop.example")


def decided(number: int = 0, messages: int = 2, ways: int = 1) -> Decided:
    """A sender who was filed, of whom some messages moved."""
    moves = tuple(Move((SCREENER,), (FEED,), (MessageId(f"m{n}"),)) for n in range(ways))
    return Decided(
        Address(f"news{number or ''}@shop.example"),
        "Shop",
        "Feed",
        "Feed",
        joined=(("Feed", CardUid("c")),),
        card_name="The Shop",
        label="@ToFeed",
        labelled=NEWS,
        messages_moved=messages,
        moves=moves,
    )


def test_a_sender_is_told_with_why_card_and_moves() -> None:
    """Who, the label and on which message, what they were before, the card, and from where to where."""
    text = text_of(evolve(EMPTY, decided=(decided(),)), "@ToScreener")
    assert text == (
        "FILED\n\n"
        "Shop <news@shop.example> → Feed\n"
        "  Why: your label @ToFeed on a message of 2026-03-01\n"
        "  Search: from:news@shop.example\n"
        "  Before: not decided on\n"
        "  Contact card: found, The Shop\n"
        "  Moved: 1 message from Screener to Feed\n"
        "  Moved: 1 message more\n\n"
        "To take back what was decided on a sender, put @ToScreener on any message of theirs, or run "
        "`mailroom undo ADDRESS`.\n"
    )


def test_the_subject_is_short_and_names_the_first() -> None:
    """However many there are, it is one line that a list of messages shows."""
    senders = tuple(decided(number) for number in range(1, 400))
    subject = subject_of(evolve(EMPTY, decided=senders))
    assert subject.startswith("Filed 399 senders: news1@shop.example → Feed, news2@shop.example → Feed, ")
    assert subject.endswith("and 396 more")
    longest = evolve(decided(), address=Address(f"{'x' * 300}@shop.example"))
    assert len(subject_of(evolve(EMPTY, decided=(longest,)))) == MAX_SUBJECT_CHARACTERS


def test_one_taken_back_says_what_became_of_the_card() -> None:
    """A card of the person's own stays, and then their mail goes to the Inbox."""
    back = evolve(decided(), group="", left=(("Feed", CardUid("c")),), card_kept="you wrote it")
    entry = evolve(EMPTY, decided=(back,))
    assert subject_of(entry) == "Taken back 1 sender: news@shop.example"
    text = text_of(entry)
    assert "Before: Feed\n  Contact card: kept, you wrote it\n  As your contact their mail goes to" in text
    gone = evolve(entry, decided=(evolve(back, card_kept="", gone_cards=(CardUid("c"),)),))
    assert "the one that Mailroom made is deleted" in text_of(gone)


def test_what_a_command_did_says_so() -> None:
    """Where no label says why, the command does."""
    entry = evolve(EMPTY, cause=Cause.APPLY, decided=(evolve(decided(), label="", labelled=None),))
    assert "Why: your file says so (mailroom apply)" in text_of(entry)


def test_everything_else_is_told_each_under_its_heading() -> None:
    """Mail that was swept, labels that came off, what is left to the person, what failed and why."""
    entry = evolve(
        EMPTY,
        swept=(Swept(Address("ann@a.example"), 3, (Move((SCREENER,), (FEED,), (MessageId("m"),) * 3),)),),
        released=(Told(NEWS, "of the person's own"),),
        passed=(Told(NEWS, "it answers what you sent"),),
        set_aside=(SetAside(Address("eve@e.example"), "is in Jail by now", ("1",)),),
        left=(Told(NEWS, "two labels"),),
        failed=(Failed(Address("bob@b.example"), "the server is full"),),
        senders_left_out=7,
    )
    subject = subject_of(entry)
    assert subject == (
        "Moved 3 messages of 1 sender; Let 1 answer through; Label taken off 1 message; 1 sender not done"
    )
    text = text_of(entry)
    for said in (
        "ann@a.example\n  Why: decided on before\n  Moved: 3 messages from Screener to Feed",
        "LABEL TAKEN OFF, NOTHING ELSE\n\nMessage of 2026-03-01 from Shop <news@shop.example>\n  of the",
        "THROUGH TO THE INBOX\n\nMessage of 2026-03-01 from Shop <news@shop.example>\n  it answers",
        "DECIDED SINCE\n\neve@e.example\n  is in Jail by now",
        "LEFT TO YOU\n\nMessage of 2026-03-01",
        "MAILROOM TRIES AGAIN BY ITSELF\n\nbob@b.example\n  the server is full",
        "And 7 more that are not listed.",
    ):
        assert said in text


def test_a_text_has_an_end() -> None:
    """Thousands of senders, and of ways of one, are counted rather than listed."""
    many = evolve(EMPTY, decided=tuple(decided(number, messages=50, ways=50) for number in range(1, 3_000)))
    text = text_of(many)
    assert len(text) < 200_000
    assert "and 2899 more" in text
    assert "Moved: 40 messages more" in text


def test_what_others_wrote_stays_within_its_line() -> None:
    """A name that somebody chose makes no line of its own, and no header."""
    strange = evolve(decided(), name="Shop\r\nBcc: x@y.example\x00", card_name="a\rb")
    entry = evolve(EMPTY, decided=(strange,))
    note = NewNote(NoteKind.ENTRY, subject_of(entry), text_of(entry))
    assert "\r" not in note.text
    assert "\nBcc" not in note.text
