"""What reading and writing share: the kinds of account, and Mailroom's address book on one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from mailroom.model.address_book import AddressBook
from tests.conftest import ADDRESS_BOOK_SERVERS, OVER_JMAP, open_account_on
from tests.support.accounts import AccountUnderTest
from tests.support.running import opened


@pytest.fixture(params=["sandbox", OVER_JMAP, "sandbox that rewrites cards", "cyrus", *ADDRESS_BOOK_SERVERS])
def bare_account(request: pytest.FixtureRequest) -> Iterator[AccountUnderTest]:
    """The usual kinds of server, and one that stores another text than it was sent and tells no ETag."""
    with closing(open_account_on(request.param, request)) as account:
        yield account


@pytest.fixture
def book(account: AccountUnderTest) -> AddressBook:
    """Return Mailroom's address book on the account, freshly started."""
    return opened(account).book
