"""The workflows on GitHub: correct, and safe against what strangers send."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import ROOT, module, program, run

pytestmark = pytest.mark.deploy

WORKFLOWS = sorted((ROOT / ".github/workflows").iterdir())


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = module("yaml").safe_load(workflow.read_text())["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_actionlint_reports_nothing() -> None:
    """Syntax, expressions and (by shellcheck) the scripts of the workflows are right."""
    assert run(program("actionlint"), "-shellcheck", program("shellcheck"), *WORKFLOWS).stdout == ""


def test_zizmor_reports_nothing() -> None:
    """Not even the findings that only an auditor asks for."""
    told = run(program("zizmor"), "--offline", "--persona=auditor", ".github")
    assert "No findings to report" in told.stdout + told.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit(workflow: Path) -> None:
    """A moved tag changes nothing here."""
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in used)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_permissions_are_granted_to_jobs_alone(workflow: Path) -> None:
    """A workflow has none; each job says which it needs; no pull request can write."""
    content = module("yaml").safe_load(workflow.read_text())
    assert content["permissions"] == {}
    triggers = content[True]  # YAML 1.1 reads the key `on` as a truth value
    for job in content["jobs"].values():
        assert job["permissions"]
        assert "pull_request" not in triggers or set(job["permissions"].values()) == {"read"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_no_expression_is_pasted_into_a_script(workflow: Path) -> None:
    """What comes from outside reaches a shell as a variable, never as its text."""
    assert not any("${{" in step.get("run", "") for step in steps(workflow))
