"""What JMAP says of address books and cards (RFC 9610): /get, /changes and /query."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mailroom.sandbox.jmap.arguments import Arguments, Json, MethodError, invalid_arguments
from mailroom.sandbox.jmap.core import Context
from mailroom.sandbox.jmap.filters import Condition, compile_filter, is_string, take_filter
from mailroom.sandbox.jmap.objects import told_changes
from mailroom.sandbox.jmap.query import window
from mailroom.sandbox.store import jscontact
from mailroom.sandbox.store.addressbook import AddressBook, Card
from mailroom.sandbox.store.changes import UnknownStateError
from mailroom.sandbox.store.contacts import BOOKS, CARDS, DEFAULT_BOOK, Contacts

_BOOK_PROPERTIES: Mapping[str, Callable[[AddressBook], Any]] = {
    "id": lambda book: book.name,
    "name": lambda book: book.title,
    "description": lambda _: None,
    "sortOrder": lambda _: 0,
    "isDefault": lambda book: book.name == DEFAULT_BOOK,
    "isSubscribed": lambda _: True,
    "shareWith": lambda _: None,
    "myRights": lambda book: {
        "mayRead": book.grants("read"),
        "mayWrite": book.grants("write-content", "bind", "unbind"),
        "mayShare": book.grants("all"),
        "mayDelete": False,
    },
}
CARD_PROPERTIES = frozenset(
    {"@type", "version", "id", "addressBookIds", "kind", "uid", "name", "members"}
    | {"created", "updated", "prodId", *jscontact.LISTS}
    | {"language", "relatedTo", "speakToAs", "titles", "onlineServices", "phones", "preferredLanguages"}
    | {"calendars", "schedulingAddresses", "addresses", "cryptoKeys", "directories", "links", "media"}
    | {"localizations", "anniversaries", "keywords", "personalInfo"}
)
"""The properties of RFC 9553 section 2; of a stored card, those are told that `jscontact` reads."""


def address_book_get(context: Context, arguments: Arguments) -> Json:
    """RFC 9610 section 2.1."""
    contacts = context.contacts
    ids = arguments.ids("ids", None)
    names = arguments.strings("properties")
    arguments.finish()
    if unknown := [name for name in names or () if name not in _BOOK_PROPERTIES]:
        raise invalid_arguments(f"unknown properties: {', '.join(unknown)}", "properties")
    books = {book.name: book for book in contacts.own_books()}
    wanted = list(books) if ids is None else list(dict.fromkeys(ids))
    read = dict.fromkeys(["id", *(names if names is not None else _BOOK_PROPERTIES)])
    return {
        "state": contacts.contact_logs[BOOKS].state,
        "list": [{name: _BOOK_PROPERTIES[name](books[id]) for name in read} for id in wanted if id in books],
        "notFound": [id for id in wanted if id not in books],
    }


def contact_card_get(context: Context, arguments: Arguments) -> Json:
    """RFC 9610 section 3.1; where all are asked for, all are given, whatever the limit, as on Cyrus."""
    contacts = context.contacts
    ids = arguments.ids("ids", None)
    names = arguments.strings("properties")
    arguments.finish()
    if unknown := [name for name in names or () if name not in CARD_PROPERTIES and ":" not in name]:
        raise invalid_arguments(f"unknown properties: {', '.join(unknown)}", "properties")
    if ids is not None and len(ids) > context.account.limits.max_objects_in_get:
        raise MethodError("requestTooLarge", f"at most {context.account.limits.max_objects_in_get} ids")
    if ids is None:
        found = list(contacts.own_cards())
        missing: list[str] = []
    else:
        wanted = list(dict.fromkeys(map(context.resolve, ids)))
        there = {id: contacts.find_card(id) for id in wanted}
        found = [place for place in there.values() if place]
        missing = [id for id, place in there.items() if not place]
    return {
        "state": contacts.contact_logs[CARDS].state,
        "list": [_shown(contacts, book, card, names) for book, card in found],
        "notFound": missing,
    }


def _shown(contacts: Contacts, book: AddressBook, card: Card, names: list[str] | None) -> Json:
    """Return a card; its id and address book are told whether or not they were asked for."""
    said = jscontact.shown(card.data)
    told = {name: value for name, value in said.items() if names is None or name in names}
    return {**told, "id": contacts.card_id(card), "addressBookIds": {book.name: True}}


def contact_changes(type: str) -> Callable[[Context, Arguments], Json]:
    """Return the /changes method of a data type of contacts (RFC 8620 section 5.2)."""

    def call(context: Context, arguments: Arguments) -> Json:
        since = arguments.string("sinceState")
        limit = arguments.integer("maxChanges", None, minimum=1)
        arguments.finish()
        log = context.contacts.contact_logs[type]
        # As on Cyrus, a state yet to come is taken for the present one.
        known = log.state if since.isdigit() and int(since) > int(log.state) else since
        try:
            found = log.since(known, limit)
        except UnknownStateError as error:
            raise MethodError("cannotCalculateChanges", "invalid sinceState") from error
        return told_changes(since, found)

    return call


_Found = tuple[Card, Json]
_CONDITIONS: Mapping[str, Condition] = {
    "uid": Condition(is_string, lambda _, v: lambda found: found[1].get("uid") == v),
    "kind": Condition(is_string, lambda _, v: lambda found: found[1]["kind"] == v.lower()),
    "hasMember": Condition(is_string, lambda _, v: lambda found: _occurs(v, found[1].get("members", ()))),
    "email": Condition(is_string, lambda _, v: lambda found: _occurs(v, _addresses(found[1]))),
}


def _addresses(said: Json) -> list[str]:
    return [entry["address"] for entry in said.get("emails", {}).values()]


def _occurs(text: str, values: Iterable[str]) -> bool:
    """Whether every word of a text occurs in the values: it is searched for, not compared, as on Cyrus."""
    return _words(text) <= _words(" ".join(values))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def contact_card_query(context: Context, arguments: Arguments) -> Json:
    """RFC 9610 section 3.3; the total is told whether or not it was asked for, as on Cyrus."""
    contacts = context.contacts
    filter = take_filter(arguments)
    matches = compile_filter(context.account, filter, _CONDITIONS)
    if arguments.take("sort", lambda v: v is None or isinstance(v, list), "a Comparator[]", None):
        raise MethodError("unsupportedSort")
    found = [(card, jscontact.shown(card.data)) for _, card in contacts.own_cards()]
    ids = [contacts.card_id(card) for card, said in found if matches((card, said))]
    answer = window(context, arguments, ids, contacts.contact_logs[CARDS].state)
    return {**({"filter": filter} if filter else {}), "total": len(ids), **answer}
