"""The address book: one suite on the sandbox, on a sandbox that rewrites cards, and on Cyrus."""

from __future__ import annotations

from mailroom.model.address import Address, parse_address


def address(text: str) -> Address:
    """Return an address in the form in which addresses are compared."""
    parsed = parse_address(text)
    assert parsed is not None
    return parsed
