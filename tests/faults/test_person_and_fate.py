"""A person who does anything at any moment, and a fate that does likewise: Mailroom keeps its promises."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from types import MappingProxyType

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from mailroom.account import open_account
from mailroom.errors import MailroomError
from mailroom.journal.entry import Cause, Entry
from mailroom.journal.memory import take_back_last
from mailroom.journal.recording import entry_of
from mailroom.model.mail import ARCHIVED_KEYWORD
from mailroom.model.party import Party
from mailroom.triage.report import Report
from tests.faults.acts import ACTS, Act, put_right
from tests.faults.exploring import run_examples
from tests.faults.fate import HARMS, Blow, Blows
from tests.faults.moment import PROTECTED, SPEAKING
from tests.faults.person import ALL_LABELS, TRIAGE_LABELS, settle_in
from tests.faults.witness import Witness
from tests.support import harm
from tests.support.accounts import furnish, furnish_domains, furnish_lists
from tests.support.given_time import NotedWaits
from tests.support.harm import Choice
from tests.support.interrupted import cycle
from tests.support.observer import triage_groups_of
from tests.support.proxy import Exchange, Proxy, Request
from tests.support.running import settings_for
from tests.support.scenarios import CRAMPED, FaultyAccountOnSandbox

BEGINNING = datetime(2026, 6, 1, tzinfo=UTC)
CYCLES_UNTIL_QUIET = 2
EXAMPLES_IN_CI = 500


MOMENTS: dict[str, Choice] = {
    "any request": harm.any_request,
    "a reading": lambda request: not request.is_write,
    "a change of mail": harm.mail_write,
    "a report": harm.report,
    "a new card": lambda request: harm.card_write(request) and not harm.group_write(request),
    "a change of a group": harm.group_write,
}

NUMBERS = st.integers(0, 9)
# Between cycles most acts should be about triage; in mid-cycle they should get in its way.
BETWEEN = ("arrive_and_label",) * 5 + (
    "arrive",
    "label",
    "delete_card",
    "add_card",
    "regroup",
    "write",
    "be_answered",
    "be_answered",
    *(("arrive_and_label_domain", "arrive_and_label_list") * 2),
    "arrive_over_list",
    "label_domain",
    "label_list",
    "add_card_of_many",
    "change_decision",
)
AMID = (
    "move",
    "move",
    "move",
    "unlabel",
    "label",
    "arrive",
    "regroup",
    "edit_card",
    "delete_card",
    "rename_group",
    "unlabel_one",
    "label_whom",
    "arrive_over_list",
    "change_decision",
)
acts = st.builds(Act, st.sampled_from((*BETWEEN, *ACTS)), NUMBERS, NUMBERS)
disturbances = st.builds(Act, st.sampled_from((*AMID, *AMID, *ACTS)), NUMBERS, NUMBERS)
blows = st.builds(Blow, st.sampled_from(sorted(HARMS)), st.sampled_from([1, 2, 4, 100]))
moments = st.tuples(st.sampled_from([*MOMENTS, "a change of mail"]), st.sampled_from([0, 0, 0, 1, 2]))
schedules = st.lists(st.tuples(moments, st.one_of(disturbances, disturbances, blows)), min_size=1, max_size=4)
seen = Counter[str]()

Moment = tuple[str, int]
"""Before which request of a cycle: of what kind, and how many of that kind come before."""

Schedule = list[tuple[Moment, Act | Blow]]


class PersonAndFate(RuleBasedStateMachine):
    """An account, its person, and Mailroom behind a proxy.

    Attributes:
        is_over_jmap: Whether Mailroom reaches the contacts over JMAP.
    """

    is_over_jmap = False

    def __init__(self) -> None:
        super().__init__()
        seen["examples"] += 1
        self.resources = ExitStack()
        self.account = FaultyAccountOnSandbox(CRAMPED, is_over_jmap=self.is_over_jmap)
        self.resources.callback(self.account.close)
        furnish(self.account)
        furnish_domains(self.account)
        furnish_lists(self.account)
        self.person = settle_in(self.account)
        self.witness = Witness(self.person)
        self.lock = threading.Lock()
        self.proxy = self.resources.enter_context(Proxy(self.account.environment["MAILROOM_CARDDAV_URL"]))
        self.settings = settings_for(self.account, self.proxy.environment(self.account.environment))
        self.schedule: list[tuple[Moment, Act | Blow]] = []
        self.blows = Blows(seen)
        self.moments = Counter[str]()
        self.entries: list[Entry] = []
        self.proxy.plan = self.fate
        self.restart()

    def fate(self, exchange: Exchange) -> None:
        """Let a request come to what the schedule says, and watch what Mailroom does by it."""
        with self.lock:
            for event in self.due(exchange.request):
                if isinstance(event, Act):
                    event.do(self.person)
                    seen["acts during a cycle"] += 1
                else:
                    self.blows.add(event)
            before = self.witness.moment()
            self.blows.struck(exchange.request)(exchange)
            self.witness.compare(before, after := self.witness.moment())
            seen["changes watched"] += before != after

    def due(self, request: Request) -> list[Act | Blow]:
        """Return what is to happen before this request."""
        now = {(name, self.moments[name]) for name, choice in MOMENTS.items() if choice(request)}
        self.moments.update(name for name, _ in now)
        events = [event for moment, event in self.schedule if moment in now]
        self.schedule = [(moment, event) for moment, event in self.schedule if moment not in now]
        return events

    @initialize(several=st.lists(acts, min_size=2, max_size=6))
    def live(self, several: list[Act]) -> None:
        """The account has a life before Mailroom comes."""
        for act in several:
            act.do(self.person)

    @rule(several=st.lists(acts, min_size=1, max_size=4), schedule=schedules)
    def cycle_after_acts(self, several: list[Act], schedule: Schedule) -> None:
        """The person does several things, and a cycle follows, during which anything may happen."""
        for act in several:
            act.do(self.person)
        self.run_cycle(schedule)

    @rule(schedule=schedules)
    def cycle_at_once(self, schedule: Schedule) -> None:
        """A cycle follows on another, and again anything may happen."""
        self.run_cycle(schedule)

    @rule(schedule=schedules)
    def undo_last(self, schedule: Schedule) -> None:
        """The person takes back what the journal has last, while anything may happen."""
        taking_back = take_back_last(self.entries, self.settings.scheme)
        if taking_back is None:
            return
        seen["takings back"] += 1
        undone: dict[str, bool] = {each.party: each.category.is_undecided for each in taking_back.decisions}
        report = self.work(schedule, lambda: self.mailroom.triage.apply(taking_back.decisions), undone)
        self.note(report, Cause.UNDO, taking_back.entries)

    def run_cycle(self, schedule: Schedule) -> Report | None:
        """Let the service do a cycle while the schedule is carried out; None where it broke off."""
        seen["cycles"] += 1
        report = self.work(schedule, lambda: cycle(self.mailroom))
        self.note(report, Cause.CYCLE, {})
        return report

    def note(self, report: Report | None, cause: Cause, takes_back: Mapping[Party, tuple[str, ...]]) -> None:
        """Keep what the journal has of it; of what broke off, it has nothing."""
        if report is not None:
            moment = BEGINNING + timedelta(minutes=len(self.entries))
            self.entries.insert(0, entry_of(report, cause, moment, takes_back))

    def work(
        self, schedule: Schedule, do: Callable[[], Report], undone: Mapping[str, bool] = MappingProxyType({})
    ) -> Report | None:
        """Let Mailroom do something while the schedule is carried out; None where it broke off.

        Args:
            undone: On whom the last decision is taken back, each with whether nothing is decided then.
        """
        self.moments.clear()
        self.schedule = list(schedule)
        self.person.disturbed.clear()
        self.person.renamed.clear()
        self.witness.begin(undone)
        report: Report | None = None
        try:
            report = do()
            seen["senders filed"] += len(report.filed)
            seen["answers passed"] += len(report.replies.passed)
            seen["senders failed"] += len(report.failed)
        except MailroomError as error:
            seen[f"ended by {type(error).__name__}"] += 1
        with self.lock:
            self.schedule.clear()
            self.blows.cease()
        self.proxy.check()
        return report

    @rule()
    def restart(self) -> None:
        """Mailroom forgets all it knew, as after a crash."""
        # An hour goes by from one look at the clock to the next, so that no pause holds anything up.
        self.mailroom = open_account(self.settings, NotedWaits(), clock=count(step=3_600).__next__)

    def teardown(self) -> None:
        """When person and fate have ceased, two cycles later nothing is left to do."""
        with self.resources:
            self.proxy.check()
            put_right(self.person)
            for _ in range(CYCLES_UNTIL_QUIET):
                assert self.run_cycle([]) is not None
            self.check_quiet()
            self.restart()
            self.check_quiet()
            self.check_tidy()

    def check_quiet(self) -> None:
        """A cycle writes nothing, and is content."""
        before = self.account.state()
        report = self.run_cycle([])
        assert report is not None
        assert not report.has_failures
        assert self.account.state() == before, "a cycle wrote something although nothing had happened"

    def check_tidy(self) -> None:
        """Labels that are still on have their reason; nothing of a filed sender waits."""
        moment = self.witness.moment()
        labels = {x: where for x, where in moment.mail.items() if where & set(TRIAGE_LABELS)}
        labelled = self.witness.labelled(moment)
        for message, mailboxes in moment.mail.items():
            if mailboxes & ALL_LABELS:
                assert ARCHIVED_KEYWORD not in moment.keywords[message], f"{message} is still marked"
            if mailboxes & PROTECTED:
                assert "@MailroomError" not in mailboxes, f"{message} is protected and bears a mark"
            if mailboxes & SPEAKING:
                in_conflict = mailboxes & PROTECTED and len(labels) > 1
                assert "@MailroomError" in mailboxes or in_conflict, (
                    f"{message} keeps {mailboxes & ALL_LABELS} for no reason"
                )
            if "Screener" in mailboxes and not mailboxes & (PROTECTED | SPEAKING):
                parties = self.person.mail[message].parties
                standing = {x: triage_groups_of([*moment.cards.values()], x) for x in parties}
                first = next((x for x in parties if standing[x] or x in labelled), None)
                assert first in labelled or not first or len(standing[first]) > 1, (
                    f"{first} is in {standing[first]} and {message} waits in Screener"
                )


class OverJmap(PersonAndFate):
    """The same, with the contacts over JMAP."""

    is_over_jmap = True


MACHINES = pytest.mark.parametrize("machine", [PersonAndFate, OverJmap], ids=["CardDAV", "JMAP"])


def explore(machine: type[PersonAndFate], examples: int) -> None:
    """Let person and fate act as often as that."""
    seen.clear()
    run_examples(machine, examples, steps=8)


@MACHINES
def test_a_person_and_a_fate_that_act_at_any_moment(machine: type[PersonAndFate]) -> None:
    """Whatever happens between and during a few cycles, every change Mailroom makes is one it may make."""
    explore(machine, 25)


@pytest.mark.slow
@MACHINES
def test_a_thousand_persons_and_fates(
    capsys: pytest.CaptureFixture[str], machine: type[PersonAndFate]
) -> None:
    """The same a thousand times, half of them over each way to the contacts; what came of it is printed."""
    explore(machine, EXAMPLES_IN_CI)
    with capsys.disabled():
        print(f"\nperson and fate: {', '.join(f'{count} {what}' for what, count in seen.most_common())}")
