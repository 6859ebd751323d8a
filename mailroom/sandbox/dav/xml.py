"""The XML of WebDAV: request bodies, multistatus answers and precondition errors (RFC 4918)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from xml.sax.saxutils import escape, quoteattr

from attrs import frozen

from mailroom.sandbox.exchange import Reply, Request

DAV = "DAV:"
CARDDAV = "urn:ietf:params:xml:ns:carddav"
CALENDARSERVER = "http://calendarserver.org/ns/"
_PREFIXES = {DAV: "D", CARDDAV: "C", CALENDARSERVER: "CS"}
_DECLARATIONS = " ".join(f'xmlns:{prefix}="{ns}"' for ns, prefix in _PREFIXES.items())
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
_MEDIA_TYPES = frozenset({"application/xml", "text/xml"})

Name = str
"""A qualified name as ElementTree writes it: {namespace}local."""

Read = Callable[[], str]
"""Gives a property's value as XML."""


class DavError(Exception):
    """The request is refused.

    Args:
        condition: The pre- or postcondition it violates (RFC 4918 section 16).
        content: The condition's own content, XML.
    """

    def __init__(self, status: int, condition: Name | None = None, content: str = "") -> None:
        super().__init__(f"{status} {condition or ''}")
        body = f"<D:error {_DECLARATIONS}>{element(condition, content)}</D:error>" if condition else ""
        self.reply = xml_reply(status, body) if body else Reply(status)


@frozen
class FoundResource:
    """A resource and the properties it has."""

    href: str
    properties: Mapping[Name, Read]


def dav(local: str) -> Name:
    """Return a name in the DAV: namespace."""
    return f"{{{DAV}}}{local}"


def carddav(local: str) -> Name:
    """Return a name in CardDAV's namespace."""
    return f"{{{CARDDAV}}}{local}"


def calendarserver(local: str) -> Name:
    """Return a name in the namespace of Apple's extensions."""
    return f"{{{CALENDARSERVER}}}{local}"


def element(name: Name, content: str = "") -> str:
    """Return an element as text; its content must be XML already."""
    namespace, _, local = name.rpartition("}")
    namespace = namespace.removeprefix("{")
    prefix = _PREFIXES.get(namespace)
    if prefix is not None:
        opening = closing = f"{prefix}:{local}"
    else:
        closing = local
        opening = f"{local} xmlns={quoteattr(namespace)}"
    return f"<{opening}>{content}</{closing}>" if content else f"<{opening}/>"


def href(path: str) -> str:
    """Return a DAV:href element."""
    return f"<D:href>{escape(path)}</D:href>"


def xml_reply(status: int, body: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an answer in XML."""
    return Reply(
        status, {**(headers or {}), "Content-Type": "application/xml; charset=utf-8"}, (_HEAD + body).encode()
    )


def parse(request: Request) -> ET.Element:
    """Return the root of the request's body.

    Raises:
        DavError: 415 for another media type, 400 for what is not well-formed or declares a document type.
    """
    if request.media_type not in _MEDIA_TYPES:
        raise DavError(415)
    if b"<!DOCTYPE" in request.body:
        raise DavError(400)
    try:
        return ET.fromstring(request.body)  # noqa: S314 - document types, the way to attack it, are refused
    except (ET.ParseError, ValueError) as error:
        raise DavError(400) from error


def multistatus(responses: Iterable[str], sync_token: str | None = None) -> Reply:
    """Return a 207."""
    token = "" if sync_token is None else f"<D:sync-token>{escape(sync_token)}</D:sync-token>"
    body = f"<D:multistatus {_DECLARATIONS}>{''.join(responses)}{token}</D:multistatus>"
    return xml_reply(207, body)


def status_response(path: str, status: int, condition: Name | None = None) -> str:
    """Return a response element that tells only a status."""
    error = f"<D:error>{element(condition)}</D:error>" if condition else ""
    return f"<D:response>{href(path)}{_status(status)}{error}</D:response>"


def property_response(found: FoundResource, names: Iterable[Name]) -> str:
    """Return a response element: the properties asked for, and which of them there are not."""
    present, missing = [], []
    for name in names:
        read = found.properties.get(name)
        if read is None:
            missing.append(element(name))
        else:
            present.append(element(name, read()))
    propstats = _propstat(present, 200) if present or not missing else ""
    if missing:
        propstats += _propstat(missing, 404)
    return f"<D:response>{href(found.href)}{propstats}</D:response>"


def names_response(found: FoundResource) -> str:
    """Return a response element with the names of all properties."""
    return f"<D:response>{href(found.href)}{_propstat(map(element, found.properties), 200)}</D:response>"


def _propstat(elements: Iterable[str], status: int) -> str:
    return f"<D:propstat><D:prop>{''.join(elements)}</D:prop>{_status(status)}</D:propstat>"


def _status(status: int) -> str:
    return f"<D:status>HTTP/1.1 {status} {HTTPStatus(status).phrase}</D:status>"
