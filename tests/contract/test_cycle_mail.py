"""A whole cycle: where messages go."""

from __future__ import annotations

import pytest

from tests.support.accounts import PROTECTED, AccountUnderTest, add_contact, groups_of, label
from tests.support.running import opened, run_cycle

ANN = ("Ann", "ann@example.net")
BOB = ("Bob", "bob@example.net")


class TestSweep:
    """The sender's other messages."""

    def test_all_their_waiting_messages_go_and_nobody_elses(self, account: AccountUnderTest) -> None:
        """Everything from exactly this sender leaves Screener; similar senders' mail waits on."""
        label_on = account.receive([ANN], "Screener", "@ToFeed")
        theirs = [account.receive([("Another name", "ANN@example.net")], "Screener") for _ in range(3)]
        read = account.receive([ANN], "Screener", read=True)
        others = [
            account.receive(senders, "Screener")
            for senders in (
                [BOB],
                [("Ann", "ann@example.net.example")],
                [("ann@example.net", "mallory@example.net")],
                [("Joann", "joann@example.net")],
                [ANN, BOB],
                None,
            )
        ]
        run_cycle(account)
        for message in (label_on, read, *theirs):
            assert account.mailboxes_of(message) == {"Feed"}
        for message in others:
            assert account.mailboxes_of(message) == {"Screener"}

    def test_more_messages_than_the_server_takes_at_once_all_go(self, account: AccountUnderTest) -> None:
        """The server's limits leave nothing behind in Screener."""
        messages = [account.receive([ANN], "Screener") for _ in range(2 * account.max_objects + 1)]
        label(account, messages[0], "@ToFeed")
        report = run_cycle(account)
        assert {frozenset(account.mailboxes_of(message)) for message in messages} == {frozenset({"Feed"})}
        assert report.filed[0].messages_moved == len(messages)

    def test_a_message_keeps_the_persons_own_mailboxes(self, account: AccountUnderTest) -> None:
        """What lies in Screener and in a mailbox of the person's own only leaves Screener."""
        account.receive([ANN], "Screener", "@ToFeed")
        message = account.receive([ANN], "Screener", "Family")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Feed", "Family"}

    @pytest.mark.parametrize("place", ["Family", "Archive", "Paper Trail", *PROTECTED])
    def test_messages_that_lie_elsewhere_stay(self, account: AccountUnderTest, place: str) -> None:
        """Outside Screener, the Inbox and what they leave, the sender's unlabelled messages stay."""
        account.receive([ANN], "Screener", "@ToFeed")
        elsewhere = account.receive([ANN], place)
        run_cycle(account)
        assert account.mailboxes_of(elsewhere) == {place}

    @pytest.mark.parametrize("place", PROTECTED)
    def test_protected_mail_is_not_swept_even_from_screener(
        self, account: AccountUnderTest, place: str
    ) -> None:
        """A message in Screener and in Trash, Junk, Sent or Drafts stays as it is."""
        account.receive([ANN], "Screener", "@ToFeed")
        message = account.receive([ANN], "Screener", place)
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Screener", place}

    def test_read_mail_of_a_new_sender_goes_to_the_inbox(self, account: AccountUnderTest) -> None:
        """Only who changes category has read mail archived."""
        account.receive([ANN], "Screener", "@ToImbox")
        read = account.receive([ANN], "Screener", read=True)
        run_cycle(account)
        assert account.mailboxes_of(read) == {"Inbox"}

    def test_mail_that_came_after_the_last_look_is_swept_too(self, account: AccountUnderTest) -> None:
        """The sender's messages are read after they have joined the group, so that none falls in between."""
        account.receive([ANN], "Screener", "@ToFeed")
        mailroom = opened(account)
        mailroom.begin()
        late = account.receive([ANN], "Screener")
        mailroom.triage.run()
        assert account.mailboxes_of(late) == {"Feed"}


