"""What Mailroom needs to know of a card, in whatever form a server gives it."""

from __future__ import annotations

from attrs import frozen

from mailroom.model.party import Party


@frozen
class CardSummary:
    """What Mailroom needs to know of a card.

    Attributes:
        uid: Its identifier as written, or empty.
        name: The name it shows, as `clean_name` gives it: FN, else N, else ORG, else empty.
        parties: What it stands for, each once: its mail addresses in comparable form, and the mailing lists
            that its note names.
        is_group: Whether it stands for a contact group.
        members: For a group, the identifiers (UID) of the cards that its lines make members, as
            servers compare them that route mail by it.
    """

    uid: str
    name: str
    parties: tuple[Party, ...]
    is_group: bool
    members: frozenset[str]
