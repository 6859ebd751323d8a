"""The arguments of a method call, taken one by one and checked (RFC 8620 sections 1 and 3.6.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
MAX_INT = 2**53 - 1

Json = dict[str, Any]


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
