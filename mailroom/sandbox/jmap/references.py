"""Result references and JSON pointers (RFC 8620 section 3.7, RFC 6901)."""

from __future__ import annotations

import re
from typing import Any

from mailroom.sandbox.jmap.arguments import Json, MethodError, invalid_arguments

_INDEX = re.compile(r"0|[1-9][0-9]*")


def with_references(arguments: Json, responses: list[list[Any]]) -> Json:
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
        raise LookupError(token)  # noqa: TRY004 - the path leads nowhere
    if token != "*":  # noqa: S105 - a pointer's token, not a secret
        if not _INDEX.fullmatch(token):
            raise LookupError(token)
        return _walk(value[int(token)], rest)
    found: list[Any] = []
    for item in value:
        result = _walk(item, rest)
        found.extend(result) if isinstance(result, list) else found.append(result)
    return found
