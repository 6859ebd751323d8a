"""A label on a conversation: whom it means, where a mail program puts it on several messages at once."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.accounts import (
    AccountUnderTest,
    Sender,
    add_contact,
    contacts_of,
    groups_of,
    label,
    unlabel,
)
from tests.support.running import run_cycle

ANN = ("Ann", "ann@example.net")
BOB = ("Bob", "bob@example.net")
CAROL = ("Carol", "carol@example.net")


def conversation(
    account: AccountUnderTest, *messages: tuple[Sender, str], labelled: str = "@ToFeed"
) -> list[str]:
    """Let messages of one conversation arrive, each from somebody and in a mailbox, and label them all."""
    arrived: list[str] = []
    for sender, mailbox in messages:
        arrived.append(account.receive([sender], mailbox, reply_to=arrived[0] if arrived else ""))
    for each in arrived:
        label(account, each, labelled)
    return arrived


def places(account: AccountUnderTest, messages: Sequence[str]) -> list[set[str]]:
    return [account.mailboxes_of(message) for message in messages]


class TestOwnAndProtected:
    """They say nothing beside others."""

    def test_the_label_comes_off_ones_own_messages(self, account: AccountUnderTest) -> None:
        """Neither an error nor a card: the label speaks of whom the person writes with."""
        messages = conversation(account, (ANN, "Screener"), (("Me", account.address), "Sent"))
        report = run_cycle(account)
        assert places(account, messages) == [{"Feed"}, {"Sent"}]
        assert not report.rejected
        assert [message.id for message, _ in report.released] == [messages[1]]

    def test_and_off_protected_mail(self, account: AccountUnderTest) -> None:
        """Whoever lies in Trash is not decided on by the way."""
        messages = conversation(account, (ANN, "Screener"), (BOB, "Trash"))
        run_cycle(account)
        assert places(account, messages) == [{"Feed"}, {"Trash"}]
        assert contacts_of(account, BOB[1]) == []

    def test_where_there_is_nothing_to_file_as_well(self, account: AccountUnderTest) -> None:
        """Beside a conflict, which waits for the person, it comes off in the first cycle, told once."""
        conflict, thrown_away = conversation(account, (ANN, "Screener"), (BOB, "Trash"))
        label(account, conflict, "@ToJail")
        assert len(run_cycle(account).released) == 1
        assert account.mailboxes_of(thrown_away) == {"Trash"}
        assert run_cycle(account).says_nothing_new

    def test_alone_they_count_as_before(self, account: AccountUnderTest) -> None:
        """A label on a message in Trash, with nobody else in the conversation, is a decision."""
        (message,) = conversation(account, (BOB, "Trash"))
        run_cycle(account)
        assert account.mailboxes_of(message) == {"Trash"}
        assert groups_of(account, BOB[1]) == ["Feed"]


class TestStrangersAndKnown:
    """Labelled together, the label speaks of the strangers."""

    def test_who_was_decided_on_keeps_their_place(self, account: AccountUnderTest) -> None:
        """Neither group nor mail of theirs changes, and their label comes off."""
        add_contact(account, *BOB, groups=["Imbox"])
        messages = conversation(account, (ANN, "Screener"), (BOB, "Inbox"))
        report = run_cycle(account)
        assert places(account, messages) == [{"Feed"}, {"Inbox"}]
        assert (groups_of(account, ANN[1]), groups_of(account, BOB[1])) == (["Feed"], ["Imbox"])
        assert [message.id for message, _ in report.released] == [messages[1]]

    def test_so_does_a_contact_in_no_group(self, account: AccountUnderTest) -> None:
        """A person's own contact is known as well."""
        add_contact(account, *BOB, groups=["Friends"])
        messages = conversation(account, (ANN, "Screener"), (BOB, "Inbox"))
        run_cycle(account)
        assert places(account, messages) == [{"Feed"}, {"Inbox"}]
        assert groups_of(account, BOB[1]) == ["Friends"]

    def test_several_strangers_are_all_filed(self, account: AccountUnderTest) -> None:
        """They all wait outside, and the label lets them all in."""
        messages = conversation(account, (ANN, "Screener"), (BOB, "Screener"), (CAROL, "Screener"))
        report = run_cycle(account)
        assert places(account, messages) == [{"Feed"}] * 3
        assert len(report.filed) == 3

    def test_a_label_elsewhere_means_them_all_the_same(self, account: AccountUnderTest) -> None:
        """Who has the label where nobody else has it is meant beyond doubt."""
        add_contact(account, *BOB, groups=["Imbox"])
        conversation(account, (ANN, "Screener"), (BOB, "Inbox"))
        alone = account.receive([BOB], "Inbox", "@ToFeed")
        run_cycle(account)
        assert account.mailboxes_of(alone) == {"Feed"}
        assert groups_of(account, BOB[1]) == ["Feed"]


