"""HTTP: what is repeated and what is not, where credentials may go, and how trouble is told."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis.strategies import text

from mailroom.errors import (
    AuthenticationError,
    PreconditionFailedError,
    ProtocolError,
    StatusError,
    StoppedError,
    TransportError,
    UntrustedHostError,
)
from mailroom.http import Bounds, Credentials, HttpClient, is_loopback, retry_after_seconds
from tests.support.given_time import NotedWaits
from tests.support.scripted import Answer, Received, ScriptedServer, http

SECRET = "Bearer fmu1-very-secret"
OK = http("200 OK", b"fine", Content_Type="text/plain")
BOUNDS = Bounds()
TIMES = 20


def reset(client: socket.socket, request: Received) -> None:
    """Answer with a TCP reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


def ask(
    server: ScriptedServer,
    method: str = "GET",
    stop: threading.Event | None = None,
    bounds: Bounds = BOUNDS,
) -> bytes:
    with closing(HttpClient(server.url, Credentials(SECRET), stop or NotedWaits(), bounds)) as client:
        return client.request(method, f"{server.url}/x", body=b"{}").body


class TestRepeating:
    @pytest.mark.parametrize("method", ["GET", "POST", "PROPFIND", "REPORT", "PUT"])
    @pytest.mark.parametrize(
        "trouble",
        [
            pytest.param(reset, id="reset"),
            pytest.param(b"", id="closed without an answer"),
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfi", id="cut short"),
            pytest.param(http("503 Busy", Retry_After="0"), id="503"),
            pytest.param(http("423 Locked"), id="423"),
            pytest.param(http("429 Too Many", Retry_After="0"), id="429"),
        ],
    )
    def test_passing_trouble_is_repeated(self, method: str, trouble: bytes) -> None:
        """Every request may be sent again, so a passing fault goes unnoticed."""
        with ScriptedServer(trouble, OK) as server:
            assert ask(server, method) == b"fine"
            assert [r.method for r in server.received] == [method, method]
            assert [r.body for r in server.received] == [b"{}", b"{}"]

    def test_repeating_ends(self) -> None:
        """A server that never answers is asked no more than MAX_ATTEMPTS times."""
        with ScriptedServer(reset) as server:
            with pytest.raises(TransportError):
                ask(server)
            assert len(server.received) == BOUNDS.attempts

    def test_a_busy_server_is_told_with_its_status(self) -> None:
        """When 503 remains after all attempts, it is the error."""
        with ScriptedServer(http("503 Busy", b"maintenance", Retry_After="0")) as server:
            with pytest.raises(StatusError, match=r"503.*maintenance") as caught:
                ask(server)
            assert caught.value.status == 503
            assert len(server.received) == BOUNDS.attempts

    @pytest.mark.parametrize("status", ["400 Bad", "403 Forbidden", "404 Not Found", "500 Oops"])
    def test_a_refusal_is_not_repeated(self, status: str) -> None:
        """What the server refuses once it would refuse again."""
        with ScriptedServer(http(status, b"no, because")) as server:
            with pytest.raises(StatusError, match="no, because"):
                ask(server)
            assert len(server.received) == 1

    def test_retry_after_is_waited_for(self) -> None:
        """A server that asks for a second's patience gets it."""
        stop = NotedWaits()
        with ScriptedServer(http("429 Too Many", Retry_After="1"), OK) as server:
            assert ask(server, stop=stop) == b"fine"
        assert stop.seconds == [1]

    def test_retry_after_may_be_a_date(self) -> None:
        """The date form of Retry-After is understood."""
        when = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
        stop = NotedWaits()
        with ScriptedServer(http("503 Busy", Retry_After=when), OK) as server:
            assert ask(server, stop=stop) == b"fine"
        (waited_seconds,) = stop.seconds
        assert 20 < waited_seconds <= 50

    @pytest.mark.parametrize("value", ["3600", "Fri, 31 Dec 9999 23:59:59 GMT"])
    def test_retry_after_is_capped(self, value: str) -> None:
        """A server that asks for an hour is not waited for: the next cycle asks again."""
        stop = NotedWaits()
        with ScriptedServer(http("503 Busy", Retry_After=value)) as server:
            with pytest.raises(StatusError):
                ask(server, stop=stop)
            assert len(server.received) == 1
        assert stop.seconds == []

    @pytest.mark.parametrize(
        "value",
        [
            "9" * 5_000,
            "Fri, 31 Dec 9999 23:59:59 -9959",
            "Fri, 31 Dec 99999 23:59:59 GMT",
            "Mon, 01 Jan 0001 00:00:00 +2359",
            "Fri, 32 Foo 2026 25:61:61 +99999999999999999999",
        ],
    )
    def test_an_absurd_retry_after_is_capped_or_passed_over(self, value: str) -> None:
        """Neither a number nor a date that no calendar has breaks anything, or asks for more than a day."""
        seconds = retry_after_seconds(value)
        assert seconds is None or 0 <= seconds <= 24 * 3600
        with ScriptedServer(http("503 Busy", Retry_After=value)) as server, pytest.raises(StatusError):
            ask(server)

    @given(text())
    def test_no_retry_after_whatever_is_a_bug(self, value: str) -> None:
        """Whatever stands there, it is a time of at most a day or nothing."""
        seconds = retry_after_seconds(value)
        assert seconds is None or 0 <= seconds <= 24 * 3600

    @pytest.mark.parametrize("value", ["soon", "-5", "", "1e3", "²"])
    def test_a_senseless_retry_after_is_passed_over(self, value: str) -> None:
        """Nonsense in Retry-After leaves the usual back-off."""
        busy = http("503 Busy").replace(b"\r\n\r\n", f"\r\nRetry-After: {value}\r\n\r\n".encode("latin-1"), 1)
        stop = NotedWaits()
        with ScriptedServer(busy, OK) as server:
            assert ask(server, stop=stop) == b"fine"
        assert [0 < seconds <= 2 for seconds in stop.seconds] == [True]

    def test_a_stop_ends_the_wait(self) -> None:
        """Waiting for Retry-After ends at once when the process is to stop."""
        stop = threading.Event()
        with ScriptedServer(http("503 Busy", Retry_After="30")) as server:
            threading.Timer(0.1, stop.set).start()
            with pytest.raises(StoppedError):
                ask(server, stop=stop)
            assert len(server.received) == 1

    def test_a_hanging_server_is_given_up(self) -> None:
        """A server that takes the request and says nothing costs the time for silence, per attempt."""

        def stay_silent(client: socket.socket, request: Received) -> None:
            client.recv(1)

        server = ScriptedServer(stay_silent)
        with server, pytest.raises(TransportError, match=r"was silent for 0\.[23] s"):
            ask(server, bounds=Bounds(silence_seconds=0.2))


