"""JSON for programs: written in one place, on one line or indented for people too."""

from __future__ import annotations

import json


def json_line(value: object, *, in_ascii: bool = True) -> str:
    """Return a value as one line, without its end.

    Args:
        in_ascii: Whether to escape what is outside ASCII, for whoever may not take it.
    """
    return json.dumps(value, ensure_ascii=in_ascii)


def json_text(value: object, *, in_ascii: bool = False) -> str:
    """Return a value in indented lines, the last of them ended."""
    return json.dumps(value, ensure_ascii=in_ascii, indent=2) + "\n"
