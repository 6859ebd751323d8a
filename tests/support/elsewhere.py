"""A sandbox in a process of its own, so that this one's memory is Mailroom's alone."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from attrs import frozen

from mailroom.sandbox import Sandbox, SandboxAccount

START_TIMEOUT_SECONDS = 300.0
STOP_TIMEOUT_SECONDS = 10.0

Make = Callable[[], SandboxAccount]
Act = Callable[[Sandbox, int], None]


@frozen
class Elsewhere:
    """The near side of the sandbox in the other process."""

    environment: dict[str, str]
    _pipe: Connection

    def act(self, number: int) -> int:
        """Let the person act; return how many requests were answered since the last time."""
        self._pipe.send(number)
        answered: int = self._pipe.recv()
        return answered


@contextmanager
def sandbox_elsewhere(make: Make, act: Act) -> Iterator[Elsewhere]:
    """Serve an account from another process.

    Args:
        make: Makes the account there; a module's function.
        act: Does something to it there, by a number; likewise.
    """
    near, far = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(far, make, act), daemon=True)
    process.start()
    try:
        if not near.poll(START_TIMEOUT_SECONDS):
            raise TimeoutError("the sandbox does not start")
        yield Elsewhere(near.recv(), near)
    finally:
        near.send(None)
        process.join(STOP_TIMEOUT_SECONDS)
        process.kill()
        process.join()
        near.close()
        far.close()


def _serve(pipe: Connection, make: Make, act: Act) -> None:
    with Sandbox(make()) as sandbox:
        pipe.send(sandbox.environment())
        while (number := pipe.recv()) is not None:
            answered = sandbox.request_count
            sandbox.reset_requests()
            act(sandbox, number)
            pipe.send(answered)
