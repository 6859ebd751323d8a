"""`mailroom senders → apply`, on the sandbox and on real Cyrus."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import vcards
from tests.support.accounts import (
    LIST_LABEL,
    AccountUnderTest,
    Sender,
    add_contact,
    contacts,
    contacts_of,
    furnish_domains,
    furnish_lists,
    groups_of,
    join,
    members,
)
from tests.support.running import Done, run_command, run_cycle

ANN = ("Ann Example", "ann@example.net")
BOB = ("Bob", "bob@example.net")
NEWS = ("The News", "news@lists.example")
NEWS_LIST = [("List-Id", "News <news.lists.example>")]
MANY = 400


def applied(account: AccountUnderTest, path: Path, *lines: str, yes: bool = True, more: str = "") -> Done:
    """Write a file of these lines and apply it."""
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    arguments = [*(["--yes"] if yes else []), *more.split()]
    return run_command(account.environment, "apply", str(path), *arguments)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file of senders is."""
    return tmp_path / "senders.txt"


def test_a_label_on_a_conversation_is_left_to_the_cycle(account: AccountUnderTest, path: Path) -> None:
    """Were one of its senders filed before the others, the label would seem to mean those who are left."""
    add_contact(account, *BOB)
    first = account.receive([NEWS], "Screener", "@ToFeed")
    second = account.receive([BOB], "Inbox", "@ToFeed", reply_to=first)
    done = applied(account, path, "Feed news@lists.example")
    assert done.code == 1
    assert "with somebody else" in " ".join(done.output.split())
    assert contacts_of(account, NEWS[1]) == []
    run_cycle(account)
    assert [account.mailboxes_of(each) for each in (first, second)] == [{"Feed"}, {"Inbox"}]
    assert groups_of(account, BOB[1]) == []
    assert applied(account, path, "Feed news@lists.example").code == 0


