"""What `--help` of each command says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mailroom.cli import main
from mailroom.cli.parser import WISHES

COMMANDS = (
    "demo",
    "check",
    "plan",
    "waiting",
    "history",
    "why",
    "senders",
    "init",
    "setup",
    "approve",
    "rules",
    "categories",
    "run",
    "apply",
    "undo",
    "rescue",
    "uninstall",
)


def help_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_all_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`mailroom --help` names every command; the tests below know them all."""
    assert tuple(re.findall(r"^    (\w+)  ", help_of(capsys), re.MULTILINE)) == COMMANDS


def test_they_are_grouped_by_what_a_person_wants(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stands below one wish, within eighty columns, and can be asked for."""
    monkeypatch.setenv("COLUMNS", "80")
    shown = help_of(capsys)
    assert re.findall(r"^([A-Z][\w ]+):$", shown, re.MULTILINE) == [*WISHES]
    assert all(len(line) <= 80 for line in shown.splitlines())
    for command in COMMANDS:
        assert all(len(line) <= 80 for line in help_of(capsys, command).splitlines())


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Who types the name alone asks what there is; that is no mistake."""
    shown = help_of(capsys)
    assert main([]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_an_example_that_it_understands(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Usage and example begin with the command itself, and the help explains every option of the example."""
    shown = help_of(capsys, command)
    assert shown.startswith(f"usage: mailroom {command} ")
    (example,) = re.findall(r"^Example:\n  mailroom (.+)$", shown, re.MULTILINE)
    name, *arguments = example.split()
    assert name == command
    options = [argument for argument in arguments if argument.startswith("-")]
    explained = shown.partition("Example:")[0]
    assert all(option in explained for option in options)


@pytest.mark.parametrize("command", ["plan", "waiting", "check", "setup", "rescue", "approve", "uninstall"])
def test_commands_that_report_can_do_so_in_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A program does not have to read tables."""
    assert "--json" in help_of(capsys, command)


@pytest.mark.parametrize("limit", ["0", "-3", "many"])
def test_a_limit_is_a_positive_number(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nonsense is wrong usage, and told as such."""
    with pytest.raises(SystemExit) as ended:
        main(["approve", "--correspondents", "--limit", limit])
    assert ended.value.code == 2
    assert "--limit" in capsys.readouterr().err


@pytest.mark.parametrize("day", ["soon", "2026-02-30", "123456", "-3"])
def test_a_day_is_a_date_or_a_number_of_days(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nonsense is wrong usage, and told with what would be right."""
    with pytest.raises(SystemExit) as ended:
        main(["senders", f"--since={day}"])
    assert ended.value.code == 2
    assert "neither a day (2026-01-31) nor a number of days" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("ahead", [2, 400])
def test_a_day_that_is_still_to_come_is_none(ahead: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has written since then; tomorrow has begun somewhere, perhaps where the person is."""
    day = (datetime.now(UTC) + timedelta(days=ahead)).date()
    with pytest.raises(SystemExit) as ended:
        main(["senders", f"--since={day}"])
    assert ended.value.code == 2
    assert f"{day} is still to come" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("arguments", [["setup", "--app"], ["run", "--on"], ["--vers"]])
def test_an_option_is_written_in_full(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Half an option is none: a script that has it would mean another one after the next version."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert arguments[-1] in capsys.readouterr().err


def test_the_service_loads_no_parser() -> None:
    """What a container says is known beforehand; the weight of a parser would be carried for years."""
    code = (
        "import sys; from mailroom.cli import main; "
        "code = main(['run']); print('argparse' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILROOM_")}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env=kept, cwd="/"
    )
    assert done.returncode == 1, "no setting is there"
    assert done.stderr.endswith("False\n")
