"""`mailroom setup`, on the sandbox and on real Cyrus."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mailroom.account import Account
from mailroom.commands.inspection import inspect
from mailroom.errors import UserError
from mailroom.model.scheme import Scheme
from mailroom.sandbox.server import Sandbox
from mailroom.sandbox.store.account import Limits, SandboxAccount
from mailroom.triage.making import make_missing
from tests.support import harm, vcards
from tests.support.accounts import (
    DOMAIN_GROUPS,
    DOMAIN_LABEL,
    GROUPS,
    JOURNAL,
    LABELS,
    LIST_LABEL,
    AccountUnderTest,
    add_contact,
    furnish_domains,
    furnish_lists,
    group_card_name,
)
from tests.support.behind import behind
from tests.support.harm import Harm
from tests.support.proxy import Answer, Exchange, Proxy
from tests.support.running import ONE_ATTEMPT, PROJECT, opened, run_command, settings_for

MAILBOXES = ("Screener", *GROUPS[1:], *LABELS, JOURNAL, DOMAIN_LABEL, LIST_LABEL)
ALL_GROUPS = (*GROUPS, *DOMAIN_GROUPS)
GROUP_KINDS = ("contact group", "contact group for domains")
ENOUGH_REQUESTS = 60
TOO_LONG = "ä" * 250  # octets are counted by servers, characters by the settings


def states(account: AccountUnderTest, *arguments: str, **variables: str) -> dict[tuple[str, str], str]:
    """Run it and return the state of each item by kind and name."""
    done = run_command(account.environment, "setup", "--json", *arguments, **variables)
    return {(item["kind"], item["name"]): item["state"] for item in done.json()["items"]}


def remedies(account: AccountUnderTest, **variables: str) -> dict[str, str]:
    """Return what is left to the person, by name."""
    done = run_command(account.environment, "setup", "--json", **variables)
    return {item["name"]: item["remedy"] for item in done.json()["items"] if item["remedy"]}


def picture(account: AccountUnderTest) -> tuple[Counter[str], list[list[vcards.Property]]]:
    """Everything that setup can have made."""
    return Counter(account.mailbox_names()), sorted(
        vcards.properties(card) for card in account.cards().values()
    )


def proxy_of(account: AccountUnderTest) -> Proxy:
    url = urlsplit(account.environment["MAILROOM_CARDDAV_URL"])
    return Proxy(f"{url.scheme}://{url.netloc}")


class TestShowing:
    """Without --apply."""

    def test_writes_nothing(self, bare_account: AccountUnderTest) -> None:
        """Looking changes nothing, neither mail nor contacts."""
        before = bare_account.state()
        assert run_command(bare_account.environment, "setup").code == 0
        assert bare_account.state() == before

    def test_names_everything_that_is_missing(self, bare_account: AccountUnderTest) -> None:
        """An account with an Inbox lacks fourteen mailboxes and eight contact groups."""
        found = states(bare_account)
        assert set(found.values()) == {"missing"}
        assert [name for kind, name in found if not kind.startswith("contact group")] == list(MAILBOXES)
        assert [name for kind, name in found if kind.startswith("contact group")] == list(ALL_GROUPS)

    def test_finds_what_is_there(self, account: AccountUnderTest) -> None:
        """An account that has everything lacks nothing, and is not told to make anything."""
        furnish_domains(account)
        furnish_lists(account)
        assert set(states(account).values()) == {"present"}
        assert "--apply" not in run_command(account.environment, "setup").output

    def test_a_table_for_people_has_kind_name_and_state(self, bare_account: AccountUnderTest) -> None:
        """The table's columns stand one below the other, within eighty columns."""
        output = run_command(bare_account.environment, "setup").output.splitlines()
        assert output[0].split() == ["KIND", "NAME", "STATE"]
        column = output[0].index("STATE")
        assert {line[column:] for line in output[1:17]} == {"missing"}
        assert max(map(len, output)) <= 80


