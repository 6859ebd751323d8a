"""Finds a person's address books from the URL he configured (RFC 6764 section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urljoin

from attrs import frozen

from mailroom.carddav.multistatus import Multistatus, Resource
from mailroom.errors import AuthenticationError, ProtocolError, StatusError
from mailroom.http import HttpClient

WELL_KNOWN = "/.well-known/carddav"

DAV = "{DAV:}"
CARDDAV = "{urn:ietf:params:xml:ns:carddav}"
NAMESPACES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
XML_HEADERS = {"Content-Type": "application/xml; charset=utf-8"}


@frozen
class Collection:
    """An address book on the server.

    Attributes:
        url: Its URL, with a slash at the end.
        name: The name it shows.
    """

    url: str
    name: str


def discover(http: HttpClient, url: str) -> tuple[Collection, ...]:
    """Find the person's address books, in the server's order.

    Args:
        url: Where to begin: a server, a principal, a home of address books, or an address book, which
            is then the only one.

    Raises:
        AuthenticationError: The credentials are refused.
        ProtocolError: The server does not lead to any address book.
    """
    wanted = "<current-user-principal/><C:addressbook-home-set/><resourcetype/><displayname/>"
    for start in (url, urljoin(url, WELL_KNOWN)):
        try:
            base, resources = propfind(http, start, wanted)
        except StatusError as error:
            if error.status == 403:
                raise AuthenticationError(str(error)) from error
            continue
        for resource in resources[:1]:
            if _is_address_book(resource):
                return (_collection(base, resource),)
        if homes := _links(base, resources, f"{CARDDAV}addressbook-home-set"):
            return _address_books(http, homes)
        for principal in _links(base, resources, f"{DAV}current-user-principal"):
            base, resources = propfind(http, principal, "<C:addressbook-home-set/>")
            if homes := _links(base, resources, f"{CARDDAV}addressbook-home-set"):
                return _address_books(http, homes)
    raise ProtocolError(f"{url} does not lead to an address book, nor does {WELL_KNOWN} on its host")


def propfind(http: HttpClient, url: str, properties: str, depth: str = "0") -> tuple[str, list[Resource]]:
    """Ask for properties (RFC 4918 section 9.1); return the URL that answered in the end, and its answer."""
    body = f"<propfind {NAMESPACES}><prop>{properties}</prop></propfind>"
    response = http.request("PROPFIND", url, headers={**XML_HEADERS, "Depth": depth}, body=body.encode())
    if response.status != 207:
        return response.url, []
    return response.url, list(Multistatus(response.body))


def _address_books(http: HttpClient, homes: Iterable[str]) -> tuple[Collection, ...]:
    books: dict[str, Collection] = {}
    for home in homes:
        base, resources = propfind(http, home, "<resourcetype/><displayname/>", depth="1")
        for resource in resources:
            if _is_address_book(resource):
                book = _collection(base, resource)
                books[book.url] = book
    if not books:
        raise ProtocolError("the account has no address book")
    return tuple(books.values())


def _links(base: str, resources: Sequence[Resource], name: str) -> list[str]:
    return [_resolve(base, href) for resource in resources[:1] for href in resource.hrefs(name)]


def _resolve(base: str, href: str) -> str:
    try:
        return urljoin(base, href)
    except ValueError as error:
        raise ProtocolError(f"not a URL: {href[:100]!r}, which {base} refers to") from error


def _is_address_book(resource: Resource) -> bool:
    kinds = resource.properties.get(f"{DAV}resourcetype")
    return kinds is not None and kinds.find(f"{CARDDAV}addressbook") is not None


def _collection(base: str, resource: Resource) -> Collection:
    url = _resolve(base, resource.href).rstrip("/") + "/"
    return Collection(url, resource.text(f"{DAV}displayname"))
