"""`mailroom undo --last`, and what else the journal's memory restores, on the sandbox and on real Cyrus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from mailroom.errors import MailroomError
from tests.support import vcards
from tests.support.accounts import (
    DOMAIN_LABEL,
    LIST_LABEL,
    AccountUnderTest,
    add_contact,
    contacts_of,
    furnish_domains,
    furnish_lists,
    groups_of,
    join,
    label,
    members,
)
from tests.support.observer import final_state
from tests.support.proxy import Answer, Exchange, Proxy
from tests.support.running import Done, opened, run_command, run_once
from tests.support.scenarios import Stage

ANN = ("Ann Example", "ann@example.net")
BOB = ("Bob", "bob@example.net")


def undo(account: AccountUnderTest, *arguments: str) -> Done:
    done = run_command(account.environment, "undo", "--yes", *(arguments or ["--last"]))
    assert done.code in {0, 1}, done.errors
    return done


def undo_json(account: AccountUnderTest) -> Any:
    return undo(account, "--last", "--json").json()


def where(account: AccountUnderTest, messages: Sequence[str]) -> list[set[str]]:
    return [account.mailboxes_of(each) for each in messages]


def groups_as_they_are(account: AccountUnderTest) -> dict[str, list[str]]:
    return {group: sorted(members(account, group)) for group in ("Imbox", "Feed", "Paper Trail", "Jail")}


def as_it_is(stage: Stage) -> dict[str, object]:
    """The account but for messages' keywords: what Mailroom puts on so stays on."""
    state = final_state(stage)
    for name, message in stage.messages.items():
        state[f"message {name}"] = stage.account.mailboxes_of(message.id)
    return state


def sender_decided(stage: Stage) -> Sequence[str]:
    """Somebody whose address has capitals in it, and whose domain is decided on."""
    add_contact(stage.account, "Everyone at shop.example", "*@shop.example", groups=["Jail domains"])
    stage.mail("labelled", [("The Shop, Inc.", "Orders@Shop.example")], "Screener")
    stage.mail("read", [("The Shop, Inc.", "orders@shop.example")], "Jail", read=True)
    return ["@ToFeed"]


def person_decided(stage: Stage) -> Sequence[str]:
    """Somebody who gets a card with given and family name."""
    stage.mail("labelled", [("Zoë van Dyk", "Zoe@example.net")], "Screener")
    stage.mail("in the Inbox", [("Zoë van Dyk", "zoe@example.net")], "Inbox", read=True)
    return ["@ToPerson"]


def domain_decided(stage: Stage) -> Sequence[str]:
    """Everybody at a domain, of whom somebody has a decision of their own."""
    add_contact(stage.account, "Help", "help@shop.example", groups=["Imbox"])
    stage.mail("labelled", [("", "a@shop.example")], "Screener")
    stage.mail("another's", [("", "b@shop.example")], "Screener", read=True)
    stage.mail("in the Inbox", [("", "b@shop.example")], "Inbox", "Family")
    stage.mail("of who is decided on", [("Help", "help@shop.example")], "Inbox")
    return ["@ToFeed", DOMAIN_LABEL]


def list_decided(stage: Stage) -> Sequence[str]:
    """A list with a posting address, to which people write who are decided on, as is somebody's domain."""
    add_contact(stage.account, *BOB, groups=["Imbox"])
    add_contact(stage.account, "Everyone at maps.example", "*@maps.example", groups=["Jail domains"])
    dev, post = "<dev.lists.example>", "Dev@lists.example"
    stage.mail_over(dev, "labelled", ANN, "Screener", post=post)
    stage.mail_over(dev, "Bob's", BOB, "Inbox", post=post)
    stage.mail_over(dev, "Bob's, waiting", BOB, "Screener", read=True)
    stage.mail_over(dev, "of the maps", ("", "a@maps.example"), "Screener")
    stage.mail("Bob's own", [BOB], "Inbox")
    return ["@ToFeed", LIST_LABEL]


