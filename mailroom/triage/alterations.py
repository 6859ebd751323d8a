"""Why a card that Mailroom made counts as the person's by now. Pure.

Who runs cycles needs this and nothing else of what takes things away, which is not small.
"""

from __future__ import annotations

from mailroom.model.contacts import Alteration, MadeCard

WHY_ALTERED = {
    Alteration.SEEN: "changed since it was made",
    Alteration.UNKNOWN: "the server does not tell enough of it to know whether somebody changed it",
}


def why_card_without_groups_stays(card: MadeCard) -> str:
    """Say why a card that has left the triage groups is not Mailroom's own any more; empty where it is."""
    if card.alteration is not Alteration.NONE:
        return WHY_ALTERED[card.alteration]
    return f"it is in {', '.join(card.groups)}" if card.groups else ""
