"""What the pages show for other ways to deploy works as it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from mailroom.settings.categories import render_categories
from mailroom.settings.settings import load_scheme
from mailroom.settings.variables import SECRETS
from tests.deploy.overlays import block, overlay_like
from tests.support.kubernetes import Kubernetes
from tests.support.programs import ROOT, Manifest, module, program, run, the

pytestmark = pytest.mark.deploy


def built(folder: Path) -> list[Manifest]:
    text = run(program("kubectl"), "kustomize", folder).stdout
    return [manifest for manifest in module("yaml").safe_load_all(text) if manifest]


def test_a_store_outside_gives_the_token(tree: Path) -> None:
    """It is asked for by its name, in the store that the page's patch names (applied: test_rounds.py)."""
    patches = module("yaml").safe_load(block("docs/cluster.md", "yaml", "secretStoreRef"))["patches"]
    component = {"components": ["../../components/secrets-external"]}
    overlay = overlay_like("home", tree, "other", "secrets-operator", **component, patches=patches)
    spec = the(built(overlay), "ExternalSecret")["spec"]
    assert spec["secretStoreRef"]["name"] == "your-store"
    asked = {each["secretKey"]: each["remoteRef"]["property"] for each in spec["data"]}
    assert asked == {SECRETS[0]: SECRETS[0]}


def test_a_store_outside_gives_the_pair_of_carddav_where_the_page_asks_for_it(tree: Path) -> None:
    """With the page's further lines in its patch, all three are asked for, each by its name."""
    text = block("docs/cluster.md", "yaml", "secretStoreRef") + block("docs/cluster.md", "yaml", "secretKey")
    component = {"components": ["../../components/secrets-external"]}
    patches = module("yaml").safe_load(text)["patches"]
    overlay = overlay_like("home", tree, "other", "secrets-operator", **component, patches=patches)
    spec = the(built(overlay), "ExternalSecret")["spec"]
    assert spec["secretStoreRef"]["name"] == "your-store"
    asked = {each["secretKey"]: each["remoteRef"] for each in spec["data"]}
    assert asked == {name: {"key": "mailroom", "property": name} for name in SECRETS}


def test_names_are_asked_on_another_port_where_the_page_lets_them(
    kubernetes: Kubernetes, tree: Path, namespace: str
) -> None:
    """The patch adds a port to the NetworkPolicy and takes none away."""
    patches = module("yaml").safe_load(block("docs/cluster.md", "yaml", "5353"))["patches"]
    kubernetes.kubectl("apply", "-k", overlay_like("home", tree, namespace, patches=patches))
    policy = kubernetes.get("networkpolicy", "mailroom", namespace)["spec"]
    out = {(port["protocol"], port["port"]) for rule in policy["egress"] for port in rule["ports"]}
    assert out == {("UDP", 53), ("TCP", 53), ("UDP", 5353), ("TCP", 5353), ("TCP", 443)}


def test_base_and_components_are_used_from_another_repository(tmp_path: Path) -> None:
    """The page's kustomization.yaml, with this repository at a version, gives what home gives."""
    upstream, own = tmp_path / "upstream", tmp_path / "own"
    shutil.copytree(ROOT / "kustomize", upstream / "kustomize")
    own.mkdir()
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    for command in (
        ["init", "--quiet"],
        ["add", "."],
        [*author, "commit", "--quiet", "-m", "One"],
        ["tag", "v1.0.0"],
    ):
        run(program("git"), *command, folder=upstream)
    text = block("docs/cluster.md", "yaml", "//kustomize/base?ref=")
    (own / "kustomization.yaml").write_text(
        text.replace("https://github.com/mailroom/mailroom//", f"file://{upstream}//")
    )
    shutil.copy(ROOT / "kustomize/overlays/home/secrets.enc.yaml", own)
    here, there = built(own), built(ROOT / "kustomize/overlays/home")
    assert [each["kind"] for each in here] == [each["kind"] for each in there]
    for kind in ("Namespace", "NetworkPolicy", "ServiceAccount", "SopsSecret"):
        assert the(here, kind) == the(there, kind)
    template = the(here, "Deployment")["spec"]["template"]
    assert template["metadata"] == the(there, "Deployment")["spec"]["template"]["metadata"]
    assert template["spec"]["containers"][0]["image"] == "ghcr.io/mailroom/mailroom:v1.0.0"


def test_flux_is_pointed_at_the_overlay() -> None:
    """The two objects name each other, a folder that is there, and the key that the command stores."""
    page = (ROOT / "docs/cluster.md").read_text()
    source, kustomization = module("yaml").safe_load_all(
        block("docs/cluster.md", "yaml", "kustomize.toolkit")
    )
    spec = kustomization["spec"]
    assert (spec["sourceRef"]["kind"], spec["sourceRef"]["name"]) == (
        source["kind"],
        source["metadata"]["name"],
    )
    assert (ROOT / spec["path"] / "kustomization.yaml").exists()
    registry = module("yaml").safe_load(block("docs/cluster.md", "yaml", "kind: OCIRepository\n"))
    assert (registry["apiVersion"], registry["metadata"]) == (source["apiVersion"], source["metadata"])
    assert f"flux push artifact {registry['spec']['url']}:{registry['spec']['ref']['tag']} --path=. " in page
    assert spec["decryption"]["provider"] == "sops"
    assert f"create secret generic {spec['decryption']['secretRef']['name']} " in page


def test_the_systemd_unit_is_one(tmp_path: Path) -> None:
    """systemd itself has nothing to say against it, nor against what is added for a file of categories."""
    unit = tmp_path / "mailroom.service"
    added = re.findall(r"`((?:LoadCredential|Environment)=[^`]+)`", (ROOT / "docs/run.md").read_text("utf-8"))
    assert len(added) == 2
    text = block("docs/run.md", "ini", "[Service]").replace("[Install]", "\n".join([*added, "", "[Install]"]))
    unit.write_text(text.replace("/usr/local/bin/mailroom", shutil.which("true") or "/bin/true"))
    told = run(program("systemd-analyze"), "verify", "--man=no", unit)
    assert unit.name not in told.stdout + told.stderr


def test_the_compose_file_gives_what_the_settings_want() -> None:
    """Each secret is a file that is mounted where its setting looks."""
    content = module("yaml").safe_load(block("docs/run.md", "yaml", "services:"))
    service = content["services"]["mailroom"]
    mounted = {f"/run/secrets/{name}" for name in service["secrets"]}
    assert set(service["secrets"]) == set(content["secrets"])
    assert service["environment"].keys() == {f"{SECRETS[0]}_FILE"}
    assert set(service["environment"].values()) == mounted


def test_the_categories_that_a_cluster_begins_with_are_those_that_hold_without_a_file() -> None:
    """Whoever takes the component changes nothing by that, until they change its file."""
    text = (ROOT / "kustomize/components/categories/categories.toml").read_text("utf-8")
    assert text == render_categories(load_scheme({}, dotenv=None).categories)
