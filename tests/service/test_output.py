"""What becomes of standard output is no matter of life and death: work goes on, and a stop is a stop."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from mailroom.sandbox import Sandbox
from tests.support.given_time import PATIENCE_SECONDS, eventually
from tests.support.processes import environment

STRANGER = "news@dailylantern.example"
QUICK = {"MAILROOM_POLL_INTERVAL": "0.2", "MAILROOM_PUSH": "off", "MAILROOM_LOG_LEVEL": "debug"}
F_SETPIPE_SZ = 1031
"""fcntl(2); Python's module has a name for it only where it was built with one."""

ROOM_BYTES = 300
"""The first line of the log fits into it, and the one about the first request does not."""

STOPPED_WHILE_OUTPUT_BLOCKS = """
import logging, sys, threading
from mailroom.output.logs import configure_logs, log
from mailroom.service.signals import watch_signals
configure_logs("info")
stop = threading.Event()
watch_signals(stop.set, grace_seconds=0.5)
sys.stderr.write("ready")
sys.stderr.flush()
stop.wait()
log(logging.INFO, "service_stopped")
"""


@contextmanager
def full_pipe(room_bytes: int = 0) -> Iterator[int]:
    """Yield the writing end of a pipe into which nothing more goes than that, and which nobody reads."""
    reader, writer = os.pipe()
    try:
        size = fcntl.fcntl(writer, F_SETPIPE_SZ, os.sysconf("SC_PAGE_SIZE"))
        os.write(writer, bytes(size - room_bytes))
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


@contextmanager
def broken_pipe() -> Iterator[int]:
    """Yield the writing end of a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@contextmanager
def full_disk() -> Iterator[int]:
    """Yield a file that takes nothing."""
    with Path("/dev/full").open("wb") as file:
        yield file.fileno()


def test_a_stop_needs_no_output() -> None:
    """Where a log line is stuck for ever, the process ends in time all the same, twenty times, with 0."""
    with full_pipe() as output:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", STOPPED_WHILE_OUTPUT_BLOCKS], stdout=output, stderr=subprocess.PIPE
            )
            for _ in range(20)
        ]
        for process in processes:
            assert process.stderr
            assert process.stderr.read(5) == b"ready"
            process.send_signal(signal.SIGTERM)
        for process in processes:
            with process:
                assert process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.slow
def test_the_service_stops_in_time_where_its_output_blocks(sandbox: Sandbox, tmp_path: Path) -> None:
    """A log that nobody reads any more holds no stop up: 0 within thirty seconds."""
    with full_pipe(ROOM_BYTES) as output, running(sandbox, tmp_path, output) as process:
        assert eventually(lambda: bool(sandbox.requests)), "so it has got beyond its first line"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
        assert time.monotonic() - began < 30


@contextmanager
def running(sandbox: Sandbox, home: Path, output: int | None) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service; where there is no output, with standard output closed."""
    command = [sys.executable, "-m", "mailroom"]
    if output is None:
        command = ["sh", "-c", 'exec "$0" "$@" >&-', *command]
    process = subprocess.Popen(
        command,
        env=environment({**sandbox.environment(), **QUICK}, home),
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr
        process.stderr.close()


@contextmanager
def closed() -> Iterator[None]:
    """Yield no output at all."""
    yield None


Output = Callable[[], AbstractContextManager[int | None]]

OUTPUTS: dict[str, Output] = {"closed": closed, "a broken pipe": broken_pipe, "a full disk": full_disk}


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS.keys())
def test_the_service_works_without_an_output(sandbox: Sandbox, tmp_path: Path, output: Output) -> None:
    """A label is worked off, the stop is a stop, and no more than a line is said about it."""
    with output() as place, running(sandbox, tmp_path, place) as process:
        message = sandbox.account.messages_from(STRANGER)[-1]
        sandbox.account.label(message.id, "@ToFeed")
        assert eventually(lambda: sandbox.account.mailbox_names(message.id) == {"Feed"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert process.stderr
        assert len(process.stderr.read().splitlines()) <= 1


@pytest.mark.parametrize("output", [broken_pipe, full_disk])
def test_one_cycle_done_well_is_done_well(sandbox: Sandbox, tmp_path: Path, output: Output) -> None:
    """`run --once` ends with 0 where everything was filed, whoever hears of it."""
    message = sandbox.account.messages_from(STRANGER)[-1]
    sandbox.account.label(message.id, "@ToFeed")
    with output() as place:
        ended = subprocess.run(
            [sys.executable, "-m", "mailroom", "run", "--once"],
            check=False,
            env=environment(sandbox.environment(), tmp_path),
            cwd=tmp_path,
            stdout=place,
            stderr=subprocess.PIPE,
            timeout=30,
        )
    assert sandbox.account.mailbox_names(message.id) == {"Feed"}
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stderr.splitlines()) <= 1
