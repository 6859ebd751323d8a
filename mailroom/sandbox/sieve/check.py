"""Whether the server takes a script: its grammar (RFC 5228 section 8.2), its words, what it requires."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from mailroom.sandbox.sieve.tokens import SieveError, Token, tokens_of
from mailroom.sandbox.sieve.words import COMMANDS, JMAP_FILTERS, NUMBER, ONE_OF, STRING, TESTS, Word

_DEPTH = 15


def why_invalid(content: bytes, extensions: Collection[str]) -> str:
    """Return what is wrong with a script; empty where the server takes it.

    Args:
        extensions: What it may require.
    """
    try:
        script = content.decode()
    except UnicodeError:
        return "line 1: not UTF-8"
    try:
        _Script(script, extensions).check()
    except SieveError as error:
        return str(error)
    return ""


class _Script:
    def __init__(self, script: str, extensions: Collection[str]) -> None:
        self._tokens = list(tokens_of(script))
        self._extensions = extensions
        self._required: set[str] = set()
        self._at = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def check(self) -> None:
        while self._next == Token("identifier", "require", self._next.line):
            self._require()
        self._commands(0)
        if self._next.kind != "end":
            raise self._error()

    def _require(self) -> None:
        line = self._take("identifier").line
        names = self._strings()
        if unknown := [name for name in names if name not in self._extensions]:
            quoted = ", ".join(f'"{name}"' for name in unknown)
            raise SieveError(line, f'Unsupported feature(s) in "require": {quoted}')
        self._required |= set(names)
        self._take("mark", ";")

    def _commands(self, depth: int) -> None:
        if depth > _DEPTH:
            raise self._error("nested too deeply")
        while self._next.kind == "identifier":
            word = self._take("identifier")
            if word.text == "if":
                self._if(depth)
                continue
            if word.text not in COMMANDS:
                raise SieveError(word.line, "syntax error")  # a `require` behind other commands, too
            self._arguments(word, COMMANDS[word.text])
            self._take("mark", ";")

    def _if(self, depth: int) -> None:
        self._test(depth)
        self._block(depth)
        while self._next.kind == "identifier" and self._next.text == "elsif":
            self._take("identifier")
            self._test(depth)
            self._block(depth)
        if self._next.kind == "identifier" and self._next.text == "else":
            self._take("identifier")
            self._block(depth)

    def _block(self, depth: int) -> None:
        self._take("mark", "{")
        self._commands(depth + 1)
        self._take("mark", "}")

    def _test(self, depth: int) -> None:
        if depth > _DEPTH:
            raise self._error("nested too deeply")
        word = self._take("identifier")
        if word.text == "not":
            self._test(depth + 1)
        elif word.text in {"anyof", "allof"}:
            self._take("mark", "(")
            self._test(depth + 1)
            while self._next.kind == "mark" and self._next.text == ",":
                self._take("mark", ",")
                self._test(depth + 1)
            self._take("mark", ")")
        elif word.text in TESTS:
            values = self._arguments(word, TESTS[word.text])
            if word.text == "jmapquery":
                _check_query(word.line, values[0][0])
        else:
            raise SieveError(word.line, "syntax error")

    def _arguments(self, word: Token, known: Word) -> list[list[str]]:
        """Take what follows a word; return its arguments by position."""
        self._need(word, known.requires, word.text)
        seen: set[str] = set()
        while self._next.kind == "tag":
            tag = self._take("tag")
            if tag.text not in known.tags or tag.text in seen:
                raise SieveError(tag.line, "syntax error")
            seen.add(tag.text)
            follows, requires = known.tags[tag.text]
            self._need(tag, requires, tag.text)
            if follows:
                self._value(follows)
        for names, says in ONE_OF:
            if len(seen & names) > 1:
                raise SieveError(word.line, says)
        if word.text == "size" and not seen:
            raise SieveError(word.line, "syntax error")
        return [self._value(kind) for kind in known.takes]

    def _need(self, word: Token, extension: str | None, _what: str) -> None:
        if extension and extension not in self._required:
            raise SieveError(word.line, f'{extension} extension MUST be enabled with "require" command')

    def _value(self, kind: str) -> list[str]:
        if kind == NUMBER:
            return [self._take("number").text]
        return [self._take("string").text] if kind == STRING else self._strings()

    def _strings(self) -> list[str]:
        if self._next.kind == "string":
            return [self._take("string").text]
        self._take("mark", "[")
        found = [self._take("string").text]
        while self._next.text == "," and self._next.kind == "mark":
            self._take("mark", ",")
            found.append(self._take("string").text)
        self._take("mark", "]")
        return found

    def _take(self, kind: str, text: str | None = None) -> Token:
        token = self._next
        if token.kind != kind or (text is not None and token.text != text):
            raise self._error()
        self._at += 1
        return token

    def _error(self, says: str = "syntax error") -> SieveError:
        return SieveError(self._next.line, says)


def _check_query(line: int, text: str) -> None:
    """Raise unless a jmapquery's filter is one (RFC 8620 section 5.5)."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SieveError(line, "invalid jmapquery format") from error
    if wrong := _wrong_in(value):
        raise SieveError(line, f"invalid jmapquery argument: '{wrong}'")


def _wrong_in(value: Any) -> str:
    if not isinstance(value, Mapping):
        return "filter"
    if "operator" in value:
        conditions = value.get("conditions")
        if value["operator"] not in {"AND", "OR", "NOT"} or not isinstance(conditions, list):
            return "operator"
        return next(filter(None, map(_wrong_in, conditions)), "")
    return next((key for key in value if key not in JMAP_FILTERS), "")
