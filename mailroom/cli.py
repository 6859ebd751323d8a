"""The command line: which command, which exit code, and how errors are told."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from mailroom import __version__
from mailroom.errors import MailroomError, UserError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the process's exit code (2 for wrong usage)."""
    options = _parser().parse_args(arguments)
    try:
        code = _dispatch(options)
        sys.stdout.flush()
        return code
    except UserError as error:
        _tell_problems(options.command, error.problems)
        return EXIT_FAILED
    except MailroomError as error:
        _tell_problems(options.command, [str(error)])
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mailroom",
        description="One triage label on one message files its sender for good.",
        epilog="Without a command it is `mailroom run`. Settings: MAILROOM_ variables, or a .env file.",
    )
    parser.add_argument("--version", action="version", version=f"mailroom {__version__}")
    parser.set_defaults(command="run", once=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, summary: str, example: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"Example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    run = command("run", "run the service (the default)", "mailroom run --once")
    run.add_argument("--once", action="store_true", help="do one cycle; exit with 1 if a sender failed")
    plan = command("plan", "show what the next cycle would do; writes nothing", "mailroom plan --json")
    plan.add_argument("--json", action="store_true", help="print JSON for programs")
    check = command("check", "look whether everything is right; writes nothing", "mailroom check")
    check.add_argument("--json", action="store_true", help="print JSON for programs")
    demo = command("demo", "show it at work on an account in memory", "mailroom demo --serve")
    demo.add_argument("--serve", action="store_true", help="keep the account open for `mailroom run`")
    return parser


def _dispatch(options: argparse.Namespace) -> int:
    # Each command is imported when it is asked for: the service must not carry the demo's weight.
    match options.command:
        case "plan":
            from mailroom.commands.plan import plan

            return plan(as_json=options.json)
        case "check":
            from mailroom.commands.check import check

            return check(as_json=options.json)
        case "demo":
            from mailroom.commands.demo import demo

            return demo(serve=options.serve)
        case _:
            from mailroom.commands.run import run

            return run(once=options.once)


def _tell_problems(command: str | None, problems: Sequence[str]) -> None:
    if command in (None, "run"):
        print(f"mailroom: cannot start: {'; '.join(problems)}", file=sys.stderr)
        return
    for problem in problems:
        print(f"mailroom: {problem}", file=sys.stderr)
