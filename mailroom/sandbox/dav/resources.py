"""The account's contacts as a tree of WebDAV resources, laid out as Fastmail lays it out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import formatdate
from enum import Enum, auto
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from attrs import frozen

from mailroom.sandbox.dav.xml import FoundResource, Name, Read, calendarserver, carddav, dav, element, href
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.addressbook import AddressBook, Card

ROOT_PATH = "/dav/addressbooks/"
MAX_CARD_OCTETS = 1024 * 1024


class PlaceKind(Enum):
    """What a path can name."""

    ROOT = auto()
    PRINCIPAL = auto()
    HOME = auto()
    BOOK = auto()
    CARD = auto()


@frozen
class Place:
    """What a path names; a card's place may be empty.

    Attributes:
        book: The address book, for a book or a card.
        name: The card's name, for a card.
    """

    kind: PlaceKind
    book: AddressBook | None = None
    name: str = ""

    @property
    def card(self) -> Card | None:
        """The card that lies there."""
        return self.book.cards.get(self.name) if self.book else None


def locate(account: SandboxAccount, path: str) -> Place | None:
    """Return what a path, still percent-encoded, names; None where nothing is or can be."""
    if not path.startswith("/"):
        return None
    is_closed = path.endswith("/")
    segments = [unquote(segment) for segment in path.strip("/").split("/")]
    user = account.username
    match segments:
        case ["dav", "addressbooks"]:
            return Place(PlaceKind.ROOT)
        case ["dav", "principals", "user", name] if name == user:
            return Place(PlaceKind.PRINCIPAL)
        case ["dav", "addressbooks", "user", name] if name == user:
            return Place(PlaceKind.HOME)
        case ["dav", "addressbooks", "user", name, book] if name == user and book in account.books:
            return Place(PlaceKind.BOOK, account.books[book])
        case ["dav", "addressbooks", "user", name, book, card] if (
            name == user and book in account.books and card and not is_closed
        ):
            return Place(PlaceKind.CARD, account.books[book], card)
    return None


def principal_path(account: SandboxAccount) -> str:
    """Return the path of the person."""
    return _principal_path(account.username)


def _principal_path(user: str) -> str:
    return f"/dav/principals/user/{quote(user, safe='@')}/"


def home_path(account: SandboxAccount) -> str:
    """Return the path below which the address books lie."""
    return f"{ROOT_PATH}user/{quote(account.username, safe='@')}/"


def book_path(account: SandboxAccount, book: AddressBook) -> str:
    """Return the path of an address book."""
    return f"{home_path(account)}{quote(book.name, safe='')}/"


def card_path(account: SandboxAccount, book: AddressBook, name: str) -> str:
    """Return the path of a card."""
    return book_path(account, book) + quote(name, safe="")


def found(account: SandboxAccount, place: Place) -> FoundResource:
    """Return a resource with its properties; the card of a card's place must be there."""
    match place.kind:
        case PlaceKind.ROOT:
            return FoundResource(ROOT_PATH, _collection(account, "Address books"))
        case PlaceKind.PRINCIPAL:
            return FoundResource(principal_path(account), _principal(account))
        case PlaceKind.HOME:
            return FoundResource(home_path(account), _collection(account, account.username))
    if place.book is None:
        raise ValueError(place)
    if place.kind is PlaceKind.BOOK:
        return FoundResource(book_path(account, place.book), _book(account, place.book))
    card = place.book.cards[place.name]
    return FoundResource(card_path(account, place.book, card.name), card_properties(account, card))


def members(account: SandboxAccount, place: Place) -> Iterable[FoundResource]:
    """Return what lies directly in a collection."""
    match place.kind:
        case PlaceKind.ROOT:
            yield found(account, Place(PlaceKind.HOME))
        case PlaceKind.HOME:
            for book in account.books.values():
                yield found(account, Place(PlaceKind.BOOK, book))
        case PlaceKind.BOOK if place.book:
            for name in place.book.cards:
                yield found(account, Place(PlaceKind.CARD, place.book, name))


def card_properties(account: SandboxAccount, card: Card) -> dict[Name, Read]:
    """Return the properties of a card."""
    return {
        dav("resourcetype"): lambda: "",
        dav("getetag"): lambda: escape(card.etag),
        dav("getcontenttype"): lambda: "text/vcard; charset=utf-8",
        dav("getcontentlength"): lambda: str(len(card.data)),
        dav("getlastmodified"): lambda: formatdate(card.modified, usegmt=True),
        dav("creationdate"): lambda: datetime.fromtimestamp(card.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        dav("current-user-principal"): lambda: href(principal_path(account)),
    }


def _collection(account: SandboxAccount, title: str) -> dict[Name, Read]:
    return {
        dav("resourcetype"): lambda: element(dav("collection")),
        dav("displayname"): lambda: escape(title),
        dav("current-user-principal"): lambda: href(principal_path(account)),
        dav("principal-collection-set"): lambda: href("/dav/principals/"),
    }


def _principal(account: SandboxAccount) -> dict[Name, Read]:
    return {
        **_collection(account, account.username),
        dav("resourcetype"): lambda: element(dav("collection")) + element(dav("principal")),
        dav("principal-URL"): lambda: href(principal_path(account)),
        carddav("addressbook-home-set"): lambda: href(home_path(account)),
    }


def _book(account: SandboxAccount, book: AddressBook) -> dict[Name, Read]:
    privileges = "".join(element(dav("privilege"), element(dav(name))) for name in book.privileges)
    told = {dav("current-user-privilege-set"): lambda: privileges} if privileges else {}
    reports = "".join(
        element(dav("supported-report"), element(dav("report"), element(name)))
        for name in (
            dav("sync-collection"),
            carddav("addressbook-multiget"),
            carddav("addressbook-query"),
        )
    )
    return {
        **_collection(account, book.title),
        dav("resourcetype"): lambda: element(dav("collection")) + element(carddav("addressbook")),
        dav("owner"): lambda: href(_principal_path(book.owner or account.username)),
        **told,
        dav("supported-report-set"): lambda: reports,
        dav("sync-token"): lambda: escape(book.log.state),
        calendarserver("getctag"): lambda: escape(book.log.state),
        carddav("max-resource-size"): lambda: str(MAX_CARD_OCTETS),
        carddav("supported-address-data"): lambda: (
            '<C:address-data-type content-type="text/vcard" version="3.0"/>'
            '<C:address-data-type content-type="text/vcard" version="4.0"/>'
        ),
    }