class TestKnownAlone:
    """Where all were decided on before."""

    def test_of_several_nobody_knows_who_is_meant(self, account: AccountUnderTest) -> None:
        """They are left to the person, who takes the label off those they do not mean."""
        add_contact(account, *ANN, groups=["Imbox"])
        add_contact(account, *BOB, groups=["Paper Trail"])
        messages = conversation(account, (ANN, "Inbox"), (BOB, "Paper Trail"))
        report = run_cycle(account)
        assert not report.filed
        assert all("@MailroomError" in where for where in places(account, messages))
        assert all(ANN[1] in each.reason and BOB[1] in each.reason for each in report.rejected)
        unlabel(account, messages[0], "@ToFeed")
        run_cycle(account)
        assert places(account, messages) == [{"Inbox"}, {"Feed"}]
        assert (groups_of(account, ANN[1]), groups_of(account, BOB[1])) == (["Imbox"], ["Feed"])

    def test_one_whom_it_would_change_is_meant(self, account: AccountUnderTest) -> None:
        """Beside somebody who is in that group already."""
        add_contact(account, *ANN, groups=["Feed"])
        add_contact(account, *BOB, groups=["Imbox"])
        messages = conversation(account, (ANN, "Feed"), (BOB, "Inbox"))
        run_cycle(account)
        assert places(account, messages) == [{"Feed"}, {"Feed"}]
        assert groups_of(account, BOB[1]) == ["Feed"]

    def test_one_alone_is_changed(self, account: AccountUnderTest) -> None:
        """Several messages of one sender are no question."""
        add_contact(account, *ANN, groups=["Imbox"])
        messages = conversation(account, (ANN, "Inbox"), (ANN, "Inbox"))
        run_cycle(account)
        assert places(account, messages) == [{"Feed"}] * 2

    def test_taking_back_asks_as_well(self, account: AccountUnderTest) -> None:
        """Two decisions are not taken back because they are in one conversation; one is."""
        add_contact(account, *ANN, groups=["Feed"])
        add_contact(account, *BOB, groups=["Jail"])
        two = conversation(account, (ANN, "Feed"), (BOB, "Jail"), labelled="@ToScreener")
        run_cycle(account)
        assert (groups_of(account, ANN[1]), groups_of(account, BOB[1])) == (["Feed"], ["Jail"])
        for each in two:
            unlabel(account, each, "@ToScreener", "@MailroomError")
        one = conversation(account, (ANN, "Feed"), (CAROL, "Screener"), labelled="@ToScreener")
        run_cycle(account)
        assert groups_of(account, ANN[1]) == []
        assert places(account, one) == [{"Screener"}] * 2


def test_moved_to_the_label_they_are_not_left_among_strangers(account: AccountUnderTest) -> None:
    """Where the label is the only place: who is decided on goes where they belong, all else to the Inbox."""
    add_contact(account, *BOB, groups=["Friends"])
    add_contact(account, *CAROL, groups=["Paper Trail"])
    me = ("Me", account.address)
    messages = conversation(account, (ANN, "Screener"), (BOB, "Family"), (CAROL, "Paper Trail"), (me, "Sent"))
    for each in messages:
        account.place(each, "@ToFeed")
    run_cycle(account)
    assert places(account, messages) == [{"Feed"}, {"Inbox"}, {"Paper Trail"}, {"Inbox"}]


