"""A card as a server has it: name, ETag and text; writing one, deleting one, asking for those that match."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote

from attrs import frozen

from mailroom.carddav.discovery import CARDDAV, DAV, NAMESPACES, XML_HEADERS, Collection, escape_xml
from mailroom.carddav.multistatus import Multistatus, Resource
from mailroom.errors import ProtocolError
from mailroom.http import HttpClient

CARD_DATA = f"{CARDDAV}address-data"
MAX_ETAG_CHARACTERS = 1_024

_SAFE_IN_NAME = "@:!$&'()*+,;=~"
_WEAK = "W/"
_WRITTEN = frozenset({201, 204})
GONE = frozenset({404, 410})
_DELETED = frozenset({204}) | GONE


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
        lacks_note: Whether it could be read only without its note.
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
    lacks_note: bool = False
    modified: int = 0


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
    return "" if written.startswith(_WEAK) else strong_etag(written)


def delete_card(http: HttpClient, book: Collection, name: str, etag: str) -> None:
    """Delete a card in the version `etag`; one that is gone already is no failure.

    Raises:
        PreconditionFailedError: There is another version of it.
        ProtocolError: The answer does not say that it is deleted.
        StatusError: The server refuses.
    """
    response = http.request("DELETE", card_url(book, name), headers={"If-Match": etag}, accept=GONE)
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
    length = resource.text(f"{DAV}getcontentlength")
    octets = without_added(text.replace("\r\n", "\n").replace("\n", "\r\n").encode(), length)
    return StoredCard(
        name=name,
        etag=etag_in(resource),
        octets=octets,
        is_exact=False,
        created=_seconds(resource.text(f"{DAV}creationdate")),
        is_as_long=str(len(octets)) == length and "\ufffd" not in text,
        modified=_seconds_of_http(resource.text(f"{DAV}getlastmodified")),
    )


def without_added(octets: bytes, length: str) -> bytes:
    """Return a card without what Cyrus adds to a version 4.0 card as it hands it out, since 3.13.

    It is taken away only where the card is then as long as the stored one. Besides, the value of KIND is
    shown in capitals, whatever is stored; no reader tells them apart (RFC 6350 section 6.1.4).

    Args:
        length: How long the stored card is; empty where the server does not tell.
    """
    plain = octets.replace(b"\r\nUID;VALUE=TEXT:", b"\r\nUID:", 1)
    return plain if str(len(plain)) == length else octets


def etag_in(resource: Resource) -> str:
    """Return the ETag that a report or PROPFIND tells, as a strong one; empty where there is none."""
    return strong_etag(resource.text(f"{DAV}getetag"))


def resource_name(href: str) -> str:
    """Return the last part of a URL, decoded; empty for a collection."""
    return unquote(href.rpartition("/")[2], errors="surrogateescape")


def quoted(name: str) -> str:
    """Return a card's name as it stands in a URL."""
    return quote(name, safe=_SAFE_IN_NAME, errors="surrogateescape")


def card_url(book: Collection, name: str) -> str:
    """Return the URL of a card."""
    return book.url + quoted(name)


def strong_etag(etag: str) -> str:
    """Make the tag comparable, and fit for If-Match (RFC 9110 section 8.8.3).

    Proxies call weak what the server behind them called strong, and that server compares with its own.
    What XML can hold and a header cannot, is none.
    """
    etag = etag.strip().removeprefix(_WEAK)
    is_fit = len(etag) <= MAX_ETAG_CHARACTERS and etag.isascii() and etag.isprintable()
    return etag if is_fit else ""


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
