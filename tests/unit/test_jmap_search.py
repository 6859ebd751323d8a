"""Messages found by their Message-ID, or by who wrote them."""

from __future__ import annotations

import pytest

from mailroom.errors import MethodError, ServerError
from mailroom.http import Credentials, HttpClient
from mailroom.jmap import JmapClient
from mailroom.jmap.messages import MessageForm
from mailroom.jmap.search import JmapSearch
from mailroom.model.address import Address
from mailroom.sandbox import SandboxAccount
from tests.support import harm
from tests.support.proxy import Proxy

ANN = ("Ann", "ann@example.net")


@pytest.fixture
def account() -> SandboxAccount:
    account = SandboxAccount()
    account.add_mailbox("Screener")
    return account


@pytest.fixture
def search(account: SandboxAccount, proxy: Proxy) -> JmapSearch:
    http = HttpClient(proxy.url, Credentials(f"Bearer {account.token}"))
    client = JmapClient(http, f"{proxy.url}/jmap/session")
    client.call([])  # reads the session
    return JmapSearch(client, MessageForm())


def test_only_the_very_message_id_counts(account: SandboxAccount, search: JmapSearch) -> None:
    """A server finds what contains it; one that is longer is another."""
    short, long = (
        account.deliver([ANN], ["Screener"], message_id=x) for x in ("a@b.example", "aa@b.example")
    )
    assert [each.id for each in search.named("a@b.example")] == [short]
    assert [each.id for each in search.named("aa@b.example")] == [long]
    assert search.named("b.example") == ()


@pytest.mark.parametrize("kind", ["unsupportedFilter", "invalidArguments"])
def test_a_server_that_does_not_look_for_it_is_told_in_words(
    kind: str, search: JmapSearch, proxy: Proxy
) -> None:
    """With what else there is to ask for."""
    proxy.plan = harm.method_error(kind)
    with pytest.raises(ServerError, match="name the sender's address"):
        search.named("a@b.example")


def test_another_failure_stays_what_it_is(search: JmapSearch, proxy: Proxy) -> None:
    """It says nothing of the search."""
    proxy.plan = harm.method_error("serverFail")
    with pytest.raises(MethodError):
        search.named("a@b.example")


def test_a_senders_messages_are_theirs_alone(account: SandboxAccount, search: JmapSearch) -> None:
    """A search for an address finds longer ones, too; no more are read than is asked for."""
    theirs = [account.deliver([ANN], ["Screener"]) for _ in range(3)]
    account.deliver([("Other", "joann@example.net")], ["Screener"])
    account.deliver([("ann@example.net", "somebody@else.example")], ["Screener"])
    found = search.of_sender(Address(ANN[1]), 10)
    assert {each.id for each in found} == {*theirs}
    assert len(search.of_sender(Address(ANN[1]), 2)) <= 2
