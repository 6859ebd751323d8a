"""How a sender and their mail were before what is to be taken back, and how mail gets back there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import Factory, frozen

from mailroom.model.contacts import CardUid, NewCard
from mailroom.model.mail import Change, MailboxId, Message, MessageId
from mailroom.triage.layout import Layout

Line = tuple[str, CardUid]
"""A contact group's name, and a card that is in it."""


@frozen
class Way:
    """Where a message was, and where it was put; labels of Mailroom's own are no places."""

    before: frozenset[MailboxId]
    after: frozenset[MailboxId]


@frozen
class Former:
    """How it was before.

    Attributes:
        groups: The triage groups that the sender was in.
        later_groups: Those they were in afterwards.
        joined: What came into groups, and is to be taken out again where it does not belong there.
        left: What was taken out of groups, and is to come back.
        made_cards: Cards that were made, and are to go where nothing is decided on the sender any more.
        gone_cards: Cards that Mailroom had made and took away, and that are to be there again.
        gone_text: What one of them said; None where nobody knows.
        ways: Where their messages were, as far as that is known; by the rules where it was in a label alone.
        until: What arrived by then (RFC 3339 in UTC) and is in no way was not moved, and stays; empty where
            not all is known, so that other mail is moved by the rules for who changes category.
        is_whole: Whether groups and cards are to be as they were, too; else only the mail is.
    """

    groups: frozenset[str] = frozenset()
    later_groups: frozenset[str] = frozenset()
    joined: frozenset[Line] = frozenset()
    left: frozenset[Line] = frozenset()
    made_cards: frozenset[CardUid] = frozenset()
    gone_cards: frozenset[CardUid] = frozenset()
    gone_text: NewCard | None = None
    ways: Mapping[MessageId, Way] = Factory(dict)
    until: str = ""
    is_whole: bool = False

    def settles(self, message: Message, layout: Layout) -> bool:
        """Whether it is known what becomes of a message, so that no rule is asked."""
        if message.id not in self.ways:
            return bool(self.until) and message.received_at <= self.until
        if not self.ways[message.id].before:
            return False
        return self.is_whole or self.way_back(message, layout) is not None

    def way_back(self, message: Message, layout: Layout) -> Change | None:
        """Say how a message gets back to where it was; None where it no longer lies where it was put.

        What somebody has added since stays. Of a mailbox that is gone there is no way back.
        """
        way = self.ways[message.id]
        before = way.before if self.is_whole else self._undecided(way.before, layout)
        here = message.mailbox_ids
        back = Change(add=before - here, remove=here & (way.after - before))
        if not back:
            return back
        is_there = way.after <= here and not layout.is_protected(message)
        fits = layout.has_room(len(back.applied_to(message).mailbox_ids))
        return back if is_there and fits and before and before <= layout.paths.keys() else None

    def count_staying(self, messages: Iterable[Message], layout: Layout) -> int:
        """Return how many of these do not go back, because somebody has moved them since."""
        known = (each for each in messages if each.id in self.ways and self.ways[each.id].before)
        return sum(self.way_back(each, layout) is None for each in known)

    @staticmethod
    def _undecided(places: frozenset[MailboxId], layout: Layout) -> frozenset[MailboxId]:
        """Return where a message is whose sender was decided on then, and is not any more."""
        theirs = frozenset().union(*(each.mailboxes for each in layout.destinations.values()))
        decided = places & (theirs - {layout.inbox})
        return (places - decided) | {layout.screener} if decided else places
