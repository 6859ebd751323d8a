"""Which addresses are the person's own: nobody files themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from attrs import evolve, frozen

from mailroom.model.address import Address, parse_addresses

EVERYBODY = "*"
"""The local part of an identity that may send as any address of its domain (RFC 8621 section 6)."""


@frozen
class OwnAddresses:
    """The addresses of an account, as far as they are known; ``address in own`` asks for one.

    Attributes:
        addresses: Single addresses.
        domains: Domains of which every address is the person's.
        is_complete: Whether the server has said all it has to say. Until then an address at a domain
            of these may turn out to be one more alias.
    """

    addresses: frozenset[Address] = frozenset()
    domains: frozenset[str] = frozenset()
    is_complete: bool = True

    @classmethod
    def read(cls, texts: Iterable[str], *, is_complete: bool = True) -> Self:
        """Return the addresses among `texts`; others, such as a user name without a domain, are none."""
        found = {address: address.rpartition("@") for address in parse_addresses(texts)}
        return cls(
            addresses=frozenset(x for x, (local, _, _) in found.items() if local != EVERYBODY),
            domains=frozenset(domain for local, _, domain in found.values() if local == EVERYBODY),
            is_complete=is_complete,
        )

    def __contains__(self, address: object) -> bool:
        return address in self.addresses or (isinstance(address, str) and _domain(address) in self.domains)

    def may_hold(self, address: str) -> bool:
        """Whether the address is not known to be the person's, but may be."""
        if self.is_complete or address in self:
            return False
        return _domain(address) in {_domain(own) for own in self.addresses}

    def joined(self, other: OwnAddresses) -> OwnAddresses:
        """Return both together, as complete as `other` is."""
        return evolve(other, addresses=self.addresses | other.addresses, domains=self.domains | other.domains)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
