"""`deploy`, which opens the secrets itself, on a real API server; from there to the operator, and back."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from mailroom.settings.variables import SECRETS
from tests.deploy.applied import pods, rolled_out, served
from tests.deploy.overlays import change, overlay_like
from tests.deploy.scripts import TYPED, keys, script, sealed
from tests.support.kubernetes import Kubernetes
from tests.support.programs import EXAMPLE_KEY, ROOT, nix, program, run

pytestmark = pytest.mark.deploy

SECRET = "mailroom-secrets"


@pytest.fixture
def overlay(tree: Path, environment: dict[str, str], namespace: str) -> Path:
    """An overlay like home, in a namespace of its own, with the secrets that a person typed."""
    folder = overlay_like("home", tree, namespace)
    sealed(tree, environment, by=script("seal", folder.name))
    return folder


def deploy(
    kubernetes: Kubernetes, overlay: Path, environment: dict[str, str], *arguments: str, expect: int = 0
) -> tuple[str, str]:
    """Run it; return what it said on standard output and standard error."""
    done = run(
        *script("deploy", overlay.name, *arguments),
        environment={**environment, **kubernetes.environment()}, folder=overlay.parents[2], expect=expect,
    )  # fmt: skip
    return done.stdout, done.stderr


def secrets_in(kubernetes: Kubernetes, namespace: str) -> dict[str, str]:
    """Return what the cluster's Secret holds; nothing where there is none."""
    data: dict[str, str] = kubernetes.get("secret", SECRET, namespace).get("data", {})
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def owners(kubernetes: Kubernetes, namespace: str) -> list[str]:
    metadata = kubernetes.get("secret", SECRET, namespace)["metadata"]
    return [owner["kind"] for owner in metadata.get("ownerReferences", [])]


def status(kubernetes: Kubernetes, namespace: str) -> str:
    """Return what the operator says of the SopsSecret; nothing before it has looked."""
    told: str = kubernetes.get("sopssecret", SECRET, namespace).get("status", {}).get("message", "")
    return told


def test_apply_carries_the_secrets_sealed(kubernetes: Kubernetes, tree: Path, namespace: str) -> None:
    """Plain `kubectl apply -k` sends the overlay, and what it sends of the secrets is sealed."""
    kubernetes.kubectl("apply", "-k", overlay_like("home", tree, namespace))
    (template,) = kubernetes.get("sopssecret", SECRET, namespace)["spec"]["secretTemplates"]
    assert set(template["stringData"]) == {SECRETS[0]}
    assert all(value.startswith("ENC[AES256_GCM,") for value in template["stringData"].values())


@pytest.mark.parametrize("original", ["home", "trial", "flux"])
def test_deploy_does_without_the_operator(
    published: Path,
    tree: Path,
    environment: dict[str, str],
    kubernetes: Kubernetes,
    namespace: str,
    original: str,
) -> None:
    """The same overlay arrives, with a Secret of the three secrets in place of what is sealed."""
    overlay = overlay_like(original, tree, namespace)
    source = tree / "kustomize/overlays/home" if original == "trial" else overlay
    sealed(tree, environment, by=script("seal", source.name))

    def by_nix() -> list[str]:
        return [nix(), "run", f"path:{published}#deploy", "--", overlay.name]

    told = run(
        *(by_nix() if original == "home" else script("deploy", overlay.name)),
        environment={**environment, **kubernetes.environment()}, folder=tree,
    )  # fmt: skip
    lines = [line.split()[0] for line in told.stdout.splitlines()]
    assert {line.split("/")[0].split(".")[0] for line in lines} == {
        "namespace", "secret", "serviceaccount", "configmap", "deployment", "networkpolicy",
    }  # fmt: skip
    assert lines[:2] == [f"namespace/{namespace}", f"secret/{SECRET}"]
    assert secrets_in(kubernetes, namespace) == TYPED
    assert not any(value in told.stdout + told.stderr for value in TYPED.values())
    kubernetes.kubectl("rollout", "status", "deployment/mailroom", "-n", namespace, "--timeout=300s")


def test_deployed_again_nothing_changes(
    kubernetes: Kubernetes, overlay: Path, environment: dict[str, str]
) -> None:
    """And what is not in the overlay's secrets any more is not in the cluster's either."""
    deploy(kubernetes, overlay, environment)
    again, _ = deploy(kubernetes, overlay, environment)
    assert all(line.endswith(" unchanged") for line in again.splitlines()), again
    run(
        program("sops"), "unset", overlay / "secrets.enc.yaml",
        '["spec"]["secretTemplates"][0]["stringData"]["MAILROOM_JMAP_TOKEN"]',
        environment=environment,
    )  # fmt: skip
    deploy(kubernetes, overlay, environment)
    assert set(secrets_in(kubernetes, overlay.name)) == set(SECRETS) - {"MAILROOM_JMAP_TOKEN"}


