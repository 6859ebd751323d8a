"""Starts a throw-away Cyrus IMAP server on loopback and ends it with the test process.

Nothing outside one temporary directory is read or written, so an installed Cyrus is not disturbed.
Debian: ``apt-get install --no-install-recommends cyrus-imapd cyrus-caldav``.
"""

from __future__ import annotations

import base64
import contextlib
import grp
import imaplib
import os
import pwd
import shutil
import smtplib
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from http.client import HTTPConnection
from pathlib import Path

from tests.support.cyrus.passwords import PasswordService
from tests.support.undoing import Undoing

PROGRAMS = Path("/usr/lib/cyrus/bin")
NEEDED_PROGRAMS = ("master", "httpd", "imapd", "lmtpd", "squatter", "ctl_cyrusdb", "cyr_expire")
ADMINISTRATOR = "administrator"
HOME_PREFIX = "mailroom-cyrus-"
MEMORY_DIRECTORY = "/dev/shm"
MEMORY_NEEDED_BYTES = 1 << 30
START_TIMEOUT_SECONDS = 20.0
STOP_TIMEOUT_SECONDS = 10.0
INDEX_TIMEOUT_SECONDS = 10.0
POLL_INTERVAL_SECONDS = 0.01

IMAPD_CONF = {
    # Everything below the temporary directory.
    "configdirectory": "{home}/conf",
    "defaultpartition": "default",
    "partition-default": "{home}/mail",
    "temp_path": "{home}/tmp",
    "proc_path": "{home}/conf/proc",
    "mboxname_lockpath": "{home}/conf/lock",
    "sievedir": "{home}/sieve",
    "lmtpsocket": "{home}/run/lmtp",
    "idlesocket": "{home}/run/idle",
    "notifysocket": "{home}/run/notify",
    "cyrus_user": "{user}",
    "cyrus_group": "{group}",
    # Users are mail addresses, and each sees their mailboxes beside the Inbox, as at Fastmail.
    "admins": ADMINISTRATOR,
    "virtdomains": "userid",
    "defaultdomain": "internal",
    "unixhierarchysep": "yes",
    "altnamespace": "yes",
    "allowplaintext": "yes",
    "sasl_mech_list": "PLAIN LOGIN",
    "sasl_pwcheck_method": "saslauthd",
    "sasl_saslauthd_path": "{home}/run/mux",
    "httpmodules": "jmap carddav",
    "jmap_nonstandard_extensions": "yes",
    "conversations": "yes",
    "conversations_db": "twoskip",
    # A search by header or text works on an index that squatter keeps up to date.
    "search_engine": "xapian",
    "defaultsearchtier": "recent",
    "recentsearchpartition-default": "{home}/search",
    "sync_log": "yes",
    "sync_log_channels": "squatter",
    # As Fastmail keeps what was deleted for a while.
    "expunge_mode": "delayed",
    "delete_mode": "delayed",
}

CYRUS_CONF = """\
START {{
  recover  cmd="{programs}/ctl_cyrusdb -C {home}/imapd.conf -r"
}}
SERVICES {{
  http  cmd="{programs}/httpd -C {home}/imapd.conf"    listen="127.0.0.1:{http}" proto="tcp4" prefork=5
  imap  cmd="{programs}/imapd -C {home}/imapd.conf"    listen="127.0.0.1:{imap}" proto="tcp4" prefork=1
  lmtp  cmd="{programs}/lmtpd -C {home}/imapd.conf -a" listen="127.0.0.1:{lmtp}" proto="tcp4"
}}
DAEMON {{
  indexer  cmd="{programs}/squatter -C {home}/imapd.conf -R"
}}
"""


def why_not_installed(programs: Path = PROGRAMS) -> str | None:
    """Say what is missing to run Cyrus here, whose programs should be there; None where nothing is."""
    if os.environ.get("MAILROOM_WITHOUT_CYRUS") == "1":
        return "MAILROOM_WITHOUT_CYRUS=1, so Cyrus is not started"
    missing = [name for name in NEEDED_PROGRAMS if not (programs / name).exists()]
    if missing:
        return f"Cyrus is not installed: no {missing[0]} in {programs}"
    if shutil.which("setpriv") is None:
        return "setpriv (of util-linux), which starts Cyrus, is not installed"
    return None


