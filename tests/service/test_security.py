"""Security: TLS is verified, credentials stay with their host and out of all output, nobody holds it up."""

from __future__ import annotations

import base64
import io
import json
import logging
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from mailroom.account import open_account
from mailroom.carddav import CardDavAddressBook
from mailroom.errors import TransportError, UntrustedHostError
from mailroom.http import Credentials, HttpClient
from mailroom.http import client as http_client
from mailroom.jmap import JmapClient, Push, PushState
from mailroom.jmap.calls import Call
from mailroom.output import redaction
from mailroom.output.logs import configure_logs, log
from mailroom.sandbox import Reply, Request, Sandbox
from mailroom.sandbox.seed.account import seeded_account
from mailroom.service.health import Health, HealthServer
from mailroom.settings.settings import load_settings
from tests.support.given_time import PATIENCE_SECONDS, eventually
from tests.support.processes import Process, mailroom
from tests.support.scripted import Received, ScriptedServer, http
from tests.support.tls import server_context, write_certificate

TOKEN = 'fmu1-very/secret+token"\\'
PASSWORD = "app pass&wörd 100%"
OK = http("200 OK", b"fine")


@pytest.fixture(autouse=True)
def _fresh_state() -> Iterator[None]:
    """Let each test have its own certificate authorities and secrets."""
    redaction.forget_secrets()
    http_client.tls_context.cache_clear()
    yield
    http_client.tls_context.cache_clear()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An account full of mail, with secrets that look different in every encoding."""
    account = seeded_account()
    account.token, account.password = TOKEN, PASSWORD
    with Sandbox(account) as sandbox:
        yield sandbox


class TestTls:
    def test_a_certificate_that_nobody_vouches_for_is_refused(self, tmp_path: Path) -> None:
        """No byte of the request is sent to a server that cannot prove who it is, and the error says why."""
        with ScriptedServer(OK, tls=server_context(tmp_path)) as server:
            with pytest.raises(TransportError, match="is not trusted on this machine"):
                HttpClient(server.url, Credentials(f"Bearer {TOKEN}")).request("GET", server.url)
            assert server.received == []

    def test_a_certificate_for_another_name_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Being vouched for is not enough: the name must be right."""
        monkeypatch.setenv("SSL_CERT_FILE", str(write_certificate(tmp_path)))
        with ScriptedServer(OK, host="127.0.0.2", tls=server_context(tmp_path)) as server:
            with pytest.raises(TransportError, match="is for another host name"):
                HttpClient(server.url, Credentials(f"Bearer {TOKEN}")).request("GET", server.url)
            assert server.received == []

    def test_an_authority_of_ones_own_is_named_by_ssl_cert_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SSL_CERT_FILE works as everywhere."""
        monkeypatch.setenv("SSL_CERT_FILE", str(write_certificate(tmp_path)))
        with ScriptedServer(OK, tls=server_context(tmp_path)) as server:
            assert (
                HttpClient(server.url, Credentials(f"Bearer {TOKEN}")).request("GET", server.url).body
                == b"fine"
            )

    def test_the_service_does_not_start_on_such_a_server(self, tmp_path: Path) -> None:
        """The one line that tells it names the reason."""
        with ScriptedServer(OK, tls=server_context(tmp_path)) as server:
            variables = {
                **dict.fromkeys(("MAILROOM_JMAP_SESSION_URL", "MAILROOM_CARDDAV_URL"), server.url),
                "MAILROOM_JMAP_TOKEN": "token",
                "MAILROOM_CARDDAV_USERNAME": "alex@home.example",
                "MAILROOM_CARDDAV_PASSWORD": "password",
            }
            ended = mailroom("run", variables=variables, cwd=tmp_path)
        assert ended.returncode == 1
        assert "is not trusted on this machine" in ended.stderr
        assert "Traceback" not in ended.stdout + ended.stderr

    def test_a_stop_interrupts_an_encrypted_stream(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Push stops at once, also in the middle of TLS."""
        monkeypatch.setenv("SSL_CERT_FILE", str(write_certificate(tmp_path)))

        def answer(client: socket.socket, request: Received) -> None:
            if request.target == "/":
                session = {
                    "apiUrl": "/",
                    "eventSourceUrl": "/events",
                    "capabilities": {"urn:ietf:params:jmap:core": {}},
                    "primaryAccounts": {"urn:ietf:params:jmap:mail": "a"},
                    "accounts": {"a": {}},
                }
                client.sendall(http("200 OK", json.dumps(session).encode(), Content_Type="application/json"))
            else:
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                client.recv(1)

        with ScriptedServer(answer, tls=server_context(tmp_path)) as server:
            push = Push(
                HttpClient(server.url, Credentials(f"Bearer {TOKEN}")), f"{server.url}/", lambda: None
            )
            push.start()
            assert eventually(lambda: push.state is PushState.CONNECTED)
            push.stop()
            assert eventually(lambda: all(thread.name != "push" for thread in threading.enumerate()))


