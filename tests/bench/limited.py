"""How long start, first cycle and a label take with as little of a processor as a cluster allows.

The service alone is limited, by a control group of Linux; its servers are in another process.
"""

from __future__ import annotations

import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Final

from mailroom.sandbox import Sandbox, SandboxAccount
from tests.bench.hostile import peak_mib
from tests.support.elsewhere import sandbox_elsewhere
from tests.support.processes import Process
from tests.support.sized_accounts import add_cards, furnished_account

CARDS: Final = 10_000
MESSAGES: Final = 100_000
STRANGERS: Final = 3_000
SCREENED_OF: Final = 50
"""Of so many strangers, one has not been decided on: their mail waits in Screener."""

PROCESSORS: Final = (0.1, 0.02)
"""The limit of kustomize/base (100m), and what is left of it on a board a fifth as quick."""

PROBE_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 900.0
TAPS: Final = 3
CONTROL_GROUPS: Final = Path("/sys/fs/cgroup")
PERIOD_MICROSECONDS: Final = 100_000


def make_account() -> SandboxAccount:
    """Return a large account, some of whose mail waits in Screener."""
    account = furnished_account()
    add_cards(account, CARDS)
    for number in range(MESSAGES):
        stranger = number % STRANGERS
        mailbox = "Archive" if stranger % SCREENED_OF else "Screener"
        account.deliver([("Stranger", f"stranger{stranger}@elsewhere.example")], [mailbox])
    return account


def put_label(sandbox: Sandbox, number: int) -> None:
    """Put a triage label on the newest message of one of the strangers who wait."""
    stranger = f"stranger{SCREENED_OF * number}@elsewhere.example"
    sandbox.account.label(sandbox.account.messages_from(stranger)[-1].id, "@ToFeed")


@contextmanager
def limited(pid: int, processors: float) -> Iterator[None]:
    """Give a process so much of a processor, and no more, as a cluster's limit does.

    Raises:
        SystemExit: It cannot be had here: it takes Linux and root.
    """
    quota = round(PERIOD_MICROSECONDS * processors)
    is_unified = (CONTROL_GROUPS / "cgroup.controllers").exists()
    group = CONTROL_GROUPS / f"mailroom-bench-{pid}" if is_unified else CONTROL_GROUPS / f"cpu/mailroom-{pid}"
    try:
        if is_unified:
            (CONTROL_GROUPS / "cgroup.subtree_control").write_text("+cpu")
        group.mkdir()
        if is_unified:
            (group / "cpu.max").write_text(f"{quota} {PERIOD_MICROSECONDS}")
            (group / "cpu.weight").write_text("10000")  # others on this machine are not to count
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
            (group / "cpu.shares").write_text("262144")
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        raise SystemExit(
            f"a limit of the processor takes Linux's control groups, and root: {error}"
        ) from error
    try:
        yield
    finally:
        (group.parent / "cgroup.procs").write_text(str(pid))
        group.rmdir()


@contextmanager
def probed(port: int) -> Iterator[list[float]]:
    """Ask whether it is alive, as the startup probe does, and note how long each answer took."""
    done, seconds = Event(), list[float]()

    def probe() -> None:
        while not done.wait(PROBE_SECONDS):
            began = time.perf_counter()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/live", timeout=60):
                seconds.append(time.perf_counter() - began)

    with ThreadPoolExecutor(1) as executor:
        asked = executor.submit(probe)
        try:
            yield seconds
        finally:
            done.set()
    asked.result()


def measure(processors: float) -> str:
    """Return a line of what a service with so much of a processor took."""
    with (
        sandbox_elsewhere(make_account, put_label) as elsewhere,
        tempfile.TemporaryDirectory() as folder,
        Process({**elsewhere.environment, "MALLOC_ARENA_MAX": "1"}, Path(folder)) as service,
        limited(service.pid, processors),
    ):
        began = time.perf_counter()
        starting = service.until("service_starting", PATIENCE_SECONDS)
        open_seconds = time.perf_counter() - began
        with probed(int(str(starting["health_port"]))) as probes:
            service.until("service_started", PATIENCE_SECONDS)
            start_seconds = time.perf_counter() - began
            service.until("poll_complete", PATIENCE_SECONDS)
            cycle_seconds = time.perf_counter() - began - start_seconds
            if not any(event["event"] == "push_connected" for event in service.events):
                service.until("push_connected", PATIENCE_SECONDS)
            taps = []
            for tap in range(TAPS):
                began = time.perf_counter()
                elsewhere.act(tap)
                service.until("sender_filed", PATIENCE_SECONDS)
                taps.append(time.perf_counter() - began)
                service.until("poll_complete", PATIENCE_SECONDS)
        return (
            f"{1000 * processors:8.0f}m  {open_seconds:9.1f}  {start_seconds:7.1f}  {cycle_seconds:11.1f}"
            f"  {max(taps):14.1f}  {max(probes):18.2f}  {peak_mib(service.pid):8.1f}"
        )


def run() -> None:
    """Print a line for each limit."""
    screened = MESSAGES // SCREENED_OF
    print(f"{CARDS:,} cards, {MESSAGES:,} messages, {screened:,} of them in Screener; seconds:")
    print("processor  port open    start  first cycle  label to filed  slowest live probe  peak MiB")
    for processors in PROCESSORS:
        print(measure(processors), flush=True)
    print("wanted: start under 180 s (the startup probe's budget), each probe under 5 s, peak under 128 MiB")
