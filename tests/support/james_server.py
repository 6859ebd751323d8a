"""Starts a throw-away Apache James on loopback, all of it in memory.

Debian: ``apt-get install --no-install-recommends maven openjdk-17-jre-headless``. Maven fetches James
when it is first needed, and keeps it in its own repository and in a cache folder.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path

from tests.support.undoing import Undoing

VERSION = "3.8.1"
PROGRAMS = ("mvn", "java", "keytool")
START_TIMEOUT_SECONDS = 120.0
FETCH_TIMEOUT_SECONDS = 900.0
STOP_TIMEOUT_SECONDS = 10.0
POLL_INTERVAL_SECONDS = 0.1
KEYSTORE_PASSWORD = "of-the-tests"
DOMAIN = "example.com"
ACCOUNTS_PER_SERVER = 10

POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>mailroom.tests</groupId>
  <artifactId>james</artifactId>
  <version>{VERSION}</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.james</groupId>
      <artifactId>james-server-memory-app</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

CONFIGURATION = {
    "jmap.properties": """\
enabled=true
jmap.version.default=rfc-8621
jmap.port={jmap}
url.prefix=http://127.0.0.1:{jmap}
websocket.url.prefix=ws://127.0.0.1:{jmap}
tls.keystoreURL=file://conf/keystore
keystoreType=PKCS12
tls.secret={secret}
""",
    "webadmin.properties": "enabled=true\nhost=127.0.0.1\nport={admin}\n",
    "jmx.properties": "jmx.enabled=false\n",
    "domainlist.xml": """\
<domainlist>
  <autodetect>false</autodetect>
  <autodetectIP>false</autodetectIP>
  <defaultDomain>{domain}</defaultDomain>
</domainlist>
""",
    "usersrepository.xml": """\
<usersrepository name="LocalUsers">
  <algorithm>PBKDF2-SHA512-1000-64</algorithm>
  <enableVirtualHosting>true</enableVirtualHosting>
</usersrepository>
""",
    "logback.xml": '<configuration><root level="OFF"/></configuration>\n',
}


class UnreachableError(Exception):
    """James cannot be run here; says why."""


class JamesServer(Undoing):
    """A running James; a context manager.

    Attributes:
        address: Host and port of its JMAP.

    Raises:
        UnreachableError: It is not here and cannot be fetched.
    """

    def __init__(self) -> None:
        jars = _fetched()
        jmap, self._admin_port = _free_ports(2)
        self.address = "127.0.0.1", jmap
        self.url = f"http://127.0.0.1:{jmap}"
        super().__init__()
        home = Path(tempfile.mkdtemp(prefix=f"mailroom-james-{os.getpid()}-"))
        self.undo.callback(shutil.rmtree, home, ignore_errors=True)
        try:
            _configure(home / "conf", jmap, self._admin_port)
            self._start(home, jars)
        except BaseException:
            self.close()
            raise

    def add_user(self, address: str, password: str) -> str:
        """Create an account with what James makes by itself, and return the Authorization header for it."""
        self._administer(f"/users/{address}", {"password": password})
        return "Basic " + base64.b64encode(f"{address}:{password}".encode()).decode("ascii")

    def _start(self, home: Path, jars: Path) -> None:
        command = [
            *("java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"),
            *(f"-Dworking.directory={home}", f"-Dlogback.configurationFile={home}/conf/logback.xml"),
            "org.apache.james.MemoryJamesServerMain",
        ]
        with (home / "output").open("wb") as output:
            process = subprocess.Popen(command, cwd=home, stdout=output, stderr=subprocess.STDOUT)
        self.undo.callback(_end, process)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"James does not start: {(home / 'output').read_text()[-2000:]}")
            time.sleep(POLL_INTERVAL_SECONDS)

    def _is_ready(self) -> bool:
        try:
            self._administer(f"/domains/{DOMAIN}")
        except (OSError, RuntimeError):
            return False
        with contextlib.suppress(OSError), socket.create_connection(self.address, 1):
            return True
        return False

    def _administer(self, path: str, value: Mapping[str, str] | None = None) -> None:
        with contextlib.closing(HTTPConnection("127.0.0.1", self._admin_port, timeout=30)) as connection:
            connection.request("PUT", path, json.dumps(value) if value else None)
            response = connection.getresponse()
            said = response.read()
        if response.status != 204:
            raise RuntimeError(f"PUT {path}: {response.status} {said[:200]!r}")


class JamesServers:
    """One James after the other: each serves a few accounts.

    After some twenty accounts 3.8.1 in memory stops answering an Email/set: no thread works on it.
    """

    def __init__(self) -> None:
        self._server: JamesServer | None = None
        self._accounts = 0

    def current(self) -> JamesServer:
        """Return the server for one more account.

        Raises:
            UnreachableError: James is not here and cannot be fetched.
        """
        if self._server is None or self._accounts == ACCOUNTS_PER_SERVER:
            self.close()
            self._server, self._accounts = JamesServer(), 0
        self._accounts += 1
        return self._server

    def close(self) -> None:
        """End the server that is running."""
        if self._server:
            self._server.close()


def _fetched() -> Path:
    """Return the folder with James's archives; fetch them when they are not all here yet."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        raise UnreachableError(f"{', '.join(missing)} not installed, so Apache James cannot be run")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailroom-tests"
    folder = cache / f"james-{VERSION}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        Path(work, "pom.xml").write_text(POM)
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"]
        try:
            done = subprocess.run(
                [*command, "-DincludeScope=runtime"],
                cwd=work, capture_output=True, text=True, timeout=FETCH_TIMEOUT_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise UnreachableError("Maven does not bring Apache James in time") from error
        if done.returncode:
            raise UnreachableError(f"Maven cannot fetch Apache James: {done.stdout[-300:].strip()}")
        with contextlib.suppress(OSError):  # another run may have been quicker
            Path(work, "jars").rename(folder)
    return folder


def _configure(folder: Path, jmap: int, admin: int) -> None:
    folder.mkdir()
    values = {"jmap": jmap, "admin": admin, "secret": KEYSTORE_PASSWORD, "domain": DOMAIN}
    for name, text in CONFIGURATION.items():
        (folder / name).write_text(text.format_map(values))
    subprocess.run(
        [
            *("keytool", "-genkeypair", "-alias", "james", "-keyalg", "RSA", "-dname", "CN=james"),
            *("-storetype", "PKCS12", "-keystore", folder / "keystore", "-storepass", KEYSTORE_PASSWORD),
        ],
        check=True, capture_output=True,
    )  # fmt: skip


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
