"""A POST to a URL that is a secret: sent once, to nobody else, and told to nobody."""

from __future__ import annotations

import socket

import pytest
from attrs import evolve

from mailroom.errors import MailroomError, StatusError, TimedOutError, TooLargeError, TransportError
from mailroom.http import Bounds, SecretUrl
from tests.support.scripted import Received, ScriptedServer, http

SECRETS = ("hush-hush", "topic-of-mine", "tk_0123456789")
BRIEF = Bounds(connections=1, connect_seconds=0.3, silence_seconds=0.3, exchange_seconds=0.3)


def secret_url(server: ScriptedServer) -> str:
    user, place = "me:hush%2Dhush@", "/topic-of-mine?auth=tk_0123456789"
    return server.url.replace("://", f"://{user}") + place


def hang(client: socket.socket, request: Received) -> None:
    """Take the request, and answer nothing."""
    client.recv(1)


def trickle(client: socket.socket, request: Received) -> None:
    """Answer a byte now and then, for ever."""
    while True:
        client.sendall(b"H")
        client.settimeout(0.05)
        try:
            client.recv(1)
            return
        except TimeoutError:
            continue


def failure(url: str) -> MailroomError:
    with pytest.raises(MailroomError) as told:
        SecretUrl(url, BRIEF).post({"Title": "x"}, b"text")
    assert not [each for each in (*SECRETS, "hush%2Dhush") if each in str(told.value)]
    return told.value


def test_it_arrives_as_it_was_meant() -> None:
    """Path and query are the URL's, its user and password are sent as Basic, and the rest is the caller's."""
    with ScriptedServer(http("200 OK")) as server:
        SecretUrl(secret_url(server)).post({"Title": "Hello"}, "für dich".encode())
        (received,) = server.received
    assert (received.method, received.target) == ("POST", "/topic-of-mine?auth=tk_0123456789")
    assert received.headers["authorization"] == "Basic bWU6aHVzaC1odXNo"
    assert received.headers["title"] == "Hello"
    assert received.body.decode() == "für dich"


def test_what_lies_below_it_is_read_with_the_same_credentials() -> None:
    """The path grows, and the query that is there stays."""
    with ScriptedServer(http("200 OK", b"there")) as server:
        assert SecretUrl(secret_url(server)).get("/json", "poll=1") == b"there"
        (received,) = server.received
    assert (received.method, received.target) == ("GET", "/topic-of-mine/json?auth=tk_0123456789&poll=1")
    assert received.headers["authorization"] == "Basic bWU6aHVzaC1odXNo"


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """Nobody has so much to say that it fills the memory."""
    with ScriptedServer(http("200 OK", b"x" * 2_000)) as server, pytest.raises(TooLargeError):
        SecretUrl(server.url, evolve(BRIEF, answer_bytes=1_000)).get("/json", "")


def test_a_url_without_a_user_sends_no_credentials() -> None:
    """Nor does it send Mailroom's own."""
    with ScriptedServer(http("204 No Content")) as server:
        SecretUrl(f"{server.url}/topic").post({}, b"x")
        assert "authorization" not in server.received[0].headers


def test_no_redirect_is_followed() -> None:
    """It would carry the text, and the secret perhaps, to somebody else."""
    with ScriptedServer(http("200 OK")) as other:
        with ScriptedServer(http("307 Temporary Redirect", Location=f"{other.url}/x")) as server:
            error = failure(secret_url(server))
            assert len(server.received) == 1
        assert other.received == []
    assert isinstance(error, StatusError)
    assert error.status == 307


@pytest.mark.parametrize("status", ["401 Unauthorized", "500 Oops", "429 Too Many Requests"])
def test_a_refusal_is_told_and_not_tried_again(status: str) -> None:
    """Whoever wants to be told again later says so by another notice."""
    with ScriptedServer(http(status)) as server:
        assert status[:3] in str(failure(secret_url(server)))
        assert len(server.received) == 1


@pytest.mark.parametrize("answer", [hang, trickle])
def test_who_hangs_is_given_up(answer: object) -> None:
    """In the time for the whole, whether nothing comes or a byte now and then."""
    assert callable(answer)
    with ScriptedServer(answer) as server:
        assert isinstance(failure(secret_url(server)), TimedOutError)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n"])
def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    """A connection that is closed, or that speaks something else."""
    with ScriptedServer(answer) as server:
        assert isinstance(failure(secret_url(server)), TransportError)


def test_where_nobody_listens_it_fails() -> None:
    """With the host in the message, and nothing more of the URL."""
    with ScriptedServer(b"") as server:
        url = secret_url(server)
    assert "127.0.0.1" in str(failure(url))
