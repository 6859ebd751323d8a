"""Very many cycles on changing mail: whether memory and file descriptors stay what they are."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from mailroom.account import open_account
from mailroom.errors import MailroomError
from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.sandbox.exchange import Reply, Request
from tests.support.elsewhere import sandbox_elsewhere
from tests.support.interrupted import cycle as run_cycle
from tests.support.processes import resident_mib
from tests.support.sized_accounts import CATEGORIES, add_cards, furnished_account, settings_for

WARM_UP_CYCLES = 300
READINGS = 10
SENDERS = 40
MAIL_KEPT = 200
CARDS = 500


@frozen
class Reading:
    """What Mailroom's process holds after so many cycles.

    Attributes:
        filed: How many senders were filed so far.
        broken_off: How many cycles were broken off by a server that fails now and then.
    """

    cycle: int
    resident_mib: float
    file_descriptors: int
    threads: int
    filed: int
    broken_off: int


class BriefWait(threading.Event):
    """The event of a stop, for which nobody waits long: thousands of failures must not take hours."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait a thousandth of the time."""
        return super().wait((timeout or 0.0) / 1000)


def make_account() -> SandboxAccount:
    """Return an account with some contacts."""
    account = furnished_account()
    add_cards(account, CARDS)
    return account


def live(sandbox: Sandbox, day: int) -> None:
    """Let mail come and go, the person decide and change their mind, and the server fail now and then."""
    account = sandbox.account
    number = day * 7 % SENDERS
    sender = [(f"Sender {number}", f"sender{number}@list{number}.example")]
    message = account.deliver(sender, ["Screener"] if day % 3 else ["Feed"], "Again")
    if day % 2:
        account.label(message, f"@To{CATEGORIES[day // 7 % len(CATEGORIES)]}")
    if len(account.messages) > MAIL_KEPT:
        account.destroy(next(iter(account.messages)))
    if day % 25 == 0 and (cards := account.cards_of(sender[0][1])):
        account.delete_card(cards[0].name)
    if day % 500 == 0:
        account.forget_changes()
    sandbox.interceptor = fail_once if day % 40 == 0 else None


def fail_once(request: Request) -> Reply | None:
    """Break off, or refuse, every request of a cycle."""
    if len(request.body) % 2:
        raise ConnectionResetError
    return Reply(503)


def soak(cycles: int, way: str = "carddav") -> Iterator[Reading]:
    """Run cycles; tell what Mailroom holds after the first few hundred, and ten times from there on.

    Args:
        way: How contacts are reached, as `MAILROOM_CONTACTS` says it.
    """
    filed = broken_off = 0
    every = max(1, (cycles - WARM_UP_CYCLES) // READINGS)
    with sandbox_elsewhere(make_account, live) as elsewhere:
        mailroom = open_account(
            settings_for({**elsewhere.environment, "MAILROOM_CONTACTS": way}), BriefWait()
        )
        mailroom.begin()
        for cycle in range(1, cycles + 1):
            elsewhere.act(cycle)
            try:
                filed += len(run_cycle(mailroom).filed)
            except MailroomError:
                broken_off += 1
            if cycle >= WARM_UP_CYCLES and (cycle - WARM_UP_CYCLES) % every == 0:
                descriptors = len(list(Path("/proc/self/fd").iterdir()))
                pid = os.getpid()
                yield Reading(
                    cycle, resident_mib(pid), descriptors, threading.active_count(), filed, broken_off
                )
