"""The steps from a checkout to a cluster: seal, push, apply or deploy."""

from __future__ import annotations

import os
import pty
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.deploy.scripts import TYPED, keys, script, sealed
from tests.support.programs import (
    EXAMPLE_KEY,
    LINUX_ONLY,
    module,
    nix,
    program,
    read_until,
    rendered,
    run,
    the,
)

pytestmark = pytest.mark.deploy


def opened(tree: Path, environment: dict[str, str]) -> dict[str, str]:
    text = run(
        program("sops"), "decrypt", "kustomize/overlays/home/secrets.enc.yaml",
        environment=environment, folder=tree,
    ).stdout  # fmt: skip
    manifest: dict[str, Any] = module("yaml").safe_load(text)
    (template,) = manifest["spec"]["secretTemplates"]
    values: dict[str, str] = template["stringData"]
    return values


def test_seal_makes_a_key_and_seals_what_was_typed(
    published: Path, tree: Path, environment: dict[str, str]
) -> None:
    """Three answers become the overlay's three secrets, letter by letter, for a key of the person's own."""
    told = sealed(tree, environment, by=[nix(), "run", f"path:{published}#seal"])
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


def test_one_secret_is_enough_where_no_user_name_is_typed(tree: Path, environment: dict[str, str]) -> None:
    """Enter in its place: the token alone is sealed, no password is asked for, and what went is told."""
    token = TYPED["MAILROOM_JMAP_TOKEN"]
    sealed(tree, environment, by=script("seal"))
    told = run(*script("seal"), given=f"{token}\n\n", environment=environment, folder=tree).stderr
    assert "MAILROOM_CARDDAV_PASSWORD (Settings" not in told
    assert "not any more: MAILROOM_CARDDAV_PASSWORD, MAILROOM_CARDDAV_USERNAME." in told
    assert opened(tree, environment) == {"MAILROOM_JMAP_TOKEN": token}


def test_half_of_a_pair_is_not_sealed(tree: Path, environment: dict[str, str]) -> None:
    """Who types a user name is asked for the password, and an empty one seals nothing."""
    file = tree / "kustomize/overlays/home/secrets.enc.yaml"
    before = file.read_bytes()
    given = "fmu1-a\nsomeone@example.com\n\n"
    refused = run(*script("seal"), given=given, environment=environment, folder=tree, expect=1)
    assert "MAILROOM_CARDDAV_PASSWORD" in refused.stderr
    assert "is empty" in refused.stderr
    assert file.read_bytes() == before


def test_seal_says_what_else_was_sealed_there(tree: Path, environment: dict[str, str]) -> None:
    """Where to notify is not among its questions: that it is gone, and how it comes back, is told."""
    file = "kustomize/overlays/home/secrets.enc.yaml"
    assert "sops edit" not in sealed(tree, environment, by=script("seal")).stderr
    add = "s|^( *)MAILROOM_JMAP_TOKEN: .*|&\\n\\1MAILROOM_NOTIFY_URL: https://ntfy.example/topic|"
    editor = {**environment, "EDITOR": f"sed -E -i '{add}'"}
    run(program("sops"), "edit", file, environment=editor, folder=tree)
    told = sealed(tree, environment, by=script("seal")).stderr
    assert "not any more: MAILROOM_NOTIFY_URL. To put it back: sops edit " + file in told
    assert opened(tree, environment) == TYPED


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
def test_push_sends_the_image_and_says_where_it_is(published: Path, registry: str, tmp_path: Path) -> None:
    """It arrives under its digest, which is printed, and under each tag; again, the digest is the same."""
    program("skopeo")
    settings = tmp_path / ".config/containers/registries.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n')
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": cache}

    def pushed(*arguments: str) -> str:
        told = run(nix(), "run", f"path:{published}#push", "--", *arguments, environment=environment)
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
