"""Variables that look like settings and are none. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

PREFIX: Final = "MAILROOM_"

NEARNESS: Final = 0.65
"""How alike two names are at the least, as difflib counts. What a cluster sets by itself for a Service of
this name (``MAILROOM_SERVICE_HOST``, ``MAILROOM_PORT``) is below 0.55; a forgotten word is above 0.67."""

_OF_OTHERS: Final = re.compile(
    r"(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"  # Kubernetes
    r"|(REQUIRE|WITHOUT)_\w+|KUBERNETES_RIG|NIX_COMMAND|IMAGE_STREAM"  # the tests of this repository
)


def misspelt(names: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Say for each variable that no setting has which one is meant, perhaps; never its value.

    Args:
        names: Those that are set.
        known: Those of the settings.
    """
    bare = [name.removeprefix(PREFIX) for name in known]
    said = []
    for name in sorted(names):
        shouted = name.upper()
        if name in known or not shouted.startswith(PREFIX):
            continue
        rest = shouted.removeprefix(PREFIX)
        if near := _nearest(rest, bare):
            said.append(f"{name} is set, but there is no such setting; did you mean {PREFIX}{near[0]}?")
        elif not _OF_OTHERS.fullmatch(rest):
            said.append(f"{name} is set, but there is no such setting; all of them are in docs/settings.md")
    return tuple(said)


def _nearest(name: str, names: Collection[str]) -> Sequence[str]:
    """Return the name that is nearest, if one is near enough."""
    from difflib import get_close_matches  # noqa: PLC0415 - takes memory, and most have no such variable

    return get_close_matches(name, names, n=1, cutoff=NEARNESS)
