"""`mailroom init --credentials`: asked for, tried, and kept if that is wanted."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from mailroom.sandbox import Sandbox
from mailroom.sandbox.seed.account import seeded_account
from mailroom.settings.dotenv import read_dotenv
from tests.support.dialogue import Dialogue
from tests.support.harm import Harm
from tests.support.processes import environment
from tests.support.proxy import Exchange, Proxy

KEEP, TOKEN, USERNAME, PASSWORD = "[y/N] ", "API token (", "User name", "App password ("
NAMES = ("MAILROOM_JMAP_TOKEN", "MAILROOM_CARDDAV_USERNAME", "MAILROOM_CARDDAV_PASSWORD")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An account whose token gives no access to contacts."""
    account = seeded_account()
    account.offers_contacts = False
    with Sandbox(account) as sandbox:
        yield sandbox


def test_where_the_token_does_for_contacts_too_no_password_is_asked_for(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """One secret is typed, tried on both and kept; the next time nothing is asked."""
    sandbox.account.offers_contacts = True
    token = sandbox.account.token
    with begun(sandbox, tmp_path) as dialogue:
        dialogue.answers(KEEP, "y")
        dialogue.answers(TOKEN, token)
        code, shown = dialogue.ends()
    assert code == 0
    assert "no password is needed" in " ".join(shown.split())
    assert read_dotenv(tmp_path / ".env") == {NAMES[0]: token}
    with begun(sandbox, tmp_path) as dialogue:
        assert dialogue.ends()[0] == 0
    with begun(sandbox, tmp_path, MAILROOM_CONTACTS="carddav") as dialogue:
        dialogue.reads(USERNAME)


def test_a_token_without_contacts_is_told_before_a_password_is_asked_for(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """A better token would do alone; who wants no other way than that is not asked for a password."""
    with begun(sandbox, tmp_path, MAILROOM_JMAP_TOKEN=sandbox.account.token) as dialogue:
        told = " ".join(dialogue.reads(KEEP).split())
    assert "offers no contacts over JMAP to this token" in told
    assert "Email and Contacts" in told
    only = {"MAILROOM_CONTACTS": "jmap", "MAILROOM_JMAP_TOKEN": sandbox.account.token}
    with begun(sandbox, tmp_path, **only) as dialogue:
        code, shown = dialogue.ends()
    assert code == 1
    assert "offers no contacts over JMAP" in " ".join(shown.split())


def test_half_of_a_pair_is_completed_by_asking(sandbox: Sandbox, tmp_path: Path) -> None:
    """Who has set a user name wants CardDAV, whatever the token does."""
    account = sandbox.account
    account.offers_contacts = True
    half = {NAMES[0]: account.token, NAMES[1]: account.username}
    with begun(sandbox, tmp_path, **half) as dialogue:
        dialogue.answers(KEEP, "y")
        dialogue.answers(PASSWORD, account.password)
        assert dialogue.ends()[0] == 0
    assert read_dotenv(tmp_path / ".env") == {NAMES[2]: account.password}


def servers(sandbox: Sandbox) -> dict[str, str]:
    return {key: value for key, value in sandbox.environment().items() if key not in NAMES}


def begun(sandbox: Sandbox, home: Path, **variables: str) -> Dialogue:
    return Dialogue("init --credentials", {**servers(sandbox), **variables}, home)


def test_they_are_tried_before_they_are_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    """What a server refuses is told and asked for again, and leaves no trace in the file."""
    account = sandbox.account
    (tmp_path / ".env").write_text("MAILROOM_POLL_INTERVAL=60\n")
    with begun(sandbox, tmp_path) as dialogue:
        dialogue.answers(KEEP, "y")
        dialogue.answers(TOKEN, "fmu1-mistyped")
        assert "refuses the token" in " ".join(dialogue.answers(TOKEN, "fmu1 with a space").split())
        assert "contains a space" in " ".join(dialogue.answers(TOKEN, account.token).split())
        dialogue.reads(f"[{account.username}]")
        assert read_dotenv(tmp_path / ".env")["MAILROOM_JMAP_TOKEN"] == account.token
        dialogue.types("")
        dialogue.answers(PASSWORD, "mistyped-password")
        dialogue.answers(USERNAME, account.username)
        dialogue.answers(PASSWORD, account.password)
        code, shown = dialogue.ends()
    assert code == 0
    for secret in (account.token, account.password, "fmu1-mistyped", "mistyped-password"):
        assert secret not in shown
    assert read_dotenv(tmp_path / ".env") == {
        "MAILROOM_POLL_INTERVAL": "60",
        **{name: sandbox.environment()[name] for name in NAMES},
    }
    with begun(sandbox, tmp_path) as dialogue:
        assert dialogue.ends()[0] == 0, "nothing is asked any more"


def test_who_does_not_want_a_file_gets_none(sandbox: Sandbox, tmp_path: Path) -> None:
    """They hold for this run."""
    account = sandbox.account
    with begun(sandbox, tmp_path) as dialogue:
        dialogue.answers(KEEP, "n")
        dialogue.answers(TOKEN, account.token)
        dialogue.answers(USERNAME, account.username)
        dialogue.answers(PASSWORD, account.password)
        assert dialogue.ends()[0] == 0
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(("typed", "understood"), [("n", "no"), ("Yes", "yes")])
def test_a_token_that_is_pasted_too_early_is_not_shown(
    sandbox: Sandbox, tmp_path: Path, typed: str, understood: str
) -> None:
    """The question before the secrets shows how it was understood; whatever is no yes is a no."""
    account = sandbox.account
    with begun(sandbox, tmp_path) as dialogue:
        dialogue.answers(KEEP, account.token)
        assert account.token not in dialogue.answers(TOKEN, "")
        shown = dialogue.ends()[1]
        assert account.token not in shown
        assert f"{KEEP}no" in shown.replace("\r\n", "\n")
    with begun(sandbox, tmp_path) as dialogue:
        dialogue.answers(KEEP, typed)
        dialogue.answers(TOKEN, "")
        assert f"{KEEP}{understood}" in dialogue.ends()[1]
    assert not (tmp_path / ".env").exists()


def test_what_is_kept_and_revoked_is_asked_for_anew(sandbox: Sandbox, tmp_path: Path) -> None:
    """The new one takes the old one's line; who has a file is not asked whether they want one."""
    lines = [f"{name}={sandbox.environment()[name]}\n" for name in NAMES]
    (tmp_path / ".env").write_text("".join(lines))
    sandbox.account.token = "fmu1-another"
    with begun(sandbox, tmp_path) as dialogue:
        assert KEEP not in dialogue.answers(TOKEN, "fmu1-another")
        assert dialogue.ends()[0] == 0
    lines[0] = "MAILROOM_JMAP_TOKEN=fmu1-another\n"
    assert (tmp_path / ".env").read_text() == "".join(lines)


def test_what_the_environment_says_and_a_server_refuses_is_not_asked_for(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """It would win over what is typed the next time: the person hears which variable it is."""
    with begun(sandbox, tmp_path, MAILROOM_JMAP_TOKEN="fmu1-revoked") as dialogue:
        code, shown = dialogue.ends()
    assert code == 1
    assert "MAILROOM_JMAP_TOKEN" in shown
    assert TOKEN not in shown


def test_a_token_that_may_only_read_is_refused_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """Before anything is made with it that could not be used."""

    def read_only(exchange: Exchange) -> None:
        answer = exchange.forward()
        said = re.sub(rb'("isReadOnly": ?)false', rb"\1true", answer.body)
        assert said != answer.body
        exchange.reply(evolve(answer, body=said))

    with Proxy(sandbox.url) as proxy:
        proxy.plan = Harm(read_only, lambda request: request.target.endswith("/session"))
        with begun(sandbox, tmp_path, **proxy.environment(sandbox.environment())) as dialogue:
            code, shown = dialogue.ends()
    assert code == 1
    assert "may only read mail" in shown


@pytest.mark.parametrize("end", ["\n", "\x04"], ids=["Enter", "Ctrl-D"])
def test_who_types_nothing_is_told_how_to_go_on(sandbox: Sandbox, tmp_path: Path, end: str) -> None:
    """It ends rather than asking for ever."""
    with begun(sandbox, tmp_path) as dialogue:
        dialogue.answers(KEEP, "y")
        dialogue.reads(TOKEN)
        dialogue.types(end, enter=False)
        code, shown = dialogue.ends()
    assert code == 1
    assert "nothing was typed" in shown
    assert not (tmp_path / ".env").exists()


def test_without_a_terminal_the_error_names_the_single_steps(sandbox: Sandbox, tmp_path: Path) -> None:
    """A script is told what to run instead."""
    done = subprocess.run(
        [sys.executable, "-m", "mailroom", "init"],
        env=environment(servers(sandbox), tmp_path), cwd=tmp_path, input="y\n",
        capture_output=True, text=True, timeout=60, check=False, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    steps = (
        "MAILROOM_JMAP_TOKEN",
        "setup --apply",
        "approve --correspondents",
        "rules -o",
        "rules --install",
        "mailroom check",
    )
    assert all(step in line for step in steps)
    assert sandbox.request_count == 0
