"""What was seen → what to do. Pure: no request, no clock, no log.

A cycle may end anywhere, and the next one sees only what is on the server. So each rule here reads
the same from a half-finished state as from the first one:

* Who changes category is told by the groups they are still in, and they leave them only after their
  mail moved.
* A message moves in one patch. A labelled one that goes to the Archive gets a mark of Mailroom's own in
  that patch, which comes off with the label: once the sender has left the old group, nothing else would
  tell it from one that the person has archived, and that one gets the Inbox besides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from mailroom.model.contacts import Card, CardUid, choose_card
from mailroom.model.mail import Change, MailboxId, Message
from mailroom.model.party import WholeDomain, domain_behind
from mailroom.model.scheme import ContactGroup, Name, ReadMail, Scheme
from mailroom.triage.beneath import NOTHING_BENEATH, Beneath
from mailroom.triage.decisions import Decision
from mailroom.triage.layout import Destination, Layout

if TYPE_CHECKING:
    from mailroom.triage.former import Former

NO_CHANGE = Change()


@frozen
class Filing:
    """How one decision is carried out.

    Attributes:
        card: The sender's card; None where the person takes their decision back and there is none.
        created: Whether the card is new.
        all_cards: Every card with their address.
        joins: Whether the card is yet to be put into the category's group.
        departures: Groups to take cards of theirs out of, once their mail is moved.
        made_cards: Those of their cards that Mailroom made, which go where the decision is taken back.
        destination: Where their mail belongs from now on.
        former_mailboxes: Where their mail belonged until now; what lies there is moved like that in Screener.
        further_lines: Other groups to put cards of theirs into, where something is as it was before.
        beneath: What counts for their mail where their own decision does not.
    """

    decision: Decision
    card: Card | None
    created: bool
    all_cards: frozenset[CardUid]
    joins: bool
    departures: frozenset[tuple[str, CardUid]]
    made_cards: frozenset[CardUid]
    destination: Destination
    former_mailboxes: frozenset[MailboxId]
    further_lines: frozenset[tuple[str, CardUid]] = frozenset()
    beneath: Beneath = NOTHING_BENEATH

    @property
    def sends_back(self) -> bool:
        """Whether their mail is to wait in Screener again."""
        return self.decision.category.is_undecided and self.beneath.from_now is None

    @property
    def falls_to(self) -> WholeDomain | None:
        """Whose decision counts for a sender whose own is taken back; None where none does."""
        if self.beneath.from_now is None or not self.decision.category.is_undecided:
            return None
        return domain_behind(self.decision.party)

    @property
    def former(self) -> Former | None:
        """How it was before, where their mail is to be so again."""
        former = self.decision.former
        return former if former and (former.is_whole or self.beneath.from_now is None) else None

    @property
    def left_groups(self) -> list[str]:
        """The names of the groups to leave, sorted."""
        return sorted({group for group, _ in self.departures})

    @property
    def arrivals(self) -> frozenset[tuple[str, CardUid]]:
        """Groups to put cards of theirs into."""
        first = {(str(self.group), self.card.uid)} if self.joins and self.card else set()
        return self.further_lines | first

    @property
    def former_groups(self) -> list[str]:
        """The triage groups that their cards were in before, sorted."""
        stays = not (self.joins or self.created or self.decision.category.is_undecided)
        return sorted({*self.left_groups, *((self.group,) if stays else ())})

    @property
    def changes_contacts(self) -> bool:
        """Whether anything is to be done in the address book."""
        loses_card = self.decision.category.is_undecided and self.made_cards
        return bool(self.created or self.arrivals or self.departures or loses_card)

    @property
    def ends_with_move(self) -> bool:
        """Whether nothing is left to be done once all mail of theirs has moved, but to take the label off."""
        is_taken_back = self.decision.category.is_undecided or self.decision.former is not None
        return not (self.departures or is_taken_back)

    @property
    def group(self) -> Name:
        """The name of the contact group that stands for the decision."""
        return self.decision.group

    @property
    def name_on_card(self) -> str:
        """What their card shows; empty where nothing is to be compared with it."""
        is_named = self.card and not (self.card.is_list or self.decision.category.is_undecided)
        return self.card.name if self.card and is_named else ""

    @property
    def vacated_mailboxes(self) -> frozenset[MailboxId]:
        """The mailboxes that their mail is taken out of, besides Screener."""
        return self.former_mailboxes - self.destination.mailboxes


def file_sender(
    decision: Decision,
    cards: Sequence[Card],
    groups_of: Callable[[CardUid], Collection[str]],
    layout: Layout,
    *,
    created: bool = False,
    beneath: Beneath = NOTHING_BENEATH,
) -> Filing:
    """Choose the card of a sender, or of another party, and say which groups it joins and leaves.

    Args:
        cards: Every card that stands for them; at least one, unless the decision is taken back.
        groups_of: The contact groups that a card is in.
        beneath: What is decided about their domain.
    """
    category = decision.category
    target = decision.group
    groups = _triage_groups(cards, groups_of, layout)
    card = choose_card(cards, groups, target) if cards else None
    departures = frozenset((group, uid) for uid in groups for group in groups[uid] - {target})
    falls_to = beneath.from_now if category.is_undecided else None
    destination = falls_to or layout.destination_of(category)
    former = {layout.destinations[group] for group, _ in departures} - {destination}
    if not (departures or decision.is_old):
        former |= beneath.until_now - {destination}  # until now that was where it went
    former_mailboxes = {mailbox for each in former for mailbox in each.mailboxes}
    if not (decision.is_old or category.is_undecided or layout.inbox in destination.mailboxes):
        # Their mail is not wanted there, whether they were unknown, a contact, or are half filed already.
        former_mailboxes.add(layout.inbox)
    return Filing(
        decision=decision,
        card=card,
        created=created,
        all_cards=frozenset(groups),
        joins=card is not None and not category.is_undecided and target not in groups[card.uid],
        departures=departures,
        made_cards=frozenset(each.uid for each in cards if each.is_made),
        destination=destination,
        former_mailboxes=frozenset(former_mailboxes),
        beneath=beneath,
    )


def file_unborn(decision: Decision, layout: Layout, beneath: Beneath = NOTHING_BENEATH) -> Filing:
    """Say how a sender without a card is filed, before there is one."""
    unborn = Card(CardUid(""), decision.new_card().name)
    return file_sender(decision, [unborn], lambda _: (), layout, created=True, beneath=beneath)


def triage_groups_of(
    cards: Iterable[Card], groups_of: Callable[[CardUid], Collection[str]], scheme: Scheme
) -> tuple[ContactGroup, ...]:
    """Return the triage groups that some of a party's cards are in, in the order of the scheme."""
    names = {name for card in cards for name in groups_of(card.uid)}
    return tuple(group for group in scheme.all_groups if group.name in names)


