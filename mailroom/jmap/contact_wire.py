"""The answers of JMAP Contacts (RFC 9610) as records."""

from __future__ import annotations

from typing import Any

from attrs import Factory, frozen

from mailroom.jmap.wire import SetError


@frozen
class AddressBookRights:
    """What may be done with an address book (RFC 9610 section 2); a right that is not named is there."""

    may_read: bool = True
    may_write: bool = True


@frozen
class AddressBookObject:
    """An address book (RFC 9610 section 2)."""

    id: str
    name: str = ""
    is_default: bool = False
    my_rights: AddressBookRights | None = None

    @property
    def rights(self) -> AddressBookRights:
        """What may be done with it."""
        return self.my_rights or AddressBookRights()


@frozen
class AddressBookGet:
    """The answer of AddressBook/get."""

    list_: list[AddressBookObject]


@frozen
class ContactCardGet:
    """The answer of ContactCard/get.

    Attributes:
        list_: What should be cards: each is read by itself, so that an odd one stops no other.
    """

    state: str
    list_: list[Any]
    not_found: list[str] | None = None


@frozen
class ContactCardChanges:
    """The answer of ContactCard/changes (RFC 8620 section 5.2)."""

    new_state: str
    has_more_changes: bool
    created: list[str] = Factory(list)
    updated: list[str] = Factory(list)
    destroyed: list[str] = Factory(list)

    @property
    def any(self) -> bool:
        """Whether there is any change."""
        return bool(self.created or self.updated or self.destroyed)


@frozen
class CardError(SetError):
    """Why a card was not written.

    Attributes:
        properties: Those that the server refuses.
    """

    properties: list[str] | None = None


@frozen
class ContactCardSet:
    """The answer of ContactCard/set (RFC 8620 section 5.3)."""

    created: dict[str, Any] | None = None
    updated: dict[str, Any] | None = None
    not_created: dict[str, CardError] | None = None
    not_updated: dict[str, CardError] | None = None
    not_destroyed: dict[str, CardError] | None = None
