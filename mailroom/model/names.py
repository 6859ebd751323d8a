"""Names that people read: the one form in which they are written, and when two are the same."""

from __future__ import annotations

import re
import unicodedata

MAX_NAME_CHARACTERS = 256
"""Longer names are cut, for cards and logs as well as for comparing them."""

_UNWRITABLE = frozenset({"Cc", "Cf", "Cs"})
"""Controls, invisible characters (bidirectional overrides, zero-width ones), halves of surrogate pairs."""

_JOINERS = "\u200c\u200d"
_IDLE_JOINERS = re.compile(rf"(?<!\S)[{_JOINERS}]+|[{_JOINERS}]+(?!\S)")


def clean_name(text: str) -> str:
    """Return a name as it is written: on one line, visible, and not too long.

    Zero-width joiners and non-joiners stay inside a word, where Persian, Indic scripts and emoji need them.
    A clean name stays as it is.
    """
    text = text[: 4 * MAX_NAME_CHARACTERS]  # whatever comes, the work is bounded
    visible = _IDLE_JOINERS.sub("", _visible(text, _JOINERS))
    return " ".join(visible.split())[:MAX_NAME_CHARACTERS].rstrip(f" {_JOINERS}")


def fold_name(name: str) -> str:
    """Return the form in which names are compared: case, white space, width and invisibles do not count."""
    folded = unicodedata.normalize("NFKC", _visible(name)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _visible(text: str, besides: str = "") -> str:
    kept = "".join(c for c in text if c.isspace() or c in besides or _is_writable(c))
    return " ".join(kept.split())


def _is_writable(character: str) -> bool:
    # Noncharacters such as U+FFFF have no place in XML, in which cards travel.
    return unicodedata.category(character) not in _UNWRITABLE and ord(character) & 0xFFFE != 0xFFFE
