"""What the overlays ask of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailroom.settings.variables import OTHER_DEFAULTS, PUBLIC_DEFAULTS
from tests.deploy.overlays import OVERLAYS
from tests.support.programs import ROOT, Manifest, module, program, rendered, run, the

pytestmark = [pytest.mark.deploy, pytest.mark.parametrize("overlay", OVERLAYS)]

DIGEST = "sha256:" + "0123456789abcdef" * 4
PINS = [
    {"newName": "ghcr.io/you/mailroom", "digest": DIGEST},
    {"newName": "ghcr.io/you/mailroom", "newTag": f"v1.2.3@{DIGEST}"},
    {"newName": "ghcr.io/you/mailroom", "newTag": "v1.2.3"},
    {"newName": "registry.example:5000/deep/below/triage", "digest": DIGEST},
]
IMAGE_PORT = int(OTHER_DEFAULTS["MAILROOM_HEALTH_PORT"])
OWN_SETTINGS = {name: f"{name}/kustomization.yaml" for name in ("flux", "trial")}


@pytest.fixture
def manifests(overlay: str) -> list[Manifest]:
    return rendered(overlay)


@pytest.fixture
def pod(manifests: list[Manifest]) -> dict[str, Any]:
    spec: dict[str, Any] = the(manifests, "Deployment")["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    found: list[dict[str, Any]] = pod["containers"]
    (container,) = found
    return container


def test_every_manifest_follows_the_schema_strictly(
    overlay: str, manifests: list[Manifest], tmp_path: Path
) -> None:
    """No manifest has a field that Kubernetes does not know, or lacks one that it wants."""
    module("kubernetes_validate")
    file = tmp_path / "rendered.yaml"
    opened = [
        {key: value for key, value in each.items() if overlay != "flux" or key != "sops"}
        for each in manifests
    ]
    file.write_text(module("yaml").safe_dump_all(opened))
    told = run(program("kubernetes-validate"), "--strict", file)
    passed = (told.stdout + told.stderr).count(" passed ")
    if overlay == "flux":  # which opens the Secret, and takes its seal away, before it applies it
        assert passed == len(manifests)
        return
    assert passed == len(manifests) - 1
    assert "SopsSecret" in told.stdout + told.stderr  # the one kind that is not Kubernetes' own


def test_the_config_map_has_the_keys_of_the_code_and_no_others(
    overlay: str, manifests: list[Manifest]
) -> None:
    """A setting that the code does not know, or that home forgets, is found here."""
    config = the(manifests, "ConfigMap")["data"]
    assert set(config) == set(PUBLIC_DEFAULTS) if overlay != "flux" else set(config) < set(PUBLIC_DEFAULTS)
    assert all(isinstance(value, str) for value in config.values())


def test_everything_but_the_namespace_itself_lies_in_the_namespace(manifests: list[Manifest]) -> None:
    """An overlay moves everything when it sets another namespace."""
    name = the(manifests, "Namespace")["metadata"]["name"]
    others = [manifest for manifest in manifests if manifest["kind"] != "Namespace"]
    assert {manifest["metadata"]["namespace"] for manifest in others} == {name}


def test_the_namespace_enforces_the_restricted_profile(manifests: list[Manifest]) -> None:
    """The cluster itself refuses a pod that asks for more."""
    labels = the(manifests, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_pod_obeys_the_restricted_profile(pod: dict[str, Any], container: dict[str, Any]) -> None:
    """Each control of Kubernetes' Pod Security Standards, level restricted, holds."""
    assert not {"hostNetwork", "hostPID", "hostIPC", "volumes", "initContainers"} & set(pod)
    assert "hostPort" not in container["ports"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_the_pod_has_no_token_for_the_cluster(manifests: list[Manifest], pod: dict[str, Any]) -> None:
    """Mailroom never asks the cluster for anything."""
    account = the(manifests, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == account["metadata"]["name"]


def test_never_two_pods_at_once(manifests: list[Manifest], pod: dict[str, Any]) -> None:
    """One replica, which ends before the next starts, and has the time to end its cycle."""
    spec = the(manifests, "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert pod["terminationGracePeriodSeconds"] == 60


def test_the_selectors_choose_the_pod(manifests: list[Manifest]) -> None:
    """Deployment and NetworkPolicy mean the pod that is there."""
    spec = the(manifests, "Deployment")["spec"]
    labels = spec["template"]["metadata"]["labels"].items()
    assert spec["selector"]["matchLabels"].items() <= labels
    assert the(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= labels


def test_probes_ask_the_health_port(container: dict[str, Any]) -> None:
    """A pod is killed only where nothing goes on any more, and counts as ready only while cycles succeed."""
    assert container["ports"] == [{"name": "health", "containerPort": IMAGE_PORT, "protocol": "TCP"}]
    probes = {name: container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}
    paths = {"startup": "/healthz/live", "readiness": "/healthz/ready", "liveness": "/healthz/live"}
    for name, probe in probes.items():
        assert probe["httpGet"] == {"path": paths[name], "port": "health"}
        assert probe["timeoutSeconds"] == 5
    assert (probes["liveness"]["initialDelaySeconds"], probes["liveness"]["periodSeconds"]) == (10, 30)
    assert (probes["readiness"]["initialDelaySeconds"], probes["readiness"]["periodSeconds"]) == (5, 10)
    assert probes["startup"]["periodSeconds"] * probes["startup"]["failureThreshold"] == 180


def test_the_pod_gets_what_the_overlay_configures(
    manifests: list[Manifest], container: dict[str, Any]
) -> None:
    """Variables come from the generated ConfigMap, by its hashed name, and from the Secret."""
    config = the(manifests, "ConfigMap")["metadata"]["name"]
    assert config.startswith("mailroom-config-")
    assert container["envFrom"] == [
        {"configMapRef": {"name": config}},
        {"secretRef": {"name": "mailroom-secrets"}},
    ]
    assert container["args"] == ["run"]


def test_memory_and_processor_are_bounded(container: dict[str, Any]) -> None:
    """The pod asks for what it needs and can take no more than that of its node."""
    assert container["resources"] == {
        "requests": {"memory": "64Mi", "cpu": "100m"},
        "limits": {"memory": "128Mi", "cpu": "100m"},
    }


def test_the_network_policy_lets_out_names_and_https_and_in_the_health_port(
    manifests: list[Manifest],
) -> None:
    """Nothing else gets out or in."""
    policy = the(manifests, "NetworkPolicy")["spec"]
    out = {(port["protocol"], port["port"]) for rule in policy["egress"] for port in rule["ports"]}
    into = {(port["protocol"], port["port"]) for rule in policy["ingress"] for port in rule["ports"]}
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert out == {("UDP", 53), ("TCP", 53), ("TCP", 443)}
    assert into == {("TCP", "health")}


def test_everything_made_here_says_so(manifests: list[Manifest]) -> None:
    """The recommended labels choose everything but the namespace, in which others may live too."""
    for manifest in manifests:
        labels = manifest["metadata"]["labels"]
        chosen = {labels.get(f"app.kubernetes.io/{each}") for each in ("name", "part-of")}
        assert chosen == ({None} if manifest["kind"] == "Namespace" else {"mailroom"})


def template_of(overlay: str, root: Path) -> dict[str, Any]:
    """Return the template of the pod, as an overlay below `root` makes it."""
    found: dict[str, Any] = the(rendered(overlay, root), "Deployment")["spec"]["template"]
    return found


def test_a_changed_secret_rolls_the_pod(overlay: str, tmp_path: Path) -> None:
    """The pod's template carries the moment of the last sealing, so sealing anew changes it."""
    module("yaml")
    run("cp", "-r", ROOT / "kustomize", tmp_path)
    sealed = tmp_path / f"kustomize/overlays/{'flux' if overlay == 'flux' else 'home'}/secrets.enc.yaml"

    before = template_of(overlay, tmp_path)
    lines = sealed.read_text().splitlines()
    sealed.write_text(
        "\n".join(
            '    lastmodified: "2030-01-01T00:00:00Z"' if "lastmodified" in line else line for line in lines
        )
    )
    assert template_of(overlay, tmp_path) != before


def test_a_changed_setting_rolls_the_pod(overlay: str, tmp_path: Path) -> None:
    """The ConfigMap's name carries a hash of its content, and the pod's template that name."""
    module("yaml")
    run("cp", "-r", ROOT / "kustomize", tmp_path)
    settings = tmp_path / f"kustomize/overlays/{OWN_SETTINGS.get(overlay, 'home/mailroom.env')}"

    before = template_of(overlay, tmp_path)
    settings.write_text(settings.read_text().replace("LOG_LEVEL=", "LOG_LEVEL=warn"))
    assert template_of(overlay, tmp_path) != before


@pytest.mark.parametrize("pin", PINS, ids=lambda pin: f"{pin['newName']} by {' and '.join(pin)}")
def test_what_home_is_pinned_to_the_others_follow(overlay: str, pin: dict[str, str], tmp_path: Path) -> None:
    """Trial takes the newest of home's image, from whatever registry; a pinned one is pulled once."""
    yaml = module("yaml")
    run("cp", "-r", ROOT / "kustomize", tmp_path)
    file = tmp_path / f"kustomize/overlays/{'flux' if overlay == 'flux' else 'home'}/kustomization.yaml"
    home = yaml.safe_load(file.read_text())
    home["images"] = [{"name": "mailroom", **pin}]
    home["components"].remove("../../components/latest")
    file.write_text(yaml.safe_dump(home))
    (container,) = the(rendered(overlay, tmp_path), "Deployment")["spec"]["template"]["spec"]["containers"]
    tag, digest = (sign + pin[key] if key in pin else "" for sign, key in ((":", "newTag"), ("@", "digest")))
    expected = (pin["newName"] + tag + digest, "IfNotPresent")
    if overlay == "trial":
        expected = (f"{pin['newName']}:latest", "Always")
    assert (container["image"], container["imagePullPolicy"]) == expected
