"""What is inside the image's store paths: the interpreter is the only program, whatever others are called."""

from __future__ import annotations

import io
import json
import shutil
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.programs import LINUX_ONLY, ROOT, run

pytestmark = LINUX_ONLY

RUNTIME, INTERPRETER, CERTIFICATES = (
    f"nix/store/{'0' * 32}-{name}" for name in ("mailroom-runtime-1.0", "slimmed-3.13.5", "nss-cacert-1.0")
)
PACKAGES = ("attrs", "cattrs", "environs", "urllib3", "vobject", "mailroom")
CONFIGURATION = {
    "created": "1970-01-01T00:00:01Z",
    "config": {
        "Env": [f"SSL_CERT_FILE=/{CERTIFICATES}/etc/ssl/certs/ca-bundle.crt"],
        "Entrypoint": [f"/{RUNTIME}/bin/python3", "-I", "-OO", "-m", "mailroom"],
        "User": "65532:65532",
        "ExposedPorts": {"8080/tcp": {}},
        "Labels": {
            f"org.opencontainers.image.{name}": "x" for name in ("source", "revision", "version", "licenses")
        },
    },
}


def head_of(program: str) -> bytes:
    """What a program of this machine begins with."""
    found = shutil.which(program)
    assert found, f"{program} is on this machine"
    with Path(found).resolve().open("rb") as file:
        return file.read(8_192)


def archive_of(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def listed(folder: Path, more: Mapping[str, bytes], expect: int) -> str:
    """Look at an image that is as it should be, and holds `more`; return what is said."""
    files = {
        **{f"{RUNTIME}/lib/site-packages/{x}-1.0.dist-info/METADATA": b"" for x in PACKAGES},
        f"{RUNTIME}/bin/python3": b"",
        f"{INTERPRETER}/bin/python3.13": head_of(sys.executable),
        f"{CERTIFICATES}/etc/ssl/certs/ca-bundle.crt": b"",
        **more,
    }
    manifest = [{"Config": "configuration.json", "Layers": ["layer.tar"]}]
    image = {
        "manifest.json": json.dumps(manifest).encode(),
        "configuration.json": json.dumps(CONFIGURATION).encode(),
        "layer.tar": archive_of(files),
    }
    (folder / "image.tar").write_bytes(archive_of(image))
    done = run(sys.executable, ROOT / "nix/image_content.py", folder / "image.tar", expect=expect)
    return done.stdout + done.stderr


def test_an_image_that_holds_what_it_should_is_listed(tmp_path: Path) -> None:
    """glibc's library names a loader too, and libraries of others have none."""
    more = {f"{INTERPRETER}/lib/libc.so.6": head_of("bash"), f"{INTERPRETER}/lib/libz.so.1": b"\x7fELF"}
    assert "slimmed-3.13.5" in listed(tmp_path, more, expect=0)


@pytest.mark.parametrize(
    "place",
    [
        f"{INTERPRETER}/lib/libhelper.so.1",
        f"{INTERPRETER}/bin/also_python3.13",
        f"{RUNTIME}/lib/libc.so.6",
        f"{RUNTIME}/lib/site-packages/urllib3/planted.py",
    ],
)
def test_a_program_inside_a_path_that_is_allowed_is_refused(tmp_path: Path, place: str) -> None:
    """A copied shell under any name, executable or not yet, is told by its place."""
    told = listed(tmp_path, {place: head_of("bash")}, expect=1)
    assert f"/{place}: the interpreter alone is a program of the image" in told


def test_a_static_program_is_refused_too(tmp_path: Path) -> None:
    """It names no loader; its type tells."""
    static = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + bytes(100)
    told = listed(tmp_path, {f"{INTERPRETER}/lib/libbox.so": static}, expect=1)
    assert "lib/libbox.so: the interpreter alone" in told


@pytest.mark.parametrize(("package", "is_known"), [("click", True), ("packaging", True), ("requests", False)])
def test_what_the_dependencies_need_may_come_along_and_nothing_else(
    tmp_path: Path, package: str, is_known: bool
) -> None:
    """By the versions of nixpkgs, two more packages are there; they are known by name."""
    more = {f"{RUNTIME}/lib/site-packages/{package}-1.0.dist-info/METADATA": b""}
    assert (package in listed(tmp_path, more, expect=0 if is_known else 1)) is not is_known
