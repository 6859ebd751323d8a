"""Accounts for harm to come to, on both kinds of server."""

from __future__ import annotations

import pytest

from tests.conftest import OVER_JMAP, open_account_on
from tests.support.accounts import AccountUnderTest
from tests.support.scenarios import FaultyAccountOnSandbox


@pytest.fixture(params=["sandbox", OVER_JMAP, pytest.param("cyrus", marks=pytest.mark.slow)])
def faulty_account(request: pytest.FixtureRequest) -> AccountUnderTest:
    """A new account, not yet furnished; whoever plays a scenario on it closes it."""
    if request.param == "cyrus":
        return open_account_on("cyrus", request)
    return FaultyAccountOnSandbox(is_over_jmap=request.param == OVER_JMAP)


@pytest.fixture(params=["sandbox", pytest.param("cyrus", marks=pytest.mark.slow)])
def carddav_account(request: pytest.FixtureRequest) -> AccountUnderTest:
    """Likewise, with its contacts over CardDAV, for what comes to its requests."""
    return open_account_on("cyrus", request) if request.param == "cyrus" else FaultyAccountOnSandbox()
