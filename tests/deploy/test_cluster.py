"""What a real API server, with its controllers and admission, makes of the overlays and components."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from mailroom.settings.variables import SECRETS
from tests.deploy.applied import as_flux, established, opened, pods, rolled_out, served
from tests.deploy.overlays import OVERLAYS, change, overlay_like
from tests.support.kubernetes import Kubernetes
from tests.support.programs import EXAMPLE_KEY, ROOT, module, program, run

pytestmark = pytest.mark.deploy

DIGEST = "sha256:" + "0123456789abcdef" * 4
CLUSTER_PAGE = ROOT / "docs/cluster.md"
PLAIN_POD = """
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec: {containers: [{name: main, image: nginx}]}
"""
"""What the restricted profile refuses: it may run as root."""


def shown(command: str) -> list[str]:
    """Return the lines that docs/cluster.md shows below a command."""
    (block,) = re.findall(
        rf"^\$ {re.escape(command)}\n(.*?)^(?:```|\$ )", CLUSTER_PAGE.read_text(), re.M | re.S
    )
    lines: list[str] = block.splitlines()
    return lines


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_taken_as_it_stands(kubernetes: Kubernetes, overlay: str) -> None:
    """Applied without a warning; again, nothing changes or differs; the server's way of applying agrees."""
    folder = ROOT / "kustomize/overlays" / overlay
    if overlay == "flux":
        source: tuple[str | Path, ...] = ("-f", "-")
        given = as_flux(folder)
    else:
        source, given = ("-k", folder), ""
    namespace = "mailroom-trial" if overlay == "trial" else "mailroom"
    try:
        first = kubernetes.kubectl("apply", *source, given=given)
        assert first.stderr == ""
        assert all(line.endswith(" created") for line in first.stdout.splitlines())
        if overlay == "home":
            assert first.stdout.splitlines() == shown("kubectl apply -k kustomize/overlays/home")
        rolled_out(kubernetes, namespace)
        opened(kubernetes, namespace)
        secret = kubernetes.get("secret", "mailroom-secrets", namespace)
        assert set(secret["data"]) == set(SECRETS[:1])

        again = kubernetes.kubectl("apply", *source, given=given)
        # kubectl compares a Secret's stringData with what the server never shows
        changed = [line for line in again.stdout.splitlines() if not line.endswith(" unchanged")]
        assert changed == (["secret/mailroom-secrets configured"] if overlay == "flux" else [])
        assert kubernetes.kubectl("diff", *source, given=given).stdout == ""
        kubernetes.kubectl("apply", "--server-side", *source, given=given)
        assert len(pods(kubernetes, namespace)) == 1
    finally:
        kubernetes.kubectl("delete", *source, "--ignore-not-found", given=given)
    assert kubernetes.names(namespace) == set()
    assert kubernetes.get("namespace", namespace, "default") == {}


def test_flux_is_given_no_kind_that_it_would_leave_open(kubernetes: Kubernetes) -> None:
    """Home's SopsSecret, opened by Flux, would lie in the open and become no Secret; flux's is a Secret."""
    yaml = module("yaml")
    for overlay, kind in (("home", "SopsSecret"), ("flux", "Secret")):
        manifests = yaml.safe_load_all(as_flux(ROOT / "kustomize/overlays" / overlay))
        in_the_open = {each["kind"] for each in manifests if "placeholder-" in json.dumps(each)}
        assert in_the_open == {kind}


def test_a_namespace_of_its_own_is_held_to_the_restricted_profile(
    kubernetes: Kubernetes, tree: Path, namespace: str
) -> None:
    """With the component, Mailroom's pod is admitted, and one that might run as root is not."""
    kubernetes.kubectl("apply", "-k", overlay_like("home", tree, namespace))
    rolled_out(kubernetes, namespace)
    refused = kubernetes.kubectl("run", "--image=nginx", "-n", namespace, "intruder", expect=1)
    assert 'violates PodSecurity "restricted:latest"' in refused.stderr


