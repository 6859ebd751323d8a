"""The calls that read an account's contacts (RFC 9610), or what has changed, and how much they tell."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from mailroom.jmap.calls import Call, result_of
from mailroom.jmap.wire import Json

GET_BOOKS: Final = Call("AddressBook/get", {"ids": None})


class Read(Enum):
    """How much of what has changed was told."""

    ALL = "all"
    PART = "part"
    NOTHING = "nothing"
    """Nobody can tell it: everything has to be read anew."""


def calls_for_changes(since: str, first: int, most: int, properties: Sequence[str]) -> list[Call]:
    """Return the calls that read what has changed since a state, and the address books.

    Args:
        first: Where in their request they begin.
        most: How many changes may come at once.
        properties: What is asked for of a card.
    """
    return [
        GET_BOOKS,
        Call("ContactCard/changes", {"sinceState": since, "maxChanges": most}),
        get_cards(result_of(first + 1, "ContactCard/changes", "/created"), properties),
        get_cards(result_of(first + 1, "ContactCard/changes", "/updated"), properties),
    ]


def calls_for_page(position: int, most: int, properties: Sequence[str]) -> list[Call]:
    """Return the calls that read some of the cards from a position on, and the address books."""
    query: Json = {"position": position, "limit": most, "calculateTotal": True}
    return [
        GET_BOOKS,
        Call("ContactCard/query", query),
        get_cards(result_of(1, "ContactCard/query", "/ids"), properties),
    ]


def get_cards(ids: Json, properties: Sequence[str]) -> Call:
    """Return the call that reads cards which an earlier call of the same request has found."""
    return Call("ContactCard/get", {"#ids": ids, "properties": properties})
