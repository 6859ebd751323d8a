"""`mailroom check` on accounts that do not let Mailroom do something: told before anything is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve

from mailroom.model.mail import Change, MailboxId, MessageId
from mailroom.sandbox.server import Sandbox
from mailroom.sandbox.store.account import Limits, SandboxAccount
from tests.support.accounts import AccountUnderTest, furnish_domains, furnish_lists, label
from tests.support.behind import Behind, behind
from tests.support.proxy import Exchange
from tests.support.running import Done, opened, run_command

CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"
ACTS = {
    "mayReadItems": "read messages in",
    "mayAddItems": "put messages into",
    "mayRemoveItems": "take messages out of",
    "maySetKeywords": "mark messages in",
}
SUBJECTS = ("settings", "token", "session", "limits", "mailboxes", "password", "groups", "rules", "waiting")
AFTER_ALL = ("password", "contacts", "groups", "mailboxes")
"""What is looked at also where something before it is wrong."""


@pytest.fixture(autouse=True)
def nothing_else_is_missing(account: AccountUnderTest) -> None:
    """The accounts have what whole domains and mailing lists need."""
    furnish_domains(account)
    furnish_lists(account)


def judged(done: Done) -> dict[str, tuple[bool | None, list[str]]]:
    """The worst verdict on each subject, and its sentences."""
    found: dict[str, tuple[bool | None, list[str]]] = {}
    for each in done.json():
        verdict, said = found.get(each["subject"], (True, []))
        worst = min(verdict, each["is_right"], key=lambda x: (x is not False, x is not None))
        found[each["subject"]] = worst, [*said, each["says"]]
    assert done.code == (1 if any(verdict is False for verdict, _ in found.values()) else 0)
    return found


def is_wrong(done: Done, subject: str) -> list[str]:
    """The sentences about a subject, which alone is wrong; what lies behind it is not ticked."""
    found = judged(done)
    subjects = [x if x in found else "contacts" for x in SUBJECTS]
    before = subjects[: subjects.index(subject)]
    assert {x: verdict for x, (verdict, _) in found.items()} == {
        **dict.fromkeys(before, True),
        subject: False,
        **{x: True for x in subjects[len(before) + 1 :] if x in AFTER_ALL},
        **dict.fromkeys(("rules", "waiting"), None),
    }
    return found[subject][1]


@pytest.mark.parametrize("right", ACTS)
@pytest.mark.parametrize("mailbox", ["Inbox", "Screener", "Paper Trail", "@ToFeed"])
def test_a_right_to_a_mailbox(account: AccountUnderTest, right: str, mailbox: str) -> None:
    """What may not be done where is said with what to do, and the service does not begin."""
    label(account, account.receive([("Ann", "ann@example.net")], "Family"), "@ToFeed")
    account.withhold(mailbox, right)
    before = account.state()
    (says,) = is_wrong(run_command(account.environment, "check", "--json"), "mailboxes")
    assert says == (
        f"the token may not {ACTS[right]} {mailbox!r}: make one with read and write access to Email, or ask "
        "the owner of the mailboxes for these rights"
    )
    run = run_command(account.environment, "run", "--once", MAILROOM_JOURNAL_MAILBOX="")
    assert run.code == 1
    assert f"may not {ACTS[right]}" in run.output + run.errors
    assert account.state() == before


class TestTheServersThemselves:
    """What the sandbox withholds, Cyrus withholds."""

    def test_a_message_is_not_taken_out_without_the_right_to(self, account: AccountUnderTest) -> None:
        """The server refuses the change of that message."""
        message = account.receive([("Ann", "ann@example.net")], "Feed")
        account.withhold("Feed", "mayRemoveItems")
        mail = opened(account).mail
        feed, jail = MailboxId(account.mailbox_id("Feed")), MailboxId(account.mailbox_id("Jail"))
        change = Change(add=frozenset({jail}), remove=frozenset({feed}))
        update = mail.update(mail.read([feed]).snapshot, lambda _: change)
        assert "forbidden" in update.failed[MessageId(message)]
        assert account.mailboxes_of(message) == {"Feed"}

    def test_a_message_is_not_seen_without_the_right_to(self, account: AccountUnderTest) -> None:
        """The mailbox is listed, and nothing in it."""
        account.receive([("Ann", "ann@example.net")], "Feed")
        account.withhold("Feed", "mayReadItems")
        reading = opened(account).mail.read([MailboxId(account.mailbox_id("Feed"))])
        assert not reading.snapshot.messages
        assert [x.rights.may_read for x in reading.mailboxes if x.name == "Feed"] == [False]


def test_a_right_to_a_mailbox_that_mailroom_does_not_touch(account: AccountUnderTest) -> None:
    """The person's own mailboxes are theirs."""
    account.withhold("Family", "mayAddItems")
    assert judged(run_command(account.environment, "check", "--json"))["mailboxes"][0] is True


