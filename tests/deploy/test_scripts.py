"""The steps from a checkout to a cluster: seal, push, apply or deploy."""

from __future__ import annotations

import os
import pty
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from mailroom.settings.variables import SECRETS
from tests.deploy.cluster import Cluster
from tests.support.programs import (
    EXAMPLE_KEY,
    LINUX_ONLY,
    ROOT,
    module,
    nix,
    program,
    read_until,
    rendered,
    run,
    the,
)

pytestmark = pytest.mark.deploy

# what breaks careless quoting: a quote, a backslash, a dollar, a percent sign, a blank, letters beyond ASCII
TYPED = {
    "MAILROOM_JMAP_TOKEN": 'fmu1-"quoted"\\back',
    "MAILROOM_CARDDAV_USERNAME": "someone@example.com",
    "MAILROOM_CARDDAV_PASSWORD": "p%ss $HOME wörd",
}


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
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as cluster:
        yield cluster


def script(name: str, *arguments: str) -> list[str]:
    """What runs a script as its Nix package does, without Nix."""
    return [
        "bash",
        "-o",
        "errexit",
        "-o",
        "nounset",
        "-o",
        "pipefail",
        str(ROOT / f"nix/{name}.sh"),
        *arguments,
    ]


def sealed(tree: Path, environment: dict[str, str], *, by: list[str]) -> subprocess.CompletedProcess[str]:
    given = "".join(f"{value}\n" for value in TYPED.values())
    return run(*by, given=given, environment=environment, folder=tree)


def opened(tree: Path, environment: dict[str, str]) -> dict[str, str]:
    text = run(
        program("sops"), "decrypt", "kustomize/overlays/home/secrets.enc.yaml",
        environment=environment, folder=tree,
    ).stdout  # fmt: skip
    manifest: dict[str, Any] = module("yaml").safe_load(text)
    (template,) = manifest["spec"]["secretTemplates"]
    values: dict[str, str] = template["stringData"]
    return values


def keys(environment: dict[str, str]) -> Path:
    return Path(environment["XDG_CONFIG_HOME"]) / "sops/age/keys.txt"


def test_seal_makes_a_key_and_seals_what_was_typed(tree: Path, environment: dict[str, str]) -> None:
    """Three answers become the overlay's three secrets, letter by letter, for a key of the person's own."""
    told = sealed(tree, environment, by=[nix(), "run", f"path:{ROOT}#seal"])
    assert opened(tree, environment) == TYPED
    assert keys(environment).stat().st_mode & 0o077 == 0
    recipient = run(program("age-keygen"), "-y", keys(environment)).stdout.strip()
    assert f"age: {recipient}\n" in (tree / ".sops.yaml").read_text()
    assert recipient in told.stderr
    assert told.stdout.strip() == "kustomize/overlays/home/secrets.enc.yaml"
    assert not any(value in told.stdout + told.stderr for value in TYPED.values())


