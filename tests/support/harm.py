"""The kinds of harm that can come to a request, each a plan for the proxy, and when they come."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any, Protocol

from attrs import define, evolve, field

from tests.support.proxy import Answer, Exchange, Plan, Request

Choice = Callable[[Request], bool]

SYNC_TOKEN = re.compile(rb"<sync-token>[^<]+</sync-token>")


# --- when


@define
class Harm:
    """A plan that does harm to some requests.

    Attributes:
        times: How many more requests it comes to; it passes the others on.
        hits: How many it has come to.
    """

    plan: Plan
    choice: Choice
    times: int = 1_000_000
    hits: int = field(default=0)

    def __call__(self, exchange: Exchange) -> None:
        """Let the request go on, or not."""
        if self.hits < self.times and self.choice(exchange.request):
            self.hits += 1
            self.plan(exchange)
        else:
            exchange.pass_on()


def any_request(_: Request) -> bool:
    """Choose every request."""
    return True


def jmap(request: Request) -> bool:
    """Choose requests to the JMAP API."""
    return request.is_jmap


def mail_write(request: Request) -> bool:
    """Choose changes of mail."""
    return "Email/set" in request.calls


def report(request: Request) -> bool:
    """Choose CardDAV's reports: changes since a sync token, and many cards at once."""
    return request.method == "REPORT"


def card_write(request: Request) -> bool:
    """Choose the writing of cards or contact groups."""
    return request.method == "PUT" or "ContactCard/set" in request.calls


def group_write(request: Request) -> bool:
    """Choose the writing of a contact group that is there already."""
    return request.method == "PUT" and "if-match" in request.headers


def cards_set(request: Request) -> bool:
    """Choose changes of contacts over JMAP."""
    return "ContactCard/set" in request.calls


def group_change(request: Request) -> bool:
    """Choose changes of contact groups that are there already, over either protocol."""
    return group_write(request) or (cards_set(request) and b'"update"' in request.body)


def card_deletion(request: Request) -> bool:
    """Choose deletions of cards and contact groups, over either protocol."""
    return request.method == "DELETE" or (cards_set(request) and b'"destroy"' in request.body)


def contacts_reading(request: Request) -> bool:
    """Choose questions for what has changed in the contacts, over either protocol."""
    return report(request) or "ContactCard/changes" in request.calls


def about_contacts_alone(request: Request) -> bool:
    """Choose requests that ask for no mail besides, over either protocol."""
    return request.is_carddav or request.calls[:1] == ("AddressBook/get",)


def card_reading(request: Request) -> bool:
    """Choose the reading of one card."""
    return request.method == "GET" and not request.is_session


def with_sync_token(request: Request) -> bool:
    """Choose questions for the changes since a sync token."""
    return request.method == "REPORT" and SYNC_TOKEN.search(request.body) is not None


# --- what


def lose_request(exchange: Exchange) -> None:
    """Break off before the server has seen the request."""
    exchange.reset()


def lose_answer(exchange: Exchange) -> None:
    """Break off after the server has done what the request asks."""
    exchange.forward()
    exchange.reset()


