"""What `mailroom check` says of what waits: for the person, for the next cycle, and in Screener."""

from __future__ import annotations

from tests.support import harm
from tests.support.accounts import AccountUnderTest, add_contact, furnish_domains, label
from tests.support.behind import behind
from tests.support.harm import Harm
from tests.support.running import run_command, run_cycle, run_shown

GIL, HAL = ("Gil", "gil@example.net"), ("Hal", "hal@example.net")


def waiting(account: AccountUnderTest) -> list[tuple[bool | None, str]]:
    """The verdict and the sentence of each line about what waits, and that nothing was written."""
    before = account.state()
    found = run_command(account.environment, "check", "--json").json()
    assert account.state() == before
    return [(each["is_right"], each["says"]) for each in found if each["subject"] == "waiting"]


def test_an_empty_screener_is_right(account: AccountUnderTest) -> None:
    """Nothing waits for anybody."""
    assert waiting(account) == [(True, "nothing in Screener")]


def test_screener_tells_how_much_waits_of_how_many_and_since_when(account: AccountUnderTest) -> None:
    """That is what it is for, and no fault; mail without a sender is mail."""
    account.receive([GIL], "Screener", at="2026-02-03T04:05:06Z")
    account.receive([GIL], "Screener")
    account.receive([HAL], "Screener")
    account.receive(None, "Screener", at="2026-03-04T05:06:07Z")
    assert waiting(account) == [(True, "4 messages of 2 senders in Screener, the oldest of 2026-02-03")]


def test_mail_in_screener_may_be_of_nobody(account: AccountUnderTest) -> None:
    """It waits all the same."""
    account.receive(None, "Screener", at="2026-02-03T04:05:06Z")
    assert waiting(account) == [(True, "1 message of 0 senders in Screener, the oldest of 2026-02-03")]


def test_a_message_that_is_left_to_the_person_is_told_with_its_reason(account: AccountUnderTest) -> None:
    """Before a cycle has marked it and afterwards; and how to find it."""
    label(account, account.receive([GIL, HAL], "Family", at="2026-02-03T04:05:06Z"), "@ToFeed")
    label(account, account.receive([GIL], "Family", at="2026-02-04T04:05:06Z"), "@ToFeed", "@ToJail")
    for mark in ("", " (@MailroomError)"):
        two, conflict, _ = waiting(account)
        assert two == (
            False,
            f"message of 2026-02-03{mark}: the message has 2 senders in From; one is needed; to find it, "
            "search for after:2026-02-01 before:2026-02-05",
        )
        assert conflict[0] is False
        assert f"2026-02-04 from Gil <gil@example.net>{mark}: labelled for" in conflict[1]
        run_cycle(account)


def test_many_such_messages_are_counted(account: AccountUnderTest) -> None:
    """Five are named; `plan` lists them all."""
    for _ in range(5):
        label(account, account.receive([GIL, HAL], "Family"), "@ToFeed")
    assert len(waiting(account)) == 6
    for _ in range(2):
        label(account, account.receive([GIL, HAL], "Family"), "@ToFeed")
    found = waiting(account)
    assert found[5] == (False, "2 more messages left to you: `mailroom plan` lists them")
    assert len(found) == 7


def test_a_sender_to_be_filed_is_no_fault_and_no_tick(account: AccountUnderTest) -> None:
    """Whether the service gets on with it, nobody sees from here."""
    label(account, account.receive([GIL], "Screener"), "@ToFeed")
    (verdict, says), _ = waiting(account)
    assert verdict is None
    assert says.startswith(
        "1 message from senders to be filed (gil@example.net) for the next cycle; if they stay"
    )


def test_a_mark_without_a_label_comes_off_by_itself(account: AccountUnderTest) -> None:
    """The person has taken the label off; there is nothing to do."""
    account.receive([GIL], "Family", "@MailroomError")
    (verdict, says), _ = waiting(account)
    assert (verdict, says) == (None, "the next cycle takes the mark off 1 message without a label")


def test_who_is_in_several_groups_is_told(account: AccountUnderTest) -> None:
    """Which one is meant, nobody else can tell."""
    add_contact(account, "Gil", "gil@example.net", groups=["Feed", "Jail"])
    account.receive([GIL], "Screener")
    assert waiting(account)[0] == (
        False,
        "gil@example.net is in more than one triage group (Feed, Jail): take them out of all but one",
    )


def test_a_domain_on_their_card_is_told(account: AccountUnderTest) -> None:
    """One card stands for one decision: what can be done is said, whichever of them has written."""
    furnish_domains(account)
    add_contact(account, "Gil", "gil@example.net", "*@example.net", groups=["Feed", "Jail domains"])
    for sender in (GIL, ("Zoe", "zoe@example.net")):
        account.receive([sender], "Screener")
    told = [says for is_right, says in waiting(account) if is_right is False]
    assert told == [
        f"{who} is in more than one triage group (Feed, Jail domains): take them out of all but one; to "
        "decide otherwise about the domain, give *@example.net a card of its own"
        for who in ("gil@example.net", "everyone at example.net")
    ]


def test_a_sender_who_cannot_be_filed_is_told_after_the_cycle(account: AccountUnderTest) -> None:
    """By `run --once` on a terminal, which has just seen why."""
    label(account, account.receive([GIL], "Screener"), "@ToFeed")
    with behind(account) as hit:
        hit.proxy.plan = Harm(harm.status(507), harm.card_write)
        done = run_shown(hit.proxy.environment(account.environment), "run", "--once")
        hit.proxy.check()
    assert done.code == 1
    _, _, told = done.output.partition("✗ waiting ")
    assert "gil@example.net is not filed:" in told
    assert "507" in told
    assert "each cycle tries again" in " ".join(told.split())


def test_a_message_that_cannot_be_read_is_told(account: AccountUnderTest) -> None:
    """Who knows what it would be; it is no fault of the account."""
    odd = account.receive([GIL], "Screener")
    with behind(account) as hit:
        hit.proxy.plan = Harm(harm.odd_messages(odd), harm.jmap)
        environment = hit.proxy.environment(account.environment)
        found = run_command(environment, "check", "--json").json()
        hit.proxy.check()
    (told,) = [each for each in found if odd in each["says"]]
    assert (told["subject"], told["is_right"]) == ("waiting", None)
    assert told["says"].startswith(f"message {odd} cannot be read: ")
