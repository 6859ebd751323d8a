"""/metrics of the running service: beside the health, on the same port."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from mailroom.sandbox import Reply, Sandbox
from tests.support.figures import figures
from tests.support.given_time import PATIENCE_SECONDS, eventually
from tests.support.processes import Process

STRANGER = "news@dailylantern.example"
CONNECTED = "mailroom_push_connected"


def scraped(service: Process) -> dict[str, float]:
    return figures(service.metrics())


def test_what_happens_is_counted_while_it_happens(sandbox: Sandbox, tmp_path: Path) -> None:
    """A filed sender, a failed cycle, push and both protocols are seen by whoever scrapes the port."""
    with Process({**sandbox.environment(), "MAILROOM_POLL_INTERVAL": "0.2"}, tmp_path) as service:
        service.until("service_starting")
        assert figures(service.metrics())['mailroom_cycles_total{outcome="failed"}'] == 0
        service.until("push_connected")
        assert eventually(lambda: scraped(service)[CONNECTED] == 1)
        sandbox.account.label(sandbox.account.messages_from(STRANGER)[-1].id, "@ToFeed")
        service.until("sender_filed")
        filed = 'mailroom_senders_filed_total{category="Feed"}'
        assert eventually(lambda: scraped(service)[filed] == 1)
        sandbox.interceptor = lambda request: Reply(500) if "/jmap/api" in request.path else None
        service.until("poll_failed")
        assert eventually(lambda: scraped(service)['mailroom_cycles_total{outcome="failed"}'] >= 1)
        said = scraped(service)
        assert said['mailroom_requests_total{protocol="jmap",status="500"}'] >= 1
        assert said['mailroom_requests_total{protocol="carddav",status="207"}'] >= 1
        sandbox.interceptor = lambda _: Reply(500)
        sandbox.close()
        assert eventually(lambda: scraped(service)[CONNECTED] == 0)


def test_it_is_answered_in_the_form_that_prometheus_asks_for(sandbox: Sandbox, tmp_path: Path) -> None:
    """The media type names the format's version; HEAD has no body; no token is asked for."""
    variables = {**sandbox.environment(), "MAILROOM_PUSH": "off"}
    with Process(variables, tmp_path) as service:
        url = f"http://127.0.0.1:{service.until('service_starting')['health_port']}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert answer.read().endswith(b"\n")
        with urllib.request.urlopen(
            urllib.request.Request(url, method="HEAD"), timeout=PATIENCE_SECONDS
        ) as answer:
            assert answer.read() == b""
        assert CONNECTED not in scraped(service)
