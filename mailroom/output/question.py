"""Asks the person: on the terminal itself, wherever standard input and output lead."""

from __future__ import annotations

import locale
import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TextIO

from mailroom.errors import UserError
from mailroom.output.redaction import presentable
from mailroom.output.streams import SIMPLER

_LOCAL_MODES = 3
"""Which of a terminal's attributes says whether it shows what is typed (termios(3): c_lflag)."""

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
    return _answer(question, otherwise, is_shown=True)


def ask_secretly(question: str, otherwise: str) -> str:
    """Do what `ask` does, and show nothing of what is typed.

    Raises:
        UserError: There is no terminal to ask on.
    """
    return _answer(question, otherwise, is_shown=False)


def can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    try:
        with _terminal():
            return True
    except OSError:
        return False


def _answer(question: str, otherwise: str, *, is_shown: bool) -> str:
    try:
        with _terminal() as (reader, writer), nullcontext() if is_shown else _without_echo(reader):
            writer.write(f"{presentable(question)} ")
            writer.flush()
            line = reader.readline()
            if not (is_shown and line.endswith("\n")):
                writer.write("\n")  # what is shown next begins on a line of its own
                writer.flush()
    except (OSError, termios.error) as error:  # there is none, or it has gone
        raise UserError([f"{_NOBODY}: {otherwise}"]) from error
    return line.strip()


@contextmanager
def _without_echo(terminal: TextIO) -> Iterator[None]:
    """Let a terminal show nothing of what is typed; what was typed before is dropped."""
    before = termios.tcgetattr(terminal)
    silent = [*before[:_LOCAL_MODES], before[_LOCAL_MODES] & ~termios.ECHO, *before[_LOCAL_MODES + 1 :]]
    termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


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
