"""Which domains strangers share, and the list that says so."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from mailroom.model import shared_domains
from mailroom.model.address import parse_address
from mailroom.model.party import domain_of
from mailroom.model.shared_domains import why_shared

LINES = Path(shared_domains.__file__).with_suffix(".txt").read_text("ascii").splitlines()
SECTIONS = ("mailboxes", "forwarding", "disposable", "platforms", "registries")
ANYBODY, STANDS_FOR, FOR_MINUTES, MANY, BELOW = (
    "anybody can have an address at {}",
    "addresses at {} stand for people who have nothing to do with each other",
    "anybody can have an address at {} for some minutes",
    "many who have nothing to do with each other write from {}",
    "anybody can have a domain below {}",
)

SHARED = {
    **dict.fromkeys(("gmail.com", "outlook.com", "icloud.com", "gmx.de", "fastmail.com", "qq.com"), ANYBODY),
    **dict.fromkeys(("t-online.de", "comcast.net", "orange.fr", "btinternet.com", "docomo.ne.jp"), ANYBODY),
    **dict.fromkeys(("mein.gmx", "yahoo.com.br", "proton.me", "mail.ru", "naver.com"), ANYBODY),
    **dict.fromkeys(("privaterelay.appleid.com", "mozmail.com", "ann.mozmail.com", "duck.com"), STANDS_FOR),
    **dict.fromkeys(("simplelogin.com", "anonaddy.me", "ann.anonaddy.com", "passmail.net"), STANDS_FOR),
    **dict.fromkeys(("mailinator.com", "yopmail.com"), FOR_MINUTES),
    **dict.fromkeys(("substack.com", "googlegroups.com", "shared1.ccsend.com"), MANY),
    **dict.fromkeys(("shopifyemail.com", "marketplace.amazon.de"), MANY),
    **dict.fromkeys(("co.uk", "com.au", "github.io", "blogspot.com", "duckdns.org"), BELOW),
    **dict.fromkeys(("localhost", "com", "xn--p1ai"), BELOW),
    "[192.0.2.1]": "{} is the address of a machine, and no domain",
}

ONE_OWNER = (
    "shop.example",
    "bbc.co.uk",
    "gov.bbc.co.uk",
    "ann.github.io",
    "mail.gmail.com",
    "notgmail.com",
    "gmail.com.example",
    "github.com",
    "amazon.de",
    "stripe.com",
    "notmozmail.com",
    "ox.ac.uk",
    "ann.fastmail.com",
    "xn--bcher-kva.example",
)


@pytest.mark.parametrize("domain", SHARED)
def test_a_domain_that_strangers_share_is_refused_with_the_reason(domain: str) -> None:
    """Providers of mail and lines, aliases, platforms, public suffixes, and what is no domain."""
    assert why_shared(domain) == SHARED[domain].format(domain)


@pytest.mark.parametrize("domain", ONE_OWNER)
def test_a_domain_with_one_owner_may_be_decided_on(domain: str) -> None:
    """Also one below a shared one: what is listed counts exactly, unless its line says otherwise."""
    assert why_shared(domain) == ""


def test_the_list_holds_each_domain_once_in_the_form_of_addresses_and_in_order() -> None:
    """So that nobody has to look twice, and every line can match."""
    listed: dict[str, list[str]] = {}
    for line in LINES:
        if line.startswith("["):
            section = line.strip("[]")
            listed[section] = []
        elif line and not line.startswith("#"):
            listed[section].append(line)
    assert tuple(listed) == SECTIONS
    for domains in listed.values():
        bare = [line.removeprefix(".") for line in domains]
        assert all(one < another for one, another in pairwise(bare))
        for domain in bare:
            address = parse_address(f"ann@{domain}")
            assert address is not None
            assert domain_of(address) == domain
            assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", domain)
    exact = [line for domains in listed.values() for line in domains]
    assert len({line.removeprefix(".") for line in exact}) == len(exact) > 3000


def test_no_line_is_said_already_by_one_with_a_dot() -> None:
    """What lies below a domain that stands for all below it would be found there."""
    domains = [line for line in LINES if line and line[0] not in "#["]
    wide = [line for line in domains if line.startswith(".")]
    assert not [line for line in domains for dot in wide if line != dot and line.endswith(dot)]


def test_each_section_names_its_sources() -> None:
    """A list that nobody can look up again is one that nobody can mend."""
    for section in SECTIONS:
        after = LINES[LINES.index(f"[{section}]") + 1 :]
        comment = " ".join(line for line in after[:8] if line.startswith("#"))
        assert re.search(r"Sources?:|Compared with", comment), section
