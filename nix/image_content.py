"""`image_content.py IMAGE.tar.gz` lists what an image holds, by the names of its store paths.

It fails when the image holds too much, or runs as it should not.
"""

import json
import re
import struct
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import IO, Any

from closure import STORE, WANTED, name_of

DEPENDENCIES = {"attrs", "cattrs", "environs", "urllib3", "vobject"}
THEIR_DEPENDENCIES = {
    *("marshmallow", "python-dateutil", "python-dotenv", "pytz", "six", "typing-extensions"),
    "click",  # of python-dotenv's command line, which nixpkgs may count among what the library needs
    "packaging",  # of marshmallow before version 4
}
# What the kernel may start: the interpreter, and glibc's own library, which tells its version when it is run.
PROGRAM = re.compile(rf"{STORE}/[^/]+-slimmed-[^/]+/(bin/python3\.\d+|lib/libc\.so\.6)")
HEAD_BYTES = 4096
ET_EXEC = 2  # elf(5): a program at a fixed address, as static ones are
PT_INTERP = 3  # elf(5): the program header that names who loads the program
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


def members(archive: tarfile.TarFile, layers: list[str]) -> tuple[dict[str, tarfile.TarInfo], set[str]]:
    """Every file of the image by its absolute path, and which of them are programs; upper layers win."""
    found: dict[str, tarfile.TarInfo] = {}
    programs: set[str] = set()
    for layer in layers:
        with tarfile.open(fileobj=opened(archive, layer)) as files:
            for member in files:
                name = "/" + member.name.removeprefix("./").strip("/")
                found[name] = member
                programs.discard(name)
                if (member.isreg() or member.islnk()) and is_program(
                    opened(files, member.name).read(HEAD_BYTES)
                ):
                    programs.add(name)
    return found, programs


def is_program(head: bytes) -> bool:
    """Whether a file that begins so is more than a library, whatever its name and mode are.

    An ELF file is a program where it names its loader, or needs none because it lies at a fixed address.
    """
    if len(head) < 64 or not head.startswith(b"\x7fELF"):
        return False
    order = "<" if head[5] == 1 else ">"
    if struct.unpack_from(f"{order}H", head, 16) == (ET_EXEC,):
        return True
    if head[4] == 2:  # 64 bits
        (start,), (size, count) = (
            struct.unpack_from(f"{order}Q", head, 32),
            struct.unpack_from(f"{order}HH", head, 54),
        )
    else:
        (start,), (size, count) = (
            struct.unpack_from(f"{order}I", head, 28),
            struct.unpack_from(f"{order}HH", head, 42),
        )
    kinds = (head[at : at + 4] for at in range(start, start + size * count, size or 1))
    return struct.pack(f"{order}I", PT_INTERP) in kinds


def store_paths(files: Files) -> set[str]:
    """The store paths that the files of the image lie in."""
    return {
        str(STORE / PurePosixPath(name).relative_to(STORE).parts[0])
        for name in files
        if name.startswith(f"{STORE}/")
    }


def of_programs(programs: set[str]) -> Iterator[str]:
    """Which programs do not belong into the image, one sentence each; of a shell the name may be any."""
    for name in sorted(programs):
        if not PROGRAM.fullmatch(name):
            yield f"{name}: the interpreter alone is a program of the image, and this is another one."


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
    if config["Entrypoint"][0] not in files or config["Entrypoint"][1:] != ["-I", "-OO", "-m", "mailroom"]:
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
        files, programs = members(archive, manifest["Layers"])
    if found := [*of_files(files), *of_programs(programs), *of_configuration(image, files)]:
        return "\n".join(found)
    for path in sorted(store_paths(files), key=name_of):
        size = sum(member.size for name, member in files.items() if name.startswith(f"{path}/"))
        print(f"{size / 1e6:6.1f} MB unpacked  {name_of(path)}")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
