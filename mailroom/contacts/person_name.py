"""Splits a person's name into the parts that a card has for it. Pure."""

from __future__ import annotations

from attrs import frozen

_TITLES = frozenset(
    {
        "dame",
        "dr",
        "fr",
        "frau",
        "herr",
        "hr",
        "lady",
        "lord",
        "miss",
        "mme",
        "mr",
        "mrs",
        "ms",
        "mx",
        "prof",
        "rev",
        "sir",
    }
)
_SUFFIXES = frozenset(
    {"cpa", "dds", "esq", "ii", "iii", "iv", "jr", "jd", "llm", "ma", "mba", "md", "msc", "phd", "sr"}
)


@frozen
class PersonName:
    """A person's name in the parts of the N property."""

    family: str = ""
    given: str = ""
    additional: str = ""
    prefix: str = ""
    suffix: str = ""


def split_name(name: str) -> PersonName:
    """Split a display name as well as it goes.

    ``Lovelace, Ada`` and ``Dr. Ada M. Lovelace`` have Ada as the given and Lovelace as the family
    name; a single word, and what looks like an address, is a given name.
    """
    before, comma, after = (part.strip() for part in name.partition(","))
    if comma and before and after and "," not in after and not _all_in(after.split(), _SUFFIXES):
        given, _, additional = after.partition(" ")
        return PersonName(family=before, given=given, additional=additional)
    words = name.replace(",", " ").split()
    prefix: list[str] = []
    suffix: list[str] = []
    while len(words) > 1 and _all_in(words[:1], _TITLES):
        prefix.append(words.pop(0))
    while len(words) > 2 and _all_in(words[-1:], _SUFFIXES):
        suffix.insert(0, words.pop())
    last = max(len(words) - 1, 1)
    # Lower-case words before the last are part of the family name: Ludwig van Beethoven.
    while last > 1 and words[last - 1].islower():
        last -= 1
    return PersonName(
        family=" ".join(words[last:]),
        given=words[0] if words else "",
        additional=" ".join(words[1:last]),
        prefix=" ".join(prefix),
        suffix=" ".join(suffix),
    )


def _all_in(words: list[str], known: frozenset[str]) -> bool:
    return all(word.replace(".", "").lower() in known for word in words)
