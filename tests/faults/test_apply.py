"""`mailroom apply` may break off at any request; run again it ends the same, and then writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from mailroom.account import Account
from mailroom.commands.sender_file import read_senders
from mailroom.errors import MailroomError
from mailroom.triage.report import Report
from tests.conftest import open_account_on
from tests.support.accounts import AccountUnderTest
from tests.support.interrupted import Rig, cut_off, rig
from tests.support.proxy import Exchange
from tests.support.running import settings_for
from tests.support.scenarios import CRAMPED, FaultyAccountOnSandbox, named_in_a_file

LEFT = {"eve@example.net"}
"""Whom a label says something else of than the file."""

applied_or_not = pytest.mark.parametrize(
    "applied",
    [
        pytest.param(False, id="before it is sent on"),
        pytest.param(True, id="after it is applied"),
    ],
)


on_both_ways = pytest.mark.parametrize("is_over_jmap", [False, True], ids=["CardDAV", "JMAP"])


def cramped(*, is_over_jmap: bool) -> AccountUnderTest:
    """Open an account whose limits turn each reading and each change into several requests."""
    return FaultyAccountOnSandbox(CRAMPED, is_over_jmap=is_over_jmap)


def apply(each: Rig, folder: Path) -> Report:
    """Do what the command does, from the file on; in a Mailroom of its own."""
    mailroom: Account = each.mailroom()
    file = folder / "senders.txt"
    named = each.stage.named.items()
    file.write_text("".join(f"{title}  {sender}  # {sender}\n" for sender, title in named), "utf-8")
    lines = read_senders(file, settings_for(each.stage.account, {}).scheme)
    mailroom.check()
    forecast = mailroom.triage.foresee(line.decision for line in lines)
    return mailroom.triage.apply(filing.decision for filing, _ in forecast.filings)


def cut_off_everywhere(open_account: Callable[[], AccountUnderTest], folder: Path, *, applied: bool) -> None:
    """Break it off at each of its requests in turn, and look how the next run ends."""
    with rig(open_account(), named_in_a_file) as quiet:
        assert {filed.filing.decision.party for filed in apply(quiet, folder).filed} == {
            *quiet.stage.named
        } - LEFT
        requests = len(quiet.proxy.requests)
        assert quiet.writes_of(lambda: apply(quiet, folder)) == [], "a second run wrote something"
        expected = quiet.final()
    for at in range(requests):
        with rig(open_account(), named_in_a_file) as each:
            each.proxy.plan = cut_off(at, applied=applied)
            with suppress(MailroomError):
                apply(each, folder)
            each.proxy.check()
            each.observer.check()
            assert len(each.proxy.requests) > at, f"request {at} was not needed"
            each.proxy.plan = Exchange.pass_on
            assert not apply(each, folder).failed
            assert each.final() == expected, f"cut off at request {at} of {requests}"
            assert each.writes_of(partial(apply, each, folder)) == [], f"request {at}: a further run wrote"


@pytest.mark.parametrize(
    "applied",
    [
        pytest.param(False, id="before it is sent on", marks=pytest.mark.slow),
        pytest.param(True, id="after it is applied"),
    ],
)
@on_both_ways
def test_cut_off_at_any_request_the_next_run_ends_the_same(
    applied: bool, is_over_jmap: bool, tmp_path: Path
) -> None:
    """Whichever request is the last one, the same file again ends where one run alone would have."""
    open_account = partial(FaultyAccountOnSandbox, is_over_jmap=is_over_jmap)
    cut_off_everywhere(open_account, tmp_path, applied=applied)


@pytest.mark.slow
@applied_or_not
@on_both_ways
def test_the_same_holds_where_each_step_takes_several_requests(
    applied: bool, is_over_jmap: bool, tmp_path: Path
) -> None:
    """Half a reading and half a change are no other matter."""
    cut_off_everywhere(partial(cramped, is_over_jmap=is_over_jmap), tmp_path, applied=applied)


@pytest.mark.slow
@applied_or_not
def test_the_same_holds_on_a_real_server(
    applied: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """On Cyrus, too, it may be cut off at any request."""
    cut_off_everywhere(lambda: open_account_on("cyrus", request), tmp_path, applied=applied)


@on_both_ways
def test_a_cycle_afterwards_works_the_labels_off(is_over_jmap: bool, tmp_path: Path) -> None:
    """What a label says counts; one that says the same as the file has come off before."""
    with rig(cramped(is_over_jmap=is_over_jmap), named_in_a_file) as each:
        assert not apply(each, tmp_path).failed
        agreeing = each.stage.messages["Bob's, read and labelled"].id
        assert each.stage.account.mailboxes_of(agreeing) == {"Archive"}
        assert not each.run().failed
        mailboxes = {name: each.stage.account.mailboxes_of(x.id) for name, x in each.stage.messages.items()}
        assert mailboxes["Bob's, read and labelled"] == {"Archive"}
        assert mailboxes["Eve's, waiting"] == mailboxes["Eve's, labelled otherwise"] == {"Jail"}
        assert each.writes_of(each.run) == []