def test_a_stranger_is_undecided_again(account: AccountUnderTest) -> None:
    """Mail waits again where it waited, the card that was made goes, and what lay elsewhere is untouched."""
    messages = [
        account.receive([ANN], "Screener"),
        account.receive([ANN], "Screener", read=True),
        account.receive([ANN], "Inbox", read=True),
        account.receive([ANN], "Feed", "Family"),
        account.receive([ANN], "Archive"),
    ]
    before, cards = where(account, messages), account.cards().keys()
    label(account, messages[0], "@ToFeed")
    run_once(account)
    assert where(account, messages) != before
    done = undo(account)
    assert (done.code, done.errors) == (0, "")
    assert "Taken back: 1 sender. Moved: 3 messages." in done.output
    assert where(account, messages) == before
    assert account.cards().keys() == cards
    assert contacts_of(account, ANN[1]) == []


def test_who_changed_category_is_where_they_were_read_mail_out_of_the_archive_too(
    account: AccountUnderTest,
) -> None:
    """Each message goes back to where it was, and the sender into the group of before."""
    account.receive([ANN], "Screener", "@ToFeed")
    run_once(account)
    messages = [
        account.receive([ANN], "Feed", read=True),
        account.receive([ANN], "Feed"),
        account.receive([ANN], "Jail"),
    ]
    before, groups = where(account, messages), groups_as_they_are(account)
    label(account, messages[1], "@ToImbox")
    run_once(account)
    assert account.mailboxes_of(messages[0]) == {"Archive"}
    assert groups_of(account, ANN[1]) == ["Imbox"]
    assert undo(account).code == 0
    assert where(account, messages) == before
    assert groups_as_they_are(account) == groups


def test_a_second_time_it_takes_back_the_one_before(account: AccountUnderTest) -> None:
    """What is taken back is told in the journal, too; then nothing is left."""
    message = account.receive([ANN], "Screener")
    before, cards = account.mailboxes_of(message), account.cards().keys()
    for each, place in (("@ToFeed", "Feed"), ("@ToJail", "Jail")):
        label(account, message, each)
        run_once(account)
        assert account.mailboxes_of(message) == {place}
    undo(account)
    assert (account.mailboxes_of(message), groups_of(account, ANN[1])) == ({"Feed"}, ["Feed"])
    undo(account)
    assert (account.mailboxes_of(message), account.cards().keys()) == (before, cards)
    state = account.state()
    assert "nothing that is left to take back" in undo(account).output
    assert account.state() == state


def test_taking_back_by_a_label_is_taken_back_as_well(account: AccountUnderTest) -> None:
    """The card is made again, and the sender is in the group of before."""
    message = account.receive([ANN], "Screener", "@ToFeed")
    run_once(account)
    label(account, message, "@ToScreener")
    run_once(account)
    assert contacts_of(account, ANN[1]) == []
    assert undo(account).code == 0
    assert (account.mailboxes_of(message), groups_of(account, ANN[1])) == ({"Feed"}, ["Feed"])


@pytest.mark.parametrize("decided", [sender_decided, person_decided, domain_decided, list_decided])
def test_twice_it_leaves_all_as_it_was_to_the_byte(
    account: AccountUnderTest, decided: Callable[[Stage], Sequence[str]]
) -> None:
    """A decision is taken and taken back by labels, and the two are undone: cards, groups and mailboxes.

    A card that is made again says what it said before: the address as it is written, a person's name in its
    parts, a list's posting address. What writers of a list have decided on themselves does not matter.
    """
    furnish_domains(account)
    furnish_lists(account)
    stage = Stage(account)
    labels = decided(stage)
    before = as_it_is(stage)
    message = stage.messages["labelled"].id
    label(account, message, *labels)
    run_once(account)
    with_decision = as_it_is(stage)
    assert with_decision != before
    label(account, message, "@ToScreener", *labels[1:])
    run_once(account)
    assert as_it_is(stage) != with_decision
    for state in (with_decision, before):
        assert undo(account).code == 0
        assert as_it_is(stage) == state
    assert "nothing that is left to take back" in undo(account).output


