"""How much memory the service keeps, and what a large address book adds."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mailroom.sandbox import Sandbox
from mailroom.settings.variables import CARDDAV_SECRETS
from tests.support.processes import Process, resident_mib
from tests.support.sized_accounts import add_cards, add_senders, furnished_account

WANTED_MIB: Final = 33
MOST_MIB: Final = {"CardDAV": 35.5, "JMAP": 33.0}
"""More than this fails. Over CardDAV the wanted figure is not reached: vobject alone keeps 2.4 MiB."""

MOST_ADDED_MIB: Final = 10
CARDS: Final = 10_000

WITH_ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}


def as_in_the_image(folder: Path) -> dict[str, str]:
    """Return what lets the interpreter run as in the image: optimized, and everything compiled beforehand."""
    variables = {
        **WITH_ONE_ARENA,
        "PYTHONOPTIMIZE": "2",
        "PYTHONPYCACHEPREFIX": str(folder),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    for way in MOST_MIB:  # a start that compiles keeps scraps of that
        measure(1, way, variables)
    return variables


def measure(cards: int, way: str, variables: Mapping[str, str]) -> float:
    """Return the service's resident memory after filing ten senders and two idle cycles."""
    account = furnished_account()
    add_senders(account, 10, 5)
    add_cards(account, cards)
    unset = CARDDAV_SECRETS if way == "JMAP" else ()
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(account) as sandbox,
        Process(
            {
                **{x: y for x, y in sandbox.environment().items() if x not in unset},
                "MAILROOM_POLL_INTERVAL": "0.3",
                **variables,
            },
            Path(folder),
        ) as service,
    ):
        service.until("poll_complete", 300, senders_filed=10)
        service.until("poll_complete")
        service.until("poll_complete")
        return resident_mib(service.pid)


def run() -> None:
    """Print the resident memory of the idle service with a small and a large address book, each way."""
    too_much = []
    with tempfile.TemporaryDirectory() as folder:
        variables = as_in_the_image(Path(folder))
        for way, most_mib in MOST_MIB.items():
            plain = measure(10, way, WITH_ONE_ARENA)
            small, large = (measure(cards, way, variables) for cards in (10, CARDS))
            print(f"contacts over {way}: resident after a cycle {small:.1f} MiB", end="")
            print(f" (wanted: at most {WANTED_MIB}; without -OO {plain:.1f})")
            added = large - small
            print(f"  with {CARDS:,} cards {large:.1f} MiB, {added:+.1f} (wanted: at most +{MOST_ADDED_MIB})")
            if small > most_mib or added > MOST_ADDED_MIB:
                too_much.append(f"over {way} {small:.1f} MiB and {added:+.1f}: at most {most_mib}")
    if too_much:
        raise SystemExit(f"too much memory: {'; '.join(too_much)}")
