"""`mailroom demo`: the service at work on an account in memory, with nothing to set up."""

from __future__ import annotations

import io
import signal
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from mailroom.account import open_account
from mailroom.commands.served import END_SIGNALS, put_label, sender_shown
from mailroom.commands.served import serve as serve_account
from mailroom.exits import Exit
from mailroom.output.columns import wrap
from mailroom.output.logs import configure_logs
from mailroom.output.terminal import DIM, Terminal
from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.sandbox.seed.account import seeded_account
from mailroom.service.loop import run_cycle
from mailroom.settings.settings import load_settings

ACTS: Final = (
    ("zoe.lindqvist@post.example", "@ToPerson"),
    ("hallo@kaffeerösterei-müller.example", "@ToImbox"),
    ("news@dailylantern.example", "@ToFeed"),
    ("no-reply@notices.northbank.example", "@ToPaperTrail"),
    ("offers@brightdeals.example", "@ToJail"),
    ("post@quietmaps.example", "@ToImbox"),
    ("chad@synergy-leads.example", "@ToFeed"),
    ("chad@synergy-leads.example", "@ToJail"),
)
"""What the person taps: a sender's newest message, and the label put on it."""

SHOWN_SENDERS: Final = 6
SHOWN_MAILBOXES: Final = ("Inbox", "Screener", "Feed", "Paper Trail", "Jail")
SHOWN_GROUPS: Final = ("Imbox", "Feed", "Paper Trail", "Jail")


@frozen
class _Picture:
    """What the account held at one moment.

    Attributes:
        mailboxes: Messages and unread messages by mailbox name.
        groups: The names on the members' cards by contact group.
        cards: The contact cards as they are stored, by name.
    """

    mailboxes: dict[str, tuple[int, int]]
    groups: dict[str, tuple[str, ...]]
    cards: dict[str, bytes]


def demo(*, serve: bool) -> Exit:
    """Show a triage, or keep the account open for `mailroom run` in another terminal."""
    terminal = Terminal()
    if serve:
        signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)  # before there are threads: for sigwait
    # Commands that look at the last weeks find something in an account that is served.
    account = seeded_account(now=datetime.now(UTC)) if serve else seeded_account()
    with Sandbox(account) as sandbox:
        if serve:
            terminal.line(
                "An account in memory; it lives until you press Ctrl-C. Some messages are labelled:"
            )
            _put_labels(terminal, account)
            serve_account(terminal, sandbox)
        else:
            _show(terminal, account, sandbox)
    return Exit.DONE


def _show(terminal: Terminal, account: SandboxAccount, sandbox: Sandbox) -> None:
    terminal.line(f"An account like Fastmail's, in memory, at {sandbox.url}")
    before = _picture_of(account)
    terminal.heading("Waiting in Screener: senders nobody has decided on")
    _show_screener(terminal, account)
    terminal.heading("A person puts one label on one message of a sender")
    _put_labels(terminal, account)
    terminal.heading("Mailroom runs one cycle; its log:")
    settings = load_settings(sandbox.environment(), dotenv=None)  # whatever the person has set for their own
    log_lines = io.StringIO()
    configure_logs(settings.log_level, log_lines, "text")
    mailroom = open_account(settings)
    mailroom.begin()
    run_cycle(mailroom.triage)
    for line in log_lines.getvalue().splitlines():
        for number, part in enumerate(wrap(line, terminal.width, terminal.width - 2)):
            terminal.line(f"  {part}" if number else part)
    _show_changes(terminal, before, _picture_of(account))
    _show_left(terminal, account)
    sandbox.reset_requests()
    report = mailroom.triage.run()
    terminal.heading("Everything else is done")
    terminal.paragraph(
        f"A second cycle took {sandbox.request_count} request and filed {len(report.filed)} senders. "
        "The provider's rules now file these senders' mail by their contact group."
    )


def _put_labels(terminal: Terminal, account: SandboxAccount) -> None:
    for email, label in ACTS:
        put_label(terminal, account, email, label)


def _show_screener(terminal: Terminal, account: SandboxAccount) -> None:
    waiting: dict[str, list[str]] = {}
    for message in sorted(account.messages_in("Screener"), key=lambda m: m.received_at, reverse=True):
        waiting.setdefault(sender_shown(message), []).append(message.subject)
    rows = [(sender, str(len(subjects)), subjects[0]) for sender, subjects in waiting.items()]
    terminal.table(("SENDER", "MESSAGES", "NEWEST"), rows[:SHOWN_SENDERS])
    terminal.line(f"… and {len(rows) - SHOWN_SENDERS} more")


def _picture_of(account: SandboxAccount) -> _Picture:
    names = {card.summary.uid or "": card.summary.name for card in account.cards()}
    mailboxes = {}
    for name in SHOWN_MAILBOXES:
        messages = account.messages_in(name)
        mailboxes[name] = (len(messages), sum(message.is_unread for message in messages))
    return _Picture(
        mailboxes=mailboxes,
        groups={
            group: tuple(names.get(uid, uid) for uid in account.group_members(group))
            for group in SHOWN_GROUPS
        },
        cards={card.name: card.data for card in account.cards() if not card.summary.is_group},
    )


def _show_changes(terminal: Terminal, before: _Picture, after: _Picture) -> None:
    terminal.heading("What changed")
    rows = []
    for name, (messages, unread) in after.mailboxes.items():
        was, was_unread = before.mailboxes[name]
        rows.append((name, _arrow(was, messages), _arrow(was_unread, unread)))
    terminal.table(("MAILBOX", "MESSAGES", "UNREAD"), rows)
    terminal.line()
    terminal.table(
        ("CONTACT GROUP", "MEMBERS", "NEW", "LEFT"),
        [
            (
                group,
                _arrow(len(before.groups[group]), len(members)),
                ", ".join(x for x in members if x not in before.groups[group]) or "–",
                ", ".join(x for x in before.groups[group] if x not in members) or "–",
            )
            for group, members in after.groups.items()
        ],
    )
    terminal.line()
    changed = sum(after.cards.get(name) != data for name, data in before.cards.items())
    terminal.line(
        f"Contact cards: {_arrow(len(before.cards), len(after.cards))}. "
        f"Of the earlier ones, {changed} changed."
    )


def _show_left(terminal: Terminal, account: SandboxAccount) -> None:
    terminal.heading("Left to you")
    for message in account.messages_in("@MailroomError"):
        labels = ", ".join(sorted(x for x in account.mailbox_names(message.id) if x.startswith("@To")))
        terminal.line(f"  “{message.subject}” from {sender_shown(message)} carries {labels}.")
        terminal.line("  It got @MailroomError. Take one label off, and the sender is filed.", DIM)


def _arrow(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} → {after}"
