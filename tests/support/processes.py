"""Mailroom as a real process: started, watched line by line, signalled, and always ended."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.given_time import PATIENCE_SECONDS

MEBIBYTE_IN_KIB = 1024


def environment(variables: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return an environment with these MAILROOM_ variables and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILROOM_")}
    package = str(Path(__file__).parents[2])
    return {
        **kept,
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")])),
        "MAILROOM_HEALTH_HOST": "127.0.0.1",
        "MAILROOM_HEALTH_PORT": "0",
        "MAILROOM_LOG_LEVEL": "debug",  # also cycles that found nothing are events to wait for
        **variables,
    }


def mailroom(*arguments: str, variables: Mapping[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mailroom", *arguments],
        check=False,
        env=environment(variables, cwd),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def resident_mib(pid: int) -> float:
    """Return a process's resident set size (proc(5)), in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / MEBIBYTE_IN_KIB
    raise ValueError(f"process {pid} has no VmRSS")


class Process:
    """The running service; its log events are read as they come."""

    def __init__(self, variables: Mapping[str, str], cwd: Path, *arguments: str) -> None:
        self.events: list[dict[str, Any]] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mailroom", *arguments],
            env=environment(variables, cwd),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream:
                stream.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def until(
        self, event: str, patience_seconds: float = PATIENCE_SECONDS, **fields: object
    ) -> dict[str, Any]:
        """Return the next log event of this name and with these fields."""
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                text = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {event} {fields} among {self.events}; {self._rest()}") from None
            line: dict[str, Any] = json.loads(text)
            self.events.append(line)
            if line["event"] == event and fields.items() <= line.items():
                return line

    def requests_told(self) -> int:
        """Return how many requests it had had answered by the event that was read last.

        A server counts on while the test has not read yet what was asked.
        """
        return sum(event["event"] == "http_request" for event in self.events)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def exit_code(self, patience_seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for the end and return the exit code."""
        return self._process.wait(patience_seconds)

    def errors(self) -> str:
        """Return what it has written to standard error; only after its end."""
        assert self._process.stderr
        return self._process.stderr.read()

    def health(self, path: str = "/healthz") -> tuple[int, dict[str, Any]]:
        """Ask the health port that it told when it began to start."""
        try:
            with urllib.request.urlopen(self._url(path), timeout=PATIENCE_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def metrics(self) -> str:
        """Ask the health port for its figures."""
        with urllib.request.urlopen(self._url("/metrics"), timeout=PATIENCE_SECONDS) as answer:
            text: str = answer.read().decode()
            return text

    def _url(self, path: str) -> str:
        (starting,) = (event for event in self.events if event["event"] == "service_starting")
        return f"http://127.0.0.1:{starting['health_port']}{path}"

    def _rest(self) -> str:
        if self._process.poll() is None:
            return "it still runs"
        return f"it ended with {self._process.returncode}: {self.errors()}"
