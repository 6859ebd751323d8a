"""The identifiers of what Mailroom makes: each follows from what a card stands for (RFC 9562 section 5.5).

So a repetition makes nothing twice, and what was made is known again years later.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

from mailroom.model.contacts import CardUid
from mailroom.model.party import Party

UID_NAMESPACE = uuid.UUID("0c5f3a34-6f0e-5b0b-9f5e-3d1c7a4e8b21")
URN_UUID = "urn:uuid:"

MAX_UIDS = 5
"""How many identifiers one thing may have: where another card stands in its place, the next is taken."""


def card_uids(party: Party) -> Iterator[CardUid]:
    """Return the identifiers that a party's card may have, the first choice first."""
    return _uids(party)


def group_uids(name: str) -> Iterator[CardUid]:
    """Return those of the contact group of a name."""
    return _uids(f"group {name}")


def address_of(text: str, addresses: Iterable[Party]) -> Party | None:
    """Return for which of its parties a card of that identifier was made; None where it was not."""
    uid = CardUid(bare_uid(text))
    if len(uid) != 36 or uid[14] != "5":
        return None  # no UUID of version 5: most cards are told at a glance
    return next((address for address in addresses if uid in card_uids(address)), None)


def bare_uid(text: str) -> str:
    """Reduce a reference to what all its spellings share: neither ``urn:uuid:`` nor quotes around it."""
    text = text.strip()
    start, end = 0, len(text)
    while True:
        if end - start >= len(URN_UUID) and text[start : start + len(URN_UUID)].lower() == URN_UUID:
            start += len(URN_UUID)
        elif end - start > 1 and text[start] == text[end - 1] == '"':
            start, end = start + 1, end - 1
        else:
            return text[start:end]


def _uids(text: str) -> Iterator[CardUid]:
    for attempt in range(MAX_UIDS):
        salt = f"#{attempt}" if attempt else ""
        yield CardUid(str(uuid.uuid5(UID_NAMESPACE, text + salt)))
