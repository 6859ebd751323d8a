"""A question reaches the person, wherever input and output lead; without a terminal it is an error."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailroom.sandbox import Sandbox
from mailroom.sandbox.seed.account import seeded_account
from tests.support.processes import environment, mailroom
from tests.support.programs import read_until

ASKING = ("approve --correspondents", "uninstall --apply --cards", "apply senders.txt", "rescue")
FRIEND = "grandma@family.example"

each_that_asks = pytest.mark.parametrize(
    "arguments", [ASKING[0], *(pytest.param(each, marks=pytest.mark.slow) for each in ASKING[1:])]
)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """An account in which every command that asks has something to ask about."""
    (tmp_path / "senders.txt").write_text("Feed  news@dailylantern.example\n")
    with Sandbox(seeded_account()) as sandbox:
        account = sandbox.account
        account.deliver([("Me", account.username)], ["Sent"], to=[("Grandma", FRIEND)])
        account.deliver([("Ann", "ann@new.example")], ["Screener", "@ToFeed"])
        account.deliver([("Grandpa", "henri.moreau@orange-mail.example")], ["Screener"])
        yield sandbox


def states(sandbox: Sandbox) -> list[str]:
    """The account's own names for its states; equal where nothing was written in between."""
    account = sandbox.account
    logs = (*account.logs.values(), *(book.log for book in account.books.values()))
    return [log.state for log in logs]


def answered(arguments: str, answer: bytes, sandbox: Sandbox, home: Path) -> tuple[str, str, int]:
    """Run a command on a terminal, with input and output in files; return what both show, and the code."""
    printed = home / "printed"
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(home)
        os.set_inheritable(os.dup(0), True)  # as a shell does, it holds the terminal open
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream in (1, 2):
            os.dup2(os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        command = [sys.executable, "-m", "mailroom", *arguments.split()]
        os.execve(sys.executable, command, environment(sandbox.environment(), home))
    shown = read_until(terminal, b"[y/N] ")
    os.write(terminal, answer)
    shown += read_until(terminal, None)
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    return shown.decode(), printed.read_text(), os.waitstatus_to_exitcode(status)


@each_that_asks
def test_it_is_asked_on_the_terminal_though_input_and_output_lead_elsewhere(
    sandbox: Sandbox, tmp_path: Path, arguments: str
) -> None:
    """Who keeps the output in a file sees the question all the same, and the file has none."""
    assert mailroom("run", "--once", variables=sandbox.environment(), cwd=tmp_path).returncode == 0
    before = states(sandbox)
    shown, printed, code = answered(arguments, b"n\n", sandbox, tmp_path)
    assert "?" in shown
    assert "[y/N]" not in printed
    assert (code, states(sandbox)) == (0, before)
    assert answered(arguments, b"yes\n", sandbox, tmp_path)[2] == 0
    assert states(sandbox) != before


def test_the_end_of_input_is_no_yes(sandbox: Sandbox, tmp_path: Path) -> None:
    """Ctrl-D answers no, and what follows begins on a line of its own."""
    shown, printed, code = answered(ASKING[0], b"\x04", sandbox, tmp_path)
    assert code == 0
    assert shown.endswith("[y/N] \r\n")
    assert "Nothing was changed." in printed


@each_that_asks
def test_without_a_terminal_the_error_names_the_option(
    sandbox: Sandbox, tmp_path: Path, arguments: str
) -> None:
    """A script is told how to confirm, and a yes in its standard input is no answer of a person's."""
    assert mailroom("run", "--once", variables=sandbox.environment(), cwd=tmp_path).returncode == 0
    before = states(sandbox)
    done = subprocess.run(
        [sys.executable, "-m", "mailroom", *arguments.split()],
        env=environment(sandbox.environment(), tmp_path), cwd=tmp_path, input="yes\n",
        capture_output=True, text=True, timeout=60, check=False, start_new_session=True,
    )  # fmt: skip
    assert (done.returncode, states(sandbox)) == (1, before)
    (line,) = done.stderr.splitlines()
    assert "--yes" in line
