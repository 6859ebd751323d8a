"""What may stand on the command line, and the help that shows all commands."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Mapping
from typing import Final

from mailroom import __version__
from mailroom.cli.options import HELP_WIDTH, Commands, add_commands
from mailroom.exits import Exit
from mailroom.output.streams import write
from mailroom.output.usage import CommandLineParser

WISHES: Final[Mapping[str, tuple[str, ...]]] = {
    "Look": ("demo", "check", "plan", "waiting", "history", "why", "senders"),
    "Set up": ("init", "setup", "approve", "rules", "categories"),
    "Run": ("run", "apply", "undo", "rescue"),
    "Leave": ("uninstall",),
}
"""The commands by what a person wants."""


def command_line() -> CommandLineParser:
    """Say what may stand on the command line, and which call it leads to."""
    parser = CommandLineParser(
        prog="mailroom",
        usage="mailroom [--help] [--version] COMMAND ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # what is short for one option today may be short for two tomorrow
        epilog="Each command explains itself: mailroom COMMAND --help\n"
        "Settings: MAILROOM_ variables, or a .env file.",
    )
    parser.add_argument("--version", action="version", version=f"mailroom {__version__}")
    parser.set_defaults(command="", call=lambda _: _overview(parser))
    commands = Commands(
        parser.add_subparsers(prog="mailroom", dest="command", metavar="COMMAND", help=argparse.SUPPRESS)
    )
    add_commands(commands)
    parser.description = _description(commands.summaries)
    return parser


def _description(summaries: Mapping[str, str]) -> str:
    """Say what there is, by what a person wants."""
    lines = ["One triage label on one message files its sender for good."]
    for wish, names in WISHES.items():
        lines += ["", f"{wish}:"]
        for name in names:
            lines += textwrap.wrap(
                summaries[name], HELP_WIDTH, initial_indent=f"    {name:<12}", subsequent_indent=" " * 16
            )
    return "\n".join(lines)


def _overview(parser: argparse.ArgumentParser) -> Exit:
    write(sys.stdout, parser.format_help())
    return Exit.DONE
