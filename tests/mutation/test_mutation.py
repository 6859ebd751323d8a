"""The runner of mutants makes the changes it says, and tells what is noticed from what is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import mailroom
from tests.mutation.mutants import mutants_of
from tests.mutation.tested import AREAS, PACKAGE

ROOT = Path(__file__).parents[2]
MODULE = PACKAGE / "model/own.py"
TEST_OF_OWN = "tests/unit/test_own.py"


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("x = a == b", ["a == b → a != b"]),
        ("x = a < b <= c", ["a < b <= c → a <= b <= c", "a < b <= c → a < b < c"]),
        ("x = a & b", ["a & b → a | b", "a & b → a & a", "a & b → b & b"]),
        ("x = a - b", ["a - b → a + b", "a - b → a - (b - b)"]),
        ("a -= b", ["a -= b → (nothing)", "a -= b → a += b"]),
        ("x = a and b", ["a and b → a or b"]),
        ("x = f(a, b)", ["f(…) without b"]),
        ("x = f(a)", []),
        ("x = set(a)", ["set(…) without a"]),
        ("x = f(a=b)", ["f(…) without a=b"]),
        ("f(a)", ["f(a) → (nothing)"]),
        ("x = True", ["True → False"]),
        ("x = 3", ["3 → 4", "3 → 2"]),
        ("x = 300", ["300 → 301", "300 → 299"]),
        ("MAX_MESSAGES = 300", []),
        ("x = f(not a)", ["not a → not not a"]),
        ("x = [a for a in b if c]", ["[a for a in b if c] → [a for a in b]"]),
        ("x = a if b else c", ["a if b else c → a if not b else c"]),
        ("if a: f()", ["if a: … → if not a: …", "f() → (nothing)"]),
        (
            "if a: return\nelse: x = b",
            ["if a: … → if not a: …", "if a: … → (nothing)", "if a: … → without else"],
        ),
        ("while a: break", ["while a: … → while not a: …", "break → (nothing)"]),
        ("match a:\n case 'b': x = c\n case _ if d: x = e", ["'b' → no such case", "d → (nothing)"]),
        ("def f() -> int | None: return a", ["return a → return None"]),
        ("x: int | None = a", []),
        ("'a docstring'", []),
        ("x = f('a text')", []),
    ],
)
def test_each_place_is_changed_by_itself(line: str, changes: list[str]) -> None:
    """One mutant a change; types, docstrings and texts are left alone."""
    assert sorted(mutant.change for mutant in mutants_of(MODULE, line)) == sorted(changes)


def test_a_mutant_is_the_module_with_one_change() -> None:
    """The rest of it stands as it was."""
    first, second = mutants_of(MODULE, "a = b * c\n\nd = not e\n")
    assert first.source == "a = b // c\nd = not e"
    assert second.source == "a = b * c\nd = not not e"
    assert (second.line, second.text) == (3, "d = not e")


def test_every_module_and_test_of_the_table_is_there() -> None:
    """A module or test that gets another name gets it here too; none is left untried unnoticed."""
    installed = Path(mailroom.__file__).parents[1]  # where Nix tests, not beside the tests
    for area in AREAS:
        for module in area.modules:
            assert (installed / PACKAGE / f"{module}.py").is_file()
            assert [path for path in area.tests_of(module) if not (ROOT / path).is_file()] == []


TRY_OUT = """
import json, sys, time
from pathlib import Path
from tests.mutation.mutants import Mutant
from tests.mutation.trial import Trial, try_out

module, tests, patience_seconds, left_seconds, *sources = json.loads(sys.argv[1])
mutants = [source and Mutant(Path(module), 1, "", "", source) for source in sources]
trials = [Trial(mutant, tests, patience_seconds) for mutant in mutants]
for trial, fate in try_out(trials, at_once=2, deadline=time.monotonic() + left_seconds):
    print(trials.index(trial), fate.value)
"""


def fates(
    *sources: str | None,
    test: str = TEST_OF_OWN,
    patience_seconds: float = 600.0,
    left_seconds: float = 600.0,
) -> list[str]:
    """Say what becomes of texts in the place of the module; None is the code as it is."""
    arguments = json.dumps([str(MODULE), [test], patience_seconds, left_seconds, *sources])
    done = subprocess.run(
        [sys.executable, "-c", TRY_OUT, arguments], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert not done.stderr
    return [fate for _, fate in sorted(line.split(" ", 1) for line in done.stdout.splitlines())]


@pytest.mark.slow
class TestFates:
    """Nothing that a mutant does ends the run, or another mutant."""

    def test_one_that_does_as_before_survives_and_one_that_does_not_is_killed(self) -> None:
        """Also one that cannot even be imported, or leaves the process."""
        code = (ROOT / MODULE).read_text("utf-8")
        other = code.replace("return ", "return not ")
        assert other != code
        broken, leaving = "raise RuntimeError", "import os; os._exit(3)"
        assert fates(other, code, broken, leaving) == ["killed", "survived", "killed", "killed"]

    def test_one_that_never_ends_is_ended(self) -> None:
        """After its time; that counts as noticed."""
        assert fates("while True: pass", patience_seconds=0.5) == ["endless"]

    def test_one_that_takes_all_memory_is_killed(self) -> None:
        """It gets so much and no more."""
        assert fates("x = bytearray(1 << 36)") == ["killed"]

    def test_what_has_not_begun_in_time_is_not_tried(self) -> None:
        """A run ends when it is to end, and says what it has left."""
        assert fates("x = 1", "x = 2", left_seconds=-1.0) == ["not tried"] * 2

    def test_the_code_as_it_is_survives_unless_its_tests_are_broken(self) -> None:
        """Tests that fail anyway show nothing about mutants, and are told as such."""
        assert fates(None) == ["survived"]
        assert fates(None, test="tests/unit/no_such_test.py") == ["killed"]


@pytest.mark.slow
def test_the_runner_says_what_became_of_them() -> None:
    """Every mutant of a small module with good tests is noticed, or explained."""
    arguments = ["--module", "model/own", "--all", "--minutes", "60"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation", *arguments],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert " mutants, seed " in done.stdout
    assert done.returncode == 0, done.stderr
    assert "; 0 of the survivors not explained" in done.stdout, done.stdout
