"""What the tests of the deployment share: one control plane, and a namespace for each test."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import leave_out
from tests.deploy.applied import established
from tests.deploy.definitions import TEXT, defined, listed, record, texts_by_name
from tests.support import kubernetes as control_plane
from tests.support.kubernetes import Kubernetes
from tests.support.programs import ROOT, copy_tracked, program


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--dist loadgroup``, the one control plane is in one process, and so is each module's image."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if item.get_closest_marker("deploy"):
                has_cluster = "kubernetes" in getattr(item, "fixturenames", ())
                item.add_marker(pytest.mark.xdist_group("kubernetes" if has_cluster else item.path.stem))


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[Kubernetes]:
    """A real API server with its controllers; one for all tests."""
    script = control_plane.rig()
    if script is None:
        named = os.environ.get(control_plane.RIG_VARIABLE) or control_plane.BESIDE_THE_CHECKOUT
        leave_out(f"there is no {named}, which would start Kubernetes", "MAILROOM_REQUIRE_KUBERNETES")
    with control_plane.started(script) as running:
        yield running


@pytest.fixture
def namespace(kubernetes: Kubernetes) -> Iterator[str]:
    """A name that no other test has for what it applies."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    kubernetes.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that Git would publish, for Nix; nobody changes it."""
    folder = tmp_path_factory.mktemp("published")
    copy_tracked(folder)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the scripts work on; the flake stays where it is."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "kustomize", folder / "kustomize")
    shutil.copy(ROOT / ".sops.yaml", folder)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A person who has no age key yet."""
    for name in ("sops", "age-keygen", "jq"):
        program(name)
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "SOPS_AGE_KEY_FILE": ""}


@pytest.fixture
def external_secrets(kubernetes: Kubernetes) -> Iterator[None]:
    """As much of the definition of an ExternalSecret as is used."""
    item = record(secretKey=TEXT, remoteRef=record(key=TEXT, property=TEXT))
    spec = record(
        refreshInterval=TEXT, secretStoreRef=record(kind=TEXT, name=TEXT), target=record(name=TEXT),
        data=listed(item),
    )  # fmt: skip
    with defined(kubernetes, "external-secrets.io", "v1", "ExternalSecret", spec):
        yield


@pytest.fixture
def prometheus_operator(kubernetes: Kubernetes) -> Iterator[None]:
    """As much of the definitions of the two kinds as is used."""
    group, version = "monitoring.coreos.com", "v1"
    labels = record(matchLabels=texts_by_name())
    endpoint = record(port=TEXT, path=TEXT, interval=TEXT)
    rule = record(alert=TEXT, expr=TEXT, labels=texts_by_name(), annotations=texts_by_name())
    rule["properties"]["for"] = TEXT
    with (
        defined(
            kubernetes, group, version, "PodMonitor",
            record(selector=labels, podMetricsEndpoints=listed(endpoint)),
        ),
        defined(
            kubernetes, group, version, "PrometheusRule",
            record(groups=listed(record(name=TEXT, rules=listed(rule)))),
        ),
    ):  # fmt: skip
        yield


@pytest.fixture
def operator_crd(kubernetes: Kubernetes) -> Iterator[None]:
    """Gives the cluster its operator's definition back, whatever a test makes of it."""
    yield
    kubernetes.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=kubernetes.crd())
    established(kubernetes)
    established(kubernetes)
