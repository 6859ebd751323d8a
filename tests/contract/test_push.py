"""Push on each kind of server: what a person labels takes effect long before the next poll."""

from __future__ import annotations

from pathlib import Path

from tests.support.accounts import AccountUnderTest, groups_of, label
from tests.support.processes import Process

PATIENCE_SECONDS = 45.0
"""Far longer than any push takes, also on a machine that does other work, and far shorter than a poll."""

SENDERS = ("first@shop.example", "second@shop.example", "third@shop.example")
"""One more than there are cycles that nobody calls for: that of the start, and that after connecting."""


def test_an_answer_does_not_wait_for_a_poll(account: AccountUnderTest, tmp_path: Path) -> None:
    """As soon as it is there, it goes to the Inbox; so does each that follows."""
    sent = account.send(("Shop", SENDERS[0]))
    with Process({**account.environment, "MAILROOM_POLL_INTERVAL": "3600"}, tmp_path) as service:
        service.until("push_connected")
        answers = []
        for sender in SENDERS:
            answers.append(account.receive([("Shop", sender)], "Screener", reply_to=sent))
            service.until("reply_passed", PATIENCE_SECONDS, sender=sender)
    assert [account.mailboxes_of(message) for message in answers] == [{"Inbox"}] * 3


def test_a_label_takes_effect_without_a_poll(account: AccountUnderTest, tmp_path: Path) -> None:
    """The event source tells of each label, and the sender is filed while the poll is an hour away."""
    messages = {x: [account.receive([("Shop", x)], "Screener") for _ in range(2)] for x in SENDERS}
    with Process({**account.environment, "MAILROOM_POLL_INTERVAL": "3600"}, tmp_path) as service:
        service.until("push_connected")
        for sender, (message, _) in messages.items():
            label(account, message, "@ToFeed")
            service.until("sender_filed", PATIENCE_SECONDS, sender=sender)
    for sender, theirs in messages.items():
        assert [account.mailboxes_of(message) for message in theirs] == [{"Feed"}] * 2
        assert groups_of(account, sender) == ["Feed"]
