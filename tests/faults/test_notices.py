"""Notices when a process breaks off: none is lost, at most one is there twice, and all go when it is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count

import pytest

from mailroom.account import Account
from mailroom.errors import MailroomError
from mailroom.journal.notices import keys_of
from mailroom.model.notes import NoteKind
from tests.conftest import open_account_on
from tests.support.accounts import AccountUnderTest, label, unlabel
from tests.support.interrupted import Rig, cut_off, rig
from tests.support.proxy import Exchange
from tests.support.running import opened
from tests.support.scenarios import ANN, BOB, CAROL, FaultyAccountOnSandbox, Stage

OpenAccount = Callable[[], AccountUnderTest]
CAUSES = {"label ann@example.net", "label carol@example.net"}
RECOVERIES_IN_A_ROW = 20

applied_or_not = pytest.mark.parametrize(
    "applied", [pytest.param(False, id="before it is sent on"), pytest.param(True, id="after it is applied")]
)


def conflicts(stage: Stage) -> None:
    """Two senders wait for the person, and one is filed besides."""
    for sender in (ANN, CAROL):
        stage.mail(sender[0], [sender], "Screener", "@ToFeed", "@ToJail")
    stage.mail("bob", [BOB], "Screener", "@ToImbox")


def resolve(rigged: Rig) -> None:
    """The person takes a label off each."""
    for name in (ANN[0], CAROL[0]):
        unlabel(rigged.stage.account, rigged.stage.messages[name].id, "@ToJail")


def run(rigged: Rig, mailroom: Account | None = None) -> None:
    """Do what the service does, from its start on where no Mailroom is given."""
    if mailroom is None:
        mailroom = rigged.mailroom()
        mailroom.begin()
    mailroom.journal.tell(mailroom.triage.run())


def told(account: AccountUnderTest) -> Counter[str]:
    """Return of which causes there are notices in the whole account, and how many."""
    pages = opened(account).notes.read(None, NoteKind.NOTICE)
    return Counter(key for page in pages for note in page for key in keys_of(note))


def break_off(rigged: Rig, at: int, *, applied: bool) -> bool:
    """Cut a new process off at one of its requests; tell whether it came that far."""
    last = len(rigged.proxy.requests) + at
    rigged.proxy.plan = cut_off(last, applied=applied)
    with suppress(MailroomError):
        run(rigged)
    rigged.proxy.plan = Exchange.pass_on
    return len(rigged.proxy.requests) > last


def assert_told_once_and_gone_when_over(open_account: OpenAccount, at: int, *, applied: bool) -> bool:
    """Break off at a request, before the causes are told and once they are over; tell if it came so far."""
    with rig(open_account(), conflicts) as each:
        account = each.stage.account
        is_cut = break_off(each, at, applied=applied)
        run(each)
        assert told(account) == Counter(CAUSES), f"cut off at request {at}"
        assert each.writes_of(lambda: run(each)) == [], "what is told once is told"
        resolve(each)
        is_cut |= break_off(each, at, applied=applied)
        run(each)
        assert not told(account), f"cut off at request {at}"
        assert each.writes_of(lambda: run(each)) == [], "what is over is over"
        return is_cut


@applied_or_not
@pytest.mark.parametrize(
    "is_over_jmap", [pytest.param(False, id="CardDAV"), pytest.param(True, id="JMAP", marks=pytest.mark.slow)]
)
def test_cut_off_at_any_request_each_cause_is_told_once_and_goes(applied: bool, is_over_jmap: bool) -> None:
    """Whatever the last request of a process was, the next one tells, and takes away, what it has not."""
    open_account = partial(FaultyAccountOnSandbox, is_over_jmap=is_over_jmap)
    for at in count():
        if not assert_told_once_and_gone_when_over(open_account, at, applied=applied):
            assert at > 5, "a process makes more requests than that"
            return


@pytest.mark.slow
@applied_or_not
def test_the_same_holds_on_a_real_server(applied: bool, request: pytest.FixtureRequest) -> None:
    """On Cyrus, too."""

    def on_cyrus() -> AccountUnderTest:
        return open_account_on("cyrus", request)

    for at in count():
        if not assert_told_once_and_gone_when_over(on_cyrus, at, applied=applied):
            assert at > 5, "a process makes more requests than that"
            return


@applied_or_not
def test_a_process_that_lives_on_reads_what_became_of_it(applied: bool) -> None:
    """The answer to the writing was lost: at most one is there twice, until the next start."""
    with rig(FaultyAccountOnSandbox(), conflicts) as each:
        mailroom = each.mailroom()
        mailroom.begin()
        run(each, mailroom)
        assert told(each.stage.account) == Counter(CAUSES)
        resolve(each)
        run(each, mailroom)
        for name in (ANN[0], CAROL[0]):
            label(each.stage.account, each.stage.messages[name].id, "@ToJail", "@ToImbox")
        is_lost = False

        def lose(exchange: Exchange) -> None:
            nonlocal is_lost
            if is_lost or b"mailroom-notice" not in exchange.request.body or not exchange.request.is_write:
                exchange.pass_on()
                return
            is_lost = True
            if applied:
                exchange.forward()
            exchange.reset()

        each.proxy.plan = lose
        for _ in range(3):
            run(each, mailroom)
        assert is_lost
        assert set(told(each.stage.account)) == CAUSES
        assert max(told(each.stage.account).values()) <= 2
        run(each)
        assert told(each.stage.account) == Counter(CAUSES)


def test_twenty_recoveries_in_a_row_leave_one_notice_of_each(
    faulty_account: AccountUnderTest,
) -> None:
    """However often a process breaks off, at whatever request, before one comes to its end."""
    with rig(faulty_account, conflicts) as each:
        for number in range(RECOVERIES_IN_A_ROW):
            break_off(each, number % 9, applied=bool(number % 2))
            assert max(told(faulty_account).values(), default=0) <= 1
        run(each)
        assert told(faulty_account) == Counter(CAUSES)
        resolve(each)
        for number in range(RECOVERIES_IN_A_ROW):
            break_off(each, number % 9, applied=bool(number % 2))
        run(each)
        assert not told(faulty_account)
