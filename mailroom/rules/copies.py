"""Copies of scripts, kept beside them as they were before Mailroom changed them. Pure.

A copy's name says which one it is, of which day, and a digest of its content: so one that somebody has
edited or made is known to be theirs. A server may keep five scripts in all, so that few stay: the first one
of a script of the person's, which is what they had before Mailroom came, and the newest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from datetime import date
from typing import Final

from mailroom.model.scripts import Script, Scripts
from mailroom.rules.own_script import Ownership, whose

FORMER: Final = "mailroom-former-"
"""Begins the name of a copy."""

_NAME = re.compile(rf"{FORMER}([0-9]{{1,9}})-[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}-([0-9a-f]{{8}})")


def copies(scripts: Scripts) -> list[Script]:
    """Return the copies that are there and nobody has edited, the first one first."""
    ours = [each for each in scripts.all if not each.is_active and _is_ours(each)]
    return sorted(ours, key=lambda each: _number(each.name))


def is_copied(scripts: Scripts, content: bytes) -> bool:
    """Whether a content is kept beside, under whatever number."""
    return any(each.name.startswith(FORMER) and each.content == content for each in scripts.all)


def superseded(scripts: Scripts, contents: Collection[bytes]) -> list[Script]:
    """Return the copies that go when others are made.

    Args:
        contents: What copies are needed of.
    """
    there = copies(scripts)
    first = next((each for each in there if whose(each.content) is Ownership.THEIRS), None)
    return [each for each in there if each != first and each.content not in contents]


def new_copies(
    scripts: Scripts, going: Collection[Script], contents: Collection[bytes], today: date
) -> dict[str, bytes]:
    """Return copies that are to be made, by name; the same whether those that go are there still or not."""
    last = max((_number(each.name) for each in scripts.all if each not in going), default=0)
    return {
        f"{FORMER}{number}-{today.isoformat()}-{_digest(content)}": content
        for number, content in enumerate(contents, last + 1)
    }


def _is_ours(script: Script) -> bool:
    found = _NAME.fullmatch(script.name)
    return bool(found and found[2] == _digest(script.content))


def _number(name: str) -> int:
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]
