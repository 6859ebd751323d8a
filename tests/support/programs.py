"""The programs that the tests of the deployment need, and how they are run."""

from __future__ import annotations

import importlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE_KEY = ROOT / "tests/deploy/example_age_key.txt"
NIX_VARIABLE = "MAILROOM_NIX_COMMAND"
TIMEOUT_SECONDS = 900.0

Manifest = dict[str, Any]


def program(name: str) -> str:
    """Return where a program is; skip the test where it is missing."""
    beside_python = Path(sys.executable).parent
    found = shutil.which(name, path=f"{beside_python}:{os.environ['PATH']}:/usr/local/bin:/usr/sbin")
    return found or _missing(f"{name} is not installed")


def module(name: str) -> ModuleType:
    """Import a module; skip the test where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        _missing(f"the Python package {name} is not installed (pip install '.[deploy]')")


def nix() -> str:
    """Return the nix command: MAILROOM_NIX_COMMAND, or nix on PATH; skip the test without either."""
    return program(os.environ.get(NIX_VARIABLE) or "nix")


def run(
    *command: str | Path,
    given: str = "",
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    expect: int | None = 0,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; fail, with all it said, when it ends otherwise than expected."""
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if expect is not None and done.returncode != expect:
        pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}", pytrace=False)
    return done


def read_until(terminal: int, end: bytes | None, seconds: float = 20.0) -> bytes:
    """Read what a terminal shows until it shows `end`; until it is closed, where that is None."""
    shown, deadline = b"", time.monotonic() + seconds
    while end is None or end not in shown:
        if not select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            pytest.fail(f"the terminal shows {shown!r} and no {end!r}", pytrace=False)
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # so Linux tells that the other side has closed
            if end is None:
                return shown
            pytest.fail(f"the terminal was closed after {shown!r}", pytrace=False)
    return shown


def tracked_files(root: Path = ROOT) -> list[Path]:
    """Return the files that Git would publish; every file where there is no Git."""
    if shutil.which("git") and (root / ".git").exists():
        listed = run("git", "ls-files", "-z", folder=root).stdout.split("\0")
        return [root / name for name in listed if name and (root / name).is_file()]
    return [path for path in root.rglob("*") if path.is_file()]


def copy_tracked(to: Path) -> None:
    """Copy the files that Git would publish into a folder.

    Nix copies a whole folder each time that it is asked for its flake, and what else lies in a checkout
    (a virtual environment) is twenty times as much.
    """
    for file in tracked_files():
        copy = to / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)


def write_flake_about(published: Path, name: str, folder: Path) -> None:
    """Write a flake of the tests' own into a folder, which takes Mailroom's as an input.

    Args:
        published: Where Mailroom's flake is.
        name: The folder of tests/deploy with its text.
    """
    locked = json.loads((ROOT / "flake.lock").read_text())["nodes"]["nixpkgs"]["locked"]
    text = (ROOT / f"tests/deploy/{name}/flake.nix").read_text()
    text = text.replace("NIXPKGS", f"github:{locked['owner']}/{locked['repo']}/{locked['rev']}")
    (folder / "flake.nix").write_text(text.replace("MAILROOM", f"path:{published}"))


def rendered(overlay: str, root: Path = ROOT) -> list[Manifest]:
    """Return an overlay's manifests as kubectl would send them."""
    text = run(program("kubectl"), "kustomize", root / "kustomize/overlays" / overlay).stdout
    return [manifest for manifest in module("yaml").safe_load_all(text) if manifest]


def the(manifests: Sequence[Manifest], kind: str) -> Manifest:
    """Return the one manifest of a kind."""
    (found,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return found


def leaves(value: object) -> Iterator[object]:
    """Return every value in nested dictionaries and lists."""
    match value:
        case dict():
            for each in value.values():
                yield from leaves(each)
        case list():
            for each in value:
                yield from leaves(each)
        case _:
            yield value


def _missing(reason: str) -> NoReturn:
    if os.environ.get("MAILROOM_REQUIRE_DEPLOY") == "1":
        pytest.fail(f"MAILROOM_REQUIRE_DEPLOY=1, but {reason}", pytrace=False)
    pytest.skip(f"{reason}, so its part of the deployment is not tested")


LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="the image is built and run on Linux only")
