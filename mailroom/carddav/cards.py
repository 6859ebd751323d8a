"""Reads and writes single cards over CardDAV, and proves in which form a server stores one.

A server hands out a card in the version it is asked for, and in 3.0 if it is not (RFC 6352 section
5.1). Whoever edits what was made for reading writes back less than there was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote

from attrs import evolve, frozen

from mailroom.carddav.discovery import CARDDAV, DAV, NAMESPACES, XML_HEADERS, Collection, escape_xml, propfind
from mailroom.carddav.members import bare_uid
from mailroom.carddav.multistatus import Multistatus, Resource
from mailroom.carddav.vcard import version_and_uid
from mailroom.errors import PreconditionFailedError, ProtocolError, StatusError
from mailroom.http import HttpClient

CARD_DATA = f"{CARDDAV}address-data"
MAX_CARD_BYTES = 4 * 1024 * 1024
MAX_ETAG_CHARACTERS = 1_024

_ANY_VERSION = "text/vcard"
_VERSION_3, _VERSION_4 = "text/vcard; version=3.0", "text/vcard; version=4.0"
# Compressed on the way, a card may come with another ETag.
_PLAIN = {"Accept-Encoding": "identity"}
_SAFE_IN_NAME = "@:!$&'()*+,;=~"
_END_OF_CARD = b"END:VCARD"
_WEAK = "W/"
_WRITTEN = frozenset({201, 204})
_GONE = frozenset({404, 410})
_DELETED = frozenset({204}) | _GONE
_NOT_ACCEPTABLE = frozenset({406, 415})


@frozen
class StoredCard:
    """A card as the server has it.

    Attributes:
        name: Its resource name, the last part of its URL.
        etag: The version this is, as a strong entity tag; empty where the server does not tell.
        octets: Its text.
        is_exact: Whether it is proven that `octets` is what the server stores, byte for byte.
        created: When it was made, seconds since 1970; 0 where the server does not tell.
        is_as_long: Whether `octets` is as long as what the server stores. That alone proves nothing:
            ``VERSION:3.0`` is as long as ``VERSION:4.0``.
        shown: What the server makes of the card for whoever asks for version 3.0, where that is
            another text.
        is_whole: Whether all of its properties were asked for.
        modified: When it was changed last, seconds since 1970; 0 where that was not asked for or told.
    """

    name: str
    etag: str
    octets: bytes
    is_exact: bool
    created: int
    is_as_long: bool = False
    shown: bytes | None = None
    is_whole: bool = True
    modified: int = 0


def read_card(http: HttpClient, book: Collection, name: str) -> StoredCard | None:
    """Read one card without XML's limits; None where there is none.

    Raises:
        ServerError: What arrived is not the card, or not all of it.
    """
    card = _get(http, book, name, _ANY_VERSION)
    if card is None or card.octets.rstrip().upper().endswith(_END_OF_CARD):
        return card
    # Half a card, or a page that says to come back later, would pass for a card without an
    # address, and its sender would get another one. The server may store such a thing, though.
    return read_exact_card(http, book, name)


def read_exact_card(http: HttpClient, book: Collection, name: str) -> StoredCard | None:
    """Read one card byte for byte as the server stores it; None where there is none.

    A server that hands out one text for both versions converts nothing. Of two texts, the length
    tells which is the stored one; where both have it, the server is asked for the stored version.

    Raises:
        PreconditionFailedError: The card changed while it was read.
        ProtocolError: The server does not hand out what it stores, or does not let it be known.
    """
    described = _describe(http, book, name)
    shown = _get(http, book, name, _VERSION_3) if described else None
    if described is None or shown is None:
        return None
    etag, length = described
    other = _get(http, book, name, _VERSION_4, _NOT_ACCEPTABLE) or shown
    if etag and not (shown.etag and other.etag):  # a proxy has taken the header away
        etag_afterwards, _ = _describe(http, book, name) or ("gone", "")
        other = evolve(other, etag=etag_afterwards)
    etags = {etag, shown.etag, other.etag} - {""}
    if len(etags) > 1:
        raise PreconditionFailedError(f"{name} changed while it was read")
    texts = [
        text for text in dict.fromkeys((shown.octets, other.octets)) if not length or length == str(len(text))
    ]
    if len(texts) > 1:
        texts = _of_stored_version(http, book, name, texts)
    if not texts:
        url = card_url(book, name)
        raise ProtocolError(f"GET {url}: the server does not return the card as it is stored")
    return _stored_as(evolve(shown, etag="".join(etags)), texts[0])


def prove(shown: StoredCard, other: StoredCard | None) -> StoredCard:
    """Return a card as it is stored, where that can be told from what two reports say of it.

    Args:
        shown: The card as version 3.0.
        other: The card as version 4.0; None where the server did not give it.
    """
    if other is None or other.etag != shown.etag:
        return shown
    texts = {card.octets: card for card in (shown, other) if card.is_as_long}
    return _stored_as(shown, next(iter(texts))) if len(texts) == 1 else shown


def write_card(http: HttpClient, book: Collection, name: str, card: bytes, etag: str | None = None) -> str:
    """Write a card where there is none, or over the version `etag`; return its new ETag, or "".

    A weak ETag does not say that the server stores what it was sent, so it is taken for none.

    Raises:
        PreconditionFailedError: There is a card already, or another version of it.
        ProtocolError: The answer does not confirm that the card was written.
        StatusError: The server refuses the card.
    """
    # Of two writers the server lets only one through (RFC 9110 section 13.1).
    condition = {"If-None-Match": "*"} if etag is None else {"If-Match": etag}
    headers = {"Content-Type": "text/vcard; charset=utf-8", **condition}
    response = http.request("PUT", card_url(book, name), headers=headers, body=card)
    # RFC 9110 section 9.3.4. Whatever else comes with 2xx, such as a page that says to come back
    # later, is not from who keeps the cards.
    if response.status not in _WRITTEN and (response.status != 200 or response.body):
        raise ProtocolError(
            f"PUT {response.url}: HTTP {response.status} does not confirm that the card was written: "
            f"{response.excerpt()}"
        )
    written = response.headers.get("etag", "")
    return "" if written.startswith(_WEAK) else _strong(written)


def delete_card(http: HttpClient, book: Collection, name: str, etag: str) -> None:
    """Delete a card in the version `etag`; one that is gone already is no failure.

    Raises:
        PreconditionFailedError: There is another version of it.
        ProtocolError: The answer does not say that it is deleted.
        StatusError: The server refuses.
    """
    response = http.request("DELETE", card_url(book, name), headers={"If-Match": etag}, accept=_GONE)
    confirms = response.status == 200 and _tells_deletion(response.body, name)
    if response.status not in _DELETED and not confirms:
        raise ProtocolError(
            f"DELETE {response.url}: HTTP {response.status} does not say that the card is deleted: "
            f"{response.excerpt()}"
        )


def _tells_deletion(body: bytes, name: str) -> bool:
    """Whether the body of a 200 agrees: it is empty or, as Radicale's, a multistatus about that card."""
    if not body:
        return True
    try:
        told = [(resource_name(each.href), each.status) for each in Multistatus(body)]
    except ProtocolError:
        return False
    return [(name, 200)] == told


