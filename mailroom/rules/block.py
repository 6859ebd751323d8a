"""Our marked block in a person's own Sieve script; every other byte of it is kept. Pure.

It has two halves. `require` may stand only before all other commands (RFC 5228 section 3.2), so what the
rules require is at the very top; the rules themselves are at the end, so that the person's own come first.
Each half says in its first line a digest of itself, by which it is seen whether somebody has edited it.
"""

from __future__ import annotations

import hashlib
import re
from enum import Enum
from typing import Final

from attrs import frozen

from mailroom.rules.own_script import NAME, REQUIRED, digest_of, extensions_of

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
_TOKEN = re.compile(
    rb"(?P<line>#[^\r\n]*)|(?P<comment>/\*.*?\*/)"
    rb'|"(?:\\.|[^"\\])*"|\btext:[ \t]*(?:#[^\r\n]*)?\r?\n(?:.*?\r?\n)??\.\r?(?:\n|\Z)',
    re.DOTALL | re.IGNORECASE,
)
"""A comment, or a string, in which nothing begins a comment (RFC 5228 sections 2.3 and 2.4.2)."""

_INCLUDE: Final = re.compile(
    rb'\binclude(?:\s+:(?:personal|optional|once))*\s+"' + re.escape(NAME.encode()) + rb'"\s*;', re.IGNORECASE
)
_STOP: Final = re.compile(rb"^(?:stop|return)\s*;", re.IGNORECASE | re.MULTILINE)
"""At the beginning of a line, as nobody writes it who writes it into a block."""

INCLUDE_LINES: Final = ('require ["include"];', f'include :personal :optional "{NAME}";')
"""What includes our script (RFC 6609 section 3.2): where it is missing, mail goes on all the same."""


class BlockState(Enum):
    """How our block is in a script."""

    NONE = "none"
    OURS = "ours"
    EDITED = "edited"
    """A mark is missing, doubled, elsewhere or in a comment, or what is between the marks was changed."""


@frozen
class Parted:
    """A script without our block.

    Attributes:
        state: How the block was; where it was edited, nothing was taken out.
        outside: Every byte but the block's.
        rules: What was between the marks of its lower half.
    """

    state: BlockState
    outside: bytes
    rules: bytes = b""


def include_block() -> bytes:
    """Return as a script what includes our own."""
    return "\n".join(INCLUDE_LINES).encode() + b"\n"


def part(content: bytes) -> Parted:
    """Take our block out of a script."""
    halves = {each["kind"]: each for each in _HALF.finditer(content)}
    if not halves and not _MARK.search(content):
        return Parted(BlockState.NONE, content)
    needs, rules = halves.get(b"needs"), halves.get(b"rules")
    if (
        needs is None
        or rules is None
        or len(_MARK.findall(content)) != 4
        or _is_commented_out(content)
        or needs.start() > rules.start()
        or not all(_is_untouched(half) for half in (needs, rules))
    ):
        return Parted(BlockState.EDITED, content)
    before = content[: needs.start()] + content[needs.end() : rules.start()]
    # A line break of ours stands there, and ends their last line as soon as something comes behind that.
    if rules["joined"] and rules.end() == len(content):
        without = before[: -int(rules["joined"])]
        before = without if _digest(without)[:8] == rules["before"].decode() else before
    return Parted(BlockState.OURS, before + content[rules.end() :], rules["body"])


def put(outside: bytes, rules: bytes) -> bytes:
    """Return a person's script with our block in it.

    Args:
        outside: Their script, without a block of ours.
        rules: A script of Mailroom's: what it requires goes to the top, the rest to the end.
    """
    found = _LINE_END.search(outside)
    line_end = found[0] if found else b"\n"
    needed = ", ".join(f'"{name}"' for name in extensions_of(rules))
    top = _half("needs", f"require [{needed}];\n".encode(), line_end)
    is_joined = bool(outside) and not outside.endswith(b"\n")
    joined = f"+{len(line_end)}{_digest(outside)[:8]}" if is_joined else ""
    end = _half("rules", REQUIRED.sub(b"", rules).strip() + b"\n", line_end, joined)
    return top + outside + (line_end if is_joined else b"") + end


def is_holding(parted: Parted, rules: bytes) -> bool:
    """Whether a script's block is what `put` makes of `rules`."""
    return parted.state is BlockState.OURS and digest_of(parted.rules) == digest_of(REQUIRED.sub(b"", rules))


def includes_ours(content: bytes) -> bool:
    """Whether a script includes ours, by the block or by a line of the person's own."""
    return _INCLUDE.search(_without_comments(content)) is not None


def ends_early(content: bytes) -> bool:
    """Whether a command that depends on nothing ends a script, so that nothing behind it counts."""
    return _STOP.search(_TOKEN.sub(b"", content)) is not None


def is_cut_short(content: bytes) -> bool:
    """Whether a script ends, as far as its form tells, before it comes to our rules."""
    parted = part(content)
    if parted.state is BlockState.OURS:
        return ends_early(parted.outside)
    plain = _without_comments(content)
    include = _INCLUDE.search(plain)
    return bool(include and ends_early(plain[: include.start()]))


def _without_comments(content: bytes) -> bytes:
    return _TOKEN.sub(lambda each: b"" if each["line"] or each["comment"] else each[0], content)


def _is_commented_out(content: bytes) -> bool:
    """Whether a half of the block stands in a comment of the person's."""
    return any(each["comment"] and _MARK.search(each["comment"]) for each in _TOKEN.finditer(content))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _half(kind: str, body: bytes, line_end: bytes, joined: str = "") -> bytes:
    mark = f"# >>> Mailroom {kind} {digest_of(body)[:16]}{joined} >>>\n".encode()
    return _LINE_END.sub(line_end, mark + body + _END.encode() + b"\n")


def _is_untouched(half: re.Match[bytes]) -> bool:
    return digest_of(half["body"])[:16] == half["digest"].decode()