def test_what_somebody_has_moved_since_stays_and_is_told(account: AccountUnderTest) -> None:
    """A message in another place than the journal says is the person's by now; so is one they deleted."""
    messages = [account.receive([ANN], "Screener") for _ in range(4)]
    label(account, messages[0], "@ToFeed")
    run_once(account)
    account.place(messages[1], "Family")
    account.place(messages[2], "Trash")
    account.destroy(messages[3])
    done = undo(account)
    assert "2 messages of ann@example.net stay where somebody has moved them since" in done.output
    assert where(account, messages) == [{"Screener"}, {"Family"}, {"Trash"}, set()]


def test_what_the_person_has_added_since_stays(account: AccountUnderTest) -> None:
    """It still lies where it was put, and goes back from there."""
    message = account.receive([ANN], "Screener", "@ToFeed")
    run_once(account)
    account.place(message, "Feed", "Family")
    undo(account)
    assert account.mailboxes_of(message) == {"Screener", "Family"}


def test_mail_that_came_since_follows_its_sender(account: AccountUnderTest) -> None:
    """It lies where it does because of the decision that is taken back."""
    account.receive([ANN], "Screener", "@ToFeed")
    run_once(account)
    came = account.receive([ANN], "Feed", at="2099-01-01T00:00:00Z")
    undo(account)
    assert account.mailboxes_of(came) == {"Screener"}


def test_who_was_decided_on_since_stays_and_the_one_before_is_next(account: AccountUnderTest) -> None:
    """Somebody has put them into another group by hand: nothing of theirs is touched, and it is told once."""
    add_contact(account, *ANN, groups=[])
    message = account.receive([ANN], "Screener", "@ToFeed")
    account.receive([BOB], "Screener", "@ToJail")
    run_once(account)
    second = account.receive([BOB], "Jail", "@ToImbox")
    run_once(account)
    (card,) = contacts_of(account, BOB[1])
    join(account, "Feed", vcards.value(card, "UID"))
    done = undo(account)
    assert done.code == 1
    assert "somebody has changed their contact groups since" in done.output
    assert account.mailboxes_of(second) == {"Inbox"}
    assert account.mailboxes_of(message) == {"Feed"}
    assert undo_json(account)["entry"]["at"]
    assert account.mailboxes_of(message) == {"Screener"}


def test_a_card_that_was_there_before_stays(account: AccountUnderTest) -> None:
    """It leaves the group alone, and it is said what that means."""
    uid = add_contact(account, *ANN, groups=["Friends"])
    account.receive([ANN], "Screener", "@ToFeed")
    run_once(account)
    assert "stays a contact" in undo(account).output
    assert [vcards.value(card, "UID") for card in contacts_of(account, ANN[1])] == [uid]
    assert groups_of(account, ANN[1]) == ["Friends"]


def test_only_after_a_yes(account: AccountUnderTest) -> None:
    """Without a terminal and without --yes it shows what it would do, and is an error."""
    account.receive([ANN], "Screener", "@ToFeed")
    run_once(account)
    before = account.state()
    done = run_command(account.environment, "undo", "--last")
    assert (done.code, "--yes" in done.errors) == (1, True)
    assert account.state() == before


def test_without_a_journal_nobody_knows_the_last(account: AccountUnderTest) -> None:
    """It is said how to get one; `undo ADDRESS` works all the same."""
    message = account.receive([ANN], "Screener", "@ToFeed")
    off = {"MAILROOM_JOURNAL_MAILBOX": ""}
    assert run_command(account.environment, "run", "--once", **off).code == 0
    done = run_command(account.environment, "undo", "--last", "--yes", **off)
    assert (done.code, "the journal is off" in done.errors) == (1, True)
    missing = {"MAILROOM_JOURNAL_MAILBOX": "Nowhere"}
    done = run_command(account.environment, "undo", "--last", "--yes", **missing)
    assert (done.code, "'Nowhere'" in done.errors) == (1, True)
    assert run_command(account.environment, "undo", ANN[1], "--yes", **off).code == 0
    assert account.mailboxes_of(message) == {"Screener"}


@pytest.mark.parametrize("arguments", [["--last", ANN[1]], []], ids=["both", "neither"])
def test_either_senders_or_the_last(account: AccountUnderTest, arguments: Sequence[str]) -> None:
    """One of the two has to be said, and not both."""
    done = run_command(account.environment, "undo", "--yes", *arguments)
    assert (done.code, "--last" in done.errors) == (1, True)


