"""Mailing lists as messages and contact cards name them."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mailroom.model.address import parse_address
from mailroom.model.mailing_list import (
    MAX_IDENTIFIER_CHARACTERS,
    MAX_LISTS,
    MAX_LISTS_OF_CARD,
    MAX_NOTE_CHARACTERS,
    lists_in_note,
    note_line,
    parse_list_id,
    read_lists,
)
from mailroom.model.party import MailingList, PartyKind, kind_of

DEV = "dev.lists.example.org"
ATOMS = st.from_regex(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]{1,12}", fullmatch=True)
IDENTIFIERS = st.lists(ATOMS, min_size=2, max_size=5).map(".".join)
WORDS = st.text(st.characters(exclude_characters='<>()"\\\r\n', exclude_categories=["Cs"]), max_size=20)
PHRASES = (
    WORDS | WORDS.map(lambda text: f'"{text} <not.this.one>"') | WORDS.map(lambda text: f"{text} ({text})")
)
SPACES = st.sampled_from([" ", "", "\r\n ", "\t", "\r\n\t "])


@pytest.mark.parametrize(
    ("header", "identifier"),
    [
        pytest.param(f"<{DEV}>", DEV, id="alone"),
        pytest.param(f"Dev list <{DEV}>", DEV, id="behind a phrase"),
        pytest.param(f'"Dev <b.c> list" <{DEV}>', DEV, id="behind a quoted phrase with brackets in it"),
        pytest.param(f'"Dev \\"<b.c>\\" list" <{DEV}>', DEV, id="behind quotes in quotes"),
        pytest.param(f"<{DEV}> (see www.example.org)", DEV, id="before a comment"),
        pytest.param(f"<www.example.org> (was <{DEV}> (a))", DEV, id="in a comment that has taken its place"),
        pytest.param(f"Dev\r\n\tlist\r\n <{DEV}>", DEV, id="folded"),
        pytest.param("Dev <DEV.Lists.example.ORG>", DEV, id="in capitals"),
        pytest.param(DEV, DEV, id="without brackets"),
        pytest.param(f" {DEV} (Dev)", DEV, id="without brackets, with a comment"),
        pytest.param("<list-request_1+x.localhost>", "list-request_1+x.localhost", id="other characters"),
        pytest.param("a/b <b.a.github.com>", "b.a.github.com", id="a phrase that is no words"),
        pytest.param(f"<first.example> <{DEV}>", DEV, id="the last of two"),
        pytest.param("", None, id="nothing"),
        pytest.param("Weekly news", None, id="words"),
        pytest.param("<dev>", None, id="one word"),
        pytest.param("<>", None, id="empty brackets"),
        pytest.param("<dev..example.org>", None, id="two dots"),
        pytest.param("<.dev.example.org>", None, id="a dot at the beginning"),
        pytest.param("<dev.example.org.>", None, id="a dot at the end"),
        pytest.param("< dev.lists.\r\n example.org >", DEV, id="blanks between the brackets"),
        pytest.param("<dev@lists.example.org>", None, id="an address"),
        pytest.param("<bücher.example.org>", None, id="outside ASCII"),
        pytest.param("<\N{KELVIN SIGN}.example.org>", None, id="what becomes ASCII in lower case"),
        pytest.param(f'"<{DEV}>"', DEV, id="only between quotes"),
        pytest.param(f"Dev {DEV}", None, id="a phrase and no brackets"),
        pytest.param(f"<{DEV}", DEV, id="an open bracket"),
        pytest.param(f"<{DEV}> <", None, id="an open bracket behind it"),
        pytest.param(f"{DEV}>", None, id="a closing bracket alone"),
        pytest.param(f"<{'a' * 251}.org>", f"{'a' * 251}.org", id="as long as may be"),
        pytest.param(f"<{'a' * 252}.org>", None, id="too long"),
    ],
)
def test_the_identifier_is_what_stands_between_angle_brackets(header: str, identifier: str | None) -> None:
    """RFC 2919 section 2, and what is seen besides, as Cyrus reads it; what is no identifier is none."""
    assert parse_list_id(header) == identifier


@given(identifier=IDENTIFIERS, phrase=PHRASES, comment=WORDS, one=SPACES, two=SPACES)
def test_whatever_people_read_around_it_the_identifier_is_found(
    identifier: str, phrase: str, comment: str, one: str, two: str
) -> None:
    """Phrase, comment and folds are no part of it."""
    header = f"{phrase}{one}<{identifier}>{two}({comment})"
    assert parse_list_id(header) == identifier.lower()
    assert parse_list_id(f"{phrase}{one}<{identifier}>") == identifier.lower()


@given(text=st.text() | IDENTIFIERS.map(lambda x: f"<{x}>"))
@example("<a.b")
@example('"<a.b>')
def test_whatever_comes_an_identifier_stands_in_the_text_and_is_its_own(text: str) -> None:
    """Nothing is made up, and reading again what was read gives the same."""
    identifier = parse_list_id(text)
    assume(identifier is not None)
    assert identifier is not None
    assert identifier in "".join(text.lower().split())
    assert identifier == identifier.lower()
    assert len(identifier) <= MAX_IDENTIFIER_CHARACTERS
    assert parse_list_id(f"<{identifier}>") == parse_list_id(identifier) == identifier


@given(identifier=IDENTIFIERS)
def test_a_list_is_no_sender_and_no_domain(identifier: str) -> None:
    """The forms in which parties are compared cannot be mistaken for each other."""
    (found,) = read_lists([f"<{identifier}>"])
    assert kind_of(found.party) is PartyKind.LIST
    assert parse_address(found.party) is None


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (f"Dev list <{DEV}>", "Dev list"),
        (f'"Dev, \\"the\\" list" <{DEV.upper()}>', 'Dev, "the" list'),
        (f"A very\r\n\tlong  name <{DEV}> (comment)", "A very long name"),
        (f"Entwickler ä\u202e <{DEV}>", "Entwickler ä"),
        (f"<{DEV}>", DEV),
        (DEV, DEV),
    ],
)
def test_a_list_is_called_by_the_phrase_before_its_identifier(header: str, name: str) -> None:
    """Where there is none, by the identifier."""
    (found,) = read_lists([header])
    assert found.name == name


@pytest.mark.parametrize(
    ("url", "post"),
    [
        ("mailto:dev@lists.example.org", "dev@lists.example.org"),
        ("MAILTO:Dev@Lists.Example.org?subject=a@b", "dev@lists.example.org"),
        ("mailto:%64ev@lists.example.org", "dev@lists.example.org"),
        ("mailto:dev.lists@example.org", "dev.lists@example.org"),
        ("mailto:dev%2Bpost@lists.example.org", None),
        ("mailto:ann@lists.example.org", None),
        ("mailto:lists@example.org", None),
        ("mailto:dev@lists.example.org,ann@lists.example.org", None),
        ("mailto:ann@elsewhere.example", None),
        ("mailto:ann@ists.example.org", None),
        ("mailto:ann@dev.lists.example.org.evil.example", None),
        ("https://lists.example.org/dev@lists.example.org", None),
        ("mailto:", None),
        ("", None),
    ],
)
def test_the_posting_address_is_the_one_that_the_identifier_spells(url: str, post: str | None) -> None:
    """Whoever writes a message chooses its headers: any other address may be somebody else's."""
    (found,) = read_lists([f"<{DEV}>"], [url])
    assert found.post == post


