"""`mailroom demo --serve`: the demo's account kept open, for a service beside it and labels by hand."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from mailroom.model.address import parse_address
from mailroom.output.terminal import BOLD, Terminal
from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.sandbox.seed.account import mailbox_at
from mailroom.sandbox.store.messages import Message

END_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
EXAMPLE: Final = "letters@rustandrivets.example"


def serve(terminal: Terminal, sandbox: Sandbox, labels: Sequence[str], example: str) -> None:
    """Say how to run the service on the account, and put labels that are typed, until a signal ends it.

    The signals must be blocked already, before there are threads.

    Args:
        labels: What may be typed.
        example: One of them.
    """
    terminal.heading("In another terminal:")
    for name, value in {**sandbox.environment(), "MAILROOM_HEALTH_HOST": "127.0.0.1"}.items():
        terminal.line(f"export {name}={shlex.quote(value)}")
    terminal.line(f"{_own_name()} run")
    terminal.paragraph("Other commands work there, too: waiting, history, why ADDRESS, undo --last.")
    terminal.heading("Here you put a label on a sender's newest message: type both, for example")
    terminal.line(f"{example} {EXAMPLE}")
    # Whoever runs this in the background types elsewhere: there a read fails, and stops nothing.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    typing = threading.Thread(
        target=_obey, args=(terminal, sandbox.account, labels), name="typing", daemon=True
    )
    typing.start()
    signal.sigwait(END_SIGNALS)
    terminal.heading("The account is gone.")
    terminal.paragraph(
        "Close the other terminal, too: its variables would lead every command to this account."
    )


def put_label(terminal: Terminal, account: SandboxAccount, email: str, *labels: str) -> None:
    """Put labels on a sender's newest message, as a person does, and show it."""
    newest = account.messages_from(email)[-1]
    for label in labels:
        account.label(newest.id, mailbox_at(account, label) or label)
    shown = " + ".join(labels)
    terminal.paragraph(f"on “{newest.subject}” from {sender_shown(newest)}", f"  {shown:<14} ", BOLD)


def sender_shown(message: Message) -> str:
    """Return what a mail program shows as the sender."""
    name, email = next(iter(message.addresses.get("from", ())), ("", ""))
    return name or email


def _obey(terminal: Terminal, account: SandboxAccount, labels: Sequence[str]) -> None:
    rest = b""
    with suppress(OSError):  # nobody can type here
        # Not sys.stdin: a thread that waits in there keeps the interpreter from ending.
        while piece := os.read(0, 4_096):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                words = line.decode("utf-8", "replace").strip().rsplit(maxsplit=1)  # a label may have spaces
                _put_as_typed(terminal, account, labels, words)


def _put_as_typed(
    terminal: Terminal, account: SandboxAccount, labels: Sequence[str], words: list[str]
) -> None:
    match words:
        case []:
            pass
        case [label, email] if label in labels and (written := _as_written(account, email)):
            put_label(terminal, account, written, label)
        case [label, email] if label in labels:
            terminal.line(f"Nobody has written from {email}.")
        case _:
            terminal.paragraph(f"Type a label ({', '.join(labels)}) and a sender's address.")


def _as_written(account: SandboxAccount, email: str) -> str | None:
    """Return an address as a sender in the account writes it, or None where nobody does.

    What is typed is what Mailroom shows: a domain in its own letters, or the form in which it compares.
    """
    wanted = parse_address(email)
    with account.lock:
        senders = [
            written for each in account.messages.values() for _, written in each.addresses.get("from", ())
        ]
    return next((each for each in senders if wanted and parse_address(each) == wanted), None)


def _own_name() -> str:
    """Return how this program is started from any folder."""
    program = Path(sys.argv[0])
    if program.name != "mailroom" or not program.exists():
        return f"{shlex.quote(sys.executable)} -m mailroom"
    found = shutil.which("mailroom")
    return "mailroom" if found and program.samefile(found) else shlex.quote(str(program.absolute()))
