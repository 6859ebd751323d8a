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
from tests.support.accounts import AccountUnderTest
from tests.support.interrupted import rig
from tests.support.processes import Process
from tests.support.proxy import Exchange
from tests.support.scenarios import CRAMPED, SCENARIOS, FaultyAccountOnSandbox

KILLS = 100
KILLS_ON_CYRUS = 4
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
            variables = {**each.environment(), "MAILROOM_PUSH": "off"}
            with Process(variables, home, "run", "--once") as process:
                each.proxy.plan = partial(kill, process, at, seconds)
                ends["killed" if process.exit_code() == -signal.SIGKILL else "done before"] += 1
            each.proxy.plan = Exchange.pass_on
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


@pytest.mark.slow
def test_killed_on_a_real_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """The same a few times on Cyrus."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    names = ["everything"] * KILLS_ON_CYRUS
    ends = kill_at_random(lambda: open_account_on("cyrus", request), names, random.Random(seed), tmp_path)
    with capsys.disabled():
        print(f"\nkill -9 on Cyrus, seed {seed}: {dict(ends)}")
    assert ends["killed"]
