"""What is taken is given back: after twenty ends of any kind in a row, the next request works."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from attrs import evolve

from mailroom.errors import MailroomError, TransportError
from mailroom.http import Bounds, Credentials, HttpClient
from tests.support.given_time import PATIENCE_SECONDS, eventually
from tests.support.scripted import Answer, Received, ScriptedServer, http

SECRET = "Bearer secret"
TIMES = 20
BOUNDS = Bounds(connections=2, silence_seconds=0.1, exchange_seconds=5.0, attempts=1, answer_bytes=10_000)
OK = http("200 OK", b"fine")
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def reset(client: socket.socket, request: Received) -> None:
    """Answer with a TCP reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


def stay_silent(client: socket.socket, request: Received) -> None:
    """Say nothing until the client has gone."""
    client.recv(1)


def open_files() -> int:
    """Return how many file descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


ENDS: dict[str, Answer] = {
    "reset": reset,
    "silence": stay_silent,
    "nothing": b"",
    "no HTTP": b"nonsense\r\n\r\n",
    "a redirect in a circle": http("302 Found", Location="/x"),
    "a redirect without a place": http("302 Found"),
    "a redirect to another host": http("302 Found", Location="http://127.0.0.2/"),
    "503": http("503 Busy"),
    "401": http("401 Unauthorized", b"no"),
    "401 that keeps the connection": b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "an unknown coding": http("503 Busy", b"x" * 100, Content_Encoding="br"),
    "half of a gzip": http("200 OK", gzip.compress(bytes(range(256)))[:30], Content_Encoding="gzip"),
    "too large": http("200 OK", b"x" * 10_001),
    "too large, announced": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx",
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfi",
    "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an endless header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
}


def works(client: HttpClient, server: ScriptedServer) -> bool:
    """Whether a good answer arrives; on a slow machine perhaps not at the first attempt."""
    for _ in range(3):
        with suppress(MailroomError):
            return client.request("GET", f"{server.url}/x").body == b"fine"
    return False


@pytest.fixture
def nothing_stays() -> Iterator[None]:
    """Watch over the threads and file descriptors that a test leaves behind."""
    before = open_files(), threading.active_count()
    yield
    assert eventually(lambda: (open_files(), threading.active_count()) <= before), before


@pytest.mark.usefixtures("nothing_stays")
class TestTwentyTimes:
    @pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
    def test_a_request_may_end_as_it_likes(self, end: Answer) -> None:
        """Every end of an answer gives its connection back, the bad ones as well as the good one."""
        answers = [end] * (TIMES * (1 + BOUNDS.redirects if end is ENDS["a redirect in a circle"] else 1))
        with (
            ScriptedServer(*answers, OK) as server,
            closing(HttpClient(server.url, Credentials(SECRET), None, BOUNDS)) as client,
        ):
            while len(server.received) < len(answers):
                with suppress(MailroomError):
                    client.request("POST", f"{server.url}/x", body=b"{}")
            assert works(client, server)

    @pytest.mark.parametrize("end", [*ENDS.values(), STREAM], ids=[*ENDS.keys(), "a stream that ends"])
    def test_a_stream_may_end_as_it_likes(self, end: Answer) -> None:
        """So does every end of a stream, whether it was read or not."""
        answers = [end] * (TIMES * (1 + BOUNDS.redirects if end is ENDS["a redirect in a circle"] else 1))
        with (
            ScriptedServer(*answers, OK) as server,
            closing(HttpClient(server.url, Credentials(SECRET), None, BOUNDS)) as client,
        ):
            while (number := len(server.received)) < len(answers):
                with suppress(MailroomError), client.open_stream(f"{server.url}/x", {}, 0.1) as stream:
                    if number % 2:
                        list(stream.chunks())
            assert works(client, server)

    def test_an_error_of_ours_while_reading(self) -> None:
        """What the reader of a stream raises gives it back too."""
        with (
            ScriptedServer(OK) as server,
            closing(HttpClient(server.url, Credentials(SECRET), None, BOUNDS)) as client,
        ):
            for _ in range(TIMES):
                with pytest.raises(ZeroDivisionError), client.open_stream(f"{server.url}/x", {}, 0.2):
                    raise ZeroDivisionError
            assert works(client, server)

    def test_a_stream_interrupted_from_another_thread(self) -> None:
        """Its reader ends at once, each time."""

        def stream_on(client: socket.socket, request: Received) -> None:
            client.sendall(STREAM + b": hello\n\n")
            client.recv(1)

        with (
            ScriptedServer(stream_on) as server,
            closing(HttpClient(server.url, Credentials(SECRET), None, BOUNDS)) as client,
        ):
            for _ in range(TIMES):
                with client.open_stream(f"{server.url}/x", {}, 30.0) as stream:
                    threading.Timer(0.02, stream.interrupt).start()
                    began = time.monotonic()
                    with suppress(TransportError):
                        list(stream.chunks())
                    assert time.monotonic() - began < 20, "it was not the silence that ended it"

    def test_an_idle_connection_that_the_server_closes(self) -> None:
        """It is noticed before it is used again; no request is lost to it."""
        bounds = evolve(BOUNDS, attempts=3, silence_seconds=30.0, exchange_seconds=60.0)
        with (
            ScriptedServer(KEPT) as server,
            closing(HttpClient(server.url, Credentials(SECRET), None, bounds)) as client,
        ):
            for _ in range(TIMES):
                assert client.request("GET", f"{server.url}/x").body == b"fine"
                assert server.hung_up.acquire(timeout=PATIENCE_SECONDS)
            assert len(server.received) == TIMES

    def test_more_threads_than_connections(self) -> None:
        """They wait for each other, and each gets its answer."""
        with (
            ScriptedServer(OK) as server,
            closing(
                HttpClient(
                    server.url,
                    Credentials(SECRET),
                    None,
                    evolve(BOUNDS, silence_seconds=30.0, exchange_seconds=60.0),
                )
            ) as client,
            ThreadPoolExecutor(10) as pool,
        ):
            asked = [pool.submit(client.request, "GET", f"{server.url}/x") for _ in range(10 * TIMES)]
            assert {each.result().body for each in asked} == {b"fine"}


def test_waiting_for_a_connection_ends() -> None:
    """Where all are in use, the next request waits for as long as it may take, and says why it fails."""
    bounds = Bounds(connections=1, exchange_seconds=0.3, attempts=1)
    with (
        ScriptedServer(STREAM, OK) as server,
        closing(HttpClient(server.url, Credentials(SECRET), None, bounds)) as client,
    ):
        for _ in range(TIMES // 4):
            with client.open_stream(f"{server.url}/x", {}, 5.0):
                began = time.monotonic()
                with pytest.raises(TransportError, match="all 1 connections are in use"):
                    client.request("GET", f"{server.url}/x")
                assert time.monotonic() - began >= 0.3
        assert client.request("GET", f"{server.url}/x").body == b"fine"
