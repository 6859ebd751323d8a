"""`mailroom why`, on the sandbox and on real Cyrus."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.accounts import AccountUnderTest, add_contact, furnish_domains, furnish_lists, label
from tests.support.running import run_command, run_once, run_shown

ANN = ("Ann Example", "ann@example.net")


def told(account: AccountUnderTest, what: str) -> Any:
    """What the command says for programs, once the server's search knows all mail."""
    account.settle()
    done = run_command(account.environment, "why", "--json", what)
    assert done.code == 0, done.errors
    return done.json()


def message_id_of(account: AccountUnderTest, message: str) -> str:
    """The Message-ID as a mail program shows it."""
    return f"<{account.message_id_of(message)}>"


def test_a_stranger_is_undecided(account: AccountUnderTest) -> None:
    """Their mail waits, and a label on it says what the next cycle does."""
    message = account.receive([ANN], "Screener")
    found = told(account, ANN[1])
    assert (found["cards"], found["filed_as"], found["mailboxes"]) == ([], [], {"Screener": 1})
    assert "Screener" in found["new_mail"]
    assert (found["next_cycle"], found["journal"]) == ([], [])
    label(account, message, "@ToFeed")
    (says,) = told(account, ANN[1])["next_cycle"]
    assert says == "files them as Feed, by the label @ToFeed, and moves 1 message"


def test_who_was_filed_is_told_with_what_was_decided(account: AccountUnderTest) -> None:
    """Card, group, the rule that applies, where mail lies, and the journal's entries."""
    account.receive([ANN], "Screener", "@ToFeed")
    account.receive([ANN], "Archive")
    run_once(account)
    found = told(account, ANN[1])
    assert [(x["made_by_mailroom"], x["groups"]) for x in found["cards"]] == [(True, ["Feed"])]
    assert (found["filed_as"], found["mailboxes"]) == (["Feed"], {"Feed": 1, "Archive": 1})
    assert found["new_mail"] == "goes to Feed, by your rule for the contact group Feed"
    assert [x["decided"][0]["category"] for x in found["journal"]] == ["Feed"]
    shown = run_shown(account.environment, "why", ANN[1]).output
    assert max(map(len, shown.splitlines())) <= 80
    assert "decided on: in the contact group Feed" in shown


def test_an_answer_to_the_person_is_foretold(account: AccountUnderTest) -> None:
    """What the next cycle lets out of Screener is no less done by it than what it files."""
    account.receive([ANN], "Screener", reply_to=account.send(ANN))
    (says,) = told(account, ANN[1])["next_cycle"]
    assert says.startswith("lets a message out of Screener, to the Inbox: it names a mail that you sent")


def test_a_contact_in_no_triage_group_goes_to_the_inbox(account: AccountUnderTest) -> None:
    """Which is not the same as undecided."""
    add_contact(account, *ANN, groups=["Friends"])
    found = told(account, ANN[1])
    assert found["new_mail"] == "goes to the Inbox: they are a contact"
    assert ([x["groups"] for x in found["cards"]], found["filed_as"]) == ([[]], [])


def test_a_message_is_found_by_its_message_id(account: AccountUnderTest) -> None:
    """As a mail program shows it; what became of it is told besides what is known of its sender."""
    message = account.receive([ANN], "Screener", "@ToFeed")
    account.receive([ANN], "Screener")
    run_once(account)
    text = message_id_of(account, message)
    found = told(account, text)
    assert found["sender"] == ANN[1]
    assert (found["message"]["id"], found["message"]["mailboxes"]) == (message, ["Feed"])
    assert "moved from Screener to Feed" in run_command(account.environment, "why", text).output


def test_a_message_without_one_sender_says_why_nobody_is_decided_on(account: AccountUnderTest) -> None:
    """It is no error: that is what there is to know."""
    message = account.receive([ANN, ("Bob", "bob@example.net")], "Screener")
    found = told(account, message_id_of(account, message))
    assert found["sender"] is None
    assert "2 senders" in found["reason"]


@pytest.mark.parametrize("text", ["<nothing@like.this>", "nobody", "<>"])
def test_what_is_neither_is_an_error_in_words(account: AccountUnderTest, text: str) -> None:
    """A Message-ID of which there is no message, or no address."""
    done = run_command(account.environment, "why", text)
    assert (done.code, bool(done.errors)) == (1, True)


def test_an_address_in_brackets_is_an_address(
    account: AccountUnderTest,
) -> None:
    """Mail programs show senders that way, too."""
    add_contact(account, *ANN)
    assert told(account, f"<{ANN[1]}>")["sender"] == ANN[1]


def test_without_a_journal_all_else_is_told(account: AccountUnderTest) -> None:
    """And that nobody knows what was decided when."""
    account.receive([ANN], "Screener")
    done = run_command(account.environment, "why", ANN[1], MAILROOM_JOURNAL_MAILBOX="")
    assert done.code == 0
    assert "the journal is off" in done.output


