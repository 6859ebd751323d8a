"""Changes who is in a contact group, without touching another byte of its card."""

from __future__ import annotations

from collections.abc import Collection

from mailroom.carddav.vcard import (
    APPLE_MEMBER,
    KINDS,
    MEMBER,
    MEMBERS,
    ContentLine,
    fold,
    is_open,
    lines_by_owner,
    member_uid,
    unescape,
)
from mailroom.contacts.identity import URN_UUID, bare_uid
from mailroom.errors import ProtocolError


def edit_members(
    card: bytes, add: Collection[str] = (), remove: Collection[str] = (), *, prefixed: bool = False
) -> bytes:
    """Return a group's card with members added and removed; the same object where nothing changes.

    Lines of members that leave are dropped in whatever spelling; lines of members that come stand
    before the end of the card. Every other byte stays. Who is both to come and to go, comes.

    A new line is of the property that the card's member lines are of. Where it has none, or both,
    it is MEMBER in a version 4 card that says KIND, and X-ADDRESSBOOKSERVER-MEMBER in every other.

    Args:
        add: Identifiers (UID) of cards, as those cards write them.
        remove: Likewise.
        prefixed: Whether the server reads ``MEMBER:urn:uuid:x`` as the card x, as Cyrus up to 3.10
            does; newer ones read the identifier just as it stands.

    Raises:
        ProtocolError: The card has no end to put a line before.
    """
    coming = dict.fromkeys(stripped for uid in add if (stripped := uid.strip()))
    leaving = {bare_uid(uid) for uid in remove} - {bare_uid(uid) for uid in coming}
    kept: list[bytes] = []
    end: int | None = None
    eol = b"\r\n"
    dialect = _Dialect(prefixed)
    for line, is_own in lines_by_owner(card):
        dialect.notice(line)
        if line.name in MEMBERS:
            uid = member_uid(line, prefixed)
            if not leaving.isdisjoint({bare_uid(unescape(line.value)), bare_uid(uid or line.value)}):
                continue
            coming.pop(uid or "", None)  # is there already, in words that the server reads as this card
        elif is_own and line.name == "END" and line.value.strip().upper() == "VCARD":
            end = len(kept)
            eol = _line_ending(kept[-1] if kept else line.raw)
        kept.append(line.raw)
    if coming:
        if end is None:
            raise ProtocolError("the group's card has no END:VCARD")
        while end and is_open(kept[end - 1]):  # a line put behind it would be read as the rest of its value
            end -= 1
        kept[end:end] = [dialect.member_line(uid, eol) for uid in coming]
    edited = b"".join(kept)
    return card if edited == card else edited


class _Dialect:
    """How a group writes its members, told by its lines."""

    def __init__(self, prefixed: bool) -> None:
        self._prefixed = prefixed
        self._members: set[str] = set()
        self._kinds: set[str] = set()
        self._version = ""
        self._quotes = False

    def notice(self, line: ContentLine) -> None:
        """Take a line of the card into account."""
        if line.name in MEMBERS:
            self._members.add(line.name)
            self._quotes = self._quotes or line.value.strip().startswith(f'{URN_UUID}"')
        elif line.name in KINDS:
            self._kinds.add(line.name)
        elif line.name == "VERSION":
            self._version = line.value.strip()

    def member_line(self, uid: str, eol: bytes) -> bytes:
        """Return the line that makes a card a member, with its end."""
        if self._is_modern():
            name, value = MEMBER, f"{URN_UUID}{uid}" if self._prefixed else uid
        else:
            # A server that writes quotes (Fastmail) reads a colon without them as well; Cyrus up to
            # 3.10 takes them for a part of the identifier.
            is_quoted = uid[0] == uid[-1] == '"' or (self._quotes and ":" in uid)
            name, value = APPLE_MEMBER, URN_UUID + (f'"{_caret_encoded(uid)}"' if is_quoted else uid)
        value = value.replace("\\", "\\\\").replace("\n", "\\n")
        return fold(f"{name}:{value}".encode("utf-8", "surrogatepass"), eol)

    def _is_modern(self) -> bool:
        if len(self._members) == 1:
            return MEMBER in self._members
        return self._version.startswith("4") and self._kinds == {"KIND"}


def _caret_encoded(text: str) -> str:
    """Make a text fit between quotes (RFC 6868)."""
    return text.replace("^", "^^").replace('"', "^'").replace("\n", "^n")


def _line_ending(raw: bytes) -> bytes:
    for eol in (b"\r\n", b"\n", b"\r"):
        if raw.endswith(eol):
            return eol
    return b"\r\n"
