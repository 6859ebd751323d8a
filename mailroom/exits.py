"""What the process's exit code says."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command.

    Attributes:
        FAILED: Something is wrong, or was left undone; what, has been said.
        USAGE: The command line is not understood (argparse's own code).
        INTERRUPTED: Ended by Ctrl-C, as shells count it: 128 + SIGINT.
    """

    DONE = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130
