"""What a person is told when a connection fails: in plain words, and with what to do."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from ssl import SSLError

import pytest
from urllib3.exceptions import NameResolutionError, NewConnectionError

from mailroom.errors import TransportError
from mailroom.http import Bounds, Credentials, HttpClient
from mailroom.http.client import tls_context
from mailroom.http.connections import Patience
from mailroom.http.trouble import explain
from tests.support.scripted import Answer, Received, ScriptedServer
from tests.support.tls import When, server_context, write_certificate

BOUNDS = Bounds(attempts=1)

LIBRARY_WORDS = ("Errno", "_ssl.c", "SSL:", "HTTPSConnection", "IncompleteRead", "object at 0x", "urllib3")


def told_of(url: str, bounds: Bounds = BOUNDS) -> str:
    """Return what the failure of a request says after its method and URL."""
    client = HttpClient(url, Credentials("Bearer x"), None, bounds)
    with closing(client), pytest.raises(TransportError) as failure:
        client.request("GET", url)
    told = str(failure.value)
    assert not [each for each in LIBRARY_WORDS if each in told]
    assert failure.value.__cause__ is not None, "the library's own words are kept for a traceback"
    return told.removeprefix(f"GET {url}: ")


@pytest.fixture
def never_trusted_before() -> Iterator[None]:
    """Let SSL_CERT_FILE be read anew, before and after the test."""
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


def hang_until_the_client_goes(client: socket.socket, request: Received) -> None:
    client.recv(1)


def reset(client: socket.socket, request: Received) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(b"", "{place} closed the connection without an answer", id="closed"),
        pytest.param(reset, "the connection to {place} broke off", id="reset"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfi",
            "the answer broke off after 2 bytes, 7 bytes before its end",
            id="cut short",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "the answer broke off, or is not in the form that it announces",
            id="a broken chunk",
        ),
        pytest.param(
            b"220 mail.home.example ESMTP\r\n",
            "the server does not speak HTTP on port {port}; check the port in the URL",
            id="a mail server",
        ),
        pytest.param(
            b"\x15\x03\x01\x00\x02\x02\x0a",
            "the server speaks TLS on port {port}; the URL must begin with https://",
            id="TLS where http was meant",
        ),
    ],
)
def test_an_answer_that_fails(answer: Answer, told: str) -> None:
    """Each way in which a server can fail to answer has a sentence of its own."""
    with ScriptedServer(answer) as server:
        port = server.url.rpartition(":")[2]
        assert told_of(f"{server.url}/") == told.format(place=f"127.0.0.1:{port}", port=port)


def test_a_server_that_says_nothing() -> None:
    """It says for how long nothing came."""
    with ScriptedServer(hang_until_the_client_goes) as server:
        place = server.url.removeprefix("http://")
        assert told_of(server.url, Bounds(attempts=1, silence_seconds=0.2)) == f"{place} was silent for 0.2 s"


def test_nobody_listens() -> None:
    """A port that nobody listens on is named, and what to check."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert told_of(f"https://127.0.0.1:{port}/") == (
        f"nothing answers at 127.0.0.1:{port}; check the host and the port, and whether the server is running"
    )


def test_nobody_takes_the_connection() -> None:
    """A host that lets connections wait is named, with how long it was waited for."""
    with ExitStack() as queue:
        listener = queue.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(3):  # its queue is full: the kernel answers no further one
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        bounds = Bounds(attempts=1, connect_seconds=0.2)
        assert told_of(f"http://127.0.0.1:{port}/", bounds) == (
            f"no connection to 127.0.0.1:{port} within 0.2 s; check the address, and any firewall on the way"
        )


