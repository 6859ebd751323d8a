"""Asks the person: on the terminal itself, wherever standard input and output lead."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mailroom.errors import UserError
from mailroom.output.redaction import presentable
from mailroom.output.streams import SIMPLER

_NOBODY = "nobody can answer here, because there is no terminal"


def agrees(question: str) -> bool:
    """Ask a question and return whether the person says yes.

    Raises:
        UserError: There is no terminal to ask on.
    """
    return ask(f"{question} [y/N]", "use --yes to confirm").lower() in {"y", "yes"}


def ask(question: str, otherwise: str) -> str:
    """Ask a question and return what the person types; nothing where they end the input.

    Args:
        otherwise: What is to be done where there is no terminal: ``use --yes to confirm``.

    Raises:
        UserError: There is no terminal to ask on.
    """
    try:
        with _terminal() as (reader, writer):
            writer.write(f"{presentable(question)} ")
            writer.flush()
            line = reader.readline()
            if not line.endswith("\n"):
                writer.write("\n")  # what is shown next begins on a line of its own
                writer.flush()
    except OSError as error:  # there is none, or it has gone
        raise UserError([f"{_NOBODY}: {otherwise}"]) from error
    return line.strip()


@contextmanager
def _terminal() -> Iterator[tuple[TextIO, TextIO]]:
    """Open the terminal that the process belongs to, or else the one at its standard streams."""
    try:
        descriptor = os.open(os.ctermid(), os.O_RDWR | os.O_NOCTTY)
    except OSError:
        shown = next((stream for stream in (sys.stderr, sys.stdout) if stream.isatty()), None)
        if shown is None or not sys.stdin.isatty():
            raise
        yield sys.stdin, shown
        return
    with (
        os.fdopen(descriptor, encoding=locale.getencoding(), errors="replace") as reader,
        os.fdopen(descriptor, "w", encoding=locale.getencoding(), errors=SIMPLER, closefd=False) as writer,
    ):
        yield reader, writer