def in_words(account: AccountUnderTest, what: str) -> str:
    """What the command says for people, in one line; on a terminal of eighty columns."""
    account.settle()
    shown = run_shown(account.environment, "why", what).output
    assert max(map(len, shown.splitlines())) <= 80
    return " ".join(shown.split())


class TestDomains:
    """A sender, and a decision about everybody at their domain."""

    @pytest.fixture
    def decided(self, account: AccountUnderTest) -> AccountUnderTest:
        """An account in which the domain of Ann is decided on, by a label."""
        furnish_domains(account)
        account.receive([("", "bot@example.net")], "Screener", "@ToFeed", "@EntireDomain")
        run_once(account)
        return account

    def test_whose_decision_counts_is_told_and_since_when(self, decided: AccountUnderTest) -> None:
        """Of somebody undecided the domain's: where their mail goes, and what the journal knows of it."""
        found = told(decided, ANN[1])
        assert (found["cards"], found["filed_as"]) == ([], [])
        counts = found["counts"]
        assert (counts["party"], counts["filed_as"], counts["groups"]) == (
            "*@example.net",
            ["Feed"],
            ["Feed domains"],
        )
        assert counts["since"] == found["journal"][0]["at"]
        assert found["new_mail"].startswith("goes to Feed, by your rule for the contact group Feed domains")
        said = " ".join(run_command(decided.environment, "why", ANN[1]).output.split())
        assert (
            "undecided by themselves: what counts is the decision about everyone at example.net, in the "
            "contact group Feed domains, since 2"
        ) in said

    def test_what_is_decided_about_one_counts_before(self, decided: AccountUnderTest) -> None:
        """And it is told that there is another decision, which does not."""
        decided.receive([ANN], "Screener", "@ToJail")
        run_once(decided)
        found = told(decided, ANN[1])
        assert (found["counts"]["party"], found["counts"]["groups"]) == (ANN[1], ["Jail"])
        assert found["new_mail"] == "goes to Jail, by your rule for the contact group Jail"
        said = " ".join(run_command(decided.environment, "why", ANN[1]).output.split())
        assert "that counts before what is decided about everyone at example.net" in said

    def test_the_domain_itself_can_be_asked_about(self, decided: AccountUnderTest) -> None:
        """Its card, its group, and what was done; nobody searches for its mail."""
        found = told(decided, "*@example.net")
        assert [(x["name"], x["groups"]) for x in found["cards"]] == [
            ("Everyone at example.net", ["Feed domains"])
        ]
        assert (found["filed_as"], found["messages"]) == (["Feed"], None)
        assert [x["decided"][0]["address"] for x in found["journal"]] == ["*@example.net"]
        assert run_command(decided.environment, "why", "*@example.net").output.startswith(
            "everyone at example.net\n"
        )

    def test_a_label_on_somebody_elses_mail_is_foretold(self, account: AccountUnderTest) -> None:
        """It decides about them, too."""
        furnish_domains(account)
        account.receive([ANN], "Screener")
        account.receive([("", "bot@example.net")], "Screener", "@ToFeed", "@EntireDomain")
        (says,) = told(account, ANN[1])["next_cycle"]
        assert says == "files everyone at example.net as Feed, by the label @ToFeed, and moves 2 messages"

    def test_a_domain_that_strangers_share_is_refused_where_one_looks(
        self, account: AccountUnderTest
    ) -> None:
        """With the reason."""
        furnish_domains(account)
        account.receive([("", "ann@gmail.com")], "Screener", "@ToFeed", "@EntireDomain")
        (says,) = told(account, "ann@gmail.com")["next_cycle"]
        assert "anybody can have an address at gmail.com" in says

    def test_history_of_a_domain_is_told_by_it(self, decided: AccountUnderTest) -> None:
        """As it is of a sender."""
        done = run_command(decided.environment, "history", "--json", "--sender", "*@example.net")
        assert [x["decided"][0]["category"] for x in done.json()["entries"]] == ["Feed"]
        other = run_command(decided.environment, "history", "--json", "--sender", ANN[1])
        assert other.json()["entries"] == []

    def test_a_card_in_no_triage_group_says_the_same_of_the_domain_and_of_its_senders(
        self, account: AccountUnderTest
    ) -> None:
        """Where the server knows such contacts their mail passes; elsewhere they are strangers as before."""
        furnish_domains(account)
        add_contact(account, "The Shop", "*@example.net", groups=["Friends"])
        goes = (
            "goes to the Inbox where your server takes *@example.net for everyone there, and else to "
            "Screener: nothing is decided"
        )
        assert told(account, ANN[1])["new_mail"] == told(account, "*@example.net")["new_mail"] == goes
        assert "is undecided; everyone at example.net is a contact in no triage group" in in_words(
            account, ANN[1]
        )
        assert "is a contact in no triage group" in in_words(account, "*@example.net")

    def test_that_a_domain_is_shared_by_strangers_is_said_of_it(self, account: AccountUnderTest) -> None:
        """No label decides about it; of another domain nothing of the kind is said."""
        furnish_domains(account)
        assert (
            "is undecided, and no label decides about it: anybody can have an address at gmail.com"
            in in_words(account, "*@gmail.com")
        )
        assert "no label" not in in_words(account, "*@example.net")


