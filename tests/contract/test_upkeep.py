"""The service and the rules on the server: it says when they are stale, or keeps them current if told so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest
from attrs import evolve

from mailroom.commands.upkeep import LOOK_AGAIN_SECONDS, RETRY_SECONDS, RulesUpkeep
from mailroom.model.mail import MailboxId
from mailroom.model.notes import NoteKind
from mailroom.model.party import MailingList, Party, WholeDomain
from mailroom.model.whom import Whom
from tests.conftest import OVER_JMAP, open_account_on, open_account_with_scripts
from tests.support import harm, vcards
from tests.support.accounts import JOURNAL, add_contact, furnish, furnish_domains, furnish_lists, join
from tests.support.behind import behind
from tests.support.harm import Harm
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.proxy import Exchange
from tests.support.running import opened, run_command, settings_for

Account: TypeAlias = AccountOnSandbox | AccountOnCyrus

STANDARD = "urn:ietf:params:jmap:sieve"
DRAFT = "https://cyrusimap.org/ns/jmap/sieve"
OTHERWISE = {"MAILROOM_MAILBOX_FEED": "News"}
"""Settings of which the rules that are installed are not."""

KEEPS = {**OTHERWISE, "MAILROOM_RULES": "install"}


class Service:
    """A service since a start, on a clock that the test sets."""

    def __init__(self, account: Account, **variables: str) -> None:
        self.now = 0.0
        self.mailroom = opened(account, **variables)
        self.mailroom.begin()
        settings = settings_for(account, variables)
        self.upkeep = RulesUpkeep(self.mailroom, settings, clock=lambda: self.now)

    def cycle(self) -> None:
        """Do what the service does in turn: a cycle, its telling, and what follows."""
        report = self.mailroom.triage.run()
        self.mailroom.journal.tell(report)
        self.upkeep.note_report(report, 0.0)
        self.upkeep.do_if_due()


@pytest.fixture(
    params=[
        STANDARD,
        DRAFT,
        pytest.param("cyrus", marks=pytest.mark.slow),
        pytest.param("newer cyrus", marks=pytest.mark.servers),
    ]
)
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    with closing(open_account_with_scripts(request.param, request)) as account:
        furnish(account)
        account.add_mailboxes({"News": None})
        yield account


def notices(account: Account) -> list[str]:
    """Return what the notices in the journal are about."""
    place = MailboxId(account.mailbox_id(JOURNAL))
    pages = opened(account).notes.read(place, NoteKind.NOTICE)
    return [note.subject for page in pages for note in page]


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.getMessage().startswith("rules")]


def install(account: Account, *options: str) -> None:
    assert run_command(account.environment, "rules", "--install", "--yes", *options).code == 0


class TestTold:
    """Where nothing else is said, the person is told."""

    def test_stale_rules_are_told_once_and_the_notice_goes_when_they_are_current(
        self, account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        """In the log and, unread, in the journal; nothing is written to the scripts."""
        install(account)
        before = account.scripts()
        with caplog.at_level(logging.INFO, logger="mailroom"):
            service = Service(account, **OTHERWISE)
            for _ in range(3):
                service.cycle()
                service.now += LOOK_AGAIN_SECONDS
        assert events(caplog) == ["rules_stale"]
        assert notices(account) == ["Your provider's rules are out of date"]
        assert account.scripts() == before
        assert run_command(account.environment, "rules", "--install", "--yes", **OTHERWISE).code == 0
        service.cycle()
        service.cycle()
        assert notices(account) == []

    def test_what_was_told_stays_where_nobody_can_say_whether_it_is_over(
        self, account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Somebody has edited what Mailroom wrote; that it is not kept current is told where it was to be."""
        install(account)
        service = Service(account, **OTHERWISE)
        service.cycle()
        service.cycle()
        account.put_script("Mailroom", account.scripts()["Mailroom"] + b"# mine\n")
        with caplog.at_level(logging.INFO, logger="mailroom"):
            for variables in (OTHERWISE, KEEPS):
                service = Service(account, **variables)
                for _ in range(3):
                    service.cycle()
                    service.now += LOOK_AGAIN_SECONDS
                assert notices(account) == ["Your provider's rules are out of date"]
        assert events(caplog) == ["rules_stale", "rules_not_kept"]

    def test_current_rules_are_looked_at_once_a_day(self, account: Account) -> None:
        """In between, an idle cycle is one request as it always was."""
        install(account)
        service = Service(account)
        service.cycle()
        service.cycle()
        requests = len(account.requests())
        service.cycle()
        assert len(account.requests()) == requests + 1
        assert 0 < service.upkeep.seconds_until_due() <= LOOK_AGAIN_SECONDS
        assert notices(account) == []

    def test_a_list_that_a_command_decides_about_makes_them_stale(
        self, account: Account, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        """It is told as soon as the service has read the contacts; a sender makes nothing stale."""
        install(account)
        file = tmp_path / "decisions.txt"
        with caplog.at_level(logging.INFO, logger="mailroom"):
            service = Service(account)
            for decision in ("Feed ann@shop.example", "Feed Swimmers <swimmers.lists.example>"):
                service.cycle()
                assert events(caplog) == []
                file.write_text(decision + "\n")
                assert run_command(account.environment, "apply", str(file), "--yes").code == 0
                account.receive([("Dora", "dora@far.example")], "Screener")
            service.cycle()
            service.cycle()
        assert events(caplog) == ["rules_stale"]

    def test_where_nothing_is_installed_nothing_is_told(
        self, account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The person may have rules of their own, which no server shows."""
        account.put_script("mine", b"keep;\n")
        with caplog.at_level(logging.INFO, logger="mailroom"):
            service = Service(account)
            service.cycle()
            service.cycle()
        assert events(caplog) == []
        assert notices(account) == []


class TestOutOfForce:
    """Rules that were in force and are not any more are told, whatever MAILROOM_RULES says."""

    @pytest.mark.parametrize("variables", [{}, {"MAILROOM_RULES": "install"}], ids=["told", "kept"])
    @pytest.mark.parametrize("change", ["another script", "none active", "all gone", "a stop before them"])
    def test_it_is_told_once_and_the_notice_goes_when_they_are_in_force(
        self, account: Account, caplog: pytest.LogCaptureFixture, change: str, variables: dict[str, str]
    ) -> None:
        """In the log, and unread in the journal, with what is active now; nothing is written."""
        if change == "a stop before them":
            account.put_script("mine", b"keep;\n")
            install(account, "--into-active")
        else:
            install(account)
        with caplog.at_level(logging.INFO, logger="mailroom"):
            service = Service(account, **variables)
            service.cycle()
            service.cycle()
            assert (events(caplog), notices(account)) == ([], [])
            says = put_out_of_force(account, change)
            found = account.active_script(), account.scripts()
            for _ in range(3):
                service.now += LOOK_AGAIN_SECONDS
                service.cycle()
        assert events(caplog) == ["rules_not_in_force"]
        assert says in told(caplog)
        assert notices(account) == ["Mailroom's rules are not in force on the server"]
        assert (account.active_script(), account.scripts()) == found
        put_in_force(account)
        for _ in range(2):
            service.now += LOOK_AGAIN_SECONDS
            service.cycle()
        assert notices(account) == []

    def test_a_start_tells_of_what_is_there_and_not_active(
        self, account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nobody knows for how long: it is told once, however often the service starts."""
        install(account)
        account.put_script("mine", b"keep;\n")
        with caplog.at_level(logging.INFO, logger="mailroom"):
            for _ in range(2):
                service = Service(account, MAILROOM_RULES="install")
                service.cycle()
                service.cycle()
        assert events(caplog) == ["rules_not_in_force"] * 2
        assert "the script 'Mailroom' is there, but the active script is 'mine'" in told(caplog)
        assert notices(account) == ["Mailroom's rules are not in force on the server"]

    def test_where_none_ever_were_the_log_says_what_is_active(
        self, account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        """To who asked for them to be kept; in the journal there is nothing, for they may want none."""
        account.put_script("mine", b"keep;\n")
        with caplog.at_level(logging.INFO, logger="mailroom"):
            service = Service(account, MAILROOM_RULES="install")
            service.cycle()
            service.cycle()
        assert events(caplog) == ["rules_not_installed"]
        assert "the active script is 'mine'" in told(caplog)
        assert notices(account) == []


def told(caplog: pytest.LogCaptureFixture) -> str:
    """Return what was said of the rules."""
    return "\n".join(str(each.__dict__) for each in caplog.records if each.getMessage().startswith("rules"))


def put_out_of_force(account: Account, change: str) -> str:
    """Do what a person or their server may do to rules in force; return what is to be said of it."""
    match change:
        case "another script":
            account.put_script("mine", b"keep;\n")
            return "the script 'Mailroom' is there, but the active script is 'mine'"
        case "none active":
            account.deactivate_scripts()
            return "no script is active"
        case "all gone":
            account.put_script("mine", b"keep;\n")
            account.delete_script("Mailroom")
            return "the active script is 'mine'"
        case _:
            above, mark, rules = account.scripts()["mine"].partition(b"# >>> Mailroom rules")
            account.put_script("mine", above + b"stop;\n" + mark + rules)
            return "no mail comes to Mailroom's rules in your script 'mine'"


def put_in_force(account: Account) -> None:
    """Do what the person does who was told."""
    active = account.active_script()
    if active == "mine":
        account.put_script("mine", b"keep;\n")
    install(account, *(["--into-active"] if active == "mine" else []))


class TestWhen:
    """What makes it look before the day is over."""

    @pytest.mark.parametrize(
        ("party", "looks"),
        [
            pytest.param(WholeDomain("*@far.example"), True, id="a domain"),
            pytest.param(MailingList("<dev.lists.example>"), True, id="a list"),
            pytest.param(None, False, id="a sender"),
        ],
    )
    def test_a_decision_about_many_does_and_one_about_a_sender_does_not(
        self, account: Account, party: Party | None, looks: bool
    ) -> None:
        """A sender's decision changes a contact group and no rule; it costs no request more."""
        install(account)
        service = Service(account)
        service.cycle()
        account.receive([("News", "news@far.example")], "Screener", "@ToFeed")
        report = service.mailroom.triage.run()
        (filed,) = report.filed
        if party:
            decision = evolve(filed.filing.decision, who=Whom.named(party))
            report = evolve(report, filed=(evolve(filed, filing=evolve(filed.filing, decision=decision)),))
        service.upkeep.note_report(report, 0.0)
        requests = len(account.requests())
        service.upkeep.do_if_due()
        assert (len(account.requests()) > requests) is looks
        requests = len(account.requests())
        service.upkeep.do_if_due()
        assert len(account.requests()) == requests


class TestKept:
    """With MAILROOM_RULES=install installed rules are kept current."""

    def test_stale_rules_are_brought_up_to_date(
        self, account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        """By the service itself, which says so; and nobody is told to do anything."""
        install(account)
        with caplog.at_level(logging.INFO, logger="mailroom"):
            service = Service(account, **KEEPS)
            service.cycle()
            service.cycle()
        assert events(caplog) == ["rules_installed"]
        assert b'"News"' in account.scripts()["Mailroom"]
        assert account.active_script() == "Mailroom"
        assert notices(account) == []

    def test_where_a_card_cannot_be_read_the_rules_stay(
        self, account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It may be that of a mailing list, whose rule would be missing."""
        install(account)
        before = account.scripts()
        others = account.cards().keys()
        add_contact(account, "Ann", "ann@example.net")
        (odd,) = account.cards().keys() - others
        with behind(account) as hit, caplog.at_level(logging.INFO, logger="mailroom"):
            hit.proxy.plan = Harm(harm.cut_text, lambda x: b"multiget" in x.body or x.target.endswith(odd))
            service = Service(account, **{**KEEPS, **hit.proxy.environment(account.environment)})
            service.cycle()
            assert events(caplog) == ["rules_not_checked"]
            assert account.scripts() == before
            account.delete_card(odd)
            service.now += LOOK_AGAIN_SECONDS
            service.cycle()
        assert events(caplog) == ["rules_not_checked", "rules_installed"]

    def test_a_script_of_theirs_keeps_its_bytes(self, account: Account) -> None:
        """What includes our script does not change when the rules do."""
        account.put_script("mine", b"keep;")
        install(account, "--into-active")
        before = account.scripts()
        Service(account, **KEEPS).cycle()
        after = account.scripts()
        assert b'"News"' in after["Mailroom"]
        assert {**after, "Mailroom": b""} == {**before, "Mailroom": b""}

    @pytest.mark.parametrize("state", ["edited", "deleted", "commented out", "not active", "never there"])
    def test_what_the_person_may_have_meant_stays(self, account: Account, state: str) -> None:
        """What was edited, deleted, commented out or is not active: nothing is written over or put back."""
        if state == "commented out":
            account.put_script("mine", b"keep;\n")
            install(account, "--into-active")
        elif state != "never there":
            install(account)
        match state:
            case "edited":
                account.put_script("Mailroom", account.scripts()["Mailroom"] + b"stop;\n")
            case "deleted":
                account.put_script("mine", b'require "include";\ninclude :optional "Mailroom";\n')
                account.delete_script("Mailroom")
            case "commented out":
                before, mark, rules = account.scripts()["mine"].partition(b"# >>> Mailroom rules")
                account.put_script("mine", before + b"/*\n" + mark + rules + b"*/\n")
            case "not active":
                account.put_script("mine", b"keep;\n")
        found = account.active_script(), account.scripts()
        service = Service(account, **KEEPS)
        service.cycle()
        service.cycle()
        assert (account.active_script(), account.scripts()) == found

    def test_what_the_person_does_meanwhile_is_not_called_installed(
        self, account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        """They edit our script between the look and the write: it stays, and the log says just that."""
        install(account)
        edited = account.scripts()["Mailroom"] + b"# mine\n"

        def edit_meanwhile(exchange: Exchange) -> None:
            account.put_script("Mailroom", edited)
            exchange.pass_on()

        with behind(account) as hit, caplog.at_level(logging.INFO, logger="mailroom"):
            hit.proxy.plan = Harm(edit_meanwhile, lambda x: "SieveScript/validate" in x.calls, times=1)
            Service(account, **{**KEEPS, **hit.proxy.environment(account.environment)}).cycle()
            assert hit.proxy.plan.hits == 1
        assert events(caplog) == ["rules_not_kept"]
        assert account.scripts() == {"Mailroom": edited}


def test_what_it_reads_of_the_contacts_is_swept_by_all_the_same(request: pytest.FixtureRequest) -> None:
    """A card put into a group by hand right before that: the sender's mail moves with the next cycle."""
    with closing(open_account_on(OVER_JMAP, request)) as account:
        assert isinstance(account, AccountOnSandbox)
        furnish(account)
        uid = add_contact(account, "Ann", "ann@example.net")
        waiting = account.receive([("Ann", "ann@example.net")], "Screener")
        service = Service(account)
        for _ in range(3):
            service.mailroom.triage.run()
        join(account, "Feed", uid)
        service.upkeep.do_if_due()
        service.mailroom.triage.run()
        assert account.mailboxes_of(waiting) == {"Feed"}


class TestImported:
    """Where the server lets no rules be installed."""

    def test_other_rules_are_told_once(self, caplog: pytest.LogCaptureFixture) -> None:
        """What is to be imported has changed: the first contact group for domains is there."""
        with closing(AccountOnSandbox()) as account, caplog.at_level(logging.INFO, logger="mailroom"):
            furnish(account)
            service = Service(account)
            service.cycle()
            assert events(caplog) == []
            account.put_card("Feed domains.vcf", vcards.group("Feed domains"))
            for _ in range(3):  # no cycle has read the contacts since
                service.now += LOOK_AGAIN_SECONDS
                service.cycle()
            assert events(caplog) == ["rules_stale"]
            assert notices(account) == ["Your provider's rules are out of date"]


def test_a_server_that_fails_is_asked_again_later(caplog: pytest.LogCaptureFixture) -> None:
    """It is said in the log, and no cycle fails for it."""
    with closing(AccountOnSandbox()) as account, caplog.at_level(logging.INFO, logger="mailroom"):
        furnish(account)
        account.offer_scripts(STANDARD)
        account.put_script("Mailroom", b"keep;")
        service = Service(account)
        assert service.mailroom.jmap.session
        account.store.blobs = _Forgetful()
        service.cycle()
        assert events(caplog) == ["rules_not_checked"]
        assert service.upkeep.seconds_until_due() == RETRY_SECONDS


class _Forgetful(dict[str, bytes]):
    """Blobs that are gone as soon as they are there."""

    def __setitem__(self, key: str, value: bytes) -> None:
        return


class TestLabelsOff:
    """Without the labels for domains and lists, the rules for what is decided about them stay in force."""

    def test_they_are_current_and_nothing_is_written(
        self, account: Account, caplog: pytest.LogCaptureFixture
    ) -> None:
        """To `check`, and to a service that keeps them."""
        furnish_domains(account)
        furnish_lists(account)
        add_contact(account, "Everyone", "*@shop.example", groups=["Feed domains"])
        account.put_card("dev.vcf", vcards.contact("dev", "Dev", extra=["NOTE:List-Id: <dev.a.example>"]))
        join(account, "Jail", "dev")
        install(account)
        before = account.scripts()
        off = {"MAILROOM_LABEL_ENTIRE_DOMAIN": "", "MAILROOM_LABEL_ENTIRE_LIST": ""}
        checked = run_command(account.environment, "check", "--json", **off).json()
        assert [x["is_right"] for x in checked if x["subject"] == "script"] == [True]
        with caplog.at_level(logging.INFO, logger="mailroom"):
            service = Service(account, **off, MAILROOM_RULES="install")
            for _ in range(2):
                service.cycle()
                service.now += LOOK_AGAIN_SECONDS
        assert (events(caplog), notices(account)) == ([], [])
        assert account.scripts() == before
        assert b"dev.a.example" in b"".join(before.values())
