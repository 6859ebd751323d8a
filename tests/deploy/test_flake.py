"""The flake evaluates, checks and builds, the same bytes each time."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from mailroom import __version__
from tests.support.programs import LINUX_ONLY, ROOT, nix, run

pytestmark = pytest.mark.deploy

SYSTEMS = {"x86_64-linux", "aarch64-linux", "aarch64-darwin"}


def evaluated(expression: str, root: Path) -> Any:
    return json.loads(run(nix(), "eval", "--json", f"path:{root}#{expression}").stdout)


@pytest.fixture(scope="module")
def outputs(published: Path) -> dict[str, Any]:
    """What the flake offers, by output and system."""
    shown = json.loads(run(nix(), "flake", "show", "--json", "--all-systems", f"path:{published}").stdout)
    return {name: {system: set(each) for system, each in found.items()} for name, found in shown.items()}


def test_every_system_gets_everything_but_the_image(outputs: dict[str, Any]) -> None:
    """On macOS there is the program, its checks and its shell; an image is built on Linux."""
    assert set(outputs["packages"]) == SYSTEMS
    for system in SYSTEMS:
        on_linux = system.endswith("linux")
        assert ("image" in outputs["packages"][system]) is on_linux
        assert ("push" in outputs["apps"][system]) is on_linux
        assert "default" in outputs["packages"][system]
        assert {"default", "seal", "deploy"} <= outputs["apps"][system]
        assert {"tests", "lint", "types", "manifests"} <= outputs["checks"][system]
        assert {"default"} <= outputs["devShells"][system]
        assert system in outputs["formatter"]


def test_the_flake_evaluates_for_all_systems(published: Path) -> None:
    """No output of any system fails to evaluate."""
    run(nix(), "flake", "check", "--no-build", "--all-systems", f"path:{published}")


def test_the_checks_pass(published: Path) -> None:
    """The tests on the packaged code, ruff, mypy, the manifests and the image's content."""
    run(nix(), "flake", "check", f"path:{published}")


def test_the_lock_pins_nixpkgs() -> None:
    """One input, at one revision, of the branch that flake.nix names."""
    nodes = json.loads((ROOT / "flake.lock").read_text())["nodes"]
    assert set(nodes["root"]["inputs"]) == {"nixpkgs"}
    assert re.fullmatch("[0-9a-f]{40}", nodes["nixpkgs"]["locked"]["rev"])
    original = nodes["nixpkgs"]["original"]
    url = f"github:{original['owner']}/{original['repo']}/{original['ref']}"
    assert f'inputs.nixpkgs.url = "{url}";' in (ROOT / "flake.nix").read_text()


def test_the_package_has_the_version_of_the_code(published: Path) -> None:
    """The version is stated once, in the code."""
    assert evaluated("default.version", published) == __version__


@LINUX_ONLY
def test_editing_the_readme_rebuilds_nothing(published: Path, tmp_path: Path) -> None:
    """Package, image and checks are made from the files they need alone."""
    tree = tmp_path / "tree"
    shutil.copytree(published, tree)
    (tree / "README.md").write_text("one text\n")
    wanted = ("default.drvPath", "image.drvPath", "checks.x86_64-linux.tests.drvPath")
    before = [evaluated(each, tree) for each in wanted]
    (tree / "README.md").write_text("another text\n")
    assert [evaluated(each, tree) for each in wanted] == before


@LINUX_ONLY
@pytest.mark.parametrize("package", ["default", "runtime", "image"])
def test_a_second_build_gives_the_same_bytes(published: Path, package: str) -> None:
    """Nix builds each stage again and compares it with the first, bit by bit."""
    run(nix(), "build", "--no-link", f"path:{published}#{package}")
    run(nix(), "build", "--no-link", "--rebuild", f"path:{published}#{package}")


def test_nix_run_starts_mailroom(published: Path) -> None:
    """`nix run` is the program, and what follows `--` its arguments."""

    def told(argument: str) -> str:
        return run(nix(), "run", f"path:{published}", "--", argument).stdout

    assert told("--version").strip() == f"mailroom {__version__}"
    assert "What changed" in told("demo")
