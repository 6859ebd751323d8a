"""The digest: the same on the sandbox and on real Cyrus."""

from __future__ import annotations

import email
import logging
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, timezone
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from mailroom.account import Account
from mailroom.digest.writer import RETRY_SECONDS, Digest
from mailroom.model.mail import MailboxId
from mailroom.model.schedule import Rhythm, Schedule
from mailroom.model.sender import Correspondent
from tests.support.accounts import AccountUnderTest, add_contact, label
from tests.support.behind import behind
from tests.support.harm import Harm, mail_write
from tests.support.interrupted import IMPATIENT
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.running import opened, run_command, run_cycle, settings_for

ANN = ("Ann Example", "ann@example.net")
BOB = ("Bob", "bob@example.net")
THURSDAY = datetime(2026, 11, 26, 7, 30, tzinfo=UTC)
"""Half past eight on a morning in Berlin."""

BERLIN = timezone(timedelta(hours=1))
"""As it is in November; not every machine has a table of zones."""

DAY = timedelta(days=1)
PLACES = ("Inbox", "Trash", "Archive", "Family", "Screener")
AN_INSTANT = timedelta(minutes=1)


class Mailroom:
    """Mailroom as it is since a start, on a clock that the test sets."""

    def __init__(
        self,
        account: AccountUnderTest,
        now: datetime = THURSDAY,
        rhythm: Rhythm = Rhythm.DAILY,
        parts: Account | None = None,
    ) -> None:
        self.now = now
        self.parts = parts or opened(account)
        self.digest = Digest(
            self.parts.triage,
            self.parts.notes,
            self.parts.subjects,
            settings_for(account, {}).scheme,
            Schedule(rhythm, time(8)),
            now=lambda: self.now,
            zone=BERLIN,
            clock=lambda: self.now.timestamp() - THURSDAY.timestamp(),
        )

    def at(self, now: datetime) -> None:
        """Do what the service does then."""
        self.now = now
        self.digest.do_if_due()


def digests(account: AccountUnderTest) -> list[str]:
    """Every digest that was written, wherever it is, the newest first; nothing else is from the person."""
    there = account.mailbox_names()
    places = [MailboxId(account.mailbox_id(name)) for name in PLACES if name in there]
    found = opened(account).mail.read(places).snapshot.messages.values()
    own = [x for x in found if isinstance(x.sender, Correspondent) and x.sender.address == account.address]
    return [x.id for x in sorted(own, key=lambda x: (x.received_at, x.id), reverse=True)]


def in_inbox(account: AccountUnderTest) -> list[str]:
    return [each for each in digests(account) if "Inbox" in account.mailboxes_of(each)]


