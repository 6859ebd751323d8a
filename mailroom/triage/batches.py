"""Many contact cards at once, as many as may be done again where this is interrupted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

BATCH_CARDS = 50
"""How many cards are made or deleted beside one write of their contact groups: an interruption leaves that
many in no group, or to be looked at once more."""

T = TypeVar("T")


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut items into batches, in their order; only the last may be smaller."""
    return (items[start : start + size] for start in range(0, len(items), size))
