"""`mailroom waiting`, on the sandbox and on real Cyrus."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailroom.output.columns import display_width
from mailroom.sandbox import Sandbox
from tests.support.accounts import AccountUnderTest, add_contact, furnish_domains, label
from tests.support.behind import behind
from tests.support.running import run_command, run_shown
from tests.support.sized_accounts import add_senders, furnished_account

ANN = ("Ann Example", "ann@example.net")
BOB = ("Bob", "bob@example.net")
NEWS = ("The News", "news@lists.example")


def days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days, hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def told(account: AccountUnderTest, *arguments: str) -> Any:
    """What the command says for programs."""
    done = run_command(account.environment, "waiting", "--json", *arguments)
    assert done.code == 0, done.errors
    return done.json()


class TestWho:
    """Who waits, and who does not."""

    def test_strangers_the_most_recent_first(self, account: AccountUnderTest) -> None:
        """How many messages of theirs are there, and of when the newest is; mail elsewhere is none of it."""
        account.receive([ANN], "Screener", at="2026-02-01T10:00:00Z")
        account.receive([BOB], "Screener", at="2026-02-03T10:00:00Z")
        account.receive([ANN], "Screener", at="2026-02-02T10:00:00Z", read=True)
        account.receive([NEWS], "Inbox")
        account.receive([NEWS], "Archive")
        found = told(account)
        assert [(x["email"], x["messages"], x["newest"]) for x in found["senders"]] == [
            (BOB[1], 1, "2026-02-03T10:00:00Z"),
            (ANN[1], 2, "2026-02-02T10:00:00Z"),
        ]
        assert (found["messages"], found["others"]) == (3, [])

    def test_who_is_decided_on_or_known_does_not_wait_and_is_told_as_check_tells_them(
        self, account: AccountUnderTest
    ) -> None:
        """Members of a group, of several, contacts in none, and who bears a label: each with what to do."""
        add_contact(account, "Filed", "filed@example.net", groups=["Feed"])
        add_contact(account, "Both", "both@example.net", groups=["Feed", "Jail"])
        add_contact(account, "Friend", "friend@example.net")
        for name in ("filed", "both", "friend"):
            account.receive([("", f"{name}@example.net")], "Screener")
        label(account, account.receive([NEWS], "Screener"), "@ToFeed")
        account.receive([ANN], "Screener")
        found = told(account)
        assert [each["email"] for each in found["senders"]] == [ANN[1]]
        assert {each["why"]: each["messages"] for each in found["others"]} == {
            "labelled": 1,
            "decided": 1,
            "several_groups": 1,
            "contact": 1,
        }
        said = " ".join(run_command(account.environment, "waiting").output.split())
        assert "members of the group 'Feed' (filed@example.net): `mailroom rescue`" in said
        assert "both@example.net is in more than one triage group (Feed, Jail)" in said
        assert "contacts in no triage group (friend@example.net): label them" in said
        assert "1 message of senders who bear a label: `mailroom plan`" in said

    def test_nobody_files_themselves_or_nobody(self, account: AccountUnderTest) -> None:
        """Mail from the person's own address, and from no one sender, waits for nothing; nor does Trash."""
        account.receive([("Me", account.address)], "Screener")
        account.receive(None, "Screener")
        account.receive([ANN, BOB], "Screener")
        account.receive([BOB], "Screener", "Trash")
        found = told(account)
        assert found["senders"] == []
        assert {each["why"]: each["messages"] for each in found["others"]} == {"own": 1, "no_sender": 2}
        done = run_command(account.environment, "waiting")
        assert (done.code, done.output.splitlines()[0]) == (0, "Nobody waits in Screener.")

    def test_what_answers_the_person_waits_for_nobody(self, account: AccountUnderTest) -> None:
        """It goes to the Inbox with the next cycle; what else the same sender wrote waits."""
        account.receive([ANN], "Screener", reply_to=account.send(ANN))
        account.receive([ANN], "Screener", at="2026-02-01T10:00:00Z")
        found = told(account)
        assert [(each["email"], each["messages"]) for each in found["senders"]] == [(ANN[1], 1)]
        assert found["others"] == [{"why": "answer", "messages": 1}]
        said = " ".join(run_command(account.environment, "waiting").output.split())
        assert "1 message in Screener answers you" in said

    def test_a_screener_that_cannot_be_seen_is_told(self, account: AccountUnderTest) -> None:
        """Who asks who waits is not told that nobody does."""
        account.rename_mailbox("Screener", "Doorstep")
        done = run_command(account.environment, "waiting")
        assert (done.code, done.output) == (1, "")
        assert "Screener" in done.errors


