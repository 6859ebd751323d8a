"""A person's contacts over CardDAV (RFC 6352)."""

from mailroom.carddav.book import CardDavAddressBook

__all__ = ["CardDavAddressBook"]
