"""What it costs to file many new senders at once."""

from __future__ import annotations

import time

from attrs import evolve

from mailroom.model.sender import read_correspondents
from mailroom.model.whom import Whom
from mailroom.sandbox import Sandbox
from mailroom.triage.decisions import Decision
from mailroom.triage.report import Report
from mailroom.triage.view import MAX_READ_ALONG_MESSAGES
from tests.support.sized_accounts import add_cards, add_senders, furnished_account, mailroom_on, settings_for

ROUND_TRIP_SECONDS = 0.05
CARDDAV, JMAP = "carddav", "jmap"


SIZES = (
    (CARDDAV, 1, 5, 100),
    (CARDDAV, 10, 5, 100),
    (CARDDAV, 100, 5, 100),
    (CARDDAV, 100, 5, 10_000),
    (CARDDAV, 100, 20, 100),
    (JMAP, 1, 5, 100),
    (JMAP, 100, 5, 100),
    (JMAP, 100, 5, 10_000),
    (JMAP, 1_000, 5, 10_000),
)
"""How contacts are reached, new senders, messages of each, and cards in the book."""


def run() -> None:
    """Print requests and seconds for several sizes, over both ways to the contacts."""
    print(
        "contacts over  senders  messages each  cards in book  requests  PUT  ContactCard/set  others"
        "  seconds at 50 ms  of these the server's  to tell it  seconds"
    )
    for way, senders, messages, cards in SIZES:
        _file(way, senders, messages, cards)
    print(
        "wanted over CardDAV: at most 12 others, 1 to tell it, and under 2.5 s for 100 senders × 5 messages"
    )
    print("wanted over JMAP: at most 8 requests for 100 senders, 20 for 1,000; 0.7 s beside the server's")
    _apply_file()


def _file(way: str, senders: int, messages: int, cards: int) -> None:
    account = furnished_account()
    account.add_mailbox("Mailroom")
    account.limits = evolve(account.limits, max_objects_in_get=4_096, max_objects_in_set=4_096)
    add_senders(account, senders, messages)
    add_cards(account, cards)
    with Sandbox(account, delay_seconds=ROUND_TRIP_SECONDS) as sandbox, mailroom_on(sandbox, way) as mailroom:
        mailroom.begin()
        sandbox.reset_requests()
        began = time.perf_counter()
        report = mailroom.triage.run()
        seconds = time.perf_counter() - began
        if len(report.filed) != senders or len(account.messages_in("Screener")):
            raise SystemExit(f"not everything was filed: {report.failed}")
        requests = sandbox.request_count
        puts = sum(each.method == "PUT" for each in sandbox.requests)
        sets = sum("ContactCard/set" in each.calls for each in sandbox.requests)
        busy_seconds = sum(each.seconds for each in sandbox.requests)
        mailroom.journal.tell(Report())  # what was told before the start is read once
        sandbox.reset_requests()
        began = time.perf_counter()
        mailroom.journal.tell(report)
        telling_seconds, to_tell = time.perf_counter() - began, sandbox.request_count
        sandbox.reset_requests()
        mailroom.journal.tell(mailroom.triage.run())
        # Where more waited than a look takes along, one more sees once that nothing waits any more.
        most = 1 if senders * messages <= MAX_READ_ALONG_MESSAGES else 2
        if not 1 <= sandbox.request_count <= most or len(account.messages_in("Mailroom")) != 1:
            raise SystemExit("telling brings more work")
    print(
        f"{way:13}  {senders:7}  {messages:13}  {cards:13}  {requests:8}  {puts:3}  {sets:15}"
        f"  {requests - puts - sets:6}  {seconds:16.2f}  {busy_seconds:21.2f}"
        f"  {to_tell:10}  {telling_seconds:7.2f}"
    )


def _apply_file() -> None:
    """Print what the same takes where a file names the senders: once more, and where all are filed."""
    print("applied  messages each  requests to foresee  to file  of these new cards  others  a second time")
    for senders, messages in ((1, 5), (100, 5), (400, 2)):
        account = furnished_account()
        add_senders(account, senders, messages, labelled=False)
        emails = sorted({x.addresses["from"][0][1] for x in account.messages_in("Screener")})
        with Sandbox(account) as sandbox, mailroom_on(sandbox) as mailroom:
            mailroom.begin()
            scheme = settings_for(sandbox.environment()).scheme
            (feed,) = (x for x in scheme.categories if x.title == "Feed")
            decisions = [
                Decision(Whom.of(who), feed) for email in emails for who in read_correspondents([("", email)])
            ]
            counts = []
            for action in (mailroom.triage.foresee, mailroom.triage.apply, mailroom.triage.apply):
                sandbox.reset_requests()
                action(decisions)
                counts.append(sandbox.request_count)
            if len(account.messages_in("Screener")):
                raise SystemExit("not everything was filed")
        foreseen, filed, again = counts
        print(
            f"{senders:7}  {messages:13}  {foreseen:19}  {filed:7}  {senders:18}  {filed - senders:6}"
            f"  {again:13}"
        )
    print("wanted: no more others than a cycle, 3 to foresee, and at most 6 again, which reads the new cards")
