"""Names that people read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.model.names import MAX_NAME_CHARACTERS, clean_name, fold_name, is_form_of

anything = st.text(st.characters(codec=None, exclude_categories=())) | st.text("a \u200d\u200c\u202e\ud800\n")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  Ann \t Lee\r\n", "Ann Lee"),
        ("Ann\x00\x07 Lee\x1b", "Ann Lee"),
        ("Ann\ud800 Lee", "Ann Lee"),
        ("moc.knab \u202ebank.com\u202c", "moc.knab bank.com"),
        ("\u2066Ann\u2069 \u200eLee\u200f", "Ann Lee"),
        ("A\u200bn\u2060n\ufeff", "Ann"),
        ("Ann\uffff\ufffe", "Ann"),
        ("\u200d", ""),
        ("Ann \u200d Lee\u200c", "Ann Lee"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("x" * 257, "x" * 256),
        ("x" * 255 + " y", "x" * 255),
    ],
)
def test_a_clean_name_is_what_can_be_read(text: str, clean: str) -> None:
    """Controls, bidirectional overrides, invisible characters and halves of characters go."""
    assert clean_name(text) == clean


@given(anything)
def test_a_clean_name_stays_as_it_is(text: str) -> None:
    """It is on one line, no longer than a name may be, can be written, and is not cleaned further."""
    clean = clean_name(text)
    assert clean_name(clean) == clean
    assert len(clean) <= MAX_NAME_CHARACTERS
    assert clean.splitlines() in ([clean], [])
    clean.encode()


@given(anything)
def test_cleaning_a_name_makes_no_other_of_it(text: str) -> None:
    """What is written on a card compares equal to what a message shows."""
    if len(text) <= MAX_NAME_CHARACTERS:
        assert fold_name(clean_name(text)) == fold_name(text)


@given(anything)
def test_a_folded_name_is_its_own_form(text: str) -> None:
    """Comparing may begin from either form."""
    assert fold_name(fold_name(text)) == fold_name(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Jail", "Ｊail"), ("ANN  lee", " Ann Lee"), ("Straße", "STRASSE"), ("An\u200dn", "Ann")],
)
def test_these_are_one_name(one: str, other: str) -> None:
    """Case, white space, width and what cannot be seen do not count."""
    assert fold_name(one) == fold_name(other)


@pytest.mark.parametrize(
    ("on_card", "shown"),
    [
        ("Ines Carvalho", "Ines"),
        ("Inês Carvalho", "ines carvalho"),
        ("Ines Carvalho", "Carvalho, Ines"),
        ("Ines Carvalho", "I. Carvalho"),
        ("Ines Maria Carvalho", "Ines M. Carvalho"),
        ("Ines Carvalho", "Dr. Ines Carvalho"),
        ("Prof. Ines Carvalho", "Dr. Ines Carvalho, PhD"),
        ("Ann Smith", "'Ann Smith' via Dev"),
        ("Ann", "Ann via Dev List"),
        ("Siobhán O’Brien", "Siobhan O'Brien"),
        ("The Shop, Inc.", "The Shop"),
        ("名前 姓", "姓 名前"),
        ("Dr.", "dr"),
        ("!!!", "!!!"),
    ],
)
def test_a_person_is_shown_in_many_ways(on_card: str, shown: str) -> None:
    """Shorter, in another order, with a title, without accents or through a list: it is the same name."""
    assert is_form_of(shown, on_card)


@pytest.mark.parametrize(
    ("on_card", "shown"),
    [
        ("Ines Carvalho", "Bob"),
        ("Ines Carvalho", "Ines Pereira"),
        ("Ines Carvalho", "I. C."),
        ("Ines Carvalho", "Your Bank"),
        ("Ines Carvalho", "Bank via Ines"),
        ("Ann Smith", "Ann Smithy"),
        ("Ann", "Anna"),
        ("Ann", "Bank of Ann"),
        ("Ann", "Ann Smith"),
        ("Shop", "Bank"),
        ("!!!", "???"),
    ],
)
def test_another_name_is_another_name(on_card: str, shown: str) -> None:
    """Some words alone, or initials alone, make no person the same."""
    assert not is_form_of(shown, on_card)


@given(anything)
def test_a_name_is_a_form_of_itself(name: str) -> None:
    """Whatever stands in it."""
    assert is_form_of(name, name)
