"""A whole cycle: what a server refuses, or does not allow, and what the person takes back meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve

from mailroom.errors import UserError
from mailroom.model.mail import ARCHIVED_KEYWORD
from mailroom.triage.lookout import MAX_VIEW_AGE_SECONDS
from tests.support import harm
from tests.support.accounts import AccountUnderTest, add_contact, contacts, groups_of, label, unlabel
from tests.support.behind import Behind, behind
from tests.support.harm import Harm
from tests.support.proxy import Exchange, Request
from tests.support.running import run_command

ANN = ("Ann", "ann@example.net")
BOB = ("Bob", "bob@example.net")
EVENTS = 40
SECONDS_BETWEEN_EVENTS = 5.0


@pytest.fixture
def hit(account: AccountUnderTest) -> Iterator[Behind]:
    """An account with everything that triage needs, behind a proxy."""
    with behind(account) as made:
        yield made


def card_of(address: str) -> Callable[[Request], bool]:
    """Choose the writing of a card with an address."""

    def choose(request: Request) -> bool:
        return harm.card_write(request) and address.encode() in request.body.lower()

    return choose


def _sets_a_keyword(request: Request) -> bool:
    return harm.mail_write(request) and ARCHIVED_KEYWORD.encode() in request.body


def _writes_the_feed(request: Request) -> bool:
    # Over JMAP it is told from the joining of another group by what goes.
    is_patched = harm.cards_set(request) and b":null" in request.body
    return is_patched or (harm.group_write(request) and b"FN:Feed" in request.body)


class TestRefused:
    """What the server refuses again and again."""

    def test_a_sender_is_not_tried_again_at_every_event(self, hit: Behind) -> None:
        """The pause grows, the others are filed at once, and nobody is forgotten."""
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = refused = Harm(harm.refuse_cards(ANN[1]), card_of(ANN[1]))
        label_on = hit.account.receive([ANN], "Screener", "@ToFeed")
        for number in range(EVENTS):
            other = hit.account.receive([(f"P{number}", f"p{number}@example.net")], "Screener", "@ToFeed")
            report = mailroom.triage.run()
            assert hit.account.mailboxes_of(other) == {"Feed"}
            assert set(report.failed) <= {ANN[1]}
            hit.now += SECONDS_BETWEEN_EVENTS
        assert 3 <= refused.hits <= 5, "200 seconds: at once, and after 5, 35 and 95"
        assert hit.account.mailboxes_of(label_on) == {"Screener", "@ToFeed"}
        hit.proxy.plan = Exchange.pass_on
        hit.now += 3_600
        assert not mailroom.triage.run().failed
        assert hit.account.mailboxes_of(label_on) == {"Feed"}

    def test_while_it_waits_an_event_costs_no_more_than_an_idle_cycle(self, hit: Behind) -> None:
        """Not even the contacts are read for a sender who is left alone."""
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = Harm(harm.refuse_cards(ANN[1]), card_of(ANN[1]))
        hit.account.receive([ANN], "@ToFeed")
        for _ in range(3):
            mailroom.triage.run()
        before = len(hit.proxy.requests)
        report = mailroom.triage.run()
        assert len(hit.proxy.requests) - before == 1
        assert not report.has_failures

    def test_another_label_is_another_decision_and_is_tried_at_once(self, hit: Behind) -> None:
        """So is the same one, taken off and put on again."""
        mailroom = hit.mailroom()
        mailroom.begin()
        hit.proxy.plan = refused = Harm(harm.refuse_cards(ANN[1]), card_of(ANN[1]))
        message = hit.account.receive([ANN], "Screener", "@ToFeed")
        for _ in range(4):
            mailroom.triage.run()
        assert refused.hits == 2
        unlabel(hit.account, message, "@ToFeed")
        label(hit.account, message, "@ToJail")
        mailroom.triage.run()
        assert refused.hits == 3
        unlabel(hit.account, message, "@ToJail")
        mailroom.triage.run()
        hit.proxy.plan = Exchange.pass_on
        label(hit.account, message, "@ToJail")
        mailroom.triage.run()
        assert hit.account.mailboxes_of(message) == {"Jail"}

    def test_who_may_not_be_given_a_keyword_keeps_the_label(self, hit: Behind) -> None:
        """Read mail that cannot be marked does not go to the Archive; its sender fails, the others go on."""
        add_contact(hit.account, *ANN, groups=["Feed"])
        message = hit.account.receive([ANN], "Feed", "@ToImbox", read=True)
        other = hit.account.receive([BOB], "Screener", "@ToFeed")
        hit.proxy.plan = Harm(harm.refuse_messages([message]), _sets_a_keyword)
        mailroom = hit.mailroom()
        mailroom.begin()
        assert mailroom.triage.run().failed.keys() == {ANN[1]}
        assert hit.account.mailboxes_of(message) == {"Feed", "@ToImbox"}
        assert hit.account.mailboxes_of(other) == {"Feed"}
        hit.proxy.plan = Exchange.pass_on
        hit.now += 3_600
        assert not mailroom.triage.run().failed
        assert hit.account.mailboxes_of(message) == {"Archive"}
        assert hit.account.keywords_of(message) == {"$seen"}

    def test_a_label_taken_off_a_half_finished_message_leaves_no_mark(self, hit: Behind) -> None:
        """It was put into the Archive by the decision before; the same label of later is another one."""
        add_contact(hit.account, *ANN, groups=["Feed"])
        message = hit.account.receive([ANN], "Feed", "@ToImbox", read=True)
        hit.proxy.plan = Harm(harm.refuse_cards("members/"), _writes_the_feed)
        mailroom = hit.mailroom()
        mailroom.begin()
        assert mailroom.triage.run().failed.keys() == {ANN[1]}
        assert hit.account.mailboxes_of(message) == {"Archive", "@ToImbox"}
        assert hit.account.keywords_of(message) == {"$seen", "$mailroom-archived"}
        unlabel(hit.account, message, "@ToImbox")
        hit.proxy.plan = Exchange.pass_on
        mailroom.triage.run()
        assert hit.account.keywords_of(message) == {"$seen"}
        label(hit.account, message, "@ToImbox")
        hit.now += 3_600
        assert not mailroom.triage.run().failed
        assert hit.account.mailboxes_of(message) == {"Archive", "Inbox"}
        assert hit.account.keywords_of(message) == {"$seen"}

    def test_a_message_that_may_not_be_marked_is_not_tried_at_every_event(self, hit: Behind) -> None:
        """A refused error label is told, and holds nobody up."""
        mailroom = hit.mailroom()
        mailroom.begin()
        message = hit.account.receive(None, "Screener", "@ToFeed")
        hit.proxy.plan = refused = Harm(harm.refuse_messages([message]), harm.mail_write)
        reports = [mailroom.triage.run() for _ in range(5)]
        assert refused.hits == 2
        assert [report.has_failures for report in reports] == [True, True, False, False, False]

    def test_a_label_that_only_comes_off_is_not_tried_at_every_event(self, hit: Behind) -> None:
        """Nor is anybody filed who has one beside it, then or later: it might be theirs that stays alone."""
        account, mailroom = hit.account, hit.mailroom()
        mailroom.begin()
        anns = account.receive([ANN], "Screener")
        silent = account.receive([BOB], "Trash", reply_to=anns)
        for each in (anns, silent):
            label(account, each, "@ToFeed")
        hit.proxy.plan = refused = Harm(harm.refuse_messages([silent]), harm.mail_write)
        assert [mailroom.triage.run().has_failures for _ in range(3)] == [True, True, False]
        later = account.receive([("Eve", "eve@example.net")], "Screener", reply_to=anns)
        label(account, later, "@ToFeed")
        reports = [mailroom.triage.run() for _ in range(3)]
        assert refused.hits == 2
        assert not any(report.has_failures or report.released for report in reports)
        assert [account.mailboxes_of(x) for x in (anns, later)] == [{"Screener", "@ToFeed"}] * 2
        hit.proxy.plan = Exchange.pass_on
        hit.now += 3_600
        assert [message.id for message, _ in mailroom.triage.run().released] == [silent]
        assert [account.mailboxes_of(x) for x in (anns, silent, later)] == [{"Feed"}, {"Trash"}, {"Feed"}]

    def test_a_straggler_that_may_not_be_moved_is_not_tried_at_every_event(self, hit: Behind) -> None:
        """Each message that arrives is an event; the refused one is left alone for a while."""
        mailroom = hit.mailroom()
        mailroom.begin()
        label(hit.account, hit.account.receive([ANN], "Screener"), "@ToFeed")
        mailroom.triage.run()
        late = hit.account.receive([ANN], "Screener")
        hit.proxy.plan = refused = Harm(harm.refuse_messages([late]), harm.mail_write)
        for _ in range(6):
            hit.account.receive([BOB], "Screener")
            mailroom.triage.run()
        assert refused.hits == 2
        hit.now += 3_600
        hit.proxy.plan = Exchange.pass_on
        hit.account.receive([BOB], "Screener")
        mailroom.triage.run()
        assert hit.account.mailboxes_of(late) == {"Feed"}


class TestBusy:
    """A server that says ``rateLimit`` of some messages refuses nothing: it asks for time."""

    def test_it_is_waited_for_and_the_rest_is_done(self, hit: Behind) -> None:
        """Nobody fails, and what was too much at once is moved after a wait, as often as it takes."""
        mailroom = hit.mailroom()
        mailroom.begin()
        messages = [hit.account.receive([ANN], "Screener") for _ in range(4)]
        label(hit.account, messages[-1], "@ToFeed")  # it comes last, whatever is let through
        busy = Harm(Exchange.pass_on, harm.mail_write)

        def less_each_time(exchange: Exchange) -> None:
            busy.plan = harm.refuse_messages(messages[min(busy.hits, 4) :], "rateLimit")
            busy(exchange)

        hit.proxy.plan = less_each_time
        report = mailroom.triage.run()
        assert not report.has_failures
        assert report.filed[0].messages_moved == 4
        assert {frozenset(hit.account.mailboxes_of(x)) for x in messages} == {frozenset({"Feed"})}
        assert hit.stop.seconds == [1.0] * 3, "each answer let one more through"

    def test_one_that_stays_busy_is_given_up_until_later(self, hit: Behind) -> None:
        """The waits grow and end; the sender keeps the label, and others are not held up."""
        mailroom = hit.mailroom()
        mailroom.begin()
        stuck = hit.account.receive([ANN], "Screener", "@ToFeed")
        other = hit.account.receive([BOB], "Screener", "@ToFeed")
        hit.proxy.plan = Harm(harm.refuse_messages([stuck], "rateLimit"), harm.mail_write)
        report = mailroom.triage.run()
        assert "busy" in report.failed[ANN[1]]  # type: ignore[index]
        assert set(report.failed) == {ANN[1]}
        assert hit.stop.seconds == [1.0, 4.0, 16.0]
        assert hit.account.mailboxes_of(other) == {"Feed"}
        assert hit.account.mailboxes_of(stuck) == {"Screener", "@ToFeed"}
        hit.proxy.plan = Exchange.pass_on
        assert not mailroom.triage.run().failed
        assert hit.account.mailboxes_of(stuck) == {"Feed"}


class TestTakenBack:
    """A label that the person takes off while the cycle reads contacts."""

    def reading_takes(self, hit: Behind, seconds: float, message: str) -> None:
        """Let the next reading of contacts take some time, in which the label comes off."""

        def slow(exchange: Exchange) -> None:
            hit.now += seconds
            unlabel(hit.account, message, "@ToFeed")
            exchange.pass_on()

        hit.proxy.plan = Harm(slow, harm.contacts_reading, times=1)

    def test_where_that_took_long_the_labels_are_looked_at_again(self, hit: Behind) -> None:
        """Nothing is written for a label that is off; another sender's is worked off."""
        mailroom = hit.mailroom()
        mailroom.begin()
        taken_back = hit.account.receive([ANN], "Screener", "@ToFeed")
        stays = hit.account.receive([BOB], "Screener", "@ToFeed")
        self.reading_takes(hit, 2 * MAX_VIEW_AGE_SECONDS, taken_back)
        report = mailroom.triage.run()
        assert [filed.filing.decision.party for filed in report.filed] == [BOB[1]]
        assert hit.account.mailboxes_of(taken_back) == {"Screener"}
        assert hit.account.mailboxes_of(stays) == {"Feed"}
        assert groups_of(hit.account, ANN[1]) == []
        assert len(contacts(hit.account)) == 1

    def test_what_was_seen_long_before_the_cycle_is_looked_at_again(self, hit: Behind) -> None:
        """A look ahead counts for a moment: a label that has come off since is not worked off."""
        mailroom = hit.mailroom()
        mailroom.begin()
        taken_back = hit.account.receive([ANN], "Screener", "@ToFeed")
        look = mailroom.triage.look()
        unlabel(hit.account, taken_back, "@ToFeed")
        hit.now += 2 * MAX_VIEW_AGE_SECONDS
        assert not mailroom.triage.run(look).filed
        assert hit.account.mailboxes_of(taken_back) == {"Screener"}
        assert not contacts(hit.account)

    def test_what_was_seen_just_before_the_cycle_is_not_asked_for_again(self, hit: Behind) -> None:
        """By a look ahead the cycle has the labels and the contacts: it begins with what it writes."""
        mailroom = hit.mailroom()
        mailroom.begin()
        message = hit.account.receive([ANN], "Screener", "@ToFeed")
        look = mailroom.triage.look()
        before = len(hit.proxy.requests)
        assert mailroom.triage.run(look).filed
        assert hit.proxy.requests[before].is_write
        assert hit.account.mailboxes_of(message) == {"Feed"}

    def test_in_the_usual_case_it_costs_nothing(self, hit: Behind) -> None:
        """A cycle that reads contacts in a moment looks once."""
        mailroom = hit.mailroom()
        mailroom.begin()
        mailroom.triage.run()
        hit.account.receive([ANN], "Screener", "@ToFeed")
        before = len(hit.proxy.requests)
        mailroom.triage.run()
        kinds = [x.method for x in hit.proxy.requests[before:] if not x.is_write]
        contacts_read = [] if hit.account.is_over_jmap else ["REPORT"]
        assert kinds == ["POST", *contacts_read, "POST", "POST"], "labels, contacts, what waits, what is left"


