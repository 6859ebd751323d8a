"""Mailroom put to work through the proxy, cut off at a request, and put to work again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager

from attrs import define, field

from mailroom.account import Account, open_account
from mailroom.errors import MailroomError
from mailroom.http import DEFAULT_BOUNDS, Bounds
from mailroom.model.mail import Change, MailboxId
from mailroom.triage.report import Report
from tests.support.accounts import AccountUnderTest
from tests.support.given_time import NotedWaits
from tests.support.observer import Observer, final_state
from tests.support.proxy import Exchange, Plan, Proxy
from tests.support.running import settings_for
from tests.support.scenarios import FaultyAccountOnSandbox, Scenario, Stage, set_up

IMPATIENT = Bounds(silence_seconds=0.5)
"""Lets a client give a silent server up after a moment."""


@define
class Rig:
    """A scenario's account behind a proxy, with an observer at every request."""

    stage: Stage
    proxy: Proxy
    observer: Observer
    bounds: Bounds = DEFAULT_BOUNDS
    stop: NotedWaits = field(factory=NotedWaits)

    def mailroom(self, stop: threading.Event | None = None) -> Account:
        """Wire Mailroom up through the proxy, as after a fresh start."""
        settings = settings_for(self.stage.account, self.environment())
        return open_account(settings, stop or self.stop, self.bounds)

    def environment(self) -> Mapping[str, str]:
        """Return the variables that lead through the proxy."""
        return self.proxy.environment(self.stage.account.environment)

    def run(self, mailroom: Account | None = None) -> Report:
        """Do what ``mailroom run --once`` does; fresh, where no Mailroom is given."""
        if mailroom is None:
            mailroom = self.mailroom()
            mailroom.begin()
        return cycle(mailroom)

    def attempt(self, mailroom: Account | None = None) -> MailroomError | None:
        """Run, and return the error that ended it, if one did; only Mailroom's own may."""
        try:
            self.run(mailroom)
        except MailroomError as error:
            return error
        finally:
            self.proxy.check()
        return None

    def final(self) -> dict[str, object]:
        """Return all that a person can see, after a look at whether all is well."""
        self.proxy.check()
        self.observer.check()
        return final_state(self.stage)

    def writes_of(self, action: Callable[[], object]) -> list[str]:
        """Return the requests for a change that an action leads to."""
        seen = len(self.proxy.requests)
        action()
        return [f"{x.method} {x.target} {x.calls}" for x in self.proxy.requests[seen:] if x.is_write]


def cycle(mailroom: Account) -> Report:
    """Do a cycle as the service does it, which looks while it waits whether more is to come."""
    report = mailroom.triage.run(mailroom.triage.look())
    mailroom.journal.tell(report)
    return report


@contextmanager
def rig(account: AccountUnderTest, scenario: Scenario, bounds: Bounds = DEFAULT_BOUNDS) -> Iterator[Rig]:
    """Play a scenario on a new account, behind a proxy that does no harm yet.

    In an account that is in memory, the observer looks before and after each request. On a real server
    that would take longer than all the rest; there it looks when it is told to.
    """
    with closing(account):
        stage = set_up(account, scenario)
        upstream = account.environment["MAILROOM_CARDDAV_URL"].rstrip("/")
        with Proxy(upstream) as proxy:
            made = Rig(stage, proxy, Observer(stage), bounds)
            if isinstance(account, FaultyAccountOnSandbox):
                proxy.watch = made.observer.check
            yield made


def acquaint(mailroom: Account, mailbox_id: MailboxId) -> None:
    """Let the mail store learn what the server keeps the order of, as a cycle before would have.

    Args:
        mailbox_id: Where a message lies that may get a mark, and loses it again.
    """
    snapshot = mailroom.mail.read([mailbox_id]).snapshot
    snapshot = snapshot.only(list(snapshot.messages)[:1])
    for mark in (True, False):
        update = mailroom.mail.update(
            snapshot,
            lambda _: Change(is_just_archived=mark),  # noqa: B023 - asked at once
            lambda _: Change(),
        )
        assert update.changed, "nothing to learn from"
        snapshot = update.snapshot


def cut_off(at: int, *, applied: bool) -> Plan:
    """Break off at a request, for good: as far as the server can tell, the process has died.

    Args:
        at: The request's number.
        applied: Whether the server still does it, although nobody hears of that.
    """

    def plan(exchange: Exchange) -> None:
        if exchange.number < at:
            exchange.pass_on()
            return
        if exchange.number == at and applied:
            exchange.forward()
        exchange.reset()

    return plan
