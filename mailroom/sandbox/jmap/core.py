"""JMAP's envelope (RFC 8620 section 3): requests and their limits, method calls, errors of both levels."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from attrs import define, field, frozen

from mailroom.sandbox.exchange import Reply, Request, json_reply, problem
from mailroom.sandbox.jmap.arguments import Arguments, Json, MethodError, is_id
from mailroom.sandbox.jmap.references import with_references
from mailroom.sandbox.jmap.session import (
    CONTACTS,
    CORE,
    SIEVE,
    account_capabilities,
    capabilities,
    session_state,
)
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.contacts import Contacts

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_ERROR = "urn:ietf:params:jmap:error:"


class RequestError(Exception):
    """The request as a whole is refused (RFC 8620 section 3.6.1)."""

    def __init__(self, type: str, detail: str, **more: str) -> None:
        super().__init__(detail)
        self.reply = problem(400, _ERROR + type, detail, None, **more)


@define
class Context:
    """What the methods of one request work on.

    Attributes:
        created_ids: The creation ids of this request so far, and what became of them.
        responses: The responses of this request so far.
        contacts: The contacts that the method which is called now is about.
        is_read_only: Whether nothing may be changed in the account it is called for.
    """

    account: SandboxAccount
    created_ids: dict[str, str]
    contacts: Contacts = field(init=False)
    is_read_only: bool = field(default=False, init=False)
    responses: list[list[Any]] = field(factory=list)

    def resolve(self, id: str) -> str:
        """Return what an id or a creation id (``#…``) stands for; an unknown one stays as it is."""
        return self.created_ids.get(id[1:], id) if id.startswith("#") else id


@frozen
class Method:
    """A method of the API.

    Attributes:
        capability: What a request must be `using` to call it.
    """

    capability: str
    call: Callable[[Context, Arguments], Json]


def handle(
    account: SandboxAccount, methods: Mapping[str, Method], request: Request
) -> tuple[Reply, tuple[str, ...]]:
    """Answer an API request; tell the names of the methods it called, too."""
    try:
        envelope = _parse(account, request)
    except RequestError as error:
        return error.reply, ()
    # A method is there only for whoever names its capability (RFC 8620 section 3.3).
    names = {SIEVE: account.scripts.offered_as}
    usable = {
        name: method
        for name, method in methods.items()
        if names.get(method.capability, method.capability) in envelope["using"]
    }
    context = Context(account, dict(envelope.get("createdIds") or {}))
    with account.lock:
        for name, arguments, call_id in envelope["methodCalls"]:
            try:
                response = [name, _call(context, usable.get(name), arguments), call_id]
            except MethodError as error:
                response = ["error", error.body, call_id]
            context.responses.append(response)
    body: Json = {"methodResponses": context.responses, "sessionState": session_state(account)}
    # They come back only to whoever sent some (RFC 8620 section 3.4).
    if envelope.get("createdIds") is not None:
        body["createdIds"] = context.created_ids
    return json_reply(200, body), tuple(name for name, _, _ in envelope["methodCalls"])


def _parse(account: SandboxAccount, request: Request) -> Json:
    """Return the Request object (RFC 8620 section 3.3); properties it does not define are ignored."""
    limits = account.limits
    if request.media_type != "application/json":
        raise RequestError("notJSON", "the content type must be application/json")
    if len(request.body) > limits.max_size_request:
        raise RequestError("limit", "the request is too large", limit="maxSizeRequest")
    try:
        value = json.loads(
            request.body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant
        )
        if _NUL.search(request.body):
            raise ValueError("\\u0000 is not allowed")  # so says Cyrus
        if b"\\ud" in request.body.lower():
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no Unicode (RFC 7493)
    except (ValueError, RecursionError) as error:
        raise RequestError("notJSON", f"not I-JSON: {error}") from error
    if not _is_request(value):
        raise RequestError("notRequest", "not a Request object")
    if unknown := [name for name in value["using"] if name not in capabilities(account)]:
        raise RequestError("unknownCapability", f"unknown: {', '.join(unknown)}")
    if len(value["methodCalls"]) > limits.max_calls_in_request:
        raise RequestError("limit", "too many method calls", limit="maxCallsInRequest")
    return dict(value)


def _object(pairs: list[tuple[str, Any]]) -> Json:
    value = dict(pairs)
    # I-JSON has each name once (RFC 7493 section 2.3).
    if len(value) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_request(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(using := value.get("using"), list)
        and all(isinstance(name, str) for name in using)
        and isinstance(calls := value.get("methodCalls"), list)
        and all(
            isinstance(call, list)
            and len(call) == 3
            and isinstance(call[0], str)
            and isinstance(call[1], dict)
            and isinstance(call[2], str)
            for call in calls
        )
        and _is_created_ids(value.get("createdIds"))
    )


def _is_created_ids(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict) and all(is_id(key) and is_id(id) for key, id in value.items())
    )


def _call(context: Context, method: Method | None, given: Json) -> Json:
    if method is None:
        raise MethodError("unknownMethod")
    arguments = Arguments(with_references(given, context.responses))
    if method.capability == CORE:
        return method.call(context, arguments)
    account_id = arguments.string("accountId")
    _choose_account(context, method.capability, account_id)
    return {"accountId": account_id, **method.call(context, arguments)}


def _choose_account(context: Context, capability: str, account_id: str) -> None:
    """Let the context be about an account, where it is there and has what the method is about."""
    offered = account_capabilities(context.account)
    if account_id not in offered:
        raise MethodError("accountNotFound")
    capability = (context.account.scripts.offered_as or "") if capability == SIEVE else capability
    if capability not in offered[account_id]:
        raise MethodError("accountNotSupportedByMethod")
    holder = context.account.contacts_in(account_id) if capability == CONTACTS else context.account
    context.contacts = holder or context.account
    context.is_read_only = context.contacts.is_read_only
