"""What is written on the card of a sender nobody has written down yet, in whatever form. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from attrs import frozen

from mailroom.errors import ProtocolError
from mailroom.model.address import parse_address, spellings
from mailroom.model.contacts import CardKind, NewCard
from mailroom.model.mailing_list import is_posting_address, note_line
from mailroom.model.names import clean_name
from mailroom.model.party import Party, PartyKind, kind_of


@frozen
class Written:
    """The name that a new card bears, and the spellings of its address.

    Attributes:
        note: Which mailing list it is for; empty on any other card.
    """

    name: str
    emails: tuple[str, ...]
    note: str = ""


def written_of(card: NewCard) -> Written:
    """Return what a new card says.

    Raises:
        ProtocolError: No card can carry the address.
    """
    if kind_of(card.address) is PartyKind.LIST:
        emails = spellings(card.email)
        name = clean_name(card.name) or clean_name(card.address.strip("<>"))
        return Written(name, emails, note_line(card.address))
    emails = spellings(card.email if parse_address(card.email) == card.address else card.address)
    if not emails:
        raise ProtocolError(f"the address {card.address!r} cannot be written into a contact card")
    return Written(clean_name(card.name) or clean_name(emails[0]), emails)


def written_as(emails: Sequence[str]) -> str:
    """Return what the addresses on a card that Mailroom made were written for; empty where it has none."""
    return next((each for each in emails if {*spellings(each)} == {*emails}), next(iter(emails), ""))


def are_written_for(party: Party, emails: Sequence[str]) -> bool:
    """Whether Mailroom would write these addresses onto a party's card, under some name."""
    addresses = {parse_address(email) for email in emails}
    if kind_of(party) is PartyKind.LIST:
        most = max((len(spellings(email)) for email in emails), default=0)
        is_one = len(addresses) <= 1 and len(emails) <= most
        return is_one and all(address and is_posting_address(party, address) for address in addresses)
    return 0 < len(emails) <= len(spellings(party)) + 1 and addresses == {party}


def address_keys(name: str) -> Iterator[str]:
    """Return the keys of a new card's addresses over JMAP, which tell the name that it was made with.

    Each is an Id (RFC 8620 section 1.2). Over CardDAV it is seen as the PROP-ID (RFC 9554 section 4.7) of
    the address. The note of a list's card has the one that follows.
    """
    number = 0
    while True:
        yield f"m{_mark(name)}{f'-{number}' if number else ''}"
        number += 1


def product_of(name: str, kind: CardKind) -> str:
    """Return the PRODID (RFC 2426 section 3.6.3) of a new card, which tells what it was made with.

    A program that changes the card puts its own there, or leaves one that fits no other name or kind.
    """
    return f"-//Mailroom//{_mark(f'{kind.value} {name}')}"


def check_group_name(name: str) -> None:
    """Raise where no contact group can be called that.

    Raises:
        ProtocolError: It is none that a person could read as it stands.
    """
    if not name or clean_name(name) != name:
        raise ProtocolError(f"a contact group cannot be called {name!r}")


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
