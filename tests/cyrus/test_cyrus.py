"""The Cyrus of the tests: it is what it claims to be, and its front is like Fastmail's."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.cyrus.front import Front
from tests.support.cyrus.server import CyrusServer, why_not_installed
from tests.support.on_cyrus import AccountOnCyrus


@pytest.fixture
def account(cyrus: Front) -> AccountOnCyrus:
    return AccountOnCyrus(cyrus)


@contextmanager
def get(account: AccountOnCyrus, url: str, **headers: str) -> Iterator[HTTPResponse]:
    target = urlsplit(url)
    token = f"Bearer {account.environment['MAILROOM_JMAP_TOKEN']}"
    with closing(HTTPConnection(target.netloc, timeout=10)) as connection:
        connection.request(
            "GET", f"{target.path}?{target.query}", headers={"Authorization": token, **headers}
        )
        with connection.getresponse() as answer:
            yield answer


def session(account: AccountOnCyrus) -> dict[str, str]:
    with get(account, account.environment["MAILROOM_JMAP_SESSION_URL"]) as answer:
        found: dict[str, str] = json.load(answer)
        return found


def next_event(stream: HTTPResponse) -> tuple[str, dict[str, object]]:
    lines = iter(lambda: stream.readline().decode().rstrip("\n"), "")
    fields = dict(line.split(": ", 1) for line in lines)
    return fields["event"], json.loads(fields["data"])


def test_the_session_has_absolute_urls_of_the_front(cyrus: Front, account: AccountOnCyrus) -> None:
    """What the session refers to is reached through the front as well."""
    found = session(account)
    for name in ("apiUrl", "eventSourceUrl", "uploadUrl", "downloadUrl"):
        assert found[name].startswith(f"{cyrus.url}/")


@pytest.mark.parametrize("authorization", ["Bearer unknown", "Basic bm9ib2R5Om5v", "Basic %", ""])
def test_wrong_credentials_are_refused(account: AccountOnCyrus, authorization: str) -> None:
    """An unknown token, a wrong password, nonsense and nothing get 401."""
    url = account.environment["MAILROOM_JMAP_SESSION_URL"]
    with get(account, url, Authorization=authorization) as answer:
        assert answer.status == 401


def test_a_change_is_pushed(account: AccountOnCyrus) -> None:
    """The event stream tells that mail has changed, in the RFC's form, soon after it has."""
    url = session(account)["eventSourceUrl"]
    url = url.replace("{types}", "Email,Mailbox").replace("{closeafter}", "no").replace("{ping}", "0")
    with get(account, url) as stream:
        assert stream.headers.get_content_type() == "text/event-stream"
        account.receive([("Ann", "ann@example.net")], "Inbox")
        told: dict[str, str] = {}
        # A delivery has steps, and the stream may tell of each of them.
        while told.keys() != {"Email", "Mailbox"} or told["Email"] != account.state()[0]:
            name, data = next_event(stream)
            assert (name, data["@type"]) == ("state", "StateChange")
            changed = data["changed"]
            assert isinstance(changed, dict)
            assert changed.keys() == {account.address}
            told |= changed[account.address]


def test_silence_is_filled_with_pings(account: AccountOnCyrus) -> None:
    """As often as the client has asked for, the stream shows that it is alive."""
    url = session(account)["eventSourceUrl"]
    url = url.replace("{types}", "*").replace("{closeafter}", "state").replace("{ping}", "1")
    with get(account, url) as stream:
        assert next_event(stream) == ("ping", {"interval": 1})
        account.receive([("Ann", "ann@example.net")], "Inbox")
        assert next_event(stream)[0] == "state"
        assert stream.read() == b"", "closeafter=state ends the stream after one event"


def test_mail_is_delivered_as_by_a_mail_exchanger(cyrus: Front, account: AccountOnCyrus) -> None:
    """A message handed in by LMTP lies in the Inbox."""
    before = account.state()
    cyrus.server.deliver(account.address, b"From: ann@example.net\r\nSubject: Hello\r\n\r\nText.\r\n")
    assert account.state() != before
    cyrus.server.settle()


def test_it_ends_with_its_test_and_leaves_nothing(cyrus: Front) -> None:
    """A server that is closed answers no more, and its directory is gone."""
    with CyrusServer() as another:
        home = another.home
        assert home.exists()
    assert not home.exists()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(another.url, timeout=1)


def test_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where Cyrus is not installed, the reason for skipping names what is not there."""
    monkeypatch.delenv("MAILROOM_WITHOUT_CYRUS", raising=False)
    reason = why_not_installed(tmp_path)
    assert reason
    assert "not installed" in reason
