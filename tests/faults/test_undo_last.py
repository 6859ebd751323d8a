"""`mailroom undo --last` may break off anywhere; run again it ends the same, and then writes nothing."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from mailroom.commands.journaled import open_entries
from mailroom.errors import MailroomError
from mailroom.journal.entry import Cause
from mailroom.journal.memory import take_back_last
from mailroom.triage.report import Report
from tests.conftest import open_account_on
from tests.faults.test_kill import kill
from tests.support.accounts import AccountUnderTest
from tests.support.interrupted import Rig, cut_off, rig
from tests.support.processes import Process
from tests.support.proxy import Exchange
from tests.support.running import settings_for
from tests.support.scenarios import CRAMPED, SCENARIOS, FaultyAccountOnSandbox, Scenario

FILING = ("new senders", "change of mind")
"""Scenarios whose cycle files senders: strangers, and others from one category into another."""

OTHERS = ("taken back", "whole domains", "mailing lists", "decisions beneath decisions")
"""Scenarios with decisions about domains and lists, and with some that are taken back."""

KILLS = 30


on_both_ways = pytest.mark.parametrize(
    "is_over_jmap", [pytest.param(False, id="CardDAV"), pytest.param(True, id="JMAP", marks=pytest.mark.slow)]
)


def cramped(*, is_over_jmap: bool) -> AccountUnderTest:
    """Open an account whose limits turn each reading and each change into several requests."""
    return FaultyAccountOnSandbox(CRAMPED, is_over_jmap=is_over_jmap)


def file(each: Rig) -> None:
    """Let a cycle file the senders, and tell it in the journal.

    Who was a stranger will be one again, and who has become one will be decided on.
    """
    mailroom = each.mailroom()
    mailroom.begin()
    report = mailroom.triage.run()
    mailroom.journal.tell(report)
    undecided = (x.filing for x in report.filed if not (x.filing.former_groups and x.filing.arrivals))
    each.observer.expect_undecided({filing.decision.party for filing in undecided})


def undo(each: Rig) -> Report:
    """Do what the command does; in a Mailroom of its own."""
    mailroom = each.mailroom()
    mailroom.check()
    scheme = settings_for(each.stage.account, {}).scheme
    entries = open_entries(mailroom, scheme)
    assert entries is not None
    taking_back = take_back_last(entries, scheme)
    if taking_back is None:
        return Report()
    mailroom.triage.foresee(taking_back.decisions)
    report = mailroom.triage.apply(taking_back.decisions)
    mailroom.journal.tell_of_command(report, Cause.UNDO, taking_back.entries)
    return report


def cut_off_everywhere(
    open_account: Callable[[], AccountUnderTest], scenario: Scenario, *, applied: bool, step: int = 1
) -> None:
    """Break it off at each of its requests in turn, or each so many, and look how the next run ends."""
    with rig(open_account(), scenario) as quiet:
        file(quiet)
        begin = len(quiet.proxy.requests)
        assert undo(quiet).filed
        requests = len(quiet.proxy.requests) - begin
        assert quiet.writes_of(lambda: undo(quiet)) == [], "a second run wrote something"
        expected = quiet.final()
    for at in range(requests - 1, -1, -step):
        with rig(open_account(), scenario) as each:
            file(each)
            each.proxy.plan = cut_off(len(each.proxy.requests) + at, applied=applied)
            is_done = False
            with suppress(MailroomError):
                is_done = not undo(each).failed
            each.proxy.plan = Exchange.pass_on
            assert is_done or not undo(each).failed
            each.proxy.check()
            assert each.final() == expected, f"cut off at request {at} of {requests}"
            undo(each)  # the entry itself may have been lost: then it is told now, and nothing else done
            assert each.final() == expected, f"cut off at request {at} of {requests}, and run once more"
            assert each.writes_of(partial(undo, each)) == [], f"request {at}: a further run wrote"


@pytest.mark.parametrize(
    "applied",
    [
        pytest.param(False, id="before it is sent on", marks=pytest.mark.slow),
        pytest.param(True, id="after it is applied"),
    ],
)
@pytest.mark.parametrize(
    "name", [FILING[1], *(pytest.param(name, marks=pytest.mark.slow) for name in (FILING[0], *OTHERS))]
)
@on_both_ways
def test_cut_off_at_any_request_the_next_run_ends_the_same(
    name: str, applied: bool, is_over_jmap: bool
) -> None:
    """Whichever request is the last one, all is as it was before, and nothing is taken back twice."""
    open_account = partial(FaultyAccountOnSandbox, is_over_jmap=is_over_jmap)
    cut_off_everywhere(open_account, SCENARIOS[name], applied=applied)


@pytest.mark.slow
@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("name", FILING)
@on_both_ways
def test_the_same_holds_where_each_step_takes_several_requests(
    name: str, applied: bool, is_over_jmap: bool
) -> None:
    """Half a reading and half a change are no other matter."""
    cut_off_everywhere(partial(cramped, is_over_jmap=is_over_jmap), SCENARIOS[name], applied=applied)


@pytest.mark.slow
@pytest.mark.parametrize("name", [FILING[1], OTHERS[-1]])
@pytest.mark.parametrize("applied", [False, True])
def test_the_same_holds_on_a_real_server(name: str, applied: bool, request: pytest.FixtureRequest) -> None:
    """On Cyrus, too, it may be cut off at any request; where decisions hang together, some are tried."""
    step = 1 if name == FILING[1] else 8
    cut_off_everywhere(lambda: open_account_on("cyrus", request), SCENARIOS[name], applied=applied, step=step)


@pytest.mark.slow
@on_both_ways
def test_killed_at_any_moment_the_next_run_ends_the_same(tmp_path: Path, is_over_jmap: bool) -> None:
    """Wherever SIGKILL meets the process of the command, the same command again finishes its work."""
    open_account = partial(cramped, is_over_jmap=is_over_jmap)
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    dice = random.Random(seed)
    killed = 0
    expected: dict[str, tuple[dict[str, object], int]] = {}
    for number in range(KILLS):
        name = FILING[number % len(FILING)]
        if name not in expected:
            with rig(open_account(), SCENARIOS[name]) as quiet:
                file(quiet)
                begin = len(quiet.proxy.requests)
                undo(quiet)
                expected[name] = quiet.final(), len(quiet.proxy.requests) - begin
        final, requests = expected[name]
        with rig(open_account(), SCENARIOS[name]) as each:
            file(each)
            at = len(each.proxy.requests) + dice.randrange(requests)
            with Process(each.environment(), tmp_path, "undo", "--last", "--yes") as process:
                each.proxy.plan = partial(kill, process, at, dice.uniform(0, 0.02))
                killed += process.exit_code() == -signal.SIGKILL
            each.proxy.plan = Exchange.pass_on
            undo(each)
            assert each.final() == final, f"kill {number}, {name!r}, at request {at}"
            undo(each)
            assert each.writes_of(partial(undo, each)) == []
    assert killed > KILLS / 2
