"""Containers as a pod of Kubernetes' restricted profile would run them, by podman."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import urllib3

from tests.support.programs import nix, program, run

START_SECONDS = 60.0
STOP_SECONDS = 40.0
RESTRICTED = (
    "--user=65532:65532",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--read-only",
    "--read-only-tmpfs=false",
    "--network=host",
    "--pull=never",
    # hosts whose own limits are lower than podman's defaults
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=1024:1024",
)


def write_archive(flake: str, archive: Path, image: str = "image") -> None:
    """Build an image and write it as an archive that every container engine reads."""
    stream = run(nix(), "build", "--no-link", "--print-out-paths", f"{flake}#{image}.stream").stdout.strip()
    with archive.open("wb") as file:
        subprocess.run([nix(), "shell", stream, "--command", stream], stdout=file, check=True)


def load(archive: Path) -> str:
    """Give the image to podman; return its id."""
    told = run(*_podman(), "load", "--input", archive).stdout
    name = told.strip().splitlines()[-1].rpartition(": ")[2]
    return str(json.loads(run(*_podman(), "image", "inspect", name).stdout)[0]["Id"])


def run_once(
    image: str,
    *arguments: str,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    expect: int = 0,
) -> subprocess.CompletedProcess[str]:
    """Run a container to its end."""
    variables = [f"--env={name}" for name in environment or ()]
    command = (*_podman(), "run", "--rm", *RESTRICTED, *options, *variables, image, *arguments)
    return run(*command, environment=environment, expect=expect)


def entry_point(image: str) -> list[str]:
    """Return what the image starts."""
    inspected = json.loads(run(*_podman(), "image", "inspect", image).stdout)
    return list(inspected[0]["Config"]["Entrypoint"])


class RunningService(ABC):
    """Mailroom at work, in whatever way it was started; ended when its context closes.

    Attributes:
        health_port: Where it answers `/healthz`, on loopback.
    """

    def __init__(self, health_port: int) -> None:
        self.health_port = health_port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    @abstractmethod
    def output(self) -> str:
        """Return what it has logged so far."""

    @abstractmethod
    def terminate(self) -> int:
        """Send SIGTERM, as the kubelet does, and return the exit code."""

    @abstractmethod
    def end(self) -> None:
        """End it at once, and leave nothing of it."""

    def logs(self) -> list[dict[str, Any]]:
        """Return what it has logged so far, by record."""
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]

    def events(self) -> list[str]:
        """Return the events it has logged, in order."""
        return [str(record["event"]) for record in self.logs()]

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if time.monotonic() > deadline or "startup_failed" in self.events():
                pytest.fail(f"{what} did not happen; the log: {self.output()}", pytrace=False)
            time.sleep(0.1)

    def healthz(self) -> tuple[int, dict[str, Any]]:
        """Ask whether it is well; status 0 while nothing answers."""
        try:
            url = f"http://127.0.0.1:{self.health_port}/healthz"
            answer = urllib3.request("GET", url, retries=False, timeout=5.0)
        except urllib3.exceptions.HTTPError:
            return 0, {}
        return answer.status, answer.json()


class Container(RunningService):
    """Mailroom in a container of the image."""

    def __init__(self, image: str, *arguments: str, environment: Mapping[str, str]) -> None:
        super().__init__(int(environment["MAILROOM_HEALTH_PORT"]))
        self._name = f"mailroom-test-{uuid.uuid4().hex[:12]}"
        # by name alone: values must not show among the arguments of a process
        variables = [f"--env={name}" for name in environment]
        command = (*_podman(), "run", "--detach", f"--name={self._name}", *RESTRICTED, *variables)
        run(*command, image, *arguments, environment=environment)

    def output(self) -> str:
        told = run(*_podman(), "logs", self._name)
        return told.stdout + told.stderr

    def terminate(self) -> int:
        run(*_podman(), "kill", "--signal=TERM", self._name)
        waiting = [*_podman(), "wait", self._name]
        code = subprocess.run(waiting, capture_output=True, text=True, timeout=STOP_SECONDS, check=True)
        return int(code.stdout.strip())

    def end(self) -> None:
        run(*_podman(), "rm", "--force", "--time=0", self._name, expect=None)


def _podman() -> tuple[str, ...]:
    # runc where it is installed: podman's other runtime wants cgroups of one kind alone
    runtime = ("--runtime=runc",) if shutil.which("runc", path="/usr/bin:/usr/sbin:/usr/local/bin") else ()
    return (program("podman"), *runtime)
