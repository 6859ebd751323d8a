"""When two spellings of an address are the same sender."""

from __future__ import annotations

import sys
import time
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailroom.model.address import MAX_ADDRESS_CHARACTERS, parse_address, spellings

anything = st.text(st.characters(codec=None, exclude_categories=()))
pieces = st.lists(
    st.sampled_from(
        [
            "mailto:",
            "<",
            ">",
            "ann",
            '"',
            "\\",
            "@",
            ".",
            " ",
            "X",
            "xn--",
            "paypal-",
            "bücher",
            "Ｐ",
            "com",
            "[",
        ]
    )
    | st.characters(codec=None, exclude_categories=()),
    max_size=12,
).map("".join)


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
        ('"ann"@x.example', "ann@x.example"),
        ('"a.b"@x.example', "a.b@x.example"),
        ('"an\\n"@x.example', "ann@x.example"),
        ('"ann doe"@x.example', "ann doe@x.example"),
        ('"a\\"b"@x.example', 'a"b@x.example'),
        ("<ann@x.example>", "ann@x.example"),
        ("<<ann@x.example>>", "ann@x.example"),
        ("<ann@x.example", "ann@x.example"),
        ("<mailto:ann@x.example>", "ann@x.example"),
        ("MAILTO:<ann@x.example>", "ann@x.example"),
        ("Ann <ann@x.example>", "ann@x.example"),
        ("ann@[IPv6:2001:DB8::1]", "ann@[ipv6:2001:db8::1]"),
    ],
)
def test_these_are_one_sender(one: str, other: str) -> None:
    """Neither case counts, nor quotes, nor the form of an international domain, nor what stands around."""
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
        ("ａnn@x.example", "ann@x.example"),
        ('"ann "@x.example', "ann@x.example"),
        ('"mailto:ann"@x.example', "ann@x.example"),
        ('"<x>"@x.example', "x@x.example"),
    ],
)
def test_these_are_two_senders(one: str, other: str) -> None:
    """Addresses that can be had apart are never taken for one, nor are look-alikes."""
    assert parse_address(one) is not None
    assert parse_address(other) is not None
    assert parse_address(one) != parse_address(other)


@pytest.mark.parametrize(
    "domain",
    [
        "xn--paypal-.com",
        "xn--paypal.com-",
        "xn--paypalcom-b854c",
        "ｐaypal.com",
        "ＰＡＹＰＡＬ.ｃｏｍ",
        "paypal。com",
        "paypal\uff0ecom",
        "paypal\uff61com",
        "\U0001d429aypal.com",
        "ⓟaypal.com",
        "paypaɭ.com",
        "pаypal.com",
        "paypal.com\u0338",
    ],
)
def test_a_domain_that_only_looks_like_another_is_another(domain: str) -> None:
    """The server compares octets: what it takes for a stranger is never filed as a contact."""
    assert parse_address(f"service@{domain}") != parse_address("service@paypal.com")


def test_no_character_outside_ascii_becomes_one_inside() -> None:
    """Normalization and case make a k of the Kelvin sign: no such address is one."""
    mapped = (c for c in map(chr, range(0x80, sys.maxunicode + 1)) if normalize("NFKC", c.lower()) != c)
    for c in mapped:
        for text in (f"a{c}a@x.example", f"a@a{c}a.example"):
            address = parse_address(text)
            assert address is None or not address.isascii() or "xn--" in address, hex(ord(c))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "nobody",
        "@x.example",
        '""@x.example',
        '" "@x.example',
        "a@",
        "a@.",
        "a@x..example",
        "a@ x.example y",
        "a@x\n.example",
        "a\r\nBcc: b@x.example",
        "a@x\u200b.example",
        "a\u202eb@x.example",
        "a\u2028b@x.example",
        "a\ud800b@x.example",
        'a@x"y.example',
        "a@x(y).example",
        "ban\u212aer@x.example",
        "a@ban\u212a.example",
        f"a@{'x' * 64}.example",
        f"a@{'ü' * 63}.example",
        "x" * MAX_ADDRESS_CHARACTERS + "@x.example",
        "mailto:",
        "<>",
        "Ann <>",
    ],
)
def test_these_are_no_senders(text: str) -> None:
    """Without a local part or a domain, or with line breaks or invisible characters, it is unusable."""
    assert parse_address(text) is None


def test_an_encoded_label_stays_as_it_is() -> None:
    """What looks encoded is never decoded: several labels, some of them with dots in, would become one."""
    for label in ("xn--99999999999", "xn--paypal-", "xn--a-ecp.xn--", "xn--bcher-kva"):
        assert parse_address(f"a@{label}.example") == f"a@{label}.example"
    assert parse_address("a@xn--\u00fc.example") is not None


@given(anything | pieces)
@example("\u0130@x.example")
@example("ΑΣ@ΑΣ.example")
@example("a@" + "ü" * 40 + ".example")
@example('"\\\\"@x.example')
@example(">@0")
@example('"<"@x.example')
@example('"<a@b>"@x.example')
def test_the_comparable_form_is_its_own(text: str) -> None:
    """Whatever comes in, what comes out is the same when it is read again, bare or wrapped."""
    address = parse_address(text)
    if address is not None:
        assert parse_address(address) == address
        assert parse_address(f"Ann <{address}>") == address
        local, _, domain = address.rpartition("@")
        assert domain.isascii()
        assert not set(domain) & set('\u2028\u202e @"<>(),;\\\r\n')
        assert local.isprintable()


@given(anything | pieces)
def test_a_spelling_is_the_sender_and_stays_as_it_is(text: str) -> None:
    """What is written for an address is read as that address again; what is none has no spelling."""
    address = parse_address(text)
    if address is None:
        return
    first, *others = spellings(text)
    assert parse_address(first) == address
    assert spellings(first) == (first,)
    for other in others:
        assert parse_address(other) != address
        assert spellings(other) == (other,)


@pytest.mark.parametrize(
    ("email", "written"),
    [
        ("Ann@X.example", ["Ann@X.example"]),
        ("info@bücher.example", ["info@bücher.example"]),
        ("info@xn--bcher-kva.example", ["info@xn--bcher-kva.example"]),
        ("Ann Doe@x.example", ['"Ann Doe"@x.example']),
        ('a"b@x.example', ['"a\\"b"@x.example']),
        ("a:b@x.example", ['"a:b"@x.example']),
        ("mailto:ann@x.example", ["ann@x.example", '"mailto:ann"@x.example']),
        ("<ann@x.example", ["ann@x.example", '"<ann"@x.example']),
    ],
)
def test_an_address_is_written_as_the_server_looks_for_it(email: str, written: list[str]) -> None:
    """In the form of the domain and the case that the message shows, quoted where it must be."""
    assert list(spellings(email)) == written


@pytest.mark.parametrize(
    "text",
    [
        "<" * 10**6,
        "mailto:" * 10**5,
        '"' + "\\a" * 10**6,
        "a@" + "ü." * 499,
        "a@" + "一丁七" * 300,
        "@" * 998,
    ],
)
def test_no_address_takes_long_to_read(text: str) -> None:
    """Strangers write what they like into From."""
    began = time.thread_time()
    parse_address(text)
    assert time.thread_time() - began < 1