class TestMaking:
    """With --apply."""

    def test_makes_an_account_that_the_service_can_start_on(self, bare_account: AccountUnderTest) -> None:
        """After it a cycle runs; before it the service says that this command is what is needed."""
        before = run_command(bare_account.environment, "run", "--once")
        assert before.code == 1
        assert "`mailroom setup --apply`" in before.errors
        assert set(states(bare_account, "--apply").values()) == {"made"}
        assert run_command(bare_account.environment, "run", "--once").code == 0
        assert Counter(bare_account.mailbox_names()) == Counter(["Inbox", *MAILBOXES])

    def test_groups_are_made_as_the_providers_programs_make_them(
        self, bare_account: AccountUnderTest
    ) -> None:
        """A contact group is a card of that kind, with its name and without members."""
        run_command(bare_account.environment, "setup", "--apply")
        cards = list(bare_account.cards().values())
        assert all(vcards.is_group(card) and not vcards.members(card) for card in cards)
        assert {vcards.value(card, "FN") for card in cards} == set(ALL_GROUPS)

    def test_a_second_time_changes_nothing(self, bare_account: AccountUnderTest) -> None:
        """It can be run again at any time: everything is present, and nothing is written."""
        run_command(bare_account.environment, "setup", "--apply")
        before = bare_account.state(), picture(bare_account)
        assert set(states(bare_account, "--apply").values()) == {"present"}
        assert (bare_account.state(), picture(bare_account)) == before

    def test_makes_only_what_is_missing(self, account: AccountUnderTest) -> None:
        """What is there already, with its mail and members, is left as it is."""
        message = account.receive([("Ann", "ann@example.net")], "Screener")
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        furnish_domains(account)
        furnish_lists(account)
        account.remove_mailbox("Jail")
        account.delete_card("Imbox.vcf")
        before = account.cards()
        found = states(account, "--apply")
        assert {item for item, state in found.items() if state == "made"} == {
            ("destination", "Jail"),
            ("contact group", "Imbox"),
        }
        assert before.items() <= account.cards().items()
        assert account.mailboxes_of(message) == {"Screener"}

    def test_a_mailbox_inside_another_is_made_with_its_parents(self, bare_account: AccountUnderTest) -> None:
        """A setting may be a path; what of it is missing is made, and what is there is used."""
        names = {
            "MAILROOM_SCREENER_MAILBOX": "Inbox/Screener",
            "MAILROOM_LABEL_TO_FEED": "Triage/More/Feed me",
            "MAILROOM_LABEL_TO_JAIL": "Triage/Jail them",
        }
        assert set(states(bare_account, "--apply", **names).values()) == {"made"}
        assert set(states(bare_account, **names).values()) == {"present"}
        made = Counter(bare_account.mailbox_names())
        assert (made["Triage"], made["More"], made["Inbox"]) == (1, 1, 1)
        assert run_command(bare_account.environment, "run", "--once", **names).code == 0

    def test_hostile_group_names_are_found_again(self, bare_account: AccountUnderTest) -> None:
        """Commas, semicolons, backslashes and other scripts in a group's name survive the card."""
        names = {"MAILROOM_GROUP_IMBOX": 'In, "box"; \\ 受信箱 ' + "ä" * 60}
        assert set(states(bare_account, "--apply", **names).values()) == {"made"}
        assert set(states(bare_account, **names).values()) == {"present"}


class TestNamesThatAreTaken:
    """A name that is nearly there is not doubled."""

    @pytest.mark.parametrize("found", ["feed", "FEED", "Ｆｅｅｄ"])
    def test_in_another_case(self, bare_account: AccountUnderTest, found: str) -> None:
        """A mailbox that differs in case or width is taken for the one that is meant."""
        bare_account.add_mailboxes({found: None})
        assert states(bare_account, "--apply")["destination", "Feed"] == "taken"
        assert "Feed" not in bare_account.mailbox_names()
        assert f"rename it to 'Feed', or set MAILROOM_GROUP_FEED={found}" in remedies(bare_account)["Feed"]

    def test_at_another_level(self, bare_account: AccountUnderTest) -> None:
        """A Screener inside the Inbox is taken for the one that is meant, and the setting is named."""
        run_command(bare_account.environment, "setup", "--apply", MAILROOM_SCREENER_MAILBOX="Inbox/Screener")
        assert states(bare_account, "--apply")["Screener", "Screener"] == "taken"
        assert Counter(bare_account.mailbox_names())["Screener"] == 1
        advice = remedies(bare_account)["Screener"]
        assert "set MAILROOM_SCREENER_MAILBOX=Inbox/Screener" in advice
        assert run_command(bare_account.environment, "setup", "--apply").code == 1

    def test_by_a_mailbox_with_a_role(self, bare_account: AccountUnderTest) -> None:
        """The account's own Archive, Junk and so on are for something else."""
        bare_account.add_mailboxes({"Archive": "archive"})
        names = {"MAILROOM_SCREENER_MAILBOX": "Archive"}
        assert states(bare_account, "--apply", **names)["Screener", "Archive"] == "taken"
        assert "archive" in remedies(bare_account, **names)["Archive"]
        assert run_command(bare_account.environment, "run", "--once", **names).code == 1

    def test_by_a_contact_group_in_another_case(self, bare_account: AccountUnderTest) -> None:
        """A contact group that differs in case is taken for the one that is meant."""
        bare_account.put_card("mine.vcf", vcards.group("paper trail"))
        assert states(bare_account, "--apply")["contact group", "Paper Trail"] == "taken"
        groups = [vcards.value(card, "FN") for card in bare_account.cards().values()]
        assert sorted(groups) == sorted(["Feed", "Imbox", "Jail", "paper trail", *DOMAIN_GROUPS])


