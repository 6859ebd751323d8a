"""Output, whatever it is connected to: no traceback, no lost cycle, and a line that says what is wrong."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from mailroom.output.columns import display_width
from mailroom.sandbox import Sandbox
from tests.support.processes import environment

COMMANDS = ("plan", "check --json", "setup", "rules", "--help")
ENDINGS = {
    "stdout closed": (">&-", 1),
    "stdout full": (">/dev/full", 1),
    "nobody reads": ("| true", None),
    "stderr closed": ("2>&-", 0),
    "stderr full": ("2>/dev/full", 0),
    "both closed": (">&- 2>&-", 1),
    "all closed": ("<&- >&- 2>&-", 1),
    "both full": (">/dev/full 2>&1", 1),
}

ENCODINGS = ("ascii", "iso8859-15", "ascii:strict", "utf-16")


def one_by_the_other(commands: tuple[str, ...], places: Collection[str]) -> list[object]:
    """Return each command with each place; where one of the two is the first, the test is quick."""
    first_place, *_ = places
    return [
        pytest.param(
            command, place, marks=[] if command == commands[0] or place == first_place else pytest.mark.slow
        )
        for command in commands
        for place in places
    ]


def shell(line: str, sandbox: Sandbox, home: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run `line`, in which ``mailroom`` is the program."""
    script = f'mailroom() {{ exec {shlex.quote(sys.executable)} -m mailroom "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script],
        env=environment({**sandbox.environment(), **variables}, home),
        cwd=home, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("command", "ending"), one_by_the_other(COMMANDS, ENDINGS))
def test_a_command_ends_without_a_traceback(
    sandbox: Sandbox, tmp_path: Path, command: str, ending: str
) -> None:
    """What cannot be written fails in one line where anybody can read one; else the command goes on."""
    redirection, code = ENDINGS[ending]
    done = shell(f"(mailroom {command} {redirection})", sandbox, tmp_path)
    said = (done.stdout + done.stderr).decode()
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    if code is not None:
        assert done.returncode == code, said
    if ending in ("stdout closed", "stdout full"):
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith("mailroom: cannot write the output: ")


@pytest.mark.parametrize(
    ("command", "encoding"), one_by_the_other(("check", "setup --json", "rules", "demo"), ENCODINGS)
)
def test_a_command_speaks_every_encoding(
    sandbox: Sandbox, tmp_path: Path, command: str, encoding: str
) -> None:
    """What an encoding lacks is written in simpler signs; JSON means the same in all of them."""
    done = shell(f"mailroom {command}", sandbox, tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    if command.startswith("rules"):
        assert done.stdout.decode("utf-8")
        return
    told = done.stdout.decode(encoding.partition(":")[0])
    if "--json" in command:
        plain = shell(f"mailroom {command}", sandbox, tmp_path)
        assert json.loads(told) == json.loads(plain.stdout.decode())


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_tables_are_aligned_and_whole_in_every_encoding(
    sandbox: Sandbox, tmp_path: Path, encoding: str
) -> None:
    """Columns stand below each other also where names are written in escapes, and a pipe gets all of them."""
    for name in ("田中 美咲 with a very long name indeed", "Zoë 😀"):
        sandbox.account.deliver([(name, f"x{len(name)}@new.example")], ["Screener", "@ToFeed"])
    done = shell("mailroom plan", sandbox, tmp_path, PYTHONIOENCODING=encoding)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 3
    header, *rows = lines
    assert {display_width(row[: row.rindex("1")]) for row in rows} == {header.index("TO MOVE")}
    assert "a very long name indeed" in done.stdout.decode()


@pytest.mark.parametrize("ending", [">/dev/full", ">&-", "> >(true)"])
def test_a_cycle_is_done_also_where_its_log_is_lost(sandbox: Sandbox, tmp_path: Path, ending: str) -> None:
    """The work counts; that its log cannot be written is said in one line, or it goes to standard error."""
    message = sandbox.account.deliver([("Ann", "ann@new.example")], ["Screener", "@ToFeed"])
    done = shell(f"mailroom run --once {ending}", sandbox, tmp_path)
    assert done.returncode == 0, done.stderr
    assert sandbox.account.mailbox_names(message) == {"Feed"}
    said = done.stderr.decode()
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    if ending == ">/dev/full":
        (line,) = said.splitlines()
        assert "No space left on device" in line


def test_a_log_in_ascii_is_json(sandbox: Sandbox, tmp_path: Path) -> None:
    """A program that reads the log understands names in every encoding."""
    sandbox.account.deliver([("Zoë 😀", "zoë@nëw.example")], ["Screener", "@ToFeed"])
    done = shell("mailroom run --once", sandbox, tmp_path, PYTHONIOENCODING="ascii")
    events = [json.loads(line) for line in done.stdout.decode("ascii").splitlines()]
    assert "poll_complete" in {each["event"] for each in events}


def test_a_closed_descriptor_is_not_given_to_a_connection(sandbox: Sandbox, tmp_path: Path) -> None:
    """What is printed to a descriptor that was closed must not go to the server that has its number."""
    script = (
        "import os, socket, sys; from mailroom.output.streams import prepare_streams; prepare_streams();"
        "sys.exit(socket.socket().fileno() < 3)"
    )
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(script)} <&- >&- 2>&-"
    assert shell(line, sandbox, tmp_path).returncode == 0
    assert os.path.exists("/dev/full"), "the tests above mean something"  # noqa: PTH110
