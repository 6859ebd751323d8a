"""When two spellings of a mail address are the same sender; the one reader of addresses wherever they stand.

What counts is what the mail server takes for one: it compares the local part without the quotes around
it, and the domain as ASCII. A spelling that it takes for another sender must be another one here too,
or a stranger's mail would be filed as a contact's. So a domain outside ASCII becomes its A-labels
(RFC 5890 section 2.3.2.1), which is one-to-one, and no A-label is ever decoded, which is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NewType

Address = NewType("Address", str)
"""A mail address in the one form in which addresses are compared; made by `parse_address` only."""

MAX_ADDRESS_CHARACTERS = 998
"""What fits on a line of mail (RFC 5322 section 2.1.1); nothing longer can be delivered to."""

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff"
_DOT_ATOM = re.compile(rf"[{_ATEXT}.]+")
_LABEL = re.compile(rf"[{_ATEXT}]{{1,63}}")  # no longer in ASCII form either: RFC 1035 section 2.3.4
_QUOTED = re.compile(r'"(?P<local>(?:[^"\\]|\\.)*)"\s*@\s*(?P<domain>.*)')
_QUOTES = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL = re.compile(r"\[[!-Z^-~]+\]")
_ESCAPED = re.compile(r"\\(.)")
_TO_ESCAPE = re.compile(r'(["\\])')
_BECOME_ASCII = re.compile("[\u037e\u1fef\u212a]")
"""The characters outside ASCII that stand for one inside, such as the Kelvin sign for k (UAX #15)."""


def parse_address(text: str) -> Address | None:
    """Return the comparable form of `text`, or None where it names no mailbox at a domain.

    Case does not count, nor do quotes that are not needed (``"ann"@example.com``), nor the form of an
    international domain: ``Info@XN--BCHER-KVA.example`` equals ``info@bücher.example``. What people and
    programs write around an address (``mailto:``, ``<…>``, a name) is no part of it. The comparable form
    is ASCII from the @ on, can be written into a header (RFC 5322 section 3.4.1), and is its own.
    """
    parts = _split(_unwrap(text)) if len(text) <= MAX_ADDRESS_CHARACTERS else None
    if parts is None or _BECOME_ASCII.search("@".join(parts)):
        return None
    local, domain = parts
    if not _LITERAL.fullmatch(domain):
        domain = ".".join(map(_ascii_label, domain.split(".")))
    address = f"{_quote(_fold(local))}@{_fold(domain)}"
    return Address(address) if len(address) <= MAX_ADDRESS_CHARACTERS and _is_domain(domain) else None


def parse_addresses(texts: Iterable[str]) -> frozenset[Address]:
    """Return the comparable forms of those texts that are addresses."""
    return frozenset(address for text in texts if (address := parse_address(text)))


def spellings(email: str) -> tuple[str, ...]:
    """Return how an address is written so that it is found: as a person would, and as servers read it.

    Servers give an address without the quotes that its local part needs, and look for it with them. Of
    ``<mailto:ann@example.com>`` they take ``mailto:ann`` for the local part: then there are two spellings.

    Args:
        email: An address as a message shows it.
    """
    found = (_split(text) for text in (_unwrap(email), email.strip()))
    return tuple(dict.fromkeys(f"{_quote(parts[0])}@{parts[1]}" for parts in found if parts))


def _unwrap(text: str) -> str:
    """Take off what stands around an address: ``mailto:``, angle brackets, a name before them."""
    text = text.strip()
    while True:
        # A bracket between quotes is part of a name or of a local part.
        bare = _QUOTES.sub(lambda match: "x" * len(match[0]), text)
        if bare[:7].lower() == "mailto:":
            text = text[7:].strip()
        elif bare.startswith("<") and (bare.endswith(">") or ">" not in bare):
            text = (text[1:-1] if bare.endswith(">") else text[1:]).strip()
        elif bare.endswith(">") and "<" in bare:
            text = text[bare.rfind("<") : -1].strip()
        else:
            return text


def _split(text: str) -> tuple[str, str] | None:
    """Return local part, unquoted, and domain; None where either is missing or holds what it cannot."""
    if quoted := _QUOTED.fullmatch(text):
        local, domain = _ESCAPED.sub(r"\1", quoted["local"]), quoted["domain"]
    else:
        local, _, domain = text.rpartition("@")
        local, domain = local.strip(), domain.strip()
    # A dot at the end stands for the root of all names: the same domain (RFC 1034 section 3.1).
    domain = domain.removesuffix(".")
    if not local.strip() or not local.isprintable() or not domain.isprintable():
        return None
    return (local, domain) if _is_domain(domain) else None


def _is_domain(text: str) -> bool:
    return bool(_LITERAL.fullmatch(text)) or all(map(_LABEL.fullmatch, text.split(".")))


def _fold(text: str) -> str:
    # Lower case may take a letter apart that was composed before.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def _ascii_label(label: str) -> str:
    """Return a label's A-label. Nothing is mapped but case: full-width letters are not their narrow ones."""
    label = _fold(label)
    return label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"


def _quote(local: str) -> str:
    if _DOT_ATOM.fullmatch(local):
        return local
    escaped = _TO_ESCAPE.sub(r"\\\1", local)
    return f'"{escaped}"'
