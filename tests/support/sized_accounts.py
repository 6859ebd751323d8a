"""Accounts of a size, and Mailroom wired to them in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mailroom.account import Account, open_account
from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.settings.settings import Settings, load_settings

CATEGORIES = ("Imbox", "Feed", "PaperTrail", "Jail", "Person")
MAILBOXES = ("Screener", "Feed", "Paper Trail", "Jail", "@MailroomError", "@MailroomWarning")
GROUPS = ("Imbox", "Feed", "Paper Trail", "Jail")


def furnished_account() -> SandboxAccount:
    """Return an account that has what triage needs, and no mail."""
    account = SandboxAccount()
    for name in ("Inbox", "Archive", "Trash", "Junk", "Sent", "Drafts"):
        account.add_mailbox(name, role=name.lower())
    for name in (*MAILBOXES, *(f"@To{category}" for category in CATEGORIES)):
        account.add_mailbox(name)
    for group in GROUPS:
        account.add_group(group)
    return account


def add_senders(account: SandboxAccount, senders: int, messages: int, labelled: bool = True) -> None:
    """Let new senders write into Screener; the newest message of each gets a label, all five in turn."""
    for number in range(senders):
        for copy in range(messages):
            message = account.deliver(
                from_=[(f"Sender {number}", f"sender{number}@list{number}.example")],
                mailboxes=["Screener"],
                subject=f"Message {copy}",
            )
        if labelled:
            account.label(message, f"@To{CATEGORIES[number % len(CATEGORIES)]}")


def add_cards(account: SandboxAccount, cards: int) -> None:
    """Fill the address book with people who have nothing to do with the triage."""
    for number in range(cards):
        account.add_contact(f"Contact Number {number}", f"contact{number}@people{number % 97}.example")


def settings_for(environment: Mapping[str, str]) -> Settings:
    """Read the settings that lead to a sandbox."""
    return load_settings(environment, dotenv=None)


@contextmanager
def mailroom_on(sandbox: Sandbox, way: str = "carddav") -> Iterator[Account]:
    """Wire Mailroom to a sandbox, contacts over CardDAV or over JMAP."""
    yield open_account(settings_for(sandbox.environment() | {"MAILROOM_CONTACTS": way}))
