"""The person's own addresses are nobody's contact, and nothing is decided while they are unknown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from tests.support import harm
from tests.support.accounts import AccountUnderTest, contacts, furnish, groups_of
from tests.support.behind import Behind, behind
from tests.support.harm import Harm
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.proxy import Answer, Exchange, Plan, Request
from tests.support.running import run_command, run_cycle

ANN = ("Ann", "ann@example.net")


@pytest.fixture
def hit(account: AccountUnderTest) -> Iterator[Behind]:
    """An account with everything that triage needs, behind a proxy."""
    with behind(account) as made:
        yield made


@pytest.fixture
def aliased() -> Iterator[Callable[..., AccountOnSandbox]]:
    """Opens an account whose person sends from more addresses; only the sandbox can have such."""
    opened: list[AccountOnSandbox] = []

    def open_with(*identities: str) -> AccountOnSandbox:
        account = AccountOnSandbox(identities=identities)
        opened.append(account)
        furnish(account)
        return account

    yield open_with
    for account in opened:
        account.close()


def identities(request: Request) -> bool:
    """Choose the question for the addresses that the person sends from."""
    return "Identity/get" in request.calls


def colleague(account: AccountUnderTest) -> tuple[str, str]:
    """Somebody at the domain of the user name."""
    return "Zoe", f"zoe@{account.address.rpartition('@')[2]}"


@pytest.mark.parametrize(
    "plan",
    [harm.method_error("serverFail"), harm.status(500), harm.lose_answer, harm.spoilt_text],
    ids=["serverFail", "500", "no answer", "nonsense"],
)
def test_until_they_are_known_the_own_domain_waits_and_all_others_go_on(hit: Behind, plan: Plan) -> None:
    """A failed question is asked again in each cycle; then senders there are filed like others."""
    zoe = colleague(hit.account)
    at_home = hit.account.receive([zoe], "Screener", "@ToJail")
    other = hit.account.receive([ANN], "Screener", "@ToFeed")
    hit.proxy.plan = failing = Harm(plan, identities)
    mailroom = hit.mailroom()
    mailroom.begin()
    hits = failing.hits
    report = mailroom.triage.run()
    assert failing.hits > hits, "it is asked again"
    assert set(report.failed) == {zoe[1]}
    assert hit.account.mailboxes_of(at_home) == {"Screener", "@ToJail"}
    assert groups_of(hit.account, zoe[1]) == []
    assert hit.account.mailboxes_of(other) == {"Feed"}
    hit.proxy.plan = Exchange.pass_on
    assert not mailroom.triage.run().failed
    assert hit.account.mailboxes_of(at_home) == {"Jail"}
    asked = sum(identities(request) for request in hit.proxy.requests)
    mailroom.triage.run()
    assert sum(identities(request) for request in hit.proxy.requests) == asked, "known is known"


@pytest.mark.parametrize(
    "plan", [harm.method_error("forbidden"), harm.status(403)], ids=["method", "request"]
)
def test_a_token_that_may_not_ask_knows_all_there_is_to_know(hit: Behind, plan: Plan) -> None:
    """What is refused for good is not asked for again, and holds nobody up."""
    zoe = colleague(hit.account)
    at_home = hit.account.receive([zoe], "Screener", "@ToJail")
    hit.proxy.plan = refused = Harm(plan, identities)
    mailroom = hit.mailroom()
    mailroom.begin()
    mailroom.triage.run()
    assert refused.hits == 1
    assert hit.account.mailboxes_of(at_home) == {"Jail"}


def too_many_at_once(exchange: Exchange) -> None:
    """Answer as a server does that takes no more requests at the same time (RFC 8620 section 3.6.1)."""
    problem = {"type": "urn:ietf:params:jmap:error:limit", "status": 400, "limit": "maxConcurrentRequests"}
    exchange.reply(Answer(400, body=json.dumps(problem).encode()))


def test_a_server_that_is_busy_at_the_start_makes_no_stranger_of_an_alias(
    aliased: Callable[..., AccountOnSandbox],
) -> None:
    """What passes is no word about the token: it is asked again, until the alias is known."""
    account = aliased("alias@mailroom.example")
    with behind(account) as hit:
        message = account.receive([("Me", "Alias@Mailroom.example")], "Inbox", "@ToJail")
        hit.proxy.plan = Harm(too_many_at_once, identities, times=1)
        mailroom = hit.mailroom()
        mailroom.triage.run()
        mailroom.triage.run()
        assert account.mailboxes_of(message) == {"Inbox", "@ToJail", "@MailroomError"}
        assert not contacts(account)


def test_one_failure_at_the_start_makes_no_stranger_of_an_alias(
    aliased: Callable[..., AccountOnSandbox],
) -> None:
    """An alias that becomes known later is the person's from then on, and never got a card."""
    account = aliased("alias@mailroom.example")
    with behind(account) as hit:
        message = account.receive([("Me", "Alias@Mailroom.example")], "Inbox", "@ToJail")
        hit.proxy.plan = Harm(harm.method_error("serverFail"), identities, times=1)
        mailroom = hit.mailroom()
        mailroom.begin()
        mailroom.triage.run()
        assert account.mailboxes_of(message) == {"Inbox", "@ToJail", "@MailroomError"}
        assert not contacts(account)


def test_an_identity_for_a_whole_domain_is_everybody_there(aliased: Callable[..., AccountOnSandbox]) -> None:
    """``*@mine.example`` (RFC 8621 section 6) counts in triage, approve, setup and the Sieve script."""
    account = aliased("*@Mine.example")
    mine, beside = ("Shop", "shop@mine.example"), ("Eve", "eve@below.mine.example")
    message = account.receive([mine], "Inbox", "@ToFeed")
    lately = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    account.receive([mine], "Inbox", at=lately)
    account.receive([beside], "Inbox", at=lately)
    account.send(mine, beside)
    run_cycle(account)
    assert account.mailboxes_of(message) == {"Inbox", "@ToFeed", "@MailroomError"}
    assert not contacts(account)
    approved = run_command(account.environment, "approve", "--correspondents", "--json")
    assert [each["email"] for each in approved.json()["correspondents"]] == [beside[1]]
    strangers = run_command(account.environment, "setup", "--json").json()["screener_rule"]["not_contacts"]
    assert [each["email"] for each in strangers] == [beside[1]]
    script = run_command(account.environment, "rules", "--format", "sieve").output
    assert 'not address :domain :is "from" ["mine.example"]' in script


def test_approve_adds_nobody_while_they_are_unknown(aliased: Callable[..., AccountOnSandbox]) -> None:
    """An alias would get a card as a correspondent of its own: it says so, and writes nothing."""
    account = aliased("alias@mailroom.example")
    account.send(("Me", "alias@mailroom.example"), ANN)
    with behind(account) as hit:
        hit.proxy.plan = Harm(harm.method_error("serverFail"), identities)
        environment = hit.proxy.environment(account.environment)
        done = run_command(environment, "approve", "--correspondents", "--yes")
        assert done.code == 1
        assert "does not list your own addresses" in done.errors
        assert hit.writes() == []


def test_a_session_without_identities_offers_the_user_name_alone() -> None:
    """A token without that scope: nothing is asked for, and nobody waits."""
    with closing(AccountOnSandbox()) as account:
        account.store.offers_submission = False
        furnish(account)
        own = account.receive([("Me", account.address)], "Inbox", "@ToFeed")
        zoe = account.receive([colleague(account)], "Screener", "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(own) == {"Inbox", "@ToFeed", "@MailroomError"}
        assert account.mailboxes_of(zoe) == {"Feed"}
