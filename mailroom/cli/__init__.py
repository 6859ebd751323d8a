"""The command line: which command, which exit code, and how errors are told."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

from mailroom.cli.parser import command_line
from mailroom.errors import MailroomError, OutputError
from mailroom.exits import Exit
from mailroom.output.complaints import complain
from mailroom.output.streams import prepare_streams, settle_streams, tell, write


def main(arguments: Sequence[str] | None = None) -> Exit:
    """Run the command line; return the process's exit code."""
    prepare_streams()
    try:
        return _run_command(_options(arguments))
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


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    try:
        return command_line().read(arguments)
    except SystemExit:
        write(sys.stdout, "")  # the help may not have gone out yet
        raise


def _run_command(options: argparse.Namespace) -> Exit:
    try:
        code: Exit = options.call(options)
        return code
    except OutputError:
        raise
    except MailroomError as error:
        complain(error.problems, "cannot start" if options.command == "run" else "")
    return Exit.FAILED