class TestChangeOfCategory:
    """A sender who was in another triage group."""

    @pytest.mark.parametrize(
        ("old", "new_label", "new"),
        [
            ("Feed", "@ToPaperTrail", "Paper Trail"),
            ("Paper Trail", "@ToJail", "Jail"),
            ("Jail", "@ToFeed", "Feed"),
        ],
    )
    def test_their_mail_leaves_the_old_mailbox(
        self, account: AccountUnderTest, old: str, new_label: str, new: str
    ) -> None:
        """Read and unread messages in Screener and in the mailbox they leave go to the new one."""
        add_contact(account, *ANN, groups=[old])
        messages = [
            account.receive([ANN], old, new_label),
            account.receive([ANN], old),
            account.receive([ANN], old, read=True),
            account.receive([ANN], "Screener", read=True),
        ]
        other = account.receive([BOB], old)
        run_cycle(account)
        for message in messages:
            assert account.mailboxes_of(message) == {new}
        assert account.mailboxes_of(other) == {old}
        assert groups_of(account, ANN[1]) == [new]

    @pytest.mark.parametrize("new_label", ["@ToImbox", "@ToPerson"])
    def test_into_the_inbox_goes_what_is_unread_and_the_rest_to_the_archive(
        self, account: AccountUnderTest, new_label: str
    ) -> None:
        """Old newsletters do not flood the Inbox: what was read goes to the Archive instead."""
        add_contact(account, *ANN, groups=["Feed"])
        unread = [
            account.receive([ANN], "Feed", new_label),
            account.receive([ANN], "Feed"),
            account.receive([ANN], "Screener"),
        ]
        read = [
            account.receive([ANN], "Feed", read=True),
            account.receive([ANN], "Screener", read=True),
            account.receive([ANN], "Feed", new_label, read=True),
        ]
        run_cycle(account)
        for message in unread:
            assert account.mailboxes_of(message) == {"Inbox"}
        for message in read:
            assert account.mailboxes_of(message) == {"Archive"}

    def test_out_of_the_inbox_goes_everything(self, account: AccountUnderTest) -> None:
        """Who was in the Imbox and is sent to the Feed leaves the Inbox, read or not."""
        add_contact(account, *ANN, groups=["Imbox"])
        messages = [
            account.receive([ANN], "Inbox", "@ToFeed"),
            account.receive([ANN], "Inbox"),
            account.receive([ANN], "Inbox", read=True),
        ]
        stays = account.receive([BOB], "Inbox")
        run_cycle(account)
        for message in messages:
            assert account.mailboxes_of(message) == {"Feed"}
        assert account.mailboxes_of(stays) == {"Inbox"}

    def test_from_imbox_to_person_is_no_change_of_mailbox(self, account: AccountUnderTest) -> None:
        """Both categories share group and destination, so read mail stays in the Inbox."""
        add_contact(account, *ANN, groups=["Imbox"])
        read = account.receive([ANN], "Inbox", read=True)
        labelled = account.receive([ANN], "Inbox", "@ToPerson")
        run_cycle(account)
        assert account.mailboxes_of(read) == account.mailboxes_of(labelled) == {"Inbox"}
        assert groups_of(account, ANN[1]) == ["Imbox"]


class TestMailInTheInbox:
    """A label on a newsletter in the Inbox speaks of all that its sender has there."""

    @pytest.mark.parametrize("is_contact", [False, True], ids=["a stranger", "a contact"])
    def test_it_goes_where_the_sender_goes(self, account: AccountUnderTest, *, is_contact: bool) -> None:
        """The labelled message and the others, read or not, whoever the sender was before."""
        if is_contact:
            add_contact(account, *ANN)
        theirs = [
            account.receive([ANN], "Inbox", "@ToFeed"),
            account.receive([ANN], "Inbox"),
            account.receive([ANN], "Inbox", read=True),
        ]
        other = account.receive([BOB], "Inbox")
        report = run_cycle(account)
        assert [account.mailboxes_of(message) for message in theirs] == [{"Feed"}] * 3
        assert account.mailboxes_of(other) == {"Inbox"}
        assert report.filed[0].messages_moved == 3

    def test_the_persons_own_mailboxes_keep_it(self, account: AccountUnderTest) -> None:
        """What lies in the Inbox and in a mailbox of their own only leaves the Inbox."""
        account.receive([ANN], "Inbox", "@ToJail")
        kept = account.receive([ANN], "Inbox", "Family")
        run_cycle(account)
        assert account.mailboxes_of(kept) == {"Jail", "Family"}

    @pytest.mark.parametrize("place", PROTECTED)
    def test_protected_mail_stays(self, account: AccountUnderTest, place: str) -> None:
        """A message in the Inbox and in Trash, Junk, Sent or Drafts stays as it is."""
        account.receive([ANN], "Screener", "@ToFeed")
        message = account.receive([ANN], "Inbox", place)
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Inbox", place}

    @pytest.mark.parametrize("triage_label", ["@ToImbox", "@ToPerson"])
    def test_it_stays_where_the_inbox_is_the_destination(
        self, account: AccountUnderTest, triage_label: str
    ) -> None:
        """Nothing is moved that lies where it belongs."""
        theirs = [account.receive([ANN], "Inbox", triage_label), account.receive([ANN], "Inbox", read=True)]
        report = run_cycle(account)
        assert [account.mailboxes_of(message) for message in theirs] == [{"Inbox"}] * 2
        assert report.filed[0].messages_moved == 0

    def test_a_sender_who_is_half_filed_is_finished(self, account: AccountUnderTest) -> None:
        """A cycle that was cut off after the group was written cannot be told from a label anew."""
        run_first = account.receive([ANN], "Screener", "@ToFeed")
        run_cycle(account)
        again = account.receive([ANN], "Inbox", "@ToFeed")
        more = account.receive([ANN], "Inbox")
        run_cycle(account)
        assert {frozenset(account.mailboxes_of(x)) for x in (run_first, again, more)} == {frozenset({"Feed"})}

    def test_without_a_label_it_stays(self, account: AccountUnderTest) -> None:
        """What the person has put into the Inbox of a sender decided on before is swept by no later cycle."""
        account.receive([ANN], "Screener", "@ToFeed")
        run_cycle(account)
        kept = account.receive([ANN], "Inbox")
        waiting = account.receive([ANN], "Screener")
        run_cycle(account)
        assert account.mailboxes_of(kept) == {"Inbox"}
        assert account.mailboxes_of(waiting) == {"Feed"}