class TestSubjects:
    """What only somebody who looks on, or asks for it, gets to see."""

    def test_are_read_only_for_a_terminal_or_when_they_are_asked_for(self, account: AccountUnderTest) -> None:
        """On the wire, too: a pipe, a program and a log cause no request that names the property."""
        account.receive_about("A secret plan", ANN, "Screener")
        with behind(account) as hit:
            environment = hit.proxy.environment(account.environment)
            quiet = [
                run_command(environment, "waiting"),
                run_command(environment, "waiting", "--json"),
                run_shown(environment, "waiting", "--json"),
            ]
            assert not any("secret plan" in each.output for each in quiet)
            assert not any(b'"subject"' in each.body for each in hit.proxy.requests)
            shown = [
                run_shown(environment, "waiting"),
                run_command(environment, "waiting", "--subjects"),
                run_command(environment, "waiting", "--json", "--subjects"),
            ]
            assert all("A secret plan" in each.output for each in shown)
            assert sum(b'"subject"' in each.body for each in hit.proxy.requests) == len(shown)

    def test_the_newest_of_each_sender(self, account: AccountUnderTest) -> None:
        """One subject a sender, whichever message came in last."""
        account.receive_about("Newer", ANN, "Screener", at="2026-02-02T10:00:00Z")
        account.receive_about("Older", ANN, "Screener", at="2026-02-01T10:00:00Z")
        account.receive_about("Größe 日本", BOB, "Screener", at="2026-02-01T10:00:00Z")
        found = told(account, "--subjects")["senders"]
        assert [each["subject"] for each in found] == ["Newer", "Größe 日本"]

    def test_its_requests_do_not_grow_with_senders(self, account: AccountUnderTest) -> None:
        """All subjects are one request, beside what it takes to see who waits."""

        def requests() -> int:
            before = len(account.requests())
            told(account, "--subjects")
            return len(account.requests()) - before

        account.receive([ANN], "Screener")
        first = requests()
        for number in range(40):
            account.receive([("", f"s{number}@example.net")], "Screener")
        assert requests() == first


def test_a_very_full_screener_takes_few_requests_and_subjects_of_the_most_recent_alone() -> None:
    """Each page of messages and of subjects is one; whom nobody reads any more is listed without."""
    account = furnished_account()
    add_senders(account, senders=1_200, messages=2, labelled=False)
    with Sandbox(account) as sandbox:
        quiet = run_command(sandbox.environment(), "waiting")
        requests = len(sandbox.requests)
        done = run_command(sandbox.environment(), "waiting", "--subjects")
        assert len(sandbox.requests) - requests <= requests + 2
    assert len(quiet.output.splitlines()) == 1_200 + len(["header", "", "1200 senders wait …", "…"])
    assert sum(line.endswith("Message 1") for line in done.output.splitlines()) == 1_000
    assert "Subjects were read of the 1000 most recent senders only." in done.output
    assert requests <= 20


