"""When two spellings of a mail address are the same sender."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import NewType

Address = NewType("Address", str)
"""A mail address in the one form in which addresses are compared; made by `parse_address` only."""


def parse_address(text: str) -> Address | None:
    """Return the comparable form of `text`, or None where it names no mailbox at a domain.

    Case is folded in both parts, and a domain's ASCII and Unicode forms (RFC 5890) become one:
    ``Info@XN--BCHER-KVA.example`` equals ``info@bücher.example``.
    """
    text = text.strip()
    local, _, domain = text.rpartition("@")
    domain = domain.removesuffix(".")
    if not local or not domain or any(c.isspace() or not c.isprintable() for c in text):
        return None
    labels = [_unicode_label(label) for label in domain.lower().split(".")]
    if not all(labels):
        return None
    return Address(f"{unicodedata.normalize('NFC', local).lower()}@{'.'.join(labels)}")


def parse_addresses(texts: Iterable[str]) -> frozenset[Address]:
    """Return the comparable forms of those texts that are addresses."""
    return frozenset(address for text in texts if (address := parse_address(text)))


def _unicode_label(label: str) -> str:
    """Decode an A-label; one that cannot be decoded stays as it is (RFC 5891 section 4.3)."""
    if label.startswith("xn--"):
        try:
            label = label.removeprefix("xn--").encode("ascii").decode("punycode")
        except UnicodeError:
            return label
    # Not casefold(): it would make straße.example and strasse.example, two domains, one.
    return unicodedata.normalize("NFKC", label).lower()