class TestTheLabelledMessage:
    """What happens to the message that carries the label."""

    @pytest.mark.parametrize("place", ["Archive", "Family", "Paper Trail"])
    def test_it_keeps_its_place_and_gets_the_destination_besides(
        self, account: AccountUnderTest, place: str
    ) -> None:
        """A labelled message that lies elsewhere stays there and is in the destination too."""
        message = account.receive([ANN], place, "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(message) == {place, "Feed"}

    @pytest.mark.parametrize("place", PROTECTED)
    def test_in_a_protected_mailbox_it_only_loses_the_label(
        self, account: AccountUnderTest, place: str
    ) -> None:
        """In Trash, Junk, Sent or Drafts the message stays as it is; its sender is filed all the same."""
        message = account.receive([ANN], place, "@ToFeed")
        waiting = account.receive([ANN], "Screener")
        run_cycle(account)
        assert account.mailboxes_of(message) == {place}
        assert account.mailboxes_of(waiting) == {"Feed"}
        assert groups_of(account, ANN[1]) == ["Feed"]

    @pytest.mark.parametrize(
        ("triage_label", "destination"), [("@ToFeed", "Feed"), ("@ToImbox", "Inbox"), ("@ToJail", "Jail")]
    )
    def test_moved_onto_the_label_it_ends_in_the_destination(
        self, account: AccountUnderTest, triage_label: str, destination: str
    ) -> None:
        """A message that is nowhere but in the label is not lost when the label comes off."""
        message = account.receive([ANN], triage_label)
        run_cycle(account)
        assert account.mailboxes_of(message) == {destination}

    def test_in_the_destination_already_it_only_loses_the_label(self, account: AccountUnderTest) -> None:
        """There is nothing to move."""
        add_contact(account, *ANN, groups=["Feed"])
        message = account.receive([ANN], "Feed", "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Feed"}

    @pytest.mark.parametrize(
        ("places", "groups", "ends_in"),
        [
            (["Archive", "Paper Trail"], [], {"Archive", "Paper Trail", "Inbox"}),
            (["Feed", "Paper Trail"], ["Feed"], {"Archive", "Paper Trail"}),
            (["Feed", "Paper Trail"], [], {"Feed", "Paper Trail", "Inbox"}),
            (["Archive", "Screener"], [], {"Archive", "Inbox"}),
            (["Archive"], [], {"Archive", "Inbox"}),
            (["Archive", "Feed"], ["Feed"], {"Archive"}),
            (["Family"], ["Feed"], {"Family", "Inbox"}),
        ],
    )
    def test_read_it_loses_only_screener_and_what_the_sender_leaves(
        self, account: AccountUnderTest, places: list[str], groups: list[str], ends_in: set[str]
    ) -> None:
        """A mailbox that the person put it into is kept, the Archive too; the destination comes besides."""
        if groups:
            add_contact(account, *ANN, groups=groups)
        message = account.receive([ANN], *places, "@ToImbox", read=True)
        run_cycle(account)
        assert account.mailboxes_of(message) == ends_in
        assert account.keywords_of(message) <= {"$seen"}, "no mark of Mailroom's is left"

    def test_its_read_flag_stays(self, account: AccountUnderTest) -> None:
        """Mailroom moves mail; whether it was read is the person's."""
        add_contact(account, *ANN, groups=["Feed"])
        read = account.receive([ANN], "Feed", read=True)
        unread = account.receive([ANN], "Feed", "@ToImbox")
        run_cycle(account)
        run_cycle(account)
        assert account.mailboxes_of(read) == {"Archive"}
        assert account.mailboxes_of(unread) == {"Inbox"}
