"""The command line: which command, which exit code, and how errors are told."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial

from mailroom.cli.calls import start_service
from mailroom.errors import MailroomError, OutputError
from mailroom.exits import Exit
from mailroom.output.complaints import complain
from mailroom.output.streams import prepare_streams, settle_streams, tell, write

SERVICE = ["run"]
"""What a container says; no parser is loaded for it, whose weight the service would carry for years."""


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the command line; return the process's exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    prepare_streams()
    try:
        is_service, call = (True, start_service) if words == SERVICE else _read(words)
        return _run_command(call, "cannot start" if is_service else "")
    except OutputError as error:
        if not isinstance(error.__cause__, BrokenPipeError):  # whoever read the output has seen enough
            complain(error.problems)
        return Exit.FAILED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception:  # noqa: BLE001 - a bug keeps its traceback, but tells no secret
        tell(traceback.format_exc().rstrip())
        return Exit.FAILED
    finally:
        settle_streams()


def _read(words: Sequence[str]) -> tuple[bool, Callable[[], Exit]]:
    """Return whether a command line starts a service or one cycle of it, and what to call."""
    from mailroom.cli.parser import command_line  # noqa: PLC0415 - see SERVICE

    try:
        options = command_line().read(words)
    except SystemExit:
        write(sys.stdout, "")  # the help may not have gone out yet
        raise
    return options.command == "run", partial(options.call, options)


def _run_command(call: Callable[[], Exit], introduction: str) -> Exit:
    try:
        return call()
    except OutputError:
        raise
    except MailroomError as error:
        complain(error.problems, introduction)
    return Exit.FAILED
