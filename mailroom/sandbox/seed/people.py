"""Believable mail for the demo: a few weeks of one person's newsletters, shops, banks, friends and spam.

Everything is the same every time; every domain is reserved for examples (RFC 2606).
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

from mailroom.sandbox.store.account import SandboxAccount
from mailroom.sandbox.store.messages import SEEN
from mailroom.sandbox.store.rules import by_contact_group
from mailroom.sandbox.store.vcards import fold

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
        labels: The five triage labels.
        notices: The labels Mailroom puts on messages itself.
    """

    screener: str = "Screener"
    imbox: str = "Imbox"
    feed: str = "Feed"
    paper_trail: str = "Paper Trail"
    jail: str = "Jail"
    labels: tuple[str, ...] = ("@ToImbox", "@ToFeed", "@ToPaperTrail", "@ToJail", "@ToPerson")
    notices: tuple[str, ...] = ("@MailroomError", "@MailroomWarning")


@frozen
class Correspondence:
    """What one sender has written.

    Attributes:
        name: Their display name.
        days: How many days before `NOW` their last message came; the others came a few days apart before.
        subjects: The newest first.
    """

    name: str
    email: str
    days: float
    subjects: tuple[str, ...]


STRANGERS: Final = (
    Correspondence(
        "The Daily Lantern",
        "news@dailylantern.example",
        0.1,
        (
            "Monday briefing: the harbour vote",
            "Weekend long read: who owns the fog?",
            "Friday: five charts on rent",
            "Thursday: what the budget leaves out",
            "Wednesday: a city learns to cycle",
            "Tuesday: the quiet end of the fax",
        ),
    ),
    Correspondence(
        "Kaffeerösterei Müller",
        "hallo@kaffeerösterei-müller.example",
        0.6,
        (
            "Neu: Äthiopien Yirgacheffe, hell geröstet",
            "Ihre Bestellung ist unterwegs ☕",
            "Willkommen, Alex!",
        ),
    ),
    Correspondence(
        "Northbank",
        "no-reply@notices.northbank.example",
        1.2,
        ("Your February statement is ready", "Your January statement is ready", "A new device signed in"),
    ),
    Correspondence("Zoë Lindqvist", "zoe.lindqvist@post.example", 0.3, ("Re: the flat in Malmö", "The flat")),
    Correspondence(
        "Bücherstube am Markt",
        "info@xn--bcherstube-9db.example",
        2.4,
        ("Ihr Buch liegt bereit", "Lesung am Donnerstag: Anna Wölk", "Unsere Frühjahrsvorschau"),
    ),
    Correspondence(
        "Bright Deals",
        "offers@brightdeals.example",
        0.2,
        (
            "LAST CHANCE: 70% off everything",
            "Alex, you forgot something",
            "Only hours left!!!",
            "We miss you",
            "Doorbuster Sunday",
            "Your exclusive code inside",
            "Final reminder (really)",
        ),
    ),
    Correspondence(
        "Parcel Post",
        "tracking@parcelpost.example",
        0.8,
        ("Delivered: left with a neighbour", "Out for delivery today", "Your parcel is on its way"),
    ),
    Correspondence("Dr. Amara Okafor", "a.okafor@clinic.example", 1.9, ("Your appointment on 12 March",)),
    Correspondence(
        "Rust & Rivets",
        "letters@rustandrivets.example",
        3.1,
        ("Issue 88: bridges that hum", "Issue 87: the last signal box", "Issue 86: welding under water"),
    ),
    Correspondence(
        "", "alerts@statuspage.example", 1.4, ("[Resolved] Elevated errors", "[Investigating] API")
    ),
    Correspondence("田中 美咲", "misaki.tanaka@kissa.example", 4.2, ("ご無沙汰しています", "写真を送ります")),
    Correspondence(
        "Growth Guru", "chad@synergy-leads.example", 0.9, ("Quick question, Alex", "Bumping this up")
    ),
    Correspondence(
        "Eastline Rail", "tickets@eastline.example", 5.3, ("Your ticket, 14 March", "Your ticket")
    ),
    Correspondence("Łukasz Żak", "lukasz@zak.example", 2.7, ("Podcast idea", "Hello from Gdańsk")),
)
"""Senders without a contact card: their mail waits in the Screener."""