class TestFailures:
    """Each is reported, and the rest is done."""

    def test_a_refused_mailbox_does_not_keep_the_others_from_being_made(
        self, bare_account: AccountUnderTest
    ) -> None:
        """A name that the server refuses fails alone, with the server's reason."""
        names = {"MAILROOM_LABEL_TO_FEED": TOO_LONG, "MAILROOM_LABEL_TO_JAIL": f"{TOO_LONG}/Inner"}
        done = run_command(bare_account.environment, "setup", "--apply", "--json", **names)
        failed = {item["name"]: item["remedy"] for item in done.json()["items"] if item["state"] == "failed"}
        assert set(failed) == {TOO_LONG, f"{TOO_LONG}/Inner"}
        assert all("refuses" in reason for reason in failed.values())
        made = [item for item in done.json()["items"] if item["state"] == "made"]
        assert len(made) == len(MAILBOXES) + len(ALL_GROUPS) - 2
        assert done.code == 1

    def test_a_contacts_server_that_is_full_does_not_keep_mailboxes_from_being_made(
        self, bare_account: AccountUnderTest
    ) -> None:
        """Every group that cannot be written is named, and all mailboxes are there."""

        def plan(exchange: Exchange) -> None:
            if harm.card_write(exchange.request):
                exchange.reply(Answer(507, body=b"no space left"))
            else:
                exchange.pass_on()

        with proxy_of(bare_account) as proxy:
            proxy.plan = plan
            environment = proxy.environment(bare_account.environment)
            done = run_command(environment, "setup", "--apply", "--json")
            proxy.check()
        outcomes = {item["name"]: item for item in done.json()["items"] if item["kind"] in GROUP_KINDS}
        assert set(outcomes) == set(ALL_GROUPS)
        assert all(each["state"] == "failed" and "507" in each["remedy"] for each in outcomes.values())
        assert Counter(bare_account.mailbox_names()) == Counter(["Inbox", *MAILBOXES])

    def test_refused_credentials_are_told_with_what_to_do(self, bare_account: AccountUnderTest) -> None:
        """A wrong password ends it before anything is made, and names the variable."""
        done = run_command(
            bare_account.environment, "setup", "--apply", MAILROOM_CARDDAV_PASSWORD="not the password"
        )
        assert done.code == 1
        assert "MAILROOM_CARDDAV_PASSWORD" in done.errors
        assert bare_account.mailbox_names() == ["Inbox"]


def set_up(mailroom: Account, scheme: Scheme) -> None:
    """Make what is missing, as the command does it, which has more patience."""
    found = inspect(mailroom, scheme)
    if not found.troubles:
        make_missing(found.items, mailroom.mail, mailroom.book)


