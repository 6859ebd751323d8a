"""Reads single cards, and proves in which form a server stores one.

A server hands out a card in the version it is asked for, and in 3.0 if it is not (RFC 6352 section
5.1). Whoever edits what was made for reading writes back less than there was.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from mailroom.carddav.cards import (
    GONE,
    StoredCard,
    card_url,
    etag_in,
    query,
    resource_name,
    strong_etag,
    without_added,
)
from mailroom.carddav.discovery import DAV, Collection, propfind
from mailroom.carddav.vcard import version_and_uid
from mailroom.contacts.identity import bare_uid
from mailroom.errors import PreconditionFailedError, ProtocolError, StatusError
from mailroom.http import HttpClient

MAX_CARD_BYTES = 4 * 1024 * 1024

_ANY_VERSION = "text/vcard"
_VERSION_3, _VERSION_4 = "text/vcard; version=3.0", "text/vcard; version=4.0"
# Compressed on the way, a card may come with another ETag.
_PLAIN = {"Accept-Encoding": "identity"}
_END_OF_CARD = b"END:VCARD"
_NOT_ACCEPTABLE = frozenset({406, 415})


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
    octets = dict.fromkeys(without_added(card.octets, length) for card in (shown, other))
    texts = [text for text in octets if not length or length == str(len(text))]
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


def _describe(http: HttpClient, book: Collection, name: str) -> tuple[str, str] | None:
    """Return a card's ETag and length, each empty where it is not told; None where there is no card."""
    url = card_url(book, name)
    try:
        _, resources = propfind(http, url, "<getetag/><getcontentlength/>")
    except StatusError as error:
        if error.status in GONE:
            return None
        raise
    if not resources:
        raise ProtocolError(f"PROPFIND {url}: the server says nothing about the card")
    return etag_in(resources[0]), resources[0].text(f"{DAV}getcontentlength")


def _get(
    http: HttpClient, book: Collection, name: str, media_type: str, refusals: frozenset[int] = frozenset()
) -> StoredCard | None:
    nothing = GONE | refusals
    headers = {**_PLAIN, "Accept": media_type}
    response = http.request(
        "GET", card_url(book, name), headers=headers, accept=nothing, max_bytes=MAX_CARD_BYTES
    )
    if response.status in nothing:
        return None
    etag = strong_etag(response.headers.get("etag", ""))
    return StoredCard(name, etag, response.body, is_exact=False, created=0)


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
