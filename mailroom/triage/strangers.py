"""Who waits in Screener for the person to decide on them, and who lies there otherwise. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum

from attrs import evolve, frozen

from mailroom.model.address import Address
from mailroom.model.mail import Message, MessageId
from mailroom.model.sender import Correspondent, NoSender
from mailroom.triage.layout import Layout
from mailroom.triage.ruling import sender_of
from mailroom.triage.waiting import Overview


@frozen
class Stranger:
    """Somebody on whom nobody has decided, with mail in Screener.

    Attributes:
        who: As their newest message shows them, with the newest name that one shows.
        messages: How many messages of theirs are there.
        newest: The newest of them.
        newest_at: When it arrived, RFC 3339 in UTC; empty where the server does not tell.
    """

    who: Correspondent
    messages: int
    newest: MessageId
    newest_at: str


class Why(Enum):
    """Why mail lies in Screener that waits for no decision about a stranger."""

    NO_SENDER = "no one sender can be told"
    OWN = "it is from one of your own addresses"
    ANSWER = "it answers you, and goes to the Inbox with the next cycle"
    LABELLED = "its sender bears a label, for the next cycle or for you"
    DECIDED = "its sender is decided on"
    SEVERAL_GROUPS = "its sender is in several triage groups"
    CONTACT = "its sender is a contact in no triage group"


@frozen
class Screened:
    """What lies in Screener.

    Attributes:
        strangers: Who waits, the most recent first.
        others: How many messages lie there otherwise, by why.
    """

    strangers: tuple[Stranger, ...]
    others: Counter[Why]

    @property
    def messages(self) -> int:
        """How many messages of strangers wait."""
        return sum(each.messages for each in self.strangers)


def find_strangers(overview: Overview) -> Screened:
    """Tell the strangers whose mail waits in Screener from all else that lies there."""
    labelled = {
        sender
        for message in overview.messages
        if overview.layout.is_labelled(message) and (sender := sender_of(message))
    }
    answers = {each.message.id for each in overview.replies}
    found: dict[Address, Stranger] = {}
    others: Counter[Why] = Counter()
    for message in _newest_first(_in_screener(overview.messages, overview.layout)):
        who = message.sender
        if isinstance(who, NoSender):
            others[Why.NO_SENDER] += 1
        elif message.id in answers:
            others[Why.ANSWER] += 1
        elif why := _why_no_stranger(message, who.address, overview, labelled):
            others[why] += 1
        else:
            found[who.address] = _with(found.get(who.address), message, who)
    return Screened(tuple(found.values()), others)


def _in_screener(messages: Iterable[Message], layout: Layout) -> Iterable[Message]:
    return (x for x in messages if layout.screener in x.mailbox_ids and not layout.is_protected(x))


def _newest_first(messages: Iterable[Message]) -> list[Message]:
    # By the id, too: the same account is told in the same order.
    return sorted(messages, key=lambda message: (message.received_at, message.id), reverse=True)


def _why_no_stranger(
    message: Message, sender: Address, overview: Overview, labelled: set[Address]
) -> Why | None:
    misplaced = overview.misplaced
    party = misplaced.party_of(message)
    if sender in overview.own or overview.own.may_hold(sender):
        return Why.OWN
    if sender in labelled:
        return Why.LABELLED
    if party in misplaced.stragglers:
        return Why.DECIDED
    if party in misplaced.in_several_groups:
        return Why.SEVERAL_GROUPS
    if party:
        return Why.LABELLED
    return Why.CONTACT if sender in misplaced.in_no_group else None


def _with(known: Stranger | None, message: Message, who: Correspondent) -> Stranger:
    """Count one more message, none of which is newer than those before."""
    if known is None:
        return Stranger(who, 1, message.id, message.received_at)
    name = known.who.name or who.name
    return evolve(known, who=evolve(known.who, name=name), messages=known.messages + 1)
