"""What several suites share: a Cyrus server, and an account on each kind of server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.contract.accounts import Account, furnish
from tests.contract.on_cyrus import OPTIONS, CyrusAccount
from tests.contract.on_sandbox import SandboxAccount
from tests.cyrus.front import Front
from tests.cyrus.server import CyrusServer, why_not_installed


@pytest.fixture(scope="session")
def cyrus() -> Iterator[Front]:
    """A running Cyrus that looks like Fastmail from outside; one for all tests."""
    if why_not := why_not_installed():
        if os.environ.get("MAILROOM_REQUIRE_CYRUS") == "1":
            pytest.fail(f"MAILROOM_REQUIRE_CYRUS=1, but: {why_not}", pytrace=False)
        pytest.skip(why_not)
    with CyrusServer(OPTIONS) as server, closing(Front(server)) as front:
        yield front


def open_account_on(kind: str, request: pytest.FixtureRequest) -> Account:
    """Open a new account on a kind of server; Cyrus is started when it is first asked for."""
    if kind == "cyrus":
        return CyrusAccount(request.getfixturevalue("cyrus"))
    return SandboxAccount(rewrites_cards=kind == "sandbox that rewrites cards")


@pytest.fixture(params=["sandbox", "cyrus"])
def bare_account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """An account with an Inbox and nothing else, on each kind of server in turn."""
    with closing(open_account_on(request.param, request)) as account:
        yield account


@pytest.fixture(params=["sandbox", "cyrus"])
def new_account(request: pytest.FixtureRequest) -> Iterator[Callable[[], Account]]:
    """Opens as many bare accounts as a test wants, on each kind of server in turn."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(open_account_on(request.param, request)))


@pytest.fixture
def account(bare_account: Account) -> Account:
    """An account with everything that triage needs, on each kind of server in turn."""
    furnish(bare_account)
    return bare_account
