"""A cycle's work on the address book: how senders are filed, their cards, and their groups.

A failure is noted against its sender in the work under way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from mailroom.model.contacts import Card, CardUid, MadeCard, Membership, NewCard, uids_by_group
from mailroom.model.mail import Message
from mailroom.model.ports import AddressBook, Advance, Contacts, Enrolled, Joining
from mailroom.triage.alterations import why_card_without_groups_stays
from mailroom.triage.decisions import Decision, reject
from mailroom.triage.plan import file_sender, file_unborn, fits, shared_card_conflicts
from mailroom.triage.view import MailView
from mailroom.triage.work import Work, task_of


def file_those_with_card(work: Work, view: MailView, contacts: Contacts) -> list[Decision]:
    """File the senders that have a card, and return the decisions about the others; writes nothing."""
    layout, marked = view.layout, view.marked.messages
    without_card = []
    for decision in work.hopeful_decisions:
        cards = contacts.cards(decision.sender)
        if cards or decision.category.is_undecided:
            work.filings[decision.sender] = file_sender(decision, cards, contacts.groups, layout)
        else:
            without_card.append(decision)
    _reject_sharers(work, view)
    unborn = {decision.sender: file_unborn(decision, layout) for decision in without_card}
    for decision in work.decisions:  # not before: they may share a card with others
        if task_of(decision) in work.held:
            work.filings.pop(decision.sender, None)
    for decision in work.decisions:
        if task_of(decision) in work.held:
            continue
        filing = work.filings.get(decision.sender) or unborn.get(decision.sender)
        if filing and not all(fits(marked[x], filing, layout) for x in decision.message_ids):
            reason = f"the server allows a message in at most {layout.max_mailboxes} mailboxes at once"
            work.fail(decision.sender, f"{reason}: take each labelled message out of one")
    return [x for x in without_card if x.sender not in work.failed and task_of(x) not in work.held]


def _reject_sharers(work: Work, view: MailView) -> None:
    """Leave to the person who shares a card with others and is to be in another group."""
    conflicts: dict[str, list[Message]] = defaultdict(list)
    for sender, reason in shared_card_conflicts(work.filings.values()).items():
        message_ids = work.filings[sender].decision.message_ids
        conflicts[reason] += [view.marked.messages[x] for x in message_ids]
        if message_ids:
            del work.filings[sender]
        else:
            work.fail(sender, reason)
    for reason, messages in conflicts.items():
        work.rejected |= reject(messages, reason, view.layout)


def file_senders(book: AddressBook, work: Work, view: MailView, contacts: Contacts, advance: Advance) -> None:
    """File all senders: who has no card gets one, and each group takes in who joins it."""
    without_card = file_those_with_card(work, view, contacts)
    joining = _joining(work, without_card)
    enrolled = book.enrol(joining, advance) if joining else Enrolled({}, {})
    for decision in without_card:
        card = enrolled.cards[decision.sender]
        if isinstance(card, Card):
            work.filings[decision.sender] = file_sender(
                decision, [card], contacts.groups, view.layout, created=True
            )
        else:
            work.fail(decision.sender, card.reason)
    for filing in list(work.filings.values()):
        reason = enrolled.failed.get(filing.group)
        if reason and (filing.joins or filing.created):
            work.fail(filing.decision.sender, reason)


def _joining(work: Work, without_card: Iterable[Decision]) -> dict[str, Joining]:
    """Return who is to come into each contact group."""
    filings = [filing for filing in work.filings.values() if filing.joins]
    uids = uids_by_group((filing.group, filing.card.uid) for filing in filings if filing.card)
    new: dict[str, list[NewCard]] = defaultdict(list)
    for decision in without_card:
        new[decision.category.group.name].append(decision.new_card())
    groups = dict.fromkeys((*uids, *new))
    return {each: Joining(uids.get(each, frozenset()), tuple(new.get(each, ()))) for each in groups}


def leave_groups(book: AddressBook, work: Work) -> None:
    """Take the filed senders' cards out of the groups of other categories."""
    leaving = [filing for filing in work.filings.values() if filing.departures]
    cards = uids_by_group(chain.from_iterable(filing.departures for filing in leaving))
    memberships = {group: Membership(remove=uids) for group, uids in cards.items()}
    failures = book.regroup(memberships) if memberships else {}
    for filing in leaving:
        for group in filing.left_groups:
            if reason := failures.get(group):
                work.fail(filing.decision.sender, reason)


def take_cards_away(book: AddressBook, work: Work) -> None:
    """Delete the cards that Mailroom made for senders on whom nothing is decided any more.

    Not before they have left their groups, which would keep the line of a card that is gone. A card
    that somebody has changed, or put into a group of their own, stays: it is the person's by now.
    """
    taken_back = {x: each for x, each in work.filings.items() if each.decision.category.is_undecided}
    uids = sorted(uid for filing in taken_back.values() for uid in filing.made_cards)
    kept: dict[CardUid, str] = {}  # not by address: a card may have got another one since

    def objection(card: MadeCard) -> str:
        if reason := why_card_without_groups_stays(card):
            kept[card.uid] = reason
        return reason

    staying = book.delete_cards(uids, objection) if uids else {}
    for sender, filing in taken_back.items():
        work.gone_cards[sender] = filing.made_cards - staying.keys()
        refused = [staying[uid] for uid in filing.made_cards if uid in staying and uid not in kept]
        stays = [kept[uid] for uid in filing.made_cards if uid in kept]
        if refused:
            work.fail(sender, refused[0])
        elif filing.all_cards > filing.made_cards:
            work.kept_cards[sender] = "Mailroom did not make it"
        elif stays:
            work.kept_cards[sender] = stays[0]
