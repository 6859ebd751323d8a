"""What a test starts, and what ends it again."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Self


class Undoing:
    """Undoes at its close what was begun, the last first; a context manager.

    Attributes:
        undo: What is to be done at the close.
    """

    def __init__(self) -> None:
        self.undo = contextlib.ExitStack()

    def close(self) -> None:
        """Undo everything; a second time there is nothing to undo."""
        self.undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