def card_in(name: str, resource: Resource) -> StoredCard:
    """Take a card out of a report."""
    # XML makes one line feed of every line ending (XML 1.0 section 2.11). The length on the server
    # tells whether they all were CRLF; if not, or if characters were replaced, only GET has the bytes.
    text = "".join(resource.properties[CARD_DATA].itertext())
    octets = text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
    return StoredCard(
        name=name,
        etag=etag_in(resource),
        octets=octets,
        is_exact=False,
        created=_seconds(resource.text(f"{DAV}creationdate")),
        is_as_long=str(len(octets)) == resource.text(f"{DAV}getcontentlength") and "\ufffd" not in text,
        modified=_seconds_of_http(resource.text(f"{DAV}getlastmodified")),
    )


def etag_in(resource: Resource) -> str:
    """Return the ETag that a report or PROPFIND tells, as a strong one; empty where there is none."""
    return _strong(resource.text(f"{DAV}getetag"))


def resource_name(href: str) -> str:
    """Return the last part of a URL, decoded; empty for a collection."""
    return unquote(href.rpartition("/")[2], errors="surrogateescape")


def quoted(name: str) -> str:
    """Return a card's name as it stands in a URL."""
    return quote(name, safe=_SAFE_IN_NAME, errors="surrogateescape")


