"""Messages as they were at the last look, kept in step by what the server says has changed. Pure.

Who asks the server is `mailroom.jmap.reading`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Any, Final

from attrs import Factory, evolve, frozen

from mailroom.jmap.calls import Call, result_of
from mailroom.jmap.messages import FoundMessages
from mailroom.jmap.wire import Changes
from mailroom.model.mail import Mailbox, MailboxId, Message, MessageId

MAX_MESSAGES: Final = 10_000
"""How many messages are remembered; each takes about a third of a kilobyte."""

MAX_CHANGES: Final = 100
"""Where more has changed than that, what was remembered is read anew."""

CALLS_FOR_CHANGES: Final = 3


@frozen
class LeftOut:
    """Why a message could not be read, and in which mailboxes it was found."""

    reason: str
    mailbox_ids: frozenset[MailboxId]


@frozen
class Picture:
    """All messages of some mailboxes, in one state of the account.

    Attributes:
        left_out: Messages of theirs that could not be read.
        uncounted: How many more messages than these the server counts in each mailbox, such as those left
            out. If it is another number later, a change was missed.
    """

    mailbox_ids: frozenset[MailboxId] = frozenset()
    state: str = ""
    messages: Mapping[MessageId, Message] = Factory(dict)
    left_out: Mapping[MessageId, LeftOut] = Factory(dict)
    uncounted: Mapping[MailboxId, int] = Factory(dict)

    def calls(self, index: int, most: int, properties: Sequence[str], *, alone: bool) -> list[Call]:
        """Return the calls that ask for what has changed (RFC 8621 section 4.3).

        Args:
            index: Where in their request they stand.
            most: How many changes may come at once.
            properties: What is asked for of a message; what is remembered was asked the same.
            alone: Whether to ask for the ids alone, and not for the messages besides.
        """
        asked = [Call("Email/changes", {"sinceState": self.state, "maxChanges": most})]
        for path in () if alone else ("/created", "/updated"):
            ids = result_of(index, "Email/changes", path)
            asked.append(Call("Email/get", {"#ids": ids, "properties": properties}))
        return asked

    def after(self, changes: Changes, found: FoundMessages) -> Picture | None:
        """Return the picture after some changes; None where they do not tell of all, as of one moment.

        Args:
            found: The messages that were made or changed, wherever they are.
        """
        touched = {MessageId(x) for x in (*changes.created, *changes.updated, *changes.destroyed)}
        is_all = not changes.has_more_changes and found.states.keys() <= {changes.new_state}
        if not is_all or found.left_out or not touched.isdisjoint(self.left_out):
            return None
        messages = {key: each for key, each in self.messages.items() if key not in touched}
        messages |= {x.id: x for x in found.messages.values() if x.mailbox_ids & self.mailbox_ids}
        return evolve(self, state=changes.new_state, messages=messages)

    def joined(
        self, mailbox_ids: frozenset[MailboxId], found: FoundMessages, mailboxes: Sequence[Mailbox]
    ) -> Picture:
        """Return the picture with further mailboxes in it.

        Args:
            found: Their messages, and perhaps others, in the same state.
            mailboxes: All mailboxes in that state.
        """
        theirs = _sparing(x for x in found.messages.values() if x.mailbox_ids & mailbox_ids)
        left_out = {x: LeftOut(reason, mailbox_ids) for x, reason in found.left_out.items()}
        joined = evolve(
            self,
            mailbox_ids=self.mailbox_ids | mailbox_ids,
            state=next(iter(found.states), self.state),
            messages={**self.messages, **theirs},
            left_out={**self.left_out, **left_out},
        )
        return evolve(joined, uncounted=joined.count_others(mailboxes))

    def beside(self, found: FoundMessages, wanted: frozenset[MailboxId]) -> FoundMessages:
        """Return its messages in some mailboxes with others that were found, in the order of arrival."""
        theirs = {x.id: x for x in self.messages.values() if x.mailbox_ids & wanted}
        every = sorted((theirs | found.messages).values(), key=lambda message: message.received_at)
        known = {x: each.reason for x, each in self.left_out.items() if each.mailbox_ids & wanted}
        left_out = known | found.left_out
        return FoundMessages({x.id: x for x in every}, left_out, {self.state: None})

    def count_others(self, mailboxes: Sequence[Mailbox]) -> dict[MailboxId, int]:
        """Return how many more messages than its own the server counts in each of its mailboxes."""
        counts = Counter(chain.from_iterable(x.mailbox_ids for x in self.messages.values()))
        return {x.id: x.total_messages - counts[x.id] for x in mailboxes if x.id in self.mailbox_ids}

    def agrees_with(self, mailboxes: Sequence[Mailbox]) -> bool:
        """Whether it is not too large by now, and the server counts as many others beside it as before."""
        return len(self.messages) <= 2 * MAX_MESSAGES and self.count_others(mailboxes) == self.uncounted


NOTHING: Final = Picture()


def _sparing(messages: Iterable[Message]) -> dict[MessageId, Message]:
    """Return messages by id, of which those share what they have in common: senders, and where they lie."""
    one = dict[Hashable, Any]()
    sparing = {}
    for each in messages:
        mailbox_ids, sender = (one.setdefault(x, x) for x in (each.mailbox_ids, each.sender))
        sparing[each.id] = evolve(each, mailbox_ids=mailbox_ids, sender=sender)
    return sparing


def small_ones(
    wanted: AbstractSet[MailboxId], totals: Mapping[MailboxId, int], known: Picture = NOTHING
) -> frozenset[MailboxId]:
    """Return those of the mailboxes that a picture has room for besides what it holds already.

    Args:
        totals: How many messages each mailbox holds.
    """
    room, small = MAX_MESSAGES - len(known.messages), set[MailboxId]()
    for mailbox_id in sorted(wanted & totals.keys(), key=lambda x: (totals[x], x)):
        room -= totals[mailbox_id]
        if room >= 0:
            small.add(mailbox_id)
    return frozenset(small)
