"""Which addresses are the person's own."""

from __future__ import annotations

from mailroom.model.address import Address, parse_address
from mailroom.model.own import OwnAddresses


def address(text: str) -> Address:
    parsed = parse_address(text)
    assert parsed
    return parsed


def test_an_address_is_own_however_it_is_written() -> None:
    """They are compared as senders are; what is no address is nobody's."""
    own = OwnAddresses.read(["Me@Home.example", "me", ""])
    assert address("ME@home.EXAMPLE") in own
    assert address("you@home.example") not in own
    assert own.addresses == {"me@home.example"}
    assert own.is_complete
    assert OwnAddresses().is_complete
    assert 5 not in own


def test_a_star_stands_for_exactly_one_domain() -> None:
    """RFC 8621 section 6: any address ending in that domain; hosts below it are other domains."""
    own = OwnAddresses.read(["*@Mine.example"])
    assert address("anybody@mine.EXAMPLE") in own
    assert address("anybody@below.mine.example") not in own
    assert address("anybody@notmine.example") not in own
    assert not own.addresses


def test_while_aliases_are_unknown_the_own_domains_are_in_doubt() -> None:
    """Only addresses at a domain of a known one may be further aliases; what is known is not in doubt."""
    unsure = OwnAddresses.read(["me@home.example"], is_complete=False)
    assert unsure.may_hold(address("alias@home.example"))
    assert not unsure.may_hold(address("me@home.example"))
    assert not unsure.may_hold(address("ann@a.example"))
    assert not OwnAddresses.read(["me@home.example"]).may_hold(address("alias@home.example"))


def test_what_the_server_says_completes_what_was_known() -> None:
    """Both count, and the answer says whether it is all."""
    before = OwnAddresses.read(["me@home.example", "*@old.example"], is_complete=False)
    after = before.joined(OwnAddresses.read(["alias@home.example", "*@mine.example"]))
    assert after.is_complete
    for text in ("me@home.example", "x@old.example", "alias@home.example", "x@mine.example"):
        assert address(text) in after
    assert not before.joined(OwnAddresses.read([], is_complete=False)).is_complete
