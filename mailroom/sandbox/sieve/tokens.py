"""The words of a Sieve script (RFC 5228 section 8.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen


class SieveError(Exception):
    """A script is not one that the server takes; says in which line."""

    def __init__(self, line: int, says: str) -> None:
        super().__init__(f"line {line}: {says}")


@frozen
class Token:
    """A word.

    Attributes:
        kind: ``identifier``, ``tag``, ``number``, ``string``, ``mark``, or ``end`` behind the last one.
        text: Of a string what stands between its quotes; the case of words counts, as to Cyrus.
    """

    kind: str
    text: str
    line: int


_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+)
    | (?P<comment>\#[^\n]*(?:\n|\Z) | /\*(?:[^*]|\*(?!/))*\*/)
    | text:[ \t]*(?:\#[^\n]*)?\r?\n(?P<lines>(?:(?!\.\r?$)[^\n]*\n)*?)\.\r?(?:\n|\Z)
    | (?P<identifier>[A-Za-z_][A-Za-z0-9_]*)(?!:)
    | :(?P<tag>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>[0-9]+[KMGkmg]?)(?![A-Za-z0-9_])
    | "(?P<string>(?:[^"\\]|\\.)*)"
    | (?P<mark>[][(){},;])""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def tokens_of(script: str) -> Iterator[Token]:
    """Return the words, and a last one for the end.

    Raises:
        SieveError: Something is no word.
    """
    position, line = 0, 1
    while position < len(script):
        found = _TOKEN.match(script, position)
        if found is None:
            raise SieveError(line, "syntax error")
        kind, text = found.lastgroup or "lines", found[0]
        match kind:
            case "identifier" | "tag":
                yield Token(kind, found[kind], line)
            case "string":
                yield Token(kind, re.sub(r"\\(.)", r"\1", found[kind], flags=re.DOTALL), line)
            case "lines":
                yield Token("string", re.sub(r"^\.\.", ".", found["lines"], flags=re.MULTILINE), line)
            case "number" | "mark":
                yield Token(kind, found[kind], line)
        line += text.count("\n")
        position = found.end()
    yield Token("end", "", line)
