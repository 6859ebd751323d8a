"""Speaks CardDAV (RFC 6352): finds address books, follows their changes, reads and writes cards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import datetime
from html import escape
from typing import TypeVar
from urllib.parse import quote, unquote, urlsplit

from attrs import evolve, frozen

from mailroom.carddav.discovery import (
    CARDDAV,
    DAV,
    NAMESPACES,
    XML_HEADERS,
    Collection,
    discover,
    propfind,
)
from mailroom.carddav.multistatus import Multistatus, Resource
from mailroom.errors import PreconditionFailedError, ProtocolError, StatusError
from mailroom.http import MAX_CONNECTIONS, HttpClient, Response

MULTIGET_CARDS = 200
MAX_SYNC_PAGES = 10_000

# Compressed on the way, a card may come with another ETag.
_PLAIN = {"Accept-Encoding": "identity"}
_CARD = f"{CARDDAV}address-data"
_SAFE_IN_NAME = "@:!$&'()*+,;=~"
_END_OF_CARD = b"END:VCARD"
_WRITTEN = frozenset({201, 204})
_GONE = frozenset({404, 410})
_INVALID_TOKEN = frozenset({403, 409, 410, 412})

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@frozen
class Changes:
    """What has happened in an address book since a sync token.

    Attributes:
        changed: The ETags of the cards that are new or different, by resource name.
        removed: The resource names of the cards that are gone.
        is_whole: Whether the book was read from the beginning: what is not in `changed` is not there.
        sync_token: The state the book is in now.
    """

    changed: dict[str, str]
    removed: set[str]
    is_whole: bool
    sync_token: str


@frozen
class StoredCard:
    """A card as the server has it.

    Attributes:
        name: Its resource name, the last part of its URL.
        etag: The version this is; empty where the server does not tell.
        octets: Its text.
        is_exact: Whether `octets` is what the server stores, byte for byte.
        created: When it was made, seconds since 1970; 0 where the server does not tell.
    """

    name: str
    etag: str
    octets: bytes
    is_exact: bool
    created: int


class CardDavClient:
    """One person's address books on one server.

    Args:
        http: Carries the credentials.
        url: Where to look: a server, a principal, or an address book.
    """

    def __init__(self, http: HttpClient, url: str) -> None:
        self._http = http
        self._url = url

    def discover(self) -> tuple[Collection, ...]:
        """Find the person's address books; see `discovery.discover`."""
        return discover(self._http, self._url)

    def changes(self, book: Collection, sync_token: str) -> Changes:
        """Ask what has changed since `sync_token`; where that is empty or too old, for everything."""
        changed: dict[str, str] = {}
        removed: set[str] = set()
        is_whole = not sync_token
        for _ in range(MAX_SYNC_PAGES):
            answer = self._sync(book, sync_token)
            if answer is None:
                changed, removed, is_whole, sync_token = {}, set(), True, ""
                continue
            is_truncated = False
            multistatus = Multistatus(answer.body)
            for resource in multistatus:
                is_truncated = is_truncated or resource.status == 507
                name = member_name(resource.href)
                if not name:
                    continue
                if resource.status == 404:
                    changed.pop(name, None)
                    removed.add(name)
                elif 200 <= resource.status < 300:
                    removed.discard(name)
                    changed[name] = resource.text(f"{DAV}getetag")
            if not multistatus.sync_token or (is_truncated and multistatus.sync_token == sync_token):
                raise ProtocolError(f"REPORT {book.url}: no (new) sync token")
            sync_token = multistatus.sync_token
            if not is_truncated:
                return Changes(changed, removed, is_whole, sync_token)
        raise ProtocolError(f"REPORT {book.url}: more than {MAX_SYNC_PAGES} pages of changes")

    def read_cards(self, book: Collection, names: Sequence[str]) -> Iterator[StoredCard]:
        """Read cards in batches; those that are gone are missing from what is returned."""
        for start in range(0, len(names), MULTIGET_CARDS):
            yield from self._read_batch(book, names[start : start + MULTIGET_CARDS])

    def read_card(self, book: Collection, name: str) -> StoredCard | None:
        """Read one card without XML's limits; None where there is none.

        Raises:
            ServerError: What arrived is not the card, or not all of it.
        """
        card = self._get_card(book, name)
        if card is None or card.octets.rstrip().upper().endswith(_END_OF_CARD):
            return card
        # Half a card, or a page that says to come back later, would pass for a card without an
        # address, and its sender would get another one. The server may store such a thing, though.
        return self.read_exact_card(book, name)

    def read_exact_card(self, book: Collection, name: str) -> StoredCard | None:
        """Read one card byte for byte as the server stores it; None where there is none.

        Servers convert a card to the version they are asked for, and to 3.0 if they are not (RFC 6352
        section 5.1); the length tells which version is the stored one.

        Raises:
            PreconditionFailedError: The card changed while it was read.
            ProtocolError: The server does not hand out what it stores.
        """
        try:
            _, resources = propfind(self._http, _member_url(book, name), "<getetag/><getcontentlength/>")
        except StatusError as error:
            if error.status in _GONE:
                return None
            raise
        if not resources:
            raise ProtocolError(f"PROPFIND {_member_url(book, name)}: the server says nothing of the card")
        etag, length = resources[0].text(f"{DAV}getetag"), resources[0].text(f"{DAV}getcontentlength")
        for media_type in ("text/vcard", "text/vcard; version=4.0"):
            card = self._get_card(book, name, media_type)
            if card is None:
                return None
            if etag and card.etag != etag:
                raise PreconditionFailedError(f"{name} changed while it was read")
            if not length or length == str(len(card.octets)):
                return evolve(card, is_exact=True)
        raise ProtocolError(f"GET {_member_url(book, name)}: the server does not hand out what it stores")

    def write_card(self, book: Collection, name: str, card: bytes, etag: str | None = None) -> str:
        """Write a card where there is none, or over the version `etag`; return its new ETag, or "".

        Raises:
            PreconditionFailedError: There is a card already, or another version of it.
            ProtocolError: The answer does not say that the card is written.
            StatusError: The server refuses the card.
        """
        condition = {"If-None-Match": "*"} if etag is None else {"If-Match": etag}
        headers = {"Content-Type": "text/vcard; charset=utf-8", **condition}
        response = self._http.request("PUT", _member_url(book, name), headers=headers, body=card)
        # RFC 9110 section 9.3.4. Whatever else comes with 2xx, such as a page that says to come back
        # later, is not from who keeps the cards.
        if response.status not in _WRITTEN and (response.status != 200 or response.body):
            raise ProtocolError(
                f"PUT {response.url}: HTTP {response.status} does not say that the card is written: "
                f"{response.excerpt()}"
            )
        return response.headers.get("etag", "")

    def _get_card(self, book: Collection, name: str, media_type: str = "text/vcard") -> StoredCard | None:
        headers = {**_PLAIN, "Accept": media_type}
        response = self._http.request("GET", _member_url(book, name), headers=headers, accept=_GONE)
        if response.status in _GONE:
            return None
        return StoredCard(name, response.headers.get("etag", ""), response.body, is_exact=False, created=0)

    def _sync(self, book: Collection, sync_token: str) -> Response | None:
        """Send a sync-collection report (RFC 6578); None where the token is no longer good."""
        body = (
            f"<sync-collection {NAMESPACES}><sync-token>{escape(sync_token)}</sync-token>"
            "<sync-level>1</sync-level><prop><getetag/></prop></sync-collection>"
        )
        response = self._http.request(
            "REPORT",
            book.url,
            headers={**XML_HEADERS, "Depth": "0"},
            body=body.encode(),
            accept=_INVALID_TOKEN if sync_token else (),
        )
        if response.status not in _INVALID_TOKEN:
            return response
        if response.status == 403 and b"valid-sync-token" not in response.body:
            raise StatusError(f"REPORT {book.url}: HTTP 403 ({response.excerpt()})", 403, response.body)
        return None

    def _read_batch(self, book: Collection, names: Sequence[str]) -> Iterator[StoredCard]:
        missing = dict.fromkeys(names)
        try:
            for resource in self._multiget(book, names):
                name = member_name(resource.href)
                if name in missing and (resource.status == 404 or _CARD in resource.properties):
                    del missing[name]
                    if resource.status != 404:
                        yield _stored_card(name, resource)
        except ProtocolError:
            # Servers put bytes into XML that it cannot carry, and one such card spoils the answer
            # for all that follow: narrow it down.
            if len(missing) > 1:
                rest = list(missing)
                middle = len(rest) // 2
                yield from self._read_batch(book, rest[:middle])
                yield from self._read_batch(book, rest[middle:])
                return
        for card in in_parallel(lambda name: self.read_card(book, name), list(missing)):
            if card is not None:
                yield card

    def _multiget(self, book: Collection, names: Iterable[str]) -> Iterator[Resource]:
        path = urlsplit(book.url).path
        hrefs = "".join(f"<href>{escape(path + _quoted(name))}</href>" for name in names)
        body = (
            f"<C:addressbook-multiget {NAMESPACES}><prop><getetag/><getcontentlength/><creationdate/>"
            f"<C:address-data/></prop>{hrefs}</C:addressbook-multiget>"
        )
        response = self._http.request(
            "REPORT", book.url, headers={**XML_HEADERS, "Depth": "1"}, body=body.encode()
        )
        return iter(Multistatus(response.body))


