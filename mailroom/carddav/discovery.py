"""Finds a person's address books from the configured URL (RFC 6764 section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from urllib.parse import unquote, urljoin, urlsplit

from attrs import evolve, frozen

from mailroom.carddav.multistatus import Multistatus, Resource
from mailroom.errors import ProtocolError, StatusError
from mailroom.http import HttpClient

WELL_KNOWN = "/.well-known/carddav"

DAV = "{DAV:}"
CARDDAV = "{urn:ietf:params:xml:ns:carddav}"
NAMESPACES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
XML_HEADERS = {"Content-Type": "application/xml; charset=utf-8"}

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_HOMES, _PRINCIPAL = f"{CARDDAV}addressbook-home-set", f"{DAV}current-user-principal"
_OF_A_BOOK = "<resourcetype/><displayname/><owner/><current-user-principal/><current-user-privilege-set/>"


@frozen
class Collection:
    """An address book on the server.

    Attributes:
        url: Its URL, with a slash at the end.
        name: The name it shows.
        may_read: Whether the credentials allow it, as far as the server tells (RFC 3744 section 5.5).
        may_write: Likewise, to change cards and to make new ones.
        is_own: Whether it belongs to whom the credentials belong to, as far as the server tells.
        is_named: Whether the configured URL is its own.
    """

    url: str
    name: str
    may_read: bool = True
    may_write: bool = True
    is_own: bool = True
    is_named: bool = False


def discover(http: HttpClient, url: str) -> tuple[Collection, ...]:
    """Find the person's address books, in the server's order.

    Args:
        url: Where to begin: a server, a principal, a home of address books, or an address book, which
            then comes first.

    Raises:
        AuthenticationError: The credentials are refused.
        ProtocolError: The server does not lead to any address book.
    """
    # Fastmail's root is 404; its well-known URL redirects to the address books (RFC 6764 section 5).
    for start in (url, urljoin(url, WELL_KNOWN)):
        try:
            base, resources = propfind(http, start, f"{_OF_A_BOOK}<C:addressbook-home-set/>")
        except StatusError as error:
            if error.status == 403:
                raise http.credentials.refused(str(error)) from error
            continue
        # With a depth of 0 a server tells of the resource itself alone (RFC 4918 section 9.1).
        for resource in resources[:1]:
            if _is_address_book(resource):
                named = evolve(_collection(base, resource), is_named=True)
                with suppress(StatusError, ProtocolError):
                    others = _books_of_the_person(http, base, resources)
                    return (named, *(book for book in others if book.url != named.url))
                return (named,)
        if books := _books_of_the_person(http, base, resources):
            return books
    told = f"{url} is not the URL of an address book, nor is {WELL_KNOWN} on its host"
    raise ProtocolError(http.credentials.misled(told))


def escape_xml(text: str) -> str:
    """Return a text as it stands between two tags (html.escape brings every entity of HTML along)."""
    return text.translate(_ESCAPES)


def propfind(http: HttpClient, url: str, properties: str, depth: str = "0") -> tuple[str, list[Resource]]:
    """Ask for properties (RFC 4918 section 9.1); return the URL that answered in the end, and its answer."""
    body = f"<propfind {NAMESPACES}><prop>{properties}</prop></propfind>"
    response = http.request("PROPFIND", url, headers={**XML_HEADERS, "Depth": depth}, body=body.encode())
    if response.status != 207:
        return response.url, []
    return response.url, list(Multistatus(response.body))


def _books_of_the_person(
    http: HttpClient, base: str, resources: Sequence[Resource]
) -> tuple[Collection, ...]:
    """Follow what a resource says of its reader; nothing where it says nothing."""
    if homes := _links(base, resources, _HOMES):
        return _address_books(http, homes)
    for principal in _links(base, resources, _PRINCIPAL):
        base, found = propfind(http, principal, "<C:addressbook-home-set/>")
        if homes := _links(base, found, _HOMES):
            return _address_books(http, homes)
    return ()


def _address_books(http: HttpClient, homes: Iterable[str]) -> tuple[Collection, ...]:
    books: dict[str, Collection] = {}
    for home in homes:
        base, resources = propfind(http, home, _OF_A_BOOK, depth="1")
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
    # Servers write it with a slash at the end or without; names of cards are put behind one.
    url = _resolve(base, resource.href).rstrip("/") + "/"
    rights = _privileges(resource)
    owners, readers = resource.hrefs(f"{DAV}owner"), resource.hrefs(_PRINCIPAL)
    return Collection(
        url,
        resource.text(f"{DAV}displayname"),
        may_read=not rights or bool(rights & {"all", "read"}),
        # To some servers writing is one right, to others it has parts (RFC 3744 section 3.2).
        may_write=not rights or bool(rights & {"all", "write"}) or rights >= {"write-content", "bind"},
        is_own=not owners or not readers or _path(base, owners[0]) == _path(base, readers[0]),
    )


def _privileges(resource: Resource) -> set[str]:
    """Return the names of what may be done to a resource; none where the server does not tell."""
    told = resource.properties.get(f"{DAV}current-user-privilege-set")
    privileges = () if told is None else told.iterfind(f"{DAV}privilege/*")
    return {privilege.tag.removeprefix(DAV) for privilege in privileges}


def _path(base: str, href: str) -> str:
    return unquote(urlsplit(_resolve(base, href)).path).strip("/")
