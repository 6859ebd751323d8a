"""Whom a decision is about."""

from __future__ import annotations

import pytest

from mailroom.model.address import parse_address
from mailroom.model.party import MailingList, PartyKind, domain_of, kind_of, shown, whole_domain


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ann@dom.example", PartyKind.SENDER),
        ("*@dom.example", PartyKind.DOMAIN),
        ('"*"@dom.example', PartyKind.DOMAIN),
        ("*@*.dom.example", PartyKind.DOMAIN),
        ("a*@dom.example", PartyKind.SENDER),
        ('"<a>"@dom.example', PartyKind.SENDER),
    ],
)
def test_an_address_is_a_sender_unless_it_stands_for_everybody(text: str, kind: PartyKind) -> None:
    """Whatever reads the contacts takes an asterisk before the @ for everybody there."""
    address = parse_address(text)
    assert address is not None
    assert kind_of(address) is kind


def test_a_mailing_list_is_no_address() -> None:
    """Its identifier stands between angle brackets, as in the header."""
    party = MailingList("<dev.lists.example.org>")
    assert kind_of(party) is PartyKind.LIST
    assert domain_of(party) == ""
    assert shown(party) == "the list dev.lists.example.org"


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("ann@dom.example", "*@dom.example"),
        ("Ann@BÜCHER.example", "*@xn--bcher-kva.example"),
        ("ann@sub.dom.example", "*@sub.dom.example"),
        ("ann@[192.0.2.1]", None),
    ],
)
def test_everybody_at_a_domain_are_those_at_exactly_it(text: str, domain: str | None) -> None:
    """A machine's address is no domain."""
    address = parse_address(text)
    assert address is not None
    party = whole_domain(address)
    assert party == domain
    if party is not None:
        assert kind_of(party) is PartyKind.DOMAIN
        assert shown(party) == f"everyone at {domain_of(party)}"
