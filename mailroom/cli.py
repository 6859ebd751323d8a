"""The command line: which command, which exit code, and how errors are told."""

from __future__ import annotations

import argparse
import sys
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from mailroom import __version__
from mailroom.errors import MailroomError, OutputError
from mailroom.exits import Exit
from mailroom.output.complaints import complain
from mailroom.output.streams import prepare_streams, settle_streams, tell, write
from mailroom.output.usage import CommandLineParser

Command = Callable[[argparse.Namespace], Exit]

WISHES: Final[Mapping[str, tuple[str, ...]]] = {
    "Look": ("demo", "check", "plan", "senders"),
    "Set up": ("init", "setup", "approve", "rules", "categories"),
    "Run": ("run", "apply", "undo", "rescue"),
    "Leave": ("uninstall",),
}
"""The commands by what a person wants."""

HELP_WIDTH = 79
RULES_FORMATS: Final = ("fastmail", "sieve", "text")
MOST_DIGITS_OF_DAYS = 5


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
        return _parser().read(arguments)
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


def _parser() -> CommandLineParser:
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
    commands = parser.add_subparsers(
        prog="mailroom", dest="command", metavar="COMMAND", help=argparse.SUPPRESS
    )
    summaries: dict[str, str] = {}

    def command(
        call: Command, summary: str, example: str, *, json: bool = False, asks: bool = False
    ) -> argparse.ArgumentParser:
        name = call.__name__.removeprefix("_")
        summaries[name] = summary
        added = commands.add_parser(
            name,
            allow_abbrev=False,
            description=textwrap.fill(f"{summary[0].upper()}{summary[1:]}.", HELP_WIDTH),
            epilog=f"Example:\n  mailroom {name}{example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(call=call, parser=added)
        if json:
            added.add_argument("--json", action="store_true", help="print JSON for programs")
        if asks:
            added.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        return added

    run = command(_run, "run the service", " --once")
    run.add_argument(
        "--once",
        action="store_true",
        help="run one cycle and stop; exit code 1 if a sender could not be filed",
    )
    command(_plan, "show what the next cycle would do; changes nothing", " --json", json=True)
    command(_check, "check that everything is set up correctly; changes nothing", "", json=True)
    init = command(
        _init, "lead from an account to a working Screener, step by step; goes on where it was stopped", ""
    )
    init.add_argument(
        "--credentials", action="store_true", help="only ask for the credentials, try them, and keep them"
    )
    init.add_argument("--format", choices=RULES_FORMATS, default="fastmail", help="as of `mailroom rules`")
    init.add_argument(
        "-o", "--output", type=Path, default=Path("mailrules.json"), metavar="FILE",
        help="where the rules are written (default: mailrules.json)",
    )  # fmt: skip
    setup = command(
        _setup, "show which mailboxes and contact groups are missing, or create them", " --apply", json=True
    )
    setup.add_argument(
        "--apply", action="store_true", help="create what is missing; without this option nothing is changed"
    )
    rules = command(
        _rules, "write the rules that file mail by contact group, for your provider", " -o mailrules.json"
    )
    rules.add_argument(
        "--format",
        choices=RULES_FORMATS,
        default="fastmail",
        help="a file to import at Fastmail (default), a Sieve script for Cyrus, or steps to follow by hand",
    )
    rules.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to FILE instead of printing")
    rules.add_argument("--force", action="store_true", help="overwrite FILE if it exists")
    rules.add_argument(
        "--sieve-dialect",
        choices=("group-id", "card-uid"),
        help="how the Sieve script names a contact group: group-id for Cyrus 3.6, card-uid for newer ones "
        "(default: what the server seems to support)",
    )
    categories = command(
        _categories, "show what can be decided about a sender, and by which label", " --toml", json=True
    )
    categories.add_argument("--check", type=Path, metavar="FILE", help="read FILE instead of the settings")
    categories.add_argument("--toml", action="store_true", help="print a categories file to start from")
    undo = command(
        _undo, "take decisions about senders back: their mail waits in Screener again",
        " news@example.com", json=True, asks=True,
    )  # fmt: skip
    undo.add_argument("addresses", nargs="+", metavar="ADDRESS", help="a sender's address")
    rescue = command(_rescue, "move mail out of Screener whose sender you decided on before", "", json=True)
    rescue.add_argument(
        "--yes", action="store_true", help="mail of your other contacts too, to the Inbox, without asking"
    )
    summary = "put people you have written to into the contact group for them, so that they are not screened"
    approve = command(_approve, summary, " --correspondents --limit 200", json=True, asks=True)
    approve.add_argument(
        "--correspondents", action="store_true", required=True, help="everybody you have sent mail to"
    )
    approve.add_argument(
        "--limit", type=_positive_number, metavar="N", help="only the N people you have written to most often"
    )
    approve.add_argument(
        "--include",
        nargs="+",
        default=[],
        metavar="ADDRESS",
        help="also these, who were left out because they do not look like people",
    )
    senders = command(
        _senders,
        "show who writes to you, what they are filed as, and what may fit them",
        " --file senders.txt",
        json=True,
    )
    _add_senders_options(senders)
    apply = command(
        _apply,
        "file all senders of a file at once, as their labels would",
        " senders.txt",
        json=True,
        asks=True,
    )
    apply.add_argument(
        "file", type=Path, metavar="FILE", help="one sender a line, as `mailroom senders --file` writes them"
    )
    demo = command(_demo, "show Mailroom at work on a made-up account in memory", " --serve")
    demo.add_argument(
        "--serve", action="store_true", help="keep the account running, to try `mailroom run` on it"
    )
    uninstall = command(
        _uninstall,
        "show what Mailroom made in the account, or take it away",
        " --apply --cards",
        json=True,
        asks=True,
    )
    _add_uninstall_options(uninstall)
    parser.description = _description(summaries)
    return parser


def _add_senders_options(senders: argparse.ArgumentParser) -> None:
    senders.add_argument(
        "--since",
        type=_day,
        metavar="DAY",
        help="count mail from this day on (2026-01-31), or of so many days (30); default: 90",
    )
    senders.add_argument(
        "--file", type=Path, metavar="FILE", help="write them into FILE, to edit it and to file them by it"
    )
    senders.add_argument("--force", action="store_true", help="overwrite FILE if it exists")


def _add_uninstall_options(uninstall: argparse.ArgumentParser) -> None:
    uninstall.add_argument(
        "--apply",
        action="store_true",
        help="take away what you choose; without this option nothing is changed",
    )
    uninstall.add_argument(
        "--cards", action="store_true", help="contact cards that nobody has changed or put into another group"
    )
    uninstall.add_argument(
        "--groups",
        nargs="*",
        metavar="NAME",
        help="contact groups that hold nobody else; those named with whoever is in them, who stay contacts",
    )
    uninstall.add_argument("--labels", action="store_true", help="labels and Screener that hold no mail")


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


# Each command is imported when it is asked for: the service must not carry the others' weight.


def _run(options: argparse.Namespace) -> Exit:
    if options.once:
        from mailroom.commands.once import run_once

        return run_once()
    from mailroom.service.signals import hold_signals

    hold_signals()  # what follows takes a while on a small machine; a stop meanwhile is a stop
    from mailroom.commands.run import run

    return run()


def _plan(options: argparse.Namespace) -> Exit:
    from mailroom.commands.plan import plan

    return plan(as_json=options.json)


def _check(options: argparse.Namespace) -> Exit:
    from mailroom.commands.check import check

    return check(as_json=options.json)


def _init(options: argparse.Namespace) -> Exit:
    from mailroom.commands.init import init

    return init(only_credentials=options.credentials, form=options.format, output=options.output)


def _setup(options: argparse.Namespace) -> Exit:
    from mailroom.commands.setup import setup

    return setup(apply=options.apply, as_json=options.json)


def _rules(options: argparse.Namespace) -> Exit:
    from mailroom.commands.rules import rules

    return rules(
        form=options.format, dialect=options.sieve_dialect, output=options.output, force=options.force
    )


def _categories(options: argparse.Namespace) -> Exit:
    from mailroom.commands.categories import categories

    return categories(check=options.check, as_toml=options.toml, as_json=options.json)


def _undo(options: argparse.Namespace) -> Exit:
    from mailroom.commands.undo import undo

    return undo(options.addresses, yes=options.yes, as_json=options.json)


def _rescue(options: argparse.Namespace) -> Exit:
    from mailroom.commands.rescue import rescue

    return rescue(yes=options.yes, as_json=options.json)


def _approve(options: argparse.Namespace) -> Exit:
    from mailroom.commands.approve import approve

    return approve(limit=options.limit, include=options.include, yes=options.yes, as_json=options.json)


def _uninstall(options: argparse.Namespace) -> Exit:
    from mailroom.commands.uninstall import uninstall

    return uninstall(
        cards=options.cards,
        groups=options.groups,
        labels=options.labels,
        apply=options.apply,
        yes=options.yes,
        as_json=options.json,
    )


def _demo(options: argparse.Namespace) -> Exit:
    from mailroom.commands.demo import demo

    return demo(serve=options.serve)


def _senders(options: argparse.Namespace) -> Exit:
    from mailroom.commands.senders import senders

    return senders(since=options.since, file=options.file, force=options.force, as_json=options.json)


def _apply(options: argparse.Namespace) -> Exit:
    from mailroom.commands.apply import apply

    return apply(options.file, yes=options.yes, as_json=options.json)


def _day(text: str) -> date:
    """Read a day, or how many days ago it was."""
    if len(text) <= MOST_DIGITS_OF_DAYS and text.isdecimal():
        return (datetime.now(UTC) - timedelta(days=int(text))).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a day (2026-01-31) nor a number of days"
        ) from None


def _positive_number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
