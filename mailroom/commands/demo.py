"""`mailroom demo`: the service at work on an account in memory, with nothing to set up."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from attrs import evolve, frozen

from mailroom.account import open_account
from mailroom.commands.served import END_SIGNALS, put_label, sender_shown
from mailroom.commands.served import serve as serve_account
from mailroom.exits import Exit
from mailroom.model.scheme import ContactGroup, Scheme
from mailroom.output.columns import wrap
from mailroom.output.logs import configure_logs
from mailroom.output.terminal import DIM, Terminal
from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.sandbox.seed.account import NOW, Names, mailbox_at, seeded_account
from mailroom.service.loop import run_cycle
from mailroom.settings.settings import load_scheme, load_settings

ACTS: Final = (
    ("zoe.lindqvist@post.example", 4),
    ("hallo@kaffeerösterei-müller.example", 0),
    ("news@dailylantern.example", 1),
    ("no-reply@notices.northbank.example", 2),
    ("offers@brightdeals.example", 3),
    ("post@quietmaps.example", 0),
    ("chad@synergy-leads.example", 1),
    ("chad@synergy-leads.example", 3),
)
"""What the person taps: a sender's newest message, and the how manieth label is put on it."""

ACT_OF_DOMAIN: Final = ("invoices@harbourpine.example", 2)
"""Likewise, with the label beside it that makes it a decision about everybody at that domain."""

ACT_OF_LIST: Final = ("nadia@brandt.example", 1)
"""Likewise, about the mailing list that the message came over."""

POSTER: Final = "per.holm@fjordpost.example"
"""Somebody who writes to that list, and to the person alone, too."""

SHOWN_SENDERS: Final = 6

LATER: Final = (
    ("mailroom history", "shows what was done, newest first"),
    ("mailroom why ADDRESS", "shows what is known of a sender, and what comes next"),
    ("mailroom waiting", "shows who waits in Screener"),
    ("mailroom undo --last", "puts senders and mail back to where they were"),
)
"""What a person may want next; each works on the account of `--serve`."""


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
    """Show a triage, or keep the account open for `mailroom run` in another terminal.

    Raises:
        UserError: The person has categories or names of their own, and something is wrong with them.
    """
    terminal = Terminal()
    scheme = load_scheme()
    if serve:
        signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)  # before there are threads: for sigwait
    # Commands that look at the last weeks find something in an account that is served.
    account = seeded_account(_names_of(scheme), datetime.now(UTC) if serve else NOW)
    with Sandbox(account) as sandbox:
        if serve:
            terminal.paragraph("An account in memory, until you press Ctrl-C. Some messages are labelled:")
            _put_labels(terminal, account, scheme)
            serve_account(terminal, sandbox, _names_of(scheme).labels, _label(scheme, 1))
        else:
            _show(terminal, account, sandbox, scheme)
    return Exit.DONE


def _names_of(scheme: Scheme) -> Names:
    """Let the account be called as the person's own; what is in it stays the same."""
    return Names(
        screener=scheme.screener,
        groups=_mailboxes_of(scheme.groups),
        domain_groups=_mailboxes_of(scheme.domain_groups),
        labels=[
            *scheme.labels,
            *filter(None, (scheme.screener_label, scheme.domain_label, scheme.list_label)),
        ],
        notices=[*filter(None, (scheme.error_label, scheme.warning_label, scheme.journal))],
    )


def _mailboxes_of(groups: Iterable[ContactGroup]) -> dict[str, list[str]]:
    return {group.name: [group.mailbox or "Inbox", *group.also] for group in groups}


def _label(scheme: Scheme, number: int) -> str:
    """Return a label by its number, in turn where there are fewer."""
    return scheme.labels[number % len(scheme.labels)]


