"""Mailroom's own Sieve script: known by its name and a first line with a digest of what follows. Pure.

The digest shows whether somebody has edited it: then it is theirs, and nothing is written over it unasked.
"""

from __future__ import annotations

import hashlib
import re
from enum import Enum
from typing import Final

NAME: Final = "Mailroom"
"""What the script is called; the one by which an `include` names it."""

REQUIRED = re.compile(rb'require\s+(\[[^\]]*\]|"[^"]*")\s*;', re.IGNORECASE)
_FIRST_LINE = re.compile(rb"# Mailroom ([0-9a-f]{64}):[^\r\n]*(?:\r?\n|$)")
_SAYS = "`mailroom rules --install` wrote this and keeps it current, until you edit it"
_QUOTED = re.compile(rb'"([^"]*)"')


class Ownership(Enum):
    """Whose a script of our name is."""

    OURS = "ours"
    EDITED = "edited"
    """It begins as ours does, and somebody has changed it since."""

    THEIRS = "theirs"


def digest_of(text: bytes) -> str:
    """Return the digest of a script, whatever its line ends and the blanks around it."""
    return hashlib.sha256(text.replace(b"\r\n", b"\n").strip()).hexdigest()


def own_script(rules: str) -> bytes:
    """Return our script for rules in Sieve."""
    text = rules.encode()
    return f"# Mailroom {digest_of(text)}: {_SAYS}.\n".encode() + text


def whose(content: bytes) -> Ownership:
    """Say whose a script is, by its first line."""
    found = _FIRST_LINE.match(content)
    if found is None:
        return Ownership.THEIRS
    is_untouched = digest_of(content[found.end() :]) == found[1].decode()
    return Ownership.OURS if is_untouched else Ownership.EDITED


def is_same(content: bytes, wanted: bytes) -> bool:
    """Whether a script is what it is to be."""
    return digest_of(content) == digest_of(wanted)


def extensions_of(text: bytes) -> tuple[str, ...]:
    """Return what a script of Mailroom's requires at its top (RFC 5228 section 3.2)."""
    found: dict[str, None] = {}
    for each in REQUIRED.findall(text):
        found |= dict.fromkeys(name.decode() for name in _QUOTED.findall(each))
    return tuple(found)