class TestInterruption:
    """Wherever it ends, the next run finishes it."""

    @pytest.mark.parametrize("is_done", [False, True], ids=["before the server acts", "before the answer"])
    def test_cut_off_at_any_request_and_run_again_it_ends_the_same(
        self, new_account: Callable[[], AccountUnderTest], is_done: bool
    ) -> None:
        """For every request: the line goes dead there, and a second run makes the same account."""
        undisturbed = new_account()
        run_command(undisturbed.environment, "setup", "--apply")
        expected = picture(undisturbed)
        for number in range(ENOUGH_REQUESTS):
            account = new_account()
            with behind(account) as hit:
                hit.proxy.plan = _dead_from(number, is_done=is_done)
                set_up(hit.mailroom(ONE_ATTEMPT), settings_for(account, {}).scheme)
                hit.proxy.check()
                is_reached = len(hit.proxy.requests) > number
            if not is_reached:
                assert number > 8, "there were requests to cut off"
                return
            assert run_command(account.environment, "setup", "--apply").code == 0
            assert picture(account) == expected, f"cut off at request {number}"
        pytest.fail("it never ends")

    def test_an_answer_that_is_lost_does_not_make_anything_twice(
        self, bare_account: AccountUnderTest
    ) -> None:
        """A write whose answer did not come back is sent again, and finds its work done."""
        lost: list[int] = []

        def plan(exchange: Exchange) -> None:
            if exchange.request.is_write and exchange.request.body not in seen:
                seen.add(exchange.request.body)
                lost.append(exchange.number)
                exchange.forward()
                exchange.reset()
            else:
                exchange.pass_on()

        seen: set[bytes] = set()
        with proxy_of(bare_account) as proxy:
            proxy.plan = plan
            done = run_command(proxy.environment(bare_account.environment), "setup", "--apply", "--json")
            proxy.check()
        assert len(lost) >= 1 + (1 if bare_account.is_over_jmap else len(ALL_GROUPS))
        assert done.code == 0, done.output
        assert Counter(bare_account.mailbox_names()) == Counter(["Inbox", *MAILBOXES])
        assert len(bare_account.cards()) == len(ALL_GROUPS)

    @pytest.mark.parametrize("is_of_contacts", [False, True], ids=["mailboxes", "contact groups"])
    def test_killed_while_it_writes_and_run_again_it_ends_the_same(
        self, bare_account: AccountUnderTest, is_of_contacts: bool
    ) -> None:
        """A process that is killed with its first write under way is finished by the next."""
        with proxy_of(bare_account) as proxy:
            environment = {**_plain_environment(), **proxy.environment(bare_account.environment)}
            command = [sys.executable, "-m", "mailroom", "setup", "--apply"]
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

            def plan(exchange: Exchange) -> None:
                if exchange.request.is_write and harm.card_write(exchange.request) is is_of_contacts:
                    exchange.forward()
                    process.send_signal(signal.SIGKILL)
                    exchange.reset()
                else:
                    exchange.pass_on()

            proxy.plan = plan
            assert process.wait(30) == -signal.SIGKILL
        assert run_command(bare_account.environment, "setup", "--apply").code == 0
        assert Counter(bare_account.mailbox_names()) == Counter(["Inbox", *MAILBOXES])
        assert len(bare_account.cards()) == len(ALL_GROUPS)


