"""How much memory the service keeps, and what a large address book adds."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mailroom.sandbox import Sandbox
from mailroom.settings.variables import CARDDAV_SECRETS
from tests.support.processes import Process, resident_mib
from tests.support.sized_accounts import add_cards, add_senders, furnished_account

AS_IN_THE_IMAGE = {"MALLOC_ARENA_MAX": "1"}


def measure(cards: int, *, over_jmap: bool) -> float:
    """Return the service's resident memory after filing ten senders and two idle cycles."""
    account = furnished_account()
    add_senders(account, 10, 5)
    add_cards(account, cards)
    variables = {"MAILROOM_POLL_INTERVAL": "0.3", **AS_IN_THE_IMAGE}
    unset = CARDDAV_SECRETS if over_jmap else ()
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(account) as sandbox,
        Process(
            {**{x: y for x, y in sandbox.environment().items() if x not in unset}, **variables}, Path(folder)
        ) as service,
    ):
        service.until("poll_complete", 300, senders_filed=10)
        service.until("poll_complete")
        service.until("poll_complete")
        return resident_mib(service.pid)


def run() -> None:
    """Print the resident memory of the idle service with a small and a large address book, each way."""
    for way in ("CardDAV", "JMAP"):
        small, large = (measure(cards, over_jmap=way == "JMAP") for cards in (10, 10_000))
        print(f"contacts over {way}: resident after a cycle {small:.1f} MiB (wanted: at most 33)")
        print(f"  with 10,000 cards {large:.1f} MiB, {large - small:+.1f} (wanted: at most +10)")
