"""One cycle on an account of a hundred thousand messages, and how its cost grows with the account."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from attrs import frozen

from mailroom.account import open_account
from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.sandbox.store.addressbook import group_card
from tests.support.elsewhere import sandbox_elsewhere
from tests.support.processes import resident_mib
from tests.support.sized_accounts import CATEGORIES, add_cards, furnished_account, settings_for

MESSAGES: Final = 100_000
CARDS: Final = 10_000
LABELLED_SENDERS: Final = 1_000
MESSAGES_OF_A_SENDER: Final = 20
STRANGERS: Final = 3_000
READING_INTERVAL_SECONDS: Final = 0.02


@frozen
class Cost:
    """What a start and a cycle took; memory is what came on top of what the process had before."""

    start_requests: int
    start_seconds: float
    requests: int
    new_cards: int
    seconds: float
    peak_mib: float
    kept_mib: float


def make_account(share: float) -> SandboxAccount:
    """Return an account of this share of the full size.

    Half of the labelled senders are new; the others are in the Feed's group, and some of them go
    elsewhere. Half of the other mail waits in Screener, too.
    """
    account = furnished_account()
    senders = round(LABELLED_SENDERS * share)
    known: list[str] = []
    for number in range(senders):
        name, email = f"Sender {number}", f"sender{number}@list{number % 89}.example"
        is_known = number % 2 == 1
        if is_known:
            known.append(account.add_contact(name, email))
        for _ in range(MESSAGES_OF_A_SENDER):
            message = account.deliver([(name, email)], ["Feed" if is_known else "Screener"])
        account.label(message, f"@To{CATEGORIES[number % len(CATEGORIES)]}")
    _, group = group_card("Feed", tuple(known))
    account.put_card(next(x.name for x in account.book.groups() if x.summary.name == "Feed"), group)
    add_cards(account, round(CARDS * share) - len(known))
    for number in range(round(MESSAGES * share) - len(account.messages)):
        stranger = f"stranger{number % STRANGERS}@elsewhere.example"
        account.deliver([("Stranger", stranger)], [("Screener", "Inbox", "Screener", "Archive")[number % 4]])
    return account


def nothing(_: Sandbox, __: int) -> None:
    """Only count the requests."""


def measure(share: float) -> Cost:
    """File the labelled senders of an account of this share of the full size."""
    with sandbox_elsewhere(partial(make_account, share), nothing) as elsewhere:
        mailroom = open_account(settings_for(elsewhere.environment))
        gc.collect()
        began_mib, began = resident_mib(os.getpid()), time.perf_counter()
        mailroom.begin()
        start_seconds, start_requests = time.perf_counter() - began, elsewhere.act(0)
        with peak_memory() as peak:
            began = time.perf_counter()
            report = mailroom.triage.run()
            seconds = time.perf_counter() - began
        if report.failed or len(report.filed) != round(LABELLED_SENDERS * share):
            raise SystemExit(f"not everybody was filed: {len(report.filed)}, {report.failed}")
        new_cards = sum(filed.filing.created for filed in report.filed)
        requests = elsewhere.act(0) - new_cards
        return Cost(
            start_requests=start_requests,
            start_seconds=start_seconds,
            requests=requests,
            new_cards=new_cards,
            seconds=seconds,
            peak_mib=max(peak) - began_mib,
            kept_mib=resident_mib(os.getpid()) - began_mib,
        )


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Look at the resident memory again and again."""
    readings = [resident_mib(os.getpid())]
    done = threading.Event()

    def read() -> None:
        while not done.wait(READING_INTERVAL_SECONDS):
            readings.append(resident_mib(os.getpid()))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield readings
    finally:
        done.set()
        thread.join()


def run() -> None:
    """Print what it costs at a tenth of the size, at full size, and by how much it has grown."""
    costs = []
    print(
        "messages   cards  senders  requests to start  seconds"
        "  requests  and new cards  seconds  peak MiB  kept MiB"
    )
    for share in (0.1, 1.0):
        cost = measure(share)
        costs.append(cost)
        print(
            f"{MESSAGES * share:8.0f}  {CARDS * share:6.0f}  {LABELLED_SENDERS * share:7.0f}"
            f"  {cost.start_requests:17}  {cost.start_seconds:7.1f}  {cost.requests:8}  {cost.new_cards:13}"
            f"  {cost.seconds:7.1f}  {cost.peak_mib:+8.0f}  {cost.kept_mib:+8.0f}",
            flush=True,
        )
    small, large = costs
    print(
        f"ten times the account: {large.requests / small.requests:.1f} × the requests, "
        f"{large.seconds / small.seconds:.1f} × the seconds, "
        f"{large.peak_mib / small.peak_mib:.1f} × the memory"
    )