def test_naming_the_sender_restores_as_exactly_what_the_journal_remembers(account: AccountUnderTest) -> None:
    """Through several decisions: read mail out of the Archive again, back to Screener where it waited."""
    message = account.receive([ANN], "Screener", read=True)
    other = account.receive([ANN], "Screener")
    label(account, other, "@ToFeed")
    run_once(account)
    label(account, other, "@ToImbox")
    run_once(account)
    assert account.mailboxes_of(message) == {"Archive"}
    assert undo(account, ANN[1]).code == 0
    assert where(account, [message, other]) == [{"Screener"}, {"Screener"}]
    assert contacts_of(account, ANN[1]) == []
    assert "nothing that is left to take back" in undo(account).output


def test_naming_the_sender_leaves_what_they_filed_by_hand_between_two_decisions(
    account: AccountUnderTest,
) -> None:
    """A mailbox that was added stays, and what was moved elsewhere goes back there and no further."""
    messages = [account.receive([ANN], "Screener") for _ in range(3)]
    label(account, messages[0], "@ToFeed")
    run_once(account)
    account.place(messages[1], "Feed", "Family")
    account.place(messages[2], "Family", "@ToJail")
    run_once(account)
    assert where(account, messages) == [{"Jail"}, {"Jail", "Family"}, {"Jail", "Family"}]
    assert undo(account, ANN[1]).code == 0
    assert where(account, messages) == [{"Screener"}, {"Screener", "Family"}, {"Family"}]


@pytest.mark.parametrize("arguments", [["--last"], [ANN[1]]], ids=["the last", "by name"])
def test_mail_waits_although_the_service_sweeps_meanwhile(
    account: AccountUnderTest, arguments: Sequence[str]
) -> None:
    """A cycle between the mail and the group takes it for mail of the group: so it is put back once more."""
    messages = [account.receive([ANN], "Screener") for _ in range(3)]
    label(account, messages[0], "@ToFeed")
    run_once(account)
    seen: list[list[set[str]]] = []

    def plan(exchange: Exchange) -> None:
        if exchange.request.is_write and not seen and where(account, messages) == [{"Screener"}] * 3:
            run_once(account)
            seen.append(where(account, messages))
        exchange.pass_on()

    with Proxy(account.environment["MAILROOM_CARDDAV_URL"].rstrip("/"), plan) as proxy:
        done = run_command(proxy.environment(account.environment), "undo", "--yes", *arguments)
        proxy.check()
    assert seen == [[{"Feed"}] * 3], "the cycle has swept nothing, so this shows nothing"
    assert "Taken back: 1 sender. Moved: 3 messages." in done.output
    assert where(account, messages) == [{"Screener"}] * 3
    assert contacts_of(account, ANN[1]) == []
    run_once(account)
    assert where(account, messages) == [{"Screener"}] * 3


def test_what_broke_off_and_was_completed_is_taken_back_as_one(account: AccountUnderTest) -> None:
    """What the first cycle moved, and which group it left to be left, is told with what completes it."""
    account.receive([ANN], "Screener", "@ToFeed")
    run_once(account)
    messages = [account.receive([ANN], "Feed", read=True), account.receive([ANN], "Feed")]
    before, groups = where(account, messages), groups_as_they_are(account)
    label(account, messages[1], "@ToImbox")

    def plan(exchange: Exchange) -> None:
        if exchange.request.is_write and account.mailboxes_of(messages[0]) == {"Archive"}:
            exchange.reply(Answer(403))
        else:
            exchange.pass_on()

    with Proxy(account.environment["MAILROOM_CARDDAV_URL"].rstrip("/"), plan) as proxy:
        mailroom = opened(account, **proxy.environment(account.environment))
        mailroom.begin()
        with suppress(MailroomError):
            assert mailroom.triage.run().failed
        assert groups_of(account, ANN[1]) == ["Feed", "Imbox"]
        proxy.plan = Exchange.pass_on
        mailroom.journal.tell(mailroom.triage.run())
        proxy.check()
    assert groups_of(account, ANN[1]) == ["Imbox"]
    assert undo(account).code == 0
    assert where(account, messages) == before
    assert groups_as_they_are(account) == groups
