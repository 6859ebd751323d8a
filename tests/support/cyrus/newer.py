"""A newer Cyrus than this machine's Debian has: the packages of another release, unpacked beside it.

Nothing of the machine is changed, and nothing is installed: the programs run in a root of their own
(see `server.CyrusServer`). Members of groups, limits and event sources differ from version to version.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

SUITE = os.environ.get("NEWER_DEBIAN", "trixie")
"""Which release of Debian; `sid` has Cyrus 3.12, which offers Sieve scripts by the name of RFC 9661, too."""

PACKAGES = ("cyrus-imapd", "cyrus-caldav", "libc-bin", "coreutils", "bash", "util-linux")
ACCOUNT_FILES = ("passwd", "group")
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
DEFAULT_MIRROR = "http://deb.debian.org/debian"
UNPACK_TIMEOUT_SECONDS = 600.0


class UnavailableError(Exception):
    """The newer Cyrus cannot be had here; says why."""


@functools.cache
def newer_root() -> Path:
    """Return the folder with the newer Cyrus, unpacked once for all runs of this machine.

    Raises:
        UnavailableError: It cannot be unpacked or started here.
    """
    if os.geteuid() != 0:
        raise UnavailableError("the newer Cyrus runs in a root of its own, which only root may make")
    for program in ("apt-get", "dpkg-deb", "unshare", "chroot", "setpriv"):
        if shutil.which(program) is None:
            raise UnavailableError(f"{program}, which the newer Cyrus needs, is not installed")
    root = Path(tempfile.gettempdir()) / f"mailroom-{SUITE}-cyrus"
    if root.is_dir():
        return root
    with tempfile.TemporaryDirectory(prefix=f"{root.name}-") as work:
        try:
            _unpack(Path(work, "apt"), Path(work, "root"))
        except (subprocess.SubprocessError, OSError) as error:
            said = getattr(error, "stderr", None) or b""
            reason = said.decode(errors="replace").strip()[-300:] or str(error)
            raise UnavailableError(f"Debian {SUITE}'s Cyrus cannot be had: {reason}") from error
        with contextlib.suppress(OSError):  # another run may have been quicker
            Path(work, "root").rename(root)
    return root


def _unpack(state: Path, root: Path) -> None:
    """Let apt, with a state of its own, find what Cyrus needs, and unpack all of it."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(f"deb {_mirror()} {SUITE} main\n")
    settings = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state / "cache",
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    _run(*apt, "update")
    _run(*apt, "install", "--yes", "--download-only", *PACKAGES)
    root.mkdir(mode=0o755)
    for package in sorted((state / "cache/archives").glob("*.deb")):
        archive = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
        with archive:
            _run("tar", "-x", "-C", str(root), "--keep-directory-symlink", stdin=archive)
    for name in ACCOUNT_FILES:  # the user that Cyrus runs as is this machine's
        shutil.copy(Path("/etc", name), root / "etc" / name)


def _run(*command: str, stdin: subprocess.Popen[bytes] | None = None) -> None:
    source = stdin.stdout if stdin else subprocess.DEVNULL
    subprocess.run(command, stdin=source, capture_output=True, check=True, timeout=UNPACK_TIMEOUT_SECONDS)


def _mirror() -> str:
    """Return where this machine gets its Debian from."""
    for source in SOURCES:
        for line in source.read_text().splitlines() if source.exists() else ():
            if found := re.match(r"(?:URIs:|deb)\s.*?(https?://\S*debian\S*)", line):
                return found[1].rstrip("/")
    return DEFAULT_MIRROR
