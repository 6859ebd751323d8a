"""Runs tests on mutants, each in a process of its own.

It is forked from one that has loaded all that does not need the module, and that has one thread only:
no lock of another can stay locked in the fork.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from itertools import groupby
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest
from attrs import frozen

from tests.mutation.mutants import Mutant

PRELOADED = ("mailroom", "tests/support")
MOST_MEMORY_BYTES = 4 << 30
"""A mutant that collects without end fails, and takes nothing else with it."""

_PROFILE = "mutation"


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    ENDLESS = "endless"
    SURVIVED = "survived"
    UNTRIED = "not tried"


@frozen
class Trial:
    """Tests to be run on a mutant.

    Attributes:
        mutant: None for the code as it is.
        patience_seconds: What goes on for longer is in a loop that no test would sit through.
    """

    mutant: Mutant | None
    tests: Sequence[str]
    patience_seconds: float


@frozen
class _Running:
    trial: Trial
    process: int
    deadline: float


def try_out(
    trials: Iterable[Trial], *, at_once: int, deadline: float = float("inf")
) -> Iterator[tuple[Trial, Fate]]:
    """Run trials, some at a time; yield each as it ends.

    Args:
        trials: Those of one module one after the other.
        deadline: On the monotonic clock; what has not begun by then is not tried.
    """
    for module, of_module in groupby(trials, lambda trial: trial.mutant and trial.mutant.module):
        yield from _in_a_fork(list(of_module), module and _import_name(module), at_once, deadline)


def _in_a_fork(
    trials: Sequence[Trial], module: str | None, at_once: int, deadline: float
) -> Iterator[tuple[Trial, Fate]]:
    """Load what does not need the module and run its trials, in a process that can be done without."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        try:
            _preload(module)
            with os.fdopen(writer, "w") as told:
                for trial, fate in _run_all(trials, at_once, deadline):
                    print(trials.index(trial), fate.name, file=told, flush=True)
        except Exception:  # noqa: BLE001 - what it has not told of counts as not tried
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writer)
    rest = dict(enumerate(trials))
    with os.fdopen(reader) as told:
        for line in told:
            index, name = line.split()
            yield rest.pop(int(index)), Fate[name]
    os.waitpid(process, 0)
    yield from ((trial, Fate.UNTRIED) for trial in rest.values())


def _preload(module: str | None) -> None:
    """Import everything that can be imported without a module."""
    if module is None:
        return
    missing = _Finder(module, f"raise ImportError({module!r})")
    sys.meta_path.insert(0, missing)
    for package in PRELOADED:
        for path in sorted(Path(package).rglob("*.py")):
            if path.stem not in {"__init__", "__main__"}:
                with suppress(ImportError):
                    importlib.import_module(_import_name(path))
    sys.meta_path.remove(missing)
    assert module not in sys.modules


def _import_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)


def _run_all(trials: Iterable[Trial], at_once: int, deadline: float) -> Iterator[tuple[Trial, Fate]]:
    waiting = iter(trials)
    running: dict[int, _Running] = {}
    try:
        while True:
            while len(running) < at_once and (trial := next(waiting, None)):
                if time.monotonic() > deadline:
                    yield trial, Fate.UNTRIED
                else:
                    process = _start(trial)
                    ends_by = time.monotonic() + trial.patience_seconds
                    running[os.pidfd_open(process)] = _Running(trial, process, ends_by)
            if not running:
                return
            ended = _wait(running)
            yield running[ended].trial, _end(ended, running.pop(ended))
    finally:
        for handle, each in running.items():
            _end(handle, each)


def _start(trial: Trial) -> int:
    process = os.fork()
    if process == 0:
        os.setpgid(0, 0)
        code = 1
        try:
            code = _run(trial)
        finally:
            os._exit(code)
    with suppress(OSError):  # whichever of the two comes first
        os.setpgid(process, process)
    return process


def _wait(running: dict[int, _Running]) -> int:
    """Return the handle of one that has ended, or has had its time."""
    first = min(running, key=lambda handle: running[handle].deadline)
    left_seconds = max(0.0, running[first].deadline - time.monotonic())
    ended, _, _ = select.select(list(running), [], [], left_seconds)
    return ended[0] if ended else first


def _end(handle: int, running: _Running) -> Fate:
    """See how it ended; end it, and what it may have started, if it has not."""
    is_over = bool(select.select([handle], [], [], 0)[0])
    with suppress(ProcessLookupError):
        os.killpg(running.process, signal.SIGKILL)
    _, status = os.waitpid(running.process, 0)
    os.close(handle)
    if not is_over:
        return Fate.ENDLESS
    return Fate.SURVIVED if os.waitstatus_to_exitcode(status) == pytest.ExitCode.OK else Fate.KILLED


def _run(trial: Trial) -> int:
    """Run the tests in this process; return pytest's exit code."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    # Without a database: what breaks a mutant is no example for the code.
    hypothesis.settings.register_profile(_PROFILE, deadline=None, database=None)
    if trial.mutant:
        sys.meta_path.insert(0, _Finder(_import_name(trial.mutant.module), trial.mutant.source))
    options = ["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-k", "not cyrus"]
    options += ["--hypothesis-seed=0", f"--hypothesis-profile={_PROFILE}"]
    return int(pytest.main([*options, *trial.tests]))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds a source of its own where one module is asked for."""

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the one module; leave all others to Python."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def get_source(self, fullname: str) -> str:
        """Return that source."""
        return self._source
