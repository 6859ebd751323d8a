"""Two cards of the demo's address book that other programs have written."""

from __future__ import annotations

import base64

from mailroom.sandbox.seed.people import CARD_ONLY
from mailroom.sandbox.store.vcards import fold


def card_from_a_telephone() -> tuple[str, bytes]:
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


def card_from_an_old_computer() -> tuple[str, bytes]:
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