class TestCredentialsStayAtHome:
    def test_a_session_that_names_a_foreign_api_gets_no_token_there(self) -> None:
        """What the session says is not trusted either."""
        with ScriptedServer(OK) as foreign:
            session = {
                "apiUrl": f"{foreign.url}/api",
                "capabilities": {"urn:ietf:params:jmap:core": {}},
                "primaryAccounts": {"urn:ietf:params:jmap:mail": "a"},
                "accounts": {"a": {}},
            }
            answer = http("200 OK", json.dumps(session).encode(), Content_Type="application/json")
            with ScriptedServer(answer) as server:
                client = JmapClient(
                    HttpClient(server.url, Credentials(f"Bearer {TOKEN}")), f"{server.url}/session"
                )
                with pytest.raises(UntrustedHostError):
                    client.call([Call("Mailbox/get", {})])
            assert foreign.received == []

    @pytest.mark.parametrize("where", ["current-user-principal", "addressbook-home-set"])
    def test_an_address_book_that_refers_to_a_foreign_host_gets_no_password_there(self, where: str) -> None:
        """Nor is an href of a multistatus."""
        with ScriptedServer(OK) as foreign:
            name = where if where.startswith("current") else f"C:{where}"
            xml = (
                '<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><response><href>/</href>'
                f"<propstat><prop><{name}><href>{foreign.url}/x/</href></{name}></prop>"
                "<status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"
            )
            with ScriptedServer(http("207 Multi", xml.encode(), Content_Type="text/xml")) as server:
                client = HttpClient(server.url, Credentials("Basic secret"))
                with pytest.raises(UntrustedHostError):
                    CardDavAddressBook(client, f"{server.url}/", ()).refresh()
            assert foreign.received == []


def forms_of(secret: str) -> set[str]:
    """Return the forms in which a secret could be told without being recognised at once."""
    raw = secret.encode()
    return {
        secret,
        json.dumps(secret)[1:-1],
        quote(raw),
        quote(raw, safe=""),
        quote_plus(raw),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }


def assert_tells_nothing(text: str, *secrets: str) -> None:
    for secret in secrets:
        for form in forms_of(secret):
            assert form not in text, f"{form!r} is told"


def echo(request: Request) -> str:
    """Return what a careless server might say: the request's own credentials, in several forms."""
    authorization = request.headers["authorization"]
    return f"{authorization} {quote(TOKEN)} {quote_plus(PASSWORD)} {TOKEN} {PASSWORD}"


def problem(request: Request) -> Reply:
    body = json.dumps({"type": "urn:ietf:params:jmap:error:notRequest", "detail": echo(request)})
    return Reply(400, {"Content-Type": "application/problem+json"}, body.encode())


def method_error(request: Request) -> Reply:
    calls = json.loads(request.body)["methodCalls"]
    error = {"type": "serverFail", "description": echo(request)}
    body = {"methodResponses": [["error", error, call[2]] for call in calls], "sessionState": "s"}
    return Reply(200, {"Content-Type": "application/json"}, json.dumps(body).encode())


def server_error(request: Request) -> Reply:
    return Reply(500, {"Content-Type": "text/plain; charset=utf-8"}, echo(request).encode())


def wrong_type(request: Request) -> Reply:
    return Reply(200, {"Content-Type": "text/html"}, echo(request).encode())


def refused(request: Request) -> Reply:
    return Reply(401, {"Content-Type": "text/plain"}, echo(request).encode())


BAD_ANSWERS: dict[str, tuple[str, Callable[[Request], Reply]]] = {
    "JMAP problem": ("/jmap/api/", problem),
    "JMAP method error": ("/jmap/api/", method_error),
    "JMAP 500": ("/jmap/api/", server_error),
    "JMAP wrong type": ("/jmap/", wrong_type),
    "JMAP 401": ("/jmap/", refused),
    "CardDAV 500": ("/dav/", server_error),
    "CardDAV wrong type": ("/dav/", wrong_type),
    "CardDAV 401": ("/dav/", refused),
}


