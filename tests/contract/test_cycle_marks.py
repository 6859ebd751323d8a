"""A whole cycle: the error label and the warning label."""

from __future__ import annotations

import pytest

from tests.support import vcards
from tests.support.accounts import PROTECTED, AccountUnderTest, add_contact, contacts, groups_of, unlabel
from tests.support.running import opened, run_cycle

ANN = ("Ann", "ann@example.net")
ERROR, WARNING = "@MailroomError", "@MailroomWarning"


class TestErrorLabel:
    """The error label stays as long as its reason, and no longer."""

    def test_it_stays_without_further_writes_while_its_reason_lasts(self, account: AccountUnderTest) -> None:
        """A message that was marked once is not written again in each cycle, nor told as new."""
        message = account.receive(None, "Screener", "@ToFeed")
        run_cycle(account)
        before = account.state()
        report = run_cycle(account)
        assert account.state() == before
        assert account.mailboxes_of(message) == {"Screener", "@ToFeed", ERROR}
        assert [rejected.is_new for rejected in report.rejected] == [False]

    def test_it_comes_off_with_its_reason(self, account: AccountUnderTest) -> None:
        """A message whose triage label the person has taken off loses the error label."""
        message = account.receive(None, "Screener", "@ToFeed")
        run_cycle(account)
        unlabel(account, message, "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Screener"}

    def test_a_message_nowhere_else_goes_back_to_screener(self, account: AccountUnderTest) -> None:
        """Where a stale error label is a message's only mailbox, the message waits in Screener again."""
        message = account.receive([ANN], ERROR)
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Screener"}
        assert not contacts(account)

    def test_nowhere_else_but_of_a_filed_sender_it_goes_where_their_mail_is(
        self, account: AccountUnderTest
    ) -> None:
        """What the person moved onto the error label follows the sender when the conflict is solved."""
        labelled = account.receive([ANN], "Screener", "@ToFeed")
        marked = account.receive([ANN], ERROR)
        run_cycle(account)
        assert account.mailboxes_of(labelled) == account.mailboxes_of(marked) == {"Feed"}


class TestProtectedMail:
    """In Trash, Junk, Sent and Drafts no error label is put on."""

    @pytest.mark.parametrize("place", PROTECTED)
    @pytest.mark.parametrize(
        ("senders", "labels"),
        [(None, ["@ToFeed"]), ([ANN], ["@ToFeed", "@ToJail"]), ([("Me", "")], ["@ToImbox"])],
        ids=["no sender", "two labels", "the person"],
    )
    def test_the_triage_label_just_comes_off(
        self, account: AccountUnderTest, place: str, senders: list[tuple[str, str]] | None, labels: list[str]
    ) -> None:
        """Nothing is filed, the message keeps its place and no more, and the reason is told once."""
        if senders and not senders[0][1]:
            senders = [("Me", account.address)]
        message = account.receive(senders, place, *labels)
        forecast = opened(account).triage.forecast()
        assert [each.id for each, _ in forecast.released] == [message]
        assert not forecast.rejected, "nobody needs to do anything"
        assert not forecast.is_empty
        report = run_cycle(account)
        assert account.mailboxes_of(message) == {place}
        ((released, reason),) = report.released
        assert released.id == message
        assert "only the label is taken off" in reason
        assert not report.rejected
        assert not contacts(account)
        assert not run_cycle(account).released

    def test_a_conflict_with_another_message_is_left_to_the_person(self, account: AccountUnderTest) -> None:
        """Taking one label off would leave the other as a decision; only the other message is marked."""
        thrown_away = account.receive([ANN], "Trash", "@ToJail")
        waiting = account.receive([ANN], "Screener", "@ToFeed")
        mailroom = opened(account)
        reports = [mailroom.triage.run() for _ in range(2)]
        assert account.mailboxes_of(thrown_away) == {"Trash", "@ToJail"}
        assert account.mailboxes_of(waiting) == {"Screener", "@ToFeed", ERROR}
        assert [sorted(x.is_new for x in report.rejected) for report in reports] == [[True] * 2, [False] * 2]
        unlabel(account, thrown_away, "@ToJail")
        mailroom.triage.run()
        assert account.mailboxes_of(waiting) == {"Feed"}


