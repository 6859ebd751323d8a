"""The workflows on GitHub: correct, and safe against what strangers send."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import ROOT, module, program, run

pytestmark = pytest.mark.deploy

WORKFLOWS = sorted((ROOT / ".github/workflows").iterdir())


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = module("yaml").safe_load(workflow.read_text())["jobs"]
    return [step for job in jobs.values() for step in job.get("steps", [])]


def needed(jobs: dict[str, Any], name: str) -> set[str]:
    """Return the jobs that a job waits for, itself or by others."""
    needs = jobs[name].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(needed(jobs, each) for each in direct))


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


def test_an_image_that_is_published_has_passed_the_checks() -> None:
    """Every job that may write a package waits for the whole of CI, of the same commit."""
    yaml = module("yaml")
    jobs = yaml.safe_load((ROOT / ".github/workflows/image.yml").read_text())["jobs"]
    (checks,) = (name for name, job in jobs.items() if job.get("uses") == "./.github/workflows/ci.yml")
    publishing = [name for name, job in jobs.items() if job["permissions"].get("packages") == "write"]
    assert publishing
    assert all(checks in needed(jobs, name) for name in publishing)
    assert "workflow_call" in yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())[True]


@pytest.mark.parametrize(("kind", "name", "tag"), [("branch", "main", "latest"), ("tag", "v1.2.3", "v1.2.3")])
def test_the_image_gets_its_tags(kind: str, name: str, tag: str, tmp_path: Path) -> None:
    """A push to main moves `latest`, a version gets its own tag; each is the commit's, too."""
    (step,) = (each for each in steps(ROOT / ".github/workflows/image.yml") if each.get("id") == "manifest")
    docker, told = tmp_path / "docker", tmp_path / "told"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {told}\necho sha256:abc\n')
    docker.chmod(0o755)
    (tmp_path / "references").mkdir()
    (tmp_path / "references/one").write_text("ghcr.io/you/mailroom@sha256:1\n")
    variables = {"REPOSITORY": "You/Mailroom", "SHA": "0123abc", "REF_TYPE": kind, "REF_NAME": name}
    run(
        "bash", "-eo", "pipefail", "-c", step["run"],
        environment={
            **{f"GITHUB_{key}": value for key, value in variables.items()},
            **{f"GITHUB_{key}": str(tmp_path / key) for key in ("OUTPUT", "STEP_SUMMARY")},
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
        },
        folder=tmp_path,
    )  # fmt: skip
    image = "ghcr.io/you/mailroom"
    assert told.read_text().splitlines()[0] == (
        f"buildx imagetools create --tag {image}:0123abc --tag {image}:{tag} {image}@sha256:1"
    )


def test_renovate_knows_the_overlay_and_nothing_else() -> None:
    """Its own validator (`npx --package=renovate renovate-config-validator --strict`) is asked by hand."""
    config = json.loads((ROOT / ".github/renovate.json").read_text())
    assert config["enabledManagers"] == ["kustomize"]
    (rule,) = config["packageRules"]
    (pattern,) = rule["matchPackageNames"]
    for image, is_met in (("ghcr.io/you/mailroom", True), ("ghcr.io/you/other", False)):
        assert bool(re.search(pattern.strip("/").replace("\\/", "/"), image)) is is_met