class TestScreenerPreview:
    """What the Screener rule would catch."""

    def test_counts_recent_senders_in_the_inbox_who_are_no_contacts(
        self, bare_account: AccountUnderTest
    ) -> None:
        """Contacts, old mail, own mail, mail elsewhere and mail without a sender do not count."""
        bare_account.add_mailboxes({"Family": None})
        add_contact(bare_account, "Known", "known@example.net")
        for sender, days, mailbox in (
            (("Often", "often@example.net"), 1, "Inbox"),
            (("", "OFTEN@example.net"), 2, "Inbox"),
            (("Once", "once@example.net"), 89, "Inbox"),
            (("Known", "Known@Example.net"), 3, "Inbox"),
            (("Long ago", "long.ago@example.net"), 91, "Inbox"),
            (("Me", bare_account.address), 4, "Inbox"),
            (("Elsewhere", "elsewhere@example.net"), 5, "Family"),
        ):
            bare_account.receive([sender], mailbox, at=_days_ago(days))
        bare_account.receive([], "Inbox", at=_days_ago(1))
        found = self._preview(bare_account)
        assert found["senders"] == 3
        assert [(each["email"].lower(), each["messages"]) for each in found["not_contacts"]] == [
            ("often@example.net", 2),
            ("once@example.net", 1),
        ]

    def test_reads_more_mail_than_the_server_gives_at_once(self, bare_account: AccountUnderTest) -> None:
        """The server's limits cut nothing off."""
        count = 2 * bare_account.max_objects + 3
        for number in range(count):
            bare_account.receive([("", f"sender{number}@example.net")], "Inbox", at=_days_ago(number % 80))
        assert len(self._preview(bare_account)["not_contacts"]) == count

    def test_reads_on_where_a_server_gives_less_than_it_is_asked_for(self) -> None:
        """A server may have a limit of its own for the results of a query."""
        store = SandboxAccount(limits=Limits(max_query_results=7))
        store.add_mailbox("Inbox", role="inbox")
        for number in range(20):
            store.deliver([("", f"sender{number}@example.net")], ["Inbox"])
        with Sandbox(store) as sandbox:
            done = run_command(sandbox.environment(), "setup", "--json")
        assert done.json()["screener_rule"]["senders"] == 20

    def test_people_are_shown_examples_and_what_helps(self, bare_account: AccountUnderTest) -> None:
        """A person sees how many there are, a few of them, and the command for those they have written to."""
        for number in range(9):
            sender = (f"Sender {number}", f"s{number}@example.net")
            bare_account.receive([sender], "Inbox", at=_days_ago(number))
        output = run_command(bare_account.environment, "setup").output
        assert "9 of them are not in your contacts" in " ".join(output.split())
        assert "Sender 0 <s0@example.net> (1)" in output
        assert "Sender 8" not in output
        assert "mailroom approve --correspondents" in output

    def test_no_command_is_named_that_would_refuse(
        self, bare_account: AccountUnderTest, tmp_path: Path
    ) -> None:
        """Where no category is for people one wrote to, neither setup nor the rules name `approve`."""
        file = tmp_path / "categories.toml"
        file.write_text('[[category]]\ntitle = "Feed"\n')
        variables = {**bare_account.environment, "MAILROOM_CATEGORIES_FILE": str(file)}
        bare_account.receive([("A stranger", "s@example.net")], "Inbox", at=_days_ago(1))
        made = run_command(variables, "setup", "--apply")
        again = run_command(variables, "setup")
        steps = run_command(variables, "rules", "--format", "text")
        assert "1 of them are not in your contacts" in " ".join(again.output.split())
        assert "mailroom rules -o mailrules.json" in " ".join(again.output.split())
        for done in (made, again, steps):
            assert done.code == 0, done.errors
            assert "approve" not in done.output

    def test_by_a_card_of_everybody_at_a_domain_nobody_there_is_held_back(
        self, bare_account: AccountUnderTest
    ) -> None:
        """To the rules they are contacts."""
        add_contact(bare_account, "Everybody", "*@example.net")
        for address in ("ann@example.net", "bob@below.example.net"):
            bare_account.receive([("", address)], "Inbox", at=_days_ago(1))
        found = self._preview(bare_account)
        assert [each["email"] for each in found["not_contacts"]] == ["bob@below.example.net"]

    def test_says_how_many_messages_could_not_be_read(self, bare_account: AccountUnderTest) -> None:
        """Their senders are counted nowhere, and nobody takes the count for the whole."""
        odd = bare_account.receive([("Ann", "ann@example.net")], "Inbox", at=_days_ago(1))
        with behind(bare_account) as hit:
            hit.proxy.plan = Harm(harm.odd_messages(odd), harm.jmap)
            environment = hit.proxy.environment(bare_account.environment)
            assert "1 message could not be read" in run_command(environment, "setup").output
            found = run_command(environment, "setup", "--json").json()["screener_rule"]
        assert (found["senders"], found["unreadable"]) == (0, 1)
        assert self._preview(bare_account)["unreadable"] == 0

    @staticmethod
    def _preview(account: AccountUnderTest) -> Any:
        return run_command(account.environment, "setup", "--json").json()["screener_rule"]


def _dead_from(number: int, *, is_done: bool) -> Callable[[Exchange], None]:
    """Let requests pass before one; it and all that follow get no answer."""

    def plan(exchange: Exchange) -> None:
        if exchange.number < number:
            exchange.pass_on()
            return
        if exchange.number == number and is_done:
            exchange.forward()
        exchange.reset()

    return plan