class TestFiling:
    """A line means what a label on one of the sender's messages means."""

    def test_new_senders_are_filed_and_their_mail_moves(self, account: AccountUnderTest, path: Path) -> None:
        """Mail in Screener and in the Inbox goes to the destination, what lies elsewhere stays."""
        waiting = account.receive([NEWS], "Screener")
        shown = account.receive([NEWS], "Inbox")
        kept, gone = account.receive([NEWS], "Family"), account.receive([NEWS], "Trash")
        wanted = account.receive([ANN], "Screener")
        done = applied(account, path, "Feed news@lists.example", "person  ann@example.net")
        assert (done.code, done.errors) == (0, "")
        assert "Filed: 2 senders. Moved: 3 messages." in done.output
        assert groups_of(account, NEWS[1]) == ["Feed"]
        assert groups_of(account, ANN[1]) == ["Imbox"]
        places = [account.mailboxes_of(each) for each in (waiting, shown, kept, gone, wanted)]
        assert places == [{"Feed"}, {"Feed"}, {"Family"}, {"Trash"}, {"Inbox"}]

    def test_a_new_card_bears_the_name_of_the_file_or_of_their_mail(
        self, account: AccountUnderTest, path: Path
    ) -> None:
        """What stands behind the hash before a number counts, for the mail may be in another account."""
        account.receive([("Old name", NEWS[1])], "Screener")
        account.receive([("Newest name", NEWS[1])], "Inbox")
        applied(
            account,
            path,
            "Feed  news@lists.example",
            "Person  ann@example.net  # Ann, of the Examples, 12 messages",
            "Jail  bob@example.net  # never again",
            'Imbox  "Cat # One" <cat@example.net>',
        )
        names = {
            email: vcards.value(contacts_of(account, email)[0], "FN").replace("\\,", ",")
            for email in (NEWS[1], ANN[1], BOB[1], "cat@example.net")
        }
        assert names == {
            NEWS[1]: "Newest name",
            ANN[1]: "Ann, of the Examples",
            BOB[1]: BOB[1],
            "cat@example.net": "Cat # One",
        }

    def test_who_is_filed_otherwise_changes(self, account: AccountUnderTest, path: Path) -> None:
        """They leave the old group, and their mail the old mailbox; their card stays byte for byte."""
        add_contact(account, *ANN, groups=["Feed", "Friends"])
        before = contacts_of(account, ANN[1])
        moved = account.receive([ANN], "Feed")
        read = account.receive([ANN], "Feed", read=True)
        assert applied(account, path, "Imbox ANN@example.net").code == 0
        assert groups_of(account, ANN[1]) == ["Friends", "Imbox"]
        assert contacts_of(account, ANN[1]) == before
        assert account.mailboxes_of(moved) == {"Inbox"}
        assert account.mailboxes_of(read) == {"Archive"}

    def test_it_writes_nothing_without_a_yes(self, account: AccountUnderTest, path: Path) -> None:
        """Without a terminal and in JSON it shows what it would do, and does nothing."""
        account.receive([NEWS], "Screener")
        before = account.state()
        done = applied(account, path, "Feed news@lists.example", yes=False)
        assert done.code == 1
        assert "--yes" in done.errors
        assert "+Feed" in done.output
        told = applied(account, path, "Feed news@lists.example", yes=False, more="--json").json()
        assert [(x["sender"], x["messages_to_move"]) for x in told["changes"]] == [(NEWS[1], 1)]
        assert told["filed"] == []
        assert account.state() == before

    def test_mail_that_alone_would_move_is_told_before(self, account: AccountUnderTest, path: Path) -> None:
        """Whoever is filed so already may have mail where the person wants it: the line can be left out."""
        message = account.receive([NEWS], "Screener", "@ToFeed")
        run_cycle(account)
        account.place(message, "Inbox")
        done = applied(account, path, "Feed news@lists.example", "Feed ann@example.net", yes=False)
        assert "! 1 sender is as the file says, but for 1 message in the Inbox" in done.output
        assert account.mailboxes_of(message) == {"Inbox"}
        assert "but for" not in applied(account, path, "Feed ann@example.net", yes=False).output
        applied(account, path, "Feed news@lists.example")
        assert account.mailboxes_of(message) == {"Feed"}

    def test_run_again_it_writes_nothing(self, account: AccountUnderTest, path: Path) -> None:
        """What is as the file says costs nothing, and is no question."""
        account.receive([NEWS], "Screener")
        lines = ("Feed news@lists.example", "Imbox ann@example.net", "Person ann2@example.net")
        assert applied(account, path, *lines).code == 0
        before = account.state()
        done = applied(account, path, *lines, yes=False)
        assert (done.code, done.errors) == (0, "")
        assert done.output.splitlines() == ["3 senders are as the file says."]
        assert account.state() == before


