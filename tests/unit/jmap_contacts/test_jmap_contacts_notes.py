"""Notes of contact cards over JMAP: read for the mailing lists they name, at whatever length."""

from __future__ import annotations

from attrs import evolve

from mailroom.http import DEFAULT_BOUNDS
from mailroom.model.address import Address
from mailroom.model.party import MailingList
from tests.support import vcards
from tests.support.accounts import add_contact
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
    """Then the notes are not read: who is known counts for more than which lists are."""
    add_contact(hit.account, "Ann", ANN)
    put_note(hit, "giant", "x" * GIANT_CHARACTERS)
    seen = hit.mailroom(LITTLE_ROOM).book.refresh()
    assert seen.cards(ANN)
    assert seen.cards(Address("giant@example.net"))


def test_such_a_note_that_comes_later_stops_no_cycle(hit: Behind) -> None:
    """What has changed in the contacts is asked for together with the mail, which is read all the same."""
    mailroom = hit.mailroom(LITTLE_ROOM)
    mailroom.begin()
    mailroom.triage.run()
    put_note(hit, "giant", "x" * GIANT_CHARACTERS)
    hit.account.receive([("Ann", ANN)], "Screener", "@ToFeed")
    assert len(mailroom.triage.run().filed) == 1
    assert mailroom.book.latest().cards(Address("giant@example.net"))
