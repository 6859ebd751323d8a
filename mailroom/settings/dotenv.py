"""A .env file: what fills in what the environment lacks in local runs; read, and added to."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream  # comes with environs, which expands ${…}

from mailroom.errors import UserError
from mailroom.output.files import replace_file, why_not

_BINDING: Final = re.compile(
    r"""
    (?P<before>\s*(?:export[^\S\r\n]+)?)
    (?:'[^']+'|[^=\#\s]+)[^\S\r\n]*
    (?:
        =[^\S\r\n]*(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")(?P<close>[^\S\r\n]*\#[^\r\n]*)?
        |(?:=[^\r\n]*?)?(?P<apart>[^\S\r\n]+\#[^\r\n]*)?
    )
    [^\S\r\n]*(?P<end>\r\n|\n|\r|)
    """,
    re.VERBOSE | re.DOTALL,
)
"""What was read for a variable: with the empty lines before it, and a comment behind its value."""

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
    try:
        replace_file(path, text, mode=0o600)
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
            piece = _replaced(piece, binding.key, value)
        text += piece
    if left and text and not text.endswith(("\n", "\r")):
        text += "\n"
    return text + "".join(_line(name, value) for name, value in left.items())


def _replaced(piece: str, name: str, value: str | None) -> str:
    """Say another value where one stood; what is said once already leaves its empty lines alone."""
    stood = _BINDING.fullmatch(piece)
    if value is None or stood is None:
        blank = piece[: len(piece) - len(piece.lstrip())]
        return blank + ("" if value is None else _line(name, value))
    comment = (stood["close"] or stood["apart"] or "").strip()
    after = f" {comment}" if comment else ""
    return f"{stood['before']}{name}={_quoted(value)}{after}{stood['end'] or chr(10)}"


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
