"""`mailroom run`: the service, or one cycle of it."""

from __future__ import annotations

import logging
import threading

from mailroom import __version__
from mailroom.account import open_account
from mailroom.errors import MailroomError, UserError
from mailroom.health import Health, HealthServer
from mailroom.logs import configure_logs, log
from mailroom.service import Service, log_failure, run_cycle, watch_signals
from mailroom.settings import Settings, load_settings


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
    stop, wake = threading.Event(), threading.Event()

    def on_stop() -> None:
        stop.set()
        wake.set()

    watch_signals(on_stop)
    account = open_account(settings, stop)
    account.check()
    health = Health(settings.poll_interval_seconds)
    server = HealthServer(health, settings.health_host, settings.health_port)
    server.start()
    log(
        logging.INFO,
        "service_started",
        version=__version__,
        poll_interval_seconds=settings.poll_interval_seconds,
        health_port=server.port,
    )
    try:
        return Service(account.triage, settings.poll_interval_seconds, health, stop, wake).run()
    finally:
        server.close()
