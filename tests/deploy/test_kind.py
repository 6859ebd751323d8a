"""The job of CI that runs a pod on kind, in its parts; the whole is for GitHub, as nothing here runs pods."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.scripts import script
from tests.support.kubernetes import Kubernetes
from tests.support.processes import Process
from tests.support.programs import ROOT, module, program, run, the

pytestmark = pytest.mark.deploy

INTERPRETER = "/the/image's/bin/python3"


@pytest.fixture
def checkout(tree: Path) -> Path:
    """What the job's script works on."""
    shutil.copytree(ROOT / "tests/deploy/kind", tree / "tests/deploy/kind")
    return tree


def stand_in(folder: Path, name: str, text: str) -> None:
    program_file = folder / name
    program_file.write_text(f"#!/bin/bash\n{text}\n")
    program_file.chmod(0o755)


@pytest.mark.parametrize("is_filed", [True, False])
def test_the_script_deploys_and_waits_for_the_sender(
    kubernetes: Kubernetes, checkout: Path, environment: dict[str, str], tmp_path: Path, is_filed: bool
) -> None:
    """A real API server admits the pod; without `sender_filed` in its log the job fails; nothing is left."""
    programs = tmp_path / "programs"
    programs.mkdir()
    line = '{"event": "sender_filed"}' if is_filed else '{"event": "poll_complete"}'
    plain = " ".join(script("NAME")).replace("NAME.sh", '${2#.#}.sh"').replace(str(ROOT), f'"{ROOT}')
    stand_in(programs, "nix", f'exec {plain} "${{@:4}}"')  # nix run .#NAME -- ARGUMENT...
    stand_in(programs, "sleep", "")
    stand_in(
        programs,
        "kubectl",
        f"case \" $* \" in *' logs '*) echo '{line}' ;; *) exec {program('kubectl')} \"$@\" ;; esac",
    )
    done = run(
        "bash", checkout / "tests/deploy/kind/triage.sh", INTERPRETER,
        environment={
            **environment, **kubernetes.environment(), "PATH": f"{programs}:{os.environ['PATH']}",
        },
        folder=checkout, expect=0 if is_filed else 1,
    )  # fmt: skip
    assert "deployment.apps/mailroom created" in done.stdout
    assert "successfully rolled out" in done.stdout
    assert "violates PodSecurity" not in done.stderr
    if is_filed:
        assert kubernetes.get("namespace", "mailroom", "default") == {}
    else:
        assert "the label was not triaged" in done.stderr
        kubernetes.kubectl("delete", "namespace", "mailroom")
    assert not (checkout / "kustomize/overlays/kind").exists()


def test_what_lies_in_the_pod_triages_a_label(checkout: Path, tmp_path: Path) -> None:
    """The account and the service, started as the overlay says, with Python here for the image's."""
    overlay = checkout / "kustomize/overlays/kind"
    shutil.copytree(checkout / "tests/deploy/kind", overlay)
    shutil.copy(ROOT / "kustomize/overlays/flux/secrets.enc.yaml", overlay)
    text = run(program("kubectl"), "kustomize", overlay).stdout
    manifests = [each for each in module("yaml").safe_load_all(text) if each]
    pod = the(manifests, "Deployment")["spec"]["template"]["spec"]
    (account,), (service,) = pod["initContainers"], pod["containers"]
    assert account["image"] == service["image"] == "mailroom:kind"
    assert service["imagePullPolicy"] == "IfNotPresent"  # the registry has no such image

    def here(command: list[str]) -> list[str]:
        return [sys.executable if word == "PYTHON" else word for word in command if word != "-I"]

    apart = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    running = subprocess.Popen(here(account["command"]), **apart)  # type: ignore[call-overload]
    try:
        probe = here(account["startupProbe"]["exec"]["command"])
        assert any(
            subprocess.run(probe, check=False, capture_output=True, **apart).returncode == 0  # type: ignore[call-overload]
            for _ in range(account["startupProbe"]["failureThreshold"])
        )
        script_text = (checkout / "tests/deploy/kind/triage.sh").read_text()
        (typed,) = (line for line in script_text.splitlines() if line.startswith("printf '%s\\n' "))
        names = ("MAILROOM_JMAP_TOKEN", "MAILROOM_CARDDAV_USERNAME", "MAILROOM_CARDDAV_PASSWORD")
        secrets = dict(zip(names, typed.split()[2:5], strict=True))
        settings = the(manifests, "ConfigMap")["data"]
        with Process({**settings, **secrets}, tmp_path) as process:
            filed = process.until("sender_filed", 60)
            assert filed["sender"] == "news@dailylantern.example"
    finally:
        running.terminate()
        assert running.wait(60) == 0
