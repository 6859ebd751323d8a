"""`libraries.py FOLDER PROGRAM`: makes a folder need no shared library but its own.

The libraries that PROGRAM and the folder's extension modules load are copied into FOLDER/lib, loader and C
library included, and nothing else of their packages: no character sets and locales of glibc, no compiler's
runtimes. NixOS makes the programs of its first boot stage in the same way.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# what may be copied, without the version: a new one is for a person to judge
WANTED = {
    *(
        "ld-linux-aarch64",
        "ld-linux-x86-64",
        "libc",
        "libdl",
        "libm",
        "libpthread",
        "librt",
        "libutil",
    ),  # glibc
    *("libcrypt", "libcrypto", "libexpat", "libffi", "libgcc_s", "libmpdec", "libssl", "libz"),
    "libzstd",  # some builds of libcrypto compress certificates with it
}
# glibc loads it when a thread is ended, and aborts where it finds none. It looks only in folders that its
# build named, so the program loads it from the start, as nixpkgs links its programs to do.
OF_THREADS = "libgcc_s.so.1"
RESOLVED = re.compile(r"(\S+) => (.+) \(0x[0-9a-f]+\)")
STORE_HASH = re.compile(rb"(?<=/nix/store/)[0-9a-z]{32}(?=-)")
NO_HASH = b"e" * 32  # what nixpkgs' nuke-refs puts in a hash's place


def patchelf(*arguments: str | Path) -> str:
    """Run patchelf; return what it prints."""
    return subprocess.run(
        ["patchelf", *arguments], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def loaded(loader: Path, binary: Path) -> Iterator[tuple[str, Path]]:
    """Name and place of every library that the loader would load for a binary."""
    command = [str(loader), "--inhibit-cache", "--list", str(binary)]
    for line in subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
        if line.endswith("not found"):
            sys.exit(f"{binary}: {line.strip()}")
        if resolved := RESOLVED.fullmatch(line.strip()):
            yield Path(resolved[1]).name, Path(resolved[2])


def copied(source: Path, target: Path) -> Path:
    """Copy a library without what it knows of the places of other packages."""
    target.write_bytes(STORE_HASH.sub(NO_HASH, source.read_bytes()))
    target.chmod(0o755)
    return target


def main(folder: Path, program: Path) -> None:
    """Copy what is loaded into the folder, and let it be loaded from there."""
    libraries = folder / "lib"
    loader = Path(patchelf("--print-interpreter", program))
    patchelf("--add-needed", OF_THREADS, program)

    own = [program, *sorted(path for path in folder.rglob("*.so*") if not path.is_symlink())]
    copies = {loader.name: copied(loader, libraries / loader.name)}
    # the first of a name is taken, as the loader takes it: the program is loaded before its modules
    for binary in own:
        for name, place in loaded(loader, binary):
            if place.is_relative_to(folder) or name in copies:
                continue
            if name.partition(".so")[0] not in WANTED:
                sys.exit(f"{binary} brings a library that is new to the image: {place}")
            if not place.is_relative_to("/nix/store"):
                sys.exit(f"{binary} finds a library of the machine that builds: {place}")
            copies[name] = copied(place, libraries / name)

    patchelf("--set-interpreter", libraries / loader.name, program)
    for binary in [*own, *copies.values()]:
        # without a path of its own, a library wants nothing but what is loaded before it
        if binary in own or (binary.name != loader.name and patchelf("--print-rpath", binary)):
            patchelf("--set-rpath", libraries, binary)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
