"""What is written on the card of a sender nobody has written down yet, in whatever form. Pure."""

from __future__ import annotations

from attrs import frozen

from mailroom.errors import ProtocolError
from mailroom.model.address import parse_address, spellings
from mailroom.model.contacts import NewCard
from mailroom.model.names import clean_name


@frozen
class Written:
    """The name and the spellings of the address that a new card bears."""

    name: str
    emails: tuple[str, ...]


def written_of(card: NewCard) -> Written:
    """Return what a new card says.

    Raises:
        ProtocolError: No card can carry the address.
    """
    emails = spellings(card.email if parse_address(card.email) == card.address else card.address)
    if not emails:
        raise ProtocolError(f"the address {card.address!r} cannot be written into a contact card")
    return Written(clean_name(card.name) or clean_name(emails[0]), emails)


def check_group_name(name: str) -> None:
    """Raise where no contact group can be called that.

    Raises:
        ProtocolError: It is none that a person could read as it stands.
    """
    if not name or clean_name(name) != name:
        raise ProtocolError(f"a contact group cannot be called {name!r}")
