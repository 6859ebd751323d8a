"""Whatever a server or the network does: a cycle recovers, or ends in an error that says what happened.

When the harm is over, one more cycle leads to where an undisturbed one would have led.
"""

from __future__ import annotations

from functools import cache

import pytest
from attrs import evolve

from mailroom.errors import AuthenticationError
from mailroom.http import Bounds
from tests.support import harm
from tests.support.harm import Choice, Harm
from tests.support.interrupted import IMPATIENT, rig
from tests.support.proxy import Exchange, Plan
from tests.support.scenarios import SCENARIOS, FaultyAccountOnSandbox

SCENARIO = SCENARIOS["everything"]
FOREVER = 1_000_000

CHOICES: dict[str, Choice] = {
    "any request": harm.any_request,
    "JMAP": harm.jmap,
    "changes of mail": harm.mail_write,
    "reports": harm.report,
    "new cards and groups": harm.card_write,
    "contact groups": harm.group_write,
}
OVER_JMAP: dict[str, Choice] = {
    "any request": harm.any_request,
    "reading of contacts": harm.contacts_reading,
    "changes of contacts": harm.cards_set,
}
"""What harm may come to where contacts are reached over JMAP; mail goes as it does beside CardDAV."""

IN_PASSING: dict[str, Plan] = {
    "the request is lost": harm.lose_request,
    "the answer is lost": harm.lose_answer,
    "reset in mid-body": harm.reset_in_body,
    "the end in mid-body": harm.end_in_body,
    "a stall, nothing done": harm.stall_before,
    "a stall, all done": harm.stall,
    "429, seconds": harm.status(429, Retry_After="2"),
    "429, a date": harm.status(429, Retry_After="Fri, 01 Jan 2021 00:00:00 GMT"),
    "503 without Retry-After": harm.status(503),
    "502": harm.status(502),
}
LASTING: dict[str, Plan] = {
    **IN_PASSING,
    "503, an hour": harm.status(503, Retry_After="3600"),
    "400": harm.status(400),
    "401": harm.status(401),
    "403": harm.status(403),
    "404": harm.status(404),
    "412": harm.status(412),
    "500": harm.status(500),
    "a web page": harm.web_page,
}
LASTING_FOR_TEXT: dict[str, Plan] = {
    "half of the text": harm.cut_text,
    "spoilt text": harm.spoilt_text,
    "other text": harm.other_text,
}
LASTING_FOR_JMAP: dict[str, Plan] = {
    kind: harm.method_error(kind)
    for kind in (
        "stateMismatch", "requestTooLarge", "serverFail", "serverUnavailable", "forbidden",
        "accountReadOnly", "unknownMethod", "invalidResultReference", "somethingNew",
    )
}  # fmt: skip

WITH_TEXT = ("any request", "JMAP", "changes of mail", "reports")
QUICK_CHOICES = ("any request", "contact groups")
IN_JMAP = ("JMAP", "changes of mail")
EVERY_LASTING_HARM = [
    *((kind, plan, choice) for kind, plan in LASTING.items() for choice in CHOICES),
    *((kind, plan, choice) for kind, plan in LASTING_FOR_TEXT.items() for choice in WITH_TEXT),
    *((kind, plan, choice) for kind, plan in LASTING_FOR_JMAP.items() for choice in IN_JMAP),
]

HASTY = Bounds(attempts=1)
TIMES = 20


@cache
def undisturbed(*, is_over_jmap: bool = False) -> dict[str, object]:
    """Return where the scenario leads to when nobody does harm."""
    with rig(FaultyAccountOnSandbox(is_over_jmap=is_over_jmap), SCENARIO, IMPATIENT) as quiet:
        quiet.run()
        return quiet.final()


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("kind", IN_PASSING)
def test_what_passes_within_a_moment_is_recovered_from_within_the_cycle(kind: str, choice: str) -> None:
    """Harm that comes twice in a row is made good by sending the request again; nobody has to wait."""
    assert_recovered(IN_PASSING[kind], CHOICES[choice])


@pytest.mark.parametrize(
    "choice", [pytest.param(x, marks=pytest.mark.slow if "any" in x else []) for x in OVER_JMAP]
)
@pytest.mark.parametrize("kind", IN_PASSING)
def test_so_it_is_where_contacts_are_reached_over_jmap(kind: str, choice: str) -> None:
    """Also where nobody knows whether the cards are made."""
    assert_recovered(IN_PASSING[kind], OVER_JMAP[choice], is_over_jmap=True)