class TestLists:
    """A sender, and a decision about a mailing list they write to."""

    LIST = "<dev.lists.example.org>"
    BOB = ("Bob", "bob@example.org")

    def over(self, account: AccountUnderTest, *mailboxes: str) -> str:
        """Let a message of Ann arrive over the list."""
        return account.receive_with([("List-Id", f"Dev list {self.LIST}")], ANN, *mailboxes)

    @pytest.fixture
    def decided(self, account: AccountUnderTest) -> AccountUnderTest:
        """An account in which the list is decided on, by a label on a message of somebody else."""
        furnish_lists(account)
        fields = [("List-Id", f"Dev list {self.LIST}")]
        account.receive_with(fields, self.BOB, "Screener", "@ToFeed", "@EntireList")
        run_once(account)
        return account

    def test_how_much_of_theirs_came_over_it_is_told(self, decided: AccountUnderTest) -> None:
        """And what is decided about it, since when; they are undecided all the same."""
        decided.receive([ANN], "Screener")
        self.over(decided, "Feed")
        found = told(decided, ANN[1])
        (over,) = found["lists"]
        assert (over["party"], over["messages"], over["filed_as"], over["groups"]) == (
            self.LIST,
            1,
            ["Feed"],
            ["Feed"],
        )
        assert over["since"]
        assert (found["counts"], found["new_mail"]) == (None, "goes to Screener: nothing is decided")
        assert (
            "lists 1 of their messages came over the list dev.lists.example.org, decided on: in the contact "
            "group Feed, since 2"
        ) in in_words(decided, ANN[1])

    def test_one_that_waits_and_will_not_is_told(self, decided: AccountUnderTest) -> None:
        """It goes where the list goes, with what else of the list waits."""
        decided.receive([ANN], "Screener")
        self.over(decided, "Screener")
        assert told(decided, ANN[1])["next_cycle"] == [
            "moves 1 message of the list dev.lists.example.org out of Screener, to where Feed belongs"
        ]

    def test_a_message_of_the_list_is_told_by_it(self, decided: AccountUnderTest) -> None:
        """What counts for the message is the list's decision, and for its writer's other mail nothing."""
        message = self.over(decided, "Feed")
        found = told(decided, message_id_of(decided, message))
        assert (found["sender"], found["counts"]["party"]) == (ANN[1], self.LIST)
        assert found["new_mail"] == "goes to Screener: nothing is decided"
        assert (
            "undecided by themselves: what counts for this message is the decision about the list "
            "dev.lists.example.org, in the contact group Feed, since 2"
        ) in in_words(decided, message_id_of(decided, message))

    def test_a_list_nobody_has_decided_on_leaves_mail_to_its_writers(self, account: AccountUnderTest) -> None:
        """It is said to be a list, and its mail is not said to wait: some of it may not."""
        furnish_lists(account)
        message = self.over(account, "Screener")
        assert told(account, message_id_of(account, message))["lists"] == []
        says = in_words(account, self.LIST)
        assert says.startswith("the list dev.lists.example.org is undecided card none")
        assert "new mail goes where its writers' mail goes: nothing is decided about the list" in says

    def test_a_list_that_is_decided_on_is_told_with_its_rule(self, decided: AccountUnderTest) -> None:
        """By its List-Id."""
        says = in_words(decided, self.LIST)
        assert says.startswith(
            "the list dev.lists.example.org is decided on: in the contact group Feed, since"
        )
        assert "new mail goes to Feed, by your rule for the list or, where the server has none" in says

    def test_a_message_of_nobody_may_be_of_a_list(self, decided: AccountUnderTest) -> None:
        """Whoever has written it cannot be decided on, but the list is; of another list it is nobody's."""
        nobody = ("Everyone", "*@far.example")
        ours = decided.receive_with([("List-Id", self.LIST)], nobody, "Feed")
        other = decided.receive_with([("List-Id", "<other.lists.example.org>")], nobody, "Screener")
        found = told(decided, message_id_of(decided, ours))
        assert (found["sender"], found["counts"]["party"]) == (self.LIST, self.LIST)
        assert told(decided, message_id_of(decided, other))["sender"] is None
