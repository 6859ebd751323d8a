"""Our marked block in a person's own Sieve script; every other byte of it is kept. Pure.

It has two halves. `require` may stand only before all other commands (RFC 5228 section 3.2), so what the
rules require is at the very top; the rules themselves are at the end, so that the person's own come first.
Each half says in its first line a digest of itself, by which it is seen whether somebody has edited it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import islice
from typing import Final

from attrs import frozen

from mailroom.rules.grammar import Command, UnreadableError, all_of, commands_of, tokens_of
from mailroom.rules.own_script import NAME, REQUIRED, digest_of, extensions_of
from mailroom.rules.reach import Reach, goes_on_with_disposed, reach_of

_END = "# <<< Mailroom <<<"
_HALF = re.compile(
    rb"^# >>> Mailroom (?P<kind>needs|rules) (?P<digest>[0-9a-f]{16})"
    rb"(?:\+(?P<joined>[12])(?P<before>[0-9a-f]{8}))? >>>\r?\n"
    rb"(?P<body>.*?)"
    rb"^# <<< Mailroom <<<(?:\r?\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
_MARK = re.compile(rb"^# (?:>>>|<<<) Mailroom\b", re.MULTILINE)
_LINE_END = re.compile(rb"\r?\n")
MOST_INCLUDES: Final = 50
"""Of so many it is looked whether mail comes to them."""

_MARKS: Final = 4
"""Two halves, each between two."""

INCLUDE_LINES: Final = ('require ["include"];', f'include :personal :optional "{NAME}";')
"""What includes our script (RFC 6609 section 3.2): where it is missing, mail goes on all the same."""


class BlockState(Enum):
    """How our block is in a script."""

    NONE = "none"
    OURS = "ours"
    EDITED = "edited"
    """A mark is missing, doubled, elsewhere, in a comment or in a string, or what is between was changed."""


@frozen
class Parted:
    """A script without our block.

    Attributes:
        state: How the block was; where it was edited, nothing was taken out.
        outside: Every byte but the block's.
        rules: What was between the marks of its lower half.
        at: How many bytes stand before that half.
    """

    state: BlockState
    outside: bytes
    rules: bytes = b""
    at: int = 0


def include_block() -> bytes:
    """Return as a script what includes our own."""
    return "\n".join(INCLUDE_LINES).encode() + b"\n"


def part(content: bytes) -> Parted:
    """Take our block out of a script."""
    marks = {each.start() for each in _MARK.finditer(content)}
    if not marks:
        return Parted(BlockState.NONE, content)
    halves = {each["kind"]: each for each in _HALF.finditer(content)} if len(marks) == _MARKS else {}
    needs, rules = halves.get(b"needs"), halves.get(b"rules")
    if (
        needs is None
        or rules is None
        or needs.start() > rules.start()
        or not marks <= _comment_lines(content)
        or not all(_is_untouched(half) for half in (needs, rules))
    ):
        return Parted(BlockState.EDITED, content)
    before = content[: needs.start()] + content[needs.end() : rules.start()]
    # A line break of ours stands there, and ends their last line as soon as something comes behind that.
    if rules["joined"] and rules.end() == len(content):
        without = before[: -int(rules["joined"])]
        before = without if _digest(without)[:8] == rules["before"].decode() else before
    return Parted(BlockState.OURS, before + content[rules.end() :], rules["body"], rules.start())


def put(outside: bytes, rules: bytes) -> bytes:
    """Return a person's script with our block in it.

    Args:
        outside: Their script, without a block of ours.
        rules: A script of Mailroom's: what it requires goes to the top, the rest to the end.
    """
    line_end = _line_end_of(outside)
    is_joined = bool(outside) and not outside.endswith(b"\n")
    joined = f"+{len(line_end)}{_digest(outside)[:8]}" if is_joined else ""
    bodies = _bodies(rules)
    end = _half("rules", bodies["rules"], line_end, joined)
    return _half("needs", bodies["needs"], line_end) + outside + (line_end if is_joined else b"") + end


def with_block(content: bytes, rules: bytes) -> bytes:
    """Return a person's script with our block in it, where they have it: they may have moved it.

    Args:
        rules: As of `put`, which puts it where there is none.
    """
    if part(content).state is not BlockState.OURS:
        return put(content, rules)
    bodies = _bodies(rules)

    def anew(half: re.Match[bytes]) -> bytes:
        kind = half["kind"].decode()
        joined = f"+{half['joined'].decode()}{half['before'].decode()}" if half["joined"] else ""
        return _half(kind, bodies[kind], _line_end_of(half[0]), joined)

    return _HALF.sub(anew, content)


def _bodies(rules: bytes) -> dict[str, bytes]:
    needed = ", ".join(f'"{name}"' for name in extensions_of(rules))
    ours = REQUIRED.sub(b"", rules).strip() + b"\n"
    return {"needs": f"require [{needed}];\n".encode(), "rules": ours}


def _line_end_of(text: bytes) -> bytes:
    found = _LINE_END.search(text)
    return found[0] if found else b"\n"


def is_holding(parted: Parted, rules: bytes) -> bool:
    """Whether a script's block is what `put` makes of `rules`."""
    return parted.state is BlockState.OURS and digest_of(parted.rules) == digest_of(REQUIRED.sub(b"", rules))