def test_pruning_takes_old_settings_and_nothing_else(
    kubernetes: Kubernetes, tree: Path, namespace: str
) -> None:
    """The command of docs/cluster.md leaves the settings in use, other namespaces and a neighbour."""
    (command,) = re.findall(
        r"`kubectl (apply -k kustomize/overlays/home --prune [^`]*)`", CLUSTER_PAGE.read_text()
    )
    other = f"{namespace}-other"
    overlay, elsewhere = overlay_like("home", tree, namespace), overlay_like("home", tree, other)
    try:
        kubernetes.kubectl("apply", "-k", elsewhere)
        kubernetes.kubectl("apply", "-k", overlay)
        neighbour = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "neighbour"}})
        kubernetes.kubectl("apply", "-n", namespace, "-f", "-", given=neighbour)
        for each in (namespace, other):
            rolled_out(kubernetes, each)
            opened(kubernetes, each)
        before = kubernetes.names(namespace), kubernetes.names(other, "-l", "app.kubernetes.io/name=mailroom")
        change(overlay / "mailroom.env", "GROUP_FEED=Feed", "GROUP_FEED=News")
        words = command.replace("kustomize/overlays/home", str(overlay)).split()
        told = kubernetes.kubectl(*words).stdout
        (pruned,) = (line.split()[0] for line in told.splitlines() if line.endswith(" pruned"))
        assert pruned.startswith("configmap/mailroom-config-")
        rolled_out(kubernetes, namespace)
        after = kubernetes.names(namespace), kubernetes.names(other, "-l", "app.kubernetes.io/name=mailroom")

        def lasting(names: set[str]) -> set[str]:
            return {each for each in names if not each.startswith(("pod/", "configmap/mailroom-config-"))}

        assert lasting(after[0]) == lasting(before[0])
        assert after[1] == before[1]
        assert pruned in before[0] - after[0]
        assert len([each for each in after[0] if each.startswith("configmap/mailroom-config-")]) == 1
    finally:
        kubernetes.kubectl("delete", "namespace", other, "--ignore-not-found", "--wait=false")


def test_a_pinned_image_is_pulled_once(kubernetes: Kubernetes, tree: Path, namespace: str) -> None:
    """Whoever began with `latest` and pins starts without the registry; unpinned, each start pulls."""

    def policy() -> tuple[str, str]:
        container = kubernetes.get("deployment", "mailroom", namespace)["spec"]["template"]["spec"][
            "containers"
        ][0]
        return container["image"], container["imagePullPolicy"]

    overlay = overlay_like("home", tree, namespace)
    kubernetes.kubectl("apply", "-k", overlay)
    assert policy() == ("ghcr.io/mailroom/mailroom:latest", "Always")
    pin = {"name": "mailroom", "newName": "ghcr.io/you/mailroom", "newTag": f"v1.2.3@{DIGEST}"}
    kubernetes.kubectl("apply", "-k", overlay_like("home", tree, namespace, "latest", images=[pin]))
    assert policy() == (f"ghcr.io/you/mailroom:v1.2.3@{DIGEST}", "IfNotPresent")


def test_without_the_operator_it_is_said_so(
    kubernetes: Kubernetes, tree: Path, namespace: str, operator_crd: None, tmp_path: Path
) -> None:
    """The message is the one that docs/cluster.md explains."""
    kubernetes.kubectl("delete", "crd", "sopssecrets.isindir.github.com")
    kubernetes.until("the kind is gone", lambda: not served(kubernetes))
    overlay = overlay_like("home", tree, namespace)
    # what kubectl remembers of this address is of a cluster that had the kind
    refused = kubernetes.kubectl("apply", "-k", overlay, f"--cache-dir={tmp_path}/cache", expect=1)
    assert 'no matches for kind "SopsSecret"' in refused.stderr
    assert 'no matches for kind "SopsSecret"' in CLUSTER_PAGE.read_text()


def test_an_old_definition_of_the_operator_is_mended_as_the_page_says(
    kubernetes: Kubernetes, tree: Path, namespace: str, operator_crd: None
) -> None:
    """`helm upgrade` leaves definitions as they are; what the page pipes the new one into does not."""
    page = CLUSTER_PAGE.read_text()
    (remedy,) = re.findall(r"helm show crds \S+ --version \S+ \\\| kubectl (apply [^`\n]*)", page)
    kubernetes.kubectl("delete", "crd", "sopssecrets.isindir.github.com")
    kubernetes.until("the kind is gone", lambda: not served(kubernetes))
    kubernetes.kubectl("create", "-f", "-", given=kubernetes.crd("--old"))  # as helm installs it
    established(kubernetes)
    overlay = overlay_like("home", tree, namespace)
    refused = kubernetes.kubectl("apply", "-k", overlay, expect=1)
    assert 'unknown field "sops.mac_only_encrypted"' in refused.stderr
    assert 'unknown field "sops.mac_only_encrypted"' in page
    kubernetes.kubectl(*remedy.split(), given=kubernetes.crd())
    kubernetes.until(
        "the new definition is served",
        lambda: kubernetes.kubectl("apply", "-k", overlay, expect=None).returncode == 0,
    )
    opened(kubernetes, namespace)


