"""Shows a card in the other version of vCard, as Cyrus and so Fastmail does (RFC 6352 section 5.1).

What contact groups rest on is translated: the kind, the members, the identifier. The rest stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mailroom.sandbox.store import vcards
from mailroom.sandbox.store.addressbook import Card
from mailroom.sandbox.store.vcards import ContentLine

VERSION_3, VERSION_4 = "3.0", "4.0"
VERSIONS = (VERSION_3, VERSION_4)

_RANGE = re.compile(r"text/vcard\s*(?P<params>(?:;[^,]*)?)", re.IGNORECASE)
_VERSION = re.compile(r";\s*version\s*=\s*\"?([\d.]+)", re.IGNORECASE)

_Translate = Callable[[ContentLine], str]


def shown(card: Card, version: str, *, anew: bool = False) -> bytes:
    """Return a card in a version; the very bytes where that is how it is stored.

    Args:
        anew: Whether version 4.0 is never the very bytes, but written anew, as by the engine since 2025.
    """
    stored = card.summary.version
    if stored not in VERSIONS or (stored == version and not (anew and version == VERSION_4)):
        return card.data
    translations = _AS_4 if stored == version else _TO_3 if version == VERSION_3 else _TO_4
    lines: list[str] = []
    last: list[str] = []
    names = set()
    for text in vcards.unfold(card.data):
        line = vcards.parse(text)
        name = line.name if line else ""
        names.add(name)
        if line and name in translations:
            # Where they change their names, they are written anew, after all others.
            (last if name in _MOVED[version] else lines).append(translations[name](line))
        elif name != "END":
            lines.append(text)
    if version == VERSION_3 and "N" not in names:
        last.append(f"N:{_structured_name(card)}")  # version 3.0 demands one
    return "".join(map(vcards.fold, [*lines, *last, "END:VCARD"])).encode()


def _structured_name(card: Card) -> str:
    """Return the N that a card is given which has none: its name as a surname, but for organizations."""
    kinds = (line.value.upper() for line in vcards.content_lines(card.data) if line.name == "KIND")
    return ";;;;" if "ORG" in kinds else vcards.escape(card.summary.name)


def accepted(header: str) -> str:
    """Return the version that an Accept header asks for; 3.0 where it asks for none."""
    for found in _RANGE.finditer(header):
        if version := _VERSION.search(found["params"]):
            return known(version[1])
    return VERSION_3


def known(version: str) -> str:
    """Return the version in which a card is shown to whoever asks for this one."""
    return version if version in VERSIONS else VERSION_3


def _renamed(line: ContentLine, name: str, value: str) -> str:
    prefix = f"{line.group}." if line.group else ""
    return f"{prefix}{name}{line.params}:{value}"


def _member_as_3(line: ContentLine) -> str:
    return _renamed(line, "X-ADDRESSBOOKSERVER-MEMBER", vcards.member_urn(line.value))


def _member_as_4(line: ContentLine) -> str:
    uid = vcards.member_uid(line)
    return _renamed(line, "X-ADDRESSBOOKSERVER-MEMBER" if uid is None else "MEMBER", uid or line.value)


def _uid_as_3(line: ContentLine) -> str:
    return f"UID:{line.value.removeprefix(vcards.URN_UUID)}"


def _uid_as_4(line: ContentLine) -> str:
    return _renamed(line, "UID" if "VALUE=" in line.params.upper() else "UID;VALUE=TEXT", line.value)


_TO_3: Mapping[str, _Translate] = {
    "VERSION": lambda _: f"VERSION:{VERSION_3}",
    "KIND": lambda line: _renamed(line, "X-ADDRESSBOOKSERVER-KIND", line.value.upper()),
    "MEMBER": _member_as_3,
    "UID": _uid_as_3,
}
_TO_4: Mapping[str, _Translate] = {
    "VERSION": lambda _: f"VERSION:{VERSION_4}",
    "KIND": lambda line: _renamed(line, "KIND", line.value.upper()),
    "X-ADDRESSBOOKSERVER-KIND": lambda line: _renamed(line, "KIND", line.value.upper()),
    "X-ADDRESSBOOKSERVER-MEMBER": _member_as_4,
    "UID": _uid_as_4,
}
_AS_4 = {name: _TO_4[name] for name in ("UID", "KIND")}
"""How a stored 4.0 is written where 4.0 is asked for."""
_MOVED = {
    VERSION_3: ("KIND", "MEMBER"),
    VERSION_4: ("X-ADDRESSBOOKSERVER-KIND", "X-ADDRESSBOOKSERVER-MEMBER"),
}
