"""Mailroom put to work on an account: in this process, or as a process of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from attrs import evolve, frozen

from mailroom.account import Account, open_account
from mailroom.cli import main
from mailroom.http import DEFAULT_BOUNDS
from mailroom.settings.settings import Settings, load_settings
from mailroom.triage.report import Report
from tests.support.accounts import AccountUnderTest
from tests.support.on_memory import AccountOnMemory

PROJECT = Path(__file__).parents[2]
PROCESS_TIMEOUT_SECONDS = 120.0
ONE_ATTEMPT = evolve(DEFAULT_BOUNDS, attempts=1)
"""For what is to break off at once: a dead process tries nothing again."""


def opened(account: AccountUnderTest, **variables: str) -> Account:
    """Wire Mailroom up to an account, as after a fresh start; `variables` are more settings."""
    settings = settings_for(account, variables)
    return account.opened(settings) if isinstance(account, AccountOnMemory) else open_account(settings)


def run_cycle(account: AccountUnderTest, **variables: str) -> Report:
    """Do one cycle as ``mailroom run --once`` does it, but in this process."""
    mailroom = opened(account, **variables)
    mailroom.begin()
    report = mailroom.triage.run()
    mailroom.journal.tell(report)
    return report


def run_process(
    account: AccountUnderTest, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m mailroom`` on an account and wait for its end."""
    environment = {**_environment(account, variables), "PYTHONPATH": str(PROJECT)}
    return subprocess.run(
        [sys.executable, "-m", "mailroom", *arguments],
        env=environment, capture_output=True, text=True, timeout=PROCESS_TIMEOUT_SECONDS, check=False,
    )  # fmt: skip


@frozen
class Done:
    """What a command printed, and its exit code."""

    code: int
    output: str
    errors: str

    def json(self) -> Any:
        """Return the value that was printed."""
        assert self.output, self.errors
        return json.loads(self.output)


class _Screen(io.StringIO):
    """What looks like a terminal to whoever writes."""

    def isatty(self) -> bool:
        return True


def run_command(environment: Mapping[str, str], *arguments: str, **variables: str) -> Done:
    """Run a command line to its end in this process, without a terminal."""
    return _run({**environment, **variables}, arguments, io.StringIO())


def run_once(account: AccountUnderTest) -> None:
    """Run one cycle as the service does, with what it tells in the journal."""
    done = run_command(account.environment, "run", "--once")
    assert done.code == 0, done.errors


def run_shown(environment: Mapping[str, str], *arguments: str, **variables: str) -> Done:
    """Do the same where somebody looks on: on a terminal of eighty columns, without colours."""
    return _run({**environment, "NO_COLOR": "1", "COLUMNS": "80", **variables}, arguments, _Screen())


def _run(environment: Mapping[str, str], arguments: Sequence[str], output: io.StringIO) -> Done:
    errors = io.StringIO()
    with (
        patch.dict(os.environ, _clean(environment), clear=True),
        patch("os.ctermid", return_value="/dev/null/no-terminal"),
        patch("sys.stdin", io.StringIO()),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        code = main(arguments)
    return Done(code, output.getvalue(), errors.getvalue())


def settings_for(account: AccountUnderTest, variables: Mapping[str, str]) -> Settings:
    """Read the settings that point Mailroom to an account."""
    return load_settings(_environment(account, variables))


def _environment(account: AccountUnderTest, variables: Mapping[str, str]) -> dict[str, str]:
    return _clean({**account.environment, **variables})


def _clean(variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which these are the only MAILROOM_ variables."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAILROOM_")}
    return {**kept, "MAILROOM_HEALTH_PORT": "0", **variables}
