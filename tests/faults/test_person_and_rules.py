"""A person who edits their Sieve scripts at any moment, and a fate that harms the requests.

With MAILROOM_RULES=install the rules are kept current, and nothing else of the scripts is changed.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import pytest
from attrs import evolve, frozen
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from mailroom.account import open_account
from mailroom.commands.upkeep import LOOK_AGAIN_SECONDS, RulesUpkeep
from mailroom.errors import MailroomError
from mailroom.sandbox.store.scripts import STANDARD
from tests.faults.exploring import run_examples
from tests.faults.fate import HARMS, Blow, Blows
from tests.faults.script_edits import EDITS, HALF, OURS, TEXTS, THEIRS, Edit, outside
from tests.support.accounts import furnish, furnish_domains, furnish_lists
from tests.support.given_time import NotedWaits
from tests.support.interrupted import cycle
from tests.support.proxy import Exchange, Proxy, Request
from tests.support.running import run_command, settings_for
from tests.support.scenarios import FaultyAccountOnSandbox

LINE_ENDS = (b"", b"\n", b"\r\n")


def _with_any_end(text: bytes) -> set[bytes]:
    """Return a text with one line end more or less: before a block one may be Mailroom's."""
    return {each for end in LINE_ENDS for each in (text + end, text.removesuffix(end))}


@frozen
class Scripts:
    """The scripts at one moment, by name."""

    active: str | None
    contents: dict[str, bytes]


NUMBERS = st.integers(0, 11)
harmless = st.builds(Edit, st.sampled_from(["decide", "decide", "write_around"]), NUMBERS)
edits = st.one_of(harmless, harmless, harmless, st.builds(Edit, st.sampled_from(sorted(EDITS)), NUMBERS))
blows = st.builds(Blow, st.sampled_from(sorted(HARMS)), st.sampled_from([1, 2, 100]))
schedules = st.lists(st.tuples(st.integers(0, 9), st.one_of(edits, blows)), max_size=3)
seen = Counter[str]()

Schedule = list[tuple[int, Edit | Blow]]
"""Before which of the requests that are about scripts."""


def is_about_scripts(request: Request) -> bool:
    """Whether it reads or writes scripts, or brings their contents there or back."""
    return b"SieveScript" in request.body or (request.method == "POST" and not request.is_jmap)