def in_parallel(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Call `function` on each item, over as many connections as there are; the first error ends it."""
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(len(items), MAX_CONNECTIONS)) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    # Items are begun in their order, so the error comes before what was given up because of it.
    return [future.result() for future in futures]


def member_name(href: str) -> str:
    """Return the last part of a URL, decoded; empty for a collection."""
    return unquote(href.rpartition("/")[2], errors="surrogateescape")


def _quoted(name: str) -> str:
    return quote(name, safe=_SAFE_IN_NAME, errors="surrogateescape")


def _member_url(book: Collection, name: str) -> str:
    return book.url + _quoted(name)


def _stored_card(name: str, resource: Resource) -> StoredCard:
    # XML makes one line feed of every line ending (XML 1.0 section 2.11). The length on the server
    # tells whether they all were CRLF; if not, or if characters were replaced, only GET has the bytes.
    text = "".join(resource.properties[_CARD].itertext())
    octets = text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
    is_exact = str(len(octets)) == resource.text(f"{DAV}getcontentlength") and "\ufffd" not in text
    return StoredCard(
        name=name,
        etag=resource.text(f"{DAV}getetag"),
        octets=octets,
        is_exact=is_exact,
        created=_seconds(resource.text(f"{DAV}creationdate")),
    )


def _seconds(moment: str) -> int:
    """Read an RFC 3339 date; 0 where it is none."""
    try:
        return max(0, int(datetime.fromisoformat(moment).timestamp()))
    except (ValueError, OverflowError):
        return 0