def test_deploy_works_where_no_operator_ever_was(
    kubernetes: Kubernetes, overlay: Path, environment: dict[str, str], operator_crd: None
) -> None:
    """On a cluster that does not know what a SopsSecret is."""
    kubernetes.kubectl("delete", "crd", "sopssecrets.isindir.github.com")
    kubernetes.until("the kind is gone", lambda: not served(kubernetes))
    deploy(kubernetes, overlay, environment)
    assert secrets_in(kubernetes, overlay.name) == TYPED


def test_what_is_deployed_anew_replaces_the_pod(
    kubernetes: Kubernetes, overlay: Path, environment: dict[str, str]
) -> None:
    """A changed setting and a new seal each do, and the way back is there."""
    namespace = overlay.name
    deploy(kubernetes, overlay, environment)
    first = rolled_out(kubernetes, namespace)
    change(overlay / "mailroom.env", "GROUP_FEED=Feed", "GROUP_FEED=News")
    deploy(kubernetes, overlay, environment)
    kubernetes.until("a setting rolls the pod", lambda: first not in pods(kubernetes, namespace))
    second = rolled_out(kubernetes, namespace)
    sealed(overlay.parents[2], environment, by=script("seal", namespace))  # seconds after the first
    deploy(kubernetes, overlay, environment)
    kubernetes.until("a seal rolls the pod", lambda: second not in pods(kubernetes, namespace))
    third = rolled_out(kubernetes, namespace)
    kubernetes.kubectl("rollout", "undo", "deployment/mailroom", "-n", namespace, "--to-revision=1")
    kubernetes.until("the way back rolls the pod", lambda: third not in pods(kubernetes, namespace))
    rolled_out(kubernetes, namespace)


def test_a_secret_made_by_hand_is_handed_over_as_the_page_says(
    kubernetes: Kubernetes, tree: Path, namespace: str
) -> None:
    """The operator leaves what is not its own alone, and says so, until it is told that it may have it."""
    page = (ROOT / "docs/cluster.md").read_text()
    (command,) = (part for part in page.split("`") if part.startswith("kubectl -n mailroom annotate secret "))
    kubernetes.kubectl("create", "namespace", namespace)
    kubernetes.kubectl("create", "secret", "generic", SECRET, "-n", namespace, "--from-literal=by=hand")
    kubernetes.kubectl("apply", "-k", overlay_like("home", tree, namespace))
    (refusal,) = (part for part in page.split("`") if part.startswith("Child secret "))
    kubernetes.until("it is refused", lambda: status(kubernetes, namespace).startswith(refusal))
    assert secrets_in(kubernetes, namespace) == {"by": "hand"}
    kubernetes.kubectl(*command.replace("-n mailroom", f"-n {namespace}").split()[1:])
    kubernetes.until("it is taken over", lambda: set(secrets_in(kubernetes, namespace)) == {SECRETS[0]})
    kubernetes.until("and said to be well", lambda: status(kubernetes, namespace) == "Healthy")


def test_the_operator_takes_over_and_gives_back(
    kubernetes: Kubernetes, overlay: Path, environment: dict[str, str]
) -> None:
    """From deploy to the operator by applying; back by the command that deploy tells; no Secret is lost."""
    namespace, tree = overlay.name, overlay.parents[2]
    with kubernetes.operator_keys.open("a") as file:
        file.write(keys(environment).read_text())
    deploy(kubernetes, overlay, environment)
    assert owners(kubernetes, namespace) == []

    kubernetes.kubectl("apply", "-k", overlay)
    kubernetes.until("the operator takes it", lambda: status(kubernetes, namespace) == "Healthy")
    typed_later = {**TYPED, "MAILROOM_JMAP_TOKEN": "fmu1-another"}
    run(
        *script("seal", namespace),
        given="".join(f"{value}\n" for value in typed_later.values()), environment=environment, folder=tree,
    )  # fmt: skip
    kubernetes.kubectl("apply", "-k", overlay)
    kubernetes.until("a new seal arrives", lambda: secrets_in(kubernetes, namespace) == typed_later)
    assert owners(kubernetes, namespace) == ["SopsSecret"]

    _, refusal = deploy(kubernetes, overlay, environment, expect=1)
    assert "nothing was applied" in refusal
    assert status(kubernetes, namespace) == "Healthy"
    command = refusal.splitlines()[-1].split()
    assert command[0] == "kubectl"
    kubernetes.kubectl(*command[1:])
    assert secrets_in(kubernetes, namespace) == typed_later
    sealed(tree, environment, by=script("seal", namespace))
    deploy(kubernetes, overlay, environment)
    assert owners(kubernetes, namespace) == []
    assert secrets_in(kubernetes, namespace) == TYPED

    kubernetes.kubectl("apply", "-k", overlay)
    kubernetes.until("and again", lambda: status(kubernetes, namespace) == "Healthy")


