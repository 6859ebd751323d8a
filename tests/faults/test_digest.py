"""The digest may be cut off at any request; then the next process ends as one alone would have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest

from mailroom.account import Account
from mailroom.digest.writer import Digest
from mailroom.model.mail import MailboxId
from mailroom.model.schedule import Rhythm, Schedule
from mailroom.model.sender import Correspondent
from tests.support.accounts import AccountUnderTest, furnish
from tests.support.behind import behind
from tests.support.interrupted import cut_off
from tests.support.proxy import Exchange
from tests.support.running import opened, settings_for

MORNING = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def digest_of(account: AccountUnderTest, parts: Account, now: datetime) -> Digest:
    scheme, schedule = settings_for(account, {}).scheme, Schedule(Rhythm.DAILY, time(8))
    return Digest(parts.triage, parts.notes, parts.subjects, scheme, schedule, now=lambda: now, zone=UTC)


def places(account: AccountUnderTest) -> list[str]:
    """Where the digests are; nothing else is from the person."""
    ids = {MailboxId(account.mailbox_id(name)): name for name in ("Inbox", "Trash", "Screener")}
    found = opened(account).mail.read(ids.keys()).snapshot.messages.values()
    own = [x for x in found if isinstance(x.sender, Correspondent) and x.sender.address == account.address]
    return sorted(ids[mailbox_id] for each in own for mailbox_id in each.mailbox_ids)


def set_up(account: AccountUnderTest) -> str:
    waiting = account.receive([("Ann", "ann@example.net")], "Screener")
    digest_of(account, opened(account), MORNING - timedelta(days=1)).do_if_due()
    return waiting


@pytest.mark.parametrize("applied", [False, True], ids=["before it is sent on", "after it is applied"])
def test_cut_off_at_any_request_there_is_one_and_the_last_one_is_gone(
    new_account: Callable[[], AccountUnderTest], applied: bool
) -> None:
    """Two digests in all, one in the Inbox and one in Trash; nothing else has moved."""
    at, is_needed = 0, True
    while is_needed:
        account = new_account()
        furnish(account)
        waiting = set_up(account)
        with behind(account) as hit:
            hit.proxy.plan = cut_off(at, applied=applied)
            digest_of(account, hit.mailroom(), MORNING).do_if_due()
            hit.proxy.check()
            is_needed = len(hit.proxy.requests) > at
            hit.proxy.plan = Exchange.pass_on
            for _ in range(2):
                digest_of(account, hit.mailroom(), MORNING).do_if_due()
        assert places(account) == ["Inbox", "Trash"], f"cut off at request {at}"
        assert account.mailboxes_of(waiting) == {"Screener"}
        at += 1
    assert at > 10
