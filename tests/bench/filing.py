"""What it costs to file many new senders at once."""

from __future__ import annotations

import time

from mailroom.sandbox import Sandbox
from tests.support.sized_accounts import add_cards, add_senders, furnished_account, mailroom_on

ROUND_TRIP_SECONDS = 0.05


def run() -> None:
    """Print requests and seconds for several sizes."""
    print("senders  messages each  cards in book  requests  of these new cards  others  seconds at 50 ms")
    for senders, messages, cards in (
        (1, 5, 100),
        (10, 5, 100),
        (100, 5, 100),
        (100, 5, 10_000),
        (100, 20, 100),
    ):
        account = furnished_account()
        add_senders(account, senders, messages)
        add_cards(account, cards)
        with Sandbox(account, delay_seconds=ROUND_TRIP_SECONDS) as sandbox, mailroom_on(sandbox) as mailroom:
            mailroom.begin()
            sandbox.reset_requests()
            began = time.perf_counter()
            report = mailroom.triage.run()
            seconds = time.perf_counter() - began
            if len(report.filed) != senders or len(account.messages_in("Screener")):
                raise SystemExit(f"not everything was filed: {report.failed}")
            requests = sandbox.request_count
        print(
            f"{senders:7}  {messages:13}  {cards:13}  {requests:8}  {senders:18}"
            f"  {requests - senders:6}  {seconds:16.2f}"
        )
    print("wanted: at most 12 others, and under 2.5 s for 100 senders × 5 messages")
