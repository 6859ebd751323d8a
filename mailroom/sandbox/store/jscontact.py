"""vCards as JSContact Cards (RFC 9553, RFC 9555), as Cyrus and so Fastmail shows them over JMAP.

What contact groups and senders rest on is read; the rest of a card has no property here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from mailroom.sandbox.store import vcards
from mailroom.sandbox.store.vcards import ContentLine

Json = dict[str, Any]

GROUP, INDIVIDUAL = "group", "individual"
NAME_PARTS = ("surname", "given", "given2", "title", "credential")
"""The kinds of name components, in the order of the N property (RFC 6350 section 6.2.2)."""

_PARAM = re.compile(r";([A-Za-z0-9-]+)(?:=((?:\"[^\"]*\"|[^\";:,]*)(?:,(?:\"[^\"]*\"|[^\";:,]*))*))?")
_COMPACT_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)(?:\.\d+)?Z")
_CONTEXTS = {"home": "private", "work": "work"}


def parameters(line: ContentLine) -> dict[str, list[str]]:
    """Return a line's parameters by name in upper case, each with its values in the order written."""
    found: dict[str, list[str]] = {}
    for name, values in _PARAM.findall(line.params):
        found.setdefault(name.upper(), []).extend(value.strip('"') for value in values.split(","))
    return found


def property_id(line: ContentLine) -> str:
    """Return the key of what a line says: its PROP-ID, else the hash of its value as written."""
    given = parameters(line).get("PROP-ID")
    return given[0] if given else hashlib.sha1(line.value.encode()).hexdigest()  # noqa: S324 - a name


def shown(data: bytes) -> Json:
    """Return a stored card as JSContact, without the properties that JMAP adds."""
    lines = list(vcards.content_lines(data))
    kind = kind_of(lines)
    card: Json = {"@type": "Card", "version": "1.0", "kind": kind}
    # A group without any has no such property, so that there is none to patch in either.
    if found := dict.fromkeys(members(lines), True):
        card["members"] = found
    for name, read in _SINGLE.items():
        if (value := read(lines)) is not None:
            card[name] = value
    for name, (property, entry) in LISTS.items():
        entries = {property_id(line): entry(line, lines) for line in lines if line.name == property}
        if entries:
            card[name] = entries
    return card | _extensions(lines)


def _extensions(lines: Iterable[ContentLine]) -> Json:
    """Return a vendor's properties (RFC 9555 section 3.2.1)."""
    found = {}
    for line in lines:
        if line.name == "JSPROP" and (pointer := parameters(line).get("JSPTR")):
            found[pointer[0]] = json.loads(vcards.unescape(line.value))
    return found


def kind_of(lines: Iterable[ContentLine]) -> str:
    """Return the kind of a card; without one it is a person."""
    kinds = (line.value.strip().lower() for line in lines if line.name in KINDS)
    return next(kinds, INDIVIDUAL)


KINDS = ("KIND", "X-ADDRESSBOOKSERVER-KIND")
OTHERS_MEMBER = "X-FM-OTHERACCOUNT-MEMBER"
MEMBERS = ("MEMBER", "X-ADDRESSBOOKSERVER-MEMBER", OTHERS_MEMBER)


def members(lines: Iterable[ContentLine]) -> Iterator[str]:
    """Yield the UIDs of a group's members, those of other accounts first, as Cyrus does."""
    found = [line for line in lines if line.name in MEMBERS]
    for line in sorted(found, key=lambda line: line.name != OTHERS_MEMBER):
        if (uid := vcards.member_uid(line)) is not None:
            yield uid


def _value(property: str) -> Callable[[Sequence[ContentLine]], str | None]:
    return lambda lines: next((vcards.unescape(x.value) for x in lines if x.name == property), None)


def _time(property: str) -> Callable[[Sequence[ContentLine]], str | None]:
    def read(lines: Sequence[ContentLine]) -> str | None:
        written = (_COMPACT_TIME.fullmatch(line.value.strip()) for line in lines if line.name == property)
        found = next(written, None)
        return "{}-{}-{}T{}:{}:{}Z".format(*found.groups()) if found else None

    return read


def split(value: str, separator: str) -> list[str]:
    """Split a value at unescaped separators, and undo the escapes of its parts."""
    parts = re.findall(rf"((?:\\.|[^\\{separator}])*){separator}", value + separator)
    return [vcards.unescape(part) for part in parts]


def _name(lines: Sequence[ContentLine]) -> Json | None:
    name: Json = {}
    told = [line for line in lines if "DERIVED" not in parameters(line)]
    if (full := _value("FN")(told)) is not None:
        name["full"] = full
    structured = next((line.value for line in lines if line.name == "N"), "")
    components = [
        {"kind": kind, "value": value}
        for kind, value in zip(NAME_PARTS, split(structured, ";"), strict=False)
        if value
    ]
    if components:
        name["components"] = components
    return name or None


def _email(line: ContentLine, lines: Sequence[ContentLine]) -> Json:
    entry: Json = {"address": vcards.unescape(line.value).strip()}
    given = parameters(line)
    types = [value.lower() for value in given.get("TYPE", ())]
    contexts = {_CONTEXTS[value]: True for value in types if value in _CONTEXTS}
    if contexts:
        entry["contexts"] = contexts
    if "pref" in types or "PREF" in given:
        number = given.get("PREF", ["1"])[0]
        entry["pref"] = int(number) if number.isdigit() else 1
    labels = (x.value for x in lines if x.name == "X-ABLABEL" and line.group and x.group == line.group)
    if (label := next(labels, None)) is not None:
        entry["label"] = re.sub(r"^_\$!<(.+)>!\$_$", r"\1", vcards.unescape(label))
    return entry


def _organization(line: ContentLine, _: Sequence[ContentLine]) -> Json:
    name, *units = split(line.value, ";")
    entry: Json = {"name": name} if name else {}
    if units := [unit for unit in units if unit]:
        entry["units"] = [{"name": unit} for unit in units]
    return entry


def _note(line: ContentLine, _: Sequence[ContentLine]) -> Json:
    return {"note": vcards.unescape(line.value)}


def _nickname(line: ContentLine, _: Sequence[ContentLine]) -> Json:
    # Several in one property have one key there, so that the last is the one that is seen.
    return {"name": split(line.value, ",")[-1]}


_SINGLE: Mapping[str, Callable[[Sequence[ContentLine]], Any]] = {
    "uid": _value("UID"),
    "name": _name,
    "created": _time("CREATED"),
    "updated": _time("REV"),
    "prodId": _value("PRODID"),
}
LISTS: Mapping[str, tuple[str, Callable[[ContentLine, Sequence[ContentLine]], Json]]] = {
    "notes": ("NOTE", _note),
    "nicknames": ("NICKNAME", _nickname),
    "organizations": ("ORG", _organization),
    "emails": ("EMAIL", _email),
    "phones": ("TEL", lambda line, _: {"number": vcards.unescape(line.value)}),
}
"""The properties that map keys to objects: the vCard property of each, and how one line is read."""