def sweep(message: Message, filing: Filing, layout: Layout) -> Change:
    """Say how a message of the sender gets to where it belongs; its triage label stays on.

    Nothing is taken away but Screener and the mailboxes that the sender leaves.
    """
    if filing.sends_back:
        return _send_back(message, filing, layout)
    here = message.mailbox_ids
    is_placed = bool(here & ({layout.screener} | filing.former_mailboxes))
    homeless = here <= layout.watched  # only labels: once they come off it would be nowhere
    labelled = filing.decision.category in layout.categories_on(message)
    if layout.is_protected(message) or not (is_placed or labelled or homeless):
        return NO_CHANGE
    is_kept = message.is_read and not (labelled or homeless)
    if is_kept and _keeps_read_mail(filing, layout) and layout.screener not in here:
        return NO_CHANGE
    leaving = here & ({layout.screener} | filing.vacated_mailboxes)
    also = filing.destination.also
    # What stays in a further mailbox of the new category leaves nothing, and is archived all the same.
    if is_placed and layout.archive and _is_for_archive(message, filing, layout):
        mark = True if labelled and not message.is_just_archived else None
        return Change((also | {layout.archive}) - here, leaving, is_just_archived=mark)
    is_there = message.is_just_archived and layout.archive in here  # by a cycle that was cut off
    if is_there and not leaving and filing.destination.mailbox == layout.inbox:
        return Change(add=also - here)
    return Change(add=filing.destination.mailboxes - here, remove=leaving)


def _send_back(message: Message, filing: Filing, layout: Layout) -> Change:
    """Say how a message of somebody on whom nothing is decided any more gets to Screener.

    What the person has read in the Inbox stays there, unless it is the one that they labelled. What goes
    back waits there, also where it answers the person: they have said so.
    """
    here = message.mailbox_ids
    labelled = filing.decision.category in layout.categories_on(message)
    homeless = here <= layout.watched
    leaving = here & (filing.former_mailboxes | {layout.inbox} if labelled else filing.former_mailboxes)
    if message.is_read and not labelled:
        leaving -= {layout.inbox}
    if layout.is_protected(message) or not (leaving or labelled or homeless):
        return NO_CHANGE
    return Change(
        add=frozenset({layout.screener}) - here,
        remove=leaving,
        is_settled=bool(leaving),
    )


def fits(message: Message, filing: Filing, layout: Layout) -> bool:
    """Whether the server lets a message be in all the mailboxes it has to be in at once."""
    return layout.has_room(len(sweep(message, filing, layout).applied_to(message).mailbox_ids))


def card_name(cards: Sequence[Card], groups_of: Callable[[CardUid], Collection[str]], layout: Layout) -> str:
    """Return the name of the card that senders are, or would be, filed under; empty where they have none.

    From the address of a mailing list, everybody writes who posts to it.
    """
    if not cards:
        return ""
    card = choose_card(cards, _triage_groups(cards, groups_of, layout))
    return "" if card.is_list else card.name


def _triage_groups(
    cards: Iterable[Card], groups_of: Callable[[CardUid], Collection[str]], layout: Layout
) -> dict[CardUid, set[str]]:
    """Return which of the triage groups each card is in, perhaps none."""
    return {card.uid: layout.destinations.keys() & groups_of(card.uid) for card in cards}


def _changes_to_inbox(filing: Filing, layout: Layout) -> bool:
    changes = bool(filing.departures or filing.beneath.until_now - {filing.destination})
    return changes and filing.destination.mailbox == layout.inbox


def _keeps_read_mail(filing: Filing, layout: Layout) -> bool:
    return filing.decision.category.read_mail is ReadMail.KEEP and _changes_to_inbox(filing, layout)


def _is_for_archive(message: Message, filing: Filing, layout: Layout) -> bool:
    """Whether a message that moves goes to the Archive: read mail of who changes category floods no Inbox."""
    return (
        _changes_to_inbox(filing, layout)
        and filing.decision.category.read_mail is ReadMail.ARCHIVE
        and layout.inbox not in message.mailbox_ids
        and message.is_read
    )
