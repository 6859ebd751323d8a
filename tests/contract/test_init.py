"""`mailroom init` on a terminal: from an account with an Inbox to a next mail that files itself.

On the sandbox, and on real Cyrus, where the rules are installed as a Sieve script and mail comes by LMTP.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest
from attrs import frozen

from mailroom.sandbox.store.rules import by_contact_group
from tests.support.accounts import AccountUnderTest, contacts, groups_of, label, members
from tests.support.behind import behind
from tests.support.dialogue import Dialogue
from tests.support.harm import dead_after_writes
from tests.support.mail import Mail
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.running import run_process

ANN = ("Ann Example", "ann@example.net")
SHOP = ("", "no-reply@shop.example")
CLUB = [(f"P {n}", f"p{n}@club.example") for n in range(40)]
SECRETS = ("MAILROOM_JMAP_TOKEN", "MAILROOM_CARDDAV_USERNAME", "MAILROOM_CARDDAV_PASSWORD")

KEEP, TOKEN, USERNAME, PASSWORD = (
    "readable by you alone? [y/N] ",
    "API token (",
    "User name",
    "App password (",
)
MAKE, ALL_THE_SAME, ADD, IN_FORCE = (
    "that are missing? [y/N] ",
    "Enter for none) ",
    "'Imbox'? [y/N] ",
    "in force: ",
)


@frozen
class Newcomer:
    """Somebody with an account that has an Inbox, and sent mail.

    Attributes:
        home: Their working directory.
    """

    account: AccountUnderTest
    home: Path

    @property
    def servers(self) -> dict[str, str]:
        """What is set for them before they begin: where their account is."""
        return {key: value for key, value in self.account.environment.items() if key.endswith("URL")}

    @property
    def credentials(self) -> list[tuple[str, str]]:
        """The questions about credentials: none about a password where the token does for contacts too."""
        token, username, password = (self.account.environment[name] for name in SECRETS)
        asked = [(KEEP, "y"), (TOKEN, token)]
        if isinstance(self.account, AccountOnSandbox):
            return asked
        return [*asked, (USERNAME, username), (PASSWORD, password)]

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The questions after them, in turn, and what they answer."""
        return [(MAKE, "y"), (ALL_THE_SAME, ""), (ADD, "y"), (IN_FORCE, "")]

    @property
    def answers(self) -> list[tuple[str, str]]:
        """Every question, in turn, and what they answer."""
        return [*self.credentials, *self.steps]

    def begins(self, variables: Mapping[str, str] | None = None) -> Dialogue:
        """Type the command."""
        command = "init --format sieve" if isinstance(self.account, AccountOnCyrus) else "init"
        return Dialogue(command, self.servers if variables is None else variables, self.home)

    def puts_rules_in_force(self) -> None:
        """Do with the file that was written what it is for."""
        text = (self.home / "mailrules.json").read_text("utf-8")
        if isinstance(self.account, AccountOnCyrus):
            self.account.install_rules(text)
            return
        assert isinstance(self.account, AccountOnSandbox)
        *of_groups, screener = json.loads(text)
        names = [re.sub(r'^fromin:"?|"$', "", rule["search"]) for rule in of_groups]
        mailboxes = dict(zip(names, (rule["fileIn"] for rule in of_groups), strict=True))
        assert screener["search"] == "NOT fromin:contacts"
        self.account.store.rules = by_contact_group(mailboxes, screener["fileIn"])

    def gets_mail(self, name: str, email: str) -> str:
        """Let mail come from outside, through the rules; return its id."""
        if isinstance(self.account, AccountOnCyrus):
            return Mail(self.account).arrives(f"{name} <{email}>")
        assert isinstance(self.account, AccountOnSandbox)
        return self.account.store.deliver([(name, email)])


@pytest.fixture
def newcomer(tmp_path: Path, new_account: Callable[[], AccountUnderTest]) -> Newcomer:
    account = new_account()
    assert account.mailbox_names() == ["Inbox"]
    account.add_mailboxes({"Sent": "sent"})
    account.send(ANN)
    account.send(SHOP)
    account.send(*CLUB)
    return Newcomer(account, tmp_path)


