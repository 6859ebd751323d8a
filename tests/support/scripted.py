"""A server on a real socket that answers just what a test wants, however broken."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from attrs import frozen


@frozen
class Received:
    """A request as it came over the wire; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = bytes | Callable[[socket.socket, Received], None]
"""Bytes to send before the connection is closed, or something that does what it likes to the socket."""


class ScriptedServer:
    """Answers the n-th request with the n-th answer, and everything after with the last one.

    Args:
        host: The address of this machine's loopback to listen on.
        tls: Makes it speak TLS.

    Attributes:
        received: Every request so far.
        hung_up: Counts the connections that it has closed.
    """

    def __init__(self, *answers: Answer, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._answers: Sequence[Answer] = answers
        self.received: list[Received] = []
        self.hung_up = threading.Semaphore(0)
        self._host, self._tls = host, tls
        self._listener = socket.create_server((host, 0))
        self._lock = threading.Lock()
        self.ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while not self.ending.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._converse(self._tls.wrap_socket(client, server_side=True) if self._tls else client)
        self.hung_up.release()

    def _converse(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as stream:
            request_line = stream.readline().decode("latin-1")
            if not request_line:
                return
            method, target, _ = request_line.split(" ", 2)
            headers = {}
            while (line := stream.readline().decode("latin-1").strip()) != "":
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
            request = Received(method, target, headers, stream.read(int(headers.get("content-length", 0))))
            with self._lock:
                answer = self._answers[min(len(self.received), len(self._answers) - 1)]
                self.received.append(request)
            if callable(answer):
                answer(client, request)
            else:
                client.sendall(answer)


def http(status: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a whole HTTP answer; an underscore in a header's name stands for a hyphen."""
    fields = {"Content_Length": str(len(body)), "Connection": "close", **headers}
    head = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    return "\r\n".join([*head, "", ""]).encode() + body
