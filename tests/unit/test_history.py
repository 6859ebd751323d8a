"""What old mail tells."""

from __future__ import annotations

from mailroom.model.address import Address, parse_address
from mailroom.model.mail import AddressHeaders
from mailroom.model.own import OwnAddresses
from mailroom.model.ports import HeadersPage
from mailroom.model.sender import read_correspondents, read_sender
from mailroom.triage.correspondence import Tallies, reply_domains


def headers(
    *people: tuple[str, str], at: str = "2026-01-01T00:00:00Z", message_id: str = ""
) -> AddressHeaders:
    """The headers of a message both from and to the same people."""
    return AddressHeaders(read_sender(people), tuple(read_correspondents(people)), at, message_id)


def tallied(*listed: AddressHeaders, own: str = "me@x.example") -> list[tuple[Address, str, int]]:
    address = parse_address(own)
    assert address
    tallies = Tallies(OwnAddresses.read([address]))
    tallies.add_recipients(HeadersPage(listed, len(listed)))
    return [(each.who.address, each.who.name, each.messages) for each in tallies.ranked()]


def test_an_address_counts_once_a_message_whatever_its_case() -> None:
    """Two spellings of an address in one message are one correspondent, once."""
    twice = headers(("Ann", "ann@x.example"), ("", "ANN@X.example"))
    assert tallied(twice, headers(("", "Ann@x.example"))) == [("ann@x.example", "Ann", 2)]


def test_the_newest_name_counts() -> None:
    """Messages come newest first; an older name fills in only where the newer messages show none."""
    newest_first = (
        headers(("", "a@x.example")),
        headers(("New", "a@x.example")),
        headers(("Old", "a@x.example")),
    )
    assert tallied(*newest_first) == [("a@x.example", "New", 3)]


def test_an_address_in_the_place_of_a_name_is_no_name() -> None:
    """Mail programs put the address there where they know no name."""
    assert tallied(headers(("a@x.example", "a@x.example"))) == [("a@x.example", "", 1)]


def test_the_most_frequent_come_first_and_of_equals_the_latest() -> None:
    """A limit then takes those who matter most."""
    listed = [
        headers(("", "often@x.example"), at="2026-01-01T00:00:00Z"),
        headers(("", "often@x.example"), at="2025-01-01T00:00:00Z"),
        headers(("", "late@x.example"), at="2026-02-01T00:00:00Z"),
        headers(("", "early@x.example"), at="2026-01-15T00:00:00Z"),
    ]
    assert [name for name, _, _ in tallied(*listed)] == [
        "often@x.example",
        "late@x.example",
        "early@x.example",
    ]


def test_a_message_to_many_says_little_about_each() -> None:
    """Who is one of several counts as a part of one; as many parts are as much as the whole."""
    three = [("", f"{name}@x.example") for name in "abc"]
    sent = [
        headers(*three, at="2026-03-01T00:00:00Z"),
        headers(*three, at="2026-03-01T00:00:00Z"),
        headers(three[0], at="2026-02-01T00:00:00Z"),
        headers(("", "once@x.example"), ("", "me@x.example"), at="2026-04-01T00:00:00Z"),
        *(headers(three[2], ("", "d@x.example"), ("", "e@x.example")) for _ in range(1)),
    ]
    ranked = [(who, messages) for who, _, messages in tallied(*sent)]
    assert ranked[:3] == [("a@x.example", 3), ("once@x.example", 1), ("c@x.example", 3)]


def test_own_addresses_and_what_is_none_do_not_count() -> None:
    """Nobody is their own correspondent, and a group without members is nobody."""
    assert tallied(headers(("Me", "ME@x.example"), ("Team", ""), ("", "nobody"))) == []


def test_a_message_of_several_senders_is_of_nobody() -> None:
    """As in triage, the sender is the one address in From."""
    tallies = Tallies(OwnAddresses())
    tallies.add_senders(HeadersPage((headers(("", "a@x.example"), ("", "b@x.example")), headers()), 2))
    assert tallies.ranked() == []


def test_reply_domains_are_those_of_sent_message_ids() -> None:
    """The most frequent first; what is no domain of a host is left out, since it would match too much."""
    ids = ["1@mx.example", "2@app.example", "3@app.example", "4", "5@localhost", '6@a"b.example', "7@"]
    assert reply_domains(headers(message_id=each) for each in ids) == ["app.example", "mx.example"]


def test_reply_domains_are_few() -> None:
    """A script does not grow with the number of programs the person has ever sent mail with."""
    assert len(reply_domains(headers(message_id=f"1@mx{n}.example") for n in range(99))) == 10