def reset_in_body(exchange: Exchange) -> None:
    """Break off in the middle of the answer's body."""
    octets = exchange.forward().octets()
    exchange.send(octets[: octets.index(b"\r\n\r\n") + 4 + (len(octets) - octets.index(b"\r\n\r\n")) // 2])
    exchange.reset()


def end_in_body(exchange: Exchange) -> None:
    """End the connection in good order, in the middle of the answer's body."""
    octets = exchange.forward().octets()
    exchange.send(octets[:-1] if octets.endswith(b"\r\n\r\n") else octets[: -(len(octets) // 4)])
    exchange.hang_up()


def stall(exchange: Exchange) -> None:
    """Let the server do it, and say nothing."""
    exchange.forward()
    exchange.stall()


def stall_before(exchange: Exchange) -> None:
    """Neither let the server do it, nor say anything."""
    exchange.stall()


def cut_text(exchange: Exchange) -> None:
    """Answer with half of the JSON or XML, as if that were all."""
    answer = exchange.forward()
    exchange.reply(evolve(answer, body=answer.body[: len(answer.body) // 2]))


def spoilt_text(exchange: Exchange) -> None:
    """Answer with something that is neither JSON nor XML, and says it is."""
    exchange.reply(evolve(exchange.forward(), body=b'{"methodResponses": [<multistatus \xff\x00'))


def other_text(exchange: Exchange) -> None:
    """Answer with JSON or XML that is well-formed and says nothing to the point."""
    answer = exchange.forward()
    is_json = "json" in answer.headers.get("content-type", "")
    exchange.reply(evolve(answer, body=b'{"sorry": []}' if is_json else b'<sorry xmlns="DAV:"/>'))


def web_page(exchange: Exchange) -> None:
    """Answer with a web page, as a provider's front server does."""
    exchange.reply(Answer(200, {"content-type": "text/html"}, b"<!DOCTYPE html><p>Back in a minute.<br>"))


def status(code: int, **headers: str) -> Plan:
    """Answer with a status; an underscore in a header's name stands for a hyphen."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.reply(Answer(code, fields))


def method_error(kind: str) -> Plan:
    """Answer every method call of the request with an error; the server sees none of them."""

    def plan(exchange: Exchange) -> None:
        calls = exchange.request.json()["methodCalls"]
        exchange.reply(_json({
            "methodResponses": [["error", {"type": kind}, index] for _, _, index in calls],
            "sessionState": "a state",
        }))  # fmt: skip

    return plan


def too_large(most: int) -> Plan:
    """Refuse a change of more than `most` messages as a strict server does, whatever its session says."""

    def plan(exchange: Exchange) -> None:
        calls = exchange.request.json()["methodCalls"]
        if max(len(arguments.get("update") or ()) for _, arguments, _ in calls) > most:
            method_error("requestTooLarge")(exchange)
        else:
            exchange.pass_on()

    return plan


def refuse_messages(refused: Collection[str], kind: str = "forbidden") -> Plan:
    """Let the server change all messages but these, and answer for these that they were not updated."""

    def plan(exchange: Exchange) -> None:
        request = exchange.request.json()
        (_, arguments, _), *_ = request["methodCalls"]
        asked = arguments.pop("update", {})
        unlucky = asked.keys() & set(refused)
        if rest := {message: patch for message, patch in asked.items() if message not in unlucky}:
            arguments["update"] = rest
        answer = json.loads(
            exchange.forward(evolve(exchange.request, body=json.dumps(request).encode())).body
        )
        said = answer["methodResponses"][0][1]
        errors = {message: {"type": kind} for message in unlucky}
        said["notUpdated"] = (said.get("notUpdated") or {}) | errors
        exchange.reply(_json(answer))

    return plan


def refuse_cards(text: str) -> Plan:
    """Refuse to write the cards and to change the groups that are about `text`, over either protocol."""

    def plan(exchange: Exchange) -> None:
        if not exchange.request.is_jmap:
            exchange.reply(Answer(403))
            return
        request = exchange.request.json()
        ((_, arguments, _),) = request["methodCalls"]
        refused: dict[str, Any] = {}
        for name, key in (("create", "notCreated"), ("update", "notUpdated")):
            asked = arguments.pop(name, {})
            unlucky = {x for x, each in asked.items() if text in json.dumps([x, each])}
            refused[key] = {x: {"type": "forbidden"} for x in unlucky}
            arguments[name] = {x: each for x, each in asked.items() if x not in unlucky}
        answer = json.loads(
            exchange.forward(evolve(exchange.request, body=json.dumps(request).encode())).body
        )
        said = answer["methodResponses"][0][1]
        for key, errors in refused.items():
            said[key] = (said.get(key) or {}) | errors
        exchange.reply(_json(answer))

    return plan


def odd_messages(*odd: str) -> Plan:
    """Give these messages in a form that no standard knows, and the others as they are."""

    def plan(exchange: Exchange) -> None:
        answer = json.loads(exchange.forward().body)
        for name, arguments, _ in answer["methodResponses"]:
            if name == "Email/get":
                arguments["list"] = [x | {"from": 5} if x["id"] in odd else x for x in arguments["list"]]
        exchange.reply(_json(answer))

    return plan


def dead_after_writes(writes_left: int, *, is_done: bool) -> Plan:
    """Let some writes pass; the next one and all requests after it get no answer."""

    def die(exchange: Exchange, *, is_first: bool) -> None:
        if is_done and is_first:
            exchange.forward()
        exchange.reset()

    return _after_writes(writes_left, die)


def refused_after_writes(writes_left: int) -> Plan:
    """Let some writes pass; the next one and all requests after it are refused: the credentials are."""
    return _after_writes(writes_left, lambda exchange, **_: exchange.reply(Answer(401)))


class _Harmful(Protocol):
    def __call__(self, exchange: Exchange, *, is_first: bool) -> None:
        """Do harm; the first that comes to it is a write."""


def _after_writes(writes_left: int, harm: _Harmful) -> Plan:
    writes = 0

    def plan(exchange: Exchange) -> None:
        nonlocal writes
        writes += exchange.request.is_write
        if writes <= writes_left:
            exchange.pass_on()
        else:
            harm(exchange, is_first=writes == writes_left + 1 and exchange.request.is_write)

    return plan


def refuse_sync_token(exchange: Exchange) -> None:
    """Say that the sync token is no longer good (RFC 6578 section 3.2)."""
    body = b'<error xmlns="DAV:"><valid-sync-token/></error>'
    exchange.reply(Answer(403, {"content-type": "application/xml"}, body))


def forget_changes_of_contacts(exchange: Exchange) -> None:
    """Say that nobody knows what has changed in the contacts since (RFC 8620 section 5.2).

    Where the server has forgotten that itself, it says so too, and its answer is passed on.
    """
    forwarded = exchange.forward()
    answer = json.loads(forwarded.body)
    is_about_them, unknown = "ContactCard/changes", {"type": "cannotCalculateChanges"}
    index = next((n for n, each in enumerate(answer["methodResponses"]) if each[0] == is_about_them), None)
    if index is None:
        exchange.reply(forwarded)
        return
    unread = {"type": "invalidResultReference"}
    for position, error in ((index, unknown), (index + 1, unread), (index + 2, unread)):
        answer["methodResponses"][position][:2] = ["error", error]
    exchange.reply(_json(answer))


def _json(value: Any) -> Answer:
    return Answer(200, {"content-type": "application/json"}, json.dumps(value).encode())
