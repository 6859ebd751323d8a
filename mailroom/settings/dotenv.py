"""A .env file: what fills in what the environment lacks in local runs."""

from __future__ import annotations

import io
from pathlib import Path

from dotenv.parser import Binding, parse_stream  # comes with environs, which expands ${…}

from mailroom.errors import UserError


def read_dotenv(path: Path) -> dict[str, str]:
    """Read the lines ``NAME=value`` of a file, whose values may be quoted; nothing in them is expanded.

    Raises:
        UserError: Names the file, and the line that is not understood.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeError:
        raise UserError([f"{path}: is not UTF-8 text; save it as UTF-8"]) from None
    except OSError as error:
        raise UserError([f"{path}: cannot be read as a file of settings: {error.strerror}"]) from error
    bindings = list(parse_stream(io.StringIO(text)))
    if problems := [
        f"{path}: line {_line_of(binding)} is not of the form NAME=value"
        for binding in bindings
        if binding.error
    ]:
        raise UserError(problems)
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}


def _line_of(binding: Binding) -> int:
    """Return the line on which it stands; what was read for it begins with the empty lines before it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
