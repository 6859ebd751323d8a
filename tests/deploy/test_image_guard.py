"""Nothing gets into the image unseen: what is not among the names that it may hold fails its build."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.containers import load, run_once, write_archive
from tests.support.programs import LINUX_ONLY, ROOT, nix, program, run, write_flake_about

pytestmark = [pytest.mark.deploy, LINUX_ONLY]

REFUSED = "The image would hold what is not among the names that it may hold:"


@pytest.fixture(scope="module")
def planted(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flake that changes what the image is made from."""
    folder = tmp_path_factory.mktemp("planted")
    write_flake_about(published, "planted", folder)
    return folder


def refusal(planted: Path, name: str, what: str = "image") -> str:
    """Build one of the images, which must fail; return what was said."""
    attribute = {"image": name, "stream": f"{name}.stream"}[what]
    return run(nix(), "build", "-L", "--no-link", f"path:{planted}#{attribute}", expect=1).stderr


@pytest.mark.parametrize(
    ("name", "intruder"),
    [("shell", "bash-"), ("compiler", "gcc-15.2.0"), ("python", "python3-3.")],
)
def test_an_intruder_is_refused_by_name(planted: Path, name: str, intruder: str) -> None:
    """A shell, a compiler and a second python fail the build; it says who brought them, and in which file."""
    told = refusal(planted, name)
    assert REFUSED in told
    (line,) = [line for line in told.splitlines() if f"  {intruder}" in line and "brought by" in line]
    assert "brought by mailroom-runtime-" in line
    assert "(lib/planted)" in line


def test_what_streams_the_image_is_refused_too(planted: Path) -> None:
    """`nix run .#push` does not build the archive: what it sends waits for the same guard."""
    assert REFUSED in refusal(planted, "shell", "stream")


def test_what_an_intruder_brings_is_named_with_it(planted: Path) -> None:
    """The whole closure is looked at; who came along is told apart from who brought it."""
    told = refusal(planted, "indirect")
    assert "  tool-1.0, brought by mailroom-runtime-" in told
    assert any("  bash-" in line and line.endswith(", with tool-1.0") for line in told.splitlines())


def test_what_the_configuration_brings_is_refused(planted: Path) -> None:
    """A path that only a variable of the image names is in the image as well."""
    assert "  tool-1.0, brought by the configuration" in refusal(planted, "certificates")


def test_a_script_of_the_interpreter_is_refused(planted: Path) -> None:
    """A shell that a file of the interpreter names is found through the runtime, whatever its package."""
    told = refusal(planted, "script")
    assert "brought by mailroom-runtime-" in told
    assert "-> slimmed-" in told
    assert "ctypes/script" in told


def test_a_library_that_is_new_is_refused(planted: Path) -> None:
    """Libraries are copied out of their packages: each must be known by name, and who loads it is told."""
    told = refusal(planted, "library")
    assert "also_lzma" in told
    assert "liblzma.so.5" in told
    assert "brings a library that is new to the image" in told


def test_an_interpreter_linked_as_in_nixpkgs_brings_nothing_along(planted: Path, tmp_path: Path) -> None:
    """The compiler's libraries, places that a library knows, and how it was built stay away; it runs."""
    archive = tmp_path / "image.tar"
    write_archive(f"path:{planted}", archive, "asNixpkgsLinks")
    listed = run("python3", ROOT / "nix/image_content.py", archive).stdout
    assert [line.split()[-1].rpartition("-")[0] for line in listed.splitlines()] == [
        "mailroom-runtime",
        "nss-cacert",
        "slimmed",
    ]
    program("podman")
    image = load(archive)
    try:
        assert "Traceback" not in run_once(image, "demo").stderr
    finally:
        run(program("podman"), "rmi", "--force", image, expect=None)
