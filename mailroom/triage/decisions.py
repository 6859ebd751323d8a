"""What the person decided: the labelled messages read as decisions about their senders. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from mailroom.model.contacts import CardKind, NewCard
from mailroom.model.mail import Message, MessageId, ThreadId
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party, PartyKind, kind_of
from mailroom.model.scheme import Category, Name
from mailroom.model.sender import Correspondent, NoSender
from mailroom.model.whom import Whom
from mailroom.triage.layout import Layout
from mailroom.triage.ruling import subject_of, why_nobody

if TYPE_CHECKING:
    from mailroom.triage.former import Former

OWN = "the sender is one of your own addresses"
MAY_BE_OWN = "it may be one of your own addresses, which the server does not list at the moment"


@frozen
class Decision:
    """What the person decided about one party.

    Attributes:
        who: Whom; a sender as the newest labelled message shows them, with the newest name that one shows.
        message_ids: The messages that carry the label; none where no label stands for the decision.
        former: How they and their mail were before, where that is to be so again.
        is_old: Whether it was taken before and a contact group stands for it: then what they have in the
            Inbox is where the person wants it.
    """

    who: Whom
    category: Category
    message_ids: tuple[MessageId, ...] = ()
    is_old: bool = False
    former: Former | None = None

    @property
    def party(self) -> Party:
        """Whom it is about, in the form in which parties are compared."""
        return self.who.party

    @property
    def group(self) -> Name:
        """The name of the contact group that stands for it."""
        return self.category.group_for(self.party).name

    def new_card(self) -> NewCard:
        """Return the card that a party gets which has none."""
        is_sender = kind_of(self.party) is PartyKind.SENDER
        return NewCard.of(self.who, self.category.kind if is_sender else CardKind.COMPANY)


@frozen
class Rejection:
    """Why a labelled message is left to the person.

    Attributes:
        drops_label: Whether its triage label just comes off, because it lies in a protected mailbox.
    """

    reason: str
    drops_label: bool = False


@frozen
class Decisions:
    """What the labelled messages say, or a person otherwise.

    Attributes:
        taken: The decisions that can be carried out.
        rejected: Messages that are left to the person.
        postponed: For each party about whom nothing can be decided yet, why.
    """

    taken: tuple[Decision, ...]
    rejected: dict[MessageId, Rejection]
    postponed: dict[Party, str]


def read_decisions(messages: Iterable[Message], layout: Layout, own: OwnAddresses) -> Decisions:
    """Read the person's decisions off the labelled messages."""
    rejected: dict[MessageId, Rejection] = {}
    labelled: dict[Party, list[Message]] = defaultdict(list)
    for message in messages:
        if not layout.is_labelled(message):
            continue
        if reason := _why_left(message, layout, own):
            rejected |= reject([message], reason, layout)
        elif subject := subject_of(message, layout):
            labelled[subject].append(message)
    decisions = []
    postponed: dict[Party, str] = {}
    for party, theirs in labelled.items():
        if own.may_hold(party):
            postponed[party] = MAY_BE_OWN
            continue
        wanted = {category.title: category for m in theirs for category in layout.categories_on(m)}
        if len(wanted) > 1:
            reason = f"labelled for {' and '.join(sorted(wanted))}: take off all labels but one"
            rejected |= reject(theirs, reason, layout)
        else:
            (category,) = wanted.values()
            decisions.append(_decision(party, category, theirs))
    return Decisions(tuple(decisions), rejected, postponed)


def _why_left(message: Message, layout: Layout, own: OwnAddresses) -> str:
    """Say why nobody can be told of whom the labels on a message speak; empty where it can be told.

    Of the list that it came over they may speak whoever wrote it.
    """
    if PartyKind.LIST not in layout.kinds_on(message):
        if isinstance(message.sender, NoSender):
            return message.sender.reason
        if message.sender.address in own:
            return OWN
    return why_nobody(message, layout)


def admit(
    decisions: Iterable[Decision], messages: Collection[Message], layout: Layout, own: OwnAddresses
) -> Decisions:
    """Say which decisions that a file holds can be carried out now, and why others cannot.

    A label is the newer word: a party that bears one for something else is left to the cycle. One that says
    the same stands for the decision too, and comes off with it; unless somebody else has it in the same
    conversation, who would be left alone with it, and seem to be meant.

    Args:
        messages: The labelled ones.
    """
    beside_others = _beside_others(messages, layout)
    labels: dict[Party, set[Name]] = defaultdict(set)
    labelled: dict[Party, list[MessageId]] = defaultdict(list)
    for message in messages:
        if layout.is_labelled(message) and (subject := subject_of(message, layout)):
            labels[subject].update(x.label for x in layout.categories_on(message))
            labelled[subject].append(message.id)
    taken: list[Decision] = []
    left: dict[Party, str] = {}
    for decision in decisions:
        others = labels[decision.party] - {decision.category.label}
        if decision.party in own:
            left[decision.party] = OWN
        elif own.may_hold(decision.party):
            left[decision.party] = MAY_BE_OWN
        elif others:
            left[decision.party] = (
                f"a message of theirs bears {' and '.join(sorted(others))}, which counts: take the label "
                "off, or let the next cycle file them by it"
            )
        elif decision.party in beside_others:
            left[decision.party] = (
                f"{decision.category.label} is on a conversation of theirs with somebody else: let the next "
                "cycle file by it, or take it off"
            )
        else:
            taken.append(evolve(decision, message_ids=tuple(labelled[decision.party])))
    return Decisions(tuple(taken), {}, left)


def _beside_others(messages: Iterable[Message], layout: Layout) -> frozenset[Party | None]:
    """Return who has a label in a conversation in which somebody else has the same one."""
    those: dict[tuple[ThreadId, Name], set[Party | None]] = defaultdict(set)
    for message in messages:
        for category in layout.categories_on(message) if message.thread_id else ():
            those[message.thread_id, category.label].add(subject_of(message, layout))
    return frozenset().union(*(parties for parties in those.values() if len(parties) > 1))


def reject(messages: Collection[Message], reason: str, layout: Layout) -> dict[MessageId, Rejection]:
    """Leave messages to the person for one common reason.

    No error label goes onto protected mail: there the triage label just comes off. In a conflict of
    several messages it stays: one label taken off leaves the other as a decision that nobody has taken.
    """
    drops_label = len(messages) == 1 and all(map(layout.is_protected, messages))
    if drops_label:
        reason += "; in Trash, Junk, Sent and Drafts only the label is taken off"
    return dict.fromkeys((message.id for message in messages), Rejection(reason, drops_label))


def whom_behind(party: Party, message: Message) -> Whom:
    """Return a party as one of the messages shows it for which its decision counts."""
    for each in message.lists:
        if each.party == party:
            return Whom.of_list(each)
    if isinstance(message.sender, Correspondent):
        return Whom.behind(party, message.sender)
    return Whom.named(party)


def _decision(party: Party, category: Category, theirs: Iterable[Message]) -> Decision:
    # Of two that arrived in the same second the id decides, so that every cycle chooses alike.
    newest_first = sorted(theirs, key=lambda x: (x.received_at, x.id), reverse=True)
    shown = [whom_behind(party, message) for message in newest_first]
    name = next((who.name for who in shown if who.name), "")
    return Decision(evolve(shown[0], name=name), category, tuple(message.id for message in newest_first))
