"""Mailroom on a real account, in five steps, with the credentials of a `.env`: `pytest -m live`.

It is told beforehand what will change, nothing happens without a yes, and in the end exactly what the
test brought into the account is taken away again.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mailroom.account import open_account
from mailroom.errors import MailroomError, UserError
from mailroom.settings.dotenv import read_dotenv
from mailroom.settings.settings import Settings, load_settings
from mailroom.settings.variables import CARDDAV_SECRETS, OTHER_DEFAULTS, PUBLIC_DEFAULTS
from tests.live.person import Person
from tests.live.traces import Traces
from tests.support.containers import STOP_SECONDS, Container, RunningService, load, write_archive
from tests.support.programs import NIX_VARIABLE, ROOT

pytestmark = pytest.mark.live

CATEGORY = "Feed"


class LocalProcess(RunningService):
    """Mailroom run by this Python, where there is nothing to build an image with."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        super().__init__(int(environment["MAILROOM_HEALTH_PORT"]))
        self._log = log
        with log.open("wb") as output:
            command = [sys.executable, "-m", "mailroom", "run"]
            self._process = subprocess.Popen(
                command, env=os.environ | environment, stdout=output, stderr=output, cwd=ROOT
            )

    def output(self) -> str:
        return self._log.read_text()

    def terminate(self) -> int:
        self._process.terminate()
        return self._process.wait(STOP_SECONDS)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def test_the_five_steps_on_a_real_account(tmp_path: Path) -> None:
    """Build, start, `/healthz`, a label is triaged, graceful stop: each says PASS or what to do."""
    with closing(Person()) as person:
        settings = _settings()
        account = open_account(settings)
        try:
            account.check()
            forecast = account.triage.forecast()
        except MailroomError as error:
            pytest.fail(
                "\n".join(["The account is not ready (`mailroom check` tells more):", *error.problems]), False
            )

        (category,) = (each for each in settings.scheme.categories if each.title == CATEGORY)
        group = category.group
        traces = Traces(account, settings, category)
        name = settings.carddav_username or next(iter(account.jmap.session.names), "?")
        person.tell(
            f"\nThis works on the account of {name}. It will\n"
            f"  - put one message from {traces.sender} into {settings.scheme.screener},\n"
            f"    labelled {category.label},\n"
            f"  - let Mailroom make a contact card for that sender, add it to the group {group.name},\n"
            f"    and move the message to {group.mailbox},\n"
            "  - and then delete that message, that card and that line of the group again.\n"
            "Mailroom also does its usual work meanwhile, which stays done: "
            f"{len(forecast.filings)} labelled senders to file, {len(forecast.stragglers)} to sweep after."
        )
        if not person.agrees("Go on?"):
            pytest.skip("nothing was changed")

        try:
            _five_steps(person, traces, _environment(settings), tmp_path)
        finally:
            person.tell(f"Taken away again: {', '.join(traces.remove()) or 'nothing, nothing was there'}.")


def _five_steps(person: Person, traces: Traces, environment: dict[str, str], folder: Path) -> None:
    with _step(person, "build", "Look at what `nix build .#image` says."):
        image = _build(person, folder)
    with _step(person, "start", "Look at what `mailroom check` says."):
        if image:
            service: RunningService = Container(image, "run", environment=environment)
        else:
            service = LocalProcess(environment, folder / "log")
    with service:
        with _step(person, "/healthz", "Is another program on the port? Look at the log above."):
            service.wait_for(lambda: "service_started" in service.events(), "service_started")
            service.wait_for(lambda: service.healthz()[0] == 200, "a healthy answer")
        with _step(person, "a label is triaged", "`mailroom plan` tells what Mailroom makes of the account."):
            traces.put_message()
            service.wait_for(traces.is_filed, f"the filing of {traces.sender}")
        with _step(person, "graceful stop", "Tell us, with the log above: this should not happen."):
            assert service.terminate() == 0
            # in either order: the stop waits for no line of the log
            assert "service_stopped" in service.events()[-2:]


@contextmanager
def _step(person: Person, name: str, advice: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        person.tell(f"FAIL  {name}. {advice}")
        raise
    person.tell(f"PASS  {name}")


def _build(person: Person, folder: Path) -> str | None:
    nix = os.environ.get(NIX_VARIABLE) or "nix"
    missing = [name for name in (nix, "podman") if shutil.which(name) is None]
    if missing or sys.platform != "linux":
        person.tell(
            f"      (without {' and '.join(missing) or 'Linux'} there is no image: this Python runs it)"
        )
        return None
    archive = folder / "mailroom.tar"
    write_archive(f"path:{ROOT}", archive)
    return load(archive)


def _settings() -> Settings:
    try:
        return load_settings()
    except UserError as error:
        pytest.fail("\n".join([f"The live test needs {Path('.env').absolute()}:", *error.problems]), False)


def _environment(settings: Settings) -> dict[str, str]:
    """What the service gets: the person's settings, a short interval, a port of its own."""
    names = (*PUBLIC_DEFAULTS, *OTHER_DEFAULTS)
    for_contacts = dict(
        zip(CARDDAV_SECRETS, (settings.carddav_username, settings.carddav_password), strict=True)
    )
    said = {**read_dotenv(Path(".env")), **os.environ}
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return {
        **{name: value for name in names if (value := said.get(name))},
        "MAILROOM_JMAP_TOKEN": settings.jmap_token,
        **{name: value for name, value in for_contacts.items() if value},
        "MAILROOM_POLL_INTERVAL": "5",
        "MAILROOM_JOURNAL_MAILBOX": "",  # what is taken away again is nothing to be told of
        "MAILROOM_HEALTH_HOST": "127.0.0.1",
        "MAILROOM_HEALTH_PORT": str(port),
    }
