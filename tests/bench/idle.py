"""What a cycle costs on an account where nothing is labelled."""

from __future__ import annotations

from mailroom.sandbox import Sandbox
from tests.support.sized_accounts import add_cards, add_senders, furnished_account, mailroom_on

CYCLES = 10


def run() -> None:
    """Print the requests of an idle cycle."""
    account = furnished_account()
    add_senders(account, 50, 4, labelled=False)
    add_cards(account, 500)
    with Sandbox(account) as sandbox, mailroom_on(sandbox) as mailroom:
        mailroom.begin()
        mailroom.triage.run()
        sandbox.reset_requests()
        for _ in range(CYCLES):
            mailroom.triage.run()
        print(f"an idle cycle: {sandbox.request_count / CYCLES:g} requests (wanted: 1)")
