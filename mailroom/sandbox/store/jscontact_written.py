"""JSContact Cards as vCards of version 4.0, as Cyrus and so Fastmail stores what comes over JMAP.

A patch rewrites the whole card: lines change their order, groups of properties their names, and what a
member of another account is loses whose it is. What has no property in JSContact stays as a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from mailroom.sandbox.store import jscontact, vcards
from mailroom.sandbox.store.jscontact import Json
from mailroom.sandbox.store.vcards import ContentLine

PRODUCT = "-//Mailroom//Sandbox//EN"

_REWRITTEN = frozenset(
    {"BEGIN", "END", "VERSION", "UID", "FN", "N", "REV", "CREATED", "PRODID", "X-ABLABEL", "JSPROP"}
    | {*jscontact.KINDS, *jscontact.MEMBERS}
    | {property for property, _ in jscontact.LISTS.values()}
)
_OWN_PARAMS = re.compile(r";(?:PROP-ID|TYPE=pref(?=[;:]|$))[^;]*", re.IGNORECASE)


def made(card: Json) -> bytes:
    """Return the bytes of a new card; it must have its uid, and when it was made."""
    return _card(card, {}, [], {})


def patched(data: bytes, card: Json) -> bytes:
    """Return the bytes of a stored card that is to be this one now."""
    lines = list(vcards.content_lines(data))
    before = jscontact.shown(data)
    kept = [line for line in lines if line.name not in _REWRITTEN]
    return _card(card, before, kept, _by_key(lines), _structured_name(lines))


def _by_key(lines: list[ContentLine]) -> Mapping[tuple[str, str], ContentLine]:
    properties = {property: name for name, (property, _) in jscontact.LISTS.items()}
    return {
        (properties[line.name], jscontact.property_id(line)): line
        for line in lines
        if line.name in properties
    }


def _structured_name(lines: list[ContentLine]) -> str | None:
    return next((line.value for line in lines if line.name == "N"), None)


def _card(
    card: Json,
    before: Json,
    kept: list[ContentLine],
    written: Mapping[tuple[str, str], ContentLine],
    name: str | None = None,
) -> bytes:
    lines = ["BEGIN:VCARD", "VERSION:4.0", f"UID:{card['uid']}"]
    if card.get("name") != before.get("name"):
        name = _name(card.get("name") or {})
    if name is not None:
        lines.append(f"N:{name}")
    lines += [f"{x.group + '.' if x.group else ''}{x.name}{x.params}:{x.value}" for x in kept]
    if "kind" in card:
        lines.append(f"KIND:{card['kind'].upper()}")
    lines += [f"MEMBER:{uid}" for uid in card.get("members") or ()]
    for property in jscontact.LISTS:
        entries = card.get(property) or {}
        for number, (key, entry) in enumerate(entries.items()):
            old = written.get((property, key)) if (before.get(property) or {}).get(key) == entry else None
            lines += _entry(property, key, number, entry, old)
    lines += _extensions(card)
    lines += _ending(card)
    return "".join(map(vcards.fold, [*lines, "END:VCARD"])).encode()


def _ending(card: Json) -> Iterator[str]:
    for property, name in (("CREATED", "created"), ("REV", "updated")):
        if name in card:
            yield f"{property}:{re.sub('[-:]', '', card[name])}"
    full = (card.get("name") or {}).get("full")
    yield "FN;DERIVED=TRUE:No Name" if full is None else f"FN:{vcards.escape(full)}"
    if "prodId" in card:
        yield f"PRODID:{card['prodId']}"


def _name(name: Json) -> str | None:
    """Return the value of N; None for a name without components."""
    parts = {component["kind"]: component["value"] for component in name.get("components") or ()}
    if not parts:
        return None
    return ";".join(vcards.escape(parts.get(kind, "")) for kind in jscontact.NAME_PARTS)


def _entry(property: str, key: str, number: int, entry: Json, old: ContentLine | None) -> Iterator[str]:
    """Yield the lines of one entry; unchanged, it keeps its value and parameters."""
    vcard_property = jscontact.LISTS[property][0]
    label = entry.get("label")
    group = ""
    if property == "emails" and label is not None:
        group = f"email{number}."
    elif property == "organizations" and old is None:
        group = f"{key}."
    if old is not None:
        params = _OWN_PARAMS.sub("", old.params)
        value = old.value
    else:
        params, value = _VALUES[property](entry)
    yield f"{group}{vcard_property};PROP-ID={key}{params}:{value}"
    if group and label is not None:
        yield f"{group}X-ABLabel:{vcards.escape(label)}"


def _email(entry: Json) -> tuple[str, str]:
    types = {"private": "HOME", "work": "WORK"}
    params = "".join(f";TYPE={types[context]}" for context in entry.get("contexts") or {})
    if entry.get("pref"):
        params += f";PREF={entry['pref']}"
    return params, vcards.escape(entry["address"])


def _organization(entry: Json) -> tuple[str, str]:
    units = [unit["name"] for unit in entry.get("units") or ()]
    return "", ";".join(map(vcards.escape, [entry.get("name") or "", *units]))


_VALUES: Mapping[str, Callable[[Json], tuple[str, str]]] = {
    "emails": _email,
    "organizations": _organization,
    "notes": lambda entry: ("", vcards.escape(entry["note"])),
    "phones": lambda entry: ("", vcards.escape(entry["number"])),
    "nicknames": lambda entry: ("", vcards.escape(entry["name"])),
}


def _extensions(card: Json) -> Iterator[str]:
    """Yield the lines of a vendor's properties (RFC 9555 section 3.2.1)."""
    for name, value in card.items():
        if ":" in name:
            yield f'JSPROP;JSPTR="{name}":{vcards.escape(json.dumps(value))}'
