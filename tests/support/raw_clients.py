"""The smallest clients there can be, so that the sandbox is judged by the RFCs and not by Mailroom."""

from __future__ import annotations

import base64
import http.client
import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mailroom.sandbox import Sandbox
from tests.support.given_time import PATIENCE_SECONDS

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
CONTACTS = "urn:ietf:params:jmap:contacts"
NAMESPACES = {
    "d": "DAV:",
    "c": "urn:ietf:params:xml:ns:carddav",
    "cs": "http://calendarserver.org/ns/",
}


@frozen
class Answer:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def xml(self) -> ET.Element:
        return ET.fromstring(self.body)

    def condition(self) -> str:
        """Return the precondition that a WebDAV error names."""
        return self.xml[0].tag


class RawHttp:
    """Sends requests over one connection and reads what comes."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.account = sandbox.account
        self.connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        self.connection.close()

    def request(
        self, method: str, path: str, body: str | bytes | None = None, **headers: str | None
    ) -> Answer:
        """Send a request; underscores in header names stand for hyphens, None leaves a header out."""
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        self.connection.request(method, path, body.encode() if isinstance(body, str) else body, sent)
        response = self.connection.getresponse()
        content = response.read()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, content)


class RawJmap(RawHttp):
    """Speaks JMAP."""

    using: tuple[str, ...] = (CORE, MAIL)

    def post(self, body: Any, **headers: str | None) -> Answer:
        """Send a request object, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        defaults = {"Authorization": f"Bearer {self.account.token}", "Content_Type": "application/json"}
        return self.request("POST", "/jmap/api/", data, **{**defaults, **headers})

    def calls(self, *calls: tuple[str, dict[str, Any]], **envelope: Any) -> list[list[Any]]:
        """Make method calls, numbered from 0, and return the responses."""
        invocations = [
            [name, {"accountId": self.account.id, **arguments}, str(number)]
            for number, (name, arguments) in enumerate(calls)
        ]
        answer = self.post({"using": list(self.using), "methodCalls": invocations, **envelope})
        assert answer.status == 200, answer.body
        responses: list[list[Any]] = answer.json["methodResponses"]
        return responses

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Make one method call that succeeds."""
        ((name, result, _),) = self.calls((method, arguments))
        assert name == method, result
        return dict(result)

    def error(self, method: str, **arguments: Any) -> str:
        """Make one method call that fails, and return the type of its error."""
        ((name, result, _),) = self.calls((method, arguments))
        assert name == "error", result
        return str(result["type"])


class RawDav(RawHttp):
    """Speaks CardDAV."""

    @property
    def authorization(self) -> str:
        pair = f"{self.account.username}:{self.account.password}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    @property
    def book(self) -> str:
        return f"/dav/addressbooks/user/{self.account.username}/Default/"

    def dav(self, method: str, path: str, body: str | bytes | None = None, **headers: str | None) -> Answer:
        """Send a request with the right credentials, and with XML's content type where it has a body."""
        defaults: dict[str, str | None] = {"Authorization": self.authorization}
        if body is not None:
            defaults["Content_Type"] = "application/xml"
        return self.request(method, path, body, **{**defaults, **headers})

    def put(self, name: str, body: bytes, **headers: str | None) -> Answer:
        """Write a card."""
        return self.dav("PUT", self.book + name, body, **{"Content_Type": "text/vcard", **headers})

    def propfind(self, path: str, *names: str, depth: str = "0") -> dict[str, dict[str, ET.Element]]:
        """Return by href the properties that are there."""
        declarations = " ".join(f'xmlns:{prefix}="{ns}"' for prefix, ns in NAMESPACES.items())
        wanted = "".join(f"<{name}/>" for name in names)
        body = f"<d:propfind {declarations}><d:prop>{wanted}</d:prop></d:propfind>"
        answer = self.dav("PROPFIND", path, body, Depth=depth)
        assert answer.status == 207, answer.body
        return properties(answer.xml)

    def report(self, name: str, content: str, *, depth: str | None = None, path: str = "") -> Answer:
        """Send a report about the address book; its content may use the prefixes d, c and cs."""
        declarations = " ".join(f'xmlns:{prefix}="{ns}"' for prefix, ns in NAMESPACES.items())
        body = f"<{name} {declarations}>{content}</{name}>"
        return self.dav("REPORT", path or self.book, body, Depth=depth)


def properties(multistatus: ET.Element) -> dict[str, dict[str, ET.Element]]:
    """Return by href the properties that a multistatus gives with status 200."""
    return {
        response.findtext("{DAV:}href", ""): {
            prop.tag: prop
            for propstat in response.findall("{DAV:}propstat")
            if "200" in propstat.findtext("{DAV:}status", "")
            for prop in propstat.iterfind("{DAV:}prop/*")
        }
        for response in multistatus.findall("{DAV:}response")
    }


def statuses(multistatus: ET.Element) -> dict[str, int]:
    """Return by href the status of those responses that have one of their own."""
    return {
        response.findtext("{DAV:}href", ""): int(status.split()[1])
        for response in multistatus.findall("{DAV:}response")
        if (status := response.findtext("{DAV:}status"))
    }