def card_url(book: Collection, name: str) -> str:
    """Return the URL of a card."""
    return book.url + quoted(name)


def _strong(etag: str) -> str:
    """Make the tag comparable, and fit for If-Match (RFC 9110 section 8.8.3).

    Proxies call weak what the server behind them called strong, and that server compares with its own.
    What XML can hold and a header cannot, is none.
    """
    etag = etag.strip().removeprefix(_WEAK)
    is_fit = len(etag) <= MAX_ETAG_CHARACTERS and etag.isascii() and etag.isprintable()
    return etag if is_fit else ""


def _get(
    http: HttpClient, book: Collection, name: str, media_type: str, refusals: frozenset[int] = frozenset()
) -> StoredCard | None:
    nothing = _GONE | refusals
    headers = {**_PLAIN, "Accept": media_type}
    response = http.request(
        "GET", card_url(book, name), headers=headers, accept=nothing, max_bytes=MAX_CARD_BYTES
    )
    if response.status in nothing:
        return None
    etag = _strong(response.headers.get("etag", ""))
    return StoredCard(name, etag, response.body, is_exact=False, created=0)


def _describe(http: HttpClient, book: Collection, name: str) -> tuple[str, str] | None:
    """Return a card's ETag and length, each empty where it is not told; None where there is no card."""
    url = card_url(book, name)
    try:
        _, resources = propfind(http, url, "<getetag/><getcontentlength/>")
    except StatusError as error:
        if error.status in _GONE:
            return None
        raise
    if not resources:
        raise ProtocolError(f"PROPFIND {url}: the server says nothing about the card")
    return etag_in(resources[0]), resources[0].text(f"{DAV}getcontentlength")


def _stored_as(shown: StoredCard, octets: bytes) -> StoredCard:
    is_other = octets != shown.octets
    return evolve(shown, octets=octets, is_exact=True, shown=shown.octets if is_other else None)


def _of_stored_version(http: HttpClient, book: Collection, name: str, texts: Sequence[bytes]) -> list[bytes]:
    """Keep the text of the stored version, which the server is asked for; none where it does not tell."""
    found = []
    for text in texts:
        version, uid = version_and_uid(text)
        wanted = {"VERSION": ("equals", version), "UID": ("contains", bare_uid(uid))}
        if version and any(resource_name(resource.href) == name for resource in query(http, book, wanted)):
            found.append(text)
    return found if len(found) == 1 else []


def query(
    http: HttpClient, book: Collection, wanted: Mapping[str, tuple[str, str]], properties: str = "<getetag/>"
) -> Multistatus:
    """Ask for the cards that, as they are stored, have all these properties.

    RFC 6352 section 8.6: a filter looks at the cards themselves, not at what is made of them.

    Args:
        wanted: For each property of a card how its text is compared (section 10.5.4), and with what.
        properties: What to tell of each card, elements.
    """
    filters = "".join(
        f'<C:prop-filter name="{name}"><C:text-match match-type="{match_type}">{escape_xml(text)}'
        "</C:text-match></C:prop-filter>"
        for name, (match_type, text) in wanted.items()
        if text
    )
    body = (
        f"<C:addressbook-query {NAMESPACES}><prop>{properties}</prop>"
        f'<C:filter test="allof">{filters}</C:filter></C:addressbook-query>'
    )
    response = http.request("REPORT", book.url, headers={**XML_HEADERS, "Depth": "1"}, body=body.encode())
    return Multistatus(response.body)


def _seconds(moment: str) -> int:
    """Read an RFC 3339 date; 0 where it is none."""
    try:
        return max(0, int(datetime.fromisoformat(moment).timestamp()))
    except (ValueError, OverflowError):
        return 0


def _seconds_of_http(moment: str) -> int:
    """Read a date of HTTP (RFC 9110 section 5.6.7); 0 where it is none."""
    try:
        return max(0, int(parsedate_to_datetime(moment).timestamp()))
    except (ValueError, OverflowError):
        return 0
