"""CardDAV (RFC 6352) over WebDAV (RFC 4918): authentication, methods, preconditions."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from mailroom.sandbox.dav import resources
from mailroom.sandbox.dav import xml as dav_xml
from mailroom.sandbox.dav.reports import report
from mailroom.sandbox.dav.resources import Place, PlaceKind
from mailroom.sandbox.dav.xml import DavError, carddav, dav
from mailroom.sandbox.exchange import Reply, Request
from mailroom.sandbox.store import vcard_versions, vcards
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.addressbook import AddressBook, Card

_COMPLIANCE = "1, 3, access-control, addressbook"
_ALLOW = {
    PlaceKind.CARD: "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND",
    PlaceKind.BOOK: "OPTIONS, PROPFIND, REPORT",
}
_ETAG_LIST = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*')


def answer(account: SandboxAccount, request: Request) -> Reply:
    """Answer one request for contacts."""
    if request.path == "/.well-known/carddav":
        return Reply(301, {"Location": resources.ROOT_PATH})
    if not _is_authorized(account, request.headers.get("authorization", "")):
        return Reply(401, {"WWW-Authenticate": 'Basic realm="sandbox", charset="UTF-8"'})
    with account.lock:
        place = resources.locate(account, request.path)
        if place is None:
            # Where nothing can lie, a PUT lacks the collection above it (RFC 4918 section 9.7.1).
            return Reply(409 if request.method == "PUT" else 404)
        try:
            return _dispatch(account, place, request)
        except DavError as error:
            return error.reply


def basic_authorization(account: SandboxAccount) -> str:
    """Return the header that opens the account's contacts (RFC 7617)."""
    pair = f"{account.username}:{account.password}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def _is_authorized(account: SandboxAccount, header: str) -> bool:
    return header == basic_authorization(account)


def _dispatch(account: SandboxAccount, place: Place, request: Request) -> Reply:
    book = place.book
    match request.method:
        case "OPTIONS":
            return Reply(200, {"DAV": _COMPLIANCE, "Allow": _allowed(place)})
        case "PROPFIND":
            return _propfind(account, place, request)
        case "REPORT" if place.kind is PlaceKind.BOOK and book is not None:
            _require(account, place, "read")
            return report(account, book, request)
        case "GET" | "HEAD" if place.kind is PlaceKind.CARD and book is not None:
            _require(account, place, "read")
            return _get(book, place.card, request)
        case "PUT" if place.kind is PlaceKind.CARD and book is not None:
            _require(account, place, "write-content", *([] if place.card else ["bind"]))
            return _put(account, book, place.name, request)
        case "DELETE" if place.kind is PlaceKind.CARD and book is not None:
            _require(account, place, "unbind")
            return _delete(book, place.name, request)
    return Reply(405, {"Allow": _allowed(place)})


def _require(account: SandboxAccount, place: Place, *privileges: str) -> None:
    """Refuse what the person has no right to, as Cyrus does (RFC 3744 section 7.1.1)."""
    book = place.book
    if book is not None and not book.grants(*privileges):
        path = resources.card_path(account, book, place.name)
        missing = dav_xml.element(dav("privilege"), dav_xml.element(dav(privileges[0])))
        resource = dav_xml.element(dav("resource"), dav_xml.href(path) + missing)
        raise DavError(403, dav("need-privileges"), resource)


def _allowed(place: Place) -> str:
    return _ALLOW.get(place.kind, "OPTIONS, PROPFIND")


