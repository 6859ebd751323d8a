"""JMAP's envelope (RFC 8620): the session, requests, result references, limits, and errors of both levels."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from attrs import define, frozen

from mailroom.sandbox.account import Account
from mailroom.sandbox.exchange import Reply, Request, json_reply, problem

CORE = "urn:ietf:params:jmap:core"
MAIL = "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
_ERROR = "urn:ietf:params:jmap:error:"
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_INDEX = re.compile(r"0|[1-9][0-9]*")
MAX_INT = 2**53 - 1

Json = dict[str, Any]


class RequestError(Exception):
    """The request as a whole is refused (RFC 8620 section 3.6.1)."""

    def __init__(self, type: str, detail: str, **more: str) -> None:
        super().__init__(detail)
        self.reply = problem(400, _ERROR + type, detail, **more)


class MethodError(Exception):
    """One method call is refused (RFC 8620 section 3.6.2)."""

    def __init__(self, type: str, description: str | None = None, **more: Any) -> None:
        super().__init__(description)
        self.body = {"type": type, **({"description": description} if description else {}), **more}


def invalid_arguments(description: str, *names: str) -> MethodError:
    """Return the error for arguments that are unknown, missing or of the wrong type."""
    return MethodError("invalidArguments", description, arguments=list(names))


class Arguments:
    """The arguments of one method call; each may be taken once, and none may be left over."""

    def __init__(self, given: Json) -> None:
        self._left = dict(given)

    def take(self, name: str, check: Callable[[Any], bool], what: str, default: Any = ...) -> Any:
        """Return an argument.

        Args:
            check: Whether a value is of the right type.
            what: The right type, in words.
            default: What a missing argument stands for; without it, the argument is required.
        """
        value = self._left.pop(name, ...)
        if value is ...:
            if default is ...:
                raise invalid_arguments(f"{name} is missing", name)
            return default
        if not check(value):
            raise invalid_arguments(f"{name} must be {what}", name)
        return value

    def string(self, name: str, default: Any = ...) -> Any:
        """Return a String; also null, where the default is None."""
        return self.take(
            name, lambda v: isinstance(v, str) or (v is None and default is None), "a String", default
        )

    def boolean(self, name: str, default: bool) -> bool:
        """Return a Boolean."""
        return bool(self.take(name, lambda v: isinstance(v, bool), "a Boolean", default))

    def integer(self, name: str, default: int | None, minimum: int = -MAX_INT) -> Any:
        """Return an Int, or an UnsignedInt where the minimum is 0; null too, where the default is None."""
        return self.take(
            name,
            lambda v: (v is None and default is None) or (is_integer(v) and minimum <= v <= MAX_INT),
            f"an integer from {minimum}",
            default,
        )

    def ids(self, name: str, default: Any = ...) -> Any:
        """Return an Id[], or null where the default is None."""
        return self.take(
            name,
            lambda v: (v is None and default is None) or (isinstance(v, list) and all(map(is_reference, v))),
            "an Id[]",
            default,
        )

    def strings(self, name: str) -> Any:
        """Return a String[] or null."""
        return self.take(
            name,
            lambda v: v is None or (isinstance(v, list) and all(isinstance(s, str) for s in v)),
            "a String[]",
            None,
        )

    def objects(self, name: str) -> Json:
        """Return an Id[Object]; empty where it is missing or null."""
        return dict(
            self.take(
                name,
                lambda v: (
                    v is None
                    or (isinstance(v, dict) and all(isinstance(value, dict) for value in v.values()))
                ),
                "an Id[Object]",
                None,
            )
            or {}
        )

    def rest(self) -> Json:
        """Return whatever is left."""
        return self._left

    def finish(self) -> None:
        """Refuse arguments that nobody asked for."""
        if self._left:
            raise invalid_arguments(f"unknown arguments: {', '.join(self._left)}", *self._left)


def is_integer(value: Any) -> bool:
    """Whether a JSON value is an integer; a Boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_id(value: Any) -> bool:
    """Whether a JSON value is an Id (RFC 8620 section 1.2)."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_reference(value: Any) -> bool:
    """Whether a JSON value is an Id or a reference to a creation id (RFC 8620 section 5.3)."""
    return is_id(value) or (isinstance(value, str) and value[:1] == "#" and is_id(value[1:]))


@define
class Context:
    """What a method works on.

    Attributes:
        created_ids: The creation ids of this request so far, and what became of them.
    """

    account: Account
    created_ids: dict[str, str]

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


def capabilities(account: Account) -> Json:
    """Return what the session offers."""
    limits = account.limits
    core: Json = {
        "maxSizeUpload": limits.max_size_upload,
        "maxConcurrentUpload": limits.max_concurrent_upload,
        "maxSizeRequest": limits.max_size_request,
        "maxConcurrentRequests": limits.max_concurrent_requests,
        "maxCallsInRequest": limits.max_calls_in_request,
        "maxObjectsInGet": limits.max_objects_in_get,
        "maxObjectsInSet": limits.max_objects_in_set,
        "collationAlgorithms": ["i;ascii-casemap", "i;unicode-casemap"],
    }
    return {CORE: core, MAIL: {}, **({SUBMISSION: {}} if account.offers_submission else {})}


def session_state(account: Account) -> str:
    """Return a name for what the session says."""
    described = json.dumps([account.username, capabilities(account)])
    return hashlib.sha1(described.encode()).hexdigest()[:12]  # noqa: S324


def session(account: Account, base_url: str) -> Json:
    """Return the session object (RFC 8620 section 2)."""
    offered = capabilities(account)
    mail: Json = {
        "maxMailboxesPerEmail": None,
        "maxMailboxDepth": None,
        "maxSizeMailboxName": 490,
        "maxSizeAttachmentsPerEmail": 50_000_000,
        "emailQuerySortOptions": ["receivedAt", "sentAt", "size", "from", "subject"],
        "mayCreateTopLevelMailbox": True,
    }
    of_account: Json = {CORE: {}, MAIL: mail}
    if account.offers_submission:
        of_account[SUBMISSION] = {"maxDelayedSend": 0, "submissionExtensions": {}}
    return {
        "capabilities": offered,
        "accounts": {
            account.id: {
                "name": account.username,
                "isPersonal": True,
                "isReadOnly": False,
                "accountCapabilities": of_account,
            }
        },
        "primaryAccounts": {name: account.id for name in offered if name != CORE},
        "username": account.username,
        "apiUrl": f"{base_url}/jmap/api/",
        "downloadUrl": f"{base_url}/jmap/download/{{accountId}}/{{blobId}}/{{name}}?type={{type}}",
        "uploadUrl": f"{base_url}/jmap/upload/{{accountId}}/",
        "eventSourceUrl": f"{base_url}/jmap/event/?types={{types}}&closeafter={{closeafter}}&ping={{ping}}",
        "state": session_state(account),
    }


def handle(account: Account, methods: Mapping[str, Method], request: Request) -> tuple[Reply, list[str]]:
    """Answer an API request; tell the names of the methods it called, too."""
    names: list[str] = []
    try:
        envelope = _parse(account, request)
        names = [call[0] for call in envelope["methodCalls"]]
        created_ids = dict(envelope.get("createdIds") or {})
        context = Context(account, created_ids)
        responses: list[list[Any]] = []
        with account.lock:
            for name, arguments, call_id in envelope["methodCalls"]:
                try:
                    answer = _call(context, methods, envelope["using"], name, arguments, responses)
                    responses.append([name, answer, call_id])
                except MethodError as error:
                    responses.append(["error", error.body, call_id])
    except RequestError as error:
        return error.reply, names
    body: Json = {"methodResponses": responses, "sessionState": session_state(account)}
    if envelope.get("createdIds") is not None:
        body["createdIds"] = created_ids
    return json_reply(200, body), names


def _parse(account: Account, request: Request) -> Json:
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


def _call(
    context: Context,
    methods: Mapping[str, Method],
    using: list[str],
    name: str,
    arguments: Json,
    responses: list[list[Any]],
) -> Json:
    method = methods.get(name)
    if method is None or method.capability not in using:
        raise MethodError("unknownMethod", name)
    resolved = Arguments(_with_references(arguments, responses))
    if method.capability != CORE:
        account_id = resolved.string("accountId")
        if account_id != context.account.id:
            raise MethodError("accountNotFound")
        return {"accountId": account_id, **method.call(context, resolved)}
    return method.call(context, resolved)


def _with_references(arguments: Json, responses: list[list[Any]]) -> Json:
    """Replace ``#name`` arguments by what they refer to (RFC 8620 section 3.7)."""
    resolved: Json = {}
    for name, value in arguments.items():
        if not name.startswith("#"):
            resolved[name] = value
            continue
        if name[1:] in arguments:
            raise invalid_arguments(f"{name[1:]} stands there twice", name[1:])
        resolved[name[1:]] = _referred(value, responses)
    return resolved


