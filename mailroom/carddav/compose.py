"""Makes the card of a sender nobody has written down yet (vCard 3.0, RFC 2426)."""

from __future__ import annotations

import sys

from mailroom.carddav.vcard import fold, summarize
from mailroom.contacts.person_name import split_name
from mailroom.contacts.writing import check_group_name, product_of, written_of
from mailroom.errors import ProtocolError
from mailroom.model.contacts import CardKind, CardUid, NewCard

_ESCAPES = str.maketrans({c: f"\\{c}" for c in "\\,;"})


def compose_card(card: NewCard, uid: CardUid) -> bytes:
    """Make a new card.

    Raises:
        ProtocolError: No card can carry the address, or what was made does not read as the sender's card.
    """
    import vobject  # noqa: PLC0415 - takes time and memory, and most cycles make no card

    written = written_of(card)
    name = written.name
    vcard = vobject.vCard()
    vcard.add("uid").value = uid
    vcard.add("fn").value = name
    parts = vobject.vcard.Name()
    if card.kind is CardKind.PERSON:
        person = split_name(name)
        parts = vobject.vcard.Name(
            family=person.family,
            given=person.given,
            additional=person.additional,
            prefix=person.prefix,
            suffix=person.suffix,
        )
    else:
        vcard.add("org").value = [name]
        # The Contacts programs of Apple and Fastmail show such a card as a company.
        vcard.add("x-abshowas").value = "COMPANY"
    # Fastmail refuses a card without FN and N (403); to vobject one without N is no card at all.
    vcard.add("n").value = parts
    for email in written.emails:
        vcard.add("email").value = email
    if written.note:
        vcard.add("note").value = written.note
    vcard.add("prodid").value = product_of(name, card.kind)
    # vobject's own folding goes over 75 octets where characters are longer than one.
    lines: str = vcard.serialize(lineLength=sys.maxsize)
    octets = b"".join(fold(line.encode()) for line in lines.split("\r\n") if line)
    # A card that is not found again would be made again in every cycle.
    made = summarize(octets)
    if card.address not in made.parties or (made.uid, made.name, made.is_group) != (uid, name, False):
        raise ProtocolError(f"the contact card of {card.address} would not read back as intended")
    return octets


def compose_group(name: str, uid: CardUid) -> bytes:
    """Make a contact group without members, in the form that Fastmail and Apple give it.

    Raises:
        ProtocolError: No card can carry the name.
    """
    check_group_name(name)
    escaped = name.translate(_ESCAPES)
    lines = (
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:{uid}",
        f"FN:{escaped}",
        f"N:{escaped};;;;",
        "X-ADDRESSBOOKSERVER-KIND:group",
        "END:VCARD",
    )
    return b"".join(fold(line.encode()) for line in lines)
