"""The scripts of nix/, run as their Nix packages run them, without Nix."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.programs import ROOT, run

# what breaks careless quoting: a quote, a backslash, a dollar, a percent sign, a blank, letters beyond ASCII
TYPED = {
    "MAILROOM_JMAP_TOKEN": 'fmu1-"quoted"\\back',
    "MAILROOM_CARDDAV_USERNAME": "someone@example.com",
    "MAILROOM_CARDDAV_PASSWORD": "p%ss $HOME wörd",
}


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


def keys(environment: dict[str, str]) -> Path:
    return Path(environment["XDG_CONFIG_HOME"]) / "sops/age/keys.txt"