class TestEncryption:
    @pytest.mark.parametrize(
        "first_bytes",
        [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail.home.example ESMTP\r\n", b"* OK IMAP4rev1\r\n"],
    )
    def test_a_server_that_speaks_no_tls(self, first_bytes: bytes) -> None:
        """The commonest mistake, https:// for a plain port, is told as that."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

            def answer() -> None:
                client, _ = listener.accept()
                with client, suppress(ConnectionError):  # it hangs up at once
                    client.recv(65_536)
                    client.sendall(first_bytes)
                    client.recv(65_536)

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            assert told_of(f"https://127.0.0.1:{port}/") == (
                f"the server does not speak TLS on port {port} (is it http://?); check the port in the URL"
            )
            thread.join()

    def test_a_certificate_that_nobody_vouches_for(self, tmp_path: Path) -> None:
        """It says which variable makes an authority of one's own known."""
        with ScriptedServer(b"", tls=server_context(tmp_path)) as server:
            place, told = server.url.removeprefix("https://"), told_of(server.url)
        assert told.startswith(f"the certificate of {place} is not trusted on this machine (")
        assert told.endswith("for a server of your own, name its authority's file in SSL_CERT_FILE")

    @pytest.mark.usefixtures("never_trusted_before")
    @pytest.mark.parametrize(
        ("when", "host", "told"),
        [
            ("2025", "127.0.0.1", "has expired, or the clock of this machine is wrong"),
            ("2125", "127.0.0.1", "is not valid yet, or the clock of this machine is wrong"),
            ("now", "127.0.0.2", "is for another host name; check the host in the URL"),
        ],
    )
    def test_a_certificate_that_is_not_valid_here(
        self, when: When, host: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Time and name are told apart, since a person fixes them in different places."""
        monkeypatch.setenv("SSL_CERT_FILE", str(write_certificate(tmp_path, when)))
        with ScriptedServer(b"", host=host, tls=server_context(tmp_path, when)) as server:
            place = server.url.removeprefix("https://")
            assert told_of(server.url) == f"the certificate of {place} {told}"

    def test_a_server_that_hangs_up_in_the_middle_of_it(self) -> None:
        """What answers there may be no server for this at all."""
        error = SSLError(1, "[SSL: UNEXPECTED_EOF_WHILE_READING] …")
        error.reason = "UNEXPECTED_EOF_WHILE_READING"
        assert explain(error, "https://mail.home.example/", Patience(BOUNDS)) == (
            "mail.home.example:443 closed the connection before it was encrypted; check the host and the port"
        )

    def test_another_failure_keeps_its_reason(self) -> None:
        """What has no sentence of its own is told in OpenSSL's words, but as words."""
        error = SSLError(1, "[SSL: TLSV1_ALERT_ACCESS_DENIED] …")
        error.reason = "TLSV1_ALERT_ACCESS_DENIED"
        assert explain(error, "https://mail.home.example/", Patience(BOUNDS)) == (
            "no encrypted connection to mail.home.example:443 came about: tlsv1 alert access denied"
        )


class TestFinding:
    """What depends on a network that a test does not have is given as the error that it makes."""

    @pytest.mark.parametrize(
        ("code", "told"),
        [
            (socket.EAI_NONAME, "there is no host named mail.home.example; check its spelling, and "),
            (socket.EAI_AGAIN, "the name mail.home.example cannot be looked up now (try again); check "),
        ],
    )
    def test_a_name_that_is_not_found(self, code: int, told: str) -> None:
        """A name that does not exist is told apart from a DNS that does not answer."""
        cause = socket.gaierror(code, "try again")
        error = NameResolutionError("mail.home.example", None, cause)  # type: ignore[arg-type]
        error.__cause__ = cause
        assert explain(error, "https://mail.home.example/", Patience(BOUNDS)) == (f"{told}this machine's DNS")

    @pytest.mark.parametrize("code", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL])
    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("https://[2001:db8::1]/", "there is no route to 2001:db8::1; check this machine's IPv6 network"),
            ("https://192.0.2.1/", "there is no route to 192.0.2.1; check this machine's network"),
        ],
    )
    def test_a_network_that_is_not_there(self, code: int, url: str, told: str) -> None:
        """A machine without IPv6 is a common one: the sentence says which network it is."""
        cause = OSError(code, "unreachable")
        error = NewConnectionError(None, "…")  # type: ignore[arg-type]
        error.__cause__ = cause
        assert explain(error, url, Patience(BOUNDS)) == told

    def test_a_name_that_cannot_be_one(self) -> None:
        """A host that no DNS could be asked for is named."""
        assert told_of("https://a..b/") == "'a..b' cannot be the name of a host"

    def test_any_other_error_of_the_system_keeps_its_words(self) -> None:
        """Without its number."""
        error = OSError(errno.EMFILE, "Too many open files")
        assert explain(error, "https://mail.home.example/", Patience(BOUNDS)) == "Too many open files"
