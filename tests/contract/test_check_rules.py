"""`mailroom check` on accounts whose rules are broken in one way each, on the sandbox and on Cyrus."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from tests.support import vcards
from tests.support.accounts import (
    AccountUnderTest,
    add_contact,
    furnish_domains,
    furnish_lists,
    group_card_name,
    join,
    label,
)
from tests.support.running import run_command, run_cycle

FILED = {"ann@example.net": "Feed", "bob@example.net": "Paper Trail", "cem@example.net": "Jail"}
STRANGER, CONTACT = "eve@example.net", "dan@example.net"
BY_THE_RULES = {**FILED, STRANGER: "Screener", CONTACT: "Inbox"}
TICKS = dict.fromkeys(("Feed", "Paper Trail", "Jail", "Screener"), True)


def soon(minutes: int = 10) -> str:
    """A moment after everything that has been done so far, by whatever clock the server has."""
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def rules(account: AccountUnderTest) -> dict[str, bool | None]:
    """What is found about each rule, by the name of its mailbox; the worst where there are two lines."""
    done = run_command(account.environment, "check", "--json")
    found: dict[str, bool | None] = {}
    for each in done.json():
        if each["subject"] == "rules":
            name = re.findall(r"'(.*?)'", each["says"])[0]
            assert name not in found, each["says"]
            found[name] = each["is_right"]
        elif each["subject"] not in {"waiting", "script"}:  # whose rules are imported has none installed
            assert each["is_right"], each["says"]
    assert done.code == (1 if False in found.values() or "✗" in marks(account) else 0)
    return found


def marks(account: AccountUnderTest) -> str:
    """The mark of every line."""
    return "".join(re.findall(r"^[✓✗?]", run_command(account.environment, "check").output, re.MULTILINE))


@pytest.fixture(autouse=True)
def with_everything(account: AccountUnderTest) -> None:
    """Nothing is missing that decisions about domains and lists need."""
    furnish_domains(account)
    furnish_lists(account)


@pytest.fixture
def filed(account: AccountUnderTest) -> AccountUnderTest:
    """An account on which one sender of each category was filed by a label; one is a contact besides."""
    for sender, group in FILED.items():
        label(account, account.receive([("", sender)], "Inbox"), f"@To{group.replace(' ', '')}")
    run_cycle(account)
    add_contact(account, "Dan", CONTACT)
    return account


def arrive(account: AccountUnderTest, places: Mapping[str, str], *, read: bool = False, at: str = "") -> None:
    """Let one message of each sender arrive where some rules, or none, put it."""
    for sender, place in places.items():
        account.receive([("", sender)], place, read=read, at=at or soon())


class TestBroken:
    """One fault, one cross, and every other line as it was."""

    def test_nothing_imported(self, filed: AccountUnderTest) -> None:
        """Everything comes to the Inbox: each rule is missing, and what to do is said."""
        arrive(filed, dict.fromkeys(BY_THE_RULES, "Inbox"))
        assert rules(filed) == dict.fromkeys(TICKS, False)

    def test_nothing_imported_and_nothing_new(self, filed: AccountUnderTest) -> None:
        """What Mailroom has moved, and mail from before, shows no rule: that is no fault and no tick."""
        assert rules(filed) == dict.fromkeys(TICKS)

    def test_nothing_tried(self, account: AccountUnderTest) -> None:
        """Set up a moment ago: nothing can be seen yet."""
        assert rules(account) == dict.fromkeys(TICKS)

    @pytest.mark.parametrize("sender", [*FILED, STRANGER])
    def test_one_rule_missing(self, filed: AccountUnderTest, sender: str) -> None:
        """Its line alone is wrong, though all the others' mail has gone by the rules."""
        arrive(filed, {**BY_THE_RULES, sender: "Inbox"})
        assert rules(filed) == {**TICKS, BY_THE_RULES[sender]: False}

    def test_a_screener_rule_for_everybody(self, filed: AccountUnderTest) -> None:
        """A contact is held back; members' mail may have been swept from there, and tells nothing."""
        arrive(filed, {**BY_THE_RULES, CONTACT: "Screener"})
        assert rules(filed) == {**dict.fromkeys(TICKS), "Screener": False}

    def test_a_rule_that_was_switched_off(self, filed: AccountUnderTest) -> None:
        """It has worked, and does not any more."""
        arrive(filed, BY_THE_RULES)
        arrive(filed, {"ann@example.net": "Inbox"}, at=soon(20))
        assert rules(filed) == {**TICKS, "Feed": False}

    def test_rules_that_were_imported_late(self, filed: AccountUnderTest) -> None:
        """What came before them is no fault any more."""
        arrive(filed, dict.fromkeys(BY_THE_RULES, "Inbox"))
        arrive(filed, BY_THE_RULES, at=soon(20))
        assert rules(filed) == TICKS


