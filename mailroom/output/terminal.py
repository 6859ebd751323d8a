"""What people see: aligned tables, and colour where there is a terminal to show it; and JSON for programs.

Everything passes through `presentable`: what a sender or a server calls itself neither tells a secret nor
steers the terminal.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType, TracebackType
from typing import Self, TextIO

from mailroom.output.columns import DEFAULT_WIDTH, display_width, fit, wrap
from mailroom.output.domains import with_readable_domains
from mailroom.output.programs import json_line, json_text
from mailroom.output.redaction import presentable, redact
from mailroom.output.streams import in_encoding_of, speaks_unicode, write

BOLD, DIM, RED, GREEN, YELLOW = "1", "2", "31", "32", "33"
COLUMN_GAP = 2
LEAST_COLUMN_WIDTH = 8
PROGRESS_AFTER_SECONDS = 0.7
PROGRESS_INTERVAL_SECONDS = 0.1
PROGRESS_BAR_WIDTH = 24


class Terminal:
    """Writes for a person.

    Args:
        stream: Where to; standard output when not given.

    Attributes:
        is_terminal: Whether it is shown at once: neither a pipe nor a file.
        width: How many columns there are.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.is_terminal = self._stream.isatty()
        self._is_coloured = self.is_terminal and not os.environ.get("NO_COLOR")
        self.width = (
            shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns if self.is_terminal else DEFAULT_WIDTH
        )

    def line(self, text: str = "", *codes: str) -> None:
        """Write one line, in colour where `codes` ask for it.

        Raises:
            OutputError: It cannot be written; so too by everything below.
        """
        self._write_line(self.paint(self._shown(text), *codes))

    def json(self, value: object) -> None:
        """Write a value for programs."""
        text = redact(json_text(value, in_ascii=not speaks_unicode(self._stream)))
        write(self._stream, "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in text))

    def paint(self, text: str, *codes: str) -> str:
        """Return `text` in colour where there is a terminal that wants it."""
        if not self._is_coloured or not text or not codes:
            return text
        return f"\033[{';'.join(codes)}m{text}\033[0m"

    def heading(self, text: str) -> None:
        """Write a heading with an empty line before it."""
        self.line()
        self.line(text, BOLD)

    def paragraph(self, text: str, mark: str = "", *codes: str) -> None:
        """Write text in lines that fit, after a mark in colour, and indented as far as the mark reaches."""
        mark = self._shown(mark)
        indent = display_width(mark)
        mark = self.paint(mark, *codes)
        for line in wrap(self._shown(text), self.width - indent):
            self._write_line(mark + line)
            mark = " " * indent

    def table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        colours: Mapping[str, str] | None = None,
        *,
        yielding: Sequence[str] = (),
        least: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Write rows in aligned columns, cut only where a terminal is too narrow for them.

        Args:
            colours: The colour of a row by what stands in its last column.
            yielding: The columns that say least, by their headers: the first of them gives way first.
                The others follow from right to left, and the first column is the last of all.
            least: How many columns of the terminal one of them keeps at least, by its header.
        """
        cells = [[self._shown(str(cell)) for cell in row] for row in [header, *rows]]
        widths = [max(display_width(row[i]) for row in cells) for i in range(len(header))]
        if self.is_terminal:  # whoever reads a pipe, a program or a pager, has room
            order = [header.index(name) for name in yielding]
            order += [i for i in reversed(range(len(header))) if i not in order]
            kept = [least.get(name, LEAST_COLUMN_WIDTH) for name in header]
            _narrow(widths, self.width - COLUMN_GAP * (len(widths) - 1), order, kept)
        for number, row in enumerate(cells):
            fitted = [fit(cell, width) for cell, width in zip(row, widths, strict=True)]
            fitted[-1] = fitted[-1].rstrip()
            if number and (colour := (colours or {}).get(row[-1])):
                fitted[-1] = self.paint(fitted[-1], colour)
            text = (" " * COLUMN_GAP).join(fitted).rstrip()
            self._write_line(text if number else self.paint(text, DIM))

    def _shown(self, text: str) -> str:
        """Make a text fit to be shown before it is measured or cut."""
        return in_encoding_of(self._stream, with_readable_domains(presentable(text)))

    def _write_line(self, text: str) -> None:
        write(self._stream, f"{text}\n")


class Progress:
    """Shows on a terminal what is going on, once it takes long enough to wonder; a context manager.

    Args:
        doing: What is going on: ``reading old mail``.
        stream: Where to; standard error when not given, so that output stays clean.
        after_seconds: From when on it is shown.
        interval_seconds: How often it is drawn anew.
    """

    def __init__(
        self,
        doing: str,
        stream: TextIO | None = None,
        after_seconds: float = PROGRESS_AFTER_SECONDS,
        interval_seconds: float = PROGRESS_INTERVAL_SECONDS,
    ) -> None:
        self._doing = doing
        self._stream = stream or sys.stderr
        self._after_seconds, self._interval_seconds = after_seconds, interval_seconds
        self._done, self._total = 0, 0
        self._counting = threading.Lock()
        self._started = time.monotonic()
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)

    def __enter__(self) -> Self:
        if self._stream.isatty():
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finished.set()
        if self._thread.ident is not None:
            self._thread.join()

    def advance(self, count: int, total: int) -> None:
        """Note that `count` more of `total` are done; may be called from several threads."""
        with self._counting:
            self._done, self._total = self._done + count, total

    def _draw(self) -> None:
        with suppress(OSError, ValueError):  # the terminal has gone: nobody wonders any more
            self._draw_until_finished()

    def _draw_until_finished(self) -> None:
        if self._finished.wait(self._after_seconds):
            return
        while True:
            self._stream.write(f"\r\033[K{self._text()}")
            self._stream.flush()
            if self._finished.wait(self._interval_seconds):
                self._stream.write("\r\033[K")
                self._stream.flush()
                return

    def _text(self) -> str:
        if not self._total:
            return f"{self._doing} … {time.monotonic() - self._started:.0f} s"
        done = min(self._done, self._total)
        bar = "█" * (PROGRESS_BAR_WIDTH * done // self._total)
        return f"{self._doing} {bar:░<{PROGRESS_BAR_WIDTH}} {done} of {self._total}"


def _narrow(widths: list[int], room: int, order: Iterable[int], least: Sequence[int]) -> None:
    """Take from the columns, one after the other in this order, what is more than fits."""
    for column in order:
        spare = max(0, widths[column] - least[column])
        widths[column] -= min(spare, max(0, sum(widths) - room))


def _escape(character: str) -> str:
    """Return how JSON writes a character that must not reach a terminal."""
    return json_line(character)[1:-1]
