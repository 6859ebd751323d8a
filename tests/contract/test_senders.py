"""`mailroom senders`, on the sandbox and on real Cyrus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import harm
from tests.support.accounts import AccountUnderTest, Sender, add_contact
from tests.support.behind import behind
from tests.support.harm import Harm
from tests.support.running import run_command

SINCE = "2026-01-01"
ANN = ("Ann Example", "ann@example.net")
BOB = ("", "bob@example.net")
NEWS = ("The News", "news@lists.example")
MORE_NEWS = ("More News", "more@lists.example")


def listed(account: AccountUnderTest, *arguments: str) -> dict[str, dict[str, Any]]:
    """Return what is told of each sender, in the order in which they are told."""
    done = run_command(account.environment, "senders", "--json", "--since", SINCE, *arguments)
    assert done.code == 0, done.errors
    return {each["email"]: each for each in done.json()["senders"]}


def filed_by_file(account: AccountUnderTest, path: Path) -> list[str]:
    """Return the lines of the file that are no comments and not empty."""
    done = run_command(account.environment, "senders", "--since", SINCE, "--file", str(path))
    assert done.code == 0, done.errors
    return [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]


class TestWho:
    """Who is listed, and what is told of them."""

    def test_the_most_frequent_first_with_the_newest_date(self, account: AccountUnderTest) -> None:
        """Mail in the Inbox, in Screener, where it was filed and in the Archive counts; each message once."""
        account.receive([BOB], "Inbox", at="2026-02-01T10:00:00Z")
        account.receive([ANN], "Archive", at="2026-02-02T10:00:00Z")
        account.receive([ANN], "Screener", "Inbox", at="2026-02-03T10:00:00Z")
        account.receive([ANN], "Feed", at="2026-01-03T10:00:00Z")
        assert [(x["email"], x["messages"], x["newest"]) for x in listed(account).values()] == [
            (ANN[1], 3, "2026-02-03T10:00:00Z"),
            (BOB[1], 1, "2026-02-01T10:00:00Z"),
        ]

    def test_not_the_person_nor_what_was_thrown_away_or_is_older(self, account: AccountUnderTest) -> None:
        """Own addresses, Trash, Junk and Sent tell of nobody who writes; nor does mail from before."""
        account.receive([("Me", account.address)], "Inbox")
        account.receive([ANN], "Trash")
        account.receive([ANN], "Junk")
        account.receive([BOB], "Inbox", at="2025-12-31T23:59:00Z")
        account.receive(None, "Inbox")
        account.receive([ANN, BOB], "Inbox")
        account.send(ANN)
        assert listed(account) == {}

    def test_without_a_day_ninety_days_count(self, account: AccountUnderTest) -> None:
        """What a person gets now is what they have to decide on."""
        account.receive([ANN], "Inbox", at="2020-02-01T10:00:00Z")
        assert run_command(account.environment, "senders", "--json").json()["senders"] == []
        done = run_command(account.environment, "senders", "--json", "--since", "30000").json()
        assert [each["email"] for each in done["senders"]] == [ANN[1]]

    def test_what_they_are_filed_as(self, account: AccountUnderTest) -> None:
        """A group tells the category; a card in none of them is a contact; a stranger is neither."""
        add_contact(account, "Annie on her card", ANN[1], groups=["Feed"])
        add_contact(account, "Bob", BOB[1], groups=["Friends"])
        for sender in (ANN, BOB, NEWS):
            account.receive([sender], "Inbox")
        found = listed(account)
        told = {x["email"]: (x["filed_as"], x["is_contact"], x["name"]) for x in found.values()}
        assert told[ANN[1]] == (["Feed"], True, "Annie on her card")
        assert told[BOB[1]] == ([], True, "")
        assert told[NEWS[1]] == ([], False, "The News")

    def test_who_is_filed_and_does_not_write_comes_last(self, account: AccountUnderTest) -> None:
        """The file is a backup as well; the person's own card in a group is none of it."""
        add_contact(account, "Ann", ANN[1], groups=["Jail"])
        add_contact(account, "Me", account.address, groups=["Imbox"])
        add_contact(account, "A friend", "friend@example.net", groups=["Friends"])
        account.receive([BOB], "Inbox")
        assert [(x["email"], x["messages"]) for x in listed(account).values()] == [(BOB[1], 1), (ANN[1], 0)]


class TestKindAndSuggestion:
    """List or person, and what may fit."""

    def test_mail_over_lists_is_told_from_people_one_has_written_to(self, account: AccountUnderTest) -> None:
        """List-Id and List-Unsubscribe tell the one, mail in Sent the other."""
        account.receive_from_list(NEWS, "Inbox")
        account.receive_from_list(ANN, "Inbox")
        account.receive([BOB], "Inbox")
        account.send(ANN)
        kinds = {x["email"]: (x["kind"], x["suggestion"]) for x in listed(account).values()}
        assert kinds == {NEWS[1]: ("list", "Feed"), ANN[1]: ("person", "Person"), BOB[1]: (None, None)}

    def test_a_list_follows_those_of_its_domain(self, account: AccountUnderTest) -> None:
        """Where the person files one list of a domain, the next one of it is suggested likewise."""
        add_contact(account, *NEWS, groups=["Jail"])
        account.receive_from_list(NEWS, "Jail")
        account.receive_from_list(MORE_NEWS, "Inbox")
        found = listed(account)
        assert (found[NEWS[1]]["suggestion"], found[MORE_NEWS[1]]["suggestion"]) == (None, "Jail")


