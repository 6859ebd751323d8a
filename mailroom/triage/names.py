"""When two names that people read are the same."""

from __future__ import annotations

import unicodedata


def fold_name(name: str) -> str:
    """Return the form in which names are compared: case, white space and width do not count."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
