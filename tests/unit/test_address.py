"""When two spellings of an address are the same sender."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.triage.address import parse_address


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("news@shop.example", "NEWS@Shop.EXAMPLE"),
        ("info@bücher.example", "Info@XN--BCHER-KVA.example"),
        ("info@BÜCHER.example", "info@bu\u0308cher.example"),
        ("a@shop.example.", "a@shop.example"),
        (" a@shop.example ", "a@shop.example"),
        ("müller@x.example", "MU\u0308LLER@x.example"),
        ('"a@b"@x.example', '"A@B"@x.example'),
    ],
)
def test_these_are_one_sender(one: str, other: str) -> None:
    """Case does not count, nor does the form of an international domain."""
    assert parse_address(one) is not None
    assert parse_address(one) == parse_address(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a@straße.example", "a@strasse.example"),
        ("a@xn--strae-oqa.example", "a@strasse.example"),
        ("a.b@x.example", "ab@x.example"),
        ("a+b@x.example", "a@x.example"),
        ("a@x.example", "a@y.x.example"),
        ("а@x.example", "a@x.example"),  # the first is Cyrillic
    ],
)
def test_these_are_two_senders(one: str, other: str) -> None:
    """Domains that can be registered apart are never taken for one, nor are look-alikes."""
    assert parse_address(one) is not None
    assert parse_address(other) is not None
    assert parse_address(one) != parse_address(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "nobody",
        "@x.example",
        "a@",
        "a@.",
        "a@x..example",
        "a@ x.example",
        "two words@x.example",
        "a@x\n.example",
        "a\r\nBcc: b@x.example",
        "a@x\u200b.example",
    ],
)
def test_these_are_no_senders(text: str) -> None:
    """Without a local part or a domain, or with white space or invisible characters, it is unusable."""
    assert parse_address(text) is None


def test_a_broken_international_label_stays_as_it_is() -> None:
    """A label that only looks encoded names a sender all the same."""
    assert parse_address("a@xn--\u00fc.example") is not None
    assert parse_address("a@xn--99999999999.example") == "a@xn--99999999999.example"


@given(st.text())
def test_the_comparable_form_is_its_own(text: str) -> None:
    """Whatever comes in, what comes out compares equal to itself when read again."""
    address = parse_address(text)
    if address is not None and "xn--" not in address:
        assert parse_address(address) == address