def read(account: AccountUnderTest, message: str) -> EmailMessage:
    parsed = email.message_from_bytes(account.download(message), policy=default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


def text_of(account: AccountUnderTest, message: str) -> str:
    body = read(account, message).get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


class TestWhatItSays:
    """The message."""

    def test_it_lies_unread_in_the_inbox_and_lists_who_waits(self, account: AccountUnderTest) -> None:
        """The most recent first, with the newest subject, how much, since when, and what to do."""
        account.receive_about("Older", ANN, "Screener", at="2026-11-24T10:00:00Z")
        account.receive_about("Grüße 日本", ANN, "Screener", at="2026-11-25T10:00:00Z")
        account.receive_about("", BOB, "Screener", at="2026-11-26T06:30:00Z")
        add_contact(account, "Filed", "filed@example.net", groups=["Feed"])
        account.receive([("", "filed@example.net")], "Screener")
        Mailroom(account).at(THURSDAY)
        (digest,) = digests(account)
        assert account.mailboxes_of(digest) == {"Inbox"}
        assert "$seen" not in account.keywords_of(digest)
        message = read(account, digest)
        assert message["Subject"] == "2 senders wait in Screener"
        assert [x.addr_spec for x in message["From"].addresses] == [account.address]
        assert text_of(account, digest) == (
            "2 senders wait in Screener with 3 messages, the most recent first.\n"
            "\n"
            "bob@example.net, Bob\n"
            "  (no subject)\n"
            "  1 message, of 2026-11-26 07:30\n"
            "\n"
            "ann@example.net, Ann Example\n"
            "  Grüße 日本\n"
            "  2 messages, the newest of 2026-11-25 11:00\n"
            "\n"
            "To decide on a sender, put a label on a message of theirs: @ToImbox, @ToFeed, @ToPaperTrail, "
            "@ToJail, @ToPerson.\n"
            "\n"
            "The next digest takes the place of this one, unless you have moved it out of the Inbox.\n"
        )

    @pytest.mark.parametrize(
        "hostile",
        ["a\r\n\r\nbob@example.net, Bob", "\u202egnp.exe", "\x1b[2J", "x" * 3_000, "a\u2028b"],
        ids=["lines", "direction", "escape", "long", "line separator"],
    )
    def test_what_strangers_write_stays_in_its_line(self, hostile: str, account: AccountUnderTest) -> None:
        """Whatever a subject or a name holds, it is no other sender's and steers no program."""
        account.receive_about(hostile.replace("\r\n", " "), (f"é{hostile[:200]}", ANN[1]), "Screener")
        Mailroom(account).at(THURSDAY)
        (digest,) = digests(account)
        lines = text_of(account, digest).split("\n")
        assert [each for each in lines if each.startswith(ANN[1])] == [lines[2]]
        assert not any(each.startswith(BOB[1]) for each in lines)
        assert len(lines) == 10
        assert all(each.isprintable() and len(each) < 500 for each in lines)

    def test_of_very_many_only_the_most_recent_are_listed(self, account: AccountUnderTest) -> None:
        """The others are counted, and `mailroom waiting` lists them."""
        if not isinstance(account, AccountOnSandbox):
            pytest.skip("the text is the same everywhere, and so many messages take a while")
        for number in range(130):
            account.receive([("", f"s{number:03}@example.net")], "Screener")
        Mailroom(account).at(THURSDAY)
        text = text_of(account, *digests(account))
        assert text.startswith("130 senders wait in Screener with 130 messages")
        assert text.count("@example.net") == 100
        assert "And 30 more senders: `mailroom waiting` lists them all." in text

    def test_it_makes_no_work_for_itself(self, account: AccountUnderTest) -> None:
        """It is the person's own mail: it does not wait, is filed by no label, and nobody counts it."""
        account.receive([ANN], "Screener", at="2026-11-25T10:00:00Z")
        Mailroom(account).at(THURSDAY)
        (digest,) = digests(account)
        before = account.state()
        report = run_cycle(account)
        assert (report.filed, report.rejected, account.state()) == ((), (), before)
        account.place(digest, "Screener")
        found = run_command(account.environment, "waiting", "--json").json()
        assert [each["email"] for each in found["senders"]] == [ANN[1]]
        listed = run_command(account.environment, "senders", "--json", "--since", "2026-01-01").json()
        assert account.address not in {each["email"] for each in listed["senders"]}
        account.place(digest, "Inbox")
        label(account, digest, "@ToFeed")
        (rejected,) = run_cycle(account).rejected
        assert "your own addresses" in rejected.reason


class TestWhen:
    """Which digests there are."""

    def test_one_a_day_in_place_of_the_last(self, account: AccountUnderTest) -> None:
        """Before eight there is none; the old one goes to Trash in the request that writes the new one."""
        account.receive([ANN], "Screener")
        mailroom = Mailroom(account)
        mailroom.at(THURSDAY - timedelta(hours=1))
        assert digests(account) == []
        for moment in (THURSDAY, THURSDAY + AN_INSTANT, THURSDAY + timedelta(hours=15)):
            mailroom.at(moment)
            assert len(digests(account)) == 1
        (first,) = digests(account)
        mailroom.at(THURSDAY + DAY)
        assert len(digests(account)) == 2
        assert account.mailboxes_of(first) == {"Trash"}
        assert len(in_inbox(account)) == 1

    def test_weekly_on_mondays(self, account: AccountUnderTest) -> None:
        """Missed on Monday, it is written as long as it is the same week; the next one on the next Monday."""
        account.receive([ANN], "Screener")
        mailroom = Mailroom(account, rhythm=Rhythm.WEEKLY)
        for days, expected in ((0, 1), (3, 1), (4, 2), (10, 2), (11, 3)):
            mailroom.at(THURSDAY + days * DAY)
            assert len(digests(account)) == expected

    @pytest.mark.parametrize("place", ["Inbox", "Archive", "Family", "Trash"])
    def test_after_a_restart_there_is_no_second_one(self, account: AccountUnderTest, place: str) -> None:
        """The account tells, wherever the person has put it, read or not."""
        account.receive([ANN], "Screener")
        Mailroom(account).at(THURSDAY)
        (digest,) = digests(account)
        account.place(digest, place)
        account.mark_read(digest)
        for hours in range(0, 15, 5):
            Mailroom(account).at(THURSDAY + timedelta(hours=hours))
        assert digests(account) == [digest]
        assert account.mailboxes_of(digest) == {place}

    def test_what_was_due_while_the_service_was_down_is_written_once_on_start(
        self, account: AccountUnderTest
    ) -> None:
        """As long as it is the same day; yesterday's is not."""
        account.receive([ANN], "Screener")
        Mailroom(account).at(THURSDAY + timedelta(hours=12))
        assert len(digests(account)) == 1
        Mailroom(account).at(THURSDAY + DAY - timedelta(hours=3))
        assert len(digests(account)) == 1

    def test_one_that_the_person_has_filed_stays(self, account: AccountUnderTest) -> None:
        """Moved out of the Inbox it is theirs; put elsewhere besides, it leaves the Inbox alone."""
        account.receive([ANN], "Screener")
        mailroom = Mailroom(account)
        mailroom.at(THURSDAY)
        (first,) = digests(account)
        account.place(first, "Family")
        mailroom.at(THURSDAY + DAY)
        (second,) = in_inbox(account)
        account.place(second, "Inbox", "Family")
        mailroom.at(THURSDAY + 2 * DAY)
        assert account.mailboxes_of(first) == account.mailboxes_of(second) == {"Family"}
        assert len(digests(account)) == 3

    def test_where_nobody_waits_there_is_none_and_the_last_one_goes(self, account: AccountUnderTest) -> None:
        """A list of people who no longer wait misleads; who comes later that day is in the next one."""
        waiting = account.receive([ANN], "Screener")
        mailroom = Mailroom(account)
        mailroom.at(THURSDAY)
        (digest,) = digests(account)
        account.place(waiting, "Feed")
        mailroom.at(THURSDAY + DAY)
        assert digests(account) == [digest]
        assert account.mailboxes_of(digest) == {"Trash"}
        account.receive([BOB], "Screener")
        mailroom.at(THURSDAY + DAY + AN_INSTANT)
        assert digests(account) == [digest]

    def test_a_clock_that_goes_back_makes_no_second_one(self, account: AccountUnderTest) -> None:
        """By an hour over eight o'clock, by a day, and after a restart; nor does one that was years ahead."""
        account.receive([ANN], "Screener")
        mailroom = Mailroom(account)
        mailroom.at(THURSDAY)
        for back in (timedelta(hours=1), DAY):
            mailroom.at(THURSDAY - back)
            Mailroom(account).at(THURSDAY - back)
        assert len(digests(account)) == 1
        mailroom.at(THURSDAY + 1_000 * DAY)
        mailroom.at(THURSDAY + AN_INSTANT)
        assert len(digests(account)) == 2
        mailroom.at(THURSDAY + DAY)
        assert len(digests(account)) == 3

    def test_two_processes_that_were_started_by_mistake_make_two_at_the_most(
        self, account: AccountUnderTest
    ) -> None:
        """Both go with the next one: whatever lies in the Inbox is replaced."""
        account.receive([ANN], "Screener")
        for each in (Mailroom(account), Mailroom(account, THURSDAY + 30 * DAY)):
            each.at(each.now)
        copy = in_inbox(account)
        Mailroom(account).at(THURSDAY + 60 * DAY)
        assert not set(copy) & set(in_inbox(account))
        assert len(in_inbox(account)) == 1


class TestCost:
    """What it takes of the server."""

    def test_nothing_while_it_is_not_due_and_few_requests_when_it_is(self, account: AccountUnderTest) -> None:
        """Once for the last one, for labels, Screener, subjects and the new one, and what contacts take."""
        account.receive([ANN], "Screener")
        mailroom = Mailroom(account)
        mailroom.parts.begin()
        mailroom.parts.triage.run()

        def requests(act: Callable[[], Any]) -> int:
            before = len(account.requests())
            act()
            return len(account.requests()) - before

        assert requests(lambda: mailroom.at(THURSDAY - timedelta(hours=2))) == 0
        first = requests(lambda: mailroom.at(THURSDAY))
        for number in range(30):
            account.receive([("", f"s{number}@example.net")], "Screener")
        assert requests(lambda: mailroom.at(THURSDAY + timedelta(hours=2))) == 0
        while requests(mailroom.parts.triage.run) > 1:  # until all new mail is looked at
            pass
        assert requests(lambda: mailroom.at(THURSDAY + DAY)) <= first <= 7
        assert requests(mailroom.parts.triage.run) <= 2
        assert requests(mailroom.parts.triage.run) == 1


class TestFailure:
    """What goes wrong."""

    def test_a_refused_write_is_told_once_and_tried_again_after_a_pause(
        self, account: AccountUnderTest, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The cycle knows nothing of it; when it is possible, the day's digest is there."""
        account.receive([ANN], "Screener")
        caplog.set_level(logging.INFO, "mailroom")
        with behind(account) as hit:
            mailroom = Mailroom(account, parts=hit.mailroom())
            hit.proxy.plan = Harm(lambda exchange: exchange.reset(), mail_write)
            for number in range(3):
                mailroom.at(THURSDAY + number * timedelta(seconds=RETRY_SECONDS - 1))
            assert digests(account) == []
            told = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
            assert told == ["digest_failed"]
            seen = len(hit.proxy.requests)
            mailroom.at(mailroom.now + timedelta(seconds=1))
            assert len(hit.proxy.requests) == seen
            hit.proxy.plan = lambda exchange: exchange.pass_on()
            mailroom.at(mailroom.now + timedelta(seconds=RETRY_SECONDS))
        assert len(digests(account)) == 1

    def test_one_that_was_written_although_no_answer_came_is_not_written_again(
        self, account: AccountUnderTest
    ) -> None:
        """The account is asked first, each time."""
        account.receive([ANN], "Screener")
        with behind(account) as hit:
            mailroom = Mailroom(account, parts=hit.mailroom(IMPATIENT))
            mailroom.parts.begin()

            def lose_the_answer(exchange: Any) -> None:
                exchange.forward()
                exchange.stall()

            hit.proxy.plan = Harm(lose_the_answer, mail_write)
            mailroom.at(THURSDAY)
            hit.proxy.plan = lambda exchange: exchange.pass_on()
            mailroom.at(THURSDAY + timedelta(seconds=RETRY_SECONDS))
        assert len(digests(account)) == 1

    def test_in_an_account_without_trash_there_is_one_all_the_same(self, account: AccountUnderTest) -> None:
        """What cannot be thrown away stays."""
        if not isinstance(account, AccountOnSandbox):
            pytest.skip("Cyrus takes no role from a mailbox that has one")
        account.remove_mailbox("Trash")
        account.receive([ANN], "Screener")
        mailroom = Mailroom(account)
        mailroom.at(THURSDAY)
        mailroom.at(THURSDAY + DAY)
        assert len(in_inbox(account)) == 2