class TestOutput:
    """Table and file."""

    def test_the_table_is_aligned_and_whole(self, account: AccountUnderTest) -> None:
        """One line a sender below a header, and how many there are."""
        account.receive_from_list(NEWS, "Inbox", at="2026-02-01T10:00:00Z")
        account.receive([ANN], "Inbox", at="2026-02-02T10:00:00Z")
        done = run_command(account.environment, "senders", "--since", SINCE)
        header, ann, news, *_ = done.output.splitlines()
        for word in ("Ann Example", "The News"):
            (line,) = (line for line in (ann, news) if word in line)
            assert line.index(word) == header.index("NAME")
        assert news.split()[-2:] == ["list", "Feed?"]
        assert "What ends in ? is a suggestion" in done.output
        assert "2 senders since 2026-01-01, 2 of them not filed" in done.output

    def test_the_file_has_a_line_for_each_and_comments_out_who_is_not_filed(
        self, account: AccountUnderTest, tmp_path: Path
    ) -> None:
        """Only what is filed stands without a hash, so that applying the file as it is changes nothing."""
        add_contact(account, *ANN, groups=["Feed"])
        account.receive([ANN], "Feed")
        account.receive_from_list(NEWS, "Inbox")
        path = tmp_path / "senders.txt"
        assert filed_by_file(account, path) == ["Feed         ann@example.net  # Ann Example, 1 message"]
        assert "\n# Feed         news@lists.example  # The News, 1 message\n" in path.read_text("utf-8")

    def test_a_file_that_is_there_is_not_overwritten_unasked(
        self, account: AccountUnderTest, tmp_path: Path
    ) -> None:
        """Somebody may have edited it for an hour."""
        path = tmp_path / "senders.txt"
        path.write_text("edited")
        done = run_command(account.environment, "senders", "--file", str(path))
        assert (done.code, path.read_text()) == (1, "edited")
        assert "--force" in done.errors
        assert run_command(account.environment, "senders", "--file", str(path), "--force").code == 0
        assert "Categories: Imbox, Feed" in path.read_text("utf-8")

    @pytest.mark.parametrize(
        "name",
        ["é\r\nFeed  eve@example.net", "\u202egnp.exe", "é # b", "é\x1b[2Jgone", "1\u20282\x85 3\x0b4"],
        ids=["lines", "direction", "hash", "escape", "other line breaks"],
    )
    def test_a_name_breaks_no_line_and_steers_no_terminal(
        self, name: str, account: AccountUnderTest, tmp_path: Path
    ) -> None:
        """Whatever strangers call themselves, it stays behind the hash of their own line."""
        stranger: Sender = (name, "stranger@example.net")
        account.receive([stranger], "Inbox")
        path = tmp_path / "senders.txt"
        assert filed_by_file(account, path) == []
        lines = path.read_text("utf-8").splitlines()
        (line,) = (line for line in lines if "stranger@example.net" in line)
        assert line.startswith("# ?")
        assert all(each.isprintable() for each in lines)
        assert run_command(account.environment, "senders", "--since", SINCE).output.count("\x1b") == 0

    def test_its_requests_grow_with_pages_and_not_with_senders(self, account: AccountUnderTest) -> None:
        """A page of a mailbox that holds mail is one request, and nobody is asked about one by one."""

        def requests() -> int:
            before = len(account.requests())
            listed(account)
            return len(account.requests()) - before

        account.receive([ANN], "Inbox")
        account.receive([ANN], "Screener")
        first = requests()
        for number in range(40):
            account.receive([("", f"s{number}@example.net")], "Inbox" if number % 2 else "Screener")
        assert requests() == first

    def test_what_could_not_be_read_is_told(self, account: AccountUnderTest) -> None:
        """Nobody takes the list for the whole, or a filed sender for a stranger, without being told."""
        add_contact(account, *ANN, groups=["Feed"])
        odd = account.receive([BOB], "Inbox")
        with behind(account) as hit:
            environment = hit.proxy.environment(account.environment)
            hit.proxy.plan = Harm(harm.odd_messages(odd), harm.jmap)
            done = run_command(environment, "senders", "--since", SINCE)
            assert "1 message could not be read" in done.output
            hit.proxy.plan = Harm(harm.cut_text, lambda x: b"multiget" in x.body or harm.card_reading(x))
            done = run_command(environment, "senders", "--since", SINCE)
            assert done.code == 0, done.errors
            assert "cannot be read" in " ".join(done.output.split())
            told = run_command(environment, "senders", "--since", SINCE, "--json").json()
        assert told["unreadable_contacts"]

    def test_nothing_is_written_to_the_account(self, account: AccountUnderTest, tmp_path: Path) -> None:
        """It looks and nothing else, on an account without Screener too."""
        add_contact(account, *ANN, groups=["Feed"])
        account.receive([BOB], "Inbox")
        before = account.state()
        listed(account)
        filed_by_file(account, tmp_path / "senders.txt")
        assert account.state() == before

    def test_an_account_that_is_not_set_up_is_enough(self, bare_account: AccountUnderTest) -> None:
        """Before anything is made, a person sees who writes."""
        bare_account.receive([ANN], "Inbox")
        assert list(listed(bare_account)) == [ANN[1]]
