"""The person at the terminal: they are told, asked, and answer."""

from __future__ import annotations

from pathlib import Path

import pytest

TERMINAL = Path("/dev/tty")


class Person:
    """Talks to the terminal itself, because pytest keeps what a test prints."""

    def __init__(self) -> None:
        try:
            self._ears, self._eyes = TERMINAL.open(), TERMINAL.open("w", buffering=1)
        except OSError:
            pytest.fail("The live test asks before it changes anything: run it in a terminal.", pytrace=False)

    def close(self) -> None:
        """Let go of the terminal."""
        self._ears.close()
        self._eyes.close()

    def tell(self, text: str) -> None:
        """Say something."""
        self._eyes.write(text + "\n")

    def agrees(self, question: str) -> bool:
        """Ask for leave; only a plain yes is one."""
        self._eyes.write(f"{question} [yes/no] ")
        self._eyes.flush()
        return self._ears.readline().strip().lower() == "yes"
