"""What the tests keep to themselves: whom they import, what they look at, and that they end."""

from __future__ import annotations

import ast
import functools
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


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def trees(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module in a folder, read."""
    for path in sorted(folder.rglob("*.py")):
        yield str(path.relative_to(TESTS)), tree_of(path)


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a module imports, and the names from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def of_mailroom(tree: ast.Module) -> set[str]:
    """The names under which a module knows something of the code."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "mailroom":
            names |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            of_code = (alias for alias in node.names if alias.name.split(".")[0] == "mailroom")
            names |= {alias.asname or "mailroom" for alias in of_code}
    return names


def patched(tree: ast.Module) -> Iterator[str]:
    """What of the code a module puts something else in the place of, for as long as a test takes."""
    known = of_mailroom(tree)

    def is_code(node: ast.expr) -> bool:
        if isinstance(node, ast.Constant):
            return str(node.value).startswith("mailroom.")
        return ast.unparse(node).split(".")[0] in known

    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            what = ast.unparse(node.func).split(".")
            if {"setattr", "delattr", "setitem", "patch"} & set(what) and is_code(node.args[0]):
                yield ast.unparse(node)
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Delete):
            targets = node.targets
        yield from (ast.unparse(x) for x in targets if isinstance(x, ast.Attribute) and is_code(x.value))


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


PATCHES = """
import mailroom.triage.view
from mailroom import account as wiring
from mailroom.jmap import JmapClient
monkeypatch.setattr("mailroom.triage.view.MAX_READ_ALONG_MESSAGES", 2)
monkeypatch.setattr(mailroom.triage.view, "MAX_READ_ALONG_MESSAGES", 2)
monkeypatch.setattr(wiring, "open_account", None)
monkeypatch.delattr(JmapClient, "call")
unittest.mock.patch("mailroom.account.open_account")
mock.patch.object(wiring, "open_account")
wiring.open_account = None
JmapClient.call = None
del JmapClient.call
"""

NO_PATCHES = """
from mailroom.jmap import JmapClient
monkeypatch.setenv("MAILROOM_PUSH", "off")
monkeypatch.setattr(os, "environ", {})
server.plan = JmapClient.call
self.client = JmapClient(http)
"""


def test_no_test_patches_the_code() -> None:
    """Time, limits and whom to talk to are arguments: what is tested is what runs."""
    assert not {f"{module}: {patch}" for module, tree in trees(TESTS) for patch in patched(tree)}


def test_a_patch_of_any_form_is_seen() -> None:
    """By its name, by its module or class, and by plain assignment; what belongs to others is no matter."""
    assert len(list(patched(ast.parse(PATCHES)))) == PATCHES.count("\n") - 4
    assert not list(patched(ast.parse(NO_PATCHES)))


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
