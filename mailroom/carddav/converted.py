"""Whether a card is still what the engine made of what Mailroom wrote over JMAP, seen over CardDAV. Pure.

Cyrus, and so Fastmail, converts a ContactCard into a vCard 4.0 (RFC 9555) and shows it as 3.0 by default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from mailroom.carddav.vcard import ContentLine, content_lines, unescape
from mailroom.contacts.person_name import split_name
from mailroom.contacts.writing import address_keys, are_written_for
from mailroom.model.contacts import Alteration, CardUid
from mailroom.model.mailing_list import note_line
from mailroom.model.party import Party, PartyKind, kind_of

_KEY = re.compile(r";(?i:PROP-ID)=(m[0-9a-f]{16}(?:-[0-9]+)?)(?=;|$)")
_KIND = "X-ADDRESSBOOKSERVER-KIND"
_EMAIL, _NOTE = "EMAIL", "NOTE"
_OF_THE_ENGINE = frozenset({"BEGIN", "END", "CREATED", "REV", "PRODID"})
"""What it writes into each card by itself."""

_READ: Mapping[str, Callable[[str], str]] = {
    _EMAIL: lambda _: "",
    "N": lambda value: value.rstrip(";"),  # of five parts or of seven (RFC 9554 section 2.2)
}

_Said = tuple[str, str, str]
"""A property's name with its group, its parameters and its value."""


def alteration_of_converted(uid: CardUid, address: Party, card: bytes) -> Alteration | None:
    """Say whether a card is what the engine made of Mailroom's; None where it was not written over JMAP.

    The key of the address tells so, and the name it was made with. With every line as the engine writes
    it, nobody has changed it, or they have changed it back. Where nothing but the form differs, another
    release of the engine may have written it, or a person: nobody can know.
    """
    lines = [line for line in content_lines(card) if line.name not in _OF_THE_ENGINE and line.raw.strip()]
    emails = [line for line in lines if line.name == _EMAIL]
    notes = [line for line in lines if line.name == _NOTE]
    keys = [found[1] for line in (*emails, *notes) if (found := _KEY.search(line.params))]
    if not keys:
        return None
    name = next((_value(line) for line in lines if line.name == "FN"), "")
    known = tuple(key for key, _ in zip(address_keys(name), (*emails, *notes), strict=False))
    if not are_written_for(address, list(map(_value, emails))) or sorted(keys) != sorted(known):
        return Alteration.SEEN
    note = note_line(address) if kind_of(address) is PartyKind.LIST else ""
    said, written = _said(lines), _written(uid, name, known, note)
    if said in written:
        return Alteration.NONE
    return Alteration.UNKNOWN if _content(said) in map(_content, written) else Alteration.SEEN


def _said(lines: Sequence[ContentLine]) -> list[_Said]:
    """Return what a card says, in whatever order and folds; of its addresses the keys alone."""
    return sorted(
        (f"{line.group}.{line.name}", line.params, _READ.get(line.name, str)(_value(line))) for line in lines
    )


def _written(uid: CardUid, name: str, keys: Sequence[str], note: str) -> tuple[list[_Said], ...]:
    """Return what the engine makes of a card of that name, of either kind.

    Args:
        keys: Those of its addresses, and behind them that of its note where it has one.
    """
    addresses, notes = (keys[:-1], keys[-1:]) if note else (keys, ())
    person = split_name(name)
    parts = (person.family, person.given, person.additional, person.prefix, person.suffix)
    common = [
        (".VERSION", "", "3.0"),
        (".UID", "", uid),
        (".FN", "", name),
        *((f".{_EMAIL}", f";PROP-ID={key}", "") for key in addresses),
        *((f".{_NOTE}", f";PROP-ID={key}", note) for key in notes),
    ]
    company = [(f".{_KIND}", "", "ORG"), (".N", "", ""), ("o.ORG", ";PROP-ID=o", name)]
    individual = [(f".{_KIND}", "", "INDIVIDUAL"), (".N", "", ";".join(parts).rstrip(";"))]
    return sorted([*common, *company]), sorted([*common, *individual])


def _content(said: Sequence[_Said]) -> list[tuple[str, list[str]]]:
    """Return what a card says without the form that one release or another gives it."""
    return sorted(
        (name.rpartition(".")[2], sorted(filter(None, value.upper().split(";")))) for name, _, value in said
    )


def _value(line: ContentLine) -> str:
    return unescape(line.value).strip()