class TestNotAllowed:
    """What the account does not let anybody do is known before the first write."""

    def restrict(self, hit: Behind, *, read_only: bool = False, most: int | None = None) -> None:
        """Let the session say so."""

        def plan(exchange: Exchange) -> None:
            if not exchange.request.is_session:
                exchange.pass_on()
                return
            answer = exchange.forward()
            session: dict[str, Any] = json.loads(answer.body)
            for account in session["accounts"].values():
                account["isReadOnly"] = read_only
                if most is not None:
                    mail = account["accountCapabilities"]["urn:ietf:params:jmap:mail"]
                    mail["maxMailboxesPerEmail"] = most
            exchange.reply(evolve(answer, body=json.dumps(session).encode()))

        hit.proxy.plan = plan

    def test_a_read_only_token_writes_nothing_at_all(self, hit: Behind) -> None:
        """It is told at the start and by check, with what to do; no half of a filing is left behind."""
        self.restrict(hit, read_only=True)
        hit.account.receive([ANN], "Screener", "@ToFeed")
        mailroom = hit.mailroom()
        with pytest.raises(UserError, match="only read mail"):
            mailroom.begin()
        with pytest.raises(UserError, match="only read mail"):
            mailroom.triage.run()
        found = run_command(hit.proxy.environment(hit.account.environment), "check")
        assert found.code == 1
        assert "only read mail" in found.output
        assert hit.writes() == []
        assert not contacts(hit.account)

    def test_a_message_with_no_room_for_the_destination_stops_its_sender_alone(self, hit: Behind) -> None:
        """They get no card either, and the reason says what to do."""
        self.restrict(hit, most=3)
        full = hit.account.receive([ANN], "Family", "Archive", "@ToFeed")
        roomy = hit.account.receive([BOB], "Screener", "Family", "@ToFeed")
        mailroom = hit.mailroom()
        mailroom.begin()
        report = mailroom.triage.run()
        assert set(report.failed) == {ANN[1]}
        assert "at most 3 mailboxes" in next(iter(report.failed.values()))
        assert hit.account.mailboxes_of(full) == {"Family", "Archive", "@ToFeed"}
        assert hit.account.mailboxes_of(roomy) == {"Feed", "Family"}
        assert len(contacts(hit.account)) == 1
        planned = run_command(hit.proxy.environment(hit.account.environment), "plan")
        assert "at most 3 mailboxes" in " ".join(planned.output.split())
