"""How much memory the service takes at most where its account holds what is too large or odd."""

from __future__ import annotations

import base64
import random
import tempfile
from pathlib import Path

from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.sandbox.store.addressbook import contact_card
from tests.support.processes import MEBIBYTE_IN_KIB, Process
from tests.support.sized_accounts import add_senders, furnished_account

WANTED_MIB = 96
PHOTO_CARDS = 200
PHOTO_BYTES = 350_000
CROWDS = 300
CROWD_SENDERS = 1_000
NEW_SENDERS = 10
LONG_NAME_CHARACTERS = 100_000


def peak_mib(pid: int) -> float:
    """Return the largest resident set a process ever had (proc(5)), in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / MEBIBYTE_IN_KIB
    raise ValueError(f"process {pid} has no VmHWM")


def measure(account: SandboxAccount, filed: int) -> float:
    """Return the peak of a service that starts on the account, files its senders, and looks once more."""
    variables = {"MAILROOM_POLL_INTERVAL": "0.3"}
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(account) as sandbox,
        Process({**sandbox.environment(), **variables}, Path(folder)) as service,
    ):
        service.until("poll_complete", 120, senders_filed=filed)
        service.until("poll_complete", 60)
        return peak_mib(service.pid)


def photo_card(number: int) -> tuple[str, bytes]:
    """Return a contact card with a large photo, which no compression makes smaller."""
    uid, card = contact_card(f"Friend {number}", f"friend{number}@photos.example")
    photo = base64.b64encode(random.Random(number).randbytes(PHOTO_BYTES * 3 // 4))
    return uid, card.replace(b"END:VCARD", b"PHOTO;ENCODING=b;TYPE=JPEG:" + photo + b"\r\nEND:VCARD")


def account_with_photos() -> SandboxAccount:
    """Return an account with photos on its cards and new senders to file."""
    account = furnished_account()
    add_senders(account, NEW_SENDERS, 5)
    for number in range(PHOTO_CARDS):
        uid, card = photo_card(number)
        account.put_card(f"{uid}.vcf", card)
    return account


def account_with_long_names(messages: int, name: str) -> SandboxAccount:
    """Return an account with such messages in Screener, half of them labelled, and new senders to file."""
    account = furnished_account()
    for number in range(messages):
        message = account.deliver([(name, f"long{number}@names.example")], ["Screener"])
        if number % 2:
            account.label(message, "@ToFeed")
    add_senders(account, NEW_SENDERS, 5)
    return account


def account_with_crowds() -> SandboxAccount:
    """Return an account with messages of very many senders each in Screener, half of them labelled."""
    account = furnished_account()
    for number in range(CROWDS):
        crowd = [(f"Ann {each}", f"ann{each}@crowd{number}.example") for each in range(CROWD_SENDERS)]
        message = account.deliver(crowd, ["Screener"])
        if number % 2:
            account.label(message, "@ToFeed")
    add_senders(account, NEW_SENDERS, 5)
    return account


def run() -> None:
    """Print the peak of each hostile account."""
    peak = measure(account_with_photos(), NEW_SENDERS)
    print(
        f"{PHOTO_CARDS} cards with photos of {PHOTO_BYTES // 1000} kB: "
        f"{peak:.1f} MiB at most (wanted: at most {WANTED_MIB})"
    )
    peak = measure(account_with_crowds(), NEW_SENDERS)
    print(
        f"{CROWDS} messages of {CROWD_SENDERS} senders: {peak:.1f} MiB at most (wanted: at most {WANTED_MIB})"
    )
    narrow = "Ann " * (LONG_NAME_CHARACTERS // 4)
    # One character beyond the Basic Multilingual Plane makes Python take four bytes for each.
    for messages, name, shown in (
        (250, narrow, ""),
        (400, narrow, ""),
        (400, f"\N{PARTY POPPER}{narrow}", "wide "),
    ):
        peak = measure(account_with_long_names(messages, name), NEW_SENDERS + messages // 2)
        print(
            f"{messages} {shown}names of {LONG_NAME_CHARACTERS // 1000} kB: "
            f"{peak:.1f} MiB at most (wanted: at most {WANTED_MIB})",
            flush=True,
        )
