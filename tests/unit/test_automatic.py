"""Which addresses look like programs'."""

from __future__ import annotations

import pytest

from mailroom.model.address import Address, parse_address
from mailroom.triage.automatic import why_automatic

AUTOMATIC = {
    "no-reply@shop.example": "no-reply",
    "Do_Not.Reply2@shop.example": "no-reply",
    "orders@noreply.shop.example": "no-reply",
    "unsubscribe@list.example": "unsubscribe",
    "unsub-17@list.example": "unsubscribe",
    "u.193@unsubscribe.list.example": "unsubscribe",
    "bounces+12-ann@list.example": "bounce",
    "MAILER-DAEMON@mx.example": "bounce",
    "x@bounce.list.example": "bounce",
    "knitters-request@lists.example": "list",
    "leave-knitters@lists.example": "list",
    "majordomo@lists.example": "list",
    "notifications@forge.example": "notifications",
    "ann=example.com@lists.example": "token",
    "reply+17@reply.forge.example": "token",
    "reply+abcd1234efgh5678@forge.example": "token",
    "3f2b8c1d-9a7e-4c5b-8d6f-1a2b3c4d5e6f@forge.example": "token",
    "a94a8fe5ccb19ba61c4c@forge.example": "token",
    "qwertzuiopasdfghjklyxcvbnmqwertzuiop@forge.example": "token",
}

PEOPLE = (
    "ann.smith@mail.example",
    "ann1984smith@mail.example",
    "123456789@mail.example",
    "jean-pierre.owner@mail.example",
    "request@mail.example",
    "leaver@mail.example",
    "sir.bouncealot@mail.example",
    "annabelle.featherstonehaugh-cholmondeley@mail.example",
    "ann@reply.example",
    "support@shop.example",
    "jörg+post@bücher.example",
)


def parsed(text: str) -> Address:
    address = parse_address(text)
    assert address
    return address


@pytest.mark.parametrize(("text", "reason"), AUTOMATIC.items())
def test_an_address_that_says_so_looks_automatic(text: str, reason: str) -> None:
    """By its words, by its host, or by a token that nobody would say; in whatever case."""
    assert why_automatic(parsed(text)) == reason


@pytest.mark.parametrize("text", PEOPLE)
def test_a_name_does_not(text: str) -> None:
    """Not with a year, a long name, or a word that is only part of another."""
    assert why_automatic(parsed(text)) == ""
