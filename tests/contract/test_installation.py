"""`mailroom rules --install`: the rules put into force, and never a script of the person's out of it.

On the sandbox under both names that servers have for it, and on Cyrus old and new, which know the draft.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, TypeAlias

import pytest

from mailroom.account import open_scripts
from mailroom.commands.installation import offer, read_installation
from mailroom.errors import UserError
from mailroom.output.terminal import Terminal
from tests.conftest import open_account_with_scripts
from tests.support.accounts import add_contact, furnish, furnish_lists
from tests.support.mail import Mail
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.running import Done, opened, run_command, settings_for

Account: TypeAlias = AccountOnSandbox | AccountOnCyrus

STANDARD = "urn:ietf:params:jmap:sieve"
DRAFT = "https://cyrusimap.org/ns/jmap/sieve"
THEIRS = (
    b'require "fileinto";\r\n# caf\xc3\xa9\r\nif header :contains "subject" "bill" { fileinto "Feed"; stop; }'
)
"""Theirs to the byte: another kind of line end, and none behind the last line."""

SERVERS = [
    STANDARD,
    DRAFT,
    "cyrus",
    pytest.param("newer cyrus", marks=[pytest.mark.servers]),
]


@pytest.fixture(params=SERVERS)
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    with closing(open_account_with_scripts(request.param, request)) as account:
        furnish(account)
        yield account


def install(account: Account, *options: str, **variables: str) -> Done:
    return run_command(account.environment, "rules", "--install", "--yes", *options, **variables)


class TestInstall:
    """The script of Mailroom, where nothing of the person's is in its way."""

    def test_puts_the_script_there_and_activates_it(self, account: Account) -> None:
        """Where no script is active, ours is then, with just the rules that `rules` prints."""
        done = install(account)
        assert (done.code, done.errors) == (0, "")
        assert account.active_script() == "Mailroom"
        printed = run_command(account.environment, "rules", "--format", "sieve").output
        first, _, rest = account.scripts()["Mailroom"].decode().partition("\n")
        assert first.startswith("# Mailroom ")
        assert rest == printed

    def test_a_second_time_changes_nothing(self, account: Account) -> None:
        """What is in force already is said to be so, without a write."""
        install(account)
        before = account.scripts()
        done = install(account)
        assert done.code == 0
        assert "the rules in force are those of your settings" in done.output
        assert account.scripts() == before

    def test_brings_stale_rules_up_to_date(self, account: Account) -> None:
        """Other settings are other rules: the script is replaced, and stays the active one."""
        install(account)
        account.add_mailboxes({"News": None})
        done = install(account, MAILROOM_MAILBOX_FEED="News")
        assert done.code == 0
        assert "update the script 'Mailroom'" in done.output
        assert b'"News"' in account.scripts()["Mailroom"]
        assert account.active_script() == "Mailroom"

    def test_asks_before_it_does_anything(self, account: Account) -> None:
        """Without a terminal and without --yes nothing is done, and what to do is said."""
        done = run_command(account.environment, "rules", "--install")
        assert done.code == 1
        assert "use --yes to confirm" in done.errors
        assert account.scripts() == {}

    def test_does_not_write_over_what_somebody_edited(
        self, account: AccountOnSandbox | AccountOnCyrus
    ) -> None:
        """An edited script stays, until the person says --force; then what it was is kept beside it."""
        install(account)
        edited = account.scripts()["Mailroom"] + b"\n# mine\nkeep;\n"
        account.put_script("Mailroom", edited)
        done = install(account)
        assert done.code == 1
        assert "edited by hand" in done.errors
        assert account.scripts() == {"Mailroom": edited}
        assert install(account, "--force").code == 0
        assert edited in account.scripts().values()
        assert account.scripts()["Mailroom"] != edited

    def test_what_is_edited_between_the_question_and_the_yes_stays_and_is_said(
        self, account: Account, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Nothing is written over, and nothing is called done."""
        install(account)
        account.add_mailboxes({"News": None})
        variables = {"MAILROOM_MAILBOX_FEED": "News"}
        installation = read_installation(opened(account, **variables), settings_for(account, variables))
        assert installation
        edited = account.scripts()["Mailroom"] + b"# mine\n"
        account.put_script("Mailroom", edited)
        with pytest.raises(UserError, match="edited by hand"):
            offer(Terminal(), installation, is_agreed=True)
        assert "done" not in capsys.readouterr().out
        assert account.scripts() == {"Mailroom": edited}

    def test_a_script_of_that_name_that_is_not_ours_stays(
        self, account: AccountOnSandbox | AccountOnCyrus
    ) -> None:
        """Whoever calls a script of their own Mailroom keeps it, whatever the options."""
        account.put_script("Mailroom", b"keep;\n", is_active=False)
        done = install(account, "--force")
        assert done.code == 1
        assert "give it another name" in done.errors
        assert account.scripts() == {"Mailroom": b"keep;\n"}
        assert account.active_script() is None


class TestBeside:
    """A script of the person's own that is active stays active."""

    def test_shows_what_to_put_in(self, account: Account) -> None:
        """Ours is put beside it, not active; the lines that include it are shown, and the exit code is 1."""
        account.put_script("mine", THEIRS)
        done = install(account)
        assert done.code == 1
        assert 'include :personal :optional "Mailroom";' in done.output.splitlines()
        assert account.active_script() == "mine"
        assert account.scripts()["mine"] == THEIRS
        assert set(account.scripts()) == {"mine", "Mailroom"}

    def test_their_own_include_counts(self, account: Account) -> None:
        """Once they have put the lines in themselves, the rules are in force, and are kept current."""
        account.put_script("mine", THEIRS)
        install(account)
        account.put_script(
            "mine", b'require "include";\n' + THEIRS + b'\r\ninclude :personal :optional "Mailroom";\r\n'
        )
        theirs = account.scripts()["mine"]
        assert install(account).code == 0
        account.add_mailboxes({"News": None})
        assert install(account, MAILROOM_MAILBOX_FEED="News").code == 0
        assert b'"News"' in account.scripts()["Mailroom"]
        assert account.scripts()["mine"] == theirs

    def test_into_active_changes_no_other_byte(self, account: Account) -> None:
        """The block goes to the top and the end; what the script was is kept beside it, to the byte."""
        account.put_script("mine", THEIRS)
        done = install(account, "--into-active")
        assert (done.code, done.errors) == (0, "")
        assert account.active_script() == "mine"
        edited = account.scripts()["mine"]
        assert THEIRS in edited
        assert edited != THEIRS
        (former,) = [each for name, each in account.scripts().items() if name.startswith("mailroom-former-")]
        assert former == THEIRS
        assert install(account, "--into-active").code == 0
        assert account.scripts()["mine"] == edited
        assert len(account.scripts()) == 3

    def test_an_edited_block_stays(self, account: Account) -> None:
        """What somebody changed between the marks is theirs."""
        account.put_script("mine", THEIRS)
        install(account, "--into-active")
        edited = account.scripts()["mine"].replace(b":optional ", b"")
        account.put_script("mine", edited)
        done = install(account, "--into-active", "--force")
        assert done.code == 1
        assert "marked block" in done.errors
        assert account.scripts()["mine"] == edited

    @pytest.mark.parametrize("account", SERVERS[:2], indirect=True)
    def test_it_is_said_that_the_server_writes_a_vacation_reply_anew(self, account: Account) -> None:
        """Cyrus does, without our block, and leaves its script active when the reply is off."""
        reply = b'require "vacation";\r\nvacation "away";\r\n'
        account.put_script("urn:ietf:params:jmap:vacationresponse", reply)
        done = install(account, "--into-active")
        assert done.code == 0
        assert "writes it anew without the block" in " ".join(done.output.split())

    def test_where_there_is_no_room_nothing_is_done(self, account: Account) -> None:
        """A server keeps so many scripts and no more: without a copy of theirs, theirs is not touched."""
        account.put_script("mine", THEIRS)
        for number in range(3):
            account.put_script(f"old {number}", b"keep;\n", is_active=False)
        done = install(account, "--into-active")
        assert done.code == 1
        assert "at most 5 scripts" in done.errors
        assert account.scripts()["mine"] == THEIRS
        assert "Mailroom" not in account.scripts()


def test_where_the_server_offers_none_it_says_how_to_import() -> None:
    """Fastmail offers scripts to no token: then the way is a file."""
    with closing(AccountOnSandbox()) as account:
        furnish(account)
        done = install(account)
        assert done.code == 1
        assert "mailroom rules -o mailrules.json" in done.errors
        assert "Settings → Filters & Rules" in done.errors


class TestTakenAway:
    """`mailroom uninstall --apply --rules`: what was written and nobody edited goes, what is theirs stays."""

    def uninstall(self, account: Account, *options: str) -> Done:
        return run_command(account.environment, "uninstall", "--apply", "--rules", "--yes", *options)

    def test_a_script_of_ours_goes(self, account: Account) -> None:
        """Then no script is active, as before."""
        install(account)
        done = self.uninstall(account)
        assert (done.code, done.errors) == (0, "")
        assert "Taken away: the rules on the server." in done.output
        assert account.scripts() == {}

    def test_their_script_is_what_it_was(self, account: Account) -> None:
        """To the byte, and still the active one; the copy of it goes as well."""
        account.put_script("mine", THEIRS)
        install(account, "--into-active")
        done = self.uninstall(account, "--json")
        assert done.code == 0
        assert done.json()["rules"]["removed"] is True
        assert account.scripts() == {"mine": THEIRS}
        assert account.active_script() == "mine"

    def test_a_copy_of_what_they_have_changed_since_stays(self, account: Account) -> None:
        """It is the only place where it is."""
        account.put_script("mine", THEIRS)
        install(account, "--into-active")
        account.put_script("mine", account.scripts()["mine"] + b"# later\r\n")
        assert self.uninstall(account).code == 0
        scripts = account.scripts()
        assert scripts.pop("mine") == THEIRS + b"\r\n# later\r\n", "on a line of its own, as they wrote it"
        assert [*scripts.values()] == [THEIRS]

    def test_what_somebody_edited_stays(self, account: Account) -> None:
        """And so does what they include by a line of their own; both are said."""
        install(account)
        edited = account.scripts()["Mailroom"] + b"keep;\n"
        account.put_script("Mailroom", edited)
        assert "was edited by hand" in self.uninstall(account).output
        assert account.scripts() == {"Mailroom": edited}

    def test_without_a_wish_nothing_goes(self, account: Account) -> None:
        """It is shown, and stays."""
        install(account)
        before = account.scripts()
        done = run_command(account.environment, "uninstall")
        assert "delete the script 'Mailroom'" in done.output
        assert account.scripts() == before

    def test_what_is_left_to_do_about_rules_is_what_is_left(self, account: Account) -> None:
        """Nothing once they are gone, and nothing of Fastmail's settings where rules are scripts."""

        def steps(*options: str) -> str:
            shown = run_command(account.environment, "uninstall", *options).output
            return " ".join(shown.partition("What is left for you to do")[2].split())

        own = (
            "If you have put rules of Mailroom's into a Sieve script yourself, take them out, or mail goes on"
        )
        assert own in steps()
        install(account)
        assert "`mailroom uninstall --apply --rules` takes away the rules on the server" in steps()
        assert "Sieve" not in steps("--apply", "--rules", "--yes")
        install(account)
        account.put_script("Mailroom", account.scripts()["Mailroom"] + b"keep;\n")
        assert "Take the rules out that stay on the server (above says why)" in steps()
        assert "Filters & Rules" not in steps()


class TestSeen:
    """What is in force need not be tried to be known; where nothing is installed, nothing is."""

    def test_a_list_that_they_name_has_its_tick(self, account: Account) -> None:
        """It is seen in the rules; a list that is decided on since is not among them."""
        furnish_lists(account)
        self.decide_on(account, "<dev.lists.example.org>")
        assert self.said(account)["is_right"] is None
        assert install(account).code == 0
        seen = self.said(account)
        assert (seen["is_right"], "name the list dev.lists.example.org" in seen["says"]) == (True, True)
        self.decide_on(account, "<other.lists.example.org>")
        assert self.said(account)["is_right"] is None

    def decide_on(self, account: Account, list_id: str) -> None:
        account.receive_with(
            [("List-Id", list_id)], ("", "ann@poster.example"), "Screener", "@ToFeed", "@EntireList"
        )
        assert run_command(account.environment, "run", "--once").code == 0

    def said(self, account: Account) -> dict[str, Any]:
        """What `check` says of the lists in Feed."""
        found = run_command(account.environment, "check", "--json").json()
        (each,) = (x for x in found if x["says"].startswith("lists in 'Feed'"))
        return dict(each)


class TestValidity:
    """The server is asked about a script before it is put there; the double takes none that Cyrus refuses."""

    @pytest.mark.parametrize(
        ("script", "is_valid"),
        [
            (b"", True),
            (b"keep;", True),
            (b"keep", False),
            (b"foo;", False),
            (b"if true {", False),
            (b'fileinto "x";', False),
            (b'require "nonsense"; keep;', False),
            (b'require "fileinto"; require "fileinto"; fileinto "x";', True),
            (b'keep; require "fileinto"; fileinto "x";', False),
            (b'require "fileinto";\nfileinto :mailboxid "F1" "Feed";', False),
            (b'if header :is "x" {stop;}', False),
            (b'if header :contains :is "x" "y" {stop;}', False),
            (b'if header :nope "x" "y" {stop;}', False),
            (b'if address :is :domain "from" ["a", "b"] {stop;}', True),
            (b"/* a */ if not anyof(true, size :over 5K) {discard;} elsif false {keep;} else {stop;}", True),
            (b'require "include";\ninclude :personal :optional :once "absent";', True),
            (b'require "vnd.cyrus.jmapquery"; if jmapquery "nope" {stop;}', False),
            (b'require "vnd.cyrus.jmapquery"; if jmapquery "{\\"nope\\": 1}" {stop;}', False),
        ],
    )
    def test_what_cyrus_refuses_the_double_refuses(
        self, account: Account, script: bytes, is_valid: bool
    ) -> None:
        """One and the same script is a script on all of them, or on none."""
        refused = open_scripts(opened(account)).why_invalid(script)
        if is_valid:
            assert not refused
        else:
            assert refused


class TestForReal:
    """Mail that comes from outside, on a real server."""

    @pytest.mark.parametrize("account", SERVERS[2:], indirect=True)
    def test_their_rules_come_first_and_ours_behind_them(self, account: Account) -> None:
        """Their script decides about what it names; the rest goes by contact group, or to Screener."""
        assert isinstance(account, AccountOnCyrus)
        add_contact(account, "News", "news@shop.example", groups=["Feed"])
        account.add_mailboxes({"Bills": None})
        theirs = THEIRS.replace(b'"Feed"', b'"Bills"').replace(b'"subject"', b'"x-kind"')
        account.put_script("mine", theirs)
        assert install(account, "--into-active").code == 0
        mail = Mail(account)
        assert account.mailboxes_of(mail.arrives("News <news@shop.example>")) == {"Feed"}
        assert account.mailboxes_of(mail.arrives("Eve <eve@far.example>")) == {"Screener"}
        for sender in ("News <news@shop.example>", "Eve <eve@far.example>"):
            assert account.mailboxes_of(mail.arrives(sender, X_Kind="bill")) == {"Bills"}
        assert run_command(account.environment, "uninstall", "--apply", "--rules", "--yes").code == 0
        assert account.mailboxes_of(mail.arrives("News <news@shop.example>")) == {"Inbox"}


def test_a_token_that_may_only_read_installs_nothing() -> None:
    """It says so before anything is asked of the person."""
    with closing(AccountOnSandbox()) as account:
        account.offer_scripts(STANDARD)
        furnish(account)
        account.store.is_read_only = True
        done = install(account)
        assert done.code == 1
        assert "may only read" in done.errors
        assert account.scripts() == {}
