"""Speaks CardDAV (RFC 6352): finds address books, follows their changes, reads and writes cards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar
from urllib.parse import urlsplit

from attrs import Factory, define, frozen

from mailroom.carddav.cards import (
    CARD_DATA,
    StoredCard,
    card_in,
    delete_card,
    etag_in,
    query,
    quoted,
    resource_name,
    write_card,
)
from mailroom.carddav.discovery import (
    NAMESPACES,
    XML_HEADERS,
    Collection,
    discover,
    escape_xml,
)
from mailroom.carddav.exact import prove, read_card, read_exact_card
from mailroom.carddav.multistatus import Multistatus
from mailroom.carddav.vcard import version_and_uid
from mailroom.contacts.identity import URN_UUID
from mailroom.errors import ProtocolError, StatusError, TooLargeError
from mailroom.http import MAX_CONNECTIONS, HttpClient, Response

MAX_CARDS_BYTES = 4 * 1024 * 1024
"""What is read in one request. An answer is held twice while it is put together."""

MAX_CHANGES_BYTES = 16 * 1024 * 1024
"""About sixty thousand changes."""

MAX_SYNC_PAGES = 10_000
MAX_REFUSED_TOKENS = 3
"""A token may have become too old while the pages were read; a server that refuses each is broken."""

_AS_VERSION_4 = '<C:address-data content-type="text/vcard" version="4.0"/>'
_UID_AS_VERSION_4 = (
    '<C:address-data content-type="text/vcard" version="4.0"><C:prop name="UID"/></C:address-data>'
)
# RFC 6578 section 3.2 names a precondition and no status, so servers differ in it.
_INVALID_TOKEN = frozenset({403, 409, 410, 412})
_NO_SUCH_FILTER = frozenset({400, 403, 405, 415, 422, 501})

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


@define
class _Pages:
    """The pages of changes that were read so far; see `Changes`."""

    is_whole: bool
    changed: dict[str, str] = Factory(dict)
    removed: set[str] = Factory(set)

    def take(self, multistatus: Multistatus) -> tuple[bool, bool]:
        """Add a page; return whether it is the last one, and whether it tells of a card that none told of."""
        is_last, is_new = True, False
        for resource in multistatus:
            # 507 for the book itself: there are more changes to come (RFC 6578 section 3.6).
            is_last = is_last and resource.status != 507
            name = resource_name(resource.href)
            if not name:
                continue
            is_new = is_new or (name not in self.changed and name not in self.removed)
            if resource.status == 404:
                self.changed.pop(name, None)
                self.removed.add(name)
            elif 200 <= resource.status < 300:
                self.removed.discard(name)
                self.changed[name] = etag_in(resource)
        return is_last, is_new


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
        """Ask what has changed since `sync_token`; where that is empty or too old, for everything.

        Raises:
            ProtocolError: The server's pages lead nowhere, or it refuses the sync tokens that it gives.
            StoppedError: The process is to end, and this is not soon over.
        """
        pages = _Pages(is_whole=not sync_token)
        refusals = 0
        for page in range(MAX_SYNC_PAGES):
            if page:
                self._http.check_going_on()
            answer = self._sync(book, sync_token)
            if answer is None:
                refusals += 1
                if refusals > MAX_REFUSED_TOKENS:
                    raise ProtocolError(
                        f"REPORT {book.url}: the server rejects the sync tokens that it gives"
                    )
                pages, sync_token = _Pages(is_whole=True), ""
                continue
            multistatus = Multistatus(answer.body)
            is_last, is_new = pages.take(multistatus)
            if not multistatus.sync_token or (not is_last and multistatus.sync_token == sync_token):
                raise ProtocolError(f"REPORT {book.url}: no (new) sync token")
            sync_token = multistatus.sync_token
            if is_last:
                return Changes(pages.changed, pages.removed, pages.is_whole, sync_token)
            if not is_new:
                raise ProtocolError(f"REPORT {book.url}: the pages of changes do not end")
        raise ProtocolError(f"REPORT {book.url}: more than {MAX_SYNC_PAGES} pages of changes")

    def multiget(
        self, book: Collection, names: Iterable[str], address_data: str
    ) -> Iterator[tuple[str, StoredCard | None]]:
        """Read cards in one request; with each name the card, or None where there is none.

        Nothing is returned of a card that the server leaves out of its answer.

        Args:
            address_data: What is wanted of each card: RFC 6352's element of section 10.4, and perhaps
                properties before it.

        Raises:
            TooLargeError: The cards are too large together.
            ProtocolError: While iterating: from here on the answer cannot be read.
        """
        path = urlsplit(book.url).path
        hrefs = "".join(f"<href>{escape_xml(path + quoted(name))}</href>" for name in names)
        body = (
            f"<C:addressbook-multiget {NAMESPACES}><prop><getetag/><getcontentlength/><creationdate/>"
            f"{address_data}</prop>{hrefs}</C:addressbook-multiget>"
        )
        response = self._http.request(
            "REPORT",
            book.url,
            headers={**XML_HEADERS, "Depth": "1"},
            body=body.encode(),
            max_bytes=MAX_CARDS_BYTES,
        )
        for resource in Multistatus(response.body):
            name = resource_name(resource.href)
            if CARD_DATA in resource.properties:
                yield name, card_in(name, resource)
            elif resource.status == 404:
                yield name, None

    def find_stored(self, book: Collection, cards: Sequence[StoredCard]) -> list[StoredCard]:
        """Tell what the server stores of cards that were read in batches, with one more request for all.

        Returns:
            Each of `cards`, with `is_exact` where that is proven now, and then perhaps another text.
        """
        others: dict[str, StoredCard] = {}
        try:
            found = self.multiget(book, [card.name for card in cards], _AS_VERSION_4)
            others.update((name, card) for name, card in found if card is not None)
        except StatusError as error:
            if b"supported-address-data" not in error.body:
                return list(cards)
            others = {card.name: card for card in cards}
        except (ProtocolError, TooLargeError):  # as in `read_cards`; what arrived before it counts
            pass
        return [prove(card, others.get(card.name)) for card in cards]

    def uids_with_urn(self, book: Collection) -> Iterator[tuple[str, str]]:
        """Find the cards that are stored as version 4.0 with a UID of ``urn:uuid:``; each with its UID.

        Cyrus from 3.10 on takes ``urn:uuid:`` off where it shows such a card as 3.0, and puts it on
        where it shows a card of 3.0 as 4.0: from what is shown, nobody knows what groups must name.
        A server that has no such filter does not say; none such is known to convert cards.
        """
        stored = {"VERSION": ("equals", "4.0"), "UID": ("starts-with", URN_UUID)}
        try:
            found = query(self._http, book, stored, _UID_AS_VERSION_4)
        except StatusError as error:
            if error.status in _NO_SUCH_FILTER:
                return
            raise
        for resource in found:
            if CARD_DATA in resource.properties:
                name = resource_name(resource.href)
                _, uid = version_and_uid(card_in(name, resource).octets)
                if uid.startswith(URN_UUID):  # some servers answer with every card, whatever is asked
                    yield name, uid

    def read_card(self, book: Collection, name: str) -> StoredCard | None:
        """Read one card; see `exact.read_card`."""
        return read_card(self._http, book, name)

    def read_exact_card(self, book: Collection, name: str) -> StoredCard | None:
        """Read one card as the server stores it; see `exact.read_exact_card`."""
        return read_exact_card(self._http, book, name)

    def write_card(self, book: Collection, name: str, card: bytes, etag: str | None = None) -> str:
        """Write a card; see `cards.write_card`."""
        return write_card(self._http, book, name, card, etag)

    def delete_card(self, book: Collection, name: str, etag: str) -> None:
        """Delete a card; see `cards.delete_card`."""
        delete_card(self._http, book, name, etag)

    def _sync(self, book: Collection, sync_token: str) -> Response | None:
        """Send a sync-collection report (RFC 6578); None where the token is no longer good."""
        body = (
            f"<sync-collection {NAMESPACES}><sync-token>{escape_xml(sync_token)}</sync-token>"
            "<sync-level>1</sync-level><prop><getetag/></prop></sync-collection>"
        )
        response = self._http.request(
            "REPORT",
            book.url,
            headers={**XML_HEADERS, "Depth": "0"},
            body=body.encode(),
            accept=_INVALID_TOKEN if sync_token else (),
            max_bytes=MAX_CHANGES_BYTES,
        )
        if response.status not in _INVALID_TOKEN:
            return response
        if response.status == 403 and b"valid-sync-token" not in response.body:
            raise StatusError(f"REPORT {book.url}: HTTP 403 ({response.excerpt()})", 403, response.body)
        return None


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