def _show(terminal: Terminal, account: SandboxAccount, sandbox: Sandbox, scheme: Scheme) -> None:
    terminal.line(f"An account like Fastmail's, in memory, at {sandbox.url}")
    before = _picture_of(account, scheme)
    terminal.heading(f"Waiting in {scheme.screener}: senders nobody has decided on")
    _show_screener(terminal, account, scheme)
    terminal.heading("A person puts one label on one message of a sender")
    _put_labels(terminal, account, scheme)
    terminal.heading("Mailroom runs one cycle; its log:")
    # Whatever else the person has set for their own.
    settings = evolve(load_settings(sandbox.environment(), dotenv=None), scheme=scheme)
    log_lines = io.StringIO()
    configure_logs(settings.log_level, log_lines, "text")
    mailroom = open_account(settings)
    mailroom.begin()
    run_cycle(mailroom.triage, mailroom.journal)
    for line in log_lines.getvalue().splitlines():
        for number, part in enumerate(wrap(line, terminal.width, terminal.width - 2)):
            terminal.line(f"  {part}" if number else part)
    _show_changes(terminal, before, _picture_of(account, scheme), scheme)
    _show_left(terminal, account, scheme)
    _show_poster(terminal, account, scheme)
    sandbox.reset_requests()
    report = mailroom.triage.run()
    terminal.heading("Everything else is done")
    terminal.paragraph(
        f"A second cycle took {sandbox.request_count} request and filed {len(report.filed)} senders. "
        f"The provider's rules now file these senders' mail by their contact group{_of_lists(scheme)}."
    )
    if scheme.journal:
        terminal.heading("What was done can be looked at, and taken back")
        terminal.table(("COMMAND", "DOES"), LATER)


def _put_labels(terminal: Terminal, account: SandboxAccount, scheme: Scheme) -> None:
    for email, number in ACTS:
        put_label(terminal, account, email, _label(scheme, number))
    for (email, number), about in ((ACT_OF_DOMAIN, scheme.domain_label), (ACT_OF_LIST, scheme.list_label)):
        if about:
            put_label(terminal, account, email, _label(scheme, number), about)


def _show_screener(terminal: Terminal, account: SandboxAccount, scheme: Scheme) -> None:
    waiting: dict[str, list[str]] = {}
    for message in sorted(
        account.messages_in(mailbox_at(account, scheme.screener) or ""),
        key=lambda m: m.received_at,
        reverse=True,
    ):
        waiting.setdefault(sender_shown(message), []).append(message.subject)
    rows = [(sender, str(len(subjects)), subjects[0]) for sender, subjects in waiting.items()]
    terminal.table(("SENDER", "MESSAGES", "NEWEST"), rows[:SHOWN_SENDERS])
    terminal.line(f"… and {len(rows) - SHOWN_SENDERS} more")


def _picture_of(account: SandboxAccount, scheme: Scheme) -> _Picture:
    names = {card.summary.uid or "": card.summary.name for card in account.cards()}
    mailboxes = {}
    for name in dict.fromkeys(("Inbox", scheme.screener, *scheme.destinations)):
        messages = account.messages_in(mailbox_at(account, name) or "")
        mailboxes[name] = (len(messages), sum(message.is_unread for message in messages))
    return _Picture(
        mailboxes=mailboxes,
        groups={
            group.name: tuple(names.get(uid, uid) for uid in account.group_members(group.name))
            for group in scheme.all_groups
        },
        cards={card.name: card.data for card in account.cards() if not card.summary.is_group},
    )


def _show_changes(terminal: Terminal, before: _Picture, after: _Picture, scheme: Scheme) -> None:
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
            if members or group not in {each.name for each in scheme.domain_groups}
        ],
    )
    terminal.line()
    changed = sum(after.cards.get(name) != data for name, data in before.cards.items())
    terminal.line(
        f"Contact cards: {_arrow(len(before.cards), len(after.cards))}. "
        f"Of the earlier ones, {changed} changed."
    )


def _show_left(terminal: Terminal, account: SandboxAccount, scheme: Scheme) -> None:
    left = account.messages_in(mailbox_at(account, scheme.error_label) or "")
    if not left:
        return
    terminal.heading("Left to you")
    for message in left:
        labels = ", ".join(sorted({account.path(x) for x in message.mailbox_ids} & {*scheme.labels}))
        terminal.line(f"  “{message.subject}” from {sender_shown(message)} carries {labels}.")
        terminal.line(f"  It got {scheme.error_label}. Take one label off, and the sender is filed.", DIM)


def _show_poster(terminal: Terminal, account: SandboxAccount, scheme: Scheme) -> None:
    waiting = {message.id for message in account.messages_in(mailbox_at(account, scheme.screener) or "")}
    alone = [message for message in account.messages_from(POSTER) if message.id in waiting]
    if alone and scheme.list_label:
        terminal.heading(f"Still in {scheme.screener}")
        what = ", ".join(f"“{message.subject}” from {sender_shown(message)}" for message in alone)
        terminal.paragraph(f"{what}: the list is decided on, and nobody who writes to it.", "  ")


def _of_lists(scheme: Scheme) -> str:
    return (
        ", and the list's as well once they are written anew (`mailroom rules`)" if scheme.list_label else ""
    )


def _arrow(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} → {after}"
