"""`mailroom check`: a tick needs evidence, and what it says is what `setup` says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import vcards
from tests.support.accounts import (
    DOMAIN_GROUPS,
    DOMAIN_LABEL,
    LIST_LABEL,
    AccountUnderTest,
    add_contact,
    furnish_domains,
    furnish_lists,
    group_card_name,
)
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.running import run_command, run_cycle, run_shown


def verdicts(account: AccountUnderTest, **variables: str) -> dict[str, bool | None]:
    """Run it and return the worst verdict on each subject; the exit code must agree."""
    done = run_command(account.environment, "check", "--json", **variables)
    found = done.json()
    assert done.code == (1 if any(each["is_right"] is False for each in found) else 0)
    best_first = sorted(found, key=lambda each: (each["is_right"] is False, each["is_right"] is None))
    return {each["subject"]: each["is_right"] for each in best_first}


def says(account: AccountUnderTest, subject: str, **variables: str) -> list[str]:
    done = run_command(account.environment, "check", "--json", **variables)
    return [each["says"] for each in done.json() if each["subject"] == subject]


def remedies(account: AccountUnderTest, **variables: str) -> dict[str, str]:
    """What `setup` leaves to the person, by kind and name."""
    done = run_command(account.environment, "setup", "--json", **variables)
    return {f"{x['kind']} {x['name']!r}": x["remedy"] for x in done.json()["items"] if x["remedy"]}


SUBJECTS = (
    *("settings", "token", "session", "limits", "mailboxes", "password", "groups"),
    *("rules", "waiting"),
)


def of_script(account: AccountUnderTest) -> dict[str, None]:
    """What is said of rules on the server, where it lets some be installed and none are."""
    return {"script": None} if isinstance(account, AccountOnCyrus) else {}


def subjects(account: AccountUnderTest) -> list[str]:
    """Everything that is told of an account; over JMAP the token is all."""
    return ["contacts" if account.is_over_jmap and each == "password" else each for each in SUBJECTS]


class TestWayToContacts:
    """Over which protocol contacts are reached is said, and what that does not need."""

    def test_is_said_with_the_secrets_that_could_go(self, account: AccountUnderTest) -> None:
        """Over CardDAV where its pair is set; where the token would do too, that pair could go."""
        (over_carddav,) = says(account, "password")
        assert "over CardDAV" in over_carddav
        is_offered = isinstance(account, AccountOnSandbox)
        assert ("MAILROOM_CARDDAV_PASSWORD could go" in over_carddav) == is_offered
        assert says(account, "contacts") == []

    def test_over_jmap_the_token_is_all(self, account: AccountUnderTest) -> None:
        """Where it is not offered, that is said with what to do, and nothing is ticked."""
        one = {"MAILROOM_CONTACTS": "jmap"}
        is_offered = isinstance(account, AccountOnSandbox)
        over_jmap = ["reached over JMAP, with the same token as mail"]
        assert says(account, "contacts", **one) == (over_jmap if is_offered else [])
        assert verdicts(account, **one)["groups"] is is_offered
        assert says(account, "password", **one) == []


class TestEvidence:
    """What was not seen is not ticked."""

    @pytest.fixture(autouse=True)
    def with_all_that_is_used(self, request: pytest.FixtureRequest) -> None:
        """Nothing is lacking, unless a test takes it away."""
        if "account" in request.fixturenames:
            furnish_domains(request.getfixturevalue("account"))
            furnish_lists(request.getfixturevalue("account"))

    def test_everything_is_right_where_everything_was_seen(self, account: AccountUnderTest) -> None:
        """With new mail in each mailbox that the rules put it into, each subject has its tick."""
        for number, group in enumerate(("Feed", "Paper Trail", "Jail")):
            add_contact(account, group, f"{number}@example.net", groups=[group])
        soon = (datetime.now(UTC) + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for number, place in enumerate(("Feed", "Paper Trail", "Jail", "Screener")):
            account.receive([("", f"{number}@example.net")], place, at=soon)
        # A group that a program put there over CardDAV does not say over JMAP when it was made.
        of_rules = {"rules": None} if account.is_over_jmap else {}
        of_rules |= of_script(account)
        assert verdicts(account) == dict.fromkeys(subjects(account), True) | of_rules

    def test_an_account_without_new_mail_shows_nothing_of_the_rules(self, account: AccountUnderTest) -> None:
        """No server tells its rules, and no mail has shown them yet: that is no fault and no tick."""
        assert verdicts(account) == {
            **dict.fromkeys(subjects(account), True),
            "rules": None,
            **of_script(account),
        }

    def test_without_the_label_that_takes_back_it_says_that_none_does(
        self, account: AccountUnderTest
    ) -> None:
        """All else works without it, so it is no fault; `setup --apply` makes it."""
        assert "6 triage labels, @EntireDomain and @EntireList exist" in says(account, "mailboxes")[0]
        account.remove_mailbox("@ToScreener")
        (right, off) = says(account, "mailboxes")
        assert "5 triage labels, @EntireDomain and @EntireList exist" in right
        assert "'@ToScreener' is missing" in off
        assert verdicts(account)["mailboxes"] is None
        assert run_command(account.environment, "setup", "--apply").code == 0
        assert len(says(account, "mailboxes")) == 1

    def test_what_more_labels_do_is_said_only_where_they_are(self, account: AccountUnderTest) -> None:
        """A label that is missing is not among those that exist."""
        account.remove_mailbox(DOMAIN_LABEL)
        (right, off) = says(account, "mailboxes")
        assert "6 triage labels and @EntireList exist" in right
        assert "'@EntireDomain' is missing" in off
        account.remove_mailbox(LIST_LABEL)
        assert "destinations and 6 triage labels exist" in says(account, "mailboxes")[0]

    def test_groups_for_domains_that_are_missing_are_one_line(self, account: AccountUnderTest) -> None:
        """As after an upgrade; what somebody has renamed has its own, and is said to be renamed."""
        assert says(account, "domains") == []
        for group in DOMAIN_GROUPS[1:]:
            account.delete_card(group_card_name(account, group))
        assert says(account, "domains") == [
            "no whole domain is filed as Feed, Paper Trail or Jail, because 'Feed domains', 'Paper Trail "
            "domains' and 'Jail domains' are missing: `mailroom setup --apply` makes them"
        ]
        assert run_command(account.environment, "setup", "--apply").code == 0
        for group in ("Feed domains", "Jail domains"):
            name = group_card_name(account, group)
            uid = vcards.value(account.cards()[name], "UID")
            account.put_card(name, vcards.group(f"My {group}", uid=uid))
        account.delete_card(group_card_name(account, "Paper Trail domains"))
        assert says(account, "domains") == [
            "no whole domain is filed as Paper Trail, because 'Paper Trail domains' is missing: "
            "`mailroom setup --apply` makes it",
            *(
                f"no whole domain is filed as {title}, because of '{title} domains': it is called "
                f"'My {title} domains' now: rename it to '{title} domains', or set "
                f"MAILROOM_GROUP_{title.upper()}_DOMAINS=My {title} domains"
                for title in ("Feed", "Jail")
            ),
        ]

    def test_without_a_mailbox_for_the_journal_it_says_that_nothing_is_told(
        self, account: AccountUnderTest
    ) -> None:
        """All else works without it; where the setting is empty, nobody wants one."""
        account.remove_mailbox("Mailroom")
        (_, off) = says(account, "mailboxes")
        assert "'Mailroom' is missing: `mailroom setup --apply` makes it" in off
        assert verdicts(account)["mailboxes"] is None
        assert verdicts(account)["waiting"] is True, (
            "what triage does without keeps nothing from being checked"
        )
        assert verdicts(account, MAILROOM_JOURNAL_MAILBOX="")["mailboxes"] is True
        assert run_cycle(account) is not None, "the service starts all the same"

    def test_a_refused_token_is_told_once_and_nothing_behind_it_is_ticked(
        self, account: AccountUnderTest
    ) -> None:
        """What only the token could have shown is not seen; the contacts are looked at all the same."""
        found = verdicts(account, MAILROOM_JMAP_TOKEN="not-the-token")
        assert found == {
            "settings": True,
            "token": False,
            **dict.fromkeys(("session", "limits", "mailboxes"), None),
            **({"groups": None} if account.is_over_jmap else dict.fromkeys(("password", "groups"), True)),
            **dict.fromkeys(("rules", "waiting"), None),
        }

    def test_a_refused_password_is_told_once_and_nothing_behind_it_is_ticked(
        self, account: AccountUnderTest
    ) -> None:
        """The same for the contacts."""
        found = verdicts(account, MAILROOM_CARDDAV_PASSWORD="not-the-password")
        seen = dict.fromkeys(("settings", "token", "session", "limits", "mailboxes"), True)
        assert found == {**seen, "password": False, **dict.fromkeys(("groups", "rules", "waiting"), None)}

    @pytest.mark.parametrize(
        ("wrong", "place"),
        [("MAILROOM_JMAP_TOKEN", "API tokens"), ("MAILROOM_CARDDAV_PASSWORD", "App passwords")],
    )
    @pytest.mark.parametrize("command", [("check",), ("setup",), ("approve", "--correspondents"), ("plan",)])
    def test_every_command_says_which_setting_is_refused_and_where_a_new_one_is_made(
        self, account: AccountUnderTest, command: tuple[str, ...], wrong: str, place: str
    ) -> None:
        """Nobody who reads it has to know from which server a 401 came."""
        done = run_command(account.environment, *command, **{wrong: "not-the-one"})
        told = " ".join((done.output + done.errors).split())
        assert wrong in told
        assert f"Settings → Privacy & Security → {place}" in told

    def test_a_server_that_does_not_answer_has_accepted_nothing(self, account: AccountUnderTest) -> None:
        """Where nobody listens the credentials are neither right nor wrong; each server is told once."""
        nowhere = "http://127.0.0.1:9/"
        found = verdicts(account, MAILROOM_JMAP_SESSION_URL=nowhere, MAILROOM_CARDDAV_URL=nowhere)
        assert (found["token"], found["session"]) == (None, False)
        # Over JMAP contacts are behind the same session, of which there is none.
        assert (found.get("password"), found["groups"]) == (None, None if account.is_over_jmap else False)
        assert found["rules"] is None

    def test_the_marks_stand_for_the_verdicts(self, account: AccountUnderTest) -> None:
        """For a person: a tick, a cross or a question mark before each subject, in eighty columns."""
        done = run_command(account.environment, "check", MAILROOM_JMAP_TOKEN="not-the-token")
        marks = dict(re.findall(r"^([✓✗?]) (\w+)", done.output, re.MULTILINE))
        assert set(marks) == {"✓", "✗", "?"}
        assert max(map(len, done.output.splitlines())) <= 80
        assert "✓ token" not in done.output
        assert "✓ session" not in done.output


class TestTheSameAsSetup:
    """One survey for both."""

    @pytest.mark.parametrize(
        ("mailboxes", "groups", "variables"),
        [
            pytest.param(["feed"], [], {}, id="another case"),
            pytest.param(["feed"], ["Feed"], {}, id="only the mailbox in another case"),
            pytest.param([], ["Imbox", "jail", "Feed", "Feed"], {}, id="groups"),
            pytest.param([], [], {"MAILROOM_SCREENER_MAILBOX": "INBOX/Waiting"}, id="inside the Inbox"),
        ],
    )
    def test_advice_is_the_same(
        self,
        bare_account: AccountUnderTest,
        mailboxes: list[str],
        groups: list[str],
        variables: dict[str, str],
    ) -> None:
        """Whatever is in the way, `check` says what `setup` says, and what is missing is missing for both."""
        for name in mailboxes:
            bare_account.add_mailboxes({name: None})
        for number, name in enumerate(groups):
            bare_account.put_card(f"group{number}.vcf", vcards.group(name, uid=f"group-{number}"))
        told = [*says(bare_account, "mailboxes", **variables), *says(bare_account, "groups", **variables)]
        advice = remedies(bare_account, **variables)
        assert advice
        for what, remedy in advice.items():
            assert f"{what}: {remedy}" in told
        assert sum("--apply" not in sentence for sentence in told) == len(advice)

    def test_advice_on_the_inbox_works_when_it_is_followed(self, bare_account: AccountUnderTest) -> None:
        """`INBOX/Waiting` where the Inbox is called `Inbox`: set as told, and made, everything is right."""
        wanted = {"MAILROOM_SCREENER_MAILBOX": "INBOX/Waiting"}
        (remedy,) = remedies(bare_account, **wanted).values()
        (value,) = re.findall(r"set MAILROOM_SCREENER_MAILBOX=(.*)$", remedy)
        followed = {"MAILROOM_SCREENER_MAILBOX": value}
        assert run_command(bare_account.environment, "setup", "--apply", **followed).code == 0
        assert set(verdicts(bare_account, **followed).values()) <= {True, None}

    def test_advice_on_a_name_in_another_case_works_either_way(self, bare_account: AccountUnderTest) -> None:
        """A mailbox `feed` where `Feed` is wanted: renamed, or with the setting, everything is right."""
        bare_account.add_mailboxes({"feed": None})
        remedy = remedies(bare_account)["destination 'Feed'"]
        assert "rename it to 'Feed'" in remedy
        assert "MAILROOM_GROUP_FEED=feed" in remedy
        assert run_command(bare_account.environment, "setup", "--apply", MAILROOM_GROUP_FEED="feed").code == 0
        assert verdicts(bare_account, MAILROOM_GROUP_FEED="feed")["mailboxes"] is True
        # Now that there is a contact group `feed`, the other way is to rename both.
        assert set(remedies(bare_account).values()) == {
            "'feed' exists: rename it to 'Feed', or set MAILROOM_GROUP_FEED=feed",
            "'feed domains' exists: rename it to 'Feed domains', or set "
            "MAILROOM_GROUP_FEED_DOMAINS=feed domains",
        }
        bare_account.rename_mailbox("feed", "Feed")
        assert remedies(bare_account)["contact group 'Feed'"] == "'feed' exists: rename it to 'Feed'"

    def test_the_service_says_it_too(self, bare_account: AccountUnderTest) -> None:
        """What keeps it from starting is told with the same way out."""
        bare_account.add_mailboxes({"screener": None})
        told = run_command(bare_account.environment, "run", "--once").errors
        assert "rename it to 'Screener', or set MAILROOM_SCREENER_MAILBOX=screener" in told


class TestAtTheEnd:
    """What changes the account ends by what `check` says of it, where a person looks on."""

    @pytest.mark.parametrize("command", [("setup", "--apply"), ("run", "--once")])
    def test_on_a_terminal_a_command_ends_by_the_lines_of_check(
        self, account: AccountUnderTest, command: tuple[str, ...]
    ) -> None:
        """They are the very lines; in a pipe there are none, and they decide about no exit code."""
        add_contact(account, "Ann", "ann@example.net")
        account.receive([("Ann", "ann@example.net")], "Screener")
        done = run_shown(account.environment, *command)
        lines = run_command(account.environment, "check").output.splitlines()
        _settings, *told = lines
        assert done.output.splitlines()[-len(told) :] == told
        assert done.code == 0
        assert "✓ token" not in run_command(account.environment, *command).output


def test_senders_of_mail_that_is_out_of_place_do_not_steer_the_terminal(account: AccountUnderTest) -> None:
    """What others call themselves is text."""
    add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
    account.receive([("\x1b[2JAnn", "ann@example.net")], "Screener")
    done = run_command(account.environment, "check")
    assert all(line.isprintable() for line in done.output.splitlines())


def test_findings_are_for_programs_too(account: AccountUnderTest) -> None:
    """Each has its subject, a verdict that may be unknown, and a sentence."""
    found: list[dict[str, Any]] = run_command(account.environment, "check", "--json").json()
    assert all(set(each) == {"subject", "is_right", "says"} for each in found)