IMBOX: Final = (
    Correspondence(
        "Maya Moreau",
        "maya@moreau.example",
        0.4,
        ("Dinner on Friday?", "Mum's birthday", "Photos!", "Re: keys"),
    ),
    Correspondence(
        "O'Neill, Sam", "sam.oneill@studio.example", 1.1, ("Contract, second draft", "Re: invoice 2026-014")
    ),
    Correspondence(
        "Städtische Bibliothek", "ausleihe@bibliothek.example", 6.0, ("Ihre Leihfrist endet bald",)
    ),
)
FEED: Final = (
    Correspondence(
        "Sourdough Weekly",
        "hello@sourdough.example",
        0.7,
        ("Crumb shots of the month", "Rye, slowly", "Feeding schedules", "Why your oven lies"),
    ),
    Correspondence("Quiet Maps", "post@quietmaps.example", 2.2, ("Contours", "The island that was not")),
)
PAPER_TRAIL: Final = (
    Correspondence(
        "Volt & Grid Energy",
        "billing@voltgrid.example",
        2.0,
        ("Your bill for February", "Your bill for January"),
    ),
    Correspondence("Nimbus Cloud", "invoices@nimbus.example", 1.5, ("Receipt 55120", "Receipt 54873")),
)
JAIL: Final = (
    Correspondence("Casino Royalty", "vip@casinoroyalty.example", 0.5, ("500 free spins", "Your VIP status")),
)
CARD_ONLY: Final = Correspondence(
    "Grandpa Henri", "henri.moreau@orange-mail.example", 3.6, ("La recette du clafoutis", "Re: le jardin")
)
"""A sender with a contact card in no group: their mail goes to the Inbox."""


def seeded_account(names: Names = Names()) -> SandboxAccount:
    """Return an account in the middle of its life, with the provider's rules in force.

    Args:
        names: What its mailboxes and contact groups are called.
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
    _deliver_everything(account)
    _live_a_little(account)
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
    for uid, data in (_card_from_a_telephone(), _card_from_an_old_computer()):
        account.put_card(f"{uid}.vcf", data)
        account.add_member("Friends", uid)


def _card_from_a_telephone() -> tuple[str, bytes]:
    """Return a card with grouped properties and a picture, written as address books on telephones do."""
    uid = "7C2E9A10-4B5D-4F6E-8A9B-0C1D2E3F4A5B:ABPerson"
    head = bytes.fromhex("ffd8ffe000104a464946")  # as a JPEG begins
    picture = base64.b64encode(head + bytes(number * 79 % 251 for number in range(480))).decode("ascii")
    lines = (
        "BEGIN:VCARD",
        "VERSION:3.0",
        "PRODID:-//Example Telephone//Contacts 17.4//EN",
        "N:Moreau;Henri;;;",
        "FN:Grandpa Henri",
        f"item1.EMAIL;type=INTERNET;type=pref:{CARD_ONLY.email}",
        "item1.X-ABLabel:_$!<Home>!$_",
        "item2.ADR;type=HOME:;;12\\, rue des Lilas;Lyon;;69003;France",
        "NOTE:Clafoutis on Sundays, never with pitted cherries",
        f"PHOTO;ENCODING=b;TYPE=JPEG:{picture}",
        f"UID:{uid}",
        "END:VCARD",
    )
    return uid, "".join(map(fold, lines)).encode()


def _card_from_an_old_computer() -> tuple[str, bytes]:
    """Return a card with bare commas and a list of nicknames, as older programs leave them."""
    uid = "urn:uuid:3f1c0b52-9d3e-4b8e-9a43-1c1f0e7d55aa"
    lines = (
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:{uid}",
        "FN:Ines Carvalho",
        "N:Carvalho;Ines;;;",
        "NICKNAME:Nês,Inêsita",
        "ORG:Carvalho\\, Pinto & Filhos;Azulejos",
        "EMAIL;TYPE=HOME,PREF:ines@carvalho.example",
        "EMAIL;TYPE=WORK:ines.carvalho@azulejos.example",
        "URL:https://azulejos.example/catalogue?a=1,b=2",
        "X-FAVOURITE:tiles,cats",
        "END:VCARD",
    )
    return uid, "".join(map(fold, lines)).encode()


def _deliver_everything(account: SandboxAccount) -> None:
    """Let all mail arrive in the order of its dates, each where the rules put it."""
    post = []
    for sender in (*STRANGERS, *IMBOX, *FEED, *PAPER_TRAIL, *JAIL, CARD_ONLY):
        for number, subject in enumerate(sender.subjects):
            received_at = NOW - timedelta(days=sender.days + number * 2.3)
            post.append((received_at, sender, subject))
    for received_at, sender, subject in sorted(post, key=lambda entry: entry[0]):
        account.deliver(
            [(sender.name, sender.email)],
            subject=subject,
            received_at=received_at,
            to=[("Alex Moreau", OWNER)],
            text=f"{subject}\n\n-- \n{sender.name or sender.email}\n",
        )


def _live_a_little(account: SandboxAccount) -> None:
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
        NOW - timedelta(days=1),
    )
    account.deliver(
        [("Alex Moreau", OWNER)],
        ["Sent"],
        "Re: Dinner on Friday?",
        NOW - timedelta(hours=6),
        [SEEN],
        to=[("Maya Moreau", "maya@moreau.example")],
        text="Yes! Eight o'clock at ours.",
    )
