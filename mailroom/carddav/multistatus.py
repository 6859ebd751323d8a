"""Reads a 207 Multi-Status body (RFC 4918 section 13), one resource at a time."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from attrs import frozen

from mailroom.errors import ProtocolError

FEED_BYTES = 64 * 1024
MAX_DEPTH = 32
MAX_ELEMENTS = 2_000
"""How many elements and attributes one response may have; what is asked for has a few dozen."""

MAX_SILENT_PIECES = 2
"""How many pieces may pass in which no element begins or ends and no text stands: a tag has to end."""

_MULTISTATUS = "{DAV:}multistatus"
_RESPONSE = "{DAV:}response"
_SYNC_TOKEN = "{DAV:}sync-token"  # noqa: S105 - an element's name
_HREF = "{DAV:}href"


@frozen
class Resource:
    """What the server says of one resource.

    Attributes:
        href: Its URL as the server writes it, often without scheme and host.
        status: The HTTP status of the resource as a whole; 200 where there is only one per property.
        properties: The properties the server could tell (those with a 2xx status), by qualified name.
    """

    href: str
    status: int
    properties: dict[str, Element]

    def text(self, name: str) -> str:
        """Return a property's text, stripped; empty where it is missing."""
        element = self.properties.get(name)
        return "" if element is None else "".join(element.itertext()).strip()

    def hrefs(self, name: str) -> list[str]:
        """Return the URLs a property holds, as the server writes them."""
        element = self.properties.get(name)
        if element is None:
            return []
        return [href for child in element.iter(_HREF) if (href := (child.text or "").strip())]


class Multistatus:
    """An iterator over the resources of a body, that never holds more of them than a piece of the body has.

    Attributes:
        sync_token: The state of the collection (RFC 6578 section 6.4); empty until the end of the
            body is reached, and where there is none.

    Raises:
        ProtocolError: While iterating: the body is not well-formed, or not a multistatus, or has a
            document type, or would be a tree without measure.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.sync_token = ""

    def __iter__(self) -> Iterator[Resource]:
        tree = _PrunedTree()
        parser = XMLParser(target=tree)  # noqa: S314 - it refuses document types
        view = memoryview(self._body)
        silent_pieces = 0
        try:
            for start in range(0, len(view), FEED_BYTES):
                before = tree.events
                parser.feed(bytes(view[start : start + FEED_BYTES]))
                silent_pieces = silent_pieces + 1 if tree.events == before else 0
                if silent_pieces > MAX_SILENT_PIECES:
                    raise ProtocolError("the answer has a tag that does not end")
                yield from tree.take()
            parser.close()
        # An unknown encoding is a LookupError, a multi-byte one a ValueError.
        except (ParseError, LookupError, ValueError) as error:
            raise ProtocolError(f"the answer is not well-formed XML: {error}") from error
        yield from tree.take()
        self.sync_token = tree.sync_token


def read_uid_conflict(body: bytes) -> str | None:
    """Return the URL of the card that already has the UID (RFC 6352 section 6.3.2.1).

    Empty where the server does not name it; None where `body` tells of no such conflict.
    """
    if len(body) > FEED_BYTES:
        return None
    tree = _Tree()
    parser = XMLParser(target=tree)  # noqa: S314 - it refuses document types
    try:
        parser.feed(body)
        error = parser.close()
    except (ParseError, LookupError, ValueError, ProtocolError):
        return None
    conflict = error.find("{urn:ietf:params:xml:ns:carddav}no-uid-conflict")
    return None if conflict is None else (conflict.findtext(_HREF) or "").strip()


class _Tree(TreeBuilder):
    """Builds a tree within bounds: kilobytes on the wire can be gigabytes of elements.

    Nor does it build that of a document with a type, whose entities could make it grow without end.

    Attributes:
        events: How many times the parser had something to tell.
    """

    def __init__(self) -> None:
        super().__init__()
        self.events = 0
        self._elements = 0
        self._path: list[Element] = []

    def doctype(self, *_: object) -> None:
        raise ProtocolError("the answer has a document type declaration, which WebDAV does not use")

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self.events += 1
        self._elements += 1 + len(attrs)
        if self._elements > MAX_ELEMENTS or len(self._path) >= MAX_DEPTH:
            raise ProtocolError(
                f"the answer has more than {MAX_ELEMENTS} elements in one, or nests them more "
                f"than {MAX_DEPTH} deep"
            )
        element = super().start(tag, attrs)
        self._path.append(element)
        return element

    def end(self, tag: str) -> Element:
        self.events += 1
        self._path.pop()
        return super().end(tag)

    def data(self, text: str) -> None:
        self.events += 1
        super().data(text)


class _PrunedTree(_Tree):
    """Builds the tree of a multistatus and cuts off each response as soon as it is whole."""

    def __init__(self) -> None:
        super().__init__()
        self.sync_token = ""
        self._whole: list[Resource] = []

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        if not self._path and tag != _MULTISTATUS:
            raise ProtocolError(f"the answer is <{tag[:80]}>, not a multistatus")
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        element = super().end(tag)
        if len(self._path) == 1:
            self._elements = 0
            if tag == _RESPONSE:
                self._whole.append(_resource(element))
            elif tag == _SYNC_TOKEN:
                self.sync_token = (element.text or "").strip()
            self._path[0].remove(element)
        return element

    def take(self) -> list[Resource]:
        whole, self._whole = self._whole, []
        return whole


def _resource(response: Element) -> Resource:
    status = response.findtext("{DAV:}status")
    properties = {
        element.tag: element
        for propstat in response.iterfind("{DAV:}propstat")
        if 200 <= _status(propstat.findtext("{DAV:}status")) < 300
        for element in propstat.iterfind("{DAV:}prop/*")
    }
    return Resource(
        href=(response.findtext(_HREF) or "").strip(),
        status=200 if status is None else _status(status),
        properties=properties,
    )


def _status(line: str | None) -> int:
    """Read the code of a status line such as ``HTTP/1.1 404 Not Found``; 0 where there is none."""
    words = (line or "").split()
    code = words[1] if len(words) > 1 else ""
    return int(code) if len(code) == 3 and code.isdecimal() else 0