class TestNoEvidence:
    """What somebody may have put there."""

    def test_read_mail_where_it_belongs(self, filed: AccountUnderTest) -> None:
        """The person may have moved it by hand."""
        arrive(filed, BY_THE_RULES, read=True)
        assert rules(filed) == dict.fromkeys(TICKS)

    def test_mail_of_a_contact_who_was_put_into_a_group_by_hand(self, account: AccountUnderTest) -> None:
        """Of theirs counts what came after the group was changed last."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        account.receive([("", "ann@example.net")], "Inbox")
        assert rules(account)["Feed"] is None
        account.receive([("", "ann@example.net")], "Inbox", at=soon())
        assert rules(account)["Feed"] is False
        account.receive([("", "ann@example.net")], "Feed", at=soon(20))
        assert rules(account)["Feed"] is True


def test_it_takes_few_requests_however_much_mail_there_is(filed: AccountUnderTest) -> None:
    """The newest of each mailbox are read at once; and nothing is written."""
    for number in range(2 * filed.max_objects):
        filed.receive([("", f"sender{number}@example.net")], "Inbox", at=soon(number))
    before, written = len(filed.requests()), filed.state()
    run_command(filed.environment, "check")
    assert filed.state() == written
    jmap = [each for each in filed.requests()[before:] if each.startswith("POST")]
    # Where the server takes scripts, those that are installed are read, too.
    assert len(jmap) in {6, 10}, jmap


class TestDomains:
    """Who takes mail of a domain that is decided on as a whole to its place."""

    @pytest.fixture
    def decided(self, account: AccountUnderTest) -> AccountUnderTest:
        """An account in which a domain was decided on by a label."""
        label(account, account.receive([("", "bot@shop.example")], "Inbox"), "@EntireDomain", "@ToFeed")
        assert run_command(account.environment, "run", "--once").code == 0
        return account

    def said(self, account: AccountUnderTest) -> tuple[bool | None, str]:
        """The verdict on the domains in Feed, and its sentence."""
        found = run_command(account.environment, "check", "--json").json()
        (each,) = (x for x in found if "'Feed domains':" in x["says"])
        return each["is_right"], each["says"]

    def test_not_tried_is_not_right(self, decided: AccountUnderTest) -> None:
        """What the decision itself moved shows nothing."""
        is_right, says = self.said(decided)
        assert (is_right, "no new mail from everyone at shop.example" in says) == (None, True)

    def test_mail_that_the_server_routes(self, decided: AccountUnderTest) -> None:
        """It lies there, and Mailroom has not moved it."""
        arrive(decided, {"other@shop.example": "Feed"})
        is_right, says = self.said(decided)
        assert (is_right, "the server's rules know whole domains" in says) == (True, True)

    def test_mail_that_mailroom_sweeps(self, decided: AccountUnderTest) -> None:
        """It lies there just the same, but the journal says how it came."""
        arrive(decided, {"other@shop.example": "Screener"})
        is_right, says = self.said(decided)
        assert (is_right, "the next cycle moves it" in says) == (None, True)
        assert run_command(decided.environment, "run", "--once").code == 0
        is_right, says = self.said(decided)
        assert (is_right, "landed in Screener, and Mailroom moved it" in says) == (True, True)

    def test_without_a_journal_nobody_knows_which(self, decided: AccountUnderTest) -> None:
        """A tick would be a guess."""
        arrive(decided, {"other@shop.example": "Feed"})
        done = run_command(decided.environment, "check", "--json", MAILROOM_JOURNAL_MAILBOX="")
        (each,) = (x for x in done.json() if "'Feed domains':" in x["says"])
        assert (each["is_right"], "nobody can tell" in each["says"]) == (None, True)


class TestDomainAmongSenders:
    """A rule for a group of senders leaves nobody out, so a domain's card there takes all of its mail."""

    @pytest.fixture
    def says(self, account: AccountUnderTest) -> Callable[[], list[str]]:
        """What is said to be wrong with the rules where a person has put a domain's card into Feed."""
        add_contact(account, "The shop", "*@shop.example", groups=["Feed"])

        def read() -> list[str]:
            found = run_command(account.environment, "check", "--json").json()
            return [x["says"] for x in found if x["subject"] == "rules" and x["is_right"] is False]

        return read

    def test_who_is_decided_on_otherwise_is_named(
        self, account: AccountUnderTest, says: Callable[[], list[str]]
    ) -> None:
        """And where the card is to go; what is said goes when it has gone there."""
        add_contact(account, "Ann", "ann@shop.example", groups=["Imbox"])
        (wrong,) = says()
        assert wrong == (
            "everyone at shop.example is in the contact group 'Feed', whose rule takes ann@shop.example "
            "there, too, on whom something else is decided: put the card of everyone at shop.example into "
            "'Feed domains'"
        )
        name = group_card_name(account, "Feed")
        (domain,) = vcards.members(account.cards()[name])
        account.put_card(name, vcards.group("Feed", uid=vcards.value(account.cards()[name], "UID")))
        join(account, "Feed domains", domain)
        assert says() == []

    def test_who_is_decided_on_likewise_is_none_of_them(
        self, account: AccountUnderTest, says: Callable[[], list[str]]
    ) -> None:
        """Nor is anybody at another domain."""
        add_contact(account, "Ann", "ann@shop.example", groups=["Feed"])
        add_contact(account, "Bob", "bob@far.example", groups=["Imbox"])
        add_contact(account, "Cid", "cid@shop.example")
        assert says() == []


