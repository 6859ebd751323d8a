"""What a server has to say for each event: bytes of its answers, by how much waits in Screener."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mailroom.account import open_account
from mailroom.sandbox import Sandbox, SandboxAccount
from tests.support.proxy import Exchange, Proxy
from tests.support.sized_accounts import add_cards, add_senders, furnished_account, settings_for

WAITING: Final = (0, 50, 500, 5_000)
WANTED_AT: Final = 500
CARDS: Final = 500
WANTED_BYTES: Final = 2_048
MAX_WARM_UP_CYCLES: Final = 100
"""After a start, the conversations of what waits are looked at in parts, by a few cycles."""


def _arrive(account: SandboxAccount) -> None:
    account.deliver([("Newcomer", "new@comer.example")], ["Inbox"])


def _read(account: SandboxAccount) -> None:
    account.mark_read(next(iter(account.messages)))


def _wait(account: SandboxAccount) -> None:
    account.deliver([("Newcomer", "new@comer.example")], ["Screener"])


def _label(account: SandboxAccount) -> None:
    message = account.deliver([("Newcomer", "labelled@comer.example")], ["Inbox"])
    account.label(message, "@ToFeed")


EVENTS: Final[tuple[tuple[str, Callable[[SandboxAccount], None]], ...]] = (
    ("nothing", lambda _: None),
    ("mail arrives in the Inbox", _arrive),
    ("a message is read", _read),
    ("a sender is labelled", _label),
    ("mail arrives in Screener", _wait),
)


def measure(waiting: int) -> dict[str, tuple[int, int]]:
    """Return requests, and bytes of all answers, of the cycle after each event."""
    account = furnished_account()
    account.deliver([("Friend", "friend@home.example")], ["Inbox"])
    # One less, that the newcomer's message does not make it more than a view includes.
    add_senders(account, max(0, waiting - 1), 1, labelled=False)
    add_cards(account, CARDS)
    sizes: list[int] = []

    def note(exchange: Exchange) -> None:
        answer = exchange.forward()
        sizes.append(len(answer.body))
        exchange.reply(answer)

    with Sandbox(account) as sandbox, Proxy(sandbox.url, note) as proxy:
        mailroom = open_account(settings_for(proxy.environment(sandbox.environment())))
        mailroom.begin()
        for _ in range(MAX_WARM_UP_CYCLES):
            sizes.clear()
            mailroom.triage.run()
            if len(sizes) == 1:
                break
        costs = {}
        for name, happen in EVENTS:
            happen(account)
            sizes.clear()
            mailroom.triage.run()
            costs[name] = (len(sizes), sum(sizes))
            mailroom.triage.run()  # hears of what the cycle itself has changed
        proxy.check()
    return costs


def run() -> None:
    """Print bytes and requests for each event, and what many waiting messages add to it."""
    costs = {waiting: measure(waiting) for waiting in WAITING}
    shown = "".join(f"{f'{waiting} waiting':>20}" for waiting in WAITING)
    print(f"{'bytes of answers (requests)':28}{shown}{f'more at {WANTED_AT}':>14}")
    for name, _ in EVENTS:
        columns = ""
        for waiting in WAITING:
            requests, size = costs[waiting][name]
            columns += f"{f'{size:,} ({requests})':>20}"
        more = costs[WANTED_AT][name][1] - costs[WAITING[0]][name][1]
        print(f"{name:28}{columns}{more:+14,}")
    print(f"wanted: at most {WANTED_BYTES:+,} bytes; and a full Screener is not read again")
