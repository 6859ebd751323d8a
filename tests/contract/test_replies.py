"""Mail in Screener that answers the person goes to the Inbox; what only says so waits."""

from __future__ import annotations

import pytest

from mailroom.account import Account
from tests.support.accounts import AccountUnderTest, add_contact, contacts, groups_of, join, label
from tests.support.running import opened, run_cycle

ANN = ("Ann", "ann@example.net")
BOB = ("Bob", "bob@example.net")
LIST = ("Dev", "dev@lists.example")
MALLORY = ("Mallory", "mallory@example.net")
PASSED = "$mailroom-settled"


@pytest.fixture
def mailroom(account: AccountUnderTest) -> Account:
    """Mailroom as it is when the service has started."""
    mailroom = opened(account)
    mailroom.begin()
    return mailroom


def passed(account: AccountUnderTest, mailroom: Account) -> set[str]:
    """What a cycle lets out of Screener because it answers the person."""
    return {each.message.id for each in mailroom.triage.run().replies.passed}


class TestWhatIsAnAnswer:
    """Evidence is a mail in Sent."""

    def test_a_reply_to_what_the_person_sent_goes_to_the_inbox_at_once(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Without a card and without a decision; others' mail waits on; a second cycle writes nothing."""
        sent = account.send(ANN)
        reply, other = account.receive([ANN], "Screener", reply_to=sent), account.receive([BOB], "Screener")
        before = contacts(account)
        assert passed(account, mailroom) == {reply}
        assert account.mailboxes_of(reply) == {"Inbox"}
        assert account.mailboxes_of(other) == {"Screener"}
        assert contacts(account) == before
        state = account.state()
        assert passed(account, mailroom) == set()
        assert account.state() == state

    def test_it_keeps_the_persons_own_mailboxes(self, account: AccountUnderTest, mailroom: Account) -> None:
        """Only Screener is left."""
        reply = account.receive([ANN], "Screener", "Family", reply_to=account.send(ANN))
        assert passed(account, mailroom) == {reply}
        assert account.mailboxes_of(reply) == {"Inbox", "Family"}

    def test_two_answers_in_one_conversation_and_an_answer_to_one(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Whoever they are from: to whom the person wrote may ask somebody else."""
        sent = account.send(ANN)
        first = account.receive([ANN], "Screener", reply_to=sent)
        second = account.receive([BOB], "Screener", reply_to=sent)
        third = account.receive([MALLORY], "Screener", reply_to=second)
        assert passed(account, mailroom) == {first, second, third}

    def test_an_answer_with_another_subject_names_what_was_sent(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Servers begin a new conversation there; the Message-ID is found among what was sent last."""
        name = account.message_id_of(account.send(ANN))
        reply = account.receive_naming([ANN], [name], "Screener", subject="[Ticket 7] We have your mail")
        assert passed(account, mailroom) == {reply}

    def test_an_answer_on_a_list_to_which_the_person_wrote(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Who answers there answers the person, directly or behind others whose mail did not come."""
        name = account.message_id_of(account.send(LIST))
        reply = account.receive_naming([BOB], [name, "unknown@elsewhere.example"], "Screener")
        assert passed(account, mailroom) == {reply}

    def test_who_wrote_first_is_let_in_from_their_next_mail_on(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """The person answers a stranger's mail in Screener: that one is no answer, a further one is."""
        first = account.receive([ANN], "Screener")
        assert passed(account, mailroom) == set()
        account.send(ANN, reply_to=first)
        assert passed(account, mailroom) == set()
        further = account.receive([ANN], "Screener", reply_to=first)
        assert passed(account, mailroom) == {further}
        assert account.mailboxes_of(first) == {"Screener"}

    def test_a_contact_in_no_triage_group(self, account: AccountUnderTest, mailroom: Account) -> None:
        """Nothing is decided on them."""
        add_contact(account, *ANN, groups=["Friends"])
        reply = account.receive([ANN], "Screener", reply_to=account.send(ANN))
        assert passed(account, mailroom) == {reply}


class TestWhatIsNone:
    """Anybody may write anything into their headers."""

    def test_a_message_id_that_nobody_sent(self, account: AccountUnderTest, mailroom: Account) -> None:
        """It proves nothing; nor does one of mail that came."""
        account.send(ANN)
        other = account.message_id_of(account.receive([BOB], "Inbox"))
        account.receive_naming([MALLORY], ["made-up@elsewhere.example"], "Screener")
        account.receive_naming([MALLORY], [other], "Screener")
        assert passed(account, mailroom) == set()

    def test_a_subject_alone(self, account: AccountUnderTest, mailroom: Account) -> None:
        """All mail here has the same one."""
        account.send(MALLORY)
        account.receive([MALLORY], "Screener")
        assert passed(account, mailroom) == set()

    @pytest.mark.parametrize("place", ["Drafts", "Trash", "Archive", "Junk"])
    def test_what_does_not_lie_in_sent(
        self, account: AccountUnderTest, mailroom: Account, place: str
    ) -> None:
        """Mail that was not sent, or that the person has thrown away or moved, is no evidence."""
        sent = account.send(ANN)
        account.place(sent, place)
        account.receive([ANN], "Screener", reply_to=sent)
        assert passed(account, mailroom) == set()

    def test_what_lies_in_sent_and_is_somebody_elses(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Mail that was passed on unchanged, say."""
        theirs = account.receive([BOB], "Sent")
        account.receive([MALLORY], "Screener", reply_to=theirs)
        assert passed(account, mailroom) == set()

    def test_a_newsletter_that_the_person_answered(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Its Message-ID is known to everybody who gets it: it lets in only to whom the person wrote."""
        newsletter = account.receive([BOB], "Inbox")
        account.send(BOB, reply_to=newsletter)
        account.receive([MALLORY], "Screener", reply_to=newsletter)
        assert passed(account, mailroom) == set()

    def test_mail_from_the_persons_own_address(self, account: AccountUnderTest, mailroom: Account) -> None:
        """Nobody answers themselves; the address in From may be forged."""
        sent = account.send(ANN)
        account.receive([("Me", account.address)], "Screener", reply_to=sent)
        assert passed(account, mailroom) == set()

    def test_mail_whose_sender_cannot_be_told(self, account: AccountUnderTest, mailroom: Account) -> None:
        """They may have been decided on."""
        sent = account.send(ANN)
        account.receive(None, "Screener", reply_to=sent)
        account.receive([ANN, BOB], "Screener", reply_to=sent)
        assert passed(account, mailroom) == set()


class TestTheWordOfThePerson:
    """It stands above what they wrote before."""

    @pytest.mark.parametrize(
        ("groups", "place"), [(["Jail"], "Jail"), (["Feed"], "Feed"), (["Feed", "Jail"], "Screener")]
    )
    def test_who_is_decided_on_is_left_to_that(
        self, account: AccountUnderTest, mailroom: Account, groups: list[str], place: str
    ) -> None:
        """Their mail is swept where it belongs, or left where nobody can know that."""
        add_contact(account, *ANN, groups=groups)
        reply = account.receive([ANN], "Screener", reply_to=account.send(ANN))
        assert passed(account, mailroom) == set()
        assert account.mailboxes_of(reply) == {place}

    def test_who_was_put_into_a_group_by_hand_just_now(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """What counts is the contacts of the moment."""
        uid = add_contact(account, *ANN)
        mailroom.book.refresh()
        join(account, "Jail", uid)
        reply = account.receive([ANN], "Screener", reply_to=account.send(ANN))
        assert passed(account, mailroom) == set()
        assert account.mailboxes_of(reply) == {"Jail"}

    def test_a_label_says_where_it_goes(self, account: AccountUnderTest, mailroom: Account) -> None:
        """The sender's other mail follows them, too."""
        sent = account.send(ANN)
        labelled = account.receive([ANN], "Screener", reply_to=sent)
        other = account.receive([ANN], "Screener", reply_to=sent)
        label(account, labelled, "@ToFeed")
        assert passed(account, mailroom) == set()
        assert account.mailboxes_of(labelled) == account.mailboxes_of(other) == {"Feed"}
        assert groups_of(account, ANN[1]) == ["Feed"]

    def test_a_conflict_leaves_all_of_theirs(self, account: AccountUnderTest, mailroom: Account) -> None:
        """Until the person has said which label they mean."""
        reply = account.receive([ANN], "Screener", reply_to=account.send(ANN))
        label(account, account.receive([ANN], "Family"), "@ToFeed")
        label(account, account.receive([ANN], "Family"), "@ToJail")
        assert passed(account, mailroom) == set()
        assert account.mailboxes_of(reply) == {"Screener"}

    @pytest.mark.parametrize("protected", ["Trash", "Junk", "Sent", "Drafts"])
    def test_protected_mail(self, account: AccountUnderTest, mailroom: Account, protected: str) -> None:
        """What is in Trash, Junk, Sent or Drafts besides stays where it is."""
        reply = account.receive([ANN], "Screener", protected, reply_to=account.send(ANN))
        assert passed(account, mailroom) == set()
        assert account.mailboxes_of(reply) == {"Screener", protected}

    def test_what_the_person_puts_back_is_left_there(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """By hand or by @ToScreener; after a restart, too."""
        sent = account.send(ANN)
        by_hand = account.receive([ANN], "Screener", reply_to=sent)
        by_label = account.receive([BOB], "Screener", reply_to=sent)
        assert passed(account, mailroom) == {by_hand, by_label}
        assert PASSED in account.keywords_of(by_hand)
        account.place(by_hand, "Screener")
        label(account, by_label, "@ToScreener")
        assert passed(account, mailroom) == set()
        assert run_cycle(account).replies.passed == ()
        assert account.mailboxes_of(by_hand) == account.mailboxes_of(by_label) == {"Screener"}

    def test_an_answer_that_the_label_puts_into_screener_is_left_there(
        self, account: AccountUnderTest, mailroom: Account
    ) -> None:
        """Also where Mailroom has never let it out, and with it what else they answered."""
        add_contact(account, *ANN, groups=["Feed"])
        sent = account.send(ANN)
        labelled = account.receive([ANN], "Feed", "@ToScreener", reply_to=sent)
        other = account.receive([ANN], "Feed", reply_to=sent)
        assert passed(account, mailroom) == set()
        assert run_cycle(account).replies.passed == ()
        assert account.mailboxes_of(labelled) == account.mailboxes_of(other) == {"Screener"}

    def test_looking_costs_one_request_where_new_mail_waits_and_none_where_none_does(
        self, account: AccountUnderTest, mailroom: Account, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What was looked at once is not looked at again; who is decided on is not asked about at all."""
        add_contact(account, *BOB, groups=["Feed"])
        mailroom.book.refresh()
        sent = account.send(ANN)
        counts = {}

        def count(what: str) -> None:
            before = len(account.requests())
            mailroom.triage.run()
            counts[what] = len(account.requests()) - before

        count("the first cycle")
        count("idle")
        account.receive([MALLORY], "Screener")
        count("new mail that is no answer")
        count("idle again")
        account.receive([ANN], "Screener", reply_to=sent)
        account.receive([ANN], "Screener", reply_to=sent)
        count("two answers")
        count("idle after its own write")
        account.receive([BOB], "Screener", reply_to=sent)
        count("an answer of somebody in a triage group")
        with capsys.disabled():
            print(f"\nrequests: {counts}")
        assert counts["idle"] == counts["idle again"] == counts["idle after its own write"] == 1
        assert counts["new mail that is no answer"] == 3, "labels and Screener, contacts, conversations"
        assert counts["two answers"] == 4, "and the move"
        assert counts["an answer of somebody in a triage group"] == 3, (
            "labels and Screener, contacts, the move"
        )

    def test_answers_can_be_left_to_the_person(self, account: AccountUnderTest) -> None:
        """MAILROOM_REPLIES_PASS=false turns it off; it does not need the sweep of stragglers."""
        reply = account.receive([ANN], "Screener", reply_to=account.send(ANN))
        assert run_cycle(account, MAILROOM_REPLIES_PASS="false").replies.passed == ()
        assert account.mailboxes_of(reply) == {"Screener"}
        assert len(run_cycle(account, MAILROOM_SWEEP_STRAGGLERS="false").replies.passed) == 1
        assert account.mailboxes_of(reply) == {"Inbox"}
