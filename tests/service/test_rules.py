"""The running service and the rules on the server, from a label about a list or a domain to the next mail.

On the sandbox, and on real Cyrus, where the next mail comes by LMTP and the rules alone place it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from mailroom.model.mail import MailboxId
from mailroom.model.notes import NoteKind
from tests.conftest import open_account_with_scripts
from tests.support.accounts import JOURNAL, furnish, furnish_domains, furnish_lists, label
from tests.support.given_time import eventually
from tests.support.mail import Mail
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.on_sandbox import AccountOnSandbox
from tests.support.processes import Process
from tests.support.running import opened, run_command

Account: TypeAlias = AccountOnSandbox | AccountOnCyrus

QUICK = {"MAILROOM_POLL_INTERVAL": "0.1", "MAILROOM_PUSH": "off"}
POSTER, OTHER_POSTER = "ann@one.example", "bob@two.example"
LIST = "Dev <dev.lists.example>"


@pytest.fixture(
    params=[
        "urn:ietf:params:jmap:sieve",
        "cyrus",
        pytest.param("newer cyrus", marks=pytest.mark.servers),
    ]
)
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """An account with Mailroom's rules in force."""
    with closing(open_account_with_scripts(request.param, request)) as account:
        furnish(account)
        furnish_domains(account)
        furnish_lists(account)
        assert run_command(account.environment, "rules", "--install", "--yes").code == 0
        yield account


@contextmanager
def service(account: Account, home: Path, **variables: str) -> Iterator[Process]:
    """Let the service run, and end it."""
    with Process({**account.environment, **QUICK, **variables}, home, "run") as process:
        process.until("poll_complete")
        yield process
        process.send(signal.SIGTERM)
        process.until("service_stopped")


def arrives(account: Account, sender: str, list_id: str = "") -> str:
    """Let mail come from outside; on the sandbox, which carries no Sieve out, straight to Screener."""
    if isinstance(account, AccountOnCyrus):
        return Mail(account).arrives(sender, **({"List_Id": list_id} if list_id else {}))
    fields = [("List-Id", list_id)] if list_id else []
    return account.receive_with(fields, ("", sender), "Screener")


def place_by_rules_alone(account: Account, sender: str, list_id: str = "") -> set[str]:
    """Return where the next mail lies, while no service runs."""
    requests = len(account.requests())
    places = account.mailboxes_of(arrives(account, sender, list_id))
    assert len(account.requests()) == requests, "Mailroom had no hand in it"
    return places


def said(process: Process) -> list[str]:
    """Return what the log said of the rules."""
    return [each["event"] for each in process.events if each["event"].startswith("rules_")]


def notices(account: Account) -> list[str]:
    """Return what the notices in the journal are about."""
    place = MailboxId(account.mailbox_id(JOURNAL))
    pages = opened(account).notes.read(place, NoteKind.NOTICE)
    return [note.subject for page in pages for note in page]


def test_a_list_that_is_labelled_is_in_the_rules_at_once(account: Account, tmp_path: Path) -> None:
    """With MAILROOM_RULES=install: the log says it, and nobody is told to do anything."""
    with service(account, tmp_path, MAILROOM_RULES="install") as process:
        first = arrives(account, POSTER, LIST)
        assert account.mailboxes_of(first) == {"Screener"}
        label(account, first, "@ToFeed", "@EntireList")
        done = process.until("rules_installed")["done"]
        process.until("poll_complete")
    assert done == ["update the script 'Mailroom'"]
    assert said(process) == ["rules_installed"]
    assert notices(account) == []
    assert account.mailboxes_of(first) == {"Feed"}
    assert b"dev.lists.example" in account.scripts()["Mailroom"]
    if isinstance(account, AccountOnCyrus):
        assert place_by_rules_alone(account, OTHER_POSTER, LIST) == {"Feed"}
        assert place_by_rules_alone(account, POSTER) == {"Screener"}


def test_a_list_that_is_labelled_makes_rules_stale_and_the_person_is_told(
    account: Account, tmp_path: Path
) -> None:
    """Without the setting: once, until they have installed them; the service moves that mail meanwhile."""
    with service(account, tmp_path) as process:
        first = arrives(account, POSTER, LIST)
        label(account, first, "@ToFeed", "@EntireList")
        assert "mailroom rules --install" in process.until("rules_stale")["message"]
        assert eventually(lambda: notices(account) == ["Your provider's rules are out of date"])
        second = arrives(account, OTHER_POSTER, LIST)
        assert eventually(lambda: account.mailboxes_of(second) == {"Feed"})
        process.until("poll_complete")
    assert said(process) == ["rules_stale"]
    if isinstance(account, AccountOnCyrus):
        assert place_by_rules_alone(account, OTHER_POSTER, LIST) == {"Screener"}
    assert run_command(account.environment, "rules", "--install", "--yes").code == 0
    if isinstance(account, AccountOnCyrus):
        assert place_by_rules_alone(account, OTHER_POSTER, LIST) == {"Feed"}
    with service(account, tmp_path) as process:
        assert eventually(lambda: notices(account) == [])
    assert said(process) == []


@pytest.mark.parametrize("variables", [{}, {"MAILROOM_RULES": "install"}], ids=["told", "kept"])
def test_a_domain_that_is_labelled_needs_no_new_rules(
    account: Account, tmp_path: Path, variables: dict[str, str]
) -> None:
    """They name its contact group, which was there: nothing is written, told or stale."""
    before = account.scripts()
    with service(account, tmp_path, **variables) as process:
        first = arrives(account, "bounce-1@shop.example")
        label(account, first, "@ToFeed", "@EntireDomain")
        assert eventually(lambda: account.mailboxes_of(first) == {"Feed"})
        process.until("poll_complete")
        process.until("poll_complete")
    assert said(process) == []
    assert notices(account) == []
    assert account.scripts() == before
    if isinstance(account, AccountOnCyrus):
        assert place_by_rules_alone(account, "reply+token@shop.example") == {"Feed"}
        assert place_by_rules_alone(account, "x@below.shop.example") == {"Screener"}