def dripping(head: bytes, drop: bytes) -> Answer:
    """Return an answer that goes on, drop by drop, until the client hangs up."""

    def answer(client: socket.socket, request: Received) -> None:
        client.sendall(head)
        while True:
            client.sendall(drop)
            time.sleep(0.02)  # a server that is slow, and never silent for long

    return answer


class TestTheDeadline:
    @pytest.mark.parametrize(
        ("head", "drop"),
        [
            pytest.param(b"", b"H", id="status line"),
            pytest.param(b"HTTP/1.1 200 OK\r\nX-Endless: ", b"x", id="one header"),
            pytest.param(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", id="headers"),
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"x", id="body"),
            pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0", id="chunk length"),
            pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nX: ", b"y", id="redirect"),
        ],
    )
    def test_a_dripping_server_is_given_up(self, head: bytes, drop: bytes) -> None:
        """Wherever a byte comes now and then, the time for the whole exchange counts."""
        bounds = Bounds(exchange_seconds=0.4, attempts=1)
        server = ScriptedServer(dripping(head, drop))
        with server, pytest.raises(TransportError, match=r"no complete answer within 0\.4 s"):
            ask(server, bounds=bounds)

    def test_redirects_do_not_lengthen_it(self) -> None:
        """A chain of slow redirects has the time of one exchange."""

        def slowly_away(client: socket.socket, request: Received) -> None:
            time.sleep(0.15)  # a server that is slow, and in time each time
            client.sendall(http("302 Found", Location="/x"))

        with ScriptedServer(slowly_away) as server, pytest.raises(TransportError, match="no complete answer"):
            ask(server, bounds=Bounds(exchange_seconds=0.4, attempts=1))

    def test_a_server_that_does_not_take_the_request_is_given_up(self) -> None:
        """A body that nobody reads is not sent for longer than the exchange may take."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            client = HttpClient(url, Credentials(SECRET), None, Bounds(silence_seconds=0.3, attempts=1))
            with closing(client), pytest.raises(TransportError, match=r"was silent for 0\.[23] s"):
                client.request("PUT", url, body=bytes(32_000_000))


class TestStatuses:
    def test_401_is_an_authentication_error(self) -> None:
        """Refused credentials have an error of their own."""
        with ScriptedServer(http("401 Unauthorized")) as server, pytest.raises(AuthenticationError):
            ask(server)

    def test_a_refusal_says_which_credentials_and_where_new_ones_are_made(self) -> None:
        """Wherever it is read, nobody has to know whose credentials they were; it tells no secret."""
        given = Credentials(SECRET, "key", "lock", ("KEY_A", "KEY_B"), "have a new one cut")
        with ScriptedServer(http("401 Unauthorized")) as server:
            with closing(HttpClient(server.url, given)) as client, pytest.raises(AuthenticationError) as told:
                client.request("GET", f"{server.url}/door")
            answer = f"GET {server.url}/door: HTTP 401"
        assert str(told.value) == f"KEY_A, KEY_B: the lock refuses the key; have a new one cut ({answer})"
        assert SECRET not in repr(given)

    def test_412_is_a_failed_precondition(self) -> None:
        """So does a change made by somebody else in the meantime."""
        server = ScriptedServer(http("412 Precondition Failed"))
        with server, pytest.raises(PreconditionFailedError):
            ask(server)

    def test_a_gzipped_answer_is_unpacked(self) -> None:
        """Mailroom asks for gzip and reads it."""
        packed = http("200 OK", gzip.compress(b"a" * 1000), Content_Encoding="gzip")
        with ScriptedServer(packed) as server:
            assert ask(server) == b"a" * 1000
            assert server.received[0].headers["accept-encoding"] == "gzip"

    @pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
    def test_an_empty_answer_is_empty_in_every_coding(self, status: str) -> None:
        """Proxies say gzip of an answer without a body as well; it is whole."""
        with ScriptedServer(http(status, Content_Encoding="gzip")) as server:
            assert ask(server) == b""
            assert len(server.received) == 1

    def test_refused_credentials_are_that_in_every_coding(self) -> None:
        """So it is not the coding that a person is told of, but the status."""
        with ScriptedServer(http("401 Unauthorized", Content_Encoding="gzip")) as server:
            with pytest.raises(AuthenticationError):
                ask(server)
            assert len(server.received) == 1


class TestInterimAnswers:
    @pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints", "199 Odd"])
    def test_an_interim_answer_is_not_the_answer(self, interim: str) -> None:
        """Of a connection's requests each gets its own final answer, whatever comes before it (RFC 9110
        section 15.2); an interim answer that is taken for one shifts all that follow by one.
        """

        def answer_each(client: socket.socket, request: Received) -> None:
            for number in range(TIMES):
                client.sendall(f"HTTP/1.1 {interim}\r\nLink: </style>\r\n\r\n".encode() * 2)
                client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{number:02}".encode())
                client.recv(65_536)

        with (
            ScriptedServer(answer_each) as server,
            closing(HttpClient(server.url, Credentials(SECRET))) as client,
        ):
            for number in range(TIMES):
                assert client.request("GET", f"{server.url}/").body == f"{number:02}".encode()

    def test_a_server_that_changes_the_protocol_is_refused(self) -> None:
        """101 was not asked for: what follows is not HTTP, and the connection carries no further request."""
        with ScriptedServer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", OK) as server:
            assert ask(server) == b"fine"
            assert len(server.received) == 2


class TestRedirects:
    @pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
    def test_a_redirect_keeps_method_and_body(self, status: str) -> None:
        """WebDAV and JMAP requests are sent on as they are (RFC 6764 section 5)."""
        with ScriptedServer(http(status, Location="/there"), OK) as server:
            assert ask(server, "PROPFIND") == b"fine"
            second = server.received[1]
            assert (second.method, second.target, second.body) == ("PROPFIND", "/there", b"{}")
            assert second.headers["authorization"] == SECRET

    @pytest.mark.parametrize("method", ["GET", "POST", "PROPFIND", "PUT"])
    def test_credentials_do_not_follow_to_another_host(self, method: str) -> None:
        """Another host is not even asked without credentials: it is an error that names it."""
        with ScriptedServer(OK) as other:
            away = http("301 Moved", Location=f"{other.url}/there")
            with (
                ScriptedServer(away) as server,
                pytest.raises(UntrustedHostError, match=r"127\.0\.0\.1") as caught,
            ):
                ask(server, method)
            assert other.received == []
            assert "secret" not in str(caught.value)

    def test_redirects_in_a_circle_end(self) -> None:
        """A circle is followed a few times and then told."""
        with ScriptedServer(http("302 Found", Location="/x")) as server:
            with pytest.raises(ProtocolError, match="redirects"):
                ask(server)
            assert len(server.received) == BOUNDS.redirects + 1

    def test_a_redirect_to_nowhere_is_an_error(self) -> None:
        """A redirect without a Location breaks the protocol."""
        with ScriptedServer(http("301 Moved")) as server, pytest.raises(ProtocolError, match="Location"):
            ask(server)


class TestTrust:
    @pytest.mark.parametrize(
        "url",
        [
            "https://api.fastmail.com/jmap/api/",
            "https://phl.api.fastmail.com/jmap/api/",
            "https://API.fastmail.com:443/x",
        ],
    )
    def test_the_home_and_hosts_below_it_are_trusted(self, url: str) -> None:
        """Fastmail answers from region hosts below the configured one."""
        HttpClient("https://api.fastmail.com/jmap/session", Credentials(SECRET)).check_trusted(url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example/",
            "https://fastmail.com/",
            "https://evilapi.fastmail.com/",
            "https://api.fastmail.com.evil.example/",
            "https://api.fastmail.com@evil.example/",
            "https://api.fastmail.com:8443/",
            "http://api.fastmail.com/",
            "ftp://api.fastmail.com/",
            "https:///x",
            "//evil.example/x",
            "",
        ],
    )
    def test_everything_else_is_not(self, url: str) -> None:
        """No trick with names, ports or schemes makes another host a trusted one."""
        with pytest.raises(UntrustedHostError):
            HttpClient("https://api.fastmail.com/jmap/session", Credentials(SECRET)).check_trusted(url)

    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("localhost", True),
            ("127.0.0.1", True),
            ("127.8.9.1", True),
            ("::1", True),
            ("[::1]", True),
            ("10.0.0.1", False),
            ("localhost.evil.example", False),
            ("0.0.0.0", False),
            (None, False),
            ("", False),
        ],
    )
    def test_loopback_is_this_machine_only(self, host: str | None, expected: bool) -> None:
        """Plain http is for addresses that cannot leave this machine."""
        assert is_loopback(host) is expected
