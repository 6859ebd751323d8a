"""Makes records of JSON: names and types are checked here and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NewType, TypeVar

import cattrs
from attrs import fields, has
from cattrs.gen import make_dict_structure_fn, override

from mailroom.errors import ProtocolError, TooLargeError
from mailroom.typed import exactly

MAX_JSON_ELEMENTS = 250_000
"""Two thousand messages have 44,000. None takes more than a hundred bytes of memory, strings apart."""

MAX_WORDS_CHARACTERS = 4_000
"""As much of what a server says to people as they could read; it may be megabytes."""

Words = NewType("Words", str)
"""What a server says to people; cut at `MAX_WORDS_CHARACTERS`."""

NO_WORDS = Words("")

NAME = "name"
"""Under this key of a field's metadata stands its name in JSON, where that does not follow from its own."""

T = TypeVar("T")


def parse_json(body: bytes, what: str, max_elements: int = MAX_JSON_ELEMENTS) -> object:
    """Parse JSON.

    A few megabytes of text can stand for a gigabyte of lists and objects, so these are counted first: by
    the signs that begin and separate them, also where such a sign stands in a string. How deep they are
    nested, the interpreter bounds.

    Raises:
        TooLargeError: It may have more than `max_elements` elements.
        ProtocolError: It is none, or nested absurdly deep.
    """
    # No more elements than bytes: what is short needs no counting.
    if len(body) > max_elements and sum(map(body.count, b",:[{")) > max_elements:
        raise TooLargeError(f"{what} has more than {max_elements} elements")
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{what}: not JSON: {error}") from error
    return value


def structure(value: object, record: type[T], what: str) -> T:
    """Make a record of a JSON value; properties that the record does not name are passed over.

    Raises:
        ProtocolError: A property is missing or has another type; says which.
    """
    try:
        return _converter.structure(value, record)
    except (cattrs.BaseValidationError, TypeError, ValueError) as error:
        raise ProtocolError(f"{what}: {'; '.join(cattrs.transform_error(error)[:3])}") from error


def _exactly(kind: type[T]) -> Callable[[object, object], T]:
    return exactly(kind, lambda value: f"expected {kind.__name__}, got {type(value).__name__}")


def _camel_case(name: str) -> str:
    first, *others = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in others)


def _record_hook(record: type[Any]) -> Callable[[Any, Any], Any]:
    names: Any = {
        each.name: override(rename=each.metadata.get(NAME) or _camel_case(each.name))
        for each in fields(record)
    }
    # Its source is of no use to anybody, and would be kept as long as the process lives.
    make = make_dict_structure_fn(record, _converter, _cattrs_use_linecache=False, **names)

    def hook(value: Any, kind: Any) -> Any:
        if not isinstance(value, dict):
            raise TypeError(f"expected an object, got {type(value).__name__}")
        return make(value, kind)

    return hook


def _list_hook(kind: Any) -> Callable[[Any, Any], Any]:
    (item,) = kind.__args__

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list):
            raise TypeError(f"expected a list, got {type(value).__name__}")
        return [_converter.structure(entry, item) for entry in value]

    return hook


_as_text = _exactly(str)
_converter = cattrs.Converter()
for _kind in (str, int, bool):
    _converter.register_structure_hook(_kind, _exactly(_kind))
_converter.register_structure_hook(Words, lambda value, _: _as_text(value, str)[:MAX_WORDS_CHARACTERS])
_converter.register_structure_hook_factory(has, _record_hook)
_converter.register_structure_hook_factory(lambda kind: getattr(kind, "__origin__", None) is list, _list_hook)
