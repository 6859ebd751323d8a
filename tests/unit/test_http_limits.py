"""What a server may send is bounded: it is refused before it fills the memory."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import closing

import pytest

from mailroom.errors import ProtocolError, TooLargeError, TransportError, UntrustedHostError
from mailroom.http import Bounds, Credentials, HttpClient
from tests.support.scripted import Answer, Received, ScriptedServer, http

SECRET = "Bearer secret"
LIMIT_BYTES = 1024 * 1024
MEMORY_BYTES = 6 * LIMIT_BYTES
"""The limit, once more while the pieces are joined, and the buffers on both ends of the socket."""


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """Watch over the memory that the test takes."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY_BYTES, f"{peak} bytes were allocated"


def get(answer: Answer, answer_bytes: int = LIMIT_BYTES) -> bytes:
    bounds = Bounds(answer_bytes=answer_bytes, attempts=1)
    with (
        ScriptedServer(answer) as server,
        closing(HttpClient(server.url, Credentials(SECRET), None, bounds)) as client,
    ):
        return client.request("GET", f"{server.url}/").body


def pour(head: bytes, piece: bytes) -> Answer:
    """Return an answer that sends the head and then the piece over and over, until the client hangs up."""

    def answer(client: socket.socket, request: Received) -> None:
        client.sendall(head)
        for _ in range(64 * LIMIT_BYTES // len(piece)):
            client.sendall(piece)

    return answer


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
PIECE = b"x" * 65_536


@pytest.mark.usefixtures("bounded_memory")
class TestSizes:
    def test_an_answer_up_to_the_limit_is_read(self) -> None:
        """The limit itself is still allowed."""
        assert len(get(http("200 OK", b"x" * LIMIT_BYTES))) == LIMIT_BYTES

    def test_an_answer_that_announces_too_much_is_not_read_at_all(self) -> None:
        """Who says that the body is huge is believed; not one byte of it is waited for."""
        asked = threading.Event()

        def announce(client: socket.socket, request: Received) -> None:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n")
            asked.set()
            client.recv(1)

        with pytest.raises(TooLargeError, match="larger than"):
            get(announce)
        assert asked.wait(10)  # the answer may be refused before the server has got so far

    @pytest.mark.parametrize(
        ("head", "piece"),
        [(CLOSE, PIECE), (CHUNKED, b"10000\r\n" + PIECE + b"\r\n")],
        ids=["without a length", "in chunks"],
    )
    def test_an_endless_body_is_refused(self, head: bytes, piece: bytes) -> None:
        """Whatever does not say where it ends is cut off at the limit."""
        with pytest.raises(TooLargeError, match="larger than"):
            get(pour(head, piece))

    def test_tiny_chunks_cost_no_more_than_their_bytes(self) -> None:
        """A body that arrives two bytes at a time takes no more memory than another."""
        with pytest.raises(TooLargeError, match="larger than"):
            get(pour(CHUNKED, b"2\r\nxx\r\n" * 1_000), answer_bytes=LIMIT_BYTES // 8)
        assert tracemalloc.get_traced_memory()[1] < LIMIT_BYTES

    def test_what_is_too_large_is_not_asked_for_again(self) -> None:
        """It would be as large the next time: who asked may ask for less."""
        with ScriptedServer(http("200 OK", b"x" * 11)) as server:
            with closing(HttpClient(server.url, Credentials(SECRET))) as client, pytest.raises(TooLargeError):
                client.request("GET", f"{server.url}/", max_bytes=10)
            assert len(server.received) == 1

    def test_a_chunk_that_claims_to_be_huge_costs_nothing(self) -> None:
        """Memory is taken for what arrives, not for what is announced."""
        with pytest.raises(TransportError):
            get(CHUNKED + b"7fffffffffffffff\r\nshort")

    def test_a_gzip_bomb_is_refused(self) -> None:
        """A few kilobytes that unpack to a gigabyte are unpacked to the limit and no further."""
        packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
        zeros = bytes(LIMIT_BYTES)
        bomb = b"".join([*(packer.compress(zeros) for _ in range(256)), packer.flush()])
        assert len(bomb) < LIMIT_BYTES // 2
        with pytest.raises(TooLargeError, match="larger than"):
            get(http("200 OK", bomb, Content_Encoding="gzip"))

    @pytest.mark.parametrize(
        "head",
        [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, b""],
        ids=["endless header", "many headers", "no status line"],
    )
    def test_an_endless_head_is_refused(self, head: bytes) -> None:
        """Headers have limits too."""
        with pytest.raises(TransportError):
            get(pour(head, PIECE))


class TestCodings:
    @pytest.mark.parametrize("cut", [1, 9, 20, -1])
    def test_gzip_data_that_is_cut_short_is_an_error(self, cut: int) -> None:
        """Half an answer is never taken for a whole one."""
        with pytest.raises(TransportError):
            get(http("200 OK", gzip.compress(bytes(range(256)))[:cut], Content_Encoding="gzip"))

    def test_what_is_not_gzip_is_an_error(self) -> None:
        """A server that says gzip and sends something else is not understood by guessing."""
        with pytest.raises(TransportError):
            get(http("200 OK", b"plain text", Content_Encoding="gzip"))

    @pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "\xff"])
    def test_a_coding_that_was_not_asked_for_is_an_error(self, coding: str) -> None:
        """Only gzip was offered."""
        with pytest.raises(TransportError, match="coding"):
            get(http("200 OK", b"x", Content_Encoding=coding))


@pytest.mark.parametrize(
    "location", ["http://[::1", "http://127.0.0.1:99999999/", "http://a b/", "//[/", "http://ünï.example/"]
)
def test_a_redirect_to_what_is_no_url_is_a_protocol_error(location: str) -> None:
    """No malformed address ends in anything but the project's own errors."""
    with pytest.raises(ProtocolError):
        get(http("302 Found", Location=location))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\.api.fastmail.com/",
        "https://evil.example\\@api.fastmail.com/",
        "https://api.fastmail.com%2eevil.example/",
        "https://api.fastmail.com%00.evil.example/",
        "https://api.fastmail.com./",
        "https://api.fastmail.com\t.evil.example/",
    ],
)
def test_a_host_that_parsers_read_differently_gets_no_credentials(url: str) -> None:
    """Where the connection would go decides, not where some other parser thinks it would."""
    with pytest.raises((ProtocolError, UntrustedHostError)):
        HttpClient("https://api.fastmail.com/jmap/session", Credentials(SECRET)).check_trusted(url)


def test_the_connection_of_a_whole_answer_is_used_again() -> None:
    """However carefully a body is read, the next request needs no new connection."""
    connections = []

    def answer_twice(client: socket.socket, request: Received) -> None:
        connections.append(request)
        whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        client.sendall(whole)
        assert client.recv(65_536)
        client.sendall(whole)

    with ScriptedServer(answer_twice) as server:
        client = HttpClient(server.url, Credentials(SECRET))
        for _ in range(2):
            assert client.request("GET", f"{server.url}/").body == b"ok"
        client.close()
    assert len(connections) == 1
