"""Servers that are busy or silent: they are waited for as long as they ask, and not much longer."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from mailroom.errors import StatusError, StoppedError, TransportError
from tests.support import harm
from tests.support.accounts import AccountUnderTest, label
from tests.support.given_time import NotedWaits
from tests.support.harm import Harm
from tests.support.interrupted import IMPATIENT, cycle, rig
from tests.support.proxy import Exchange
from tests.support.scenarios import new_senders


def test_retry_after_is_honoured_in_seconds_and_as_a_date(faulty_account: AccountUnderTest) -> None:
    """What the server asks for is waited for, neither more nor less than it says."""
    with rig(faulty_account, new_senders) as hit:
        stop = NotedWaits()
        mailroom = hit.mailroom(stop)
        mailroom.begin()
        hit.proxy.plan = Harm(harm.status(429, Retry_After="7"), harm.mail_write, times=1)
        assert not hit.run(mailroom).failed
        assert stop.seconds == [7.0]
        stop.seconds.clear()
        moment = format_datetime(datetime.now(UTC) + timedelta(seconds=55), usegmt=True)
        hit.proxy.plan = Harm(harm.status(503, Retry_After=moment), harm.contacts_reading, times=1)
        label(faulty_account, hit.stage.messages["Bob's, labelled"].id, "@ToJail")
        assert not hit.run(mailroom).failed
        (waited_seconds,) = stop.seconds
        assert 15 < waited_seconds <= 55


def test_retry_after_really_takes_its_time(faulty_account: AccountUnderTest) -> None:
    """With a real clock, a second asked for is a second waited."""
    with rig(faulty_account, new_senders) as hit:
        mailroom = hit.mailroom(threading.Event())
        mailroom.begin()
        hit.proxy.plan = Harm(harm.status(503, Retry_After="1"), harm.jmap, times=1)
        began = time.monotonic()
        assert not cycle(mailroom).failed
        assert time.monotonic() - began >= 1.0


def test_retry_after_is_capped(faulty_account: AccountUnderTest) -> None:
    """A server that asks for an hour does not hold the process: the cycle ends, the next one asks again."""
    with rig(faulty_account, new_senders) as hit:
        stop = NotedWaits()
        mailroom = hit.mailroom(stop)
        mailroom.begin()
        hit.proxy.plan = asked = Harm(harm.status(429, Retry_After="3600"), harm.jmap)
        assert isinstance(hit.attempt(mailroom), StatusError)
        assert (asked.hits, stop.seconds) == (1, [])


def test_retry_after_is_interrupted_by_a_stop(faulty_account: AccountUnderTest) -> None:
    """A process that is asked to stop does not wait out what the server asked for."""
    with rig(faulty_account, new_senders) as hit:
        stop = threading.Event()
        mailroom = hit.mailroom(stop)
        mailroom.begin()
        hit.proxy.plan = Harm(harm.status(503, Retry_After="50"), harm.jmap)
        timer = threading.Timer(0.2, stop.set)
        timer.start()
        assert isinstance(hit.attempt(mailroom), StoppedError)
        timer.join()


def test_a_server_that_says_nothing_is_given_up(faulty_account: AccountUnderTest) -> None:
    """Asked in ever smaller parts and silent at each, it is a TransportError; later all is made good."""
    with rig(faulty_account, new_senders, IMPATIENT) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = silent = Harm(harm.stall_before, harm.mail_write)
        assert isinstance(hit.attempt(mailroom), TransportError)
        assert silent.hits >= IMPATIENT.attempts
        hit.proxy.plan = Exchange.pass_on
        assert not hit.run(mailroom).failed
        assert faulty_account.mailboxes_of(hit.stage.messages["Ann's, labelled"].id) == {"Feed"}
        hit.final()


def test_what_a_silent_server_has_done_counts(faulty_account: AccountUnderTest) -> None:
    """A server that does what it is asked and does not say so is looked at, and nobody's change fails."""
    with rig(faulty_account, new_senders, IMPATIENT) as hit:
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = silent = Harm(harm.stall, harm.mail_write, times=1)
        assert not hit.run(mailroom).failed
        assert silent.hits == 1
        assert faulty_account.mailboxes_of(hit.stage.messages["Ann's, labelled"].id) == {"Feed"}
        hit.final()