def test_an_address_book_that_may_only_be_read(account: AccountUnderTest) -> None:
    """Neither cards nor groups could be written; what is missing besides is told, too."""
    account.protect_address_book()
    (says,) = is_wrong(run_command(account.environment, "check", "--json"), "groups")
    to_make = "API token" if account.is_over_jmap else "app password"
    assert f"may be read, but not written: make an {to_make} with read and write access" in says
    variables = {
        "MAILROOM_GROUP_FEED": "News",
        "MAILROOM_GROUP_FEED_DOMAINS": "Feed domains",
        "MAILROOM_MAILBOX_FEED": "Feed",
    }
    done = run_command(account.environment, "check", "--json", **variables)
    missing, says = is_wrong(done, "groups")
    assert "'News' is missing" in missing
    assert "not written" in says


@pytest.fixture
def hit(account: AccountUnderTest) -> Iterator[Behind]:
    """An account behind a proxy."""
    with behind(account) as opened:
        yield opened


def check_with(hit: Behind, change: Callable[[Any, Any], None]) -> Done:
    """Check an account whose session says something else of its core and its mail."""

    def plan(exchange: Exchange) -> None:
        if not exchange.request.is_session:
            exchange.pass_on()
            return
        answer = exchange.forward()
        session = json.loads(answer.body)
        (account,) = session["accounts"].values()
        change(session["capabilities"][CORE], account)
        exchange.reply(evolve(answer, body=json.dumps(session).encode()))

    hit.proxy.plan = plan
    done = run_command(hit.proxy.environment(hit.account.environment), "check", "--json")
    hit.proxy.check()
    assert hit.writes() == []
    return done


def of_mail(**limits: object) -> Callable[[Any, Any], None]:
    """Let the session say something else of what the account's mail can take."""
    return lambda _, account: account["accountCapabilities"][MAIL].update(limits)


def test_a_token_that_may_only_read(hit: Behind) -> None:
    """One sentence, with what to do."""
    done = check_with(hit, lambda _, account: account.update(isReadOnly=True))
    if hit.account.is_over_jmap:
        found = judged(done)
        assert [x for x, (verdict, _) in found.items() if verdict is False] == ["mailboxes", "groups"]
        ((says,), (of_contacts,)) = found["mailboxes"][1], found["groups"][1]
        assert of_contacts.endswith("make an API token with read and write access to Contacts")
    else:
        (says,) = is_wrong(done, "mailboxes")
    assert says == "the token may only read mail: make one with read and write access to Email"


def test_too_few_mailboxes_for_a_message(hit: Behind) -> None:
    """A label besides a place is the least."""
    (says,) = is_wrong(check_with(hit, of_mail(maxMailboxesPerEmail=1)), "mailboxes")
    assert says == "the server allows a message in at most 1 mailboxes at once; triage labels need 2"


@pytest.mark.parametrize(
    ("limit", "most", "needed"),
    [("maxCallsInRequest", 2, "2 method calls per request; Mailroom needs 3"),
     ("maxSizeRequest", 4_000, "4000 bytes per request; Mailroom needs 8192")],
)  # fmt: skip
def test_a_limit_that_is_too_low(hit: Behind, limit: str, most: int, needed: str) -> None:
    """Nothing could be done within it."""
    says = is_wrong(check_with(hit, lambda core, _: core.update({limit: most})), "limits")
    assert says == [f"the server allows {needed}"]


def test_limits_that_are_low_and_enough() -> None:
    """Rules are read mailbox by mailbox where a request holds no more."""
    store = SandboxAccount(limits=Limits(max_calls_in_request=3, max_objects_in_get=20, max_objects_in_set=1))
    store.add_mailbox("Inbox", role="inbox")
    with Sandbox(store) as sandbox:
        environment = sandbox.environment()
        assert run_command(environment, "setup", "--apply").code == 0
        found = judged(run_command(environment, "check", "--json"))
    assert {verdict for verdict, _ in found.values()} == {True, None}


def test_a_missing_mailbox_that_may_not_be_made(hit: Behind) -> None:
    """It is said beside that it is missing, so that nobody tries in vain."""
    hit.account.remove_mailbox("Jail")
    missing, says = is_wrong(check_with(hit, of_mail(mayCreateTopLevelMailbox=False)), "mailboxes")
    assert "'Jail' is missing" in missing
    assert says == "the mailbox 'Jail' cannot be made: the token may make none at the top; make it yourself"
