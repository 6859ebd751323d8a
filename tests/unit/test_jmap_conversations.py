"""How conversations are read on servers that give little at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from mailroom.errors import MethodError
from mailroom.http import Credentials, HttpClient
from mailroom.jmap import JmapClient
from mailroom.jmap.conversations import JmapConversations
from mailroom.jmap.messages import MessageForm
from mailroom.model.letters import Letters
from mailroom.model.mail import MailboxId, MessageId
from mailroom.sandbox import Limits, Sandbox, SandboxAccount
from tests.support.harm import jmap, method_error
from tests.support.proxy import Exchange, Proxy

ME, ANN = ("Alex", "alex@home.example"), ("Ann", "ann@example.net")


def furnished(limits: Limits) -> SandboxAccount:
    account = SandboxAccount(limits=limits)
    account.add_mailbox("Screener")
    account.add_mailbox("Sent", role="sent")
    return account


@contextmanager
def reading(account: SandboxAccount) -> Iterator[tuple[JmapConversations, Proxy]]:
    credentials = Credentials(f"Bearer {account.token}")
    with (
        Sandbox(account) as sandbox,
        Proxy(sandbox.url) as proxy,
        closing(HttpClient(proxy.url, credentials)) as http,
    ):
        client = JmapClient(http, f"{proxy.url}/jmap/session")
        yield JmapConversations(client, MessageForm()), proxy


def around(conversations: JmapConversations, account: SandboxAccount, *ids: str) -> Letters:
    return conversations.around([MessageId(x) for x in ids], MailboxId(account.with_role("sent")))


def conversation(account: SandboxAccount, letters: int) -> str:
    """A mail that the person sent, with so many answers; return the last of them."""
    last = account.deliver([ME], ["Sent"], to=[ANN])
    for _ in range(letters):
        last = account.deliver([ANN], ["Screener"], in_reply_to=last)
    return last


def test_all_is_read_by_one_request() -> None:
    """The conversation, whole, and what was sent besides; Message-IDs come without brackets."""
    account = furnished(Limits())
    last, other = conversation(account, 3), account.deliver([ME], ["Sent"])
    with reading(account) as (conversations, proxy):
        around(conversations, account, last)
        before = len(proxy.requests)
        letters = around(conversations, account, last)
        assert len(proxy.requests) == before + 1
    assert letters.asked == {last}
    assert letters.letters.keys() == set(account.messages)
    assert letters.letters[MessageId(other)].names == {account.messages[other].message_id}
    assert letters.letters[MessageId(last)].answers == set(account.messages[last].answers)
    (sent,) = [x for x in letters.letters.values() if "ann@example.net" in x.recipients]
    assert sent.message.thread_id == letters.letters[MessageId(last)].message.thread_id


def test_as_many_are_looked_at_as_fit_and_fewer_where_conversations_are_long() -> None:
    """Each attempt is one request; at last each is looked at."""
    account = furnished(Limits(max_objects_in_get=8))
    lasts = [conversation(account, 5) for _ in range(3)]
    rest, attempts = list(lasts), []
    with reading(account) as (conversations, _):
        while rest:
            letters = around(conversations, account, *rest)
            attempts.append(sorted(letters.asked))
            rest = [x for x in rest if x not in letters.asked]
            assert letters.asked <= letters.letters.keys()
    assert attempts == [[], [lasts[0]], [], [lasts[1]], [lasts[2]]]


def test_a_conversation_that_is_too_large_alone_is_not_seen_and_stops_no_other() -> None:
    """It is tried without what was sent besides, too."""
    account = furnished(Limits(max_objects_in_get=4))
    large, small = conversation(account, 9), conversation(account, 1)
    with reading(account) as (conversations, _):
        attempts = [around(conversations, account, large) for _ in range(2)]
        assert [list(each.asked) for each in attempts] == [[], [large]]
        assert not any(each.letters for each in attempts)
        assert small in around(conversations, account, small).letters


@pytest.mark.parametrize(("calls", "sees_thread", "sees_sent"), [(4, True, False), (2, False, False)])
def test_a_server_that_takes_few_calls_shows_less(calls: int, *, sees_thread: bool, sees_sent: bool) -> None:
    """What cannot be seen is no evidence, and is not asked for again."""
    account = furnished(Limits(max_calls_in_request=calls))
    last, other = conversation(account, 1), account.deliver([ME], ["Sent"])
    with reading(account) as (conversations, _):
        letters = around(conversations, account, last)
    assert letters.asked == {last}
    assert (last in letters.letters, other in letters.letters) == (sees_thread, sees_sent)


def test_one_that_is_gone_is_no_reason_to_ask_again() -> None:
    """Deleted between the reading of Screener and this one."""
    account = furnished(Limits())
    last = conversation(account, 1)
    account.destroy(last)
    with reading(account) as (conversations, _):
        letters = around(conversations, account, last)
    assert letters.asked == {last}
    assert last not in letters.letters


def test_any_other_error_is_raised() -> None:
    """Whoever asks leaves it for later."""
    account = furnished(Limits())
    last = conversation(account, 1)

    def fail(exchange: Exchange) -> None:
        (method_error("unknownMethod") if jmap(exchange.request) else Exchange.pass_on)(exchange)

    with reading(account) as (conversations, proxy):
        around(conversations, account, last)
        proxy.plan = fail
        with pytest.raises(MethodError):
            around(conversations, account, last)
