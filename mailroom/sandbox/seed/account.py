"""Believable mail for the demo: a few weeks of one person's life, in an account with the provider's rules.

Everything is the same every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import field, frozen

from mailroom.sandbox.seed.cards import card_from_a_telephone, card_from_an_old_computer
from mailroom.sandbox.seed.people import CARD_ONLY, FEED, IMBOX, JAIL, PAPER_TRAIL, STRANGERS
from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.messages import SEEN
from mailroom.sandbox.store.rules import by_contact_group

OWNER: Final = "alex.moreau@mailroom.example"
NOW: Final = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
"""When the account's story ends; the newest message is a little older."""

ROLES: Final = {
    "Inbox": "inbox",
    "Archive": "archive",
    "Drafts": "drafts",
    "Sent": "sent",
    "Spam": "junk",
    "Trash": "trash",
}


@frozen
class Names:
    """What the account calls the mailboxes and contact groups that triage works with; mailboxes in full.

    Attributes:
        groups: The contact groups, each with every mailbox that its members' mail is in.
        domain_groups: Those of whole domains, likewise.
        labels: The triage labels, and those that take a decision back or make it one about many.
        notices: The labels Mailroom puts on messages itself, and the mailbox where it tells what it did.
    """

    screener: str = "Screener"
    groups: Mapping[str, Sequence[str]] = field(
        factory=lambda: {
            "Imbox": ["Inbox"],
            **{name: [name] for name in ("Feed", "Paper Trail", "Jail")},
        }
    )
    domain_groups: Mapping[str, Sequence[str]] = field(
        factory=lambda: {
            "Imbox domains": ["Inbox"],
            **{f"{name} domains": [name] for name in ("Feed", "Paper Trail", "Jail")},
        }
    )
    labels: Sequence[str] = (
        *("@ToImbox", "@ToFeed", "@ToPaperTrail", "@ToJail", "@ToPerson", "@ToScreener"),
        *("@EntireDomain", "@EntireList"),
    )
    notices: Sequence[str] = ("@MailroomError", "@MailroomWarning", "Mailroom")


def seeded_account(names: Names = Names(), now: datetime = NOW) -> SandboxAccount:
    """Return an account in the middle of its life, with the provider's rules in force.

    Args:
        names: What its mailboxes and contact groups are called.
        now: When its story ends.
    """
    account = SandboxAccount(OWNER)
    account.add_identity("Alex Moreau", "alex@moreau.example")
    for mailbox, role in ROLES.items():
        account.add_mailbox(mailbox, role=role)
    screener = _make_mailbox(account, names.screener)
    destinations = {
        group: [_make_mailbox(account, each) for each in mailboxes]
        for group, mailboxes in (*names.groups.items(), *names.domain_groups.items())
    }
    account.rules = by_contact_group(destinations, screener)
    for mailbox in (*names.labels, *names.notices, "Family/Lisbon 2026"):
        _make_mailbox(account, mailbox)
    for group in dict.fromkeys((*destinations, "Friends")):
        account.add_group(group)
    _fill_address_book(account, tuple(names.groups))
    _deliver_everything(account, now)
    _live_a_little(account, now)
    return account


def mailbox_at(account: SandboxAccount, path: str) -> str | None:
    """Return the id of the mailbox with this full name; None where there is none."""
    return next((x for x in account.mailboxes if account.path(x) == path), None)


def _make_mailbox(account: SandboxAccount, path: str) -> str:
    """Make a mailbox with all that it lies in, as far as they are not there; return its id."""
    if found := mailbox_at(account, path):
        return found
    parent, _, name = path.rpartition("/")
    return account.add_mailbox(name, parent=_make_mailbox(account, parent) if parent else None)


def _fill_address_book(account: SandboxAccount, groups: Sequence[str]) -> None:
    """Let everybody be in a group, their kinds in turn where there are fewer groups."""
    for number, correspondents in enumerate((IMBOX, FEED, PAPER_TRAIL, JAIL)):
        for sender in correspondents:
            account.add_contact(sender.name, sender.email, groups=[groups[number % len(groups)]])
    for uid, data in (card_from_a_telephone(), card_from_an_old_computer()):
        account.put_card(f"{uid}.vcf", data)
        account.add_member("Friends", uid)


def _deliver_everything(account: SandboxAccount, now: datetime) -> None:
    """Let all mail arrive in the order of its dates, each where the rules put it."""
    post = []
    for sender in (*STRANGERS, *IMBOX, *FEED, *PAPER_TRAIL, *JAIL, CARD_ONLY):
        for number, subject in enumerate(sender.subjects):
            received_at = now - timedelta(days=sender.days + number * 2.3)
            post.append((received_at, sender, subject))
    for received_at, sender, subject in sorted(post, key=lambda entry: entry[0]):
        account.deliver(
            [(sender.name, sender.email)],
            subject=subject,
            received_at=received_at,
            to=[("Alex Moreau", OWNER)],
            text=f"{subject}\n\n-- \n{sender.name or sender.email}\n",
            fields=[("List-Id", sender.over_list)] if sender.over_list else (),
        )


def _live_a_little(account: SandboxAccount, now: datetime) -> None:
    """Read, file, answer and throw away some of it, as people do."""
    for message in account.messages_in("Inbox")[::2]:
        account.mark_read(message.id)
    for message in account.messages_in("Inbox")[:3]:
        account.move(message.id, "Archive")
    account.label(account.messages_from("maya@moreau.example")[1].id, "Lisbon 2026")
    waiting = account.messages_from("offers@brightdeals.example")
    account.move(waiting[0].id, "Trash")
    account.deliver(
        [("Prince Adewale", "prince@inheritance.example")],
        ["Spam"],
        "Urgent and confidential",
        now - timedelta(days=1),
    )
    account.deliver(
        [("Alex Moreau", OWNER)],
        ["Sent"],
        "Re: Dinner on Friday?",
        now - timedelta(hours=6),
        [SEEN],
        to=[("Maya Moreau", "maya@moreau.example")],
        text="Yes! Eight o'clock at ours.",
    )
