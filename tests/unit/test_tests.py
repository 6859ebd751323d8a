"""What the tests keep to themselves: whom they import, what they look at, and that they end."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SUITES = sorted(path.name for path in TESTS.iterdir() if list(path.glob("*.py")) and path.name != "support")
SHARED = ("support", "conftest")
NOBODY_ELSE_OFFERS_IT = {
    "_exit",  # os: the end of a forked process, without cleaning up after its parent
    "_mark_as_principal",  # Xandikos: what its own command line calls when it is started
}


def trees(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module in a folder, read."""
    for path in sorted(folder.rglob("*.py")):
        yield str(path.relative_to(TESTS)), ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a module imports, and the names from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def private_names(tree: ast.Module) -> Iterator[str]:
    """Names with an underscore that belong to somebody else, in code and in texts that are patched."""
    for node in ast.walk(tree):
        is_own = (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name | ast.Call)
            and (ast.unparse(node.value) in {"self", "cls", "super()"})
        )
        if isinstance(node, ast.Attribute) and not is_own:
            yield node.attr
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"^mailroom\.(?:\w+\.)*(_\w+)$", node.value)


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_imports_from_support_alone(suite: str) -> None:
    """What two suites need lies in tests/support, so that each can be read, moved and run by itself."""
    crossing = {
        f"{module} imports {target}"
        for module, tree in trees(TESTS / suite)
        for target in imported(tree)
        if target.startswith("tests.") and target.split(".")[1] not in (*SHARED, suite)
    }
    assert not crossing


def test_support_imports_no_suite() -> None:
    """What all stand on stands on none of them."""
    crossing = {
        f"{module} imports {target}"
        for module, tree in trees(TESTS / "support")
        for target in imported(tree)
        if target.startswith("tests.") and target.split(".")[1] != "support"
    }
    assert not crossing


def test_nobody_looks_at_a_private_name() -> None:
    """A test sees what a user of the code sees; so what is behind it can change without a test."""
    private = {
        f"{module}: {name}"
        for module, tree in trees(TESTS)
        for name in private_names(tree)
        if name.startswith("_") and not name.startswith("__") and name not in NOBODY_ELSE_OFFERS_IT
    }
    assert not private


def test_a_test_that_never_ends_ends_the_run(tmp_path: Path) -> None:
    """A loop in the code shows where it is and fails CI, instead of holding it up for ever."""
    project = TESTS.parent / "pyproject.toml"
    (tmp_path / "test_endless.py").write_text("def test_endless():\n    while True:\n        pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"--config-file={project}", f"--rootdir={tmp_path}",
         "-p", "no:cacheprovider", "-o", "faulthandler_timeout=0.5", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert " in test_endless\n" in done.stderr
    assert re.search(r"^faulthandler_timeout = \d+", project.read_text("utf-8"), re.MULTILINE)
