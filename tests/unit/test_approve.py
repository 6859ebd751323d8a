"""Who of the correspondents joins the group, and under which card."""

from __future__ import annotations

import pytest
from attrs import evolve

from mailroom.errors import ServerError, UserError
from mailroom.model.address import Address
from mailroom.model.contacts import Card, CardKind, CardUid
from mailroom.model.sender import Correspondent
from mailroom.triage.approval import (
    approve_people,
    approving_category,
    plan_approval,
    sort_out,
    undecided,
)
from mailroom.triage.correspondence import Tally
from tests.support.default_account import GROUPS, MAILBOXES, SCHEME
from tests.support.memory import Book, View, World

ANN = Address("ann@a.example")


def tally(address: Address, name: str = "") -> Tally:
    return Tally(Correspondent(address, address.upper(), name), 1, "2026")


def book(cards: dict[str, int], **groups: set[str]) -> View:
    """Ann's cards by UID, each with its age, and the members of the contact groups."""
    everybody = {CardUid(x): (Card(CardUid(x), "Ann", age), frozenset({ANN})) for x, age in cards.items()}
    members = {name: frozenset(map(CardUid, groups.get(name, ()))) for name in (*GROUPS, "Friends")}
    return View(everybody, members)


def test_whom_one_writes_to_is_a_person() -> None:
    """The category is the one that makes persons' cards."""
    assert approving_category(SCHEME).kind is CardKind.PERSON
    assert approving_category(SCHEME).group.name == "Imbox"


def test_where_no_category_is_for_them_nobody_is_approved() -> None:
    """The person hears which key is missing, before anything is asked."""
    scheme = evolve(SCHEME, categories=SCHEME.categories[:4])
    with pytest.raises(UserError, match="approve = true"):
        approving_category(scheme)


def test_who_was_only_ever_one_of_many_is_left_out() -> None:
    """Once of more than ten, or twice of more than twenty; a person may choose them all the same."""
    weights = {"ten": 1 / 10, "eleven": 1 / 11, "twenty": 1 / 20 + 1 / 20, "forty": 1 / 40 + 1 / 40}
    found = sort_out(evolve(tally(Address(f"{x}@a.example")), weight=w) for x, w in weights.items())
    assert [each.who.address.partition("@")[0] for each in found.people] == ["ten", "twenty"]
    assert {each.reason for each in found.left_out} == {"one of many"}
    chosen = found.chosen({Address("forty@a.example")}, limit=1)
    assert [each.who.address.partition("@")[0] for each in chosen] == ["ten", "forty"]
    assert [each.tally.who.address for each in found.without(chosen)] == ["eleven@a.example"]


def test_of_several_cards_the_oldest_joins() -> None:
    """As in triage; one of unknown age is not taken for the oldest."""
    approval = plan_approval(
        [tally(ANN)], book({"unknown": 0, "young": 9, "old": 5}, Friends={"young"}), SCHEME
    )
    assert approval.joins == {ANN: "old"}
    assert not approval.new_cards
    assert not approval.decided


def test_who_has_no_card_gets_one() -> None:
    """It shows the name, or the address as it was written."""
    stranger = Address("eve@e.example")
    for name, shown in (("Eve", "Eve"), ("", "EVE@E.EXAMPLE")):
        (card,) = plan_approval([tally(stranger, name)], book({"c": 1}), SCHEME).new_cards
        assert (card.address, card.name, card.kind) == (stranger, shown, CardKind.PERSON)


def test_a_decision_stands_whichever_card_and_group_it_is() -> None:
    """Who is in a triage group joins no other, and gets no card."""
    for groups, found in (
        ({"Jail": {"b"}}, ("Jail",)),
        ({"Imbox": {"a"}}, ("Imbox",)),
        ({"Jail": {"a"}, "Feed": {"b"}}, ("Feed", "Jail")),
    ):
        approval = plan_approval([tally(ANN)], book({"a": 1, "b": 2}, **groups), SCHEME)
        assert approval.decided == {ANN: found}
        assert not approval.joins
        assert not approval.new_cards
        assert undecided([tally(ANN)], book({"a": 1, "b": 2}, **groups), SCHEME) == []
    assert undecided([tally(ANN)], book({"a": 1}, Friends={"a"}), SCHEME) == [tally(ANN)]


def test_a_batch_that_fails_stops_no_other() -> None:
    """Its people are told with the reason; those of the next one are put into the group."""

    class Busy(Book):
        refreshes = 0

        def refresh(self) -> View:
            self.refreshes += 1
            if self.refreshes == 1:
                raise ServerError("busy")
            return Book.refresh(self)

    everybody = [tally(Address(f"{name}@a.example")) for name in ("ann", "bob", "eve")]
    world = World(MAILBOXES, {}, {}, dict.fromkeys(GROUPS, frozenset()))
    seen: list[tuple[int, int]] = []
    report = approve_people(
        everybody, Busy(world), SCHEME, lambda *counts: seen.append(counts), batch_cards=1
    )
    assert report.failed == {ANN: "busy"}
    assert report.approved == ["bob@a.example", "eve@a.example"]
    assert len(world.groups["Imbox"]) == 2
    assert seen == [(0, 3), (1, 3), (1, 3), (1, 3)]