class CyrusServer(Undoing):
    """A running Cyrus; a context manager.

    Args:
        options: Lines of imapd.conf to add, or to put in the place of those above.
        root: A folder with another Cyrus and all it needs (see `newer.newer_root`); None for the one
            that is installed.

    Attributes:
        url: Where it speaks JMAP and CardDAV; Basic authentication only.
        home: Its directory.
    """

    def __init__(self, options: Mapping[str, str] | None = None, root: Path | None = None) -> None:
        self._root = root
        self._http_port, self._imap_port, self._lmtp_port = _free_ports(3)
        self.url = f"http://127.0.0.1:{self._http_port}"
        self._user, self._group = _run_as()
        parent = Path(_fast_directory() or tempfile.gettempdir())
        _remove_abandoned(parent)
        self.home = Path(tempfile.mkdtemp(prefix=f"{HOME_PREFIX}{os.getpid()}-", dir=parent))
        super().__init__()
        self.undo.callback(shutil.rmtree, self.home, ignore_errors=True)
        try:
            self._start({**IMAPD_CONF, **(options or {})})
        except BaseException:
            self.close()
            raise

    @property
    def http_address(self) -> tuple[str, int]:
        """Host and port of `url`."""
        return "127.0.0.1", self._http_port

    def add_user(self, address: str, password: str) -> None:
        """Create an empty account."""
        self._passwords.passwords[address] = password
        with imaplib.IMAP4("127.0.0.1", self._imap_port) as imap:
            imap.login(ADMINISTRATOR, self._passwords.passwords[ADMINISTRATOR])
            status, said = imap.create(f"user/{address}")
        if status != "OK":
            raise RuntimeError(f"create user {address}: {said}")

    def set_rights(self, mailbox: str, user: str, rights: str) -> None:
        """Set what a user may do to a mailbox or address book (RFC 4314); the name is an administrator's."""
        with imaplib.IMAP4("127.0.0.1", self._imap_port) as imap:
            imap.login(ADMINISTRATOR, self._passwords.passwords[ADMINISTRATOR])
            status, said = imap.setacl(f'"{mailbox}"', user, rights)
        if status != "OK":
            raise RuntimeError(f"rights of {user} to {mailbox}: {said}")

    def set_password(self, address: str, password: str) -> None:
        """Change a password; takes effect with the next connection."""
        self._passwords.passwords[address] = password

    def basic_authorization(self, address: str) -> str:
        """The Authorization header of a user."""
        pair = f"{address}:{self._passwords.passwords[address]}"
        return "Basic " + base64.b64encode(pair.encode()).decode("ascii")

    def deliver(self, address: str, message: bytes, envelope_sender: str = "mta@example.net") -> None:
        """Hand a message in as a mail exchanger does, so that the user's Sieve script sees it."""
        with smtplib.LMTP("127.0.0.1", self._lmtp_port) as lmtp:
            lmtp.sendmail(envelope_sender, [address], message)

    def settle(self) -> None:
        """Wait, about 0.1 s, until all mail is in the index that searches by header or text use."""
        queue = self.home / "conf/sync/squatter"
        deadline = time.monotonic() + INDEX_TIMEOUT_SECONDS
        while (queue / "log").exists() or (queue / "log-run").exists():
            if time.monotonic() > deadline:
                raise TimeoutError("the search index does not catch up")
            time.sleep(POLL_INTERVAL_SECONDS)

    def forget_deleted(self, address: str) -> None:
        """Drop all traces of what the user has deleted, so that older sync tokens are no longer good."""
        command = self._command("cyr_expire", "-E", "0", "-X", "0", "-u", address)
        subprocess.run(command, check=True, capture_output=True)

    def age_deleted_cards(self, seconds: int) -> None:
        """Let the deleted cards of all users count as made so much earlier; there must be one."""
        aged = 0
        for path in (self.home / "conf").rglob("dav.db"):
            with contextlib.closing(sqlite3.connect(path)) as database, database:
                aged += database.execute(
                    "UPDATE vcard_objs SET creationdate = creationdate - ? WHERE NOT alive", [seconds]
                ).rowcount
        if not aged:
            raise RuntimeError(f"no deleted card is remembered below {self.home}")

    def log(self) -> str:
        """What the server itself has printed."""
        return (self.home / "output").read_text(errors="replace")

    def _start(self, options: Mapping[str, str]) -> None:
        names = {
            "home": self.home,
            "programs": PROGRAMS,
            "user": self._user,
            "group": self._group,
            "http": self._http_port,
            "imap": self._imap_port,
            "lmtp": self._lmtp_port,
        }
        for name in _directories():
            (self.home / name).mkdir(parents=True, exist_ok=True)
        lines = [f"{key}: {value.format(**names)}\n" for key, value in options.items()]
        (self.home / "imapd.conf").write_text("".join(lines))
        (self.home / "cyrus.conf").write_text(CYRUS_CONF.format(**names))
        self._passwords = PasswordService(self.home / "run/mux")
        self.undo.callback(self._passwords.close)
        self._passwords.passwords[ADMINISTRATOR] = os.urandom(8).hex()

        if os.geteuid() == 0:
            for path in (self.home, *self.home.rglob("*")):
                shutil.chown(path, self._user, self._group)
        files = ["-M", str(self.home / "cyrus.conf"), "-p", str(self.home / "run/master.pid")]
        command = self._command("master", "-D", *files)
        output = self.undo.enter_context((self.home / "output").open("ab"))
        # A session of its own, for a master that ends sends its signal to its whole process group.
        self._master = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        self.undo.callback(self._end)
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        # A connection alone proves nothing: the master listens before a worker runs.
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while self._master.poll() is None and time.monotonic() < deadline:
            connection = HTTPConnection(*self.http_address, timeout=START_TIMEOUT_SECONDS)
            with contextlib.closing(connection), contextlib.suppress(OSError):
                connection.request("GET", "/jmap/")
                if connection.getresponse().status == 401:
                    return
            time.sleep(POLL_INTERVAL_SECONDS)
        raise RuntimeError(f"Cyrus does not start: {self.log()[-2000:]}")

    def _end(self) -> None:
        self._master.terminate()  # it ends its children
        try:
            self._master.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._master.kill()
            self._master.wait()

    def _command(self, program: str, *arguments: str) -> list[str]:
        """A command line that runs as the server's user, and that the kernel ends with this process."""
        command = ["setpriv", "--pdeathsig", "TERM"]
        if os.geteuid() == 0:  # as whom Cyrus refuses to work
            command += ["--reuid", self._user, "--regid", self._group, "--init-groups"]
        if self._root is not None:
            command = [*_in_root(self._root, self.home.parent), *command]
        return [*command, "--", str(PROGRAMS / program), "-C", str(self.home / "imapd.conf"), *arguments]


