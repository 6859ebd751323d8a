"""Who writes to the demo's person: newsletters, shops, banks, friends and spam.

Everything is the same every time; every domain is reserved for examples (RFC 2606).
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class Correspondence:
    """What one sender has written.

    Attributes:
        name: Their display name.
        days: How many days before the end of the story their last message came; the others came a few
            days apart before.
        subjects: The newest first.
        over_list: The List-Id of the mailing list over which they came; empty for none.
    """

    name: str
    email: str
    days: float
    subjects: tuple[str, ...]
    over_list: str = ""


_SHOP: Final = "Harbour & Pine"
_SWIMMERS: Final = "Harbour swimmers <swimmers.tidelists.example>"

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
    Correspondence(_SHOP, "order-20481@harbourpine.example", 0.45, ("Your order 20481 is on its way",)),
    Correspondence(_SHOP, "order-20377@harbourpine.example", 5.1, ("Thank you for your order 20377",)),
    Correspondence(_SHOP, "invoices@harbourpine.example", 2.9, ("Invoice HP-20377",)),
    Correspondence(_SHOP, "reply+k7f2@harbourpine.example", 3.4, ("Your question about oak oil",)),
    Correspondence("Nadia Brandt", "nadia@brandt.example", 1.7, ("14 degrees at the pier",), _SWIMMERS),
    Correspondence("Per Holm", "per.holm@fjordpost.example", 2.6, ("Lost: one blue cap",), _SWIMMERS),
    Correspondence("Per Holm", "per.holm@fjordpost.example", 1.8, ("Coffee on Thursday?",)),
    Correspondence("Ife Adeyemi", "ife@adeyemi.example", 4.4, ("Saturday, 7:30, as always",), _SWIMMERS),
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