def test_the_first_posting_address_of_the_list_counts() -> None:
    """Web pages and addresses of others are passed over (RFC 2369 section 3.4)."""
    urls = [
        "https://lists.example.org/",
        "mailto:a@b.example",
        "mailto:dev@lists.example.org",
        "mailto:x@org",
    ]
    assert [each.post for each in read_lists([f"<{DEV}>"], urls)] == ["dev@lists.example.org"]


def test_several_lists_are_told_each_once_in_the_order_of_the_headers() -> None:
    """Each list that mail comes over puts its header above the others."""
    headers = ["One <one.example.org>", "no identifier", "Two <two.example.org>", "Uno <ONE.example.org>"]
    found = read_lists(headers)
    assert [each.party for each in found] == ["<one.example.org>", "<two.example.org>"]
    assert found[0].name == "One"


def test_a_message_may_name_as_many_lists_as_it_likes() -> None:
    """More than any real mail has do not count, and an endless header names none."""
    assert len(read_lists([f"<list{n}.example>" for n in range(1000)])) == MAX_LISTS
    assert not read_lists([f"{'word ' * 10_000} <{DEV}>", "(" * 3_999, "<" * 3_999, '"' * 3_999])


@pytest.mark.parametrize(
    ("note", "parties"),
    [
        (f"List-Id: <{DEV}>", [f"<{DEV}>"]),
        (f"Bob's list\nlist-id:<{DEV.upper()}>\nmore", [f"<{DEV}>"]),
        (f"  List-ID :  {DEV} ", [f"<{DEV}>"]),
        (f"• List-Id: Dev list <{DEV}>", [f"<{DEV}>"]),
        (
            f"List-Id: <{DEV}>, <b.example>\r\nList-Id: <c.example>",
            [f"<{DEV}>", "<b.example>", "<c.example>"],
        ),
        (f"List-Id: {DEV}, b.example", [f"<{DEV}>", "<b.example>"]),
        (f"List-Id: <{DEV}>\nList-Id: <{DEV}>", [f"<{DEV}>"]),
        ("List-Id: ask www.example.org", []),
        ("List-Id: <nothing>", []),
        ("List-Id:", []),
        (f"My List-Id: <{DEV}>", []),
        (f"<{DEV}>", []),
        ("", []),
    ],
)
def test_the_note_of_a_card_says_which_lists_it_stands_for(note: str, parties: list[str]) -> None:
    """A person may write and change it as they would."""
    assert list(lists_in_note(note)) == parties


@given(identifier=IDENTIFIERS, before=WORDS, after=WORDS)
def test_what_is_written_is_read_again(identifier: str, before: str, after: str) -> None:
    """Whatever other lines a person adds."""
    party = MailingList(f"<{identifier.lower()}>")
    assert party in lists_in_note(f"{before}\n{note_line(party)}\n{after}")


def test_endless_notes_cost_little() -> None:
    """Only the beginning is looked at, and a few lists are enough for a card."""
    lines = "\n".join(f"List-Id: <list{n}.example>" for n in range(100_000))
    assert len(lists_in_note(lines)) == MAX_LISTS_OF_CARD
    assert not lists_in_note("x" * MAX_NOTE_CHARACTERS + f"\nList-Id: <{DEV}>")
    assert not lists_in_note("List-Id:" + " <" * 5_000)
    assert not lists_in_note(" \t" * 9_000 + "List-Id")
    assert not lists_in_note("List-Id" + " \t" * 9_000)
