"""Mailroom on a terminal of its own, with a person who reads what it shows and types."""

from __future__ import annotations

import os
import pty
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.processes import environment
from tests.support.programs import read_until


class Dialogue:
    """A command on a terminal; ended, whatever becomes of the test.

    Args:
        variables: The MAILROOM_ variables that are set.
        home: The working directory.
    """

    def __init__(self, arguments: str, variables: Mapping[str, str], home: Path) -> None:
        command = [sys.executable, "-m", "mailroom", *arguments.split()]
        given = {**environment(variables, home), "COLUMNS": "80", "LINES": "24"}
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            for each in (signal.SIGINT, signal.SIGHUP):  # a shell's job in the background ignores them
                signal.signal(each, signal.SIG_DFL)
            os.chdir(home)
            os.execve(sys.executable, command, given)
        self._shown = ""
        self._code: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._code is None:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        if self._terminal >= 0:
            os.close(self._terminal)

    def reads(self, end: str) -> str:
        """Read on until the terminal shows `end`; return what it has shown since the last time."""
        shown = read_until(self._terminal, end.encode()).decode()
        self._shown += shown
        return shown

    def types(self, text: str, *, enter: bool = True) -> None:
        """Type a line."""
        os.write(self._terminal, (text + "\n" * enter).encode())

    def answers(self, question: str, text: str) -> str:
        """Read on until a question is there, and answer it; return what was shown before."""
        shown = self.reads(question)
        self.types(text)
        return shown

    def presses_ctrl_c(self) -> None:
        """Interrupt it."""
        os.write(self._terminal, b"\x03")

    def closes_the_window(self) -> None:
        """Take the terminal away."""
        os.close(self._terminal)
        self._terminal = -1

    def ends(self) -> tuple[int, str]:
        """Wait for the end; return the exit code, negative for a signal, and all that was shown."""
        if self._terminal >= 0:
            self._shown += read_until(self._terminal, None).decode()
        _, status = os.waitpid(self._process, 0)
        self._code = os.waitstatus_to_exitcode(status)
        return self._code, self._shown
