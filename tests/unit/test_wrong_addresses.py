"""A server's address that is wrong: the variable that a person has set is named, with what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from mailroom.account import open_account
from mailroom.errors import UserError
from mailroom.sandbox import Sandbox
from mailroom.sandbox.seed.account import seeded_account
from mailroom.settings.credentials import carddav_credentials, jmap_credentials
from mailroom.settings.settings import load_settings
from mailroom.settings.variables import default_of
from tests.support.running import ONE_ATTEMPT, run_command
from tests.support.scripted import ScriptedServer, http

JMAP, CARDDAV = "MAILROOM_JMAP_SESSION_URL", "MAILROOM_CARDDAV_URL"
COMMANDS = (
    "plan", "check", "setup", "approve --correspondents", "rules", "rules --format sieve", "rescue",
    "uninstall", "run", "run --once",
)  # fmt: skip
NOT_FOUND = http("404 Not Found", b"no", Content_Type="text/plain")
A_PAGE = http("200 OK", b"<html>", Content_Type="text/html")

Place = Callable[[], AbstractContextManager[str]]


@contextmanager
def nobody() -> Iterator[str]:
    with socket.socket() as bound:  # which does not listen, and keeps the port from others who would
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"


@contextmanager
def no_tls() -> Iterator[str]:
    with Sandbox(seeded_account()) as server:
        yield f"{server.url.replace('http://', 'https://')}/"


@contextmanager
def not_found() -> Iterator[str]:
    with ScriptedServer(NOT_FOUND) as server:
        yield f"{server.url}/"


@contextmanager
def a_page() -> Iterator[str]:
    with ScriptedServer(A_PAGE) as server:
        yield f"{server.url}/"


@pytest.mark.parametrize(
    ("variable", "place", "told"),
    [
        (JMAP, nobody, "nothing answers at "),
        (CARDDAV, nobody, "nothing answers at "),
        (JMAP, no_tls, "the server does not speak TLS on port "),
        (CARDDAV, no_tls, "the server does not speak TLS on port "),
        (JMAP, not_found, "there is no JMAP session at "),
        (CARDDAV, not_found, "is not the URL of an address book"),
        (JMAP, a_page, "there is no JMAP session at "),
    ],
)
def test_the_variable_is_named_first(variable: str, place: Place, told: str) -> None:
    """Nobody listens, no TLS, nothing there, a web page: in one line the reason and the way on."""
    with Sandbox(seeded_account()) as sandbox, place() as url:
        settings = load_settings({**sandbox.environment(), variable: url}, dotenv=None)
        with pytest.raises(UserError) as caught:
            open_account(settings, bounds=ONE_ATTEMPT).check()
    (problem,) = caught.value.problems
    assert problem.startswith(f"{variable}: ")
    assert told in problem
    assert "check the " in problem
    assert not [each for each in ("Errno", "SSL:", "urllib3") if each in problem]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("variable", "value"), [(JMAP, None), ("MAILROOM_JMAP_TOKEN", "fmu1-wrong")], ids=["address", "token"]
)
def test_every_command_tells_it_in_one_line(command: str, variable: str, value: str | None) -> None:
    """A page that is not there and a token that is refused: named once, with exit code 1."""
    with Sandbox(seeded_account()) as sandbox, not_found() as url:
        wrong = {variable: value or url, "MAILROOM_HEALTH_HOST": "127.0.0.1", "MAILROOM_HEALTH_PORT": "0"}
        done = run_command({**sandbox.environment(), **wrong}, *command.split())
    assert done.code == 1
    told = done.output if command == "check" else done.errors
    assert told.count(f"{variable}: ") == 1
    assert "Traceback" not in done.output + done.errors


def test_what_nobody_has_set_is_not_blamed() -> None:
    """Fastmail's own addresses hold by themselves: there it is the network that is to be checked."""
    assert jmap_credentials("t", default_of(JMAP)).misled("no", "GET /") == "no (GET /)"
    assert carddav_credentials("u", "p", default_of(CARDDAV)).misled("no") == "no"
    assert carddav_credentials("u", "p", "https://dav.home.example/").misled("no") == (
        f"{CARDDAV}: no; check the address"
    )
