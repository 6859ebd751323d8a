"""Notes of contact cards over JMAP: read for the mailing lists they name, at whatever length."""

from __future__ import annotations

import pytest
from attrs import evolve

from mailroom.http import DEFAULT_BOUNDS
from mailroom.model.address import Address
from mailroom.model.party import MailingList
from tests.support import vcards
from tests.support.accounts import LIST_LABEL, add_contact, furnish_lists, join
from tests.support.behind import Behind
from tests.support.proxy import Exchange

ANN = Address("ann@example.net")
DEV = MailingList("<dev.lists.example.org>")
LITTLE_ROOM = evolve(DEFAULT_BOUNDS, answer_bytes=100_000)
CARDS, NOTE_CHARACTERS = 48, 4_000
GIANT_CHARACTERS = LITTLE_ROOM.answer_bytes


def put_note(hit: Behind, name: str, note: str) -> None:
    card = vcards.contact(name, name, f"{name}@example.net", extra=[f"NOTE:{note}"])
    hit.account.put_card(f"{name}.vcf", card)


def put_list(hit: Behind, name: str) -> None:
    hit.account.put_card(f"{name}.vcf", vcards.contact(name, name, extra=[f"NOTE:List-Id: {DEV}"]))


def test_many_long_notes_come_in_parts(hit: Behind) -> None:
    """No answer is too large, and each card is known."""
    for number in range(CARDS):
        put_note(hit, f"n{number}", "x" * NOTE_CHARACTERS)
    put_note(hit, "dev", f"List-Id: {DEV}")
    sizes: list[int] = []

    def measured(exchange: Exchange) -> None:
        answer = exchange.forward()
        sizes.append(len(answer.body))
        exchange.reply(answer)

    hit.proxy.plan = measured
    seen = hit.mailroom(LITTLE_ROOM).book.refresh()
    assert [card.uid for card in seen.cards(DEV)] == ["dev"]
    assert all(seen.cards(Address(f"n{number}@example.net")) for number in range(CARDS))
    assert len(sizes) < CARDS / 4


def test_a_note_larger_than_any_answer_keeps_nobody_unknown(hit: Behind) -> None:
    """That card is read without it: who is known counts for more than which lists are. It is said whose."""
    add_contact(hit.account, "Ann", ANN)
    put_note(hit, "giant", "x" * GIANT_CHARACTERS)
    for number in range(CARDS):
        put_note(hit, f"n{number}", "x")
    put_note(hit, "dev", f"List-Id: {DEV}")
    book = hit.mailroom(LITTLE_ROOM).book
    seen = book.refresh()
    assert seen.cards(ANN)
    assert seen.cards(Address("giant@example.net"))
    assert [card.uid for card in seen.cards(DEV)] == ["dev"]
    assert not seen.knows_lists()
    (said,) = book.left_out()
    assert "'giant'; shorten the notes" in said


def test_it_is_known_as_soon_as_the_note_is_shorter(hit: Behind) -> None:
    """Without a restart."""
    put_note(hit, "giant", "x" * GIANT_CHARACTERS)
    book = hit.mailroom(LITTLE_ROOM).book
    book.refresh()
    put_list(hit, "giant")
    seen = book.refresh()
    assert [card.uid for card in seen.cards(DEV)] == ["giant"]
    assert seen.knows_lists()
    assert not book.left_out()


def test_such_a_note_that_comes_later_stops_no_cycle(hit: Behind) -> None:
    """What has changed in the contacts is asked for together with the mail, which is read all the same."""
    mailroom = hit.mailroom(LITTLE_ROOM)
    mailroom.begin()
    mailroom.triage.run()
    put_note(hit, "giant", "x" * GIANT_CHARACTERS)
    hit.account.receive([("Ann", ANN)], "Screener", "@ToFeed")
    report = mailroom.triage.run()
    assert len(report.filed) == 1
    assert "'giant'" in report.unreadable_contacts[0]
    assert mailroom.book.latest().cards(Address("giant@example.net"))


@pytest.mark.parametrize("triage_label", ["@ToPaperTrail", "@ToScreener"])
def test_as_long_as_it_is_not_read_nothing_is_done_about_lists(hit: Behind, triage_label: str) -> None:
    """Neither decided nor taken back, nor moved by who wrote it: the list may be decided on there."""
    furnish_lists(hit.account)
    add_contact(hit.account, "Ann", ANN, groups=["Jail"])
    mailroom = hit.mailroom(LITTLE_ROOM)
    mailroom.begin()
    put_note(hit, "giant", "x" * GIANT_CHARACTERS)
    over = [("List-Id", DEV)]
    waiting = hit.account.receive_with(over, ("Ann", ANN), "Screener")
    personal = hit.account.receive([("Ann", ANN)], "Screener")
    mailroom.triage.run()
    assert hit.account.mailboxes_of(waiting) == {"Screener"}
    assert hit.account.mailboxes_of(personal) == {"Jail"}
    before = hit.account.cards()
    labelled = hit.account.receive_with(
        over, ("Bob", "bob@example.net"), "Screener", triage_label, LIST_LABEL
    )
    (rejected,) = mailroom.triage.run().rejected
    assert "may name it" in rejected.reason
    assert hit.account.cards() == before
    hit.account.place(labelled, "Trash")
    put_list(hit, "giant")
    join(hit.account, "Feed", "giant")
    mailroom.triage.run()
    assert hit.account.mailboxes_of(waiting) == {"Feed"}
