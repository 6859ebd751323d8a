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


_VIA_LIST = re.compile(r" via .*")
"""What mailing lists add to the name of who wrote to them."""

_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`]")
_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "dame", "jr", "sr", "phd", "md"}
    | {"herr", "frau", "dipl", "ing", "mag", "m", "mme", "mlle", "sra", "srta", "don", "dona"}
)


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


def is_form_of(shown: str, name: str) -> bool:
    """Whether what a message shows may well be meant as a name, as far as names can tell.

    A shortened form is (`Ines`, `I. Carvalho` for `Ines Carvalho`), and so is another order, a title, an
    accent, or what a mailing list makes of a name (`'Ann' via Dev`). What says more than the name is not.
    """
    said, rest = _words(shown), _words(name)
    if not (said and rest):
        return fold_name(shown) == fold_name(name)
    is_whole = sorted(said) == sorted(rest)
    is_named = False
    for word in sorted(said, key=len, reverse=True):  # whole words first, so that no initial takes theirs
        match = word if word in rest else next((x for x in rest if _is_initial(x, word)), None)
        if match is None:
            return False
        is_named |= match == word and len(word) > 1
        rest.remove(match)
    return is_named or is_whole


def _is_initial(one: str, another: str) -> bool:
    return 1 in (len(one), len(another)) and one[0] == another[0]


def _words(name: str) -> list[str]:
    """Return the words of a name that tell people apart; all of it where none is left."""
    said = _VIA_LIST.sub("", fold_name(name))
    bare = "".join(c for c in unicodedata.normalize("NFD", said) if not unicodedata.combining(c))
    words = re.findall(r"\w+", _APOSTROPHES.sub("", bare))
    return [word for word in words if word not in _TITLES] or words


def _visible(text: str, besides: str = "") -> str:
    kept = "".join(c for c in text if c.isspace() or c in besides or _is_writable(c))
    return " ".join(kept.split())


def _is_writable(character: str) -> bool:
    # Noncharacters such as U+FFFF have no place in XML, in which cards travel.
    return unicodedata.category(character) not in _UNWRITABLE and ord(character) & 0xFFFE != 0xFFFE