def test_deploy_asks_the_cluster_that_it_applies_to(
    kubernetes: Kubernetes, overlay: Path, environment: dict[str, str]
) -> None:
    """Whether the operator has the secrets in hand is asked where kubectl's arguments point."""
    with kubernetes.operator_keys.open("a") as file:
        file.write(keys(environment).read_text())
    kubernetes.kubectl("apply", "-k", overlay)
    kubernetes.until("the operator has it", lambda: secrets_in(kubernetes, overlay.name))
    for arguments in (
        ["--kubeconfig", str(kubernetes.kubeconfig)],
        [f"--kubeconfig={kubernetes.kubeconfig}"],
    ):
        told = run(
            *script("deploy", overlay.name, *arguments),
            environment={**environment, "KUBECONFIG": "/nonexistent"}, folder=overlay.parents[2], expect=1,
        )  # fmt: skip
        assert "--cascade=orphan" in told.stderr


def test_taken_away_from_a_shared_namespace_it_hurts_nobody(
    kubernetes: Kubernetes, tree: Path, environment: dict[str, str], namespace: str
) -> None:
    """After deploy, the command of docs/cluster.md leaves the neighbour alone and nothing of Mailroom's."""
    page = (ROOT / "docs/cluster.md").read_text()
    (command,) = (line for line in page.split("`") if line.startswith("kubectl -n mailroom delete "))
    overlay = overlay_like("home", tree, namespace, "namespace")
    sealed(tree, environment, by=script("seal", namespace))
    kubernetes.kubectl("create", "namespace", namespace)
    kubernetes.kubectl("create", "secret", "generic", "neighbour", "-n", namespace)
    deploy(kubernetes, overlay, environment)
    assert secrets_in(kubernetes, namespace) == TYPED
    kubernetes.kubectl(*command.replace("-n mailroom", f"-n {namespace}").split()[1:])
    kubernetes.until("it is gone", lambda: kubernetes.names(namespace) == {"secret/neighbour"})


def test_deploy_leaves_no_file_behind(
    kubernetes: Kubernetes, overlay: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """The opened secrets are in pipes only: no file anywhere below holds one, during or after."""
    scratch, spies, seen = tmp_path / "scratch", tmp_path / "spies", tmp_path / "seen"
    scratch.mkdir()
    spies.mkdir()
    spy = spies / "kubectl"  # when it is called to apply, what has been written so far is put aside
    spy.write_text(f'#!/bin/sh\n[ "$1" = apply ] && cp -r {scratch} {seen}\nexec {program("kubectl")} "$@"\n')
    spy.chmod(0o755)
    apart = {"TMPDIR": str(scratch), "PATH": f"{spies}:{os.environ['PATH']}"}
    deploy(kubernetes, overlay, {**environment, **apart})
    assert secrets_in(kubernetes, overlay.name) == TYPED
    assert seen.exists()
    written = [path for folder in (overlay.parents[2], scratch, seen) for path in folder.rglob("*")]
    assert not any(
        value.encode() in path.read_bytes() for path in written if path.is_file() for value in TYPED.values()
    )


def test_deploy_refuses_placeholders(
    kubernetes: Kubernetes, tree: Path, environment: dict[str, str], namespace: str
) -> None:
    """The example's secrets are not applied by mistake."""
    overlay = overlay_like("home", tree, namespace)
    _, refusal = deploy(kubernetes, overlay, {**environment, "SOPS_AGE_KEY_FILE": str(EXAMPLE_KEY)}, expect=1)
    assert "nothing was applied" in refusal
    assert kubernetes.get("namespace", namespace, "default") == {}


def test_deploy_applies_nothing_that_it_cannot_open(
    kubernetes: Kubernetes, overlay: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Without the right key the cluster stays as it is."""
    elsewhere = {**environment, "XDG_CONFIG_HOME": str(tmp_path / "elsewhere")}
    _, refusal = deploy(kubernetes, overlay, elsewhere, expect=1)
    assert "none of your age keys" in refusal
    assert kubernetes.get("namespace", overlay.name, "default") == {}
