"""Believable mail for the demo: a few weeks of one person's life, in an account with the provider's rules.

Everything is the same every time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

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
    """What the account calls the mailboxes and contact groups that triage works with.

    Attributes:
        labels: The five triage labels, and the one that takes a decision back.
        notices: The labels Mailroom puts on messages itself.
    """

    screener: str = "Screener"
    imbox: str = "Imbox"
    feed: str = "Feed"
    paper_trail: str = "Paper Trail"
    jail: str = "Jail"
    labels: tuple[str, ...] = ("@ToImbox", "@ToFeed", "@ToPaperTrail", "@ToJail", "@ToPerson", "@ToScreener")
    notices: tuple[str, ...] = ("@MailroomError", "@MailroomWarning")


def seeded_account(names: Names = Names(), now: datetime = NOW) -> SandboxAccount:
    """Return an account in the middle of its life, with the provider's rules in force.

    Args:
        names: What its mailboxes and contact groups are called.
        now: When its story ends.
    """
    destinations = {
        names.imbox: "Inbox",
        names.feed: names.feed,
        names.paper_trail: names.paper_trail,
        names.jail: names.jail,
    }
    account = SandboxAccount(OWNER, rules=by_contact_group(destinations, names.screener))
    account.add_identity("Alex Moreau", "alex@moreau.example")
    for mailbox, role in ROLES.items():
        account.add_mailbox(mailbox, role=role)
    own = (names.screener, names.feed, names.paper_trail, names.jail)
    for mailbox in (*own, *names.labels, *names.notices, "Family"):
        account.add_mailbox(mailbox)
    account.add_mailbox("Lisbon 2026", parent="Family")
    for group in (*destinations, "Friends"):
        account.add_group(group)
    _fill_address_book(account, names)
    _deliver_everything(account, now)
    _live_a_little(account, now)
    return account


def _fill_address_book(account: SandboxAccount, names: Names) -> None:
    for group, correspondents in (
        (names.imbox, IMBOX),
        (names.feed, FEED),
        (names.paper_trail, PAPER_TRAIL),
        (names.jail, JAIL),
    ):
        for sender in correspondents:
            account.add_contact(sender.name, sender.email, groups=[group])
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
