"""Whether mail comes to a place in a Sieve script, as far as its form tells. Pure.

A test is understood only as far as it is true or false whatever the mail. What an included script does is
not known: a `stop` in it ends the including one on Cyrus 3.6, and not on 3.10 and 3.12.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final, TypeAlias

from mailroom.rules.grammar import MOST_NESTED, Command, UnreadableError
from mailroom.rules.own_script import NAME

_ENDING: Final = frozenset({b"stop", b"return", b"error"})
_BRANCHES: Final = frozenset({b"elsif", b"else"})
_DISPOSING: Final = frozenset({b"fileinto", b"keep", b"discard", b"redirect", b"reject", b"ereject"})

_Truth: TypeAlias = bool | None
"""None where it depends on the mail."""


class Reach(Enum):
    """Whether mail comes to a place in a script."""

    ALL = "all"
    """All but that for which the person's own conditions end the script before."""

    NEVER = "never"
    UNKNOWN = "unknown"
    """Only mail of some condition does, or it cannot be seen."""


def reach_of(commands: Sequence[Command], at: int) -> Reach:
    """Say whether mail comes to a place.

    Args:
        at: How many bytes stand before it.
    """
    reach = Reach.ALL
    for chain in _chains(commands):
        if chain[0].start >= at:
            break
        if at < chain[-1].end:
            return _both(reach, _within(chain, at))
        reach = _both(reach, _behind(chain))
    return reach


def goes_on_with_disposed(commands: Sequence[Command]) -> bool:
    """Whether mail that a command has filed or got rid of comes to what follows, as far as the form tells."""
    if not commands or reach_of(commands, commands[-1].end) is Reach.NEVER:
        return False
    return any(each.name in _DISPOSING or goes_on_with_disposed(each.block or ()) for each in commands)


def _chains(commands: Sequence[Command]) -> Iterator[list[Command]]:
    """Return each `if` with its other branches; any other command alone."""
    chain: list[Command] = []
    for each in commands:
        if chain and each.name not in _BRANCHES:
            yield chain
            chain = []
        chain.append(each)
    if chain:
        yield chain


def _within(chain: Sequence[Command], at: int) -> Reach:
    for branch, is_taken in _branches(chain):
        if branch and at < branch.end:
            taken = {True: Reach.ALL, False: Reach.NEVER, None: Reach.UNKNOWN}[is_taken]
            return _both(taken, reach_of(branch.block or (), at))
    return Reach.UNKNOWN


def _behind(chain: Sequence[Command]) -> Reach:
    (first, *_) = chain
    if first.block is None:
        if first.name in _ENDING:
            return Reach.NEVER
        is_of_others = first.name == b"include" and not first.includes(NAME)
        return Reach.UNKNOWN if is_of_others else Reach.ALL
    ways = {
        reach_of(branch.block or (), branch.end) if branch else Reach.ALL
        for branch, is_taken in _branches(chain)
        if is_taken is not False
    }
    return next(each for each in (Reach.ALL, Reach.UNKNOWN, Reach.NEVER) if each in ways)


def _branches(chain: Sequence[Command]) -> Iterator[tuple[Command | None, _Truth]]:
    """Return each branch, and at last None for none of them, with whether it is the one that is taken."""
    is_left: _Truth = True
    for branch in chain:
        is_true = _truth_of(branch)
        yield branch, _all((is_left, is_true))
        is_left = _all((is_left, _negated(is_true)))
    yield None, is_left


def _both(one: Reach, other: Reach) -> Reach:
    return next(each for each in (Reach.NEVER, Reach.UNKNOWN, Reach.ALL) if each in (one, other))


def _truth_of(branch: Command) -> _Truth:
    if branch.name == b"else":
        return True
    if branch.name not in {b"if", b"elsif"}:
        return None
    try:
        return _test([each.text for each in reversed(branch.words)], 0)
    except (UnreadableError, IndexError):
        return None


def _test(words: list[bytes], depth: int) -> _Truth:
    """Take a test off the end of words, which are in reverse; return whether it is true."""
    if depth > MOST_NESTED:
        raise UnreadableError
    word = words.pop()
    if word in {b"true", b"false"}:
        return word == b"true"
    if word == b"not":
        return _negated(_test(words, depth + 1))
    if word == b"allof":
        return _all(_tests(words, depth + 1))
    if word == b"anyof":
        return _negated(_all([_negated(each) for each in _tests(words, depth + 1)]))
    is_listed = False  # a list of strings, in which a comma ends no test
    while words and (is_listed or words[-1] not in {b",", b")"}):
        is_listed = {b"[": True, b"]": False}.get(words.pop(), is_listed)
    return None


def _tests(words: list[bytes], depth: int) -> list[_Truth]:
    """Take tests in parentheses off the end of words."""
    found = []
    while words.pop() in {b"(", b","}:
        found.append(_test(words, depth))
    return found


def _negated(truth: _Truth) -> _Truth:
    return None if truth is None else not truth


def _all(truths: Sequence[_Truth]) -> _Truth:
    return False if False in truths else None if None in truths else True
