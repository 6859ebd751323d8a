"""`mailroom approve` chooses among a person's cards as triage does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from mailroom.commands.approve import Outcome, _approve_batch
from mailroom.triage.address import Address
from mailroom.triage.history import Tally
from mailroom.triage.model import Card, CardUid
from tests.unit.default_account import MAILBOXES, SCHEME
from tests.unit.memory import Book, World

ANN = Address("ann@a.example")


def test_a_card_of_unknown_age_is_not_taken_for_the_oldest() -> None:
    """Of several cards the oldest is put into the group; one of unknown age comes last."""
    ages = {"unknown": 0, "young": 9, "old": 5}
    cards = {
        CardUid(uid): (Card(CardUid(uid), "Ann", created), frozenset({ANN})) for uid, created in ages.items()
    }
    world = World(MAILBOXES, {}, cards, {"Imbox": frozenset()})
    account = cast("Any", SimpleNamespace(book=Book(world)))
    outcome = Outcome()
    _approve_batch(account, [Tally(ANN, ANN, "Ann", 1, "2026")], SCHEME.categories[-1], outcome)
    assert outcome.approved == [ANN]
    assert world.groups["Imbox"] == {"old"}
