"""Headers in the forms that ``header:Name:asForm:all`` asks for (RFC 8621 section 4.1.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from mailroom.sandbox.store.messages import Message

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_COMMENT = re.compile(r"\([^()]*\)")
_URL = re.compile(r"<([^<>]*)>")


def as_raw(value: str) -> str:
    """Return what stands behind the colon, just as it stands (section 4.1.2.1)."""
    return f" {value}"


def as_text(value: str) -> str:
    """Return it unfolded and decoded (section 4.1.2.2)."""
    unfolded = _FOLD.sub("", value).strip()
    try:
        return str(make_header(decode_header(unfolded)))
    except (HeaderParseError, LookupError, UnicodeError):
        return unfolded


def as_urls(value: str) -> list[str] | None:
    """Return the URLs of a field of RFC 2369 (section 4.1.2.7); None where it holds none."""
    return [re.sub(r"\s", "", url) for url in _URL.findall(_COMMENT.sub("", value))] or None


_FORMS: Mapping[str, Callable[[str], Any]] = {"": as_raw, ":asText": as_text, ":asURLs": as_urls}
_ALLOWED = {
    "List-Id": ("", ":asText"),
    "List-Post": ("", ":asURLs"),
    "List-Unsubscribe": ("", ":asURLs"),
}


def header_properties() -> dict[str, Callable[[Message], Any]]:
    """Return how each property that asks for a header is read: of several fields the last, or all."""
    found: dict[str, Callable[[Message], Any]] = {}
    for name, forms in _ALLOWED.items():
        for form in forms:
            found[f"header:{name}{form}"] = _last(name, _FORMS[form])
            found[f"header:{name}{form}:all"] = _all(name, _FORMS[form])
    return found


def _last(name: str, form: Callable[[str], Any]) -> Callable[[Message], Any]:
    def read(message: Message) -> Any:
        values = message.field_values(name)
        return form(values[-1]) if values else None

    return read


def _all(name: str, form: Callable[[str], Any]) -> Callable[[Message], Any]:
    return lambda message: [form(value) for value in message.field_values(name)]
