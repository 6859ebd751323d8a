"""Files that a person asked for."""

from __future__ import annotations

from pathlib import Path

from mailroom.errors import UserError


def refuse_existing(path: Path) -> None:
    """See to it that nobody waits for what cannot be written in the end.

    Raises:
        UserError: There is such a file.
    """
    if path.exists():
        raise UserError([f"{path} already exists: use --force to overwrite it"])


def write_file(path: Path, text: str, *, force: bool) -> None:
    """Write a text into a file in UTF-8.

    Args:
        force: Whether a file that exists is overwritten.

    Raises:
        UserError: It exists, or cannot be written; says which.
    """
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError([f"{path} already exists: use --force to overwrite it"]) from None
    except OSError as error:
        raise UserError([f"cannot write {path}: {error.strerror}"]) from error
