"""How much memory the service keeps, and what a large address book adds."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mailroom.sandbox import Sandbox
from tests.support.processes import Process, resident_mib
from tests.support.sized_accounts import add_cards, add_senders, furnished_account

AS_IN_THE_IMAGE = {"MALLOC_ARENA_MAX": "1"}


def measure(cards: int) -> float:
    """Return the service's resident memory after filing ten senders and two idle cycles."""
    account = furnished_account()
    add_senders(account, 10, 5)
    add_cards(account, cards)
    variables = {"MAILROOM_POLL_INTERVAL": "0.3", **AS_IN_THE_IMAGE}
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(account) as sandbox,
        Process({**sandbox.environment(), **variables}, Path(folder)) as service,
    ):
        service.until("poll_complete", 60, senders_filed=10)
        service.until("poll_complete")
        service.until("poll_complete")
        return resident_mib(service.pid)


def run() -> None:
    """Print the resident memory of the idle service with a small and a large address book."""
    small, large = measure(10), measure(10_000)
    print(f"resident after a cycle: {small:.1f} MiB (wanted: at most 35)")
    print(f"with 10,000 cards:      {large:.1f} MiB, {large - small:+.1f} (wanted: at most +10)")
