"""Whole cycles by the real process, and what a cycle costs."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from mailroom.errors import UserError
from tests.support import vcards
from tests.support.accounts import AccountUnderTest, add_contact, group_card_name, groups_of
from tests.support.running import opened, run_cycle, run_process

ANN = ("Ann", "ann@example.net")
BOB = ("Bob", "bob@example.net")


def fill(account: AccountUnderTest) -> dict[str, str]:
    """Let mail arrive and be labelled so that a cycle has something of every kind to do."""
    add_contact(account, "Bob", BOB[1], groups=["Feed"])
    add_contact(account, "Carol Jones", "carol@example.net")
    return {
        "new": account.receive([ANN], "Screener", "@ToFeed"),
        "waiting": account.receive([ANN], "Screener"),
        "changed": account.receive([BOB], "Feed", "@ToImbox"),
        "old news": account.receive([BOB], "Feed", read=True),
        "odd name": account.receive([("Your Bank", "carol@example.net")], "Screener", "@ToPaperTrail"),
        "conflict": account.receive([("Dan", "dan@example.net")], "Screener", "@ToFeed", "@ToJail"),
        "no sender": account.receive(None, "Screener", "@ToFeed"),
        "stranger": account.receive([("Eve", "eve@example.net")], "Screener"),
    }


AFTERWARDS = {
    "new": {"Feed"},
    "waiting": {"Feed"},
    "changed": {"Inbox"},
    "old news": {"Archive"},
    "odd name": {"Paper Trail", "@MailroomWarning"},
    "conflict": {"Screener", "@ToFeed", "@ToJail", "@MailroomError"},
    "no sender": {"Screener", "@ToFeed", "@MailroomError"},
    "stranger": {"Screener"},
}


def where(account: AccountUnderTest, messages: dict[str, str]) -> dict[str, set[str]]:
    return {name: account.mailboxes_of(message) for name, message in messages.items()}


def events(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def test_run_once_does_one_cycle_and_a_second_one_writes_nothing(account: AccountUnderTest) -> None:
    """``mailroom run --once`` files everybody, exits 0, and has nothing left to write when run again."""
    messages = fill(account)
    first = run_process(account, "run", "--once")
    assert (first.returncode, first.stderr) == (0, "")
    assert where(account, messages) == AFTERWARDS
    filed = {event["sender"]: event for event in events(first.stdout) if event["event"] == "sender_filed"}
    assert set(filed) == {ANN[1], BOB[1], "carol@example.net"}
    assert (filed[ANN[1]]["card"], filed[BOB[1]]["card"]) == ("created", "found")
    assert filed[ANN[1]]["messages_moved"] == 2
    before = account.state()
    second = run_process(account, "run", "--once")
    assert (second.returncode, second.stderr) == (0, "")
    assert account.state() == before
    assert not any(event["event"] == "sender_filed" for event in events(second.stdout))
    for secret in ("MAILROOM_JMAP_TOKEN", "MAILROOM_CARDDAV_PASSWORD"):
        if secret in account.environment:
            assert account.environment[secret] not in first.stdout + second.stdout


def test_plan_tells_what_would_be_done_and_writes_nothing(account: AccountUnderTest) -> None:
    """``mailroom plan`` reads only, and names the senders that the next cycle files."""
    fill(account)
    before = account.state()
    planned = run_process(account, "plan")
    assert planned.returncode == 0, planned.stderr
    assert account.state() == before
    for sender in (ANN[1], BOB[1], "carol@example.net"):
        assert sender in planned.stdout
    assert "eve@example.net" not in planned.stdout


def test_plan_says_by_what_a_person_finds_what_is_left_to_them(account: AccountUnderTest) -> None:
    """Sender, day and a search to type, as in the log; no mail program finds an id."""
    messages = fill(account)
    planned = run_process(account, "plan", "--json")
    left = {each["message_id"]: each for each in json.loads(planned.stdout)["left_to_you"]}
    assert left.keys() == {messages["conflict"], messages["no sender"]}
    conflict, no_sender = left[messages["conflict"]], left[messages["no sender"]]
    assert (conflict["sender"], conflict["name"], conflict["date"]) == (
        "dan@example.net",
        "Dan",
        "2026-03-01",
    )
    assert conflict["search"] == "from:dan@example.net after:2026-02-27 before:2026-03-03"
    assert no_sender["search"] == "after:2026-02-27 before:2026-03-03"
    shown = " ".join(run_process(account, "plan").stdout.split())
    for each in (conflict, no_sender):
        assert f"search for {each['search']}" in shown
        assert str(each["message_id"]) not in shown
    assert "message of 2026-03-01 from Dan <dan@example.net>: labelled for" in shown


def test_check_finds_nothing_wrong_and_writes_nothing(account: AccountUnderTest) -> None:
    """``mailroom check`` exits 0 on an account that has everything."""
    before = account.state()
    checked = run_process(account, "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert account.state() == before


def test_what_is_missing_is_named_all_at_once(account: AccountUnderTest) -> None:
    """Without its mailboxes and groups the process ends at once, with their names and no traceback."""
    account.remove_mailbox("Screener")
    account.remove_mailbox("@ToJail")
    account.delete_card(group_card_name(account, "Paper Trail"))
    ended = run_process(account, "run", "--once")
    assert ended.returncode != 0
    said = ended.stdout + ended.stderr
    assert "Traceback" not in said
    for name in ("Screener", "@ToJail", "Paper Trail"):
        assert name in said


@pytest.mark.parametrize("secret", ["MAILROOM_JMAP_TOKEN", "MAILROOM_CARDDAV_PASSWORD"])
def test_wrong_credentials_end_the_process_at_once(account: AccountUnderTest, secret: str) -> None:
    """A credential that the server refuses is named by its variable, and not shown."""
    if secret not in account.environment:
        pytest.skip("over JMAP there is no other secret")
    ended = run_process(account, "run", "--once", **{secret: "wrong-secret"})
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    assert secret in said
    assert "wrong-secret" not in said
    assert "Traceback" not in said


def test_names_from_the_settings_are_used(account: AccountUnderTest) -> None:
    """Every mailbox and group may have another name than the default."""
    account.rename_mailbox("Screener", "Waiting room")
    account.rename_mailbox("@ToFeed", "Zum Lesen")
    account.rename_mailbox("Feed", "Zeitung")
    account.put_card(group_card_name(account, "Feed"), vcards.group("Zeitung", uid="group-feed"))
    names = {
        "MAILROOM_SCREENER_MAILBOX": "Waiting room",
        "MAILROOM_LABEL_TO_FEED": "Zum Lesen",
        "MAILROOM_GROUP_FEED": "Zeitung",
    }
    messages = [account.receive([ANN], "Waiting room", "Zum Lesen"), account.receive([ANN], "Waiting room")]
    run_cycle(account, **names)
    assert [account.mailboxes_of(message) for message in messages] == [{"Zeitung"}, {"Zeitung"}]
    assert groups_of(account, ANN[1]) == ["Zeitung"]


def test_an_idle_cycle_is_one_request(account: AccountUnderTest) -> None:
    """Where no message is labelled, a cycle asks once and writes nothing."""
    account.receive([ANN], "Screener")
    mailroom = opened(account)
    mailroom.begin()
    mailroom.triage.run()
    before, requests = account.state(), len(account.requests())
    mailroom.triage.run()
    assert len(account.requests()) - requests == 1
    assert account.state() == before


def test_only_the_service_looks_for_what_an_earlier_process_left(account: AccountUnderTest) -> None:
    """A command that only reads asks for no mark of a broken-off cycle; who runs cycles asks once."""
    requests = [len(account.requests())]
    for ask in (opened(account).check, opened(account).begin):
        ask()
        requests.append(len(account.requests()))
    checking, beginning = (after - before for before, after in pairwise(requests))
    assert beginning == checking + 1


def test_filing_costs_no_request_per_message(account: AccountUnderTest) -> None:
    """New senders cost one PUT for each card, and no more than twelve requests besides."""
    senders = [(f"Sender {n}", f"sender{n}@example.net") for n in range(8)]
    for sender in senders:
        for _ in range(4):
            account.receive([sender], "Screener")
        account.receive([sender], "Screener", "@ToFeed")
    mailroom = opened(account)
    mailroom.begin()
    before = len(account.requests())
    report = mailroom.triage.run()
    assert len(report.filed) == len(senders)
    assert len(account.requests()) - before <= 12 + len(senders)


def test_a_mailbox_renamed_while_running_is_followed_or_told(account: AccountUnderTest) -> None:
    """A running service keeps to the mailbox that bears the name, and says so if there is none."""
    mailroom = opened(account)
    mailroom.begin()
    mailroom.triage.run()
    account.rename_mailbox("Feed", "Feed of old")
    account.add_mailboxes({"Feed": None})
    message = account.receive([ANN], "Screener", "@ToFeed")
    mailroom.triage.run()
    assert account.mailboxes_of(message) == {"Feed"}
    account.rename_mailbox("Screener", "Elsewhere")
    with pytest.raises(UserError, match="Screener"):
        mailroom.triage.run()
