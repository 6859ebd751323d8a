"""An account at one moment, and what labels and contact groups stand for, in the tests' own words."""

from __future__ import annotations

from attrs import frozen

from mailroom.model.notes import NoteKind
from tests.faults.person import ALL_GROUPS, SCOPES, TRIAGE_LABELS
from tests.support.accounts import DOMAIN_GROUPS, GROUPS, LABELS
from tests.support.observer import addresses, is_group, triage_groups_of

PROTECTED = frozenset({"Trash", "Junk", "Sent", "Drafts"})
MARKS = frozenset(LABELS) - set(TRIAGE_LABELS)
SPEAKING = frozenset((*TRIAGE_LABELS, *SCOPES))
TAKES_BACK = "@ToScreener"
NOTES = frozenset(kind.keyword for kind in NoteKind)
"""What the journal's messages bear, at first: they are Mailroom's own."""
GROUP_OF_LABEL = dict(zip(TRIAGE_LABELS, (*GROUPS, GROUPS[0], None), strict=True))
"""None for the label that takes a decision back: its sender is in no triage group then."""
PLACES_OF_GROUP = dict(
    zip(ALL_GROUPS, [{"Inbox", "Archive"}, {"Feed"}, {"Paper Trail"}, {"Jail"}] * 2, strict=True)
)
"""Where the mail of a contact group goes; what was read goes to the Archive rather than to the Inbox."""


@frozen
class Moment:
    """An account at one moment.

    Attributes:
        mail: The mailboxes of each message.
        keywords: The keywords of each message.
        threads: The conversation of each message.
    """

    mail: dict[str, frozenset[str]]
    keywords: dict[str, frozenset[str]]
    cards: dict[str, bytes]
    threads: dict[str, str]

    def groups_of(self, party: str) -> set[str]:
        """Return the triage groups that a sender, a domain or a list is in."""
        return triage_groups_of([*self.cards.values()], party)

    def cards_of(self, party: str) -> list[bytes]:
        """Return the cards that stand for a sender, a domain or a list."""
        return [x for x in self.cards.values() if not is_group(x) and party in addresses(x)]


def group_of(label: str, party: str) -> str | None:
    """Return the group that stands for what a label says of a party."""
    group = GROUP_OF_LABEL[label]
    return DOMAIN_GROUPS[GROUPS.index(group)] if group and party.startswith("*@") else group


def kind(party: str, on_card: set[str]) -> str:
    """Return what kind of party one is; the address by which one writes to a list is the list on its card."""
    if party.startswith("*@"):
        return "domain"
    return (
        "list" if {party, f"<{party.replace('@', '.')}>"} & {x for x in on_card if x[0] == "<"} else "sender"
    )


def party_of(card: bytes) -> str:
    """Return for whom Mailroom has made a card: the list's may have the address by which one writes to it."""
    lists = [x for x in addresses(card) if x.startswith("<")]
    if lists:
        (party,) = lists
    else:
        (party,) = addresses(card)
    return party
