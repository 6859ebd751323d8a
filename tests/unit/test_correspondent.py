"""Who stands in an address header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.model.address import Address
from mailroom.model.sender import (
    Correspondent,
    HeaderEntry,
    NoSender,
    read_correspondents,
    read_sender,
)

ANN = "ann@example.com"


@pytest.mark.parametrize(
    "entries",
    [
        [("Ann", ANN)],
        [("", ANN), ("Ann", "Ann@Example.com")],
        [(ANN, ANN), ("Ann", ANN)],
        [("", ""), ("Ann", ANN), (" ", "")],
        [("Team", ""), ("Ann", ANN), ("", "")],
        [("", "Lee"), ("Ann", ANN)],
    ],
    ids=["plainly", "twice", "with the address as a name", "empty entries", "a group", "a bare comma"],
)
def test_a_sender_is_the_set_of_addresses(entries: list[HeaderEntry]) -> None:
    """One address is one sender, however often and between whatever it stands; the first name counts."""
    assert read_sender(entries) == Correspondent(Address(ANN), ANN, "Ann")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], "missing or empty"),
        ([("", ""), (" ", "\t")], "missing or empty"),
        ([("Ann", "")], "not an address"),
        ([("Ann", "ann"), ("", "bob@")], "not an address"),
        ([("", ANN), ("", "bob@example.com"), ("", ANN)], "has 2 senders"),
        ([("", "*@example.com"), ("Ann", ANN)], "has 2 senders"),
        ([("", "*@example.com")], "stands for everybody at a domain"),
        ([("Ann", '"*"@example.com')], "stands for everybody at a domain"),
        ([("Ann", "<mailto:*@EXAMPLE.com>")], "stands for everybody at a domain"),
        ([("", "*@*.example.com")], "stands for everybody at a domain"),
    ],
)
def test_none_and_several_are_told(entries: list[HeaderEntry], said: str) -> None:
    """The reason says what is wrong with From."""
    sender = read_sender(entries)
    assert isinstance(sender, NoSender)
    assert said in sender.reason


def test_an_address_is_kept_as_it_was_written() -> None:
    """Rules look for it in that form; white space around it is no part of it."""
    (found,) = read_correspondents([("", " Ann@XN--BCHER-KVA.example ")])
    assert found.email == "Ann@XN--BCHER-KVA.example"
    assert found.address == found.address.lower()


def test_what_cannot_be_shown_around_an_address_is_left_out() -> None:
    """An address stands in logs and on terminals."""
    (found,) = read_correspondents([("", "\x1b[31m\u202eAnn <Ann@example.com>")])
    assert found.email == "Ann@example.com"


@pytest.mark.parametrize("name", ["ann@example.com", " ANN@example.com ", "<ann@example.com>"])
def test_an_address_in_the_place_of_a_name_is_no_name(name: str) -> None:
    """Mail programs put the address there where they know no name."""
    (found,) = read_correspondents([(name, ANN)])
    assert found.name == ""


@pytest.mark.parametrize(
    "name", ["Bank <ann@example.com>", "Bank<ann@example.com>", "ann@example.com, Bank", "bank@example.com"]
)
def test_a_name_that_says_more_is_a_name(name: str) -> None:
    """What else it says is for the person to see, and to be warned of."""
    (found,) = read_correspondents([(name, ANN)])
    assert found.name == name


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4) | st.sampled_from([ANN, "b@x.example"]))))
def test_repetition_and_order_do_not_change_who_it_is(entries: list[HeaderEntry]) -> None:
    """Whatever stands in From, saying it twice or backwards makes no other sender."""
    once, twice = read_sender(entries), read_sender([*entries, *reversed(entries)])
    assert isinstance(once, NoSender) == isinstance(twice, NoSender)
    if isinstance(once, Correspondent) and isinstance(twice, Correspondent):
        assert once.address == twice.address