def test_it_leads_from_an_inbox_to_a_next_mail_that_files_itself(newcomer: Newcomer) -> None:
    """Typed answers and one label are all it takes; secrets are not shown, and kept for the person alone."""
    account, home = newcomer.account, newcomer.home
    friend = ("Ann", ANN[1])
    with newcomer.begins() as dialogue:
        for question, answer in newcomer.answers:
            shown = dialogue.reads(question)
            if question == ADD:
                assert "p7@club.example" not in shown, "one of forty is asked about before, with the no-reply"
            if question == IN_FORCE:
                newcomer.puts_rules_in_force()
            dialogue.types(answer)
        code, shown = dialogue.ends()
    assert code == 0, shown
    assert "mailroom run" in shown.splitlines()[-2] + shown.splitlines()[-1]
    token, _, password = (account.environment[name] for name in SECRETS)
    assert token not in shown
    assert password not in shown
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600
    assert sorted(groups_of(account, ANN[1])) == ["Imbox"]
    assert len(contacts(account)) == 1

    assert "Screener" in account.mailbox_names()
    assert account.mailboxes_of(newcomer.gets_mail(*friend)) == {"Inbox"}
    first = newcomer.gets_mail("News", "news@far.example")
    assert account.mailboxes_of(first) == {"Screener"}
    label(account, first, "@ToFeed")
    done = run_process(account, "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert account.mailboxes_of(first) == {"Feed"}
    assert account.mailboxes_of(newcomer.gets_mail("News", "news@far.example")) == {"Feed"}


def test_where_the_server_takes_rules_they_are_put_into_force(newcomer: Newcomer) -> None:
    """After a yes, in place of the file and its import; and a second time nothing is asked."""
    account = newcomer.account
    assert isinstance(account, AccountOnSandbox | AccountOnCyrus)
    if isinstance(account, AccountOnSandbox):
        account.offer_scripts("urn:ietf:params:jmap:sieve")
    with Dialogue("init", account.environment, newcomer.home) as dialogue:
        for question, answer in [*newcomer.steps[:-1], ("Do this? [y/N] ", "y")]:
            dialogue.answers(question, answer)
        code, shown = dialogue.ends()
    assert code == 0, shown
    assert account.active_script() == "Mailroom"
    assert not (newcomer.home / "mailrules.json").exists()
    before = account.scripts()
    with Dialogue("init", account.environment, newcomer.home) as dialogue:
        code, shown = dialogue.ends()
    assert code == 0, shown
    assert account.scripts() == before
    assert "Screener" in account.mailbox_names()
    if isinstance(account, AccountOnCyrus):
        assert account.mailboxes_of(newcomer.gets_mail("News", "news@far.example")) == {"Screener"}


THEIRS = b'require "fileinto";\r\nif header :is "x-kind" "bill" { fileinto "Feed"; stop; }'
DO_THIS, INTO_THEIRS = "Do this? [y/N] ", "marks of its own? [y/N] "


@pytest.fixture
def with_script(newcomer: Newcomer) -> Newcomer:
    """Somebody on a server that takes Sieve scripts, with one of their own that is active."""
    account = newcomer.account
    assert isinstance(account, AccountOnSandbox | AccountOnCyrus)
    if isinstance(account, AccountOnSandbox):
        account.offer_scripts("urn:ietf:params:jmap:sieve")
    account.add_mailboxes({"Feed": None})
    account.put_script("mine", THEIRS)
    return newcomer


class TestAScriptOfTheirs:
    """Where a script of the person's own is active, it stays so, and rules go into it by their yes alone."""

    def test_a_yes_puts_the_rules_into_it(self, with_script: Newcomer) -> None:
        """After what goes in was shown; every byte of theirs stays, and a second time nothing is asked."""
        account = with_script.account
        assert isinstance(account, AccountOnSandbox | AccountOnCyrus)
        with Dialogue("init", account.environment, with_script.home) as dialogue:
            for question, answer in [*with_script.steps[:-1], (DO_THIS, "y")]:
                dialogue.answers(question, answer)
            assert "include :personal" in dialogue.answers(INTO_THEIRS, "y")
            code, shown = dialogue.ends()
        assert code == 0, shown
        assert account.active_script() == "mine"
        assert THEIRS in account.scripts()["mine"]
        assert not (with_script.home / "mailrules.json").exists()
        before = account.scripts()
        with Dialogue("init", account.environment, with_script.home) as dialogue:
            code, shown = dialogue.ends()
        assert code == 0, shown
        assert account.scripts() == before
        if isinstance(account, AccountOnCyrus):
            assert "Screener" in account.mailbox_names()
            assert account.mailboxes_of(with_script.gets_mail("News", "news@far.example")) == {"Screener"}

    def test_a_no_leaves_it_to_them(self, with_script: Newcomer) -> None:
        """They put it in themselves; nothing is said of a file to import, which no such server takes."""
        account = with_script.account
        assert isinstance(account, AccountOnSandbox | AccountOnCyrus)
        with Dialogue("init", account.environment, with_script.home) as dialogue:
            for question, answer in [*with_script.steps[:-1], (DO_THIS, "y"), (INTO_THEIRS, "n")]:
                dialogue.answers(question, answer)
            dialogue.reads(IN_FORCE)
            assert account.scripts()["mine"] == THEIRS
            include = b'include :personal :optional "Mailroom";'
            theirs = b'require "include";\r\n' + THEIRS + b"\r\n" + include + b"\r\n"
            account.put_script("mine", theirs)
            dialogue.types("")
            code, shown = dialogue.ends()
        assert code == 0, shown
        assert "the rules of your settings are in force" in " ".join(shown.split())
        assert account.scripts()["mine"] == theirs
        assert not (with_script.home / "mailrules.json").exists()

    def test_what_is_in_the_way_is_said_and_it_goes_on_there(self, with_script: Newcomer) -> None:
        """A script that ends itself: once that is mended, the same command goes on."""
        account = with_script.account
        assert isinstance(account, AccountOnSandbox | AccountOnCyrus)
        account.put_script("mine", THEIRS + b"\r\nstop;\r\n")
        with Dialogue("init", account.environment, with_script.home) as dialogue:
            for question, answer in [*with_script.steps[:-1], (DO_THIS, "y"), (INTO_THEIRS, "y")]:
                dialogue.answers(question, answer)
            code, shown = dialogue.ends()
        told = " ".join(shown.split())
        assert code == 1
        assert "has a command that ends it for all mail" in told
        assert "`mailroom init` goes on from here" in told
        assert "`mailroom init --format text -o FILE` goes on with rules to set up by hand" in told
        assert account.scripts()["mine"] == THEIRS + b"\r\nstop;\r\n"
        assert not (with_script.home / "mailrules.json").exists()
        account.put_script("mine", THEIRS)
        with Dialogue("init", account.environment, with_script.home) as dialogue:
            dialogue.answers(INTO_THEIRS, "y")
            code, shown = dialogue.ends()
        assert code == 0, shown

    def test_a_no_to_all_of_it_writes_a_script_to_a_file(self, with_script: Newcomer) -> None:
        """In Sieve, which their server speaks; nothing on the server is another."""
        account = with_script.account
        assert isinstance(account, AccountOnSandbox | AccountOnCyrus)
        with Dialogue("init -o rules.sieve", account.environment, with_script.home) as dialogue:
            for question, answer in [*with_script.steps[:-1], (DO_THIS, "n")]:
                dialogue.answers(question, answer)
            dialogue.answers(IN_FORCE, "")
            code, shown = dialogue.ends()
        assert code == 0, shown
        assert account.scripts() == {"mine": THEIRS}
        assert "jmapquery" in (with_script.home / "rules.sieve").read_text("utf-8")


def test_whom_the_person_chooses_among_those_left_out_is_added(newcomer: Newcomer) -> None:
    """By their addresses; one that was not offered is asked for again."""
    with newcomer.begins(newcomer.account.environment) as dialogue:
        dialogue.answers(MAKE, "y")
        dialogue.answers(ALL_THE_SAME, f"{CLUB[7][1]} eve@far.example")
        assert "eve@far.example" in dialogue.answers(ALL_THE_SAME, f"{CLUB[7][1]}, {CLUB[3][1].upper()}")
        assert "these 3 people" in dialogue.answers(ADD, "y")
        dialogue.reads(IN_FORCE)
        assert len(members(newcomer.account, "Imbox")) == 3
        assert groups_of(newcomer.account, CLUB[7][1]) == ["Imbox"]


def test_what_was_typed_and_is_kept_nowhere_is_told_at_the_end(newcomer: Newcomer) -> None:
    """The service would not find it."""
    token, *_ = (newcomer.account.environment[name] for name in SECRETS)
    with newcomer.begins(dict(newcomer.account.environment) | {SECRETS[0]: ""}) as dialogue:
        dialogue.answers(KEEP, "n")
        dialogue.answers(TOKEN, token)
        for question, answer in newcomer.steps:
            dialogue.answers(question, answer)
        code, shown = dialogue.ends()
    assert code == 0
    told = " ".join(shown.split()).rpartition("Everything is ready")[2]
    assert f"would not find: set {SECRETS[0]}, or put" in told
    assert not (newcomer.home / ".env").exists()


def _ctrl_c(dialogue: Dialogue) -> None:
    dialogue.presses_ctrl_c()
    code, shown = dialogue.ends()
    assert code == 130
    assert "`mailroom init` goes on" in " ".join(shown.split())


def _closed(dialogue: Dialogue) -> None:
    dialogue.closes_the_window()
    dialogue.ends()


@pytest.mark.slow
def test_broken_off_at_any_question_it_goes_on_there(newcomer: Newcomer) -> None:
    """By Ctrl-C or a closed window; only what was typed and not yet tried is asked again."""
    answers = newcomer.answers
    # Of what leads to something, and has not led there yet.
    again = {TOKEN: KEEP, PASSWORD: USERNAME, ADD: ALL_THE_SAME}
    ways = cycle([_ctrl_c, _closed])
    for at, (question, answer) in enumerate(answers):
        with newcomer.begins() as dialogue:
            if question in again:
                dialogue.answers(again[question], dict(answers)[again[question]])
            shown = dialogue.answers(question, answer)
            assert not [each for each, _ in answers[:at] if each in shown], f"asked again at {question}"
            if question != IN_FORCE:
                dialogue.reads(answers[at + 1][0])
                next(ways)(dialogue)
            else:
                assert dialogue.ends()[0] == 0
    assert groups_of(newcomer.account, ANN[1]) == ["Imbox"]


@pytest.mark.slow
def test_a_network_that_fails_is_told_and_the_next_start_goes_on(newcomer: Newcomer) -> None:
    """In one line, with how to go on; and what could not be done is asked for then."""
    account = newcomer.account
    with behind(account) as hit:
        hit.proxy.plan = dead_after_writes(3, is_done=False)
        with newcomer.begins(hit.proxy.environment(account.environment)) as dialogue:
            dialogue.answers(MAKE, "y")
            code, shown = dialogue.ends()
    assert code == 1
    assert "Traceback" not in shown
    assert "`mailroom init` goes on" in " ".join(shown.split())
    with newcomer.begins(account.environment) as dialogue:
        for question, answer in newcomer.steps:
            dialogue.answers(question, answer)
        assert dialogue.ends()[0] == 0
    assert groups_of(account, ANN[1]) == ["Imbox"]
    assert len(contacts(account)) == 1


def test_a_second_time_it_asks_nothing_that_is_done_and_writes_nothing(newcomer: Newcomer) -> None:
    """Once mail waits in Screener, not even whether the rules are in force."""
    account = newcomer.account
    with newcomer.begins(account.environment) as dialogue:
        for question, answer in newcomer.steps[:-1]:
            dialogue.answers(question, answer)
        dialogue.reads(IN_FORCE)
        newcomer.puts_rules_in_force()
        dialogue.types("")
        assert dialogue.ends()[0] == 0
    newcomer.gets_mail("News", "news@far.example")
    before = account.state(), (newcomer.home / "mailrules.json").stat().st_mtime_ns
    with newcomer.begins(account.environment) as dialogue:
        code, shown = dialogue.ends()
    assert code == 0
    assert "?" not in re.sub(r"\? rules|\?\S*\[0m", "", shown)
    assert before == (account.state(), (newcomer.home / "mailrules.json").stat().st_mtime_ns)


def test_mail_in_screener_alone_gives_the_rules_no_tick(newcomer: Newcomer) -> None:
    """Somebody may have put it there by hand."""
    account = newcomer.account
    with newcomer.begins(account.environment) as dialogue:
        for question, answer in newcomer.steps[:-1]:
            dialogue.answers(question, answer)
        dialogue.reads(IN_FORCE)
    assert "Screener" in account.mailbox_names(), "so the account knows it, too"
    account.receive([("News", "news@far.example")], "Screener", read=True)
    with newcomer.begins(account.environment) as dialogue:
        _, shown = dialogue.ends()
    assert not re.search(r"✓\S* [^\n]*(rules|already)", shown)
    assert "mail waits in Screener already" in shown


def test_a_no_to_what_is_missing_changes_nothing_and_ends_it(newcomer: Newcomer) -> None:
    """Nothing that follows would work."""
    before = newcomer.account.state()
    with newcomer.begins(newcomer.account.environment) as dialogue:
        dialogue.answers(MAKE, "n")
        code, _ = dialogue.ends()
    assert code == 1
    assert newcomer.account.state() == before
    assert not (newcomer.home / "mailrules.json").exists()


def test_an_account_without_sent_mail_has_nobody_to_approve(
    new_account: Callable[[], AccountUnderTest], tmp_path: Path
) -> None:
    """It says so, and goes on."""
    newcomer = Newcomer(new_account(), tmp_path)
    with newcomer.begins(newcomer.account.environment) as dialogue:
        dialogue.answers(MAKE, "y")
        assert "no Sent mailbox" in " ".join(dialogue.answers(IN_FORCE, "").split())
        assert dialogue.ends()[0] == 0


def test_without_a_category_for_people_it_names_no_command_that_refuses(newcomer: Newcomer) -> None:
    """What it shows of strangers and the file of rules are then as those of the commands by themselves."""
    file = newcomer.home / "categories.toml"
    file.write_text('[[category]]\ntitle = "News"\n', "utf-8")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    newcomer.account.receive([("Stranger", "stranger@far.example")], "Inbox", at=yesterday)
    variables = {**newcomer.account.environment, "MAILROOM_CATEGORIES_FILE": str(file)}
    with Dialogue("init --format text -o rules.txt", variables, newcomer.home) as dialogue:
        dialogue.answers(MAKE, "y")
        dialogue.answers(IN_FORCE, "")
        code, shown = dialogue.ends()
    assert code == 0
    assert "stranger@far.example" in shown
    assert "approve --correspondents" not in shown
    assert "approve --correspondents" not in (newcomer.home / "rules.txt").read_text("utf-8")


def test_who_goes_on_with_the_password_reads_where_it_is_made(newcomer: Newcomer) -> None:
    """The text on the token, which was asked for before, is not on the screen any more."""
    has_token = {name: newcomer.account.environment[name] for name in (*newcomer.servers, SECRETS[0])}
    with newcomer.begins({**has_token, "MAILROOM_CONTACTS": "carddav"}) as dialogue:
        shown = " ".join(dialogue.reads(KEEP).split())
        assert "Settings → Privacy & Security → App passwords" in shown


def test_what_is_refused_and_set_elsewhere_says_why_nothing_is_asked(newcomer: Newcomer) -> None:
    """As after the demo, in the terminal that still has its variables."""
    with newcomer.begins({**newcomer.account.environment, SECRETS[0]: "of-another-account"}) as dialogue:
        code, shown = dialogue.ends()
    assert code == 1
    assert f"{SECRETS[0]}: set in the environment or read from a file" in " ".join(shown.split())
