"""Without the labels for domains and lists, what is decided about them stands, wherever it is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import vcards
from tests.support.accounts import (
    DOMAIN_GROUPS,
    DOMAIN_LABEL,
    LIST_LABEL,
    AccountUnderTest,
    contacts,
    furnish_domains,
    furnish_lists,
    groups_of,
    members,
)
from tests.support.mail import Mail
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.running import Done, run_command, run_cycle

OFF = {"MAILROOM_LABEL_ENTIRE_DOMAIN": "", "MAILROOM_LABEL_ENTIRE_LIST": ""}
SINCE = "2026-01-01"
ANN, BOB, CAROL = ("Ann", "ann@shop.example"), ("Bob", "bob@shop.example"), ("Carol", "carol@else.example")
EVERYBODY = "*@shop.example"
LIST, POST = "<dev.lists.example.org>", "dev@lists.example.org"
DEV = (("List-Id", f"Dev list {LIST}"), ("List-Post", f"<mailto:{POST}>"))


@pytest.fixture
def decided(account: AccountUnderTest) -> AccountUnderTest:
    """An account in which a domain and a list were decided on while their labels were there."""
    furnish_domains(account)
    furnish_lists(account)
    account.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    account.receive_with(DEV, CAROL, "Screener", "@ToPaperTrail", LIST_LABEL)
    run_cycle(account)
    assert (groups_of(account, EVERYBODY), groups_of(account, POST)) == (["Feed domains"], ["Paper Trail"])
    return account


def off(account: AccountUnderTest, *arguments: str) -> Done:
    """Run a command without the two labels, to a good end."""
    done = run_command(account.environment, *arguments, **OFF)
    assert done.code == 0, done.output + done.errors
    return done


def applied(account: AccountUnderTest, path: Path, line: str) -> Done:
    path.write_text(f"{line}\n", "utf-8")
    return run_command(account.environment, "apply", str(path), "--yes", **OFF)


def test_what_waits_is_swept(decided: AccountUnderTest) -> None:
    """The rules on the server go by the contacts, and so does the sweep."""
    bobs = decided.receive([BOB], "Screener")
    carols = decided.receive_with(DEV, CAROL, "Screener")
    others = decided.receive([CAROL], "Screener")
    report = run_cycle(decided, **OFF)
    assert report.swept.moved == {EVERYBODY: 1, LIST: 1}
    assert (decided.mailboxes_of(bobs), decided.mailboxes_of(carols)) == ({"Feed"}, {"Paper Trail"})
    assert decided.mailboxes_of(others) == {"Screener"}


@pytest.mark.parametrize("form", ["text", "fastmail", "sieve"])
def test_the_rules_are_the_same(decided: AccountUnderTest, form: str) -> None:
    """So nothing that is installed or imported becomes stale, and no service takes anything out of it."""
    with_labels = run_command(decided.environment, "rules", "--format", form).output
    without = off(decided, "rules", "--format", form).output
    assert _undated(with_labels) == _undated(without)
    assert "dev.lists.example.org" in without


def test_they_route_what_comes(decided: AccountUnderTest) -> None:
    """On the real engine, with nothing of Mailroom running in between."""
    if not isinstance(decided, AccountOnCyrus):
        pytest.skip("only the engine delivers mail by rules")
    decided.install_rules(off(decided, "rules", "--format", "sieve").output)
    mail = Mail(decided)
    assert decided.mailboxes_of(mail.arrives(BOB[1])) == {"Feed"}
    assert decided.mailboxes_of(mail.arrives(CAROL[1], List_Id=f"Dev {LIST}")) == {"Paper Trail"}
    assert decided.mailboxes_of(mail.arrives(CAROL[1])) == {"Screener"}


def _undated(text: str) -> list[str]:
    return [line for line in text.splitlines() if '"created"' not in line and '"updated"' not in line]


def test_whose_decision_counts_is_told(decided: AccountUnderTest) -> None:
    """Of one at the domain, of the domain, and of the list."""
    decided.receive([BOB], "Inbox", at="2026-04-01T10:00:00Z")
    for asked in (BOB[1], EVERYBODY):
        assert "in the contact group Feed domains" in off(decided, "why", asked).output
    assert "in the contact group Paper Trail" in off(decided, "why", LIST).output
    told = {x["email"]: x for x in off(decided, "senders", "--json", "--since", SINCE).json()["senders"]}
    assert (told[BOB[1]]["filed_as"], told[EVERYBODY]["filed_as"]) == ([], ["Feed"])
    assert told[BOB[1]]["filed_with_domain_as"] == "Feed"
    assert told[LIST]["filed_as"] == ["Paper Trail"]
    for asked, title in ((EVERYBODY, "Feed"), (LIST, "Paper Trail")):
        assert title in off(decided, "history", "--sender", asked).output


def test_nobody_waits_of_whom_it_is_decided(decided: AccountUnderTest) -> None:
    """`waiting` and `plan` foretell what the next cycle does."""
    decided.receive([BOB], "Screener")
    decided.receive_with(DEV, CAROL, "Screener")
    assert off(decided, "waiting", "--json").json()["senders"] == []
    told = off(decided, "plan").output
    assert "everyone at shop.example" in told
    assert "the list dev.lists.example.org" in told


@pytest.mark.parametrize(("wanted", "place"), [(EVERYBODY, "Feed"), (LIST, "Paper Trail")])
def test_undo_takes_it_back(decided: AccountUnderTest, wanted: str, place: str) -> None:
    """The card leaves its group and goes, and the mail waits again."""
    before = len(contacts(decided))
    done = off(decided, "undo", wanted, "--yes")
    assert "Taken back: 1 sender. Moved: 1 message." in done.output
    assert len(contacts(decided)) == before - 1
    assert (members(decided, "Feed domains") == []) == (place == "Feed")
    assert (members(decided, "Paper Trail") == []) == (place != "Feed")


def test_undo_of_what_was_done_last_takes_all_of_it_back(decided: AccountUnderTest) -> None:
    """Each message is where it was, and no card is left."""
    done = off(decided, "undo", "--last", "--yes")
    assert "Taken back: 2 senders. Moved: 2 messages." in done.output
    assert not contacts(decided)


def test_the_file_of_senders_says_it_and_is_taken_again(decided: AccountUnderTest, tmp_path: Path) -> None:
    """What is written is as it is; another category moves the domain and the list."""
    path = tmp_path / "senders.txt"
    off(decided, "senders", "--since", SINCE, "--file", str(path))
    done = run_command(decided.environment, "apply", str(path), "--yes", "--json", **OFF)
    assert done.code == 0, done.output + done.errors
    assert (done.json()["changes"], done.json()["unchanged"]) == ([], 3)
    for line in (f"Jail  {EVERYBODY}", f"Jail  {LIST}"):
        assert applied(decided, path, line).code == 0
    assert groups_of(decided, EVERYBODY) == ["Jail domains"]
    assert groups_of(decided, POST) == ["Jail"]


def test_the_file_of_senders_decides_without_labels(decided: AccountUnderTest, tmp_path: Path) -> None:
    """As `undo` does without `@ToScreener`: a setting without a name means that there is no such label."""
    path = tmp_path / "senders.txt"
    waiting = decided.receive_with((("List-Id", "<qa.lists.example.org>"),), CAROL, "Screener")
    for line in ("Feed  *@other.example", "Feed  <qa.lists.example.org>"):
        done = applied(decided, path, line)
        assert done.code == 0, done.output
    assert groups_of(decided, "*@other.example") == ["Feed domains"]
    assert decided.mailboxes_of(waiting) == {"Feed"}


def test_a_group_that_setup_does_not_make_is_told_with_what_would(
    account: AccountUnderTest, tmp_path: Path
) -> None:
    """Advice that leads nowhere is none."""
    done = applied(account, tmp_path / "senders.txt", f"Feed  {EVERYBODY}")
    assert done.code == 1
    assert "'Feed domains' is missing" in done.output
    assert "MAILROOM_LABEL_ENTIRE_DOMAIN" in done.output


def test_nothing_of_it_is_missed(account: AccountUnderTest) -> None:
    """Without the labels nobody needs the groups for domains: `setup` makes none, and `check` lacks none."""
    for arguments in (["setup", "--json"], ["setup", "--apply", "--json"]):
        names = {x["name"] for x in off(account, *arguments).json()["items"]}
        assert names.isdisjoint({DOMAIN_LABEL, LIST_LABEL, *DOMAIN_GROUPS})
    said = run_command(account.environment, "check", "--json", **OFF).output
    assert "domains" not in said
    assert "@Entire" not in said


def test_one_that_is_there_is_listed(decided: AccountUnderTest) -> None:
    """It is worked with."""
    decided.delete_card("Jail-domains.vcf")
    items = {x["name"]: x["state"] for x in off(decided, "setup", "--json").json()["items"]}
    assert items["Feed domains"] == "present"
    assert items.keys().isdisjoint({"Jail domains", DOMAIN_LABEL, LIST_LABEL})


def test_a_label_left_over_decides_nothing(decided: AccountUnderTest) -> None:
    """It is a mailbox like any other: the triage label beside it is about the sender alone."""
    labelled = decided.receive([("Dora", "dora@new.example")], "Screener", "@ToFeed", DOMAIN_LABEL)
    run_cycle(decided, **OFF)
    assert groups_of(decided, "dora@new.example") == ["Feed"]
    assert groups_of(decided, "*@new.example") == []
    assert decided.mailboxes_of(labelled) == {"Feed", DOMAIN_LABEL}


def test_uninstall_takes_what_was_made(decided: AccountUnderTest) -> None:
    """The cards of the domain and of the list are Mailroom's still, and none of them is kept by its group."""
    decided.put_card("friend.vcf", vcards.contact("friend", "Friend", "friend@else.example"))
    done = off(decided, "uninstall", "--cards", "--apply", "--yes", "--json")
    assert [each["removed"] for each in done.json()["cards"]] == [True, True]
    assert list(contacts(decided)) == ["friend.vcf"]
