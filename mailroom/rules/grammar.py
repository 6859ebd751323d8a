"""The words and commands of a Sieve script (RFC 5228 section 8), each with its place in it. Pure.

Each byte is looked at once, and nothing is read that is nested absurdly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import field, frozen

MOST_NESTED: Final = 30

_TOKEN = re.compile(
    rb"""(?P<blank>[ \t\r\n]++)
    | (?P<line>\#[^\n]*+)
    | (?P<comment>/\*.*?\*/)
    | (?P<text>text:[ \t]*+(?:\#[^\n]*+)?\r?\n(?:.*?\n)??\.\r?(?:\n|\Z))
    | (?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")
    | (?P<word>:?[a-z_][a-z0-9_]*+|[0-9]++[kmg]?)
    | (?P<mark>[][(){},;])""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


class UnreadableError(Exception):
    """A script is none that can be read."""


@frozen
class Token:
    """A word, a string, a mark, or a comment.

    Attributes:
        kind: The name of its group in `_TOKEN`.
        text: As it stands there; words in lower case.
    """

    kind: str
    text: bytes
    start: int

    @property
    def is_comment(self) -> bool:
        """Whether it is one, of either form."""
        return self.kind in {"line", "comment"}


@frozen
class Command:
    """A command, from its first word to its semicolon or the end of its block.

    Attributes:
        words: What stands before that, behind its name.
        block: What stands between its braces; None where it has none.
    """

    name: bytes
    start: int
    end: int
    words: tuple[Token, ...] = ()
    block: tuple[Command, ...] | None = None

    def includes(self, name: str) -> bool:
        """Whether it includes a person's own script of that name (RFC 6609 section 3.2)."""
        texts = [each.text for each in self.words]
        return self.name == b"include" and f'"{name}"'.encode() in texts[-1:] and b":global" not in texts


@frozen
class _Open:
    """A command that is being read."""

    name: Token
    words: list[Token] = field(factory=list)
    inner: list[Command] = field(factory=list)

    def closed(self, end: int, *, is_block: bool) -> Command:
        block = tuple(self.inner) if is_block else None
        return Command(self.name.text, self.name.start, end, tuple(self.words), block)


def tokens_of(content: bytes) -> Iterator[Token]:
    """Return the words of a script, and its comments.

    Raises:
        UnreadableError: Something is no word.
    """
    at = 0
    while at < len(content):
        found = _TOKEN.match(content, at)
        if found is None:
            raise UnreadableError
        kind = found.lastgroup or ""
        if kind != "blank":
            yield Token(kind, found[0].lower() if kind == "word" else found[0], at)
        at = found.end()


def commands_of(content: bytes) -> tuple[Command, ...]:
    """Return the commands of a script.

    Raises:
        UnreadableError: It is none, or nested absurdly.
    """
    found: list[Command] = []
    stack: list[_Open] = []
    current: _Open | None = None
    for token in tokens_of(content):
        if token.is_comment:
            continue
        within = stack[-1].inner if stack else found
        if current is None and token.text == b"}" and stack:
            done = stack.pop()
            (stack[-1].inner if stack else found).append(done.closed(token.start + 1, is_block=True))
        elif current is None:
            current = _begun(token)
        elif token.text == b";":
            within.append(current.closed(token.start + 1, is_block=False))
            current = None
        elif token.text == b"{":
            stack.append(current)
            current = None
        else:
            current.words.append(token)
        if len(stack) > MOST_NESTED:
            raise UnreadableError
    if stack or current:
        raise UnreadableError
    return tuple(found)


def _begun(token: Token) -> _Open:
    if token.kind != "word":
        raise UnreadableError
    return _Open(token)


def all_of(commands: Iterable[Command]) -> Iterator[Command]:
    """Return commands with those in their blocks."""
    for each in commands:
        yield each
        yield from all_of(each.block or ())
