"""How long it takes from the label to the filed sender, and where the time goes."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from mailroom.sandbox import Reply, Request
from tests.bench.distance import DistantSandbox, far_away
from tests.support.processes import Process
from tests.support.sized_accounts import furnished_account

ROUND_TRIP_SECONDS = 0.05
TAPS = 20
PATIENCE_SECONDS = 10.0
CARDDAV, JMAP = "carddav", "jmap"
STAGES = {
    CARDDAV: ("event", "quiet", "see", "book", "card", "group", "read", "sweep", "label off"),
    JMAP: ("event", "quiet", "see", "card and group", "read", "sweep", "label off"),
}
"""By how contacts are reached. Over JMAP they are seen with the mail, and written at once."""


def run() -> None:
    """Print how long it takes over either way to the contacts."""
    print(f"label to filed at {ROUND_TRIP_SECONDS * 1000:.0f} ms a round trip, {TAPS} times:")
    for way in STAGES:
        _tap(way)
    print("the label comes off with the sweep where the server keeps the order within one request")
    print("wanted: median under 0.45 s, worst under 1.5 s")


def _tap(way: str) -> None:
    """Tap labels on new senders' messages, one after the other, and print what the service takes for each."""
    account = furnished_account()
    with DistantSandbox(account) as sandbox, far_away(sandbox, ROUND_TRIP_SECONDS):
        arrivals: list[tuple[float, str]] = []

        def note(request: Request) -> Reply | None:
            arrivals.append((time.perf_counter(), _stage(request)))
            return None

        sandbox.interceptor = note
        variables = {**sandbox.environment(), "MAILROOM_CONTACTS": way, "MAILROOM_POLL_INTERVAL": "300"}
        with tempfile.TemporaryDirectory() as home, Process(variables, Path(home)) as service:
            service.until("push_connected")
            time.sleep(1)
            taps = []
            for tap in range(TAPS):
                messages = [
                    account.deliver([(f"Sender {tap}", f"news@sender{tap}.example")], ["Screener"])
                    for _ in range(5)
                ]
                time.sleep(0.5)  # until the service has looked at what arrived
                arrivals.clear()
                began = time.perf_counter()
                account.label(messages[0], "@ToFeed")
                while account.mailbox_names(messages[0]) != {"Feed"}:
                    if time.perf_counter() - began > PATIENCE_SECONDS:
                        raise SystemExit("the label had no effect")
                    time.sleep(0.001)
                taps.append(_shares(began, list(arrivals), time.perf_counter()))
                time.sleep(0.5)
    totals = [sum(tap.values()) for tap in taps]
    median = statistics.median(totals)
    print(f"contacts over {way}: median {median:.3f} s, worst {max(totals):.3f} s")
    for stage in STAGES[way]:
        seconds = statistics.median(tap.get(stage, 0.0) for tap in taps)
        print(f"  {stage:<15}{1000 * seconds:6.0f} ms {100 * seconds / median:4.0f} %")


def _stage(request: Request) -> str:
    """Say which step of the cycle a request belongs to; the two kinds of JMAP request come twice."""
    if request.method == "REPORT":
        return "book"
    if request.method == "PUT":
        return "card" if "if-none-match" in request.headers else "group"
    if b"ContactCard/set" in request.body:
        return "card and group"
    if request.method == "POST" and b"Email/set" in request.body:
        return "set"
    return "get" if request.method == "POST" else request.method


def _shares(began: float, arrivals: list[tuple[float, str]], ended: float) -> dict[str, float]:
    """Return the seconds of each stage: from the arrival of its request to that of the next.

    The event and the first request are half a round trip on the way; what lies between is the wait
    for more changes of a burst, and whatever the service needs to get going. What is left of the quiet
    time after it has looked counts to its last look: at the contacts.
    """
    half = ROUND_TRIP_SECONDS / 2
    seconds = {"event": half, "quiet": arrivals[0][0] - began - 2 * half, "see": half}
    names = {"get": iter(("see", "read")), "set": iter(("sweep", "label off"))}
    ends = [moment for moment, _ in arrivals[1:]] + [ended]
    for (start, kind), end in zip(arrivals, ends, strict=True):
        stage = next(names[kind], kind) if kind in names else kind
        seconds[stage] = seconds.get(stage, 0.0) + end - start
    return seconds