def test_what_seal_wrote_opens_for_nobody_else(
    tree: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Not for the example's key, which everybody has."""
    sealed(tree, environment, by=script("seal"))
    somebody = {"XDG_CONFIG_HOME": str(tmp_path / "elsewhere"), "SOPS_AGE_KEY_FILE": str(EXAMPLE_KEY)}
    file = "kustomize/overlays/home/secrets.enc.yaml"
    refused = run(program("sops"), "decrypt", file, environment=somebody, folder=tree, expect=None)
    assert refused.returncode != 0
    assert refused.stdout == ""


def test_seal_keeps_a_key_that_is_there(tree: Path, environment: dict[str, str]) -> None:
    """Sealing anew, after a token was changed, is for the same key."""
    sealed(tree, environment, by=script("seal"))
    key, rules = keys(environment).read_text(), (tree / ".sops.yaml").read_text()
    sealed(tree, environment, by=script("seal"))
    assert keys(environment).read_text() == key
    assert (tree / ".sops.yaml").read_text() == rules


def test_sealing_anew_rolls_the_pod(tree: Path, environment: dict[str, str]) -> None:
    """The same secrets sealed again change the pod's template, so new ones do too."""
    templates = []
    for _ in range(2):
        sealed(tree, environment, by=script("seal"))
        templates.append(the(rendered("home", tree), "Deployment")["spec"]["template"])
        time.sleep(1.1)  # the moment of sealing has whole seconds
    assert templates[0] != templates[1]


def test_seal_refuses_the_example_key(tree: Path, environment: dict[str, str]) -> None:
    """Real secrets are never sealed for a key that everybody has."""
    before = (tree / "kustomize/overlays/home/secrets.enc.yaml").read_text()
    refused = run(
        *script("seal"),
        given="".join(f"{value}\n" for value in TYPED.values()),
        environment={**environment, "SOPS_AGE_KEY_FILE": str(EXAMPLE_KEY)},
        folder=tree,
        expect=1,
    )
    assert "everybody has" in refused.stderr
    assert (tree / "kustomize/overlays/home/secrets.enc.yaml").read_text() == before


@pytest.mark.parametrize("given", ["", "\n", "token\n", "token\nme@example.com\n\n"])
def test_seal_changes_nothing_when_an_answer_is_missing(
    tree: Path, environment: dict[str, str], given: str
) -> None:
    """Half the secrets are none."""
    before = (tree / "kustomize/overlays/home/secrets.enc.yaml").read_text()
    run(*script("seal"), given=given, environment=environment, folder=tree, expect=1)
    assert (tree / "kustomize/overlays/home/secrets.enc.yaml").read_text() == before


@pytest.mark.parametrize("pasted", [False, True], ids=["one by one", "pasted at once"])
def test_seal_shows_nothing_that_is_typed(tree: Path, environment: dict[str, str], pasted: bool) -> None:
    """On a terminal the answers are not echoed, not even those that come before their question."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tree)
        os.execvpe("bash", script("seal"), {**os.environ, **environment})
    shown = b""
    if pasted:
        shown += read_until(terminal, b"is shown.")
        os.write(terminal, b"".join(value.encode() + b"\n" for value in TYPED.values()))
    else:
        for value in TYPED.values():
            shown += read_until(terminal, b"): ")
            os.write(terminal, value.encode() + b"\n")
    shown += read_until(terminal, b"(without).")
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert status == 0
    assert opened(tree, environment) == TYPED
    assert not any(value.encode() in shown for value in TYPED.values())


def test_no_program_gets_a_secret_as_argument_or_variable(
    tree: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Everybody on the machine can read the arguments of a process."""
    spies, heard = tmp_path / "spies", tmp_path / "heard"
    spies.mkdir()
    for name in ("sops", "jq", "age-keygen", "sed", "grep", "dirname", "mkdir", "head"):
        spy = spies / name
        spy.write_text(f'#!/bin/sh\n{{ echo {name} "$@"; env; }} >> {heard}\nexec {program(name)} "$@"\n')
        spy.chmod(0o755)
    sealed(tree, {**environment, "PATH": f"{spies}:{os.environ['PATH']}"}, by=script("seal"))
    told = heard.read_text()
    assert "sops encrypt" in told
    assert not any(value in told for value in TYPED.values())


def test_apply_carries_the_secrets_sealed(cluster: Cluster) -> None:
    """Plain `kubectl apply -k` sends the overlay, and what it sends of the secrets is sealed."""
    run(
        program("kubectl"), "apply", "--validate=false", "-k", "kustomize/overlays/home",
        environment={"KUBECONFIG": str(cluster.kubeconfig)},
    )  # fmt: skip
    kinds = {kind for kind, _ in cluster.objects}
    assert kinds == {"Namespace", "ServiceAccount", "ConfigMap", "Deployment", "NetworkPolicy", "SopsSecret"}
    (template,) = cluster.objects["SopsSecret", "mailroom-secrets"]["spec"]["secretTemplates"]
    assert set(template["stringData"]) == set(SECRETS)
    assert all(value.startswith("ENC[AES256_GCM,") for value in template["stringData"].values())


@pytest.mark.parametrize(("overlay", "namespace"), [("home", "mailroom"), ("trial", "mailroom-trial")])
def test_deploy_does_without_the_operator(
    tree: Path, environment: dict[str, str], cluster: Cluster, overlay: str, namespace: str
) -> None:
    """The same overlay arrives, with a Secret of the three secrets in place of the SopsSecret."""
    program("kubectl")
    sealed(tree, environment, by=script("seal"))
    told = run(
        nix(), "run", f"path:{ROOT}#deploy", "--", overlay, "--validate=false",
        environment={**environment, "KUBECONFIG": str(cluster.kubeconfig)}, folder=tree,
    )  # fmt: skip
    kinds = [kind for kind, _ in cluster.objects]
    assert set(kinds) == {"Namespace", "Secret", "ServiceAccount", "ConfigMap", "Deployment", "NetworkPolicy"}
    assert kinds.index("Namespace") < kinds.index("Secret") < kinds.index("Deployment")
    secret = cluster.objects["Secret", "mailroom-secrets"]
    assert secret["metadata"]["namespace"] == namespace
    assert secret["stringData"] == TYPED
    assert not any(value in told.stdout + told.stderr for value in TYPED.values())


def test_deploy_leaves_no_file_behind(
    tree: Path, environment: dict[str, str], cluster: Cluster, tmp_path: Path
) -> None:
    """The opened secrets are in pipes only: no file anywhere below holds one, during or after."""
    sealed(tree, environment, by=script("seal"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    spies = tmp_path / "spies"
    spies.mkdir()
    spy = spies / "kubectl"  # when it is called to apply, what has been written so far is put aside
    spy.write_text(
        f'#!/bin/sh\n[ "$1" = apply ] && cp -r {scratch} {tmp_path}/seen\nexec {program("kubectl")} "$@"\n'
    )
    spy.chmod(0o755)
    run(
        *script("deploy", "home", "--validate=false"),
        environment={
            **environment,
            "KUBECONFIG": str(cluster.kubeconfig),
            "TMPDIR": str(scratch),
            "PATH": f"{spies}:{os.environ['PATH']}",
        },
        folder=tree,
    )
    assert ("Secret", "mailroom-secrets") in cluster.objects
    written = [*tree.rglob("*"), *scratch.rglob("*"), *(tmp_path / "seen").rglob("*")]
    assert not any(
        value.encode() in path.read_bytes() for path in written if path.is_file() for value in TYPED.values()
    )


def test_deploy_refuses_placeholders(tree: Path, environment: dict[str, str], cluster: Cluster) -> None:
    """The example's secrets are not applied by mistake."""
    refused = run(
        *script("deploy", "home", "--validate=false"),
        environment={
            **environment,
            "SOPS_AGE_KEY_FILE": str(EXAMPLE_KEY),
            "KUBECONFIG": str(cluster.kubeconfig),
        },
        folder=tree,
        expect=1,
    )
    assert "nothing was applied" in refused.stderr
    assert not cluster.objects


def test_deploy_applies_nothing_that_it_cannot_open(
    tree: Path, environment: dict[str, str], cluster: Cluster, tmp_path: Path
) -> None:
    """Without the right key the cluster stays as it is."""
    sealed(tree, environment, by=script("seal"))
    elsewhere = {**environment, "XDG_CONFIG_HOME": str(tmp_path / "elsewhere")}
    refused = run(
        *script("deploy", "home", "--validate=false"),
        environment={**elsewhere, "KUBECONFIG": str(cluster.kubeconfig)},
        folder=tree,
        expect=1,
    )
    assert "none of your age keys" in refused.stderr
    assert not cluster.objects


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A container registry on loopback, without TLS."""
    server = program("docker-registry")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    config = tmp_path / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path}/registry}}}}\nhttp: {{addr: '{address}'}}\n"
    )
    process = subprocess.Popen(
        [server, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        urllib3.request("GET", f"http://{address}/v2/", retries=urllib3.Retry(20, backoff_factor=0.02))
        yield address
    finally:
        process.terminate()
        process.wait()


@LINUX_ONLY
def test_push_sends_the_image_and_says_where_it_is(registry: str, tmp_path: Path) -> None:
    """It arrives under its digest, which is printed, and under each tag; again, the digest is the same."""
    program("skopeo")
    settings = tmp_path / ".config/containers/registries.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n')
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": cache}

    def pushed(*arguments: str) -> str:
        told = run(nix(), "run", f"path:{ROOT}#push", "--", *arguments, environment=environment)
        return told.stdout.strip()

    by_digest = pushed(f"{registry}/you/mailroom")
    assert re.fullmatch(rf"{re.escape(registry)}/you/mailroom@sha256:[0-9a-f]{{64}}", by_digest)
    assert pushed(f"{registry}/you/mailroom", "latest", "0123abc") == by_digest

    accepted = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    for reference in (by_digest.rpartition("@")[2], "latest", "0123abc"):
        url = f"http://{registry}/v2/you/mailroom/manifests/{reference}"
        answer = urllib3.request("GET", url, headers=accepted)
        assert answer.status == 200
        assert answer.headers["Docker-Content-Digest"] == by_digest.rpartition("@")[2]
