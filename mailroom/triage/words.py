"""How many there are of something, in words for a person. Pure."""

from __future__ import annotations


def number_of(count: int, one: str, several: str = "") -> str:
    """Say how many there are: ``1 message``, ``3 messages``.

    Args:
        several: What more than one are called, where that is not `one` with an s.
    """
    return f"{count} {one if count == 1 else several or f'{one}s'}"
