"""The commands one by one: what each takes, and its help."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import Factory, define

from mailroom.cli import calls
from mailroom.cli.values import day, positive_number
from mailroom.exits import Exit
from mailroom.output.usage import CommandLineParser

Command = Callable[[argparse.Namespace], Exit]

HELP_WIDTH = 79
RULES_FORMATS: Final = ("fastmail", "sieve", "text")


@define
class Commands:
    """The commands so far.

    Attributes:
        summaries: What each does, by its name.
    """

    _parsers: argparse._SubParsersAction[CommandLineParser]
    summaries: dict[str, str] = Factory(dict)

    def add(
        self, call: Command, summary: str, example: str, *, json: bool = False, asks: bool = False
    ) -> argparse.ArgumentParser:
        """Add the command that is named as its call is.

        Args:
            example: What stands behind its name in its help.
            json: Whether it can print for programs.
            asks: Whether it asks before it writes.
        """
        name = call.__name__.removeprefix("call_")
        self.summaries[name] = summary
        added = self._parsers.add_parser(
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


def add_commands(commands: Commands) -> None:
    """Add every command."""
    for add in (_add_what_looks, _add_what_sets_up, _add_what_runs, _add_what_leaves):
        add(commands)


def _add_what_looks(commands: Commands) -> None:
    """What changes nothing."""
    commands.add(calls.call_plan, "show what the next cycle would do; changes nothing", " --json", json=True)
    commands.add(
        calls.call_check, "check that everything is set up correctly; changes nothing", "", json=True
    )
    waiting = commands.add(
        calls.call_waiting, "show who waits in Screener; changes nothing", " --subjects", json=True
    )
    waiting.add_argument(
        "--subjects",
        action="store_true",
        help="with the subject of the newest message of each; read on a terminal only, without this option",
    )
    history = commands.add(
        calls.call_history, "show what was done, newest first; changes nothing", " --since 7d", json=True
    )
    history.add_argument(
        "--since", type=day, metavar="DAY", help="from this day on (2026-01-31), or of so many days (7d)"
    )
    history.add_argument(
        "--sender",
        metavar="ADDRESS",
        help="only what was done to them: ann@example.com, *@example.com, a list's <List-Id>",
    )
    why = commands.add(
        calls.call_why,
        "show what is known of a sender, what was decided, and what comes next; changes nothing",
        " news@example.com",
        json=True,
    )
    why.add_argument(
        "what",
        metavar="ADDRESS|MESSAGE-ID",
        help="an address; in quotes '*@example.com', a list by its List-Id or a message by its ID: '<…>'",
    )
    senders = commands.add(
        calls.call_senders,
        "show who writes to you, what they are filed as, and what may fit them",
        " --file senders.txt",
        json=True,
    )
    _add_senders_options(senders)
    demo = commands.add(calls.call_demo, "show Mailroom at work on a made-up account in memory", " --serve")
    demo.add_argument(
        "--serve", action="store_true", help="keep the account running, to try `mailroom run` on it"
    )


def _add_what_sets_up(commands: Commands) -> None:
    """What is done once, or again after a change."""
    init = commands.add(
        calls.call_init,
        "lead from an account to a working Screener, step by step; goes on where it was stopped",
        "",
    )
    init.add_argument(
        "--credentials", action="store_true", help="only ask for the credentials, try them, and keep them"
    )
    init.add_argument(
        "--format",
        choices=RULES_FORMATS,
        help="write the rules as `mailroom rules` does, also where the server would let them be installed",
    )
    init.add_argument(
        "-o", "--output", type=Path, default=Path("mailrules.json"), metavar="FILE",
        help="where the rules are written (default: mailrules.json)",
    )  # fmt: skip
    setup = commands.add(
        calls.call_setup,
        "show which mailboxes and contact groups are missing, or create them",
        " --apply",
        json=True,
    )
    setup.add_argument(
        "--apply", action="store_true", help="create what is missing; without this option nothing is changed"
    )
    summary = "put people you have written to into the contact group for them, so that they are not screened"
    approve = commands.add(calls.call_approve, summary, " --correspondents --limit 200", json=True, asks=True)
    approve.add_argument(
        "--correspondents", action="store_true", required=True, help="everybody you have sent mail to"
    )
    approve.add_argument(
        "--limit", type=positive_number, metavar="N", help="only the N people you have written to most often"
    )
    approve.add_argument(
        "--include",
        nargs="+",
        default=[],
        metavar="ADDRESS",
        help="also these, who were left out because they do not look like people",
    )
    rules = commands.add(
        calls.call_rules,
        "write the rules that file mail by contact group, for your provider",
        " -o mailrules.json",
    )
    rules.add_argument(
        "--format",
        choices=RULES_FORMATS,
        default="fastmail",
        help="a file to import at Fastmail (default), a Sieve script for Cyrus, or steps to follow by hand",
    )
    rules.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to FILE instead of printing")
    rules.add_argument(
        "--force",
        action="store_true",
        help="overwrite FILE if it exists; with --install, our script even where you edited it",
    )
    rules.add_argument(
        "--install",
        action="store_true",
        help="put them into force, where the server takes Sieve scripts over JMAP; shows how, and asks",
    )
    rules.add_argument(
        "--into-active",
        action="store_true",
        help="with --install: where a script of yours is active, put a marked block into it; a copy is kept",
    )
    rules.add_argument("--yes", action="store_true", help="with --install: do not ask")
    rules.add_argument(
        "--sieve-dialect",
        choices=("group-id", "card-uid"),
        help="how the Sieve script names a contact group: group-id for Cyrus 3.6, card-uid for newer ones "
        "(default: what the server seems to support)",
    )
    categories = commands.add(
        calls.call_categories,
        "show what can be decided about a sender, and by which label",
        " --toml",
        json=True,
    )
    categories.add_argument("--check", type=Path, metavar="FILE", help="read FILE instead of the settings")
    categories.add_argument("--toml", action="store_true", help="print a categories file to start from")


def _add_what_runs(commands: Commands) -> None:
    """What files senders, and takes that back."""
    run = commands.add(calls.call_run, "run the service", " --once")
    run.add_argument(
        "--once",
        action="store_true",
        help="run one cycle and stop; exit code 1 if a sender could not be filed",
    )
    apply = commands.add(
        calls.call_apply,
        "file all senders of a file at once, as their labels would",
        " senders.txt",
        json=True,
        asks=True,
    )
    apply.add_argument(
        "file", type=Path, metavar="FILE", help="one sender a line, as `mailroom senders --file` writes them"
    )
    undo = commands.add(
        calls.call_undo, "take decisions about senders back: their mail waits in Screener again",
        " news@example.com", json=True, asks=True,
    )  # fmt: skip
    undo.add_argument(
        "addresses",
        nargs="*",
        metavar="ADDRESS",
        help="a sender's address; in quotes '*@example.com', or a list by its List-Id: '<…>'",
    )
    undo.add_argument(
        "--last", action="store_true", help="what was done last, exactly as it was before; needs the journal"
    )
    rescue = commands.add(
        calls.call_rescue, "move mail out of Screener whose sender you decided on before", "", json=True
    )
    rescue.add_argument(
        "--yes", action="store_true", help="mail of your other contacts too, to the Inbox, without asking"
    )


def _add_what_leaves(commands: Commands) -> None:
    """What takes away."""
    uninstall = commands.add(
        calls.call_uninstall,
        "show what Mailroom made in the account, or take it away",
        " --apply --cards",
        json=True,
        asks=True,
    )
    _add_uninstall_options(uninstall)


def _add_senders_options(senders: argparse.ArgumentParser) -> None:
    senders.add_argument(
        "--since",
        type=day,
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
    uninstall.add_argument(
        "--rules", action="store_true", help="what `mailroom rules --install` put on the server; first of all"
    )
