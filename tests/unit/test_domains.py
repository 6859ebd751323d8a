"""International domains on a screen: in their own letters, unless that could mislead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.model.address import parse_address
from mailroom.output.domains import with_readable_domains


def encoded(text: str) -> str:
    """Return an address as Mailroom compares it."""
    address = parse_address(text)
    assert address
    return address


@pytest.mark.parametrize(
    "address", ["hallo@kaffeerösterei-müller.example", "info@shop.bücher.example", "я@пример.рф"]
)
def test_people_read_the_letters_that_they_write(address: str) -> None:
    """What stands as xn--… in the account is shown as it is spoken."""
    shown = with_readable_domains(f"sender filed: {encoded(address)}, and the rest")
    assert shown == f"sender filed: {address}, and the rest"


@pytest.mark.parametrize(
    "address",
    ["security@pаypal.com", "security@аррӏе.com", "ann@xn--a.example", "ann@xn--9999999999999.example"],
)
def test_what_could_pass_for_another_stays_as_it_is(address: str) -> None:
    """Cyrillic letters among Latin ones, or before .com, and what is no such label at all."""
    ascii_form = encoded(address)
    assert "xn--" in ascii_form
    assert with_readable_domains(ascii_form) == ascii_form


def test_a_search_stays_as_the_server_has_it() -> None:
    """It is for typing into a mail program."""
    search = f"search from:{encoded('info@bücher.example')} after:2026-02-27"
    assert with_readable_domains(search) == search


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P"))), st.text(max_size=30))
def test_two_senders_are_never_shown_alike(ascii_text: str, label: str) -> None:
    """Whatever a domain says, what is shown is read as the same sender again."""
    for text in (f"a@xn--{ascii_text}.example", f"a@{label}.example"):
        address = parse_address(text)
        if address:
            assert parse_address(with_readable_domains(address)) == address
