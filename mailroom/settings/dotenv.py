"""A .env file: what fills in what the environment lacks in local runs; read, and added to."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream  # comes with environs, which expands ${…}

from mailroom.errors import UserError
from mailroom.output.files import why_not

_PLAIN: Final = re.compile(r"[\w@%+:,./-]+", re.ASCII)


def read_dotenv(path: Path) -> dict[str, str]:
    """Read the lines ``NAME=value`` of a file, whose values may be quoted; nothing in them is expanded.

    Raises:
        UserError: Names the file, and the line that is not understood.
    """
    bindings = _bindings(path)
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


def write_dotenv(path: Path, values: Mapping[str, str]) -> None:
    """Say these in a file, in the place of what it said of them before, or at its end.

    Every other line stays as it is. It is written whole or not at all, and is its owner's alone then.

    Raises:
        UserError: Names the file, and why it cannot be read or written.
    """
    text = _with_values(_bindings(path), values)
    path = path.resolve()  # where it is a link, what that leads to is written
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # of mode 0600
        written = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            written.replace(path)
        finally:
            written.unlink(missing_ok=True)
    except OSError as error:
        raise UserError([f"{path}: cannot be written: {why_not(error)}"]) from error


def _bindings(path: Path) -> list[Binding]:
    try:
        # Editors on Windows begin a file with a byte order mark, which is no part of the first name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except FileNotFoundError:
        return []
    except UnicodeError:
        raise UserError([f"{path}: is not UTF-8 text; save it as UTF-8"]) from None
    except OSError as error:
        raise UserError([f"{path}: cannot be read as a file of settings: {why_not(error)}"]) from error
    bindings = list(parse_stream(io.StringIO(text, newline="")))
    if problems := [
        f"{path}: line {_line_of(binding)} is not of the form NAME=value"
        for binding in bindings
        if binding.error
    ]:
        raise UserError(problems)
    return bindings


def _with_values(bindings: Iterable[Binding], values: Mapping[str, str]) -> str:
    """Return the file's text as it stands, but for these, which it says once."""
    left, text = dict(values), ""
    for binding in bindings:
        piece = binding.original.string
        if binding.key is not None and binding.key in values:
            value = left.pop(binding.key, None)
            # What is read for it begins with the empty lines before it.
            piece = piece[: len(piece) - len(piece.lstrip())]
            piece += _line(binding.key, value) if value is not None else ""
        text += piece
    if left and text and not text.endswith(("\n", "\r")):
        text += "\n"
    return text + "".join(_line(name, value) for name, value in left.items())


def _line(name: str, value: str) -> str:
    return f"{name}={_quoted(value)}\n"


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _line_of(binding: Binding) -> int:
    """Return the line on which it stands; what was read for it begins with the empty lines before it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