class TestLists:
    """Who takes mail of a mailing list that is decided on to its place."""

    LIST = (("List-Id", "Dev list <dev.lists.example.org>"),)

    @pytest.fixture(params=["Feed", "Imbox"])
    def group(self, request: pytest.FixtureRequest) -> str:
        """The contact group that the list's card is in."""
        return str(request.param)

    @pytest.fixture
    def decided(self, account: AccountUnderTest, group: str) -> AccountUnderTest:
        """An account in which a list was decided on by a label."""
        posted = account.receive_with(self.LIST, ("", "ann@poster.example"), "Screener")
        label(account, posted, "@EntireList", f"@To{group}")
        assert run_command(account.environment, "run", "--once").code == 0
        return account

    def arrive(self, account: AccountUnderTest, place: str) -> None:
        account.receive_with(self.LIST, ("", "bob@poster.example"), place, at=soon())

    def said(self, account: AccountUnderTest, group: str) -> tuple[bool | None, str]:
        """The verdict on the lists in the group, and its sentence; no rule is told to be missing."""
        found = run_command(account.environment, "check", "--json").json()
        assert [x["says"] for x in found if x["subject"] == "rules" and x["is_right"] is False] == []
        (each,) = (x for x in found if f"lists in {group!r}" in x["says"])
        return each["is_right"], each["says"]

    def test_not_tried_is_not_right(self, decided: AccountUnderTest, group: str) -> None:
        """What the decision itself moved shows nothing."""
        is_right, says = self.said(decided, group)
        assert (is_right, "no new mail from the list dev.lists.example.org yet" in says) == (None, True)

    @pytest.mark.parametrize("group", ["Feed"], indirect=True)
    def test_mail_that_the_server_routes(self, decided: AccountUnderTest, group: str) -> None:
        """It lies there, and Mailroom has not moved it."""
        self.arrive(decided, "Feed")
        is_right, says = self.said(decided, group)
        assert (is_right, "the server's rules know lists" in says) == (True, True)

    def test_mail_that_mailroom_sweeps(self, decided: AccountUnderTest, group: str) -> None:
        """It lies there just the same, but the journal says how it came."""
        self.arrive(decided, "Screener")
        is_right, says = self.said(decided, group)
        assert (is_right, "the next cycle moves it" in says) == (None, True)
        held = "Screener holds 1 message from the list dev.lists.example.org (bob@poster.example): `mailroom"
        assert held in " ".join(run_command(decided.environment, "check").output.split())
        assert run_command(decided.environment, "run", "--once").code == 0
        is_right, says = self.said(decided, group)
        assert (is_right, "landed in Screener, and Mailroom moved it" in says) == (True, True)

    @pytest.mark.parametrize("group", ["Imbox"], indirect=True)
    def test_mail_in_the_inbox_shows_no_rule(self, decided: AccountUnderTest, group: str) -> None:
        """It may lie there without one, as an answer does; nor is it mail that Screener should have taken."""
        self.arrive(decided, "Inbox")
        is_right, says = self.said(decided, group)
        assert (is_right, "where it may be without a rule, too" in says) == (None, True)