class PersonAndRules(RuleBasedStateMachine):
    """An account with a script of the person's own, and the service behind a proxy.

    Attributes:
        can_include: Whether the server's scripts include others; else the rules stand in the block itself.
        ours_by_hand: Mailroom's script as the person has edited it; None where they have not.
        untouched: Whether the person has left alone what puts the rules into force.
    """

    can_include = True

    def __init__(self) -> None:
        super().__init__()
        seen["examples"] += 1
        self.resources = ExitStack()
        self.account = FaultyAccountOnSandbox()
        self.resources.callback(self.account.close)
        furnish(self.account)
        furnish_domains(self.account)
        furnish_lists(self.account)
        self.account.offer_scripts(STANDARD)
        shelf = self.account.store.scripts
        if not self.can_include:
            kept = tuple(x for x in shelf.bounds.extensions if x != "include")
            shelf.bounds = evolve(shelf.bounds, extensions=kept)
        self.lock = threading.Lock()
        self.proxy = self.resources.enter_context(Proxy(self.account.environment["MAILROOM_CARDDAV_URL"]))
        variables = {**self.proxy.environment(self.account.environment), "MAILROOM_RULES": "install"}
        self.settings = settings_for(self.account, variables)
        self.blows, self.requests = Blows(seen), 0
        self.schedule: Schedule = []
        self.ours_by_hand: bytes | None = None
        self.untouched = True
        self.clock = count(step=2 * LOOK_AGAIN_SECONDS)

    @initialize(text=st.sampled_from([None, *TEXTS]))
    def install(self, text: bytes | None) -> None:
        """The rules are put into force once, with a script of the person's own or without one."""
        if text is not None:
            self.account.put_script(THEIRS, text)
        options = ("rules", "--install", "--yes", "--into-active")
        done = run_command(self.account.environment, *options)
        assert done.code == 0, done.errors
        self.proxy.plan = self.fate
        self.restart()

    def restart(self) -> None:
        """The service forgets all it knew, as after a crash."""
        clock: Callable[[], float] = self.clock.__next__
        self.mailroom = open_account(self.settings, NotedWaits(), clock=clock)
        self.upkeep = RulesUpkeep(self.mailroom, self.settings, clock=clock)

    @rule(which=NUMBERS, several=st.lists(edits, max_size=2), schedule=schedules, restarts=st.booleans())
    def serve_after_edits(
        self, which: int, several: list[Edit], schedule: Schedule, *, restarts: bool
    ) -> None:
        """The person decides, and edits, and the service does what it does in turn."""
        for each in (Edit("decide", which), *several):
            self.do(each)
        if restarts:
            self.restart()
        self.serve(schedule)

    def do(self, edit: Edit) -> None:
        """Let the person do something; our script, edited by them, is theirs from then on."""
        before = self.scripts().contents.get(OURS)
        edit.do(self.account)
        now = self.scripts().contents.get(OURS)
        if now != before:
            self.ours_by_hand = now
        if edit.name not in {"decide", "write_around"}:
            self.untouched = False

    def serve(self, schedule: Schedule) -> None:
        """Do a cycle and look after the rules, while the schedule is carried out."""
        self.requests, self.schedule = 0, list(schedule)
        seen["turns"] += 1
        try:
            report = cycle(self.mailroom)
        except MailroomError as error:
            seen[f"ended by {type(error).__name__}"] += 1
        else:
            self.upkeep.note_report(report, 0.0)
            self.upkeep.do_if_due()
        with self.lock:
            self.schedule.clear()
            self.blows.cease()
        self.proxy.check()

    def fate(self, exchange: Exchange) -> None:
        """Let a request come to what the schedule says, and watch what the service does by it."""
        with self.lock:
            if is_about_scripts(exchange.request):
                due = [event for number, event in self.schedule if number == self.requests]
                self.requests += 1
                for event in due:
                    if isinstance(event, Edit):
                        self.do(event)
                    else:
                        self.blows.add(event)
            before = self.scripts()
            self.blows.struck(exchange.request)(exchange)
            self.compare(before, self.scripts())

    def scripts(self) -> Scripts:
        """Return the scripts as they are."""
        with self.account.at_one_moment():
            return Scripts(self.account.active_script(), dict(self.account.scripts()))

    def compare(self, before: Scripts, after: Scripts) -> None:
        """Raise AssertionError where the service has done what it may not do."""
        seen["changes watched"] += before != after
        assert after.active == before.active, "another script is active"
        for name, content in before.contents.items():
            now = after.contents.get(name)
            if name.startswith("mailroom-former-") and now is None:
                continue  # a copy of before; what is the person's own is asked of next
            assert now is not None, f"{name} is gone"
            if name == OURS:
                assert now == content or content != self.ours_by_hand, "what the person edited was changed"
            elif now != content:
                assert outside(now) in _with_any_end(outside(content)), (
                    f"{name} was changed outside the block"
                )
                assert HALF.search(content), f"{name} has got a block"
        for name in after.contents.keys() - before.contents.keys():
            assert name.startswith("mailroom-former-"), f"{name} was made"
            copied = {*before.contents.values()}.union(
                *map(_with_any_end, map(outside, before.contents.values()))
            )
            assert after.contents[name] in copied, f"{name} is a copy of nothing"

    def teardown(self) -> None:
        """When person and fate have ceased, the rules become current, and nothing is left to do."""
        with self.resources:
            self.proxy.check()
            for _ in range(3):
                self.serve([])
            before = self.account.store.scripts.log.state
            self.serve([])
            assert self.account.store.scripts.log.state == before, "the scripts were written again"
            if self.untouched:
                self.check_current()

    def check_current(self) -> None:
        """Look whether the rules name every list and every domain's group that stands for a decision."""
        scripts = self.scripts()
        assert scripts.active in {OURS, THEIRS}
        rules = scripts.contents.get(OURS, b"") + scripts.contents.get(THEIRS, b"")
        cards = b"".join(self.account.cards().values())
        for list_id in re.findall(rb"List-Id: <([^>]+)>", cards):
            assert list_id in rules, f"{list_id!r} is decided on, and no rule names it"


class WithoutInclude(PersonAndRules):
    """The same where no script can include another one."""

    can_include = False


MACHINES = pytest.mark.parametrize(
    "machine", [PersonAndRules, WithoutInclude], ids=["include", "in the block"]
)


def explore(machine: type[PersonAndRules], examples: int) -> None:
    """Let person and fate act as often as that."""
    seen.clear()
    run_examples(machine, examples, steps=6)


@MACHINES
def test_a_person_who_edits_their_scripts_at_any_moment(machine: type[PersonAndRules]) -> None:
    """What the person wrote stays byte by byte, no other script gets active, and the rules become current."""
    explore(machine, 5)
    assert seen["changes watched"]


@pytest.mark.slow
@MACHINES
def test_a_hundred_persons_and_their_scripts(machine: type[PersonAndRules]) -> None:
    """The same, fifty times for each kind of server."""
    explore(machine, 50)
