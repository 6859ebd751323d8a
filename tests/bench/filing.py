"""What it costs to file many new senders at once."""

from __future__ import annotations

import time

from mailroom.model.sender import read_correspondents
from mailroom.sandbox import Sandbox
from mailroom.triage.decisions import Decision
from mailroom.triage.report import Report
from tests.support.sized_accounts import add_cards, add_senders, furnished_account, mailroom_on, settings_for

ROUND_TRIP_SECONDS = 0.05


def run() -> None:
    """Print requests and seconds for several sizes."""
    print(
        "senders  messages each  cards in book  requests  of these new cards  others  seconds at 50 ms"
        "  to tell it  seconds"
    )
    for senders, messages, cards in (
        (1, 5, 100),
        (10, 5, 100),
        (100, 5, 100),
        (100, 5, 10_000),
        (100, 20, 100),
    ):
        account = furnished_account()
        account.add_mailbox("Mailroom")
        add_senders(account, senders, messages)
        add_cards(account, cards)
        with Sandbox(account, delay_seconds=ROUND_TRIP_SECONDS) as sandbox, mailroom_on(sandbox) as mailroom:
            mailroom.begin()
            sandbox.reset_requests()
            began = time.perf_counter()
            report = mailroom.triage.run()
            seconds = time.perf_counter() - began
            if len(report.filed) != senders or len(account.messages_in("Screener")):
                raise SystemExit(f"not everything was filed: {report.failed}")
            requests = sandbox.request_count
            sandbox.reset_requests()
            mailroom.journal.tell(Report())  # what was told before the start is read once
            sandbox.reset_requests()
            began = time.perf_counter()
            mailroom.journal.tell(report)
            telling_seconds, to_tell = time.perf_counter() - began, sandbox.request_count
            sandbox.reset_requests()
            mailroom.journal.tell(mailroom.triage.run())
            if sandbox.request_count != 1 or len(account.messages_in("Mailroom")) != 1:
                raise SystemExit("telling brings more work")
        print(
            f"{senders:7}  {messages:13}  {cards:13}  {requests:8}  {senders:18}"
            f"  {requests - senders:6}  {seconds:16.2f}  {to_tell:10}  {telling_seconds:7.2f}"
        )
    print("wanted: at most 12 others, 1 to tell it, and under 2.5 s for 100 senders × 5 messages")
    _apply_file()


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
                Decision(who, feed) for email in emails for who in read_correspondents([("", email)])
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