class TestLeft:
    """What a file cannot do."""

    def test_own_addresses_are_told_by_their_lines(self, account: AccountUnderTest, path: Path) -> None:
        """Nobody files themselves; the others are filed all the same."""
        done = applied(account, path, "# me", f"Feed {account.address}", "Feed news@lists.example")
        assert done.code == 1
        assert f"line 2, {account.address}: the sender is one of your own" in " ".join(done.output.split())
        assert groups_of(account, NEWS[1]) == ["Feed"]
        assert contacts_of(account, account.address) == []

    def test_a_label_for_something_else_counts(self, account: AccountUnderTest, path: Path) -> None:
        """It is the newer word: the line is left, and the next cycle files them by it. The same comes off."""
        labelled = account.receive([NEWS], "Screener", "@ToJail")
        same = account.receive([ANN], "Screener", "@ToFeed")
        done = applied(account, path, "Feed news@lists.example", "Feed ann@example.net")
        assert done.code == 1
        assert "line 1, news@lists.example: a message of theirs bears @ToJail" in " ".join(
            done.output.split()
        )
        assert (groups_of(account, NEWS[1]), groups_of(account, ANN[1])) == ([], ["Feed"])
        assert account.mailboxes_of(labelled) == {"Screener", "@ToJail"}
        assert account.mailboxes_of(same) == {"Feed"}
        assert not run_cycle(account).failed
        assert (groups_of(account, NEWS[1]), groups_of(account, ANN[1])) == (["Jail"], ["Feed"])
        assert account.mailboxes_of(same) == {"Feed"}

    def test_two_who_share_a_card_cannot_be_filed_apart(self, account: AccountUnderTest, path: Path) -> None:
        """Even where one of them is as the file says: the next run would move the other back."""
        add_contact(account, "The Shop", "a@shop.example", "b@shop.example", groups=["Feed"])
        done = applied(account, path, "Feed a@shop.example", "Jail b@shop.example", "Feed news@lists.example")
        assert done.code == 1
        assert " ".join(done.output.split()).count("share a contact card") == 2
        assert groups_of(account, "a@shop.example") == ["Feed"]
        assert groups_of(account, NEWS[1]) == ["Feed"]

    def test_every_problem_of_the_file_is_told_at_once(self, account: AccountUnderTest, path: Path) -> None:
        """Each with its line and what to do; nothing is read or written before the file is right."""
        before = account.state()
        done = applied(
            account,
            path,
            "Fed  ann@example.net",
            "Feed",
            "Feed  # nobody",
            "Feed  ann at example.net",
            "Feed  Bob@example.net",
            "  jail  <mailto:bob@EXAMPLE.net>  # Bob, 3 messages",
            "?  cat@example.net",
        )
        assert (done.code, done.output, account.state()) == (1, "", before)
        told = done.errors.splitlines()
        for line, words in ((1, "'Fed'"), (2, "no address"), (3, "no address"), (4, "'ann at"), (7, "'?'")):
            (problem,) = (each for each in told if f"{path}, line {line}: " in each)
            assert words in problem
        assert any(f"{path}, lines 5 and 6: bob@example.net is said to be Feed and Jail" in x for x in told)
        assert len(told) == 6

    @pytest.mark.parametrize(
        ("data", "words"),
        [(b"Feed a@x.example\n\xff\n", "line 2: this is not UTF-8"), (None, "cannot read")],
    )
    def test_a_file_that_cannot_be_read_is_named(self, data: bytes | None, words: str, path: Path) -> None:
        """With the line where it is no text."""
        if data is not None:
            path.write_bytes(data)
        done = run_command({"MAILROOM_JMAP_TOKEN": "x"} | UNREACHABLE, "apply", str(path), "--yes")
        assert done.code == 1
        assert words in done.errors
        assert str(path) in done.errors


UNREACHABLE = {
    "MAILROOM_JMAP_SESSION_URL": "http://127.0.0.1:9/",
    "MAILROOM_CARDDAV_URL": "http://127.0.0.1:9/",
    "MAILROOM_CARDDAV_USERNAME": "me@home.example",
    "MAILROOM_CARDDAV_PASSWORD": "no-password",
}


