"""The accounts that tests of contacts over JMAP are given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.accounts import furnish
from tests.support.behind import Behind, behind
from tests.support.on_sandbox import AccountOnSandbox


@pytest.fixture
def account() -> Iterator[AccountOnSandbox]:
    """An account with everything that triage needs, whose contacts are reached over JMAP."""
    with closing(AccountOnSandbox(is_over_jmap=True)) as made:
        furnish(made)
        yield made


@pytest.fixture
def hit(account: AccountOnSandbox) -> Iterator[Behind]:
    """The account behind a proxy."""
    with behind(account) as made:
        yield made
