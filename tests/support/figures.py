"""Reads Prometheus' text format as a test wants it."""

from __future__ import annotations

from collections.abc import Iterable


def figures(text: str) -> dict[str, float]:
    """Return each sample by its name and labels, as they stand in the text."""
    lines: Iterable[str] = (line for line in text.splitlines() if not line.startswith("#"))
    return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}