class TestThoseWhoCannotBeFiled:
    """A stranger who joins a conversation has no label decide about others in it, whatever they write."""

    def test_a_strangers_conflict_leaves_the_others_where_they_are(self, account: AccountUnderTest) -> None:
        """The label was meant for the stranger; once that is settled, it speaks of them."""
        add_contact(account, *BOB, groups=["Imbox"])
        messages = conversation(account, (ANN, "Screener"), (BOB, "Inbox"), labelled="@ToJail")
        label(account, messages[0], "@ToFeed")
        run_cycle(account)
        assert groups_of(account, BOB[1]) == ["Imbox"]
        unlabel(account, messages[0], "@ToFeed")
        run_cycle(account)
        assert places(account, messages) == [{"Jail"}, {"Inbox"}]
        assert (groups_of(account, ANN[1]), groups_of(account, BOB[1])) == (["Jail"], ["Imbox"])

    def test_mail_of_two_senders_does_so_too(self, account: AccountUnderTest) -> None:
        """Both messages are left to the person, and what they leave the label on counts."""
        add_contact(account, *BOB, groups=["Imbox"])
        of_bob = account.receive([BOB], "Inbox")
        of_two = account.receive([ANN, CAROL], "Screener", reply_to=of_bob)
        for each in (of_bob, of_two):
            label(account, each, "@ToJail")
        run_cycle(account)
        assert groups_of(account, BOB[1]) == ["Imbox"]
        assert account.mailboxes_of(of_bob) == {"Inbox", "@ToJail", "@MailroomError"}
        before = account.state()
        run_cycle(account)
        assert account.state() == before
        unlabel(account, of_two, "@ToJail")
        run_cycle(account)
        assert account.mailboxes_of(of_bob) == {"Jail"}

    def test_what_lies_in_trash_says_nothing_there_either(self, account: AccountUnderTest) -> None:
        """Its label just comes off, so that the next cycle would see the other alone: both do the same."""
        add_contact(account, *BOB, groups=["Imbox"])
        of_bob = account.receive([BOB], "Inbox")
        of_two = account.receive([ANN, CAROL], "Trash", reply_to=of_bob)
        for each in (of_bob, of_two):
            label(account, each, "@ToJail")
        label(account, of_two, "@ToFeed")
        report = run_cycle(account)
        assert not report.rejected
        assert places(account, [of_bob, of_two]) == [{"Jail"}, {"Trash"}]


def test_who_has_the_label_elsewhere_leaves_nobody_alone_with_it(account: AccountUnderTest) -> None:
    """Else the next cycle would take the other for the one who is meant."""
    add_contact(account, *ANN, groups=["Imbox"])
    add_contact(account, *BOB, groups=["Imbox"])
    messages = conversation(account, (ANN, "Inbox"), (BOB, "Inbox"))
    account.receive([ANN], "Inbox", "@ToFeed")
    for _ in range(2):
        run_cycle(account)
        assert (groups_of(account, ANN[1]), groups_of(account, BOB[1])) == (["Feed"], ["Imbox"])
        assert places(account, messages) == [{"Feed"}, {"Inbox"}]


def test_two_addresses_of_one_card_are_one(account: AccountUnderTest) -> None:
    """What the label changes for the one it changes for the other: there is nothing to ask."""
    add_contact(account, ANN[0], ANN[1], BOB[1], groups=["Imbox"])
    messages = conversation(account, (ANN, "Inbox"), ((ANN[0], BOB[1]), "Inbox"))
    run_cycle(account)
    assert places(account, messages) == [{"Feed"}, {"Feed"}]


def test_a_contact_beside_somebody_who_is_taken_back_keeps_their_place(account: AccountUnderTest) -> None:
    """Nothing is decided on them, and Screener is not where their mail waits to be seen."""
    add_contact(account, *ANN, groups=["Feed"])
    add_contact(account, *BOB, groups=["Friends"])
    messages = conversation(account, (ANN, "Feed"), (BOB, "Inbox"), labelled="@ToScreener")
    run_cycle(account)
    assert places(account, messages) == [{"Screener"}, {"Inbox"}]
    assert groups_of(account, ANN[1]) == []


def test_two_different_labels_on_one_sender_stay_a_conflict(account: AccountUnderTest) -> None:
    """Whatever the conversation."""
    messages = conversation(account, (ANN, "Screener"), (BOB, "Screener"))
    label(account, messages[0], "@ToJail")
    run_cycle(account)
    assert "@MailroomError" in account.mailboxes_of(messages[0])
    assert account.mailboxes_of(messages[1]) == {"Feed"}
