"""The reports of an address book: sync-collection (RFC 6578), addressbook-multiget and -query (RFC 6352)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from attrs import frozen

from mailroom.sandbox.dav import resources
from mailroom.sandbox.dav.resources import PlaceKind, card_path, card_properties
from mailroom.sandbox.dav.xml import (
    DavError,
    FoundResource,
    Name,
    carddav,
    dav,
    multistatus,
    parse,
    property_response,
    status_response,
)
from mailroom.sandbox.exchange import Reply, Request
from mailroom.sandbox.store import vcard_versions, vcards
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.addressbook import AddressBook, Card
from mailroom.sandbox.store.changes import UnknownStateError

_NOT_IN_XML = re.compile("[^\t\r\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ADDRESS_DATA = carddav("address-data")
_ASCII_LOWER = {ordinal: ordinal + 32 for ordinal in range(ord("A"), ord("Z") + 1)}
_CASEMAPS: dict[str, Callable[[str], str]] = {
    "i;unicode-casemap": str.casefold,
    "i;ascii-casemap": lambda text: text.translate(_ASCII_LOWER),
    "i;octet": str,
}
_MATCH_TYPES: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda value, text: text in value,
    "equals": lambda value, text: value == text,
    "starts-with": lambda value, text: value.startswith(text),
    "ends-with": lambda value, text: value.endswith(text),
}


@frozen
class _Asked:
    """The properties a report is to give of each card.

    Attributes:
        selection: The vCard properties that address-data is to be cut down to; None for the whole card.
        version: The version in which it is to be shown.
    """

    names: tuple[Name, ...]
    selection: frozenset[str] | None
    version: str = vcard_versions.VERSION_3

    def response(self, account: SandboxAccount, book: AddressBook, card: Card) -> str:
        properties = card_properties(account, card)
        properties[_ADDRESS_DATA] = lambda: _as_xml(
            vcard_versions.shown(card, self.version, anew=book.shows_version_4_anew), self.selection
        )
        return property_response(FoundResource(card_path(account, book, card.name), properties), self.names)


def report(account: SandboxAccount, book: AddressBook, request: Request) -> Reply:
    """Answer a REPORT on an address book."""
    root = parse(request)
    if root.tag == dav("sync-collection"):
        return _sync_collection(account, book, request, root)
    if root.tag == carddav("addressbook-multiget"):
        return _multiget(account, book, root)
    if root.tag == carddav("addressbook-query"):
        return _query(account, book, request, root)
    raise DavError(403, dav("supported-report"))


def _sync_collection(account: SandboxAccount, book: AddressBook, request: Request, root: ET.Element) -> Reply:
    token, level = root.find(dav("sync-token")), root.findtext(dav("sync-level"), "").strip()
    if request.headers.get("depth", "0") not in ("0", "1") or token is None or level != "1":
        raise DavError(400)
    if root.find(dav("prop")) is None:
        raise DavError(400)
    asked = _asked(root)
    granted = account.limits.max_sync_results
    limit = _limit(root, dav("limit"), dav("nresults"))
    if granted is not None:
        limit = granted if limit is None else min(limit, granted)
    try:
        changes = book.log.since((token.text or "").strip() or None, limit)
    except UnknownStateError as error:
        raise DavError(403, dav("valid-sync-token")) from error
    responses = [
        asked.response(account, book, book.cards[name]) for name in (*changes.created, *changes.updated)
    ]
    responses += [status_response(card_path(account, book, name), 404) for name in changes.destroyed]
    if changes.has_more:
        path = resources.book_path(account, book)
        responses.append(status_response(path, 507, dav("number-of-matches-within-limits")))
    return multistatus(responses, changes.new_state)


def _multiget(account: SandboxAccount, book: AddressBook, root: ET.Element) -> Reply:
    asked = _asked(root)
    hrefs = [(element.text or "").strip() for element in root.findall(dav("href"))]
    responses = []
    for href in hrefs:
        place = resources.locate(account, urlsplit(href).path)
        if place is not None and place.kind is PlaceKind.CARD and place.book is book and place.card:
            responses.append(asked.response(account, book, place.card))
        else:
            responses.append(status_response(href, 404))
    return multistatus(responses)


def _query(account: SandboxAccount, book: AddressBook, request: Request, root: ET.Element) -> Reply:
    if request.headers.get("depth", "0") not in ("0", "1", "infinity"):
        raise DavError(400)
    asked, filter = _asked(root), root.find(carddav("filter"))
    limit = _limit(root, carddav("limit"), carddav("nresults"))
    if request.headers.get("depth", "0") == "0":
        return multistatus([])  # the collection itself is not a card
    found = [card for card in book.cards.values() if filter is None or _passes(card, filter)]
    responses = [asked.response(account, book, card) for card in found[:limit]]
    if limit is not None and len(found) > limit:
        path = resources.book_path(account, book)
        responses.append(status_response(path, 507, dav("number-of-matches-within-limits")))
    return multistatus(responses)


def _asked(root: ET.Element) -> _Asked:
    prop = root.find(dav("prop"))
    if prop is None:
        return _Asked((), None)
    selection: frozenset[str] | None = None
    version = vcard_versions.VERSION_3
    data = prop.find(_ADDRESS_DATA)
    if data is not None:
        version = vcard_versions.known(data.get("version", version))
        if data.get("content-type", "text/vcard") != "text/vcard":
            raise DavError(403, carddav("supported-address-data"))
        if parts := data.findall(carddav("prop")):
            selection = frozenset(part.get("name", "") for part in parts)
    return _Asked(tuple(child.tag for child in prop), selection, version)


def _limit(root: ET.Element, limit: Name, nresults: Name) -> int | None:
    element = root.find(limit)
    if element is None:
        return None
    number = element.findtext(nresults, "").strip()
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise DavError(400)
    return int(number)


def _as_xml(data: bytes, selection: frozenset[str] | None) -> str:
    if selection is not None:
        data = vcards.select(data, selection)
    # Left alone, a reader of XML would turn CRLF into LF (XML 1.0 section 2.11).
    text = _NOT_IN_XML.sub("\ufffd", data.decode("utf-8", "replace"))
    return escape(text, {"\r": "&#13;"})


def _passes(card: Card, filter: ET.Element) -> bool:
    """Whether a card satisfies a filter (RFC 6352 section 10.5)."""
    results = [_property_passes(card, child) for child in filter]
    return _combine(filter, results) if results else True


def _combine(element: ET.Element, results: list[bool]) -> bool:
    test = element.get("test", "anyof")
    if test not in ("anyof", "allof"):
        raise DavError(400)
    return any(results) if test == "anyof" else all(results)


def _property_passes(card: Card, filter: ET.Element) -> bool:
    if filter.tag != carddav("prop-filter") or "name" not in filter.attrib:
        raise DavError(403, carddav("supported-filter"))
    group, _, name = filter.attrib["name"].upper().rpartition(".")
    # As on Cyrus, a name without a group does not see grouped properties such as item1.EMAIL.
    values = [
        vcards.unescape(line.value)
        for line in vcards.content_lines(card.data)
        if line.name == name and line.group.upper() == group
    ]
    if filter.find(carddav("is-not-defined")) is not None:
        return not values
    results = [_text_matches(values, child) for child in filter]
    return bool(values) and (_combine(filter, results) if results else True)


def _text_matches(values: list[str], match: ET.Element) -> bool:
    if match.tag != carddav("text-match"):
        raise DavError(403, carddav("supported-filter"))
    casemap = _CASEMAPS.get(match.get("collation", "i;unicode-casemap"))
    compare = _MATCH_TYPES.get(match.get("match-type", "contains"))
    if casemap is None:
        raise DavError(403, carddav("supported-collation"))
    if compare is None:
        raise DavError(400)
    text = casemap(match.text or "")
    is_found = any(compare(casemap(value), text) for value in values)
    return is_found != (match.get("negate-condition", "no") == "yes")
