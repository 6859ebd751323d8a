"""The image, run as the cluster would run it, against an account served on loopback."""

from __future__ import annotations

import gzip
import json
import socket
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mailroom import __version__
from mailroom.settings.variables import PUBLIC_DEFAULTS
from tests.support.accounts import furnish, groups_of, label
from tests.support.containers import Container, entry_point, load, run_once, write_archive
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.programs import LINUX_ONLY, ROOT, program, run

pytestmark = [pytest.mark.deploy, LINUX_ONLY]

MAX_COMPRESSED_BYTES = 17_000_000
STORE_PATHS = {"mailroom-runtime", "nss-cacert", "slimmed"}
PREFIX = "org.opencontainers.image."


@pytest.fixture(scope="module")
def archive(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as a plain archive."""
    path = tmp_path_factory.mktemp("image") / "mailroom.tar"
    write_archive(f"path:{published}", path)
    return path


@pytest.fixture(scope="module")
def image(archive: Path) -> Iterator[str]:
    """The image's id in podman's store."""
    program("podman")
    loaded = load(archive)
    yield loaded
    run(program("podman"), "rmi", "--force", loaded, expect=None)


@pytest.fixture
def account() -> Iterator[AccountOnSandbox]:
    with closing(AccountOnSandbox()) as account:
        furnish(account)
        yield account


@pytest.fixture
def environment(account: AccountOnSandbox) -> dict[str, str]:
    """What a pod gets: the ConfigMap's keys and the Secret's, here with the sandbox's addresses."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = {"MAILROOM_POLL_INTERVAL": "1", "MAILROOM_HEALTH_HOST": "127.0.0.1"}
    return {**PUBLIC_DEFAULTS, **account.environment, **own, "MAILROOM_HEALTH_PORT": str(port)}


def read(archive: tarfile.TarFile, name: str) -> bytes:
    """Return what a file of the archive holds."""
    file = archive.extractfile(name)
    assert file is not None, f"{name} is no file"
    return file.read()


def configuration(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive) as files:
        manifest = json.loads(read(files, "manifest.json"))[0]
        loaded: dict[str, Any] = json.loads(read(files, manifest["Config"]))
    return loaded


def test_the_image_holds_what_it_should_and_no_more(archive: Path) -> None:
    """No shell, no package manager, no compiler, no pip; Mailroom, its dependencies, certificates."""
    listed = run("python3", ROOT / "nix/image_content.py", archive).stdout
    assert {line.split()[-1].rpartition("-")[0] for line in listed.splitlines()} == STORE_PATHS


@pytest.mark.parametrize(
    "intruder",
    [
        "bin/bash",
        "usr/bin/apt-get",
        "x/site-packages/pip/__init__.py",
        "etc/motd",
        "nix/store/00000000000000000000000000000000-tool-1.0",
    ],
)
def test_the_check_of_the_content_finds_intruders(archive: Path, tmp_path: Path, intruder: str) -> None:
    """The check that guards the image's content fails for an image with a stranger in it."""
    changed = tmp_path / "changed.tar"
    layer = tmp_path / "layer.tar"
    with tarfile.open(layer, "w") as added:
        member = tarfile.TarInfo(intruder)
        member.mode = 0o755
        added.addfile(member)
    with tarfile.open(archive) as old, tarfile.open(changed, "w") as new:
        for member in old:
            data = read(old, member.name)
            if member.name == "manifest.json":
                manifest = json.loads(data)
                manifest[0]["Layers"].append("layer.tar")
                data = json.dumps(manifest).encode()
            path = tmp_path / "member"
            path.write_bytes(data)
            new.add(path, arcname=member.name)
        new.add(layer, arcname="layer.tar")
    refused = run("python3", ROOT / "nix/image_content.py", changed, expect=1)
    assert intruder in refused.stderr


def test_the_image_is_small(archive: Path) -> None:
    """At most 17 MB travel to a node that has none of its layers."""
    with tarfile.open(archive) as files:
        layers = json.loads(read(files, "manifest.json"))[0]["Layers"]
        sizes = [len(gzip.compress(read(files, layer), 6)) for layer in layers]
    print(f"image: {sum(sizes) / 1e6:.1f} MB compressed, in {len(sizes)} layers")
    assert sum(sizes) <= MAX_COMPRESSED_BYTES


def test_the_image_says_what_it_is(archive: Path) -> None:
    """The OCI labels name source, revision, version and licence; the moment of the build is not told."""
    image = configuration(archive)
    config = image["config"]
    labels = {key.removeprefix(PREFIX): value for key, value in config["Labels"].items()}
    assert labels["source"].startswith("https://github.com/")
    assert labels["version"] == __version__
    assert labels["licenses"] == "MIT"
    assert labels["revision"]
    assert image["created"] == "1970-01-01T00:00:01Z"
    assert config["User"] == "65532:65532"


def test_a_second_image_has_the_same_digest(published: Path, archive: Path, tmp_path: Path) -> None:
    """Streamed again, the image is the same to the last byte."""
    again = tmp_path / "again.tar"
    write_archive(f"path:{published}", again)
    assert again.read_bytes() == archive.read_bytes()


def test_the_demo_runs_inside(image: str) -> None:
    """The whole program works with a read-only root, without /tmp, capabilities or a name for its user."""
    shown = run_once(image, "demo")
    assert "Traceback" not in shown.stderr
    assert shown.stdout.strip()


def test_the_certificates_are_where_they_are_looked_for(image: str) -> None:
    """TLS connections are verified against the CA certificates of the image."""
    python, *_ = entry_point(image)
    count = "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"
    told = run_once(image, "-I", "-c", count, options=[f"--entrypoint={python}"])
    assert int(told.stdout) > 100


def test_a_thread_left_behind_does_not_spoil_the_end(image: str) -> None:
    """Threads that are still at work when the program ends are ended with it; glibc loads libgcc_s for it."""
    python, *_ = entry_point(image)
    busy = (
        "import threading\n"
        "all_at_work = threading.Barrier(21)\n"
        "def work():\n    all_at_work.wait()\n    while True: threading.Event().wait(0.0001)\n"
        "for _ in range(20): threading.Thread(target=work, daemon=True).start()\n"
        "all_at_work.wait()"
    )
    ended = run_once(image, "-I", "-c", busy, options=[f"--entrypoint={python}"])
    assert ended.stderr == ""


def test_text_is_utf_8(image: str) -> None:
    """Without a locale of glibc in the image, names of senders are written as they are."""
    python, *_ = entry_point(image)
    told = run_once(image, "-I", "-c", "print('Zoë Łukasz 山田')", options=[f"--entrypoint={python}"])
    assert told.stdout == "Zoë Łukasz 山田\n"


def test_names_of_hosts_are_looked_up(image: str) -> None:
    """glibc finds addresses without a file of its package: what it needs for that is in the C library."""
    python, *_ = entry_point(image)
    ask = "import socket; print({found[4][0] for found in socket.getaddrinfo('mail.example', 443)})"
    options = [f"--entrypoint={python}", "--add-host=mail.example:192.0.2.1"]
    assert run_once(image, "-I", "-c", ask, options=options).stdout == "{'192.0.2.1'}\n"


def test_the_service_works_as_in_the_cluster(
    image: str, account: AccountOnSandbox, environment: dict[str, str]
) -> None:
    """It starts, is well, files a labelled message's sender, and ends with SIGTERM, all as restricted."""
    message = account.receive([("News", "news@letters.example")], "Screener")
    with Container(image, "run", environment=environment) as container:
        container.wait_for(lambda: "service_started" in container.events(), "service_started")
        container.wait_for(lambda: container.healthz()[0] == 200, "a healthy answer")
        assert container.healthz()[1]["status"] == "ok"

        label(account, message, "@ToFeed")
        container.wait_for(lambda: "sender_filed" in container.events(), "the triage")
        container.wait_for(lambda: account.mailboxes_of(message) == {"Feed"}, "the sweep")
        assert groups_of(account, "news@letters.example") == ["Feed"]
        assert container.healthz()[0] == 200

        assert container.terminate() == 0
        # in either order: the stop waits for no line of the log
        assert set(container.events()[-2:]) == {"service_stopping", "service_stopped"}


def test_no_secret_is_told(image: str, account: AccountOnSandbox, environment: dict[str, str]) -> None:
    """Not even at debug level does the log repeat what the Secret holds."""
    with Container(image, environment={**environment, "MAILROOM_LOG_LEVEL": "debug"}) as container:
        container.wait_for(lambda: "poll_complete" in container.events(), "a cycle")
        container.terminate()
        told = json.dumps(container.logs())
    assert environment["MAILROOM_JMAP_TOKEN"] not in told
    assert environment["MAILROOM_CARDDAV_PASSWORD"] not in told


def test_missing_secrets_end_it_with_one_clear_line(image: str, environment: dict[str, str]) -> None:
    """A pod without its Secret says which variables are missing, all at once."""
    without = {name: value for name, value in environment.items() if "JMAP_TOKEN" not in name}
    without.pop("MAILROOM_CARDDAV_PASSWORD")
    ended = run_once(image, "run", environment=without, expect=1)
    assert "MAILROOM_JMAP_TOKEN" in ended.stderr
    assert "MAILROOM_CARDDAV_PASSWORD" in ended.stderr
    assert "Traceback" not in ended.stderr
