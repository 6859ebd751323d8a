"""Every way to deploy, from the first apply to the last delete, beside a neighbour whom it must not touch."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.deploy.applied import as_flux, opened, pods, rolled_out, seal_again, token
from tests.deploy.overlays import OVERLAYS, block, overlay_like
from tests.support.kubernetes import Kubernetes
from tests.support.programs import ROOT, module, program, run

pytestmark = pytest.mark.deploy

COMPONENTS = {path.name for path in (ROOT / "kustomize/components").iterdir()}
LOG_LEVEL = re.compile(r"(?<=MAILROOM_LOG_LEVEL=)\w+")
NEIGHBOUR = """
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata: {name: neighbour, labels: {app.kubernetes.io/name: other}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: main
          image: other
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: neighbour}, data: {is: theirs}}
  - {apiVersion: v1, kind: Secret, metadata: {name: neighbour}, stringData: {is: theirs}}
"""
NEIGHBOURS = {"pod/neighbour", "configmap/neighbour", "secret/neighbour"}


def component(*names: str) -> dict[str, list[str]]:
    return {"components": [f"../../components/{name}" for name in names]}


def trial(tree: Path, namespace: str) -> Path:
    """Trial follows home, which here has no namespace of its own either."""
    home = overlay_like("home", tree, "home-without-namespace", "namespace")
    shutil.rmtree(tree / "kustomize/overlays/home")
    home.rename(tree / "kustomize/overlays/home")
    return overlay_like("trial", tree, namespace)


def from_elsewhere(tree: Path, namespace: str) -> Path:
    """An overlay in a repository of its own, as docs/cluster.md shows it; this one is asked for by Git."""
    text = block("docs/cluster.md", "yaml", "//kustomize/base?ref=")
    (version,) = re.findall(r"kustomize/base\?ref=(\S+)", text)
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "One"), ("tag", version)):
        run(program("git"), *command, folder=tree)
    own = tree.parent / "own"
    own.mkdir()
    content = module("yaml").safe_load(
        text.replace("https://github.com/mailroom/mailroom//", f"file://{tree}//")
    )
    content["namespace"] = namespace
    content["components"] = [each for each in content["components"] if "components/namespace" not in each]
    (own / "kustomization.yaml").write_text(json.dumps(content))
    shutil.copy(ROOT / "kustomize/overlays/home/secrets.enc.yaml", own)
    return own


def from_a_store(tree: Path, namespace: str) -> Path:
    """The secrets come from a store: nothing is sealed."""
    without = ("namespace", "secrets-operator")
    overlay = overlay_like("home", tree, namespace, *without, **component("secrets-external"))
    (overlay / "secrets.enc.yaml").unlink()
    file = overlay / "kustomization.yaml"
    content = json.loads(file.read_text())
    content["resources"].remove("secrets.enc.yaml")
    patches = module("yaml").safe_load(block("docs/cluster.md", "yaml", "secretStoreRef"))
    file.write_text(json.dumps(content | patches))
    return overlay


@attrs.frozen
class Way:
    """A way to deploy.

    Attributes:
        make: Makes the overlay in a checkout, for a namespace that is there already.
        components: Those that are looked at by it.
        by_flux: Whether what is sealed is opened by who applies it.
        wants: The fixture that gives the cluster what it needs besides the operator of the secrets.
    """

    make: Callable[[Path, str], Path]
    components: Sequence[str]
    by_flux: bool = False
    wants: str = "kubernetes"


def home_with(*names: str, wants: str = "kubernetes") -> Way:
    def make(tree: Path, namespace: str) -> Path:
        return overlay_like("home", tree, namespace, "namespace", **component(*names))

    return Way(make, names, wants=wants)


WAYS = {
    "home": Way(
        lambda tree, namespace: overlay_like("home", tree, namespace, "namespace"),
        ("secrets-operator", "latest"),
    ),
    "trial": Way(trial, ()),
    "flux": Way(
        lambda tree, namespace: overlay_like("flux", tree, namespace, "namespace"),
        ("secrets-sops",),
        by_flux=True,
    ),
    "from elsewhere": Way(from_elsewhere, ()),
    "from a store": Way(from_a_store, ("secrets-external",), wants="external_secrets"),
    "no-cpu-limit": home_with("no-cpu-limit"),
    "categories": home_with("categories"),
    "monitoring": home_with("monitoring", wants="prometheus_operator"),
}


def test_no_way_is_forgotten() -> None:
    """Each overlay and component has its round; but not `namespace`, which would take the neighbour along."""
    assert set(OVERLAYS) <= WAYS.keys()
    assert {name for way in WAYS.values() for name in way.components} == COMPONENTS - {"namespace"}


@attrs.frozen
class Round:
    """An overlay on its way through a cluster."""

    kubernetes: Kubernetes
    namespace: str
    overlay: Path
    by_flux: bool

    def kubectl(self, *words: str) -> tuple[list[str], str]:
        """Give the overlay to a command of kubectl; return what it said, and of what it complained."""
        source = ("-f", "-") if self.by_flux else ("-k", str(self.overlay))
        given = as_flux(self.overlay) if self.by_flux else ""
        done = self.kubernetes.kubectl(*words, *source, given=given)
        return done.stdout.splitlines(), done.stderr

    def changed(self, lines: Sequence[str]) -> list[str]:
        """Return what is said to be changed; what Flux gives of a Secret, kubectl cannot compare."""
        said = [line for line in lines if not line.endswith(" unchanged")]
        return [line for line in said if not self.by_flux or line != "secret/mailroom-secrets configured"]

    def replaced(self, pod: str, by: str) -> str:
        """Wait until another pod runs in a pod's place, and return its name."""
        self.kubernetes.until(f"{by} rolls the pod", lambda: pod not in pods(self.kubernetes, self.namespace))
        return rolled_out(self.kubernetes, self.namespace)

    def log_level(self, pod: str) -> str:
        """Return what the settings of a pod say."""
        (reference, _) = pods(self.kubernetes, self.namespace)[pod]["spec"]["containers"][0]["envFrom"]
        config = self.kubernetes.get("configmap", reference["configMapRef"]["name"], self.namespace)
        return str(config["data"]["MAILROOM_LOG_LEVEL"])

    def neighbours(self) -> dict[str, Any]:
        """Return what a neighbour would notice."""
        kinds = ("get", "pod/neighbour", "configmap/neighbour", "secret/neighbour", "-n", self.namespace)
        items = json.loads(self.kubernetes.kubectl(*kinds, "-o", "json").stdout)["items"]
        noticed = ("spec", "data")
        return {
            each["kind"]: (each["metadata"]["uid"], each["metadata"].get("labels"), *map(each.get, noticed))
            for each in items
        }


