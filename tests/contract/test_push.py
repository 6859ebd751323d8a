"""Push on both kinds of server: what a person labels takes effect long before the next poll."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.accounts import AccountUnderTest, groups_of, label
from tests.support.processes import Process

PATIENCE_SECONDS = 5.0


def test_a_label_takes_effect_without_a_poll(account: AccountUnderTest, tmp_path: Path) -> None:
    """The event source tells of the label, and the sender is filed while the poll is minutes away."""
    messages = [account.receive([("Shop", "news@shop.example")], "Screener") for _ in range(3)]
    with Process({**account.environment, "MAILROOM_POLL_INTERVAL": "300"}, tmp_path) as service:
        service.until("push_connected")
        time.sleep(0.5)
        began = time.monotonic()
        label(account, messages[1], "@ToFeed")
        service.until("sender_filed", PATIENCE_SECONDS, sender="news@shop.example")
        service.until("poll_complete", PATIENCE_SECONDS)
        assert time.monotonic() - began < PATIENCE_SECONDS
    assert [account.mailboxes_of(message) for message in messages] == [{"Feed"}] * 3
    assert groups_of(account, "news@shop.example") == ["Feed"]
