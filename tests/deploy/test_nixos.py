"""What nix/module.nix makes of its options: a unit that systemd takes, and no settings that are wrong."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mailroom.sandbox import Sandbox
from mailroom.sandbox.seed.account import seeded_account
from mailroom.settings.settings import load_scheme
from mailroom.settings.variables import OPTIONAL_SECRETS, SECRETS
from tests.support.processes import Process
from tests.support.programs import ROOT, nix, program, run, write_flake_about

pytestmark = pytest.mark.deploy

FILES = {name: f"/etc/mailroom/{name.lower()}" for name in SECRETS}
MOST_EXPOSURE = "15"
"""As systemd counts what a service could do beyond its work, from 0 to 100; one without directives has 96."""


@pytest.fixture(scope="module")
def flake(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flake that asks the module."""
    folder = tmp_path_factory.mktemp("nixos")
    write_flake_about(published, "nixos", folder)
    return folder


def asked(flake: Path, options: Mapping[str, Any], expect: int = 0) -> tuple[str, str]:
    """Return the unit, and what was said besides."""
    (flake / "given.json").write_text(json.dumps(options))
    done = run(nix(), "eval", "--raw", f"path:{flake}#unit", expect=expect)
    return done.stdout, done.stderr


def unit(flake: Path, **settings: object) -> str:
    text, _ = asked(flake, {"enable": True, "secrets": FILES, "settings": settings})
    return text


def variables(text: str) -> dict[str, str]:
    """Return what a unit's process has in its environment, its credentials' folder aside."""
    said = (json.loads(line) for line in re.findall(r"^Environment=(.*)$", text, re.M))
    return dict(each.replace("%%", "%").split("=", 1) for each in said)


def on_this_machine(text: str, folder: Path) -> Path:
    """Write the unit, with a program that is here in the place of one in the store."""
    file = folder / "mailroom.service"
    file.write_text(
        re.sub(r"^ExecStart=\S+", f"ExecStart={shutil.which('true') or '/bin/true'}", text, flags=re.M)
    )
    return file


def test_systemd_has_nothing_to_say_against_the_unit(flake: Path, tmp_path: Path) -> None:
    """Every directive is one, and the service may do little besides its work."""
    file = on_this_machine(
        unit(flake, MAILROOM_GROUP_FEED='50% "News"', MAILROOM_POLL_INTERVAL=0.5), tmp_path
    )
    told = run(program("systemd-analyze"), "verify", "--man=no", file)
    assert file.name not in told.stdout + told.stderr
    run(program("systemd-analyze"), "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", file)


def test_it_is_hardened_restarted_and_bounded(flake: Path) -> None:
    """What the unit of docs/run.md has, this one has too."""
    page = (ROOT / "docs/run.md").read_text()
    (shown,) = re.findall(r"^\[Service\]\n(.*?)^\[Install\]", page, re.M | re.S)
    ours = unit(flake)
    own = ("ExecStart=", "Environment=", "LoadCredential=")
    for line in shown.split():
        if "=" in line and not line.startswith(own):
            name, _, value = line.partition("=")
            assert re.search(rf"^{name}=.*{re.escape(value.replace('yes', 'true'))}", ours, re.M), line


