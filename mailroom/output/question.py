"""Asks the person: on the terminal itself, wherever standard input and output lead."""

from __future__ import annotations

import locale
import os
import sys
import termios
from collections.abc import Callable, Iterator
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
    return _means_yes(ask(f"{question} [y/N]", "use --yes to confirm"))


def agrees_before_secrets(question: str) -> bool:
    """Do what `agrees` does where a secret is asked for next, and may be pasted too early.

    What is shown is how the answer was understood, and not what was typed.

    Raises:
        UserError: There is no terminal to ask on.
    """
    understood = {True: "yes", False: "no"}
    return _means_yes(
        _answer(f"{question} [y/N]", "use --yes to confirm", lambda line: understood[_means_yes(line)])
    )


def ask(question: str, otherwise: str) -> str:
    """Ask a question and return what the person types; nothing where they end the input.

    Args:
        otherwise: What is to be done where there is no terminal: ``use --yes to confirm``.

    Raises:
        UserError: There is no terminal to ask on.
    """
    return _answer(question, otherwise)


def ask_secretly(question: str, otherwise: str) -> str:
    """Do what `ask` does, and show nothing of what is typed.

    Raises:
        UserError: There is no terminal to ask on.
    """
    return _answer(question, otherwise, lambda _: "")


def can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    try:
        with _terminal():
            return True
    except OSError:
        return False


def _means_yes(line: str) -> bool:
    return line.lower() in {"y", "yes"}


def _answer(question: str, otherwise: str, show: Callable[[str], str] | None = None) -> str:
    """Ask; without `show` the terminal shows what is typed, else only what that makes of it."""
    try:
        with _terminal() as (reader, writer), _without_echo(reader) if show else nullcontext():
            writer.write(f"{presentable(question)} ")
            writer.flush()
            line = reader.readline()
            if show or not line.endswith("\n"):
                # What is shown next begins on a line of its own.
                writer.write(f"{show(line.strip()) if show else ''}\n")
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