def assert_recovered(plan: Plan, choice: Choice, *, is_over_jmap: bool = False) -> None:
    """Do harm twice in a row, and look whether the cycle is as if there had been none."""
    with rig(FaultyAccountOnSandbox(is_over_jmap=is_over_jmap), SCENARIO, IMPATIENT) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = done = Harm(plan, choice, times=2)
        report = hit.run(mailroom)
        assert done.hits == 2
        assert not report.has_failures
        assert hit.final() == undisturbed(is_over_jmap=is_over_jmap)


@pytest.mark.parametrize(
    ("kind", "plan", "choice"),
    [
        pytest.param(
            *each, id=f"{each[0]}-{each[2]}", marks=[] if each[2] in QUICK_CHOICES else [pytest.mark.slow]
        )
        for each in EVERY_LASTING_HARM
    ],
)
def test_what_lasts_ends_the_cycle_in_a_typed_error_or_fails_senders(
    kind: str, plan: Plan, choice: str
) -> None:
    """Harm without end does no damage, is told in Mailroom's own errors, and leaves the rest for later."""
    assert_harmless(kind, plan, CHOICES[choice])


@pytest.mark.parametrize("choice", OVER_JMAP)
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(x, marks=[] if x in ("403", "requestTooLarge", "half of the text") else pytest.mark.slow)
        for x in LASTING | LASTING_FOR_TEXT | LASTING_FOR_JMAP
    ],
)
def test_what_lasts_does_no_damage_where_contacts_are_reached_over_jmap(kind: str, choice: str) -> None:
    """Cards and groups are changed by one request, and fail together."""
    plan = (LASTING | LASTING_FOR_TEXT | LASTING_FOR_JMAP)[kind]
    if choice == "any request" and kind in LASTING_FOR_JMAP:
        pytest.skip("the session is no method")
    assert_harmless(kind, plan, OVER_JMAP[choice], is_over_jmap=True)


def assert_harmless(kind: str, plan: Plan, choice: Choice, *, is_over_jmap: bool = False) -> None:
    """Do harm without end, and look whether one more cycle leads to where one without it had led."""
    with rig(FaultyAccountOnSandbox(is_over_jmap=is_over_jmap), SCENARIO, IMPATIENT) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = lasting = Harm(plan, choice)
        error = hit.attempt(mailroom)
        assert lasting.hits
        if kind == "401":
            assert isinstance(error, AuthenticationError)
        hit.observer.check()
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        assert hit.final() == undisturbed(is_over_jmap=is_over_jmap)
        assert hit.writes_of(lambda: hit.run(mailroom)) == []


@pytest.mark.parametrize("choice", ["JMAP", "reports", "reading of contacts"])
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.slow] if "stall" in kind else [])
        for kind in LASTING | LASTING_FOR_TEXT
    ],
)
def test_after_twenty_failed_cycles_the_next_one_works(kind: str, choice: str) -> None:
    """However often the same process has failed in the same way, it works as soon as it is let."""
    bounds = evolve(HASTY, silence_seconds=0.5) if "stall" in kind else HASTY
    is_over_jmap = choice in OVER_JMAP
    with rig(FaultyAccountOnSandbox(is_over_jmap=is_over_jmap), SCENARIO, bounds) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = lasting = Harm((LASTING | LASTING_FOR_TEXT)[kind], (CHOICES | OVER_JMAP)[choice])
        for _ in range(TIMES):
            hit.attempt(mailroom)
        assert lasting.hits >= TIMES
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        assert hit.final() == undisturbed(is_over_jmap=is_over_jmap)


@pytest.mark.parametrize("kind", LASTING | LASTING_FOR_TEXT)
@pytest.mark.parametrize("is_over_jmap", [False, True], ids=["CardDAV", "JMAP"])
def test_what_lasts_at_the_start_ends_the_process_with_advice_or_a_typed_error(
    kind: str, is_over_jmap: bool
) -> None:
    """Harm without end from the first request on lets nothing start, and is told in Mailroom's own errors."""
    with rig(FaultyAccountOnSandbox(is_over_jmap=is_over_jmap), SCENARIO, IMPATIENT) as hit:
        hit.proxy.plan = Harm((LASTING | LASTING_FOR_TEXT)[kind], harm.any_request)
        assert hit.attempt() is not None
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run().failed
        assert hit.final() == undisturbed(is_over_jmap=is_over_jmap)