class TestWarningLabel:
    """The warning label says that a sender's name is another than their card's."""

    def test_another_name_is_marked_and_filing_goes_on(self, account: AccountUnderTest) -> None:
        """The labelled message gets the warning label; the sender is filed; other mail is not marked."""
        add_contact(account, "Ann Smith", "ann@example.net")
        labelled = account.receive([("Your Bank", "ann@example.net")], "Screener", "@ToFeed")
        waiting = account.receive([("Your Bank", "ann@example.net")], "Screener")
        report = run_cycle(account)
        assert account.mailboxes_of(labelled) == {"Feed", WARNING}
        assert account.mailboxes_of(waiting) == {"Feed"}
        assert [(x.message.id, x.name_on_card) for x in report.warned] == [(labelled, "Ann Smith")]
        assert groups_of(account, ANN[1]) == ["Feed"]

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("Ann Smith", id="same"),
            pytest.param("ANN  smith", id="case and white space"),
            pytest.param("", id="none"),
            pytest.param("Ann@Example.net", id="the address"),
        ],
    )
    def test_what_is_not_another_name_is_not_marked(self, account: AccountUnderTest, name: str) -> None:
        """Case and white space do not count, and no name, or the address for a name, is no other name."""
        add_contact(account, "Ann Smith", "ann@example.net")
        message = account.receive([(name, "ann@example.net")], "Screener", "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Feed"}

    def test_a_new_sender_is_not_marked(self, account: AccountUnderTest) -> None:
        """The card just made bears the name that the sender shows."""
        message = account.receive([ANN], "Screener", "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Feed"}

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("Ann\u202e\u2066 Lee", id="bidirectional overrides"),
            pytest.param("Ann\u200b Lee\ufeff", id="zero width"),
            pytest.param("Ann\x07 \x1b[31mLee", id="controls"),
            pytest.param("Ann\uffff Lee", id="no character"),
            pytest.param("می\u200cخواهم", id="a joiner that belongs there"),
            pytest.param("Lee " * 200, id="very long"),
            pytest.param("Ann\t  Lee, Ltd.; \\n", id="white space and escapes"),
        ],
    )
    def test_a_name_that_its_card_cannot_bear_is_no_other_name(
        self, account: AccountUnderTest, name: str
    ) -> None:
        """What a name is cleaned of for the card does not count where it is compared, then and later."""
        first = account.receive([(name, ANN[1])], "Screener", "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(first) == {"Feed"}
        assert len(contacts(account)) == 1
        later = account.receive([(name, ANN[1])], "Feed", "@ToImbox")
        run_cycle(account)
        assert WARNING not in account.mailboxes_of(first) | account.mailboxes_of(later)

    def test_it_stays_without_further_writes_while_the_names_differ(self, account: AccountUnderTest) -> None:
        """A second cycle writes nothing."""
        add_contact(account, "Ann Smith", "ann@example.net")
        message = account.receive([("Your Bank", "ann@example.net")], "Screener", "@ToFeed")
        run_cycle(account)
        before = account.state()
        run_cycle(account)
        assert account.state() == before
        assert WARNING in account.mailboxes_of(message)

    def test_it_comes_off_when_the_names_agree_again(self, account: AccountUnderTest) -> None:
        """When the person renames the card, the next cycle takes the warning off by itself."""
        account.put_card("a.vcf", vcards.contact("a", "Ann Smith", "ann@example.net"))
        message = account.receive([("Ann Jones", "ann@example.net")], "Screener", "@ToFeed")
        run_cycle(account)
        assert WARNING in account.mailboxes_of(message)
        account.put_card("a.vcf", vcards.contact("a", "Ann Jones", "ann@example.net"))
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Feed"}

    def test_it_comes_off_when_the_card_is_gone(self, account: AccountUnderTest) -> None:
        """Where there is no card, there is no name to differ from."""
        account.put_card("a.vcf", vcards.contact("a", "Ann Smith", "ann@example.net"))
        message = account.receive([("Ann Jones", "ann@example.net")], "Screener", "@ToFeed")
        run_cycle(account)
        account.delete_card("a.vcf")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Feed"}

    def test_none_where_warnings_are_off(self, account: AccountUnderTest) -> None:
        """MAILROOM_WARNINGS_ENABLED=false: no message is marked, and the label need not exist."""
        account.remove_mailbox(WARNING)
        add_contact(account, "Ann Smith", "ann@example.net")
        message = account.receive([("Your Bank", "ann@example.net")], "Screener", "@ToFeed")
        run_cycle(account, MAILROOM_WARNINGS_ENABLED="false")
        assert account.mailboxes_of(message) == {"Feed"}

    @pytest.mark.parametrize("place", ["Trash", "Sent"])
    def test_none_on_protected_mail(self, account: AccountUnderTest, place: str) -> None:
        """In a protected mailbox nothing but the triage label is touched."""
        add_contact(account, "Ann Smith", "ann@example.net")
        message = account.receive([("Your Bank", "ann@example.net")], place, "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(message) == {place}
