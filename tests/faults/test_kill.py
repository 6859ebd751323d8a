"""The real process may be killed at any moment; the next one finishes its work."""

from __future__ import annotations

import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import open_account_on
from tests.support.accounts import (
    DOMAIN_LABEL,
    LIST_LABEL,
    AccountUnderTest,
    add_contact,
    furnish_domains,
    furnish_lists,
    label,
)
from tests.support.interrupted import Rig, rig
from tests.support.observer import triage_groups_of
from tests.support.processes import Process
from tests.support.proxy import Exchange
from tests.support.scenarios import (
    ANN,
    BOB,
    CAROL,
    CRAMPED,
    DEV_POST,
    SCENARIOS,
    SHOP,
    SHOP_NEWS,
    FaultyAccountOnSandbox,
    Stage,
)

KILLS = 100
KILLS_IN_A_ROW = 20
SHOPS, DEV = "*@shop.example", "<dev.lists.example>"
MINDS = {"@ToFeed": "Feed", "@ToPaperTrail": "Paper Trail", "@ToJail": "Jail"}
"""What the person decides in turn: each label with its group, and the mailbox called the same."""

LATEST_SECONDS = 0.02
"""How long after a request the kill comes at the latest; by then two or three others are done."""

OpenAccount = Callable[[], AccountUnderTest]


def kill(process: Process, at: int, seconds: float, exchange: Exchange) -> None:
    """Pass a request on, and if it is the one, kill the process so many seconds after it has come."""
    if exchange.number == at:
        timer = threading.Timer(seconds, process.send, [signal.SIGKILL])
        timer.daemon = True
        timer.start()
    exchange.pass_on()


def run_and_kill(each: Rig, at: int, seconds: float, home: Path) -> str:
    """Let a process do a cycle and kill it; return whether it was dead before its work was done."""
    begin = len(each.proxy.requests)
    with Process({**each.environment(), "MAILROOM_PUSH": "off"}, home, "run", "--once") as process:
        each.proxy.plan = partial(kill, process, begin + at, seconds)
        end = "killed" if process.exit_code() == -signal.SIGKILL else "done before"
    each.proxy.plan = Exchange.pass_on
    return end


def kill_at_random(
    open_account: OpenAccount, names: list[str], dice: random.Random, home: Path
) -> Counter[str]:
    """Kill a process at a random moment of each scenario in turn, and let another one finish.

    Returns:
        How often the process was dead before its work was done, and how often it was not.
    """
    ends = Counter[str]()
    expected: dict[str, tuple[dict[str, object], int]] = {}
    for number, name in enumerate(names):
        if name not in expected:
            with rig(open_account(), SCENARIOS[name]) as quiet:
                quiet.run()
                expected[name] = quiet.final(), len(quiet.proxy.requests)
        final, requests = expected[name]
        with rig(open_account(), SCENARIOS[name]) as each:
            at, seconds = dice.randrange(requests), dice.uniform(0, LATEST_SECONDS)
            ends[run_and_kill(each, at, seconds, home)] += 1
            each.observer.check()
            assert not each.run().failed
            moment = f"kill {number}, {name!r}: {seconds * 1000:.1f} ms after request {at} of {requests}"
            assert each.final() == final, moment
            assert each.writes_of(each.run) == [], f"{moment}: a further cycle wrote something"
    return ends


@pytest.mark.slow
@pytest.mark.parametrize("is_over_jmap", [False, True], ids=["CardDAV", "JMAP"])
def test_killed_a_hundred_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_over_jmap: bool
) -> None:
    """Wherever SIGKILL meets the process, all is well at that moment, and the next one finishes its work."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    names = [list(SCENARIOS)[number % len(SCENARIOS)] for number in range(KILLS)]
    open_account = partial(FaultyAccountOnSandbox, CRAMPED, is_over_jmap=is_over_jmap)
    ends = kill_at_random(open_account, names, random.Random(seed), tmp_path)
    with capsys.disabled():
        print(f"\nkill -9 on the sandbox, seed {seed}: {dict(ends)}")
    assert ends["killed"] > KILLS / 2


def of_many(stage: Stage) -> None:
    """A domain and a list, both labelled, with mail of theirs here and there, and of who is decided on."""
    furnish_domains(stage.account)
    furnish_lists(stage.account)
    add_contact(stage.account, "Help", "help@shop.example", groups=["Imbox"])
    stage.mail("the shop's, labelled", [SHOP], "Screener", "@ToJail", DOMAIN_LABEL)
    stage.mail("the shop's help", [("Help", "help@shop.example")], "Screener")
    stage.mail("Ann's own", [ANN], "Screener")
    stage.mail_over(DEV, "over the list, labelled", ANN, "Screener", "@ToJail", LIST_LABEL, post=DEV_POST)
    stage.mail_over(DEV, "the shop's help over the list", ("Help", "help@shop.example"), "Screener")
    for number in range(4):
        stage.mail(f"the shop's {number}", [SHOP_NEWS if number % 2 else SHOP], "Screener")
        stage.mail_over(DEV, f"over the list {number}", BOB if number % 2 else CAROL, "Screener")


@pytest.mark.slow
@pytest.mark.parametrize("is_over_jmap", [False, True], ids=["CardDAV", "JMAP"])
def test_killed_twenty_times_in_a_row_while_the_person_changes_their_mind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_over_jmap: bool
) -> None:
    """A domain and a list are labelled anew before each start; in the end what was said last is done."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    dice, ends = random.Random(seed), Counter[str]()
    with rig(FaultyAccountOnSandbox(CRAMPED, is_over_jmap=is_over_jmap), of_many) as each:
        account, messages = each.stage.account, each.stage.messages
        for number in range(KILLS_IN_A_ROW):
            for name, scope in (
                ("the shop's, labelled", DOMAIN_LABEL),
                ("over the list, labelled", LIST_LABEL),
            ):
                message = messages[name].id
                account.place(message, *(account.mailboxes_of(message) - {*MINDS}))
                label(account, message, (*MINDS,)[number % len(MINDS)], scope)
            at, seconds = dice.randrange(30), dice.uniform(0, LATEST_SECONDS)
            ends[run_and_kill(each, at, seconds, tmp_path)] += 1
            each.observer.check()
        place = MINDS[(*MINDS,)[(KILLS_IN_A_ROW - 1) % len(MINDS)]]
        assert not each.run().failed
        cards = [*account.cards().values()]
        assert triage_groups_of(cards, SHOPS) == {f"{place} domains"}
        assert triage_groups_of(cards, DEV) == {place}
        where = {name: account.mailboxes_of(x.id) for name, x in messages.items()}
        theirs = {name for name, x in messages.items() if x.list_id or name.startswith("the shop's")}
        theirs -= {"the shop's help"}
        assert {name: where[name] for name in theirs} == {name: {place} for name in theirs}
        assert where["the shop's help"] == {"Inbox"}
        assert where["Ann's own"] == {"Screener"}
        assert each.writes_of(each.run) == [], "a further cycle wrote something"
    with capsys.disabled():
        print(f"\nkill -9 twenty times in a row, seed {seed}: {dict(ends)}")
    assert ends["killed"] > KILLS_IN_A_ROW / 4


@pytest.mark.slow
def test_killed_on_a_real_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """The same a few times on Cyrus."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    names = ["everything", "whole domains", "mailing lists", "everything"]
    ends = kill_at_random(lambda: open_account_on("cyrus", request), names, random.Random(seed), tmp_path)
    with capsys.disabled():
        print(f"\nkill -9 on Cyrus, seed {seed}: {dict(ends)}")
    assert ends["killed"]
