"""The running service tells in the account what waits for the person: once, also while every poll fails."""

from __future__ import annotations

import signal
from pathlib import Path

from mailroom.sandbox import Sandbox
from tests.support.given_time import eventually
from tests.support.processes import Process

QUICK = {"MAILROOM_POLL_INTERVAL": "0.1", "MAILROOM_PUSH": "off"}
STRANGER = "news@dailylantern.example"
NOTICE = "$mailroom-notice"
JOURNAL = "Mailroom"


def notices(sandbox: Sandbox) -> list[str]:
    """Return the subjects of the notices that lie in the journal, all of them unread."""
    found = [each for each in sandbox.account.messages_in(JOURNAL) if NOTICE in each.keywords]
    assert all(each.is_unread for each in found)
    return [each.subject for each in found]


def run(sandbox: Sandbox, tmp_path: Path, *, polls: int = 3) -> None:
    """Let a service poll some times."""
    with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
        for _ in range(polls):
            service.until("poll_complete")
        service.send(signal.SIGTERM)
        service.until("service_stopped")


def test_a_conflict_is_told_once_however_often_it_is_started(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each poll sees it, and each start; where it is solved, the notice is gone."""
    message = sandbox.account.messages_from(STRANGER)[-1]
    for label in ("@ToFeed", "@ToJail"):
        sandbox.account.label(message.id, label)
    for _ in range(2):
        run(sandbox, tmp_path)
        (subject,) = notices(sandbox)
        assert STRANGER in subject
    sandbox.account.unlabel(message.id, "@ToJail")
    run(sandbox, tmp_path)
    assert not notices(sandbox)


def test_a_renamed_mailbox_is_told_once_while_every_poll_fails(sandbox: Sandbox, tmp_path: Path) -> None:
    """And goes when it has its name again, without a start."""
    with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
        service.until("poll_complete")
        sandbox.account.alter_mailbox("Feed", name="News")
        service.until("poll_failed", failures_in_a_row=3)
        (subject,) = notices(sandbox)
        assert "Feed" in subject
        sandbox.account.alter_mailbox("News", name="Feed")
        service.until("poll_complete")
        assert eventually(lambda: not notices(sandbox))


def test_what_it_cannot_start_for_is_told_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """Whoever starts it again and again, as a cluster does, does not fill the mailbox."""
    sandbox.account.alter_mailbox("Feed", name="News")
    for _ in range(3):
        with Process({**sandbox.environment(), **QUICK}, tmp_path) as service:
            service.until("startup_failed")
            assert service.exit_code() == 1
        assert len(notices(sandbox)) == 1
    sandbox.account.alter_mailbox("News", name="Feed")
    run(sandbox, tmp_path)
    assert not notices(sandbox)
