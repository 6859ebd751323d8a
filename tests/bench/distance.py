"""A server some way off: every byte takes its time in either direction, as over a long line."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator

from mailroom.sandbox import Sandbox

CHUNK_BYTES = 65_536


class DistantSandbox(Sandbox):
    """A sandbox that can only be reached over the line, and names only URLs that lead over it."""

    line_url = ""

    @property
    def url(self) -> str:
        return self.line_url


@contextlib.contextmanager
def far_away(sandbox: DistantSandbox, round_trip_seconds: float) -> Iterator[None]:
    """Let the sandbox be reached over a line of this length.

    Unlike a pause before each answer, this delays events by half a round trip, too, and lets what is
    sent together arrive together. Connections are opened at once: the service keeps its own open.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sandbox.line_url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    near, _ = listener.accept()
                    far = socket.create_connection(("127.0.0.1", sandbox.port))
                    for source, target in ((near, far), (far, near)):
                        _Direction(source, target, round_trip_seconds / 2).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Direction:
    """Carries bytes one way; what is on the way does not hold up what follows."""

    def __init__(self, source: socket.socket, target: socket.socket, seconds: float) -> None:
        self._source, self._target, self._seconds = source, target, seconds
        self._on_the_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        for work in (self._take, self._deliver):
            threading.Thread(target=work, daemon=True).start()

    def _take(self) -> None:
        data = b"."
        while data:
            try:
                data = self._source.recv(CHUNK_BYTES)
            except OSError:
                data = b""
            self._on_the_way.put((time.monotonic() + self._seconds, data))

    def _deliver(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = self._on_the_way.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    self._target.shutdown(socket.SHUT_WR)
                    return
                self._target.sendall(data)
