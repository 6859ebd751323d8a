"""A cycle may break off at any request; the next one finishes it, to the same end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from mailroom.model.mail import MailboxId
from tests.conftest import open_account_on
from tests.support.accounts import AccountUnderTest
from tests.support.interrupted import acquaint, cut_off, rig
from tests.support.proxy import Exchange
from tests.support.scenarios import CRAMPED, SCENARIOS, FaultyAccountOnSandbox, Scenario

EVERYTHING = "everything"
BENEATH = "decisions beneath decisions"
applied_or_not = pytest.mark.parametrize(
    "applied", [pytest.param(False, id="before it is sent on"), pytest.param(True, id="after it is applied")]
)
OpenAccount = Callable[[], AccountUnderTest]


on_both_ways = pytest.mark.parametrize(
    "is_over_jmap", [pytest.param(False, id="CardDAV"), pytest.param(True, id="JMAP")]
)


def cramped(*, is_over_jmap: bool) -> AccountUnderTest:
    """Open an account whose limits turn each reading and each change into several requests."""
    return FaultyAccountOnSandbox(CRAMPED, is_over_jmap=is_over_jmap)


def undisturbed(open_account: OpenAccount, scenario: Scenario) -> tuple[dict[str, object], int, int]:
    """Return what a run without trouble leads to, its requests to start up, and all its requests."""
    with rig(open_account(), scenario) as quiet:
        mailroom = quiet.mailroom()
        mailroom.begin()
        to_start = len(quiet.proxy.requests)
        assert not quiet.run(mailroom).failed
        in_all = len(quiet.proxy.requests)
        assert quiet.writes_of(lambda: quiet.run(mailroom)) == [], "a second cycle wrote something"
        return quiet.final(), to_start, in_all


def assert_a_new_process_resumes(open_account: OpenAccount, name: str, *, applied: bool, first: int) -> None:
    """Cut a process off at each request from a first one on, and let another one do the rest."""
    scenario = SCENARIOS[name]
    expected, _, requests = undisturbed(open_account, scenario)
    for at in range(first, requests):
        with rig(open_account(), scenario) as each:
            each.proxy.plan = cut_off(at, applied=applied)
            each.attempt()
            assert len(each.proxy.requests) > at, f"request {at} was not needed"
            each.observer.check()
            each.proxy.plan = Exchange.pass_on
            assert not each.run().failed
            assert each.final() == expected, f"cut off at request {at} of {requests}"
            assert each.writes_of(each.run) == [], f"cut off at request {at}: a further cycle wrote"


@pytest.mark.parametrize("name", [EVERYTHING, BENEATH])
@applied_or_not
@on_both_ways
def test_a_process_cut_off_in_its_cycle_is_resumed_by_the_next_one(
    name: str, applied: bool, is_over_jmap: bool
) -> None:
    """The quick one of these proofs: on a server with usual limits, at each request after the start.

    Nor do decisions disturb each other that count for the same mail: a domain goes elsewhere, and a sender
    of it gets one of their own; a list's is taken back, and who writes to it is decided on.
    """
    open_account = partial(FaultyAccountOnSandbox, is_over_jmap=is_over_jmap)
    _, to_start, _ = undisturbed(open_account, SCENARIOS[name])
    assert_a_new_process_resumes(open_account, name, applied=applied, first=to_start)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
@applied_or_not
@on_both_ways
def test_a_process_cut_off_at_any_request_is_resumed_by_the_next_one(
    name: str, applied: bool, is_over_jmap: bool
) -> None:
    """Whichever request is the last one of a process, a new process ends where one alone would have."""
    open_account = partial(cramped, is_over_jmap=is_over_jmap)
    assert_a_new_process_resumes(open_account, name, applied=applied, first=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
@applied_or_not
@on_both_ways
def test_a_cycle_cut_off_at_any_request_is_resumed_by_the_next_one(
    name: str, applied: bool, is_over_jmap: bool
) -> None:
    """Whichever request is the last one of a cycle, the next cycle of the same process finishes it."""
    scenario, open_account = SCENARIOS[name], partial(cramped, is_over_jmap=is_over_jmap)
    expected, to_start, requests = undisturbed(open_account, scenario)
    for at in range(to_start, requests):
        with rig(open_account(), scenario) as each:
            mailroom = each.mailroom()
            mailroom.begin()
            each.proxy.plan = cut_off(at, applied=applied)
            each.attempt(mailroom)
            each.observer.check()
            each.proxy.plan = Exchange.pass_on
            assert not each.run(mailroom).failed
            assert each.final() == expected, f"cut off at request {at} of {requests}"
            assert each.writes_of(partial(each.run, mailroom)) == [], f"request {at}: a further cycle wrote"


@applied_or_not
@pytest.mark.parametrize(
    "is_over_jmap",
    [pytest.param(False, id="CardDAV", marks=pytest.mark.slow), pytest.param(True, id="JMAP")],
)
def test_a_cycle_that_moves_and_takes_labels_off_at_once_is_resumed(
    applied: bool, is_over_jmap: bool
) -> None:
    """From its second write on, the process does both in one request, which may be cut off as well."""
    scenario, open_account = SCENARIOS[EVERYTHING], partial(FaultyAccountOnSandbox, is_over_jmap=is_over_jmap)
    expected, _, _ = undisturbed(open_account, scenario)
    at, is_over, in_one = -1, False, 0
    while not is_over:
        at += 1
        with rig(open_account(), scenario) as each:
            mailroom = each.mailroom()
            mailroom.begin()
            acquaint(mailroom, MailboxId(each.stage.account.mailbox_id("Screener")))
            begun = len(each.proxy.requests)
            each.proxy.plan = cut_off(begun + at, applied=applied)
            each.attempt(mailroom)
            in_one += sum(x.calls.count("Email/set") > 1 for x in each.proxy.requests[begun:])
            is_over = len(each.proxy.requests) <= begun + at
            each.observer.check()
            each.proxy.plan = Exchange.pass_on
            assert not each.run().failed
            assert each.final() == expected, f"cut off at request {at}"
            assert each.writes_of(each.run) == [], f"cut off at request {at}: a further cycle wrote"
    assert in_one, "nothing was done at once"


@pytest.mark.slow
@applied_or_not
def test_the_same_holds_on_a_real_server(applied: bool, request: pytest.FixtureRequest) -> None:
    """On Cyrus, too, a process may be cut off at any request."""

    def on_cyrus() -> AccountUnderTest:
        return open_account_on("cyrus", request)

    assert_a_new_process_resumes(on_cyrus, EVERYTHING, applied=applied, first=0)
