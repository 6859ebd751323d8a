"""`mailroom run`: the service."""

from __future__ import annotations

import linecache
import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING

from mailroom import __version__
from mailroom.account import Account, open_account, open_notices, open_push
from mailroom.commands.upkeep import RulesUpkeep
from mailroom.errors import StoppedError, UserError
from mailroom.exits import Exit
from mailroom.jmap import PushState
from mailroom.output.logs import configure_logs, is_read_as_it_comes, log
from mailroom.service.health import Health, HealthServer
from mailroom.service.loop import Chore, Service
from mailroom.service.metrics import Metrics
from mailroom.service.signals import watch_signals
from mailroom.service.wake import Wake
from mailroom.settings.settings import Settings, load_settings
from mailroom.settings.variables import HEALTH_HOST, HEALTH_PORT

if TYPE_CHECKING:
    from mailroom.service.notifier import Notifier


def run() -> Exit:
    """Run the service until it is stopped.

    Raises:
        UserError: It cannot start; names everything that is wrong.
    """
    return with_log(_run_service)


def with_log(work: Callable[[Settings], Exit]) -> Exit:
    """Do what is told in the log: what keeps it from starting, too.

    Raises:
        UserError: It cannot start; names everything that is wrong.
    """
    configure_logs("info")
    try:
        settings = load_settings()
        configure_logs(settings.log_level, form=settings.log_format)
        for each in settings.misspelt:
            log(logging.WARNING, "setting_misspelt", message=each)
        return work(settings)
    except UserError as error:
        if not is_read_as_it_comes():  # there, what this raises is told below it anyway
            log(logging.ERROR, "startup_failed", problems=list(error.problems))
        raise


def _run_service(settings: Settings) -> Exit:
    stop, wake, is_started = threading.Event(), Wake(), threading.Event()

    def on_stop() -> None:
        stop.set()
        wake.stop()

    def before_attempt() -> None:
        health.note_progress()
        if stop.is_set() and not is_started.is_set():
            raise StoppedError("stopped while starting")

    def on_good_cycle() -> None:
        health.note_good_cycle()
        if push:
            push.note_session(account.jmap.known_session)

    watch_signals(on_stop)
    metrics = Metrics(
        (category.title for category in settings.scheme.categories),
        lambda: push.state is PushState.CONNECTED if push else None,
    )
    push = open_push(settings, wake.call, stop, metrics.note_request) if settings.push == "auto" else None
    health = Health(settings.poll_interval_seconds, push=lambda: push.state if push else PushState.OFF)
    notifier = _notifier(settings)
    account = open_account(settings, stop, before_attempt=before_attempt, on_answer=metrics.note_request)
    server = HealthServer(
        health,
        settings.health_host,
        settings.health_port,
        metrics=metrics.text,
        host_setting=HEALTH_HOST,
        port_setting=HEALTH_PORT,
    )
    with closing(server), ExitStack() as listening:
        server.start()
        if notifier:
            listening.callback(notifier.close)
        started: dict[str, object] = {"version": __version__, "health_port": server.port}
        log(logging.INFO, "service_starting", **started, **settings.servers)
        if not _is_ready(account, stop, notifier):
            log(logging.INFO, "service_stopped")
            return Exit.DONE
        is_started.set()
        linecache.clearcache()  # attrs leaves there the source of each method that it makes: a third of a MiB
        interval_seconds = settings.poll_interval_seconds
        upkeep = RulesUpkeep(account, settings)
        log(logging.INFO, "service_started", **started, poll_interval_seconds=interval_seconds)
        if push:
            push.start()
            listening.callback(push.stop)
        return Service(
            account.triage,
            account.journal,
            interval_seconds,
            on_good_cycle,
            health.note_progress,
            stop=stop,
            wake=wake,
            readers=[metrics, upkeep, *([notifier] if notifier else [])],
            chores=[upkeep, *_chores(account, settings)],
        ).run()


def _chores(account: Account, settings: Settings) -> list[Chore]:
    if settings.digest is None:
        return []
    from mailroom.digest.writer import Digest  # noqa: PLC0415 - most services have no use for it

    return [Digest(account.triage, account.notes, account.subjects, settings.scheme, settings.digest)]


def _notifier(settings: Settings) -> Notifier | None:
    place = open_notices(settings)
    if place is None:
        return None
    from mailroom.service.notifier import Notifier  # noqa: PLC0415 - most services have no use for them
    from mailroom.service.ntfy import Ntfy  # noqa: PLC0415

    marks = (settings.scheme.error_label, settings.scheme.warning_label)
    return Notifier(Ntfy(place), tuple(filter(None, marks)))


def _is_ready(account: Account, stop: threading.Event, notifier: Notifier | None) -> bool:
    """Look whether the account is as triage needs it; False where the process is to end meanwhile."""
    try:
        account.begin()
    except (StoppedError, UserError) as error:
        if not stop.is_set():
            if notifier:
                notifier.note_failure(error)
            with suppress(StoppedError):
                account.journal.tell_failure(error)
            raise
    return not stop.is_set()
