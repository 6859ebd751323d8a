"""What a real API server, with its controllers and admission, makes of the overlays and components."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailroom.settings.variables import SECRETS
from tests.deploy.overlays import change, overlay_like
from tests.support.kubernetes import Kubernetes
from tests.support.programs import EXAMPLE_KEY, OVERLAYS, ROOT, module, program, run

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


@pytest.fixture
def operator_crd(kubernetes: Kubernetes) -> Iterator[None]:
    """Gives the cluster its operator's definition back, whatever a test makes of it."""
    yield
    kubernetes.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=kubernetes.crd())
    established(kubernetes)
    established(kubernetes)


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
    environment = {"SOPS_AGE_KEY_FILE": str(EXAMPLE_KEY)}
    run(
        program("sops"), "set", file,
        '["spec"]["secretTemplates"][0]["stringData"]["MAILROOM_JMAP_TOKEN"]', json.dumps(value),
        environment=environment,
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
        assert set(secret["data"]) == set(SECRETS)

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


def test_a_neighbour_in_the_namespace_stays_untouched(
    kubernetes: Kubernetes, tree: Path, namespace: str
) -> None:
    """In a namespace that others use, nothing is asked of them, and what is taken away is Mailroom's."""
    kubernetes.kubectl("create", "namespace", namespace)
    neighbour = ("run", "--image=nginx", "-n", namespace)
    kubernetes.kubectl(*neighbour, "before")
    overlay = overlay_like("home", tree, namespace, "namespace")
    assert kubernetes.kubectl("apply", "-k", overlay).stderr == ""
    rolled_out(kubernetes, namespace)
    kubernetes.kubectl(*neighbour, "after")
    kubernetes.kubectl("delete", "-k", overlay)
    kubernetes.until(
        "only the neighbour is left",
        lambda: kubernetes.names(namespace) == {"pod/before", "pod/after"},
    )


def test_a_namespace_of_its_own_is_held_to_the_restricted_profile(
    kubernetes: Kubernetes, tree: Path, namespace: str
) -> None:
    """With the component, Mailroom's pod is admitted, and one that might run as root is not."""
    kubernetes.kubectl("apply", "-k", overlay_like("home", tree, namespace))
    rolled_out(kubernetes, namespace)
    refused = kubernetes.kubectl("run", "--image=nginx", "-n", namespace, "intruder", expect=1)
    assert 'violates PodSecurity "restricted:latest"' in refused.stderr


def test_a_setting_and_a_seal_replace_the_pod_and_the_way_back_is_there(
    kubernetes: Kubernetes, tree: Path, namespace: str
) -> None:
    """Each change rolls the pod, a new seal reaches the Secret, and `rollout undo` finds what it needs."""
    overlay = overlay_like("home", tree, namespace)
    kubernetes.kubectl("apply", "-k", overlay)
    first = rolled_out(kubernetes, namespace)
    old_token = opened(kubernetes, namespace)

    change(overlay / "mailroom.env", "GROUP_FEED=Feed", "GROUP_FEED=News")
    kubernetes.kubectl("apply", "-k", overlay)
    kubernetes.until("a setting rolls the pod", lambda: first not in pods(kubernetes, namespace))
    second = rolled_out(kubernetes, namespace)

    seal_again(overlay, "placeholder-another")
    kubernetes.kubectl("apply", "-k", overlay)
    kubernetes.until("a seal rolls the pod", lambda: second not in pods(kubernetes, namespace))
    kubernetes.until("the Secret is new", lambda: token(kubernetes, namespace) not in ("", old_token))
    third = rolled_out(kubernetes, namespace)

    kubernetes.kubectl("rollout", "undo", "deployment/mailroom", "-n", namespace, "--to-revision=1")
    kubernetes.until("the way back rolls the pod", lambda: third not in pods(kubernetes, namespace))
    pod = pods(kubernetes, namespace)[rolled_out(kubernetes, namespace)]
    config = pod["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    assert kubernetes.get("configmap", config, namespace)["data"]["MAILROOM_GROUP_FEED"] == "Feed"


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
