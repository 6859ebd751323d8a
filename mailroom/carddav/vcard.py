"""Reads contact cards tolerantly (see `members` for how a contact group is edited).

A card is a list of content lines (RFC 6350 section 3.3, RFC 2426 section 4). What people's address
books really hold is often not quite that, and reading a card into a model and writing it back loses
what the model does not know. So every line keeps its bytes here, a line that makes no sense is
passed over.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator

from attrs import frozen

from mailroom.contacts.identity import URN_UUID
from mailroom.contacts.summary import CardSummary
from mailroom.model.address import Address, parse_address
from mailroom.model.mailing_list import lists_in_note
from mailroom.model.names import clean_name
from mailroom.model.party import MailingList

MAX_LINE_OCTETS = 75
MEMBER = "MEMBER"
APPLE_MEMBER = "X-ADDRESSBOOKSERVER-MEMBER"
KINDS = frozenset({"X-ADDRESSBOOKSERVER-KIND", "KIND"})
MEMBERS = frozenset({APPLE_MEMBER, MEMBER})

_LINE = re.compile(
    r"""(?:(?P<group>[^;:."]*)\.)?          # item1.
        (?P<name>[^;:."]+)                  # EMAIL
        (?P<params>(?:;(?:"[^"]*"|[^";:])*)*)  # ;TYPE=HOME;X="a:b"
        :(?P<value>.*)""",
    re.DOTALL | re.VERBOSE,
)
_LOOSE_LINE = re.compile(
    r"(?:(?P<group>[^;:.]*)\.)?(?P<name>[^;:.]+)(?P<params>(?:;[^:]*)?):(?P<value>.*)", re.DOTALL
)
_QUOTED_PRINTABLE = re.compile(rb"[^:]*;(?:ENCODING=)?QUOTED-PRINTABLE[;:]", re.IGNORECASE)
_FOLD = re.compile(rb"(?:\r\n|\r|\n)[ \t]")
_SOFT_BREAK = re.compile(rb"=(?:\r\n|\r|\n)[ \t]?")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
# Not one that is escaped; an even number of backslashes before it escape each other.
_SEMICOLON = re.compile(r"(?<!\\)(?:(?:\\\\)*);")
_CARET = re.compile(r"\^([\^'n])")
_CHARSET = re.compile(r';CHARSET="?([\w.:-]+)', re.IGNORECASE)
_OF_INTEREST = KINDS | MEMBERS | {"UID", "FN", "N", "ORG", "EMAIL"}


@frozen
class ContentLine:
    """One property of a card.

    Attributes:
        raw: Its bytes as they stand in the card, with folds and line ending.
        group: The prefix that ties lines together, such as ``item1``; mostly empty.
        name: The property's name in upper case; empty for a line that is no property.
        params: Its parameters as written, with the leading semicolon.
        value: Its value, unfolded and decoded, but with its escapes.
    """

    raw: bytes
    group: str = ""
    name: str = ""
    params: str = ""
    value: str = ""


def content_lines(card: bytes) -> Iterator[ContentLine]:
    """Split a card into its content lines; their raw bytes joined are the card."""
    for raw in _logical_lines(card):
        yield _parse_line(raw)


def lines_by_owner(card: bytes) -> Iterator[tuple[ContentLine, bool]]:
    """Split a card into its content lines, and say of each whether it is the card's own.

    The lines of cards inside it (AGENT of vCard 2.1) are not, nor is what stands before or behind it:
    servers that route mail by contact group look at the first card of a resource alone (seen on Cyrus).
    """
    lines = list(content_lines(card))
    own_depth = 1 if any(line.name == "BEGIN" for line in lines) else 0
    depth, is_over = 0, False
    for line in lines:
        depth += line.name == "BEGIN"
        yield line, depth == own_depth and not is_over
        depth -= line.name == "END"
        is_over = is_over or (line.name == "END" and depth < own_depth)


def summarize(card: bytes) -> CardSummary:
    """Read what Mailroom needs to know of a card, whatever else is wrong with it."""
    first: dict[str, str] = {}
    addresses: dict[Address, None] = {}
    lists: dict[MailingList, None] = {}
    members: set[str] = set()
    is_group = False
    for line in _own_lines(card):
        if line.name == "EMAIL":
            if address := parse_address(unescape(line.value)):
                addresses[address] = None
        elif line.name == "NOTE":
            lists |= dict.fromkeys(lists_in_note(unescape(line.value)))
        elif line.name in KINDS:
            is_group = is_group or line.value.strip().lower() == "group"
        elif line.name in MEMBERS:
            if uid := member_uid(line):
                members.add(uid)
        # An N of nothing but separators names nobody; many programs write one beside a good FN.
        elif line.name in _OF_INTEREST and line.value.strip(" ;"):
            first.setdefault(line.name, line.value)
    return CardSummary(
        uid=unescape(first.get("UID", "")).strip(),
        name=_name(first),
        parties=(*addresses, *lists),
        is_group=is_group,
        members=frozenset(members) if is_group else frozenset(),
    )


def version_and_uid(card: bytes) -> tuple[str, str]:
    """Return a card's version and identifier, each empty where it is missing."""
    found = {"VERSION": "", "UID": ""}
    for line in _own_lines(card):
        if line.name in found:
            found[line.name] = found[line.name] or unescape(line.value).strip()
    return found["VERSION"], found["UID"]


def member_uid(line: ContentLine, prefixed: bool = False) -> str | None:
    """Return the identifier (UID) of the card that a line makes a member; None where it makes none.

    This is what servers compare that route mail by contact groups (Cyrus, and so Fastmail): MEMBER
    is an identifier just as it stands, X-ADDRESSBOOKSERVER-MEMBER is one after ``urn:uuid:``, which
    may have quotes around it.
    """
    value = unescape(line.value).strip()
    if line.name == MEMBER and not prefixed:
        return value
    if not value.startswith(URN_UUID):
        return None
    uid = value.removeprefix(URN_UUID)
    if len(uid) > 1 and uid[0] == uid[-1] == '"':
        return _caret_decoded(uid[1:-1])
    return uid


def unescape(value: str) -> str:
    r"""Undo the escapes of a text value: ``\n`` and ``\N`` are a line break, ``\x`` is ``x``."""
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def is_open(line: bytes) -> bool:
    """Whether a quoted-printable line goes on after this (RFC 2045 section 6.7)."""
    return line.rstrip(b"\r\n").endswith(b"=")


def fold(line: bytes, eol: bytes = b"\r\n") -> bytes:
    """Fold a content line at `MAX_LINE_OCTETS`, never inside a character, and end it."""
    pieces: list[bytes] = []
    start, room = 0, MAX_LINE_OCTETS
    while len(line) - start > room:
        cut = start + room
        while line[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(line[start:cut])
        start, room = cut, MAX_LINE_OCTETS - 1
    pieces.append(line[start:])
    return (eol + b" ").join(pieces) + eol


def _logical_lines(card: bytes) -> Iterator[bytes]:
    pending: list[bytes] = []
    soft = is_quoted = False
    for physical in card.splitlines(keepends=True):
        continues = physical[:1] in (b" ", b"\t") or (soft and not physical.upper().startswith(b"END:"))
        if pending and not continues:
            yield b"".join(pending)
            pending = []
        if not pending:
            is_quoted = _QUOTED_PRINTABLE.match(physical) is not None
        pending.append(physical)
        soft = is_quoted and is_open(physical)
    if pending:
        yield b"".join(pending)


def _own_lines(card: bytes) -> Iterator[ContentLine]:
    return (line for line, is_own in lines_by_owner(card) if is_own)


def _parse_line(raw: bytes) -> ContentLine:
    quoted_printable = _QUOTED_PRINTABLE.match(raw) is not None
    octets = raw.rstrip(b"\r\n")
    octets = _SOFT_BREAK.sub(b"", octets) if quoted_printable else octets
    text = _decode(_FOLD.sub(b"", octets))
    match = _LINE.fullmatch(text) or _LOOSE_LINE.fullmatch(text)
    if match is None:
        return ContentLine(raw)
    params, value = match["params"], match["value"]
    if quoted_printable:
        charset = _CHARSET.search(params)
        value = _decode(quopri.decodestring(value.encode()), charset[1] if charset else "utf-8")
    return ContentLine(raw, (match["group"] or "").strip(), match["name"].strip().upper(), params, value)


def _decode(octets: bytes, charset: str = "utf-8") -> str:
    """Decode what should be UTF-8 and sometimes is what Windows writes."""
    try:
        return octets.decode(charset)
    except (UnicodeError, LookupError):
        return octets.decode("cp1252", "replace")


def _name(values: dict[str, str]) -> str:
    name = unescape(values.get("FN", ""))
    if not name.strip() and "N" in values:
        family, given, additional, prefix, suffix = (_components(values["N"]) + [""] * 5)[:5]
        name = " ".join((prefix, given, additional, family, suffix))
    if not name.strip() and "ORG" in values:
        name = _components(values["ORG"])[0]
    return clean_name(name)


def _components(value: str) -> list[str]:
    """Split a structured value at the semicolons that are not escaped."""
    components, start = [], 0
    for match in _SEMICOLON.finditer(value):
        components.append(value[start : match.end() - 1])
        start = match.end()
    return [unescape(component) for component in (*components, value[start:])]


def _caret_decoded(text: str) -> str:
    return _CARET.sub(lambda match: {"^": "^", "'": '"', "n": "\n"}[match[1]], text)
