"""How problems are told: one line each, laid out on a terminal, with what may be meant."""

from __future__ import annotations

import io
import sys

import pytest

from mailroom.cli import main
from mailroom.output.complaints import complain
from tests.support.running import run_command

LONG = "MAILROOM_JMAP_TOKEN: " + "is not set and must be, as must many other things, " * 4


class Screen(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def look_at(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Make standard error a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    stream = Screen()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_problem_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on indented; no word is lost."""
    screen = look_at(monkeypatch)
    complain([LONG])
    first, *others = screen.getvalue().splitlines()
    assert first.startswith("mailroom: MAILROOM_JMAP_TOKEN")
    assert others
    assert all(len(line) <= 80 for line in (first, *others))
    assert all(line.startswith("  ") for line in others)
    assert " ".join(screen.getvalue().split()) == " ".join(f"mailroom: {LONG}".split())


def test_in_a_pipe_a_problem_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever searches for it finds all of it."""
    complain([LONG, "another"])
    assert capsys.readouterr().err.splitlines() == [f"mailroom: {LONG}", "mailroom: another"]


def test_what_keeps_it_from_starting_is_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    """One problem stands behind what it prevents, several below it."""
    complain(["one"], "cannot start")
    assert capsys.readouterr().err == "mailroom: cannot start: one\n"
    complain(["one", "two"], "cannot start")
    assert capsys.readouterr().err == "mailroom: cannot start:\n  - one\n  - two\n"


@pytest.mark.parametrize("arguments", [("run",), ("run", "--once")])
def test_a_failed_start_is_told_once_on_a_terminal(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Log and error go to the same eyes there; in a pipe the log has it for programs."""
    screen, stdout = look_at(monkeypatch), Screen()
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.chdir("/")
    assert main(arguments) == 1
    shown = stdout.getvalue() + screen.getvalue()
    assert shown.count("MAILROOM_JMAP_TOKEN:") == 1
    assert shown.count("\n  - ") >= 2
    piped = run_command({}, *arguments)
    assert '"startup_failed"' in piped.output
    assert "cannot start" in piped.errors


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("chek", "there is no command 'chek'; did you mean check?"),
        ("setup --aply", "there is no option --aply; did you mean --apply?"),
        ("rules --format sive", "there is no --format 'sive'; did you mean sieve?"),
        ("zzz", "there is no command 'zzz'; there are "),
        ("why", "missing: "),
        ("setup now", "'now' is more than is expected here"),
    ],
)
def test_of_a_misspelt_word_the_one_that_is_meant_is_told(
    arguments: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below the usage of the command that was asked for, with where to read on; exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert meant in shown
    command = arguments.partition(" ")[0] if "no command" not in meant else ""
    assert shown.startswith(f"usage: mailroom {command}")
    assert shown.endswith(f"\n  {f'mailroom {command}'.rstrip()} --help explains it\n")
