"""Standard output and standard error, whatever they are connected to and whatever their encoding.

A closed descriptor, a full disk, a reader that has gone, an encoding without a tick: none of them ends
in a traceback.
"""

from __future__ import annotations

import codecs
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO

from mailroom.errors import OutputError
from mailroom.output.redaction import redact

SIMPLER: Final = "mailroom.simpler"
"""The codec error handler that writes a simpler sign of the same width, or an escape."""

_SIMPLER_SIGNS: Final = str.maketrans("✓✗–—→…“”‘’█░", "+x-->.\"\"''#.")


def prepare_streams() -> None:
    """Make the standard streams usable: none missing, and no character that cannot be written."""
    # A descriptor that is closed would be taken by the next socket, and what is printed sent there. This
    # one can be opened but not be written to, so that who prints is told.
    _occupy(0, "stdin", os.O_RDONLY)
    _occupy(1, "stdout", os.O_RDONLY)
    _occupy(2, "stderr", os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=SIMPLER)
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")


def settle_streams() -> None:
    """Give up what could not be written, so that the interpreter does not complain of it at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write(stream: TextIO, text: str) -> None:
    """Write a text and see it off.

    Raises:
        OutputError: It could not be written.
    """
    with _checked():
        stream.write(text)
        stream.flush()


def write_in_utf8(stream: TextIO, text: str) -> None:
    """Write what belongs into a file as it stands, whatever the stream's encoding is.

    Raises:
        OutputError: It could not be written.
    """
    if not hasattr(stream, "buffer"):
        write(stream, text)
        return
    with _checked():
        stream.flush()
        stream.buffer.write(text.encode())
        stream.buffer.flush()


@contextmanager
def _checked() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: the stream itself is closed
        raise OutputError(f"cannot write the output: {_reason(error)}") from error


def tell(text: str) -> None:
    """Write a line to standard error, as far as anybody can be told anything there."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{redact(text)}\n")
        sys.stderr.flush()


def speaks_unicode(stream: TextIO) -> bool:
    """Whether every character can be written to a stream."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")


def in_encoding_of(stream: TextIO, text: str) -> str:
    """Return the text as it will stand once it has been written to a stream."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, SIMPLER).decode(encoding)


def _occupy(descriptor: int, name: str, flags: int) -> None:
    if getattr(sys, name) is not None:  # None: the descriptor was closed when the interpreter started
        return
    opened = os.open(os.devnull, flags)
    if opened != descriptor:
        os.dup2(opened, descriptor)
        os.close(opened)
    mode = "r" if name == "stdin" else "w"
    setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno != errno.EBADF:
        return error.strerror or type(error).__name__
    return "standard output is closed"


def _simpler(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_SIMPLER_SIGNS)
    return text.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(SIMPLER, _simpler)
