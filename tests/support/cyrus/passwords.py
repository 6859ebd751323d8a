"""Password checks for Cyrus, in the place of the saslauthd daemon."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path
from typing import BinaryIO


class PasswordService:
    """Answers saslauthd's questions on a Unix socket.

    A question is four strings (user, password, service, realm), each led by its length in two
    bytes; the answer is one such string that begins with OK or NO.

    Attributes:
        passwords: What each user's password is; others are refused. May change at any time.
    """

    def __init__(self, path: Path) -> None:
        self.passwords: dict[str, str] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o777)
        self._listener.listen(64)
        self._thread = threading.Thread(target=self._serve, name="passwords", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread out of accept()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as question:
                try:
                    user, password, _service, realm = (_counted(question) for _ in range(4))
                    verdict = b"OK" if self._right(user, realm, password) else b"NO"
                    connection.sendall(struct.pack("!H", len(verdict)) + verdict)
                except (OSError, struct.error):
                    continue  # Cyrus hung up; it asks again if it still wants to know.

    def _right(self, user: str, realm: str, password: str) -> bool:
        names = (user, f"{user}@{realm}")
        return any(self.passwords.get(name) == password for name in names)


def _counted(stream: BinaryIO) -> str:
    (length,) = struct.unpack("!H", stream.read(2))
    return stream.read(length).decode()
