"""Files that a person names: written as asked, and what is wrong with one in words that say what to do."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from mailroom.errors import UserError

_WHY_NOT: Final = {
    errno.ENOENT: "there is no such file or folder; check the path",
    errno.ENOTDIR: "part of the path is a file, not a folder; check the path",
    errno.EISDIR: "it is a folder; name a file",
    errno.EACCES: "this user may not; check who owns it and who may use it",
    errno.EPERM: "this user may not; check who owns it and who may use it",
    errno.EROFS: "nothing can be written there; choose another folder",
    errno.ENOSPC: "the disk is full",
}


def why_not(error: OSError) -> str:
    """Say why a file cannot be used, and what to do."""
    return _WHY_NOT.get(error.errno or 0) or error.strerror or type(error).__name__


def refuse_existing(path: Path) -> None:
    """See to it that nobody waits for what cannot be written in the end.

    Raises:
        UserError: There is such a file.
    """
    if path.is_dir():
        raise UserError([f"cannot write {path}: {_WHY_NOT[errno.EISDIR]}"])
    if path.exists():
        raise UserError([f"{path} already exists: use --force to overwrite it"])


def write_file(path: Path, text: str, *, force: bool) -> None:
    """Write a text into a file in UTF-8.

    Args:
        force: Whether a file that exists is overwritten: what it held is there until all of the new is.

    Raises:
        UserError: It exists, or cannot be written; says which.
    """
    if not force:
        refuse_existing(path)
    try:
        if force and _can_be_replaced(path):
            replace_file(path, text, mode=stat.S_IMODE(path.stat().st_mode))
            return
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError([f"{path} already exists: use --force to overwrite it"]) from None
    except OSError as error:
        raise UserError([f"cannot write {path}: {why_not(error)}"]) from error


def replace_file(path: Path, text: str, *, mode: int) -> None:
    """Put a text where a file is, or none yet: whole or not at all.

    Args:
        path: Where it is a link, what that leads to is replaced.
        mode: Who may do what with it then (chmod(2)).

    Raises:
        OSError: It cannot be written; it is as it was then.
    """
    path = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # of mode 0600
    written = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        written.chmod(mode)
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def _can_be_replaced(path: Path) -> bool:
    """Whether it is a file, no pipe or terminal, that may be written, in a folder in which others may be."""
    return path.is_file() and os.access(path, os.W_OK) and os.access(path.resolve().parent, os.W_OK)
