"""What several suites share: a Cyrus server, and an account on each kind of server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import NoReturn

import pytest
from hypothesis import settings

from tests.support import dav_servers
from tests.support.accounts import AccountUnderTest, furnish
from tests.support.cyrus.front import Front
from tests.support.cyrus.newer import UnavailableError, newer_root
from tests.support.cyrus.server import CyrusServer, why_not_installed
from tests.support.james_server import JamesServers, UnreachableError
from tests.support.on_cyrus import OPTIONS, AccountOnCyrus
from tests.support.on_dav import AccountOnDavServer
from tests.support.on_james import AccountOnJames
from tests.support.on_memory import AccountOnMemory
from tests.support.on_sandbox import AccountOnSandbox

# A machine that does other work as well is slow now and then, and no example is wrong for that.
# What judges a change finds the same today and tomorrow; `explore` looks where nobody has looked yet.
settings.register_profile("quick", deadline=None, max_examples=100, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=300, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=300)  # --hypothesis-profile=explore
settings.load_profile("quick")

OVER_JMAP = "sandbox over JMAP"
"""The sandbox without secrets for CardDAV. No Cyrus of Debian offers contacts over JMAP (RFC 9610)."""

DAV_KINDS = ("radicale", "xandikos")
WORKERS_PER_CORE = 2
"""Most tests wait for a server or a process about as long as they work."""

ADDRESS_BOOK_SERVERS = [pytest.param(kind, marks=pytest.mark.servers) for kind in (*DAV_KINDS, "newer cyrus")]
"""Kinds of server that are no part of the usual run, because they have to be fetched first."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Share the whole quick suite out among processes, where pytest-xdist is installed; not with `-n0`.

    Not in `addopts`, for what builds the package runs the tests without pytest-xdist.
    """
    # Mailroom is started some hundreds of times: compiling it anew would be more than half of each start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    is_quick = config.option.markexpr in config.getini("addopts")
    is_one_of_them = "PYTEST_XDIST_WORKER" in os.environ
    if is_whole and is_quick and not is_one_of_them and config.getoption("numprocesses", 0) is None:
        config.option.numprocesses = "auto"
        config.option.dist = "worksteal"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many processes `-n auto` is."""
    return WORKERS_PER_CORE * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--dist loadgroup``, each kind of server that has to be fetched runs in one process."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if item.get_closest_marker("servers"):
                kind = next((kind for kind in ("james", "newer") if kind in item.name), "dav")
                item.add_marker(pytest.mark.xdist_group(kind))


def leave_out(why_not: str, variable: str) -> NoReturn:
    """Skip a test for a reason, or fail it where `variable` says that it must run."""
    if os.environ.get(variable) == "1":
        pytest.fail(f"{variable}=1, but: {why_not}", pytrace=False)
    pytest.skip(why_not)


@pytest.fixture(scope="session")
def cyrus() -> Iterator[Front]:
    """A running Cyrus that looks like Fastmail from outside; one for all tests."""
    if why_not := why_not_installed():
        leave_out(why_not, "MAILROOM_REQUIRE_CYRUS")
    with CyrusServer(OPTIONS) as server, closing(Front(server)) as front:
        yield front


@pytest.fixture(scope="session")
def newer_cyrus() -> Iterator[Front]:
    """Likewise, of a newer Debian than this machine's."""
    try:
        root = newer_root()
    except UnavailableError as error:
        leave_out(str(error), "MAILROOM_REQUIRE_SERVERS")
    # How often it looks for something to tell to its event source; once a minute by itself.
    options = {**OPTIONS, "jmap_pushpoll": "1"}
    with CyrusServer(options, root) as server, closing(Front(server, has_events=True)) as front:
        yield front


@pytest.fixture(scope="session")
def james() -> Iterator[JamesServers]:
    """Apache James, started when it is first asked for."""
    with closing(JamesServers()) as servers:
        yield servers


def open_account_on(kind: str, request: pytest.FixtureRequest) -> AccountUnderTest:
    """Open a new account on a kind of server; Cyrus is started when it is first asked for."""
    if kind in DAV_KINDS:
        if why_not := dav_servers.why_not_installed(kind):
            leave_out(why_not, "MAILROOM_REQUIRE_SERVERS")
        return AccountOnDavServer(kind)
    if kind in ("cyrus", "newer cyrus"):
        return AccountOnCyrus(request.getfixturevalue(kind.replace(" ", "_")))
    if kind == "james":
        try:
            return AccountOnJames(request.getfixturevalue("james").current())
        except UnreachableError as error:
            leave_out(str(error), "MAILROOM_REQUIRE_SERVERS")
    if kind == "memory":
        return AccountOnMemory()
    return AccountOnSandbox(
        rewrites_cards=kind == "sandbox that rewrites cards", is_over_jmap=kind == OVER_JMAP
    )


def open_account_with_scripts(kind: str, request: pytest.FixtureRequest) -> AccountOnSandbox | AccountOnCyrus:
    """Open a new account on a server that takes Sieve scripts: on Cyrus, or on the sandbox.

    Args:
        kind: A kind of Cyrus, or the name under which the sandbox's JMAP session offers scripts.
    """
    account = open_account_on("sandbox" if ":" in kind else kind, request)
    assert isinstance(account, AccountOnSandbox | AccountOnCyrus)
    if isinstance(account, AccountOnSandbox):
        account.offer_scripts(kind)
    return account


MAIL_SERVERS = [pytest.param(kind, marks=pytest.mark.servers) for kind in ("james", "newer cyrus")]


@pytest.fixture(params=["memory", "sandbox", OVER_JMAP, "cyrus", *MAIL_SERVERS])
def bare_account(request: pytest.FixtureRequest) -> Iterator[AccountUnderTest]:
    """An account with an Inbox and nothing else, on each kind of server in turn."""
    with closing(open_account_on(request.param, request)) as account:
        yield account


@pytest.fixture(params=["sandbox", pytest.param("cyrus", marks=pytest.mark.slow)])
def new_account(request: pytest.FixtureRequest) -> Iterator[Callable[[], AccountUnderTest]]:
    """Opens as many bare accounts as a test wants, for what is cut off anywhere and run again."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(open_account_on(request.param, request)))


@pytest.fixture
def account(bare_account: AccountUnderTest) -> AccountUnderTest:
    """An account with everything that triage needs, on each kind of server in turn."""
    furnish(bare_account)
    return bare_account