def test_only_what_differs_is_set_and_arrives_as_it_was_written(flake: Path, tmp_path: Path) -> None:
    """The code's defaults stay the code's; what systemd would read into a value is kept from it."""
    names = {"MAILROOM_GROUP_FEED": '50% "off" \\ Ünïted', "MAILROOM_LABEL_TO_JAIL": "@%n"}
    given = {
        **names,
        "MAILROOM_POLL_INTERVAL": 60,
        "MAILROOM_WARNINGS_ENABLED": False,
        "MAILROOM_PUSH": "auto",
    }
    found = {name: value for name, value in variables(unit(flake, **given)).items() if "MAILROOM" in name}
    assert found == {
        **names,
        "MAILROOM_POLL_INTERVAL": "60",
        "MAILROOM_WARNINGS_ENABLED": "false",
        "MAILROOM_HEALTH_HOST": "127.0.0.1",
        **{f"{name}_FILE": f"%d/{name}" for name in SECRETS},
    }
    scheme = load_scheme(found, dotenv=None)
    assert names["MAILROOM_GROUP_FEED"] in {group.name for group in scheme.groups}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"MAILROOM_POLL_INTERVAL": "60"}, "MAILROOM_POLL_INTERVAL must be a number from 0.1"),
        ({"MAILROOM_POLL_INTERVAL": 0}, "MAILROOM_POLL_INTERVAL must be a number from 0.1"),
        ({"MAILROOM_HEALTH_PORT": 80.5}, "MAILROOM_HEALTH_PORT must be a whole number from 0 to 65535"),
        ({"MAILROOM_LOG_LEVEL": "loud"}, "MAILROOM_LOG_LEVEL must be one of debug info warning error"),
        ({"MAILROOM_WARNINGS_ENABLED": "yes"}, "MAILROOM_WARNINGS_ENABLED must be true or false"),
        (
            {"MAILROOM_LABLE_TO_FEED": "@Feed"},
            "there is no option services.mailroom.settings.MAILROOM_LABLE",
        ),
        (
            {"MAILROOM_JMAP_TOKEN": "fmu1-"},
            "there is no option services.mailroom.settings.MAILROOM_JMAP",
        ),
    ],
)
def test_what_the_code_would_refuse_is_no_system(
    flake: Path, settings: dict[str, Any], complaint: str
) -> None:
    """A wrong setting is found when the system is built; a secret can be none, as anybody reads the store."""
    _, told = asked(flake, {"enable": True, "secrets": FILES, "settings": settings}, expect=1)
    assert complaint in told


def test_what_the_page_shows_is_taken(flake: Path) -> None:
    """The options of docs/run.md are some that there are; its one secret is the token."""
    (options,) = re.findall(
        r"services\.mailroom = (\{.*?\n {12}\});", (ROOT / "docs/run.md").read_text(), re.S
    )
    given = json.loads(run(nix(), "eval", "--json", "--expr", options).stdout)
    text, _ = asked(flake, given)
    assert set(re.findall(r"^LoadCredential=(.*?):", text, re.M)) == {SECRETS[0]}


@pytest.mark.parametrize("file", ["token", "/nix/store/00000000000000000000000000000000-token"])
def test_a_secret_is_a_file_outside_the_store(flake: Path, file: str) -> None:
    """Whatever is in the store is for everybody to read."""
    _, told = asked(flake, {"enable": True, "secrets": {**FILES, "MAILROOM_JMAP_TOKEN": file}}, expect=1)
    assert "services.mailroom.secrets.MAILROOM_JMAP_TOKEN must be the absolute path" in told


def test_the_token_alone_is_enough(flake: Path) -> None:
    """Contacts are reached with it, too; no other credential is loaded."""
    token = {SECRETS[0]: FILES[SECRETS[0]]}
    text, _ = asked(flake, {"enable": True, "secrets": token})
    assert set(re.findall(r"^LoadCredential=(.*?):", text, re.M)) == {SECRETS[0]}


@pytest.mark.parametrize("name", OPTIONAL_SECRETS)
def test_a_secret_that_may_be_missing_is_loaded_where_it_is_given(flake: Path, name: str) -> None:
    """Nobody has to have it (the other tests do not), and it comes the way of the others."""
    text, _ = asked(flake, {"enable": True, "secrets": {**FILES, name: "/etc/mailroom/it"}})
    assert f"LoadCredential={name}:/etc/mailroom/it\n" in text
    assert variables(text)[f"{name}_FILE"] == f"%d/{name}"


def test_without_enable_there_is_no_service(flake: Path) -> None:
    """To import the module is not to run it, and asks for no secrets."""
    _, told = asked(flake, {}, expect=1)
    assert "attribute 'systemd' missing" in told


def test_the_units_environment_starts_the_service(flake: Path, tmp_path: Path) -> None:
    """With systemd's folder of credentials in the place of %d, the service finds its secrets there."""
    text = unit(flake, MAILROOM_LOG_LEVEL="debug", MAILROOM_HEALTH_PORT=0)
    loaded = dict(each.split(":", 1) for each in re.findall(r"^LoadCredential=(.*)$", text, re.M))
    assert loaded == FILES
    with Sandbox(seeded_account()) as sandbox:
        given = sandbox.environment()
        for name in loaded:
            (tmp_path / name).write_text(given.pop(name) + "\n")
        own = {name: value.replace("%d", str(tmp_path)) for name, value in variables(text).items()}
        with Process({**given, **own}, tmp_path) as service:
            service.until("poll_complete")
