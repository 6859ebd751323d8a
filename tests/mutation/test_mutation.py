"""The runner of mutants makes the changes it says, and tells what is noticed from what is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.mutants import mutants_of

ROOT = Path(__file__).parents[2]
MODULE = Path("mailroom/example.py")


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("a == b", ["a == b → a != b"]),
        ("a < b <= c", ["a < b <= c → a <= b <= c", "a < b <= c → a < b < c"]),
        ("a & b", ["a & b → a | b"]),
        ("a -= b", ["a -= b → a += b"]),
        ("a and b", ["a and b → a or b"]),
        ("f(x=True)", ["True → False"]),
        ("f(3)", ["3 → 4"]),
        ("f(not a)", ["not a → not not a"]),
        ("a if b else c", ["a if b else c → a if not b else c"]),
        ("if a: f()", ["if a: … → if not a: …"]),
        ("def f() -> int | None: return a", ["return a → return None"]),
        ("x: int | None = a", []),
        ("'a docstring'", []),
        ("f('a text')", []),
    ],
)
def test_each_place_is_changed_by_itself(line: str, changes: list[str]) -> None:
    """One mutant a place; types, docstrings and texts are left alone."""
    assert [mutant.change for mutant in mutants_of(MODULE, line)] == changes


def test_a_mutant_is_the_module_with_one_change() -> None:
    """The rest of it stands as it was."""
    first, second = mutants_of(MODULE, "a = b + c\n\nd = not e\n")
    assert first.source == "a = b - c\nd = not e"
    assert second.source == "a = b + c\nd = not not e"
    assert (second.line, second.text) == (3, "d = not e")


@pytest.mark.slow
def test_the_runner_says_what_became_of_them() -> None:
    """Every mutant of a small module with good tests is noticed, or explained."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation", "--module", "model/own", "--all", "--strict"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert " mutants, seed " in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
