"""What is read from outside must have its type: cattrs by itself would make ``"3"`` of a 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def exactly(kind: type[T], said: Callable[[object], str]) -> Callable[[object, object], T]:
    """Make a hook for cattrs that takes a value of one type, and makes none of others.

    Args:
        said: What is said of a value of another type.
    """

    def hook(value: object, _: object) -> T:
        # Not isinstance: to Python, True is an int.
        if type(value) is not kind:
            raise TypeError(said(value))
        return value

    return hook
