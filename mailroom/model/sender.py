"""Who stands in an address header: read once, when a message is read, and carried as a value. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from mailroom.model.address import Address, parse_address, spellings
from mailroom.model.names import clean_name
from mailroom.model.party import PartyKind, kind_of

HeaderEntry = tuple[str, str]
"""A display name and an address, either of them perhaps empty, as a header or a server has them."""


@frozen
class Correspondent:
    """Somebody who writes or is written to.

    Attributes:
        address: Their address in comparable form.
        email: Their address as it was written.
        name: Their display name as `clean_name` gives it; empty where they show none, or their address.
    """

    address: Address
    email: str
    name: str


@frozen
class NoSender:
    """Why a message has no sender who could be filed.

    Attributes:
        reason: In words for the person.
    """

    reason: str


def read_sender(entries: Iterable[HeaderEntry]) -> Correspondent | NoSender:
    """Return the one sender of a message, or why there is none.

    What counts is the set of addresses: engines make two entries of ``ann@example.com <ann@example.com>``,
    or put empty ones between, and a group (RFC 5322 section 3.4) is an entry without an address.

    Args:
        entries: Those of its From.
    """
    written = [entry for entry in entries if "".join(entry).strip()]
    match list(read_correspondents(written)):
        case [sender]:
            return sender if kind_of(sender.address) is PartyKind.SENDER else _EVERYBODY
        case []:
            return _UNREADABLE if written else _MISSING
        case senders:
            return NoSender(f"the message has {len(senders)} senders in From; one is needed")


def read_correspondents(entries: Iterable[HeaderEntry]) -> Iterator[Correspondent]:
    """Read a header's entries, each address once, with the first name that it shows."""
    found: dict[Address, Correspondent] = {}
    for shown, written in entries:
        address = parse_address(written)
        if address is None or (address in found and found[address].name):
            continue
        email = found[address].email if address in found else _as_written(written)
        name = clean_name(shown)
        if _is_address(name, address):
            name = ""  # mail programs put it there where they know no name
        # Equal strings are kept once: very many messages may be held at the same time.
        found[address] = Correspondent(address, address if email == address else email, name)
    yield from found.values()


def _as_written(text: str) -> str:
    """Return an address as it stands, unless what stands around it cannot be shown."""
    text = text.strip()
    return text if text.isprintable() else spellings(text)[0]


def _is_address(name: str, address: Address) -> bool:
    """Whether a name is that address and nothing besides; most names are told from one at a glance."""
    bare = name.strip("<>")
    return "@" in bare and not set(" <") & set(bare) and parse_address(bare) == address


_MISSING = NoSender("the message has no sender: its From is missing or empty")
_EVERYBODY = NoSender(
    "the sender's address begins with *@, which in contacts stands for everybody at a domain: nobody can be "
    "filed by it"
)
_UNREADABLE = NoSender("the sender in From is not an address at a domain")
