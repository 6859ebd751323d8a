"""`mailroom why`, on the sandbox and on real Cyrus."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.accounts import AccountUnderTest, add_contact, furnish_domains, label
from tests.support.running import run_command, run_shown

ANN = ("Ann Example", "ann@example.net")


def told(account: AccountUnderTest, what: str) -> Any:
    """What the command says for programs, once the server's search knows all mail."""
    account.settle()
    done = run_command(account.environment, "why", "--json", what)
    assert done.code == 0, done.errors
    return done.json()


def cycle(account: AccountUnderTest) -> None:
    """Run one cycle as the service does, with what it tells in the journal."""
    assert run_command(account.environment, "run", "--once").code == 0


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
    cycle(account)
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
    cycle(account)
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


class TestDomains:
    """A sender, and a decision about everybody at their domain."""

    @pytest.fixture
    def decided(self, account: AccountUnderTest) -> AccountUnderTest:
        """An account in which the domain of Ann is decided on, by a label."""
        furnish_domains(account)
        account.receive([("", "bot@example.net")], "Screener", "@ToFeed", "@EntireDomain")
        cycle(account)
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
        cycle(decided)
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