@pytest.mark.slow
class TestMany:
    """Bulk triage, backup and migration are the same file."""

    def test_four_hundred_senders_go_from_the_list_into_their_groups(
        self, account: AccountUnderTest, path: Path
    ) -> None:
        """In the requests of one cycle: over CardDAV with one write a card, and one a group."""
        for number in range(MANY):
            sender: Sender = (f"Sender {number}", f"s{number}@example.net")
            if number % 2:
                account.receive_from_list(sender, "Screener" if number % 4 == 1 else "Inbox")
            else:
                account.receive([sender], "Screener")
                if number % 10 == 0:
                    account.send(sender)
        listed = run_command(
            account.environment, "senders", "--since", "2026-01-01", "--file", str(path), "--force"
        )
        assert listed.code == 0, listed.errors
        text = path.read_text("utf-8").replace("# ?   ", "Jail  ").replace("# Feed  ", "Feed  ")
        path.write_text(text.replace("# Person  ", "Person  "), "utf-8")
        before = len(account.requests())
        done = run_command(account.environment, "apply", str(path), "--yes")
        assert done.code == 0, done.errors
        assert f"Filed: {MANY} senders. Moved: {MANY} messages." in done.output
        requests = account.requests()[before:]
        writes = 0 if account.is_over_jmap else MANY + 3
        assert len([x for x in requests if x.startswith("PUT")]) == writes
        assert len(requests) - writes <= 30, [x for x in requests if not x.startswith("PUT")]
        sizes = {group: len(members(account, group)) for group in ("Feed", "Imbox", "Jail")}
        assert sizes == {"Feed": MANY // 2, "Imbox": MANY // 10, "Jail": MANY - MANY // 2 - MANY // 10}
        self.nothing_is_left(account, path)

    @staticmethod
    def nothing_is_left(account: AccountUnderTest, path: Path) -> None:
        """Neither the same file nor the list of now changes anything, and a cycle finds nothing to do."""
        before = account.state()
        for force in (False, True):
            if force:
                run_command(account.environment, "senders", "--file", str(path), "--force")
            done = run_command(account.environment, "apply", str(path))
            assert (done.code, done.output.splitlines()) == (0, [f"{MANY} senders are as the file says."])
        assert run_cycle(account).says_nothing_new
        assert account.state() == before

    def test_the_file_of_one_account_files_the_same_in_another(
        self, account: AccountUnderTest, path: Path
    ) -> None:
        """A backup is brought back: names and groups come again where the contacts were lost."""
        add_contact(account, *ANN, groups=["Imbox"])
        add_contact(account, "Smith & Sons, Ltd. # 1", NEWS[1], groups=["Feed"])
        account.receive([NEWS], "Feed")
        run_command(account.environment, "senders", "--since", "2026-01-01", "--file", str(path))
        for name in contacts(account):
            account.delete_card(name)
        done = run_command(account.environment, "apply", str(path), "--yes")
        assert done.code == 0, done.errors
        assert (groups_of(account, ANN[1]), groups_of(account, NEWS[1])) == (["Imbox"], ["Feed"])
        name = vcards.value(contacts_of(account, NEWS[1])[0], "FN")
        assert name.replace("\\,", ",") == "Smith & Sons, Ltd. # 1"


class TestLists:
    """A line about a mailing list means what the label beside another means."""

    def test_a_list_is_filed_and_its_mail_moves(self, account: AccountUnderTest, path: Path) -> None:
        """Whoever wrote it; applied again, nothing is left to do."""
        furnish_lists(account)
        over = account.receive_with(NEWS_LIST, ANN, "Screener")
        own = account.receive([ANN], "Screener")
        done = applied(account, path, "Feed  <news.lists.example>  # News, 1 message")
        assert (done.code, done.errors) == (0, "")
        assert "`mailroom rules --install`" in " ".join(done.output.split())
        assert [account.mailboxes_of(each) for each in (over, own)] == [{"Feed"}, {"Screener"}]
        (card,) = contacts(account).values()
        assert vcards.value(card, "FN") == "News"
        assert vcards.value(card, "NOTE") == "List-Id: <news.lists.example>"
        before = account.state()
        again = applied(account, path, "Feed  <news.lists.example>")
        assert (again.code, account.state()) == (0, before)
        assert "mailroom rules" not in again.output  # nothing is another now

    def test_the_line_that_senders_writes_of_a_list_is_taken(
        self, account: AccountUnderTest, path: Path
    ) -> None:
        """And changes nothing: it is as the file says."""
        furnish_lists(account)
        account.receive_with(NEWS_LIST, ANN, "Screener", "@ToFeed", LIST_LABEL)
        run_cycle(account)
        run_command(account.environment, "senders", "--file", str(path), "--since", "2026-01-01")
        assert "<news.lists.example>" in path.read_text("utf-8")
        before = account.state()
        done = run_command(account.environment, "apply", str(path), "--yes")
        assert (done.code, done.errors, account.state()) == (0, "", before)


class TestDomains:
    """A line about everybody at a domain means what the label beside another means."""

    def test_a_domain_is_filed_and_its_mail_moves(self, account: AccountUnderTest, path: Path) -> None:
        """But that of senders with a decision of their own; applied again, nothing is left to do."""
        furnish_domains(account)
        add_contact(account, "Bob", "bob@shop.example", groups=["Imbox"])
        bots, anns, bobs, below = (
            account.receive([("", email)], "Screener")
            for email in ("bot7@shop.example", "ann@shop.example", "bob@shop.example", "x@mail.shop.example")
        )
        lines = ("Paper Trail  *@shop.example", "Feed  ann@shop.example")
        done = applied(account, path, *lines)
        assert (done.code, done.errors) == (0, "")
        places = [account.mailboxes_of(each) for each in (bots, anns, bobs, below)]
        assert places == [{"Paper Trail"}, {"Feed"}, {"Screener"}, {"Screener"}]
        assert groups_of(account, "*@shop.example") == ["Paper Trail domains"]
        before = account.state()
        again = applied(account, path, *lines)
        assert (again.code, account.state()) == (0, before)
        assert "2 senders are as the file says" in again.output

    def test_what_a_file_holds_is_what_senders_writes(self, account: AccountUnderTest, path: Path) -> None:
        """The domain as a line that counts, whoever writes from there in a comment that says so."""
        furnish_domains(account)
        add_contact(account, "Everyone at shop.example", "*@shop.example", groups=["Feed domains"])
        account.receive([("Bot", "bot7@shop.example")], "Feed")
        run_command(account.environment, "senders", "--file", str(path), "--since", "2026-01-01")
        lines = path.read_text("utf-8").splitlines()
        assert [x.split()[:2] for x in lines if x and not x.startswith("#")] == [["Feed", "*@shop.example"]]
        (bot,) = (line for line in lines if "bot7" in line)
        assert bot.startswith("# Feed ")
        assert run_command(account.environment, "apply", str(path), "--yes").code == 0

    def test_a_domain_that_strangers_share_is_left_with_the_reason(
        self, account: AccountUnderTest, path: Path
    ) -> None:
        """And its line; all others are filed."""
        furnish_domains(account)
        account.receive([NEWS], "Screener")
        done = applied(account, path, "Feed  *@gmail.com", "Feed  news@lists.example")
        assert done.code == 1
        assert "anybody can have an address at gmail.com" in " ".join(done.output.split())
        assert (groups_of(account, "*@gmail.com"), groups_of(account, NEWS[1])) == ([], ["Feed"])

    def test_whatever_the_contacts_hold_is_written_and_read_back(
        self, account: AccountUnderTest, path: Path
    ) -> None:
        """What a person has put there by hand, too: all of it is as the file says, and nothing is refused."""
        furnish_domains(account)
        domains = ("*@SHOP.example", "*@bücher.example", "*@XN--BCHER-2YA.example", "*@gmail.com")
        for each in domains:
            add_contact(account, "Everybody", each, groups=["Feed domains"])
        for each in ("*@*.shop.example", "*@[192.0.2.1]", "no address"):
            add_contact(account, "Odd", each, groups=["Jail domains"])
        add_contact(account, "An odd sender", "a*b@shop.example", groups=["Jail"])
        notes = (
            "List-Id: <Dev.Lists.example>",
            "list-id: qa.lists.example, <x>\\n> List-Id: ann.lists.example",
        )
        for number, note in enumerate(notes):
            card = vcards.contact(f"list-{number}", "A # list, 3 messages", extra=[f"NOTE:{note}"])
            account.put_card(f"list-{number}.vcf", card)
            join(account, "Paper Trail", f"list-{number}")
        run_command(account.environment, "senders", "--file", str(path), "--since", "2026-01-01")
        lines = [x for x in path.read_text("utf-8").splitlines() if x and not x.startswith("#")]
        before = account.state()
        done = run_command(account.environment, "apply", str(path), "--yes", "--json")
        assert done.code == 0, (lines, done.errors, done.output)
        told = done.json()
        assert (told["changes"], told["left_to_you"]) == ([], [])
        assert told["unchanged"] == len(lines)
        written = {line.split("  #")[0].split()[-1] for line in lines}
        assert {"*@shop.example", "*@xn--bcher-kva.example", "*@gmail.com", "a*b@shop.example"} <= written
        assert {"<dev.lists.example>", "<ann.lists.example>"} <= written
        assert account.state() == before
