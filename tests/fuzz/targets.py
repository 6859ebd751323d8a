"""What is fuzzed: each target reads bytes as the network may bring them, and must bear all of them.

A target returns, or raises one of Mailroom's own errors; anything else is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from mailroom.carddav.compose import compose_card
from mailroom.carddav.members import edit_members
from mailroom.carddav.multistatus import Multistatus, read_uid_conflict
from mailroom.carddav.vcard import content_lines, summarize
from mailroom.errors import MailroomError
from mailroom.http import Credentials, HttpClient, Response
from mailroom.jmap import JmapClient, JmapMailStore
from mailroom.jmap.event_source import OF_MAIL, concerns, event_source_url
from mailroom.jmap.history import JmapMailHistory
from mailroom.jmap.messages import MessageForm
from mailroom.jmap.sse import EventStreamParser
from mailroom.model.contacts import CardKind, CardUid, NewCard
from mailroom.model.mail import Change, MailboxId, Message, MessageId, Snapshot
from mailroom.model.names import clean_name
from mailroom.model.sender import NoSender, read_sender
from mailroom.model.whom import Whom

URL = "http://127.0.0.1/"
FIRST_CHUNK_BYTES = 7

CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
SESSION: dict[str, Any] = {
    "apiUrl": "/api/",
    "eventSourceUrl": "/events/?types={types}&closeafter={closeafter}&ping={ping}",
    "username": "alex@home.example",
    "state": "s1",
    "capabilities": {CORE: {"maxObjectsInGet": 50, "maxCallsInRequest": 8}, MAIL: {}, SUBMISSION: {}},
    "accounts": {"a1": {"name": "x", "accountCapabilities": {MAIL: {}, SUBMISSION: {}}}},
    "primaryAccounts": {MAIL: "a1"},
}
MAILBOX = {"id": "m1", "name": "Screener", "parentId": None, "role": None, "totalEmails": 1}
EMAIL = {
    "id": "e1",
    "mailboxIds": {"m1": True},
    "keywords": {"$seen": True},
    "from": [{"name": None, "email": "news@shop.example"}],
    "receivedAt": "2026-01-01T00:00:00Z",
}
READING: dict[str, Any] = {
    "methodResponses": [
        ["Mailbox/get", {"list": [MAILBOX], "state": "1", "notFound": []}, "0"],
        ["Email/query", {"ids": ["e1"], "queryState": "q1", "position": 0, "total": 1}, "1"],
        ["Email/get", {"list": [EMAIL], "state": "s1", "notFound": []}, "2"],
    ],
    "sessionState": "s1",
}
WRITING: dict[str, Any] = {
    "methodResponses": [["Email/set", {"newState": "2", "updated": {"e1": None}, "notUpdated": None}, "0"]],
    "sessionState": "s1",
}
REFUSAL: dict[str, Any] = {
    "methodResponses": [
        [
            "Email/set",
            {"newState": "2", "updated": {}, "notUpdated": {"e1": {"type": "invalidProperties"}}},
            "0",
        ],
    ],
    "sessionState": "s1",
}
METHOD_ERROR: dict[str, Any] = {
    "methodResponses": [["error", {"type": "stateMismatch", "description": "x"}, "0"]],
    "sessionState": "s1",
}
HEADERS_PAGE: dict[str, Any] = {
    "methodResponses": [
        ["Email/query", {"ids": ["e1"], "queryState": "q1", "position": 0, "total": 1}, "0"],
        ["Email/get", {"list": [{**EMAIL, "to": [], "messageId": ["x@y"]}], "state": "s1"}, "1"],
    ],
    "sessionState": "s1",
}
STATE_CHANGE: dict[str, Any] = {"@type": "StateChange", "changed": {"a1": {"Email": "s1"}}}


class _Replayed(HttpClient):
    """Answers from memory; after the last answer, that one again."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__(URL, Credentials(""))
        self._answers = list(answers)

    def request(self, method: str, url: str, **_: Any) -> Response:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return Response(200, url, {"content-type": "application/json"}, answer)


def client_that_reads(session: bytes, *answers: bytes) -> JmapClient:
    """A client that gets the session first, then the answers; the last one for ever."""
    return JmapClient(_Replayed(session, *answers), URL)