def test_without_a_limit_of_the_processor_the_memory_stays_bounded(
    kubernetes: Kubernetes, tree: Path, namespace: str
) -> None:
    """The component takes away that one limit."""
    kubernetes.kubectl(
        "apply", "-k", overlay_like("home", tree, namespace, components=["../../components/no-cpu-limit"])
    )
    template = kubernetes.get("deployment", "mailroom", namespace)["spec"]["template"]["spec"]
    assert template["containers"][0]["resources"] == {
        "requests": {"memory": "64Mi", "cpu": "100m"},
        "limits": {"memory": "128Mi"},
    }
    rolled_out(kubernetes, namespace)


def test_a_changed_categories_file_replaces_the_pod(
    kubernetes: Kubernetes, tree: Path, namespace: str
) -> None:
    """One line takes the component, or a copy of it beside the overlay; a changed file rolls the pod."""
    overlay = overlay_like("home", tree, namespace, components=["../../components/categories"])
    assert kubernetes.kubectl("apply", "-k", overlay).stderr == ""
    first = rolled_out(kubernetes, namespace)
    assert set(_categories_of(kubernetes, first, namespace)) == {
        "Imbox", "Feed", "Paper Trail", "Jail", "Person"
    }  # fmt: skip
    change(tree / "kustomize/components/categories/categories.toml", '"Jail"', '"Nuisance"')
    kubernetes.kubectl("apply", "-k", overlay)
    kubernetes.until("a changed file rolls the pod", lambda: first not in pods(kubernetes, namespace))
    second = rolled_out(kubernetes, namespace)
    assert "Nuisance" in _categories_of(kubernetes, second, namespace)

    (own,) = re.findall(r"`- (./\w+)` in its components", CLUSTER_PAGE.read_text())
    overlay = overlay_like("home", tree, namespace, components=[own])
    shutil.copytree(tree / "kustomize/components/categories", overlay / own)
    (overlay / own / "categories.toml").write_text('[[category]]\ntitle = "Receipts"\n')
    kubernetes.kubectl("apply", "-k", overlay)
    kubernetes.until("a file of its own rolls the pod", lambda: second not in pods(kubernetes, namespace))
    assert _categories_of(kubernetes, rolled_out(kubernetes, namespace), namespace) == ["Receipts"]


def _categories_of(kubernetes: Kubernetes, pod: str, namespace: str) -> list[str]:
    """Return the titles in the file that MAILROOM_CATEGORIES_FILE names in a pod."""
    spec = pods(kubernetes, namespace)[pod]["spec"]
    (container,) = spec["containers"]
    (named,) = (x["value"] for x in container["env"] if x["name"] == "MAILROOM_CATEGORIES_FILE")
    (mount,) = (x for x in container["volumeMounts"] if Path(x["mountPath"]) == Path(named).parent)
    (volume,) = (x for x in spec["volumes"] if x["name"] == mount["name"])
    files = kubernetes.get("configmap", volume["configMap"]["name"], namespace)["data"]
    return [entry["title"] for entry in tomllib.loads(files[Path(named).name])["category"]]


def commands(page: str) -> list[str]:
    """Return the whole commands of kubectl that a page shows, in a block or in a sentence."""
    blocks = re.findall(r"^(?:\$ )?(kubectl .*)$", page, re.M)
    sentences = re.findall(r"`(kubectl [^`]+)`", page)
    return [each for each in dict.fromkeys((*blocks, *sentences)) if len(each.split()) > 3]


def test_the_commands_of_the_page_work_as_they_stand(kubernetes: Kubernetes, tmp_path: Path) -> None:
    """In a shell, one after the other; but for what a kubelet must answer, and helm."""
    key = tmp_path / ".config/sops/age/keys.txt"
    key.parent.mkdir(parents=True)
    key.write_text(EXAMPLE_KEY.read_text())
    kubernetes.kubectl("create", "namespace", "flux-system")

    def run_it(command: str) -> str:
        home = {"HOME": str(tmp_path), "PATH": f"{Path(program('kubectl')).parent}:{os.environ['PATH']}"}
        return run("bash", "-euc", command, environment=kubernetes.environment(**home)).stdout

    asked = [each for each in commands(CLUSTER_PAGE.read_text()) if " logs " not in each]
    last = [each for each in asked if " delete " in each]
    try:
        for command in (each for each in asked if each not in last):
            said = run_it(command)
            if command.startswith("kubectl apply -k"):
                for namespace in ("mailroom", "mailroom-trial")[: 1 + ("trial" in command)]:
                    rolled_out(kubernetes, namespace)
                    opened(kubernetes, namespace)
            assert said
        for command in reversed(last):
            kubernetes.kubectl("apply", "-k", "kustomize/overlays/home")
            assert "deleted" in run_it(command)
        assert kubernetes.get("namespace", "mailroom", "default") == {}
    finally:
        for namespace in ("mailroom", "mailroom-trial", "sops", "flux-system"):
            kubernetes.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
