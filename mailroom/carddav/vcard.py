"""Reads contact cards tolerantly, and edits the members of a contact group without touching another byte.

A card is a list of content lines (RFC 6350 section 3.3, RFC 2426 section 4). What people's address
books really hold is often not quite that, and reading a card into a model and writing it back loses
what the model does not know. So every line keeps its bytes here, a line that makes no sense is
passed over, and a group is changed by adding and dropping whole lines.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Collection, Iterator

from attrs import frozen

from mailroom.errors import ProtocolError
from mailroom.triage.address import Address, parse_address
from mailroom.triage.names import clean_name

MAX_LINE_OCTETS = 75

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
_SEMICOLON = re.compile(r"(?<!\\)(?:(?:\\\\)*);")
_CHARSET = re.compile(r';CHARSET="?([\w.:-]+)', re.IGNORECASE)
_URN_UUID = "urn:uuid:"
_KINDS = frozenset({"X-ADDRESSBOOKSERVER-KIND", "KIND"})
_MEMBERS = frozenset({"X-ADDRESSBOOKSERVER-MEMBER", "MEMBER"})
_OF_INTEREST = _KINDS | _MEMBERS | {"UID", "FN", "N", "ORG", "EMAIL"}


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


@frozen
class CardSummary:
    """What Mailroom needs to know of a card.

    Attributes:
        uid: Its identifier as written, or empty.
        name: The name it shows, as `clean_name` gives it: FN, else N, else ORG, else empty.
        addresses: Its mail addresses in comparable form, each once.
        is_group: Whether it stands for a contact group.
        members: For a group, the bare identifiers of its members (see `bare_uid`).
    """

    uid: str
    name: str
    addresses: tuple[Address, ...]
    is_group: bool
    members: frozenset[str]


def content_lines(card: bytes) -> Iterator[ContentLine]:
    """Split a card into its content lines; their raw bytes joined are the card."""
    for raw in _logical_lines(card):
        yield _parse_line(raw)


def summarize(card: bytes) -> CardSummary:
    """Read what Mailroom needs to know of a card, whatever else is wrong with it."""
    first: dict[str, str] = {}
    addresses: dict[Address, None] = {}
    members: set[str] = set()
    is_group = False
    for line in _own_lines(card):
        if line.name == "EMAIL":
            if address := parse_address(unescape(line.value)):
                addresses[address] = None
        elif line.name in _KINDS:
            is_group = is_group or line.value.strip().lower() == "group"
        elif line.name in _MEMBERS:
            members.add(bare_uid(unescape(line.value)))
        elif line.name in _OF_INTEREST and line.value.strip(" ;"):
            first.setdefault(line.name, line.value)
    return CardSummary(
        uid=unescape(first.get("UID", "")).strip(),
        name=_name(first),
        addresses=tuple(addresses),
        is_group=is_group,
        members=frozenset(members) if is_group else frozenset(),
    )


def edit_members(card: bytes, add: Collection[str] = (), remove: Collection[str] = ()) -> bytes:
    """Return a group's card with members added and removed; the same object where nothing changes.

    Lines of members that leave are dropped, lines of members that come stand before the end of
    the card in the manner of the card; every other byte stays. Who is both to come and to go, comes.

    Args:
        add: Identifiers (UID) of cards, as those cards write them.
        remove: Likewise.

    Raises:
        ProtocolError: The card has no end to put a line before.
    """
    coming = {bare_uid(uid): uid for uid in add}
    leaving = {bare_uid(uid) for uid in remove} - coming.keys()
    kept: list[bytes] = []
    end: int | None = None
    modern = False
    eol = b"\r\n"
    for line in content_lines(card):
        if line.name in _MEMBERS:
            uid = bare_uid(unescape(line.value))
            if uid in leaving:
                continue
            coming.pop(uid, None)
        elif line.name == "KIND":
            modern = True
        elif line.name == "END" and line.value.strip().upper() == "VCARD":
            end = len(kept)
            eol = _line_ending(kept[-1] if kept else line.raw)
        kept.append(line.raw)
    if coming:
        if end is None:
            raise ProtocolError("the group's card has no END:VCARD")
        while end and _is_open(kept[end - 1]):
            end -= 1
        kept[end:end] = [_member_line(uid, modern, eol) for uid in coming.values()]
    edited = b"".join(kept)
    return card if edited == card else edited


def bare_uid(text: str) -> str:
    """Reduce an identifier to what is compared: neither ``urn:uuid:`` nor quotes around it."""
    text = text.strip()
    while True:
        if text[: len(_URN_UUID)].lower() == _URN_UUID:
            text = text[len(_URN_UUID) :]
        elif len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1]
        else:
            return text


def unescape(value: str) -> str:
    r"""Undo the escapes of a text value: ``\n`` and ``\N`` are a line break, ``\x`` is ``x``."""
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


def fold(line: bytes, eol: bytes = b"\r\n") -> bytes:
    """Fold a content line at `MAX_LINE_OCTETS`, never inside a character, and end it."""
    pieces: list[bytes] = []
    while len(line) > MAX_LINE_OCTETS - bool(pieces):
        cut = MAX_LINE_OCTETS - bool(pieces)
        while line[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(line[:cut])
        line = line[cut:]
    pieces.append(line)
    return (eol + b" ").join(pieces) + eol


def _logical_lines(card: bytes) -> Iterator[bytes]:
    pending: list[bytes] = []
    soft = False
    for physical in card.splitlines(keepends=True):
        continues = physical[:1] in (b" ", b"\t") or (soft and not physical.upper().startswith(b"END:"))
        if pending and not continues:
            yield b"".join(pending)
            pending = []
        pending.append(physical)
        soft = _is_open(physical) and _QUOTED_PRINTABLE.match(pending[0]) is not None
    if pending:
        yield b"".join(pending)


def _is_open(line: bytes) -> bool:
    """Whether a quoted-printable line goes on after this (RFC 2045 section 6.7)."""
    return line.rstrip(b"\r\n").endswith(b"=")


def _own_lines(card: bytes) -> Iterator[ContentLine]:
    """The lines of the card without those of cards inside it (AGENT of vCard 2.1)."""
    depth = 0
    for line in content_lines(card):
        if line.name == "BEGIN":
            depth += 1
        elif line.name == "END":
            depth -= 1
        elif depth <= 1:
            yield line


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


def _member_line(uid: str, modern: bool, eol: bytes) -> bytes:
    bare = bare_uid(uid)
    reference = uid.strip()
    if modern:
        reference = reference if ":" in reference else _URN_UUID + bare
    else:
        reference = f'{_URN_UUID}"{reference}"' if ":" in reference else _URN_UUID + bare
    reference = reference.replace("\\", "\\\\").replace("\n", "\\n")
    name = "MEMBER" if modern else "X-ADDRESSBOOKSERVER-MEMBER"
    return fold(f"{name}:{reference}".encode("utf-8", "surrogatepass"), eol)


def _line_ending(raw: bytes) -> bytes:
    for eol in (b"\r\n", b"\n", b"\r"):
        if raw.endswith(eol):
            return eol
    return b"\r\n"
