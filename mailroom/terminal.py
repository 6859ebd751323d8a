"""What people see: aligned tables, and colour where there is a terminal to show it."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import TextIO

BOLD, DIM, RED, GREEN, YELLOW = "1", "2", "31", "32", "33"
COLUMN_GAP = 2
LEAST_COLUMN_WIDTH = 8
DEFAULT_WIDTH = 80


class Terminal:
    """Writes for a person.

    Args:
        stream: Where to; standard output when not given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_terminal = self._stream.isatty()
        self._is_coloured = self._is_terminal and not os.environ.get("NO_COLOR")
        self.width = (
            shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns if self._is_terminal else DEFAULT_WIDTH
        )

    def line(self, text: str = "") -> None:
        """Write one line."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def paint(self, text: str, *codes: str) -> str:
        """Return `text` in colour where there is a terminal that wants it."""
        if not self._is_coloured or not text:
            return text
        return f"\033[{';'.join(codes)}m{text}\033[0m"

    def heading(self, text: str) -> None:
        """Write a heading with an empty line before it."""
        self.line()
        self.line(self.paint(text, BOLD))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows in aligned columns; the widest columns give way where the terminal is too narrow."""
        cells = [[_one_line(str(cell)) for cell in row] for row in [header, *rows]]
        widths = [max(display_width(row[i]) for row in cells) for i in range(len(header))]
        while sum(widths) + COLUMN_GAP * (len(widths) - 1) > self.width and max(widths) > LEAST_COLUMN_WIDTH:
            widths[widths.index(max(widths))] -= 1
        for number, row in enumerate(cells):
            fitted = [fit(cell, width) for cell, width in zip(row, widths, strict=True)]
            text = (" " * COLUMN_GAP).join(fitted).rstrip()
            self.line(self.paint(text, DIM) if number == 0 else text)


def display_width(text: str) -> int:
    """Return how many terminal columns a text takes: two for wide characters, none for combining ones."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def fit(text: str, width: int) -> str:
    """Cut or pad a text to exactly `width` columns."""
    if display_width(text) > width:
        while text and display_width(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - display_width(text))


def _one_line(text: str) -> str:
    """Keep what a sender calls himself from steering the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)