@pytest.mark.parametrize("name", WAYS)
def test_each_way_is_good_from_the_first_apply_to_the_last_delete(
    kubernetes: Kubernetes, tree: Path, namespace: str, name: str, request: pytest.FixtureRequest
) -> None:
    """In a restricted namespace: at rest when applied again; changes roll the pod; the way back; all gone."""
    way, page = WAYS[name], (ROOT / "docs/cluster.md").read_text()
    request.getfixturevalue(way.wants)
    kubernetes.kubectl("create", "namespace", namespace)
    kubernetes.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    kubernetes.kubectl("apply", "-n", namespace, "-f", "-", given=NEIGHBOUR)
    walk = Round(kubernetes, namespace, way.make(tree, namespace), way.by_flux)
    neighbours = walk.neighbours()

    # strictly validated, admitted, and at rest
    lines, complaint = walk.kubectl("apply")
    assert complaint == ""
    assert all(line.endswith(" created") for line in lines)
    made = [line.split()[0] for line in lines]
    first = rolled_out(kubernetes, namespace)
    first_token = opened(kubernetes, namespace) if is_sealed(walk.overlay) else ""
    assert walk.changed(walk.kubectl("apply")[0]) == []
    assert walk.kubectl("diff")[0] == []
    walk.kubectl("apply", "--server-side")
    assert walk.kubectl("diff")[0] == []
    assert list(pods(kubernetes, namespace)) == [first]

    # a setting, a seal, and the way back
    level = walk.log_level(first)
    change_log_level(walk.overlay)
    walk.kubectl("apply")
    second = walk.replaced(first, by="a setting")
    assert walk.log_level(second) == "error"
    if is_sealed(walk.overlay):
        seal_again(sealed_in(walk.overlay), "placeholder-another")
        walk.kubectl("apply")
        third = walk.replaced(second, by="a seal")
        kubernetes.until("the Secret is new", lambda: token(kubernetes, namespace) not in ("", first_token))
    else:
        (restart,) = re.findall(r"`kubectl -n mailroom (rollout restart [^`]*)`", page)
        kubernetes.kubectl("-n", namespace, *restart.split())
        third = walk.replaced(second, by="a restart")
    kubernetes.kubectl("rollout", "undo", "deployment/mailroom", "-n", namespace, "--to-revision=1")
    back = walk.replaced(third, by="the way back")
    assert walk.log_level(back) == level

    # old settings go, then everything that is Mailroom's
    walk.kubectl("apply")
    last = walk.replaced(back, by="going forward again")
    (prune,) = re.findall(r"`kubectl apply -k kustomize/overlays/home (--prune [^`]*)`", page)
    pruned = [line for line in walk.kubectl("apply", *prune.split())[0] if line.endswith(" pruned")]
    assert len(pruned) == 1
    assert pruned[0].startswith("configmap/mailroom-config-")
    assert list(pods(kubernetes, namespace)) == [last]
    assert walk.neighbours() == neighbours
    walk.kubectl("delete")
    kubernetes.until("only the neighbour is left", lambda: kubernetes.names(namespace) == NEIGHBOURS)
    left = kubernetes.kubectl("get", "-n", namespace, *made, "--ignore-not-found", "-o", "name").stdout
    assert left == ""
    assert walk.neighbours() == neighbours


def sealed_in(overlay: Path) -> Path:
    """Return the folder whose secrets an overlay has; trial's are home's."""
    return overlay if (overlay / "secrets.enc.yaml").exists() else overlay.parent / "home"


def is_sealed(overlay: Path) -> bool:
    return "secrets-external" not in (overlay / "kustomization.yaml").read_text()


def change_log_level(overlay: Path) -> None:
    """Change one setting, wherever the overlay has it."""
    (file,) = (each for each in overlay.iterdir() if each.is_file() and LOG_LEVEL.search(each.read_text()))
    file.write_text(LOG_LEVEL.sub("error", file.read_text()))