def _referred(reference: Any, responses: list[list[Any]]) -> Any:
    if not (
        isinstance(reference, dict)
        and reference.keys() == {"resultOf", "name", "path"}
        and all(isinstance(value, str) for value in reference.values())
    ):
        raise invalid_arguments("not a ResultReference")
    for name, answer, call_id in responses:
        if call_id == reference["resultOf"]:
            if name != reference["name"]:
                break
            return _at(answer, reference["path"])
    raise MethodError("invalidResultReference", f"no {reference['name']} of {reference['resultOf']}")


def pointer_tokens(pointer: str) -> list[str]:
    """Split a JSON pointer without its leading slash (RFC 6901).

    Raises:
        ValueError: A tilde escapes nothing.
    """
    if re.search(r"~(?![01])", pointer):
        raise ValueError(pointer)
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")]


def _at(value: Any, path: str) -> Any:
    if path and not path.startswith("/"):
        raise MethodError("invalidResultReference", f"not a pointer: {path}")
    try:
        return _walk(value, pointer_tokens(path[1:]) if path else [])
    except (LookupError, ValueError) as error:
        raise MethodError("invalidResultReference", f"nothing at {path}") from error


def _walk(value: Any, tokens: list[str]) -> Any:
    if not tokens:
        return value
    token, rest = tokens[0], tokens[1:]
    if isinstance(value, dict):
        return _walk(value[token], rest)
    if not isinstance(value, list):
        raise LookupError(token)
    if token != "*":  # noqa: S105 - a pointer's token, not a secret
        if not _INDEX.fullmatch(token):
            raise LookupError(token)
        return _walk(value[int(token)], rest)
    found: list[Any] = []
    for item in value:
        result = _walk(item, rest)
        found.extend(result) if isinstance(result, list) else found.append(result)
    return found
