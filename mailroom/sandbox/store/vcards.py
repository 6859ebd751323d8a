"""vCards as a CardDAV server sees them (RFC 2426, RFC 6350): content lines, and whether they make a card."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from attrs import frozen

_LINE = re.compile(
    r"(?:(?P<group>[A-Za-z0-9-]+)\.)?(?P<name>[A-Za-z0-9-]+)"
    r"(?P<params>(?:;[A-Za-z0-9-]+(?:=(?:\"[^\"]*\"|[^\";:,]*)(?:,(?:\"[^\"]*\"|[^\";:,]*))*)?)*)"
    r":(?P<value>.*)",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TYPES = re.compile(r";TYPE=([^\";:]*,[^\";:]*)", re.IGNORECASE)
FOLD_OCTETS = 75
URN_UUID = "urn:uuid:"


class InvalidCardError(ValueError):
    """The bytes are not one valid vCard."""


class UnsupportedVersionError(ValueError):
    """The bytes are a vCard of a version that is neither 3.0 nor 4.0."""


@frozen
class ContentLine:
    """One unfolded line of a vCard.

    Attributes:
        group: What stands before the dot, empty for most.
        name: The property's name in upper case.
        params: The parameters as written, each with its leading semicolon.
        value: The value as written.
    """

    group: str
    name: str
    params: str
    value: str


@frozen
class Summary:
    """What the account needs to know of a card.

    Attributes:
        emails: The values of EMAIL properties, grouped ones too.
        members: The UIDs of the cards that its lines make members, as `member_uid` reads them.
    """

    uid: str | None
    name: str
    emails: tuple[str, ...]
    is_group: bool
    members: tuple[str, ...]
    version: str


def unfold(data: bytes) -> list[str]:
    """Return the logical lines of a vCard (RFC 6350 section 3.2); undecodable octets become U+FFFD."""
    text = re.sub(rb"\r?\n[ \t]", b"", data).decode("utf-8", "replace")
    return [line for line in text.replace("\r\n", "\n").split("\n") if line]


def content_lines(data: bytes) -> Iterator[ContentLine]:
    """Yield every line that can be read; what cannot is passed over."""
    return (line for text in unfold(data) if (line := parse(text)))


def parse(text: str) -> ContentLine | None:
    """Read one unfolded line; None where it is none."""
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    return ContentLine(match["group"] or "", match["name"].upper(), match["params"], match["value"])


def member_uid(line: ContentLine) -> str | None:
    """Return whom a line makes a member of a group; None for nobody.

    As Cyrus, and so Fastmail, compares: MEMBER holds a UID just as it stands, the other property one
    after ``urn:uuid:``, in this case only, perhaps in quotes.
    """
    value = unescape(line.value).strip()
    if line.name == "MEMBER":
        return value
    if not value.startswith(URN_UUID):
        return None
    uid = value.removeprefix(URN_UUID)
    return uid[1:-1] if len(uid) > 1 and uid[0] == uid[-1] == '"' else uid


def member_urn(uid: str) -> str:
    """Return how a version 3.0 group names a member; Fastmail quotes a UID that holds a colon."""
    return f'{URN_UUID}"{uid}"' if ":" in uid else URN_UUID + uid


def summarize(data: bytes) -> Summary:
    """Read the properties that contact groups and mail rules rest on."""
    uid: str | None = None
    name = version = ""
    emails: list[str] = []
    members: list[str] = []
    is_group = False
    for line in content_lines(data):
        if line.name == "UID" and uid is None:
            uid = line.value.strip()
        elif line.name == "FN" and not name:
            name = unescape(line.value)
        elif line.name == "VERSION":
            version = version or line.value.strip()
        elif line.name == "EMAIL":
            emails.append(unescape(line.value).strip())
        elif line.name in ("X-ADDRESSBOOKSERVER-KIND", "KIND"):
            is_group = line.value.strip().lower() == "group"
        elif line.name in ("X-ADDRESSBOOKSERVER-MEMBER", "MEMBER"):
            members.extend([member] if (member := member_uid(line)) else [])
    return Summary(uid, name, tuple(emails), is_group, tuple(members), version)


def unescape(value: str) -> str:
    """Undo the escapes of a text value (RFC 6350 section 3.4)."""
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], value)


def escape(value: str) -> str:
    """Escape a text value."""
    return re.sub(r"([\\,;])", r"\\\1", value).replace("\n", "\\n")


def check(data: bytes) -> Summary:
    """Return the summary of a card that may be stored.

    Raises:
        InvalidCardError: It is not exactly one vCard with the properties its version demands.
        UnsupportedVersionError: It is of another version.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidCardError("not UTF-8") from error
    if _CONTROL.search(text):
        raise InvalidCardError("a control character")
    lines = [_checked_line(line) for line in unfold(data)]
    names = [line.name for line in lines]
    if len(lines) < 2 or not _is(lines[0], "BEGIN", "VCARD") or not _is(lines[-1], "END", "VCARD"):
        raise InvalidCardError("not one BEGIN:VCARD … END:VCARD")
    if names.count("BEGIN") != 1 or names.count("END") != 1:
        raise InvalidCardError("more than one component")
    versions = [line.value.strip() for line in lines if line.name == "VERSION"]
    if len(versions) != 1:
        raise InvalidCardError("VERSION must stand there once")
    if versions[0] not in ("3.0", "4.0"):
        raise UnsupportedVersionError(versions[0])
    if names.count("UID") != 1 or not next(line for line in lines if line.name == "UID").value.strip():
        raise InvalidCardError("UID must stand there once")
    if "FN" not in names:
        raise InvalidCardError("FN is missing")
    # RFC 2426 section 3.1.2 demands one, RFC 6350 section 6.2.2 allows one.
    if names.count("N") != 1 and (versions == ["3.0"] or "N" in names):
        raise InvalidCardError("N must stand there once")
    return summarize(data)


def _checked_line(text: str) -> ContentLine:
    line = parse(text)
    if line is None:
        raise InvalidCardError(f"not a content line: {text[:40]!r}")
    return line


def _is(line: ContentLine, name: str, value: str) -> bool:
    return line.name == name and line.value.strip().upper() == value


def select(data: bytes, names: Collection[str]) -> bytes:
    """Keep only the properties in `names`, besides BEGIN, VERSION and END (RFC 6352 section 10.4)."""
    wanted = {name.upper() for name in names} | {"BEGIN", "VERSION", "END"}
    lines = []
    for text in unfold(data):
        line = parse(text)
        if line is not None and line.name in wanted:
            lines.append(fold(text))
    return "".join(lines).encode()


def reserialize(data: bytes) -> bytes:
    """Write the card anew as Cyrus does: folded at 75 octets, one TYPE parameter per type."""
    return "".join(fold(_TYPES.sub(_split_types, line, count=1)) for line in unfold(data)).encode()


def _split_types(match: re.Match[str]) -> str:
    return "".join(f";TYPE={kind}" for kind in match[1].split(","))


def fold(line: str) -> str:
    """Fold one line at 75 octets, never inside a character, and end it with CRLF."""
    pieces, size = [""], 0
    for character in line:
        octets = len(character.encode())
        if size + octets > FOLD_OCTETS:
            pieces.append("")
            size = 1  # the space that begins a continuation
        pieces[-1] += character
        size += octets
    return "\r\n ".join(pieces) + "\r\n"