def includes_ours(content: bytes) -> bool:
    """Whether a script includes ours, by the block or by a line of the person's own; true if it may."""
    try:
        return any(_includes(commands_of(content)))
    except UnreadableError:
        return f'"{NAME}"'.encode() in content


def reach_of_ours(content: bytes) -> Reach:
    """Say whether mail comes to our rules in a person's script that has our block or includes ours."""
    parted = part(content)
    try:
        commands = commands_of(content)
    except UnreadableError:
        return Reach.UNKNOWN
    places = [each.start for each in islice(_includes(commands), MOST_INCLUDES)]
    places += [parted.at] if parted.state is BlockState.OURS else []
    reaches = {reach_of(commands, place) for place in places}
    return next((each for each in (Reach.ALL, Reach.UNKNOWN) if each in reaches), Reach.NEVER)


def reach_of_end(content: bytes) -> Reach:
    """Say whether mail comes to the end of a script."""
    try:
        return reach_of(commands_of(content), len(content))
    except UnreadableError:
        return Reach.UNKNOWN


def reach_of_block(content: bytes) -> Reach:
    """Say whether mail comes to where `with_block` puts our rules."""
    return reach_of_ours(content) if part(content).state is BlockState.OURS else reach_of_end(content)


def leaves_disposed_to_end(content: bytes) -> bool:
    """Whether mail that a script has filed or got rid of comes to its end; false if it cannot be read."""
    try:
        return goes_on_with_disposed(commands_of(content))
    except UnreadableError:
        return False


def reads_back(outside: bytes, content: bytes) -> bool:
    """Whether our block can be taken out of a script again, which leaves just `outside`."""
    parted = part(content)
    return parted.state is BlockState.OURS and parted.outside == outside


def _includes(commands: Iterable[Command]) -> Iterator[Command]:
    return (each for each in all_of(commands) if each.includes(NAME))


def _comment_lines(content: bytes) -> set[int]:
    """Return where the comments of one line begin; none where the script cannot be read."""
    try:
        return {each.start for each in tokens_of(content) if each.kind == "line"}
    except UnreadableError:
        return set()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _half(kind: str, body: bytes, line_end: bytes, joined: str = "") -> bytes:
    mark = f"# >>> Mailroom {kind} {digest_of(body)[:16]}{joined} >>>\n".encode()
    return _LINE_END.sub(line_end, mark + body + _END.encode() + b"\n")


def _is_untouched(half: re.Match[bytes]) -> bool:
    return digest_of(half["body"])[:16] == half["digest"].decode()
