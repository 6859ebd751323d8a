"""`image_content.py IMAGE.tar.gz` lists what an image holds, by the names of its store paths.

It fails when the image holds too much, or runs as it should not.
"""

import json
import re
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import IO, Any

from closure import STORE, WANTED, name_of

DEPENDENCIES = {"attrs", "cattrs", "environs", "urllib3", "vobject"}
THEIR_DEPENDENCIES = {"marshmallow", "python-dateutil", "python-dotenv", "pytz", "six", "typing-extensions"}
NOT_WANTED = re.compile(
    r"(ba|da|a|z|k|c|tc|fi)?sh|busybox|toybox|env|perl\d*|lua|"  # shells and other interpreters
    r"(pip|easy_install|apt|apt-get|dpkg|rpm|dnf|yum|apk|nix|npm|uv)[\d.-]*|"  # package managers
    r"(gcc|g\+\+|cc|c\+\+|cpp|clang|tcc)([\d-].*)?|ld|as|make|cmake|go|rustc|"  # compilers
    r"curl|wget|nc|ncat|socat|gdb|strace|sudo|su"  # what an intruder would reach for next
)


Files = Mapping[str, tarfile.TarInfo]


def opened(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """A file of the archive; KeyError where it is none."""
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file


def members(archive: tarfile.TarFile, layers: list[str]) -> dict[str, tarfile.TarInfo]:
    """Every file of the image by its absolute path; upper layers win."""
    found: dict[str, tarfile.TarInfo] = {}
    for layer in layers:
        with tarfile.open(fileobj=opened(archive, layer)) as files:
            for member in files:
                found["/" + member.name.removeprefix("./").strip("/")] = member
    return found


def store_paths(files: Files) -> set[str]:
    """The store paths that the files of the image lie in."""
    return {
        str(STORE / PurePosixPath(name).relative_to(STORE).parts[0])
        for name in files
        if name.startswith(f"{STORE}/")
    }


def of_files(files: Files) -> Iterator[str]:
    """What does not belong into the image, one sentence each."""
    for path in sorted(store_paths(files), key=name_of):
        if not WANTED.fullmatch(name_of(path)):
            yield f"{path}: {name_of(path)} is not among the names that the image may hold."
    for name, member in files.items():
        if not member.isdir() and not name.startswith(f"{STORE}/"):
            yield f"{name}: there is nothing outside of {STORE} in the image."
        executable = member.issym() or (not member.isdir() and member.mode & 0o111)
        if executable and NOT_WANTED.fullmatch(PurePosixPath(name).name):
            yield f"{name}: no such program belongs into the image."
        if member.mode & 0o6000:
            yield f"{name}: it would run with other rights than its caller's."
        if re.search(r"/(ensurepip|site-packages/(pip|setuptools|wheel))/", name):
            yield f"{name}: there is nothing to install in the image."

    distributions = (
        re.search(r"/site-packages/([^/]+?)-[^-/]+\.dist-info/METADATA$", name) for name in files
    )
    installed = {found_one[1].replace("_", "-").lower() for found_one in distributions if found_one}
    wanted = DEPENDENCIES | {"mailroom"}
    if installed - THEIR_DEPENDENCIES != wanted:
        yield f"Packages: {sorted(installed)}; wanted: {sorted(wanted)} and what these need."


def of_configuration(image: Mapping[str, Any], files: Files) -> Iterator[str]:
    """What would run otherwise than it should, one sentence each."""
    config = image["config"]
    variables = dict(variable.split("=", 1) for variable in config["Env"])
    if variables.get("SSL_CERT_FILE") not in files:
        yield f"SSL_CERT_FILE is no file of the image: {variables.get('SSL_CERT_FILE')}."
    if config["Entrypoint"][0] not in files or config["Entrypoint"][-2:] != ["-m", "mailroom"]:
        yield f"The entry point does not start Mailroom: {config['Entrypoint']}."
    if config.get("User") != "65532:65532":
        yield f"The user is {config.get('User')}, not 65532."
    if set(config.get("ExposedPorts", ())) != {"8080/tcp"}:
        yield f"The ports are {config.get('ExposedPorts')}, not 8080 alone."
    labels = {key.removeprefix("org.opencontainers.image.") for key in config.get("Labels", ())}
    missing = {"source", "revision", "version", "licenses"} - labels
    yield from (f"The label {name} is missing." for name in sorted(missing))
    if not image["created"].startswith("1970-01-01T00:00:01"):
        yield f"The image tells when it was built: {image['created']}."


def main(image_archive: str) -> str | None:
    """List the image's store paths, or return what is wrong with it."""
    with tarfile.open(image_archive) as archive:
        manifest = json.load(opened(archive, "manifest.json"))[0]
        image = json.load(opened(archive, manifest["Config"]))
        files = members(archive, manifest["Layers"])
    if found := [*of_files(files), *of_configuration(image, files)]:
        return "\n".join(found)
    for path in sorted(store_paths(files), key=name_of):
        size = sum(member.size for name, member in files.items() if name.startswith(f"{path}/"))
        print(f"{size / 1e6:6.1f} MB unpacked  {name_of(path)}")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