class TestSecretsAreNotTold:
    def test_not_by_the_running_service_whatever_servers_say(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """At debug level, through good times and bad, no secret is in anything that is printed."""
        account = sandbox.account
        variables = {
            **sandbox.environment(),
            "MAILROOM_POLL_INTERVAL": "0.1",
            "MAILROOM_LOG_LEVEL": "debug",
        }
        pair = f"{account.username}:{PASSWORD}"
        with Process(variables, tmp_path) as service:
            service.until("push_connected")
            for path, answer in BAD_ANSWERS.values():
                message = account.deliver([("", f"x{time.monotonic_ns()}@new.example")], ["Screener"])
                sandbox.interceptor = lambda request, path=path, answer=answer: (
                    answer(request) if request.path.startswith(path) else None
                )
                account.label(message, "@ToFeed")
                service.until("poll_failed")
                sandbox.interceptor = None
                service.until("poll_complete")
            health = service.health()
            service.send(signal.SIGTERM)
            service.until("service_stopped")
            assert service.exit_code() == 0
            told = "\n".join(json.dumps(event, ensure_ascii=False) for event in service.events)
            told += service.errors() + str(health)
        assert told.count("[secret]") >= len(BAD_ANSWERS) - 2  # so the servers' words did come this far
        assert '"level": "debug"' in told
        assert_tells_nothing(told, TOKEN, PASSWORD, pair)

    @pytest.mark.parametrize(
        ("command", "trouble"), [("run", "JMAP 500"), ("plan", "CardDAV 500"), ("check", "JMAP problem")]
    )
    def test_not_by_a_command_that_fails(
        self, sandbox: Sandbox, tmp_path: Path, command: str, trouble: str
    ) -> None:
        """What prevents the start is told without what the server quoted."""
        path, answer = BAD_ANSWERS[trouble]
        sandbox.interceptor = lambda r: answer(r) if r.path.startswith(path) else None
        ended = mailroom(command, variables=sandbox.environment(), cwd=tmp_path)
        assert ended.returncode == 1
        told = ended.stdout + ended.stderr
        assert_tells_nothing(told, TOKEN, PASSWORD, f"{sandbox.account.username}:{PASSWORD}")

    @pytest.mark.parametrize("value", ["zq7xw\nzq7xw", "zq7xw zq7xw", "zq7xwé"])
    def test_not_when_a_secret_is_malformed(self, sandbox: Sandbox, tmp_path: Path, value: str) -> None:
        """A token that cannot be one is named by its variable only."""
        variables = {**sandbox.environment(), "MAILROOM_JMAP_TOKEN": value}
        ended = mailroom("run", variables=variables, cwd=tmp_path)
        assert ended.returncode == 1
        assert "MAILROOM_JMAP_TOKEN" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert "zq7xw" not in ended.stdout + ended.stderr

    def test_not_by_a_traceback(self) -> None:
        """Not even an exception that quotes a secret tells it."""
        stream = io.StringIO()
        before = logging.getLogger().handlers[:]
        redaction.conceal(TOKEN, PASSWORD)
        try:
            configure_logs("debug", stream)
            try:
                raise ValueError(f"Invalid header {TOKEN.encode()!r} and {PASSWORD!r}")
            except ValueError:
                logging.getLogger("mailroom").exception("poll_failed")
            log(logging.INFO, "sender_filed", sender=f"{quote_plus(PASSWORD)}\ud800")
        finally:
            logging.basicConfig(handlers=before, force=True)
        assert "ValueError" in stream.getvalue()
        assert len([json.loads(line) for line in stream.getvalue().splitlines()]) == 2
        assert_tells_nothing(stream.getvalue(), TOKEN, PASSWORD)

    def test_not_by_any_repr(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a debugger or an assertion shows of the parts holds no secret."""
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        settings = load_settings(dotenv=None)
        account = open_account(settings)
        account.check()
        shown = [settings, account, account.jmap, account.mail, account.book, account.jmap.session]
        assert_tells_nothing(" ".join(map(repr, shown)), TOKEN, PASSWORD)


@pytest.fixture
def health_server() -> Iterator[HealthServer]:
    """A health server whose clients have much time, so that time alone sends nobody away."""
    with serving(connection_seconds=60.0) as server:
        yield server


@contextmanager
def serving(connection_seconds: float) -> Iterator[HealthServer]:
    server = HealthServer(Health(60), "127.0.0.1", 0, connection_seconds)
    with closing(server):
        server.start()
        yield server


def probe_seconds(port: int) -> float:
    """Ask as a cluster's probe does, and return how long the good answer took."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as client:
        client.sendall(b"GET /healthz/live HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while chunk := client.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    return time.monotonic() - began


def is_prompt(port: int) -> bool:
    """Ask once; in a crowd, a connection may be closed to make room before the question has come."""
    with suppress(ConnectionError):
        return probe_seconds(port) < PROMPT_SECONDS
    return False


def send_slowly(client: socket.socket) -> None:
    """Send a byte now and then, for much longer than anybody should listen."""
    for _ in range(1_000):
        client.sendall(b"G")
        time.sleep(0.05)  # the harm is that it takes long


def connections(port: int, count: int, stack: ExitStack) -> list[socket.socket]:
    return [
        stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS))
        for _ in range(count)
    ]


PROBES = 3
"""A cluster gives up after so many in a row (Kubernetes: failureThreshold, 3 by default)."""

PROMPT_SECONDS = 15.0
"""A probe that waits for others waits for a minute, the time that each client has."""


class TestHealthUnderHostileClients:
    def test_hundreds_of_idle_connections_keep_no_probe_waiting(self, health_server: HealthServer) -> None:
        """Those who say nothing lose their place to those who come after them."""
        with ExitStack() as stack:
            clients = []
            for _ in range(5):
                clients += connections(health_server.port, 80, stack)
                assert probe_seconds(health_server.port) < PROMPT_SECONDS
            assert all(is_closed(client) for client in clients[:300])

    def test_endless_headers_are_cut_off(self, health_server: HealthServer) -> None:
        """Nobody's request may be longer than a probe's."""
        with ExitStack() as stack:
            clients = connections(health_server.port, 20, stack)
            for client in clients:
                with suppress(OSError):
                    for _ in range(100):
                        client.sendall(b"X-Header: " + b"y" * 1000 + b"\r\n")
            assert probe_seconds(health_server.port) < PROMPT_SECONDS
            assert all(is_closed(client) for client in clients)

    def test_slow_bytes_are_cut_off(self) -> None:
        """A byte now and then does not lengthen the time that a client has."""
        with serving(connection_seconds=0.5) as server, ExitStack() as stack:
            (client,) = connections(server.port, 1, stack)
            with pytest.raises(ConnectionError):
                send_slowly(client)
            assert probe_seconds(server.port) < PROMPT_SECONDS

    def test_clients_that_never_read_hold_nothing_up(self, health_server: HealthServer) -> None:
        """Who does not take their answer is forgotten."""
        with ExitStack() as stack:
            for client in connections(health_server.port, 200, stack):
                client.sendall(b"GET /healthz/live HTTP/1.1\r\n\r\n")
            assert probe_seconds(health_server.port) < PROMPT_SECONDS

    @pytest.mark.parametrize(
        "request_bytes", [b"\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET  /healthz\r\n\r\n"]
    )
    def test_nonsense_is_answered_with_404(self, health_server: HealthServer, request_bytes: bytes) -> None:
        """What is no request for the health is not found."""
        with socket.create_connection(("127.0.0.1", health_server.port), timeout=PATIENCE_SECONDS) as client:
            client.sendall(request_bytes)
            assert client.recv(4096).startswith(b"HTTP/1.1 404 ")

    @staticmethod
    @contextmanager
    def _no_descriptor_left(client: socket.socket) -> Iterator[socket.socket]:
        """Use up all that the process may have besides the client's; give one of them, to be closed."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        client.settimeout(PATIENCE_SECONDS)
        with ExitStack() as stack:
            spare = stack.enter_context(socket.socket())
            resource.setrlimit(resource.RLIMIT_NOFILE, (spare.fileno() + 1, hard))
            try:
                with suppress(OSError):
                    while True:  # use up the gaps below
                        stack.enter_context(socket.socket())
                yield spare
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_without_file_descriptors_it_neither_spins_nor_dies(self, health_server: HealthServer) -> None:
        """When the process has no descriptor left it waits quietly, and answers when there is one again."""
        with socket.socket() as client:
            with self._no_descriptor_left(client):
                client.connect(("127.0.0.1", health_server.port))
                used = time.process_time()
                time.sleep(0.6)  # as long as it might spin in
                assert time.process_time() - used < 0.2
            client.sendall(b"GET /healthz/live HTTP/1.1\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")

    def test_with_one_file_descriptor_left_a_client_is_answered(self, health_server: HealthServer) -> None:
        """Who took the last descriptor keeps it while nobody else waits for it."""
        with socket.socket() as client, self._no_descriptor_left(client) as spare:
            spare.close()
            client.connect(("127.0.0.1", health_server.port))
            client.sendall(b"GET /healthz/live HTTP/1.1\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")

    def test_the_service_goes_on(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """Whatever happens at the health port, polls go on and probes are answered."""
        variables = {**sandbox.environment(), "MAILROOM_POLL_INTERVAL": "0.2"}
        with Process(variables, tmp_path) as service, ExitStack() as stack:
            port = service.until("service_started")["health_port"]
            done = threading.Event()
            stack.callback(done.set)

            def besiege() -> None:
                while not done.is_set():
                    with suppress(OSError), ExitStack() as mine:
                        for client in connections(port, 50, mine):
                            client.sendall(b"GET /healthz/live HTTP/1.1\r\nX: ")

            for _ in range(2):
                threading.Thread(target=besiege, daemon=True).start()
            for _ in range(4):
                service.until("poll_complete")
                assert any(is_prompt(port) for _ in range(PROBES))


def is_closed(client: socket.socket) -> bool:
    """Whether the other side has closed or reset the connection."""
    client.settimeout(PATIENCE_SECONDS)
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False
