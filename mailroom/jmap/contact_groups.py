"""A contact group as it is known over JMAP."""

from __future__ import annotations

from attrs import frozen


@frozen
class Group:
    """A contact group.

    Attributes:
        id: What the server calls it.
        uid: Its identifier.
        name: What people call it.
        members: Identifiers (UID) of its members; empty for a group that is not a triage group.
        book_ids: The address books that it is in.
        created: When it was made, seconds since 1970; 0 where the server does not tell.
        modified: When it was changed last, likewise; 0 also where it was written since it was read.
    """

    id: str
    uid: str
    name: str
    members: frozenset[str]
    book_ids: frozenset[str]
    created: int = 0
    modified: int = 0
