"""Plain JMAP and CardDAV requests, the tests' own way into an account, past Mailroom's code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, cast
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET

SIEVE = "https://cyrusimap.org/ns/jmap/sieve"
VACATION = "urn:ietf:params:jmap:vacationresponse"
USING = ("urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", SIEVE, VACATION)
DAV = "{DAV:}"
CARDDAV = "{urn:ietf:params:xml:ns:carddav}"
TIMEOUT_SECONDS = 30.0
WHOLE_BOOK = (
    '<c:addressbook-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav">'
    "<d:prop><d:getetag/><c:address-data/></d:prop></c:addressbook-query>"
)
VERSION_4 = (
    '<c:addressbook-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav">'
    "<d:prop><d:getetag/></d:prop>"
    '<c:filter><c:prop-filter name="VERSION"><c:text-match match-type="equals">4.0</c:text-match>'
    "</c:prop-filter></c:filter></c:addressbook-query>"
)
STATE = (
    '<d:sync-collection xmlns:d="DAV:"><d:sync-token/><d:sync-level>1</d:sync-level>'
    "<d:prop><d:getetag/></d:prop></d:sync-collection>"
)
NEW_BOOK = (
    '<d:mkcol xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"><d:set><d:prop><d:resourcetype>'
    "<d:collection/><c:addressbook/></d:resourcetype></d:prop></d:set></d:mkcol>"
)


class RefusedError(Exception):
    """The server did not do what a test needs to be done."""


class Wire:
    """Requests to one account on Cyrus, with Basic authentication for both protocols.

    Args:
        book: The path of the address book; by default where Cyrus has it.
    """

    def __init__(self, address: tuple[str, int], user: str, authorization: str, book: str = "") -> None:
        self._address = address
        self._user = user
        self._own = {"Authorization": authorization, "X-By-The-Tests": "1"}
        self._book = book or f"/dav/addressbooks/user/{user}/Default/"
        self._home = f"{self._book.rstrip('/').rpartition('/')[0]}/"

    def jmap(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call one method and return its answer."""
        call = [method, {"accountId": self._user, **arguments}, "0"]
        body = json.dumps({"using": USING, "methodCalls": [call]}).encode()
        answer = self._request("POST", "/jmap/", body, {"Content-Type": "application/json"}, ok=(200,))
        name, result, _ = json.loads(answer)["methodResponses"][0]
        if name == "error":
            raise RefusedError(f"{method}: {result}")
        return cast("dict[str, Any]", result)

    def upload(self, data: bytes, media_type: str = "message/rfc822") -> str:
        """Upload a message, or something else, and return its blob id."""
        path = f"/jmap/upload/{self._user}/"
        answer = self._request("POST", path, data, {"Content-Type": media_type}, ok=(200, 201))
        return str(json.loads(answer)["blobId"])

    def download(self, blob_id: str, media_type: str = "message/rfc822") -> bytes:
        """Download a message, or something else."""
        path = f"/jmap/download/{quote(self._user)}/{blob_id}/blob?accept={media_type}"
        return self._request("GET", path, None, {}, ok=(200,))

    def cards(self) -> dict[str, bytes]:
        """Read the whole address book, by the last segment of each href."""
        found = {}
        for response in self._report(WHOLE_BOOK, "1").iterfind(f"{DAV}response"):
            href = response.findtext(f"{DAV}href", "")
            data = response.findtext(f".//{CARDDAV}address-data")
            if data is not None:
                found[unquote(href.rpartition("/")[2])] = data.encode()
        return found

    def sync_token(self) -> str:
        """Return the address book's present sync token."""
        return self._report(STATE, "0").findtext(f"{DAV}sync-token", "")

    def get_stored_card(self, name: str) -> bytes:
        """Read one card in the version that it is stored in."""
        accept = "text/vcard; version=4.0" if name in self._names_of_version_4() else "text/vcard"
        return self._request("GET", self._book + name, None, {"Accept": accept}, ok=(200,))

    def _names_of_version_4(self) -> set[str]:
        hrefs = self._report(VERSION_4, "1").iterfind(f"{DAV}response/{DAV}href")
        return {unquote((href.text or "").rpartition("/")[2]) for href in hrefs}

    def put_card(self, name: str, data: bytes, book: str = "") -> None:
        """Write one card, into another address book where one is named."""
        path = f"{self._home}{book}/{name}" if book else self._book + name
        self._request("PUT", path, data, {"Content-Type": "text/vcard"}, ok=(201, 204))

    def make_book(self, name: str) -> None:
        """Make an address book (RFC 5689)."""
        headers = {"Content-Type": "application/xml"}
        self._request("MKCOL", f"{self._home}{name}/", NEW_BOOK.encode(), headers, ok=(201,))

    def delete_card(self, name: str) -> None:
        """Delete one card."""
        self._request("DELETE", self._book + name, None, {}, ok=(200, 204))

    def _report(self, body: str, depth: str) -> ET.Element:
        headers = {"Content-Type": "application/xml", "Depth": depth}
        return ET.fromstring(self._request("REPORT", self._book, body.encode(), headers, ok=(207,)))

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], ok: tuple[int, ...]
    ) -> bytes:
        # On a connection that is kept, Cyrus and the kernel wait 40 ms for each other in a longer answer.
        with closing(HTTPConnection(*self._address, timeout=TIMEOUT_SECONDS)) as connection:
            connection.request(method, path, body, {**self._own, **headers})
            response = connection.getresponse()
            content = response.read()
        if response.status not in ok:
            raise RefusedError(f"{method} {path}: {response.status} {content[:300]!r}")
        return content
