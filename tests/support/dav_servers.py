"""Radicale and Xandikos, two address books that other people run, each as a thread of the tests.

Both come from PyPI (``pip install -e '.[servers]'``) and keep their cards in a temporary folder.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import io
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

USER, PASSWORD = "alex", "a-password"
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def why_not_installed(package: str) -> str | None:
    """Say what is missing to run a server here; None where nothing is."""
    if importlib.util.find_spec(package) is None:
        return f"{package} is not installed: pip install -e '.[servers]'"
    return None


class DavServer:
    """A CardDAV server on loopback, with one user and one address book.

    Args:
        kind: ``radicale`` or ``xandikos``.

    Attributes:
        url: Where it is.
        book_path: The address book's path.
        requests: Method and path of every request, in order.
        authorization: The header that opens it.
    """

    def __init__(self, kind: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=f"mailroom-{kind}-"))
        self._kind = kind
        app, self.book_path = _radicale(self._folder) if kind == "radicale" else _xandikos(self._folder)
        self.requests: list[str] = []
        self.authorization = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode("ascii")
        self._server = _Listener(("127.0.0.1", 0), _Handler)
        self._server.set_app(self._guarding(app))
        self.address = "127.0.0.1", int(self._server.server_port)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        listen = self._server.serve_forever
        self._thread = threading.Thread(target=listen, args=(0.02,), name=kind, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering, and remove everything."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def forget_changes(self) -> bool:
        """Make the server refuse every sync token so far; false where it never forgets."""
        for tokens in self._folder.rglob(".Radicale.cache/sync-token"):
            shutil.rmtree(tokens)
        return self._kind == "radicale"

    def _guarding(self, app: WsgiApp) -> WsgiApp:
        """Check the password, which is not these servers' own affair, and take note of each request."""

        def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if environ.get("HTTP_AUTHORIZATION") != self.authorization:
                start_response("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="tests"')])
                return [b""]
            if not environ.get("HTTP_X_BY_THE_TESTS"):
                self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
            environ["REMOTE_USER"] = USER
            # One of them reads up to the end, which on a connection is when the client goes.
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            return app(environ, start_response)

        return guarded


class _Listener(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Print nothing."""


def _radicale(folder: Path) -> tuple[WsgiApp, str]:
    radicale: Any = importlib.import_module("radicale")
    config: Any = importlib.import_module("radicale.config")
    settings = config.load()
    changes = {
        "auth": {"type": "remote_user"},
        "rights": {"type": "owner_only"},
        "storage": {"filesystem_folder": str(folder)},
        "logging": {"level": "critical"},
    }
    settings.update(changes, "the tests", privileged=True)
    book = folder / "collection-root" / USER / "contacts"
    book.mkdir(parents=True)
    (book / ".Radicale.props").write_text('{"tag": "VADDRESSBOOK", "D:displayname": "Contacts"}')
    return radicale.Application(settings), f"/{USER}/contacts/"


def _xandikos(folder: Path) -> tuple[WsgiApp, str]:
    web: Any = importlib.import_module("xandikos.web")
    backend = web.SingleUserFilesystemBackend(str(folder))
    backend.create_principal("/user/", create_defaults=True)
    backend._mark_as_principal("/user/")
    return web.XandikosApp(backend, current_user_principal="/user/"), "/user/contacts/addressbook/"
