"""The live test itself, on the sandbox in the place of a real account, and a person at a terminal."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.accounts import furnish, members
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.programs import LINUX_ONLY, NIX_VARIABLE, ROOT, nix, program, read_until, run

pytestmark = [pytest.mark.deploy, LINUX_ONLY]

STEPS = ("build", "start", "/healthz", "a label is triaged", "graceful stop")


@pytest.fixture
def account() -> Iterator[AccountOnSandbox]:
    with closing(AccountOnSandbox()) as account:
        furnish(account)
        yield account


def at_the_terminal(
    account: AccountOnSandbox, folder: Path, answer: str, **environment: str
) -> tuple[int, str]:
    """Run the live test as a person would, with a `.env`, and give one answer; return exit code and words."""
    lines = [f"{name}={value}" for name, value in account.environment.items()]
    (folder / ".env").write_text("\n".join(lines))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAILROOM_")}
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        command = [sys.executable, "-m", "pytest", "-m", "live", "-p", "no:cacheprovider", "-q"]
        command += [f"--rootdir={ROOT}", f"--config-file={ROOT}/pyproject.toml", f"{ROOT}/tests/live"]
        os.execve(sys.executable, command, clean | {"PYTHONPATH": str(ROOT)} | environment)
    shown = read_until(terminal, b"[yes/no] ", seconds=60)
    os.write(terminal, f"{answer}\n".encode())
    shown += read_until(terminal, None, seconds=300)
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode()


def everything(account: AccountOnSandbox) -> object:
    groups = {name: members(account, name) for name in ("Imbox", "Feed", "Paper Trail", "Jail")}
    return dict(account.cards()), groups, len(account.store.messages)


def test_it_takes_five_steps_with_the_image_and_leaves_no_trace(
    account: AccountOnSandbox, tmp_path: Path
) -> None:
    """Every step passes, and the account is as it was, to the last byte of each card."""
    program("podman")
    before = everything(account)
    code, shown = at_the_terminal(account, tmp_path, "yes", **{NIX_VARIABLE: nix()})
    assert code == 0, shown
    assert [line for line in STEPS if f"PASS  {line}" in shown] == list(STEPS)
    assert "Taken away again: the message, the contact group's line (Feed), the contact card." in shown
    assert everything(account) == before


def test_it_does_without_an_image_where_there_is_no_nix(account: AccountOnSandbox, tmp_path: Path) -> None:
    """A person with nothing but Python sees the same five steps."""
    before = everything(account)
    code, shown = at_the_terminal(account, tmp_path, "yes", **{NIX_VARIABLE: "no-such-program"})
    assert code == 0, shown
    assert [line for line in STEPS if f"PASS  {line}" in shown] == list(STEPS)
    assert everything(account) == before


def test_it_does_with_the_token_alone(account: AccountOnSandbox, tmp_path: Path) -> None:
    """Contacts are reached over JMAP then, and what was made over it is taken away over it."""
    account.environment = {
        name: value for name, value in account.environment.items() if "CARDDAV" not in name
    }
    before = sorted(account.cards()), members(account, "Feed"), len(account.store.messages)
    code, shown = at_the_terminal(account, tmp_path, "yes", **{NIX_VARIABLE: "no-such-program"})
    assert code == 0, shown
    assert [line for line in STEPS if f"PASS  {line}" in shown] == list(STEPS)
    assert "Taken away again: the message, the contact group's line (Feed), the contact card." in shown
    assert (sorted(account.cards()), members(account, "Feed"), len(account.store.messages)) == before


def test_without_a_yes_nothing_happens(account: AccountOnSandbox, tmp_path: Path) -> None:
    """Before it asks, it has written nothing; after any other answer it writes nothing."""
    before = everything(account), account.state()
    _, shown = at_the_terminal(account, tmp_path, "well, perhaps")
    assert "PASS" not in shown
    assert account.environment["MAILROOM_JMAP_TOKEN"] not in shown
    assert (everything(account), account.state()) == before


def test_it_runs_only_when_it_is_named() -> None:
    """Neither plain pytest nor the deployment's tests select it."""
    for selection in ([], ["-m", "deploy"], ["-m", "not deploy"]):
        listed = run(
            sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/live", *selection, expect=5
        )
        assert "test_the_five_steps" not in listed.stdout
