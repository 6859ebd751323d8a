"""What becomes of an overlay on a cluster: the pod that runs, and the secrets that it gets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.deploy.overlays import change
from tests.support.kubernetes import Kubernetes
from tests.support.programs import EXAMPLE_KEY, module, program, run


def established(kubernetes: Kubernetes) -> None:
    name = "crd/sopssecrets.isindir.github.com"
    kubernetes.kubectl("wait", "--for=condition=Established", name, "--timeout=300s")
    kubernetes.until("the kind is served", lambda: served(kubernetes))


def served(kubernetes: Kubernetes) -> bool:
    path = "/apis/isindir.github.com/v1alpha3/sopssecrets"
    return kubernetes.kubectl("get", "--raw", path, expect=None).returncode == 0


def seal_again(overlay: Path, value: str) -> None:
    """Seal another token into the overlay, for the same key."""
    file = overlay / "secrets.enc.yaml"
    values = '["stringData"]'
    if "secretTemplates:" in file.read_text():
        values = f'["spec"]["secretTemplates"][0]{values}'
    run(
        program("sops"), "set", file, f'{values}["MAILROOM_JMAP_TOKEN"]', json.dumps(value),
        environment={"SOPS_AGE_KEY_FILE": str(EXAMPLE_KEY)},
    )  # fmt: skip
    # the moment of sealing has whole seconds, and the test does not wait for the next
    change(file, re.findall(r"lastmodified: .*", file.read_text())[0], 'lastmodified: "2030-01-01T00:00:00Z"')


def as_flux(folder: Path) -> str:
    """Return what Flux applies of a folder: it opens every object with a seal of sops, of whatever kind."""
    yaml = module("yaml")
    manifests = yaml.safe_load_all(run(program("kubectl"), "kustomize", folder).stdout)
    return "---\n".join(
        run(
            program("sops"), "decrypt", "--ignore-mac",
            "--input-type", "json", "--output-type", "yaml", "/dev/stdin",
            given=json.dumps(manifest), environment={"SOPS_AGE_KEY_FILE": str(EXAMPLE_KEY)},
        ).stdout if "sops" in manifest else yaml.safe_dump(manifest)
        for manifest in manifests
    )  # fmt: skip


def pods(kubernetes: Kubernetes, namespace: str) -> dict[str, dict[str, Any]]:
    """Return the pods that are not about to end, by name."""
    selection = ("-n", namespace, "-l", "app.kubernetes.io/name=mailroom")
    told = kubernetes.kubectl("get", "pods", *selection, "-o", "json").stdout
    found: list[dict[str, Any]] = json.loads(told)["items"]
    return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}


def rolled_out(kubernetes: Kubernetes, namespace: str) -> str:
    """Wait until the pod runs, and return its name."""
    kubernetes.kubectl("rollout", "status", "deployment/mailroom", "-n", namespace, "--timeout=300s")
    kubernetes.until("there is one pod", lambda: len(pods(kubernetes, namespace)) == 1)
    (name,) = pods(kubernetes, namespace)
    return name


def token(kubernetes: Kubernetes, namespace: str) -> str:
    """Return the token in the cluster's Secret, in base64."""
    value: str = (
        kubernetes.get("secret", "mailroom-secrets", namespace).get("data", {}).get("MAILROOM_JMAP_TOKEN", "")
    )
    return value


def opened(kubernetes: Kubernetes, namespace: str) -> str:
    """Wait until the operator has opened the secrets, and return the token."""
    kubernetes.until("the Secret is there", lambda: token(kubernetes, namespace))
    return token(kubernetes, namespace)