MOUNT_AND_RUN = """
root=$1 homes=$2; shift 2
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mkdir -p "$root$homes"
mount --rbind "$homes" "$root$homes"
exec chroot "$root" "$@"
"""


def _in_root(root: Path, homes: Path) -> list[str]:
    """What to put before a command, so that it runs in a root that sees the servers' homes.

    The mounts are in a namespace of their own, and end with the command.
    """
    return ["unshare", "--mount", "--", "sh", "-euc", MOUNT_AND_RUN, "sh", str(root), str(homes)]


def _run_as() -> tuple[str, str]:
    if os.geteuid() == 0:
        return "cyrus", "mail"
    me = pwd.getpwuid(os.geteuid())
    return me.pw_name, grp.getgrgid(me.pw_gid).gr_name


def _directories() -> Iterable[str]:
    parts = ("db", "proc", "lock", "log", "msg", "socket", "user", "quota", "sync")
    return ("mail", "search", "sieve", "run", "tmp", *(f"conf/{part}" for part in parts))


def _free_ports(count: int) -> list[int]:
    """Ports that are free now; all bound at once, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _remove_abandoned(parent: Path) -> None:
    """Remove the directories of processes that were killed before they could do it."""
    for home in parent.glob(f"{HOME_PREFIX}*-*"):
        pid = home.name.removeprefix(HOME_PREFIX).partition("-")[0]
        if not Path("/proc", pid).exists():
            shutil.rmtree(home, ignore_errors=True)


def _fast_directory() -> str | None:
    """Where temporary files are in memory, because Cyrus syncs every write; None where that is too small.

    Not below pytest's own directory, which is closed to the user that Cyrus runs as.
    """
    try:
        free_bytes = shutil.disk_usage(MEMORY_DIRECTORY).free
    except OSError:
        return None
    return (
        MEMORY_DIRECTORY
        if free_bytes >= MEMORY_NEEDED_BYTES and os.access(MEMORY_DIRECTORY, os.W_OK)
        else None
    )
