"""`mailroom run`: the service, or one cycle of it."""

from __future__ import annotations

import logging
import threading

from mailroom import __version__
from mailroom.account import open_account, open_push
from mailroom.errors import MailroomError, UserError
from mailroom.health import Health, HealthServer
from mailroom.jmap import PushState
from mailroom.logs import configure_logs, log
from mailroom.service import Service, log_failure, run_cycle, watch_signals
from mailroom.settings import Settings, load_settings
from mailroom.wake import Wake


def run(*, once: bool) -> int:
    """Run the service until it is stopped, or one cycle.

    Raises:
        UserError: It cannot start; names everything that is wrong.
    """
    configure_logs("info")
    try:
        settings = load_settings()
        configure_logs(settings.log_level)
        return _run_once(settings) if once else _run_service(settings)
    except UserError as error:
        log(logging.ERROR, "startup_failed", problems=list(error.problems))
        raise


def _run_once(settings: Settings) -> int:
    account = open_account(settings)
    account.check()
    try:
        return 1 if run_cycle(account.triage).failed else 0
    except MailroomError as error:
        log_failure(error)
        return 1


def _run_service(settings: Settings) -> int:
    stop, wake = threading.Event(), Wake()

    def on_stop() -> None:
        stop.set()
        wake.stop()

    watch_signals(on_stop)
    account = open_account(settings, stop)
    account.check()
    push = open_push(settings, wake.call, stop) if settings.push == "auto" else None
    health = Health(settings.poll_interval_seconds, push=lambda: push.state if push else PushState.OFF)

    def on_good_cycle() -> None:
        health.note_good_cycle()
        if push:
            push.note_session(account.jmap.known_session)

    server = HealthServer(health, settings.health_host, settings.health_port)
    server.start()
    log(
        logging.INFO,
        "service_started",
        version=__version__,
        poll_interval_seconds=settings.poll_interval_seconds,
        health_port=server.port,
    )
    if push:
        push.start()
    try:
        return Service(account.triage, settings.poll_interval_seconds, on_good_cycle, stop, wake).run()
    finally:
        if push:
            push.stop()
        server.close()