def _plain_environment() -> Mapping[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAILROOM_")}
    return {**kept, "PYTHONPATH": str(PROJECT)}


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


class TestRenamed:
    """What was renamed is told by its new name, and no second one is made beside it."""

    def test_a_contact_group_that_mailroom_made(self, bare_account: AccountUnderTest) -> None:
        """It is known by its identifier; the advice works either way."""
        assert run_command(bare_account.environment, "setup", "--apply").code == 0
        name = group_card_name(bare_account, "Feed")
        uid = vcards.value(bare_account.cards()[name], "UID")
        bare_account.put_card(name, vcards.group("News", uid=uid))
        told = "it is called 'News' now: rename it to 'Feed'"
        assert remedies(bare_account)["Feed"] == told
        assert run_command(bare_account.environment, "setup", "--apply").code == 1
        assert len(bare_account.cards()) == len(ALL_GROUPS)
        assert told in " ".join(run_command(bare_account.environment, "check").output.split())
        assert told in run_command(bare_account.environment, "run", "--once").errors
        named = {
            "MAILROOM_GROUP_FEED": "News",
            "MAILROOM_GROUP_FEED_DOMAINS": "Feed domains",
            "MAILROOM_MAILBOX_FEED": "Feed",
        }
        assert set(states(bare_account, **named).values()) == {"present"}
        bare_account.put_card(name, vcards.group("Feed", uid=uid))
        assert set(states(bare_account).values()) == {"present"}

    def test_one_that_bears_another_wanted_name_is_that_one(self, bare_account: AccountUnderTest) -> None:
        """Two settings that have changed places need no advice."""
        assert run_command(bare_account.environment, "setup", "--apply").code == 0
        for old, new in (("Feed", "Jail too"), ("Jail", "Feed")):
            name = group_card_name(bare_account, old)
            uid = vcards.value(bare_account.cards()[name], "UID")
            bare_account.put_card(name, vcards.group(new, uid=uid))
        assert remedies(bare_account) == {}
        assert run_command(bare_account.environment, "setup", "--apply").code == 0

    def test_a_destination_whose_senders_mail_lies_in_another_mailbox(
        self, account: AccountUnderTest
    ) -> None:
        """No id is remembered between two commands, but its mail tells; and no second one is made."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        for mailbox in ("Feed", "Feed", "Family"):
            account.receive([("Ann", "ann@example.net")], mailbox)
        account.receive([("Bob", "bob@example.net")], "Family")
        account.rename_mailbox("Feed", "News")
        told = "'News' holds the mail of its senders: rename it to 'Feed', or make 'Feed' yourself if that is"
        assert told in remedies(account)["Feed"]
        assert run_command(account.environment, "setup", "--apply").code == 1
        assert "Feed" not in account.mailbox_names()
        assert told in " ".join(run_command(account.environment, "check").output.split())
        account.rename_mailbox("News", "Feed")
        assert set(states(account).values()) == {"present"}

    def test_one_message_does_not_make_a_mailbox_a_destination(self, account: AccountUnderTest) -> None:
        """Nor does a mailbox in which others' mail is more; what is missing is made."""
        add_contact(account, "Ann", "ann@example.net", groups=["Feed"])
        account.receive([("Ann", "ann@example.net")], "Archive")
        for sender in ("ann", "ann", "bob", "cem"):
            account.receive([("", f"{sender}@example.net")], "Family")
        account.remove_mailbox("Feed")
        assert states(account, "--apply")["destination", "Feed"] == "made"

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("Paper Trail", "destination 'Paper Trail': it is called 'News' now: rename it to 'Paper Trail'"),
            (
                "Screener",
                "Screener 'Screener': it is called 'News' now: rename it to 'Screener', or set "
                "MAILROOM_SCREENER_MAILBOX=News",
            ),
        ],
    )
    def test_a_mailbox_while_the_service_runs(self, account: AccountUnderTest, name: str, told: str) -> None:
        """It remembers which mailbox it was, and its cycles fail with what to do until that is done."""
        mailroom = opened(account)
        mailroom.check()
        account.rename_mailbox(name, "News")
        for _ in range(2):
            with pytest.raises(UserError) as caught:
                mailroom.triage.run()
            assert caught.value.problems == (told,)
        account.rename_mailbox("News", name)
        mailroom.triage.run()
