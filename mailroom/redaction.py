"""The last line of defence for secrets: they are struck out of whatever the process prints.

Mailroom never puts a secret into a message, but a server may send one back in an error, and an
exception may quote it.
"""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote, quote_plus

MIN_SECRET_CHARACTERS = 6
"""Shorter ones could be anything; striking them out would only spoil the text."""

STRUCK_OUT = "[secret]"

_forms: set[str] = set()
_pattern = re.compile(r"(?!)")


def conceal(*secrets: str) -> None:
    """Strike these out of all texts from now on, also where they are encoded."""
    global _pattern  # noqa: PLW0603 - one process, one set of secrets
    for secret in secrets:
        if len(secret) >= MIN_SECRET_CHARACTERS:
            _forms.update(_encodings(secret))
    if _forms:
        longest_first = sorted(_forms, key=len, reverse=True)
        _pattern = re.compile("|".join(map(re.escape, longest_first)))


def redact(text: str) -> str:
    """Return the text without secrets."""
    return _pattern.sub(STRUCK_OUT, text)


def _encodings(secret: str) -> set[str]:
    encoded = secret.encode("utf-8", "surrogateescape")
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(encoded, safe=""),
        quote(encoded),
        quote_plus(encoded),
        base64.b64encode(encoded).decode().rstrip("="),
        base64.urlsafe_b64encode(encoded).decode().rstrip("="),
    }
