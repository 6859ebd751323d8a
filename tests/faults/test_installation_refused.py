"""Whoever installs rules may be refused in the middle, or find that the person edits their scripts meanwhile.

Then mail goes through a whole script as before, what is the matter is said, and the same again completes it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import TypeAlias

import pytest

from mailroom.commands.upkeep import RETRY_SECONDS, RulesUpkeep
from tests.conftest import open_account_with_scripts
from tests.support import harm
from tests.support.accounts import furnish
from tests.support.behind import Behind, behind
from tests.support.harm import Harm
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.proxy import Exchange, Plan, Request
from tests.support.running import Done, opened, run_command, settings_for

Account: TypeAlias = AccountOnSandbox | AccountOnCyrus

THEIRS = b'require "fileinto";\r\nif header :contains "subject" "bill" { fileinto "Feed"; stop; }'
OTHERWISE = {"MAILROOM_MAILBOX_FEED": "News", "MAILROOM_RULES": "install"}
"""Settings of which the rules that are installed are not."""

TWENTY = 20
KINDS = [
    "urn:ietf:params:jmap:sieve",
    pytest.param("https://cyrusimap.org/ns/jmap/sieve", marks=pytest.mark.slow),
    pytest.param("cyrus", marks=pytest.mark.slow),
    pytest.param("newer cyrus", marks=pytest.mark.servers),
]


@pytest.fixture(params=KINDS)
def hit(request: pytest.FixtureRequest) -> Iterator[Behind]:
    """An account behind a proxy, with a script of the person's own that is active."""
    with closing(open_account_with_scripts(request.param, request)) as account:
        furnish(account)
        account.add_mailboxes({"News": None})
        account.put_script("mine", THEIRS)
        with behind(account) as hit:
            yield hit


def account_of(hit: Behind) -> Account:
    assert isinstance(hit.account, AccountOnSandbox | AccountOnCyrus)
    return hit.account


def install(hit: Behind) -> Done:
    environment = hit.proxy.environment(hit.account.environment)
    return run_command(environment, "rules", "--install", "--into-active", "--yes")


def script_change(request: Request) -> bool:
    """Choose changes of scripts."""
    return "SieveScript/set" in request.calls


def script_check(request: Request) -> bool:
    """Choose questions whether a script is one."""
    return "SieveScript/validate" in request.calls


def script_upload(request: Request) -> bool:
    """Choose what carries a script there."""
    return request.method == "POST" and request.headers.get("content-type") == "application/sieve"


REFUSALS = [
    pytest.param(
        script_check, harm.method_error("unknownMethod"), "the script could not be checked", id="check"
    ),
    pytest.param(script_check, harm.method_error("serverFail"), "the script could not be checked", id="fail"),
    pytest.param(script_upload, harm.status(403), "", id="upload forbidden"),
    pytest.param(script_change, harm.method_error("accountReadOnly"), "may only read", id="rights lost"),
    pytest.param(script_change, harm.method_error("forbidden"), "does not let", id="forbidden"),
    pytest.param(script_change, harm.status(401), "token", id="token revoked"),
]


@pytest.mark.parametrize("writes_before", [0, 1, 2])
@pytest.mark.parametrize(("choice", "refusal", "says"), REFUSALS)
def test_a_refusal_leaves_their_script_in_force_and_is_said(
    hit: Behind, choice: harm.Choice, refusal: Plan, says: str, writes_before: int
) -> None:
    """In one line, without a traceback; where it is granted again, the same command completes it."""
    account = account_of(hit)
    seen = 0

    def chosen(request: Request) -> bool:
        nonlocal seen
        seen += choice(request)
        return choice(request) and seen > writes_before

    hit.proxy.plan = Harm(refusal, chosen)
    done = install(hit)
    if hit.proxy.plan.hits:
        assert done.code == 1
        assert "Traceback" not in done.errors
        assert len(done.errors.splitlines()) == 1, done.errors
        assert says in done.errors
        assert account.active_script() == "mine"
        assert account.scripts()["mine"] == THEIRS
    else:
        assert done.code == 0, "there are fewer such requests"
    hit.proxy.plan = Exchange.pass_on
    assert install(hit).code == 0
    assert THEIRS in account.scripts()["mine"]
    assert len(account.scripts()) == 3


@pytest.mark.parametrize("name", ["mine", "other"])
def test_what_the_person_edits_between_each_look_and_write_is_kept(hit: Behind, name: str) -> None:
    """Twenty times in a row, in their active script or in another one: each edit is there, none is undone."""
    account = account_of(hit)
    edits = 0

    def edit_meanwhile(exchange: Exchange) -> None:
        nonlocal edits
        edits += 1
        account.put_script(name, THEIRS + b"\r\n# edit %d\r\n" % edits, is_active=name == "mine")
        exchange.pass_on()

    hit.proxy.plan = Harm(edit_meanwhile, script_change, times=TWENTY)
    while edits < TWENTY:
        requests = len(hit.proxy.requests)
        done = install(hit)
        assert len(hit.proxy.requests) - requests < 150, "it gives up"
        assert account.active_script() == "mine"
        assert b"# edit %d\r\n" % edits in account.scripts()[name]
        if edits < TWENTY:
            assert done.code == 1
            assert "somebody has changed the scripts meanwhile" in done.errors
    assert install(hit).code == 0
    assert THEIRS in account.scripts()["mine"]
    assert b"# edit 20" in account.scripts()[name]


@pytest.mark.parametrize(("choice", "refusal", "says"), REFUSALS)
def test_the_service_says_that_it_is_refused_and_tries_it_again_later(
    hit: Behind, choice: harm.Choice, refusal: Plan, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No cycle fails for it, the rules in force stay so, and a quarter of an hour later it goes on."""
    account = account_of(hit)
    assert install(hit).code == 0
    before = account.scripts()
    environment = {**hit.proxy.environment(account.environment), **OTHERWISE}
    mailroom = opened(account, **environment)
    mailroom.begin()
    upkeep = RulesUpkeep(mailroom, settings_for(account, environment), clock=lambda: hit.now)
    hit.proxy.plan = Harm(refusal, choice)
    with caplog.at_level(logging.INFO, logger="mailroom"):
        upkeep.do_if_due()
        assert [x.getMessage() for x in caplog.records if x.getMessage().startswith("rules")] == [
            "rules_not_checked"
        ]
        assert says in str(caplog.records[-1].__dict__)
        assert account.scripts() == before
        assert upkeep.seconds_until_due() == RETRY_SECONDS
        hit.proxy.plan = Exchange.pass_on
        upkeep.do_if_due()
        assert account.scripts() == before, "not due yet"
        hit.now += RETRY_SECONDS
        upkeep.do_if_due()
    assert b'"News"' in account.scripts()["Mailroom"]
    assert account.scripts()["mine"] == before["mine"]
