"""The settings for the NixOS module: `python -m tests.support.nix_settings` writes nix/settings.json."""

from __future__ import annotations

import json
from typing import Any

from mailroom.settings.variables import (
    BOUNDS,
    OPTIONAL_SECRETS,
    OTHER_DEFAULTS,
    PUBLIC_DEFAULTS,
    SECRETS,
    WORDS,
    default_of,
)
from tests.support.programs import ROOT

TABLE = ROOT / "nix/settings.json"


def described(name: str) -> dict[str, Any]:
    """Return a setting's default, of the type that it has, and what it may be."""
    default = default_of(name)
    if name in WORDS:
        return {"default": default, "oneOf": list(WORDS[name])}
    if name in BOUNDS:
        is_whole = all(isinstance(bound, int) for bound in BOUNDS[name])
        return {"default": json.loads(default), "between": list(BOUNDS[name]), "isWhole": is_whole}
    return {"default": default == "true" if default in ("true", "false") else default}


def table() -> str:
    """Return the whole of the file."""
    settings = {name: described(name) for name in sorted((*PUBLIC_DEFAULTS, *OTHER_DEFAULTS))}
    token, *for_carddav = SECRETS
    optional = (*for_carddav, *OPTIONAL_SECRETS)
    content = {"settings": settings, "secrets": [token], "optionalSecrets": optional}
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), "utf-8")
