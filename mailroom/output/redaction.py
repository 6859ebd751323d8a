"""The last line of defence: what the process shows holds no secret and steers no terminal.

Mailroom never puts a secret into a message, but a server may send one back in an error, and an
exception may quote it: whole or cut short, encoded once or twice, broken over lines.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator

from attrs import frozen

MIN_SECRET_CHARACTERS = 6
"""Shorter ones could be anything; striking them out would only spoil the text."""

TELLING_CHARACTERS = 12
"""So much of a longer secret is struck out even where the rest is missing."""

MAX_EXAMINED_CHARACTERS = 16_384
"""More than anybody reads; striking out takes some hundred bytes of memory for each."""

STRUCK_OUT = "[secret]"

_MAX_DECODINGS = 3
_INVISIBLE = r"\s\x00-\x1f\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff"
_BREAK = re.compile(f"[{_INVISIBLE}]+")
# A plus may stand for a space (quote_plus), and quoting adds backslashes: neither counts.
_IGNORED = re.compile(rf"[{_INVISIBLE}\\+]+")
_ESCAPE = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+"
    r"|\\{1,8}u[dD][89abAB][0-9a-fA-F]{2}\\{1,8}u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?:\\{1,8}x[0-9a-fA-F]{2})+"
    r"|\\{1,8}(?:u[0-9a-fA-F]{4}|[nrt])"
    r"|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?"
)

_parts: dict[int, set[str]] = {}
"""What must not be shown, by its length: whole secrets, and all parts of longer ones that tell too much."""


def conceal(*secrets: str) -> None:
    """Strike these out of all texts from now on, also where they are encoded, broken or cut."""
    for secret in secrets:
        if len(secret) >= MIN_SECRET_CHARACTERS:
            for form in _forms(secret):
                size = min(len(form), TELLING_CHARACTERS)
                parts = {form[start : start + size] for start in range(len(form) - size + 1)}
                _parts.setdefault(size, set()).update(parts)


def forget_secrets() -> None:
    """Strike out nothing any more: for tests, each of which has secrets of its own."""
    _parts.clear()


def redact(text: str) -> str:
    """Return the text without secrets."""
    if not _ESCAPE.search(text) and not any(_hits(_IGNORED.sub("", text))):
        return text
    tells = bytearray(len(text))
    for view in _views(text):
        kept = view.without(_IGNORED)
        for start, end in _hits(kept.text):
            first, last = kept.spans[start][0], kept.spans[end - 1][1]
            tells[first:last] = b"\1" * (last - first)
    pieces, at = [], 0
    for run in re.finditer(b"\1+", tells):
        pieces += [text[at : run.start()], STRUCK_OUT]
        at = run.end()
    return "".join([*pieces, text[at:]])


def presentable(text: str) -> str:
    """Return what somebody else said as it may be shown: without secrets and in one printable line.

    Control characters, those that turn the direction of writing, and halves of surrogate pairs become
    spaces: a terminal would obey them, and not every encoding has them. What is longer than
    `MAX_EXAMINED_CHARACTERS` ends in an ellipsis.
    """
    if len(text) > MAX_EXAMINED_CHARACTERS:
        text = f"{text[:MAX_EXAMINED_CHARACTERS]}…"
    text = redact(text)
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


@frozen
class _View:
    """A reading of a text, and for each of its characters which part of the text it stands for."""

    text: str
    spans: list[tuple[int, int]]

    def without(self, ignored: re.Pattern[str]) -> _View:
        """Leave out what `ignored` matches."""
        return self._replace(ignored, lambda _: "")

    def decoded(self) -> _View:
        """Undo one layer of escapes; each of the characters that one stands for has its whole span."""
        return self._replace(_ESCAPE, _unescape)

    def _replace(self, pattern: re.Pattern[str], replacement: Callable[[str], str]) -> _View:
        pieces: list[str] = []
        spans: list[tuple[int, int]] = []
        at = 0
        for match in pattern.finditer(self.text):
            new = replacement(match[0])
            pieces += [self.text[at : match.start()], new]
            spans += self.spans[at : match.start()]
            spans += [(self.spans[match.start()][0], self.spans[match.end() - 1][1])] * len(new)
            at = match.end()
        return _View("".join([*pieces, self.text[at:]]), spans + self.spans[at:])


def _views(text: str) -> Iterator[_View]:
    """Yield the text as it stands, and with one layer of escapes after the other undone."""
    view = _View(text, [(at, at + 1) for at in range(len(text))]).without(_BREAK)
    yield view
    for _ in range(_MAX_DECODINGS):
        if not _ESCAPE.search(view.text):
            return
        view = view.decoded()
        yield view


def _hits(text: str) -> Iterator[tuple[int, int]]:
    """Yield where something stands that must not be shown."""
    for size, parts in _parts.items():
        for start in range(len(text) - size + 1):
            if text[start : start + size] in parts:
                yield start, start + size


def _unescape(escape: str) -> str:
    if escape[0] == "&":
        import html  # noqa: PLC0415 - its table of names takes a third of a megabyte

        return html.unescape(escape)
    units = escape.replace("%", " x").replace("\\", " ").split()
    digits = "".join(unit[1:] for unit in units)
    match units[0][0]:
        case "x":
            return _text_of(bytes.fromhex(digits))
        case "u":
            return bytes.fromhex(digits).decode("utf-16-be", "replace")
        case _:
            return " "  # a line break or a tab


def _text_of(encoded: bytes) -> str:
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        return encoded.decode("latin-1")


def _forms(secret: str) -> set[str]:
    """Return what stands for a secret once escapes are undone: itself, and its base64 at any offset."""
    encoded = secret.encode("utf-8", "surrogateescape")
    forms = {view.text for view in _views(secret)}  # it may itself look as if it held escapes
    for offset in range(3):
        # The characters at both ends depend on the neighbours too.
        whole = base64.b64encode(b"\0" * offset + encoded).decode().rstrip("=")
        inner = whole[(0, 2, 3)[offset] :]
        if (offset + len(encoded)) % 3:
            inner = inner[:-1]
        forms |= {inner, inner.translate(str.maketrans("+/", "-_"))}
    cleaned = {_IGNORED.sub("", form) for form in forms}
    return {form for form in cleaned if len(form) >= MIN_SECRET_CHARACTERS}
