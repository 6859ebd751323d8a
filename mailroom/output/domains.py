"""International domains as people write them, where nobody is misled by that."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_A_LABEL: Final = "xn--"
# What is to be typed into a search stays as the server has it, and so does a quoted local part.
_KEPT_OR_DOMAIN = re.compile(
    r"\bfrom:\S+"
    r'|"(?:[^"\\]|\\.)*"@'
    r"|(?<![^\s@<(\"“/])(?:[a-z0-9-]+\.)*xn--[a-z0-9-]+(?:\.[a-z0-9-]+)*"
    r"(?=\.?(?:$|[\s,;:)>\]\"”]))"  # a longer label, which servers may allow, is another one
)


def with_readable_domains(text: str) -> str:
    """Return the text with its A-labels (RFC 5890 section 2.3.2.1) in the letters that they stand for.

    A domain in letters of several scripts stays as it is: with a Cyrillic letter among Latin ones, or
    before ``.com``, it could pass for another.
    """
    return _KEPT_OR_DOMAIN.sub(lambda found: _readable(found[0]), text) if _A_LABEL in text else text


def _readable(found: str) -> str:
    if found.startswith(("from:", '"')):
        return found
    decoded = ".".join(map(_decoded, found.split(".")))
    return decoded if len(_scripts(decoded)) == 1 else found


def _decoded(label: str) -> str:
    """Return what an A-label stands for; itself where it stands for nothing, or is not its only form."""
    if not label.startswith(_A_LABEL):
        return label
    encoded = label.removeprefix(_A_LABEL)
    try:
        decoded = encoded.encode().decode("punycode")
    except UnicodeError:
        return label
    plain = unicodedata.normalize("NFC", decoded.lower())
    is_fit = plain == decoded and plain.isprintable() and not plain.isascii()
    return decoded if is_fit and plain.encode("punycode").decode() == encoded else label


def _scripts(domain: str) -> set[str]:
    """Return the scripts of its letters, by the first word of their names; a hyphen or digit has none."""
    return {unicodedata.name(c, "?").split()[0] for c in domain if c.isalpha() or not c.isascii()}
