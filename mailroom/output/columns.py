"""Text measured in the columns of a terminal: how wide it is, cut or padded, and laid out in lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

DEFAULT_WIDTH = 80
"""Where nobody says how many columns there are."""

_WITHOUT_WIDTH = ("Mn", "Me")
"""Signs that stand on the character before them; not each of them has a combining class."""


def display_width(text: str) -> int:
    """Return how many terminal columns a text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(map(_width_of, text))


def _width_of(character: str) -> int:
    if unicodedata.category(character) in _WITHOUT_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, width: int) -> str:
    """Cut or pad a text to exactly `width` columns."""
    if display_width(text) > width:
        while text and display_width(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - display_width(text))


def wrap(text: str, width: int, later_width: int | None = None) -> Iterator[str]:
    """Lay a text out in lines of whole words; a word that is wider has a line of its own.

    Args:
        width: How many columns a line has.
        later_width: How many each line after the first has, where that is another number.
    """
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and display_width(longer) > width:
            yield line
            line, width = word, width if later_width is None else later_width
        else:
            line = longer
    yield line
