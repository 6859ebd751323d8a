"""Why nothing is made or deleted: what is not seen may be there all the same. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

SHOWN_CARDS = 3

CHANGED_MEANWHILE = "it was changed meanwhile"
SEVERAL = "several cards have its identifier, and nobody can know which of them is meant"
"""Why what Mailroom made is not deleted."""


def why_unsure(left_out: Sequence[str]) -> str:
    """Say what keeps anybody from knowing everything that is there; empty where nothing does."""
    if not left_out:
        return ""
    return (
        "nothing is made while part of the address book cannot be read, because it "
        f"may already be there: {left_out[0]}"
    )


def why_needed(left_out: Sequence[str]) -> str:
    """Say why nothing is deleted where part of what is there is not seen; empty where all is."""
    return f"what cannot be read may need it: {left_out[0]}" if left_out else ""


def why_without_groups(missing: Collection[str], book: str) -> str:
    """Say why no card is made in a book that may be the wrong one."""
    shown = ", ".join(map(repr, sorted(missing)))
    return (
        f"the contact groups {shown} are missing from the address book {book}: "
        "no contact card is made until they exist"
    )


def unreadable_cards(reasons: Mapping[str, str], where: str) -> list[str]:
    """Say which cards could not be read, a few by name; nothing where all could."""
    if not reasons:
        return []
    cards = [f"{name!r} ({reason})" for name, reason in reasons.items()]
    return [f"contact cards{where} that cannot be read: {_few(cards)}"]


def unread_notes(names: Collection[str]) -> list[str]:
    """Say the notes of which cards could not be read, a few by name; nothing where all could."""
    if not names:
        return []
    return [
        "contact cards whose notes are too large to be read, so that nobody knows which mailing lists they "
        f"name, and nothing is done about any list: {_few([*map(repr, names)])}; shorten the notes"
    ]


def _few(cards: Sequence[str]) -> str:
    more = f", and {len(cards) - SHOWN_CARDS} more" if len(cards) > SHOWN_CARDS else ""
    return ", ".join(cards[:SHOWN_CARDS]) + more


def unreadable_groups(names: Mapping[str, str]) -> list[str]:
    """Say which triage groups cannot be read; see `AddressBook.problems`.

    Args:
        names: Why each of them cannot be.
    """
    return [f"the contact group {name!r} cannot be read: {reason}" for name, reason in names.items()]
