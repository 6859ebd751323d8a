"""A category that the settings no longer name, or whose group for domains is another: what it left stands."""

from __future__ import annotations

import pytest

from tests.support.accounts import DOMAIN_LABEL, LIST_LABEL, AccountUnderTest, furnish_domains, furnish_lists
from tests.support.running import run_command, run_cycle

ANN, BOB, CAROL = ("Ann", "ann@shop.example"), ("Bob", "bob@shop.example"), ("Carol", "carol@else.example")
EVERYBODY, LIST = "*@shop.example", "<dev.lists.example.org>"
DEV = (("List-Id", f"Dev list {LIST}"),)
GONE = {"MAILROOM_LABEL_TO_FEED": ""}
RENAMED = {"MAILROOM_GROUP_FEED_DOMAINS": "Whole shops"}


@pytest.fixture
def decided(account: AccountUnderTest) -> AccountUnderTest:
    """An account in which a domain and a list were filed as Feed."""
    furnish_domains(account)
    furnish_lists(account)
    account.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    account.receive_with(DEV, CAROL, "Screener", "@ToFeed", LIST_LABEL)
    run_cycle(account)
    return account


def test_without_the_category_their_mail_waits_and_with_it_their_decision_counts_again(
    decided: AccountUnderTest,
) -> None:
    """No card and no group is touched in between: the members of its groups are plain contacts."""
    before = decided.cards()
    waiting = [decided.receive([BOB], "Screener"), decided.receive_with(DEV, CAROL, "Screener")]
    assert not run_cycle(decided, **GONE).swept.moved
    assert [decided.mailboxes_of(each) for each in waiting] == [{"Screener"}] * 2
    rules = run_command(decided.environment, "rules", "--format", "text", **GONE).output
    assert "Feed" not in rules
    assert "dev.lists" not in rules
    checked = run_command(decided.environment, "check", "--json", **GONE)
    assert [x["says"] for x in checked.json() if x["is_right"] is False] == []
    assert decided.cards() == before
    assert run_cycle(decided).swept.moved == {EVERYBODY: 1, LIST: 1}


@pytest.mark.parametrize(
    ("party", "told"),
    [
        (EVERYBODY, "stays a contact, so your rules let their mail into the Inbox: it is in Feed domains"),
        (LIST, "the card of the list dev.lists.example.org stays: it is in Feed"),
    ],
    ids=["domain", "list"],
)
def test_taken_back_its_mail_waits_and_the_card_stays_in_its_group(
    decided: AccountUnderTest, party: str, told: str
) -> None:
    """Which is another's now; that is said, and nothing that is not so."""
    before = decided.cards()
    done = run_command(decided.environment, "undo", party, "--yes", **GONE)
    assert done.code == 0, done.errors
    assert told in " ".join(done.output.split())
    assert decided.cards() == before
    says = run_command(decided.environment, "why", LIST, **GONE).output
    assert "its card is in no triage group" in says


def test_a_group_for_domains_of_another_name_is_a_new_one(decided: AccountUnderTest) -> None:
    """Where it is missing `check` says so, and the decisions in the old one wait for the old name."""
    before = decided.cards()
    waiting = decided.receive([BOB], "Screener")
    assert not run_cycle(decided, **RENAMED).swept.moved
    told = [x["says"] for x in run_command(decided.environment, "check", "--json", **RENAMED).json()]
    assert any("no whole domain is filed as Feed, because 'Whole shops' is missing" in each for each in told)
    assert run_command(decided.environment, "setup", "--apply", **RENAMED).code == 0
    assert not run_cycle(decided, **RENAMED).swept.moved
    assert before.items() <= decided.cards().items()
    assert run_cycle(decided).swept.moved == {EVERYBODY: 1}
    assert decided.mailboxes_of(waiting) == {"Feed"}
