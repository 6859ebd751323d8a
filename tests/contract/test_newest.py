"""The newest messages of several mailboxes, read at once."""

from __future__ import annotations

from mailroom.account import open_account
from mailroom.model.mail import MailboxId
from mailroom.sandbox.server import Sandbox
from mailroom.sandbox.store.account import Limits, SandboxAccount
from mailroom.settings.settings import load_settings
from tests.support.accounts import AccountUnderTest
from tests.support.behind import behind
from tests.support.proxy import Answer, Exchange
from tests.support.running import opened

SINCE = "2026-02-01T00:00:00Z"


def newest(account: AccountUnderTest, *mailboxes: str, since: str = SINCE, most: int = 2) -> set[str]:
    """Which messages are read of which mailboxes."""
    ids = [MailboxId(account.mailbox_id(name)) for name in mailboxes]
    return {str(x) for x in opened(account).history.newest(ids, since, most)}


def receive(account: AccountUnderTest, *mailboxes: str, day: int) -> str:
    return account.receive([("Ann", "ann@example.net")], *mailboxes, at=f"2026-02-{day:02}T00:00:00Z")


def test_the_newest_of_each_are_read_once(account: AccountUnderTest) -> None:
    """As many as are asked for of each mailbox; a message that is in two of them is one message."""
    for day in (1, 2):
        receive(account, "Inbox", day=day)
    both = receive(account, "Inbox", "Feed", day=3)
    last = receive(account, "Inbox", day=4)
    alone = receive(account, "Feed", day=2)
    receive(account, "Jail", day=5)
    assert newest(account, "Inbox", "Feed") == {both, last, alone}
    assert newest(account, "Inbox", "Feed", most=1) == {both, last}
    assert newest(account, "Screener") == newest(account) == set()


def test_what_came_before_a_moment_is_left_out(account: AccountUnderTest) -> None:
    """Unless there is none."""
    old = account.receive([("Ann", "ann@example.net")], "Inbox", at="2026-01-31T23:59:59Z")
    new = receive(account, "Inbox", day=2)
    assert newest(account, "Inbox", since=SINCE) == {new}
    assert newest(account, "Inbox", since="") == {old, new}


def test_it_is_one_request(account: AccountUnderTest) -> None:
    """Where the server takes as many calls."""
    mailroom = opened(account)
    assert mailroom.jmap.session
    before = len(account.requests())
    ids = [
        MailboxId(account.mailbox_id(name)) for name in ("Inbox", "Screener", "Feed", "Paper Trail", "Jail")
    ]
    mailroom.history.newest(ids, SINCE, 10)
    assert len(account.requests()) == before + 1


def test_a_server_that_takes_few_calls_is_asked_more_often() -> None:
    """One mailbox at a time, at the least."""
    store = SandboxAccount(limits=Limits(max_calls_in_request=3))
    for name in "abc":
        store.add_mailbox(name)
        store.deliver([("", "ann@example.net")], [name])
    with Sandbox(store) as sandbox:
        account = open_account(load_settings(sandbox.environment()))
        ids = [MailboxId(store.mailbox_id(name)) for name in "abc"]
        assert len(account.history.newest(ids, "", 5)) == 3
        assert sum(each.method == "POST" for each in sandbox.requests) == 3


def test_answers_that_are_too_large_are_asked_for_in_parts(account: AccountUnderTest) -> None:
    """Fewer messages of fewer mailboxes, until it fits; the newest all the same."""
    places = ("Inbox", "Feed")
    for day in (1, 2):
        for name in places:
            receive(account, name, day=day)
    last = {receive(account, name, day=3) for name in places}

    def plan(exchange: Exchange) -> None:
        if exchange.request.body.count(b"Email/get") > 1:
            exchange.reply(Answer(413, body=b"too large"))
        else:
            exchange.pass_on()

    with behind(account) as hit:
        hit.proxy.plan = plan
        ids = [MailboxId(account.mailbox_id(name)) for name in places]
        found = hit.mailroom().history.newest(ids, SINCE, 2)
        hit.proxy.check()
    assert {str(x) for x in found} == last
