"""An entry as JSON: written as one line, and read tolerantly, since another version may have written it."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Any

import cattrs
from attrs import NOTHING, Attribute, asdict, frozen

from mailroom.journal.entry import MAX_RECORDED_SENDERS, Entry
from mailroom.model.party import Party
from mailroom.triage.moves import MAX_RECORDED_MOVES
from mailroom.typed import exactly

VERSION = 1
"""Goes up where an older Mailroom would misread an entry; what is merely added, it passes over."""

MAX_JSON_CHARACTERS = 1_000_000
"""As much as is read of what goes along with a note."""


@frozen
class Broken:
    """Why a text is no entry that can be read."""

    reason: str


def to_json(entry: Entry) -> str:
    """Return an entry as one line of JSON in ASCII, which `read_entry` reads.

    Of one that would be longer than is read, as many senders of each kind as there is room for.
    """
    text, most = _rendered(entry), MAX_RECORDED_SENDERS
    while len(text) > MAX_JSON_CHARACTERS:
        most //= 2
        text = _rendered(entry.shortened(most))
    return text


def as_json(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON has it, for programs."""
    return asdict(entry, filter=_is_said, value_serializer=_plain)


def read_entry(text: str) -> Entry | Broken:
    """Read what `to_json` wrote; what this version does not know is passed over."""
    if len(text) > MAX_JSON_CHARACTERS:
        return Broken(f"it is longer than {MAX_JSON_CHARACTERS} characters")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Broken(f"it is not JSON: {error}")
    version = value.get("version") if isinstance(value, dict) else None
    if type(version) is not int:
        return Broken("it has no version")
    if version > VERSION:
        return Broken("a newer Mailroom wrote it")
    try:
        entry = _converter.structure(value, Entry)
    except (cattrs.BaseValidationError, TypeError, ValueError) as error:
        return Broken("; ".join(cattrs.transform_error(error)[:3]))
    return Broken("it is longer than an entry can be") if _exceeds_bounds(entry) else entry


def _rendered(entry: Entry) -> str:
    return json.dumps({"version": VERSION, **as_json(entry)}, separators=(",", ":"))


def _is_said(attribute: Attribute[Any], value: object) -> bool:
    """Whether a value is written: what says nothing is left out, since a phone has to load it."""
    return attribute.default is NOTHING or value != attribute.default


def _plain(_: object, __: object, value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def _exceeds_bounds(entry: Entry) -> bool:
    return entry.moves_recorded > MAX_RECORDED_MOVES or entry.longest > MAX_RECORDED_SENDERS


def _tuple_hook(kind: Any) -> Callable[[Any, Any], Any]:
    items = kind.__args__

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list):
            raise TypeError(f"expected a list, got {type(value).__name__}")
        if items[-1] is Ellipsis:
            return tuple(_converter.structure(each, items[0]) for each in value)
        if len(value) != len(items):
            raise ValueError(f"expected {len(items)} items, got {len(value)}")
        return tuple(_converter.structure(each, item) for each, item in zip(value, items, strict=True))

    return hook


_converter = cattrs.Converter()
for _kind in (str, int, bool):
    _converter.register_structure_hook(
        _kind, exactly(_kind, lambda value: f"unexpected {type(value).__name__}")
    )
_converter.register_structure_hook_factory(
    lambda kind: kind == Party, lambda _: lambda value, _: _converter.structure(value, str)
)
_converter.register_structure_hook_factory(
    lambda kind: getattr(kind, "__origin__", None) is tuple, _tuple_hook
)
