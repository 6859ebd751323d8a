"""Runs tests on a mutant, in a process of its own.

It is forked from one that has loaded what never changes.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from enum import Enum
from types import ModuleType

import pytest

from tests.mutation.mutants import Mutant

LIBRARIES = ("attrs", "cattrs", "cattrs.gen", "urllib3", "environs", "hypothesis", "vobject", "http.client")
PATIENCE_SECONDS = 45.0
"""A mutant that goes on for so long is in a loop that no test would sit through."""

_PASSED, _FAILED, _BROKEN = 0, 1, 2


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    ENDLESS = "endless"
    SURVIVED = "survived"


def preload() -> None:
    """Load what tests and code need besides Mailroom itself, so that no mutant has to."""
    for name in LIBRARIES:
        importlib.import_module(name)
    assert not any(name == "mailroom" or name.startswith("mailroom.") for name in sys.modules)


def try_out(mutant: Mutant, tests: Sequence[str]) -> Fate:
    """Run the tests on a mutant."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os._exit(_run(mutant, tests))
    handle = os.pidfd_open(child)
    try:
        began = time.monotonic()
        if not select.select([handle], [], [], PATIENCE_SECONDS)[0]:
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(handle)
    if time.monotonic() - began >= PATIENCE_SECONDS:
        return Fate.ENDLESS
    code = os.waitstatus_to_exitcode(status)
    if code == _BROKEN:
        raise RuntimeError(f"the tests of {mutant.module} cannot be run: {' '.join(tests)}")
    return Fate.SURVIVED if code == _PASSED else Fate.KILLED


def _run(mutant: Mutant, tests: Sequence[str]) -> int:
    name = ".".join(mutant.module.with_suffix("").parts)
    sys.meta_path.insert(0, _Finder(name, mutant.source))
    options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", "-W", "ignore"]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code = pytest.main([*options, *tests])
    if code in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED}:
        return _BROKEN
    return _PASSED if code == pytest.ExitCode.OK else _FAILED


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds the mutant where the module is asked for."""

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the one module; leave all others to Python."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def get_source(self, fullname: str) -> str:
        """Return the mutant."""
        return self._source