def _propfind(account: SandboxAccount, place: Place, request: Request) -> Reply:
    if place.kind is PlaceKind.CARD and place.card is None:
        return Reply(404)
    depth = request.headers.get("depth", "infinity").strip().lower()
    # That is what a missing Depth means, and a server may refuse it (RFC 4918 section 9.1).
    if depth == "infinity":
        raise DavError(403, dav("propfind-finite-depth"))
    if depth not in ("0", "1"):
        raise DavError(400)
    found = [resources.found(account, place)]
    if depth == "1":
        found.extend(resources.members(account, place))
    if not request.body:
        return dav_xml.multistatus(dav_xml.property_response(one, _all(one)) for one in found)
    root = dav_xml.parse(request)
    asked = [child.tag for child in root if child.tag in map(dav, ("prop", "propname", "allprop"))]
    if root.tag != dav("propfind") or len(asked) != 1:
        raise DavError(400)
    if asked == [dav("propname")]:
        return dav_xml.multistatus(map(dav_xml.names_response, found))
    if asked == [dav("allprop")]:
        more = [child.tag for included in root.findall(dav("include")) for child in included]
        return dav_xml.multistatus(
            dav_xml.property_response(one, dict.fromkeys([*_all(one), *more])) for one in found
        )
    names = [child.tag for child in root.iterfind(f"{dav('prop')}/*")]
    return dav_xml.multistatus(dav_xml.property_response(one, names) for one in found)


def _all(found: dav_xml.FoundResource) -> list[dav_xml.Name]:
    """Return what allprop gives: the properties of WebDAV itself."""
    return [name for name in found.properties if name.startswith(f"{{{dav_xml.DAV}}}")]


def _get(book: AddressBook, card: Card | None, request: Request) -> Reply:
    if card is None:
        return Reply(404)
    unless = request.headers.get("if-none-match")
    if unless is not None and _matches(unless, card, weakly=True):
        return Reply(304, {"ETag": card.etag})
    version = vcard_versions.accepted(request.headers.get("accept", ""))
    headers = {"Content-Type": "text/vcard; charset=utf-8", "ETag": card.etag}
    return Reply(200, headers, vcard_versions.shown(card, version, anew=book.shows_version_4_anew))


def _put(account: SandboxAccount, book: AddressBook, name: str, request: Request) -> Reply:
    before = book.cards.get(name)
    _check_preconditions(request.headers, before)
    if request.media_type not in ("text/vcard", ""):
        raise DavError(403, carddav("supported-address-data"))
    if len(request.body) > resources.MAX_CARD_OCTETS:
        raise DavError(403, carddav("max-resource-size"))
    try:
        summary = vcards.check(request.body)
    except vcards.InvalidCardError as error:
        raise DavError(403, carddav("valid-address-data")) from error
    except vcards.UnsupportedVersionError as error:
        raise DavError(403, carddav("supported-address-data")) from error
    holder = book.name_of(summary.uid or "")
    if holder not in (None, name):
        path = resources.card_path(account, book, holder or "")
        raise DavError(403, carddav("no-uid-conflict"), dav_xml.href(path))
    # Nor may a card get another UID below the same name (RFC 6352 section 6.3.2.1).
    if before is not None and before.summary.uid not in (None, summary.uid):
        path = resources.card_path(account, book, name)
        raise DavError(403, carddav("no-uid-conflict"), dav_xml.href(path))
    card = book.put(name, request.body)
    # An ETag in this answer says that the very bytes are stored (RFC 6352 section 6.3.2.3).
    headers = {} if book.rewrites_cards else {"ETag": card.etag}
    return Reply(204 if before else 201, headers)


def _delete(book: AddressBook, name: str, request: Request) -> Reply:
    card = book.cards.get(name)
    if card is None:
        return Reply(404)
    _check_preconditions(request.headers, card)
    book.delete(name)
    return Reply(204)


def _check_preconditions(headers: Mapping[str, str], card: Card | None) -> None:
    """Refuse a write whose If-Match or If-None-Match does not hold (RFC 9110 section 13)."""
    only_if, unless = headers.get("if-match"), headers.get("if-none-match")
    if only_if is not None and not (card and _matches(only_if, card, weakly=False)):
        raise DavError(412)
    if unless is not None and card and _matches(unless, card, weakly=True):
        raise DavError(412)


def _matches(header: str, card: Card, *, weakly: bool) -> bool:
    """Whether one of the header's entity tags is the card's; a weak tag never matches strongly."""
    if header.strip() == "*":
        return True
    if not _ETAG_LIST.fullmatch(header):
        raise DavError(400)
    tags = re.findall(r'(W/)?("[^"]*")', header)
    return any(tag == card.etag and (weakly or not weak) for weak, tag in tags)