class TestOutput:
    """What it looks like."""

    def test_on_a_terminal_every_line_fits_and_columns_are_aligned(self, account: AccountUnderTest) -> None:
        """Addresses whole, ages in words, subjects cut; wide characters take two columns each."""
        account.receive_about(
            "長い題名 " * 10, ("田中 美咲", "misaki.tanaka@kissa.example"), "Screener", at=days_ago(3)
        )
        account.receive_about("e\u0301\ufe0f " * 30, ("Zoë", "zoe@example.net"), "Screener", at=days_ago(1))
        lines = run_shown(account.environment, "waiting").output.splitlines()
        assert all(display_width(line) <= 80 for line in lines)
        header, zoe, misaki = lines[:3]
        at = header.index("NEWEST")
        assert zoe.startswith("zoe@example.net ")
        assert misaki.startswith("misaki.tanaka@kissa.example ")
        for line, age in ((zoe, "1 day"), (misaki, "3 days")):
            before, _, rest = line.partition(age)
            assert display_width(before) == at
            assert rest.startswith(" ")

    @pytest.mark.parametrize(
        "hostile",
        ["\x1b[2J\x07gone", "\u202egnp.exe", "a\u2028b\x85c", "x\u200b\u2066y", "n" * 3_000],
        ids=["escape", "direction", "line breaks", "invisible", "long"],
    )
    def test_what_strangers_write_steers_nothing(self, hostile: str, account: AccountUnderTest) -> None:
        """Neither the terminal nor the lines of a pipe; a program gets it in JSON's escapes."""
        account.receive_about(hostile, (f"Ann {hostile[:300]}", ANN[1]), "Screener")
        outputs = [
            run_shown(account.environment, "waiting").output,
            run_command(account.environment, "waiting", "--subjects").output,
            run_command(account.environment, "waiting", "--subjects", "--json").output,
        ]
        for output in outputs:
            assert all(line.isprintable() for line in output.split("\n"))
            assert max(map(len, output.split("\n"))) < 1_000
        assert len(outputs[0].splitlines()) == len(outputs[1].splitlines())

    def test_one_sender_is_told_in_the_singular(self, account: AccountUnderTest) -> None:
        """With what to do."""
        account.receive([BOB], "Screener", at=days_ago(1))
        assert run_command(account.environment, "waiting").output == (
            "ADDRESS          NAME  MAIL  NEWEST\n"
            "bob@example.net  Bob   1     1 day\n"
            "\n"
            "1 sender waits in Screener with 1 message. A triage label on one message of a\n"
            "sender decides.\n"
        )

    def test_nothing_is_written(self, account: AccountUnderTest) -> None:
        """Looking is free."""
        account.receive([BOB], "Screener")
        before = account.state()
        told(account, "--subjects")
        assert account.state() == before


class TestDomains:
    """Where one decision would do for several of those who wait."""

    def test_several_from_one_domain_are_told_with_what_decides_about_them(
        self, account: AccountUnderTest
    ) -> None:
        """Where the most wait from first; two are no crowd, and strangers who share a domain are none."""
        furnish_domains(account)
        for number in range(4):
            account.receive([("", f"s{number}@shop.example")], "Screener")
        for number in range(3):
            account.receive([("", f"s{number}@news.example")], "Screener")
            account.receive([("", f"s{number}@gmail.com")], "Screener")
            account.receive([("", "one@alone.example")], "Screener")
        account.receive([("", "s0@shop.example")], "Screener")
        account.receive([("", "a@pair.example")], "Screener")
        account.receive([("", "b@pair.example")], "Screener")
        assert told(account)["domains"] == [
            {"domain": "shop.example", "senders": 4, "messages": 5},
            {"domain": "news.example", "senders": 3, "messages": 3},
        ]
        said = " ".join(run_command(account.environment, "waiting").output.split())
        assert (
            "Of these, 4 from shop.example and 3 from news.example: @EntireDomain beside a triage label "
            "decides about everyone at that domain."
        ) in said

    def test_of_many_such_domains_only_the_first_are_named(self, account: AccountUnderTest) -> None:
        """A hint is one line; programs get them all."""
        furnish_domains(account)
        for domain in range(6):
            for number in range(3):
                account.receive([("", f"s{number}@d{domain}.example")], "Screener")
        assert len(told(account)["domains"]) == 6
        said = " ".join(run_command(account.environment, "waiting").output.split())
        assert (
            "3 from d0.example, 3 from d1.example and 3 from d2.example (and several from 3 more domains)"
            in said
        )

    def test_without_the_label_nothing_is_said_of_domains(self, account: AccountUnderTest) -> None:
        """What the account cannot do is no advice."""
        for number in range(3):
            account.receive([("", f"s{number}@shop.example")], "Screener")
        assert told(account)["domains"] == []
        assert "Entire" not in run_command(account.environment, "waiting").output

    def test_whose_domain_is_decided_on_does_not_wait(self, account: AccountUnderTest) -> None:
        """Their mail is left over, as that of a sender who is decided on by themselves."""
        furnish_domains(account)
        add_contact(account, "Everyone at shop.example", "*@shop.example", groups=["Feed domains"])
        add_contact(account, "One", "one@shop.example", groups=["Jail"])
        for name in ("a", "b", "c", "one"):
            account.receive([("", f"{name}@shop.example")], "Screener")
        found = told(account)
        assert (found["senders"], found["domains"]) == ([], [])
        assert found["others"] == [{"why": "decided", "messages": 4}]
