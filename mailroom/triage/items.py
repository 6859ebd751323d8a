"""What an account needs before triage can begin, and what may stand in its place. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import Factory, frozen

from mailroom.model.address_book import Contacts
from mailroom.model.scheme import Name, Scheme


class Kind(Enum):
    """What something in the account is for."""

    SCREENER = "Screener"
    DESTINATION = "destination"
    TRIAGE_LABEL = "triage label"
    ERROR_LABEL = "error label"
    WARNING_LABEL = "warning label"
    SCREENER_LABEL = "label that takes a decision back"
    JOURNAL = "journal"
    GROUP = "contact group"
    DOMAIN_LABEL = "label for whole domains"
    DOMAIN_GROUP = "contact group for domains"
    LIST_LABEL = "label for mailing lists"


OPTIONAL = frozenset(
    {Kind.SCREENER_LABEL, Kind.JOURNAL, Kind.DOMAIN_LABEL, Kind.DOMAIN_GROUP, Kind.LIST_LABEL}
)
"""What triage works without: it does less then."""

SCOPE_LABELS = frozenset({Kind.DOMAIN_LABEL, Kind.LIST_LABEL})
"""The labels that say about whom a decision is, beside one that says what it is."""

GROUPS = frozenset({Kind.GROUP, Kind.DOMAIN_GROUP})
"""What is in the contacts; all else is a mailbox."""


class State(Enum):
    """Whether something is there, or what became of making it.

    Attributes:
        TAKEN: Something like it stands in its place.
    """

    PRESENT = "present"
    MISSING = "missing"
    TAKEN = "taken"
    MADE = "made"
    FAILED = "failed"


class Obstacle(Enum):
    """Why a name is taken."""

    CASE = "another case"
    LEVEL = "another level"
    ROLE = "a role"
    DOUBLED = "used twice"
    RENAMED = "renamed"
    LIKELY = "likely renamed"


@frozen
class Item:
    """One thing that triage needs.

    Attributes:
        name: Its full name, which knows the setting that it comes from.
        obstacle: Why it cannot simply be made; None unless its name is taken.
        found: The full name of what stands in its place, or in the place of a mailbox it is to lie in.
        instead: The full name of the thing itself, if what was found is taken for what was meant.
        remedy: What the person can do about it, or why it was not made; otherwise empty.
    """

    kind: Kind
    name: Name
    state: State
    obstacle: Obstacle | None = None
    found: str = ""
    instead: str = ""
    remedy: str = ""


@frozen
class Renamed:
    """What somebody has renamed: by the name it had, the name it has.

    Attributes:
        mailboxes: Mailboxes, by their full names; known as long as a process remembers their ids.
        groups: Contact groups that Mailroom made; known by their identifiers.
        likely: Mailboxes again, known by nothing but whose mail lies in them.
    """

    mailboxes: Mapping[str, str] = Factory(dict)
    groups: Mapping[str, str] = Factory(dict)
    likely: Mapping[str, str] = Factory(dict)


NOTHING_RENAMED = Renamed()


def renamed_groups(contacts: Contacts, scheme: Scheme) -> Renamed:
    """Return which of the scheme's contact groups have another name now."""
    return Renamed(groups=contacts.renamed_groups([group.name for group in scheme.all_groups]))