def event_stream(data: bytes) -> None:
    """Server-sent events, and the state events among them."""
    parser = EventStreamParser()
    for chunk in (data[:FIRST_CHUNK_BYTES], data[FIRST_CHUNK_BYTES:]):
        for event in parser.feed(chunk):
            concerns(event, {"a1": OF_MAIL})


def state_event(data: bytes) -> None:
    """The data of one state event."""
    event_stream(b"event: state\ndata: " + data.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n\n")


def jmap_session(data: bytes) -> None:
    """The session resource, and the URL of the event source that it names."""
    session = client_that_reads(data).session
    if session.event_source_url is not None:
        event_source_url(session.event_source_url, 30)


def jmap_reading(data: bytes) -> None:
    """The answer to the request of an idle cycle."""
    JmapMailStore(client_that_reads(json.dumps(SESSION).encode(), data)).read({MailboxId("m1")})


def jmap_writing(data: bytes) -> None:
    """The answer to a change of messages, followed by a good reading where one is asked for."""
    message = Message(
        MessageId("e1"), frozenset({MailboxId("m1")}), is_read=False, sender=read_sender([]), received_at=""
    )
    store = JmapMailStore(client_that_reads(json.dumps(SESSION).encode(), data))
    store.update(Snapshot("s1", {message.id: message}), lambda _: Change(add=frozenset({MailboxId("m2")})))


def jmap_others(data: bytes) -> None:
    """The answers of the remaining methods."""
    session = json.dumps(SESSION).encode()
    for read in (
        lambda: JmapMailStore(client_that_reads(session, data)).own_addresses(),
        lambda: list(
            JmapMailHistory(client_that_reads(session, data), MessageForm()).headers(MailboxId("m1"))
        ),
    ):
        try:
            read()
        except MailroomError:
            continue


def from_header(data: bytes) -> None:
    """The entries of a From, a line each, name and address apart by a tab: who has an address gets a card."""
    lines = [line.partition("\t") for line in data.decode("utf-8", "surrogateescape").split("\n")]
    sender = read_sender((name, email) for name, _, email in lines)
    if isinstance(sender, NoSender):
        return
    name = sender.name or sender.email
    card = summarize(compose_card(NewCard.of(Whom.of(sender), CardKind.PERSON), CardUid("1")))
    if sender.address not in card.parties or card.name != clean_name(name):
        raise AssertionError("the card is not the sender's")


def multistatus(data: bytes) -> None:
    """The XML of WebDAV."""
    read_uid_conflict(data)
    for resource in Multistatus(data):
        for name in resource.properties:
            resource.text(name)
            resource.hrefs(name)


def vcard(data: bytes) -> None:
    """A card that somebody else has made: every byte of it comes back."""
    summarize(data)
    if b"".join(line.raw for line in content_lines(data)) != data:
        raise AssertionError("the card's lines are not the card")
    edit_members(data, ["new-member"], ["old-member"])


def _json(*values: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(value).encode() for value in values)


TARGETS: Mapping[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "event stream": (event_stream, (b"id: 1\nevent: state\ndata: " + _json(STATE_CHANGE)[0] + b"\n\n",)),
    "state event": (state_event, _json(STATE_CHANGE)),
    "JMAP session": (jmap_session, _json(SESSION)),
    "JMAP reading": (jmap_reading, _json(READING, METHOD_ERROR)),
    "JMAP writing": (jmap_writing, _json(WRITING, REFUSAL, METHOD_ERROR)),
    "JMAP others": (jmap_others, _json(HEADERS_PAGE)),
    "From": (
        from_header,
        (
            b"Ann\tann@x.example",
            b'\t<mailto:"a b"@x.example>\nA\tann@b\xc3\xbccher.example',
            b"a@b.c\ta@b.c\n\t",
        ),
    ),
    "multistatus": (
        multistatus,
        (
            b'<multistatus xmlns="DAV:"><response><href>/a.vcf</href><propstat><prop><getetag>"1"</getetag>'
            b"</prop><status>HTTP/1.1 200 OK</status></propstat></response><sync-token>1</sync-token>"
            b"</multistatus>",
        ),
    ),
    "vCard": (
        vcard,
        (
            b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:A\r\nitem1.EMAIL;TYPE=INTERNET:a@b.example\r\n"
            b"X-ADDRESSBOOKSERVER-KIND:group\r\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:2\r\nEND:VCARD\r\n",
        ),
    ),
}
"""What is fuzzed, by name, with examples of what a good server sends."""
