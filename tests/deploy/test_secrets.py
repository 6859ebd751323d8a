"""Secrets are sealed, open only with the right key, and lie nowhere in the open."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mailroom.settings.variables import SECRETS
from tests.deploy.overlays import OVERLAYS
from tests.support.programs import (
    EXAMPLE_KEY,
    ROOT,
    module,
    program,
    rendered,
    run,
    tracked_files,
)

PLACEHOLDER = "placeholder-"
CHECK = ROOT / ".ci/plaintext-secrets"
SEALED = ROOT / "kustomize/overlays/home/secrets.enc.yaml"


def example_recipient() -> str:
    (line,) = (line for line in EXAMPLE_KEY.read_text().splitlines() if "public key: " in line)
    return line.rpartition(" ")[2]


def opened(text: str) -> dict[str, str]:
    """Open a sealed Secret or SopsSecret with the example's key, as the cluster would with its own."""
    decrypted = run(
        program("sops"),
        "decrypt",
        "--input-type",
        "yaml",
        "--output-type",
        "json",
        "/dev/stdin",
        given=text,
        environment={"SOPS_AGE_KEY_FILE": str(EXAMPLE_KEY)},
    ).stdout
    content = json.loads(decrypted)
    if content["kind"] == "Secret":
        template, name = content, content["metadata"]["name"]
    else:
        (template,) = content["spec"]["secretTemplates"]
        name = template["name"]
    assert name == "mailroom-secrets"
    values: dict[str, str] = template["stringData"]
    return values


@pytest.fixture
def still_the_example() -> None:
    if example_recipient() not in SEALED.read_text():
        pytest.skip("these secrets are sealed for somebody's own key, which is as it should be")


@pytest.mark.deploy
@pytest.mark.usefixtures("still_the_example")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_applied_opens_into_the_one_secret(overlay: str) -> None:
    """Real sops accepts what kubectl sends, seal included, and finds the token, which is enough."""
    yaml = module("yaml")
    (sent,) = (manifest for manifest in rendered(overlay) if "sops" in manifest)
    assert sent["kind"] == ("Secret" if overlay == "flux" else "SopsSecret")
    assert set(opened(yaml.safe_dump(sent, sort_keys=False))) == {SECRETS[0]}


@pytest.mark.deploy
@pytest.mark.usefixtures("still_the_example")
@pytest.mark.parametrize("overlay", ["home", "flux"])
def test_where_to_notify_is_sealed_beside_the_token(overlay: str, tmp_path: Path) -> None:
    """A line below the token, as docs/cluster.md says, is sealed, and opens where it is applied."""
    shutil.copytree(ROOT / "kustomize", tmp_path / "kustomize")
    shutil.copy(ROOT / ".sops.yaml", tmp_path)
    name, value = "MAILROOM_NOTIFY_URL", "https://ntfy.example/topic-of-mine"
    add = f"s|^( *)MAILROOM_JMAP_TOKEN: .*|&\\n\\1{name}: {value}|"
    file = f"kustomize/overlays/{overlay}/secrets.enc.yaml"
    environment = {"SOPS_AGE_KEY_FILE": str(EXAMPLE_KEY), "EDITOR": f"sed -E -i '{add}'"}
    run(program("sops"), "edit", file, environment=environment, folder=tmp_path)
    assert "topic-of-mine" not in (tmp_path / file).read_text()
    (sent,) = (manifest for manifest in rendered(overlay, tmp_path) if "sops" in manifest)
    values = opened(module("yaml").safe_dump(sent, sort_keys=False))
    assert values.keys() == {SECRETS[0], name}
    assert values[name] == value


@pytest.mark.deploy
def test_the_example_key_opens_placeholders_only() -> None:
    """Whatever in the tree is sealed for the key that everybody knows holds nothing of worth."""
    for path in tracked_files():
        if path.suffix == ".yaml" and "\nsops:" in (text := path.read_text()) and example_recipient() in text:
            assert all(value.startswith(PLACEHOLDER) for value in opened(text).values()), path


@pytest.mark.deploy
@pytest.mark.usefixtures("still_the_example")
def test_a_wrong_key_opens_nothing(tmp_path: Path) -> None:
    """The secrets are for their recipient alone."""
    key = tmp_path / "keys.txt"
    run(program("age-keygen"), "-o", key)
    refused = run(
        program("sops"), "decrypt", SEALED, environment={"SOPS_AGE_KEY_FILE": str(key)}, expect=None
    )
    assert refused.returncode != 0
    assert PLACEHOLDER not in refused.stdout


def test_nothing_in_the_tree_is_a_secret_in_the_open() -> None:
    """The check that also guards commits finds nothing in what Git publishes."""
    assert run(CHECK, ROOT).stderr == ""


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        (".env", "", "never published"),
        ("deep/below/.env.local", "", "never published"),
        ("kustomize/overlays/home/secrets.yaml", "", "never published"),
        ("my.agekey", "", "never published"),
        ("notes.md", "the token is fmu1-" + "0a1b2c3d-" + "0123456789abcdef" * 2, "Fastmail API token"),
        ("notes.md", "AGE-SECRET-" + "KEY-1" + "Q" * 58, "age key"),
        ("id", "-----BEGIN OPENSSH " + "PRIVATE KEY-----", "private key"),
        ("mailroom.env", "MAILROOM_" + "CARDDAV_PASSWORD=abcd1234efgh5678", "a value for"),
        ("run.sh", "export MAILROOM_" + "JMAP_TOKEN='abc'", "a value for"),
        ("a.yaml", "kind: Secret\nstringData:\n  KEY: aGVsbG8=\n", "KEY is not encrypted"),
        (
            "a.yaml",
            "kind: A\n---\nkind: SopsSecret\nspec:\n  - data:\n      KEY: x\n",
            "KEY is not encrypted",
        ),
    ],
)
def test_a_secret_in_the_open_is_found(tmp_path: Path, name: str, text: str, what: str) -> None:
    """Each kind of secret is named by its file and kind, and is not repeated."""
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    told = run(CHECK, tmp_path, expect=1).stderr
    assert told.startswith(name)
    assert what in told
    assert not text or text.rsplit(maxsplit=1)[-1] not in told


def test_where_a_secret_will_lie_is_none(tmp_path: Path) -> None:
    """A machine's configuration may name the file: it is there once the machine runs."""
    setting = "MAILROOM_" + "JMAP_TOKEN"
    (tmp_path / "system.nix").write_text(f'{setting} = "/run/secrets/token";\n')
    assert run(CHECK, tmp_path).stderr == ""
    (tmp_path / "system.nix").write_text(f'{setting} = "/home/me/token";\n')
    assert "a value for" in run(CHECK, tmp_path, expect=1).stderr


@pytest.mark.parametrize("name", [".env", "my.agekey", "keys.txt", "kustomize/overlays/home/secrets.yaml"])
def test_git_ignores_where_secrets_lie(name: str) -> None:
    """`git add .` takes none of them along."""
    if not (shutil.which("git") and (ROOT / ".git").exists()):
        pytest.skip("this is no Git checkout")
    run("git", "check-ignore", "--quiet", name)
