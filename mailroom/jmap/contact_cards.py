"""Reads a ContactCard (RFC 9610 section 3, JSContact: RFC 9553) tolerantly: little of it is needed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from attrs import frozen

from mailroom.contacts.summary import CardSummary
from mailroom.errors import ProtocolError
from mailroom.model.address import Address, parse_address
from mailroom.model.mailing_list import lists_in_note
from mailroom.model.names import clean_name
from mailroom.model.party import MailingList

PROPERTIES = (
    "id",
    "uid",
    "kind",
    "name",
    "emails",
    "organizations",
    "members",
    "addressBookIds",
    "created",
    "updated",
)
NOTES = "notes"
"""Asked for besides only where it matters which mailing lists cards stand for: notes may be long."""

_ORDER = ("title", "given", "given2", "surname", "surname2", "generation", "credential")


@frozen
class ReadCard:
    """What is needed of a ContactCard.

    Attributes:
        id: What the server calls it; not always its identifier (`CardSummary.uid`).
        book_ids: The address books that it is in.
        created: When it was made, seconds since 1970; 0 where the server does not tell.
        modified: When it was changed last, likewise.
    """

    id: str
    summary: CardSummary
    book_ids: frozenset[str]
    created: int
    modified: int


def id_of(value: object) -> str:
    """Return what the server calls a card; empty where that cannot be told."""
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def read_card(value: object) -> ReadCard:
    """Read a card.

    Raises:
        ProtocolError: What is needed of it has a form that cannot be read; says which.
    """
    if not isinstance(value, dict):
        raise ProtocolError("the card is no object")
    is_group = value.get("kind") == "group"
    summary = CardSummary(
        uid=_text(value, "uid").strip(),
        name=_name(value),
        parties=(*_addresses(value), *_lists(value)),
        is_group=is_group,
        members=_keys(value, "members") if is_group else frozenset(),
    )
    return ReadCard(
        id_of(value),
        summary,
        _keys(value, "addressBookIds"),
        seconds_of(value.get("created")),
        seconds_of(value.get("updated")),
    )


def seconds_of(moment: object) -> int:
    """Read a UTCDateTime (RFC 8620 section 1.4) as seconds since 1970; 0 where it is none."""
    try:
        return max(0, int(datetime.fromisoformat(moment).timestamp())) if isinstance(moment, str) else 0
    except (ValueError, OverflowError):
        return 0


def _object(value: Mapping[str, object], name: str) -> dict[str, object]:
    found = value.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ProtocolError(f"its {name} are no object")
    return found


def _text(value: Mapping[str, object], name: str) -> str:
    found = value.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ProtocolError(f"its {name} is no text")
    return found


def _keys(value: Mapping[str, object], name: str) -> frozenset[str]:
    """Return the keys of a set in the form of RFC 8620: those whose value is true."""
    return frozenset(key for key, is_in in _object(value, name).items() if is_in is True)


def _addresses(value: Mapping[str, object]) -> dict[Address, None]:
    found: dict[Address, None] = {}
    for entry in _object(value, "emails").values():  # under whatever keys
        text = entry.get("address") if isinstance(entry, dict) else None
        if isinstance(text, str) and (address := parse_address(text)):
            found[address] = None
    return found


def _lists(value: Mapping[str, object]) -> dict[MailingList, None]:
    found: dict[MailingList, None] = {}
    notes = value.get(NOTES)
    # One of an odd form is no reason not to know whose card it is.
    for entry in notes.values() if isinstance(notes, dict) else ():
        text = entry.get("note") if isinstance(entry, dict) else None
        found |= dict.fromkeys(lists_in_note(text) if isinstance(text, str) else ())
    return found


def _name(value: Mapping[str, object]) -> str:
    """Return the name that it shows: in full, or put together, or that of its first organization."""
    name = _object(value, "name")
    full = name.get("full")
    if isinstance(full, str) and full.strip():
        return clean_name(full)
    if words := _words(name.get("components"), is_ordered=name.get("isOrdered") is True):
        return clean_name(" ".join(words))
    for each in _object(value, "organizations").values():
        called = each.get("name") if isinstance(each, dict) else None
        if isinstance(called, str) and called.strip():
            return clean_name(called)
    return ""


def _words(components: object, *, is_ordered: bool) -> list[str]:
    parts = [
        (kind, word)
        for each in (components if isinstance(components, list) else ())
        if isinstance(each, dict)
        and isinstance(kind := each.get("kind"), str)
        and isinstance(word := each.get("value"), str)
        and kind != "separator"
        and word.strip()
    ]
    return [word for _, word in (parts if is_ordered else _in_order(parts))]


def _in_order(parts: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return a name's parts as people write them; those of other kinds come last."""
    return sorted(parts, key=lambda part: _ORDER.index(part[0]) if part[0] in _ORDER else len(_ORDER))
