"""Stop signals: held from the first moment on, awaited by a thread of their own, and obeyed in time.

A stop depends on nothing that may be stuck. So nothing is logged before the time runs after which the
process ends whatever happens, and no log line is waited for: standard output may be a full pipe.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

from mailroom.output.logs import log

STOP_GRACE_SECONDS = 25.0
"""How long a stop waits for the current cycle. The next start finishes what it leaves undone."""

LOG_PATIENCE_SECONDS = 1.0

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def hold_signals() -> None:
    """Keep SIGTERM and SIGINT until `watch_signals` takes them; called before any thread is started."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)


def watch_signals(on_stop: Callable[[], None], grace_seconds: float = STOP_GRACE_SECONDS) -> None:
    """Call `on_stop` at the first SIGTERM or SIGINT; end the process at the second, or when time is up.

    A thread of its own waits for the signals, so that no handler interrupts anything half done.

    Args:
        on_stop: Must neither wait nor log.
        grace_seconds: How long the process may take to end by itself.
    """
    hold_signals()
    threading.Thread(
        target=_await_signals, args=(on_stop, grace_seconds), name="signals", daemon=True
    ).start()


def _await_signals(on_stop: Callable[[], None], grace_seconds: float) -> None:
    received = signal.sigwait(_STOP_SIGNALS)
    deadline = threading.Timer(grace_seconds, _abandon_cycle)
    deadline.daemon = True
    deadline.start()
    on_stop()
    _log_aside(logging.INFO, "service_stopping", signal=signal.Signals(received).name)
    os._exit(128 + signal.sigwait(_STOP_SIGNALS))


def _abandon_cycle() -> None:
    told = _log_aside(
        logging.WARNING,
        "service_stopped",
        cycle="the cycle was abandoned, because a server or the log is stuck; the next start finishes it",
    )
    told.join(LOG_PATIENCE_SECONDS)
    os._exit(0)


def _log_aside(level: int, event: str, **fields: object) -> threading.Thread:
    """Log in a thread that nobody has to wait for."""
    thread = threading.Thread(target=log, args=(level, event), kwargs=fields, name="log", daemon=True)
    thread.start()
    return thread
