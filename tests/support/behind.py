"""Mailroom put to work on an account through a proxy, with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from attrs import define, field

from mailroom.account import Account, open_account
from mailroom.http import DEFAULT_BOUNDS, Bounds
from tests.support.accounts import AccountUnderTest
from tests.support.given_time import NotedWaits
from tests.support.proxy import Proxy
from tests.support.running import settings_for


@define
class Behind:
    """An account behind a proxy that does no harm yet.

    Attributes:
        now: What the clock says, in seconds.
        stop: Knows how long was to be waited for.
    """

    account: AccountUnderTest
    proxy: Proxy
    now: float = field(default=1_000.0)
    stop: NotedWaits = field(factory=NotedWaits)

    def mailroom(self, bounds: Bounds = DEFAULT_BOUNDS) -> Account:
        """Wire Mailroom up, as after a fresh start."""
        environment = self.proxy.environment(self.account.environment)
        return open_account(
            settings_for(self.account, environment), self.stop, bounds, clock=lambda: self.now
        )

    def writes(self) -> list[str]:
        """Return every request for a change so far: its method and target, or its JMAP calls."""
        return [f"{x.method} {x.target} {x.calls}" for x in self.proxy.requests if x.is_write]


@contextmanager
def behind(account: AccountUnderTest) -> Iterator[Behind]:
    """Put a proxy before an account."""
    url = urlsplit(account.environment["MAILROOM_CARDDAV_URL"])
    with Proxy(f"{url.scheme}://{url.netloc}") as proxy:
        yield Behind(account, proxy)
        proxy.check()
