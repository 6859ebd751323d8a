"""MAILROOM_DIGEST: the running service writes a digest by the clock of TZ, whatever becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mailroom.sandbox import Reply, Request, Sandbox
from tests.support.processes import Process

NOON = {"MAILROOM_DIGEST": "daily", "MAILROOM_DIGEST_AT": "12:00"}
DIGEST = "$mailroom-digest"


def where_it_is(hour: int) -> dict[str, str]:
    """Return the zone in which it is this hour now; as a rule, and with no table of zones to look into."""
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    return {"TZ": f"<here>{-ahead:+d}", "TZDIR": "/nonexistent"}


def variables(sandbox: Sandbox, hour: int) -> dict[str, str]:
    quick = {"MAILROOM_POLL_INTERVAL": "0.1", "MAILROOM_PUSH": "off"}
    return {**sandbox.environment(), **quick, **NOON, **where_it_is(hour)}


def digests(sandbox: Sandbox) -> list[str]:
    return [each.subject for each in sandbox.account.messages.values() if DIGEST in each.keywords]


def poll(service: Process, times: int) -> None:
    for _ in range(times):
        service.until("poll_complete")


def test_it_is_written_once_and_after_a_restart_not_again(sandbox: Sandbox, tmp_path: Path) -> None:
    """By five in the afternoon it was due; who waits did so before it, and no cycle sees it as work."""
    with Process(variables(sandbox, 17), tmp_path) as service:
        written = service.until("digest_written")
        poll(service, 3)
    assert digests(sandbox) == [f"{written['senders']} senders wait in Screener"]
    with Process(variables(sandbox, 17), tmp_path) as service:
        poll(service, 3)
        before = service.requests_told()
        poll(service, 4)
        assert service.requests_told() - before == 4
    assert len(digests(sandbox)) == 1


def test_before_its_time_there_is_none(sandbox: Sandbox, tmp_path: Path) -> None:
    """Where it is six in the morning; on the machine, it may be any other hour."""
    with Process(variables(sandbox, 6), tmp_path) as service:
        poll(service, 4)
    assert digests(sandbox) == []


def test_one_that_cannot_be_written_fails_no_cycle_and_is_told_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """The poll before it was good, and so are those after it."""

    def refuse(request: Request) -> Reply | None:
        return Reply(500) if b'"create"' in request.body else None

    sandbox.interceptor = refuse
    with Process(variables(sandbox, 17), tmp_path) as service:
        service.until("digest_failed", level="warning")
        poll(service, 4)
        told = [each["event"] for each in service.events]
    assert told.count("digest_failed") == 1
    assert "poll_failed" not in told
