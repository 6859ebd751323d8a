"""A cycle's work on the address book: how senders are filed, their cards, and their groups.

A failure is noted against its sender in the work under way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from attrs import evolve

from mailroom.model.address import parse_address
from mailroom.model.address_book import (
    AddressBook,
    Advance,
    Contacts,
    Enrolled,
    Joining,
    Refused,
    SendersCards,
)
from mailroom.model.contacts import Card, CardUid, MadeCard, Membership, NewCard, uids_by_group
from mailroom.model.mail import Message
from mailroom.model.party import Party, PartyKind, domain_of, kind_of, whole_domain
from mailroom.model.shared_domains import why_shared
from mailroom.triage.alterations import why_card_without_groups_stays
from mailroom.triage.beneath import Domains
from mailroom.triage.decisions import Decision, reject
from mailroom.triage.layout import Layout
from mailroom.triage.plan import Filing, file_sender, file_unborn, fits
from mailroom.triage.restoring import objection, restore_sender
from mailroom.triage.sharing import conflicts_over_cards
from mailroom.triage.view import MailView
from mailroom.triage.work import Work, task_of

if TYPE_CHECKING:
    from mailroom.triage.former import Former


def file_those_with_card(work: Work, view: MailView, contacts: Contacts) -> list[Decision]:
    """File the senders that have a card, and return the decisions about the others; writes nothing."""
    layout, marked = view.layout, view.marked.messages
    _reject_unready(work, view, contacts)
    without_card = []
    domains = domains_of(work, contacts, layout)
    for decision in work.hopeful_decisions:
        filing = _file(decision, work, domains)
        if filing:
            work.filings[decision.party] = filing
        elif decision.party not in work.set_aside:
            without_card.append(decision)
    _reject_sharers(work, view, contacts)
    unborn = {x.party: file_unborn(x, layout, domains.beneath(x)) for x in without_card}
    for decision in work.decisions:  # not before: they may share a card with others
        if task_of(decision) in work.held:
            work.filings.pop(decision.party, None)
    for decision in work.decisions:
        if task_of(decision) in work.held:
            continue
        filing = work.filings.get(decision.party) or unborn.get(decision.party)
        if filing and not all(fits(marked[x], filing, layout) for x in decision.message_ids):
            reason = f"the server allows a message in at most {layout.max_mailboxes} mailboxes at once"
            work.fail(decision.party, f"{reason}: take each labelled message out of one")
    return [x for x in without_card if x.party not in work.failed and task_of(x) not in work.held]


def _reject_unready(work: Work, view: MailView, contacts: Contacts) -> None:
    """Leave to the person what cannot be decided about a domain or a list."""
    marked = view.marked.messages
    for decision in work.hopeful_decisions:
        reason = _why_not_ready(decision, view.layout, contacts)
        if reason and decision.message_ids:
            work.rejected |= reject([marked[x] for x in decision.message_ids], reason, view.layout)
            work.decisions = tuple(each for each in work.decisions if each is not decision)
        elif reason:
            work.fail(decision.party, reason)


def _why_not_ready(decision: Decision, layout: Layout, contacts: Contacts) -> str:
    """Say why nothing can be decided about a domain or a list; what stands already is no new decision."""
    kind = kind_of(decision.party)
    if kind is PartyKind.LIST and not contacts.knows_lists():
        return "the note of a contact card is too large to be read, and may name it (see `mailroom check`)"
    stands = any(decision.group in contacts.groups(x.uid) for x in contacts.cards(decision.party))
    if kind is not PartyKind.DOMAIN or decision.category.is_undecided or stands:
        return ""
    if reason := why_shared(domain_of(decision.party)):
        return reason
    if decision.group in contacts.group_names():
        return ""
    return _why_no_group(decision, contacts.renamed_groups(layout.destinations.keys()))


def _why_no_group(decision: Decision, renamed: Mapping[str, str]) -> str:
    """Say that the contact group of a decision about a domain is missing, and what to do."""
    name = str(decision.group)
    remedy = "`mailroom setup --apply` makes it"
    if not decision.message_ids:  # the label may be there no more
        remedy += ", unless MAILROOM_LABEL_ENTIRE_DOMAIN is empty"
    if now := renamed.get(name):
        remedy = f"it is called {now!r} now, so rename it to {name!r}"
    return f"the contact group {name!r} is missing: {remedy}"


def _file(decision: Decision, work: Work, domains: Domains) -> Filing | None:
    """Say how a sender is filed; None where they need a card first, or are set aside."""
    contacts, layout = domains.contacts, domains.layout
    cards, former = contacts.cards(decision.party), decision.former
    is_exact = former is not None and former.is_whole
    if former and is_exact and (reason := objection(former, cards, contacts.groups, layout)):
        work.set_aside[decision.party] = reason
        return None
    if not (cards or decision.category.is_undecided):
        return None
    if former and is_exact:
        return restore_sender(decision, former, cards, contacts.groups, layout)
    return file_sender(decision, cards, contacts.groups, layout, beneath=domains.beneath(decision))


def domains_of(work: Work, contacts: SendersCards, layout: Layout) -> Domains:
    """Return what is decided about senders' domains, in the contacts and by the work under way."""
    return Domains({each.party: each for each in work.decisions}, work.labelled, contacts, layout)


def _reject_sharers(work: Work, view: MailView, contacts: Contacts) -> None:
    """Leave to the person who shares a card with others about whom something else is, or may be, decided."""
    conflicts: dict[str, list[Message]] = defaultdict(list)
    for sender, reason in conflicts_over_cards(work.filings.values(), contacts).items():
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
    made_again = _make_again(book, work, view, contacts)
    without_card = file_those_with_card(work, view, book.latest() if made_again else contacts)
    for sender in made_again & work.filings.keys():
        work.filings[sender] = evolve(work.filings[sender], created=True)
    joining = _joining(work, without_card, contacts)
    enrolled = book.enrol(joining, advance) if joining else Enrolled({}, {})
    domains = domains_of(work, contacts, view.layout)
    for decision in without_card:
        card = enrolled.cards[decision.party]
        if isinstance(card, Card):
            beneath = domains.beneath(decision)
            work.filings[decision.party] = file_sender(
                decision, [card], contacts.groups, view.layout, created=True, beneath=beneath
            )
        else:
            work.fail(decision.party, card.reason)
    for filing in list(work.filings.values()):
        groups = {group for group, _ in filing.arrivals} | ({filing.group} if filing.created else set())
        for reason in filter(None, map(enrolled.failed.get, sorted(groups))):
            work.fail(filing.decision.party, reason)


def _make_again(book: AddressBook, work: Work, view: MailView, contacts: Contacts) -> frozenset[Party]:
    """Make the cards that senders had before and that are gone; return whose there are now."""
    lost = []
    for decision in work.hopeful_decisions:
        cards, former = contacts.cards(decision.party), decision.former
        if (
            former
            and former.is_whole
            and _lacks_card(decision, former, cards)
            and not objection(former, cards, contacts.groups, view.layout)
        ):
            lost.append(decision)
    made = book.create([_new_card(decision, work, contacts) for decision in lost]) if lost else {}
    for sender, card in made.items():
        if isinstance(card, Refused):
            work.fail(sender, card.reason)
    return frozenset(made)


def _lacks_card(decision: Decision, former: Former, cards: Sequence[Card]) -> bool:
    is_gone = former.gone_cards > {card.uid for card in cards if card.uid in former.gone_cards}
    return is_gone or not (cards or decision.category.is_undecided)


def _joining(work: Work, without_card: Iterable[Decision], contacts: Contacts) -> dict[str, Joining]:
    """Return who is to come into each contact group."""
    uids = uids_by_group(chain.from_iterable(filing.arrivals for filing in work.filings.values()))
    new: dict[str, list[NewCard]] = defaultdict(list)
    for decision in without_card:
        new[decision.group].append(_new_card(decision, work, contacts))
    groups = dict.fromkeys((*uids, *new))
    return {each: Joining(uids.get(each, frozenset()), tuple(new.get(each, ()))) for each in groups}


def _new_card(decision: Decision, work: Work, contacts: Contacts) -> NewCard:
    """Return the card that a party gets which has none.

    A list's gets the posting address only where that is nobody's yet, and nobody's by their domain: on a
    second card beside a person's own it would say something else of the same sender. Nor does it where the
    list is not wanted: whoever forged its headers would have somebody else's mail put where the person never
    looks. One that is made again says what it said before, whatever is decided about that domain.
    """
    text = decision.former.gone_text if decision.former else None
    card = text or decision.new_card()
    post = parse_address(card.email) if kind_of(decision.party) is PartyKind.LIST else None
    if post is None:
        return card
    parties = (post, *(() if text else (whole_domain(post),)))
    is_harmless = bool(text) or not decision.category.is_unwanted
    is_free = is_harmless and all(party is None or _is_nobodys(party, work, contacts) for party in parties)
    return card if is_free else evolve(card, email="")


def _is_nobodys(party: Party, work: Work, contacts: Contacts) -> bool:
    """Whether no card stands for a party, nothing is being decided about it, and it is not the person."""
    is_own = party in work.own or work.own.may_hold(party)
    return not (contacts.cards(party) or work.is_under_way(party) or is_own)


def leave_groups(book: AddressBook, work: Work) -> None:
    """Take the filed senders' cards out of the groups of other categories."""
    leaving = [filing for filing in work.filings.values() if filing.departures]
    cards = uids_by_group(chain.from_iterable(filing.departures for filing in leaving))
    memberships = {group: Membership(remove=uids) for group, uids in cards.items()}
    failures = book.regroup(memberships) if memberships else {}
    for filing in leaving:
        for group in filing.left_groups:
            if reason := failures.get(group):
                work.fail(filing.decision.party, reason)


def take_cards_away(book: AddressBook, work: Work) -> None:
    """Delete the cards that Mailroom made for senders on whom nothing is decided any more.

    Not before they have left their groups, which would keep the line of a card that is gone. A card
    that somebody has changed, or put into a group of their own, stays: it is the person's by now.
    """
    taken_back = {x: each for x, each in work.filings.items() if each.decision.category.is_undecided}
    uids = sorted(uid for filing in taken_back.values() for uid in filing.made_cards)
    kept: dict[CardUid, str] = {}  # not by address: a card may have got another one since

    texts: dict[CardUid, NewCard] = {}

    def objection(card: MadeCard) -> str:
        texts[card.uid] = card.text
        if reason := why_card_without_groups_stays(card):
            kept[card.uid] = reason
        return reason

    staying = book.delete_cards(uids, objection) if uids else {}
    for sender, filing in taken_back.items():
        work.gone_cards[sender] = gone = filing.made_cards - staying.keys()
        for uid in sorted(gone & texts.keys()):
            work.gone_texts.setdefault(sender, texts[uid])
        refused = [staying[uid] for uid in filing.made_cards if uid in staying and uid not in kept]
        stays = [kept[uid] for uid in filing.made_cards if uid in kept]
        if refused:
            work.fail(sender, refused[0])
        elif filing.all_cards > filing.made_cards:
            former = filing.decision.former
            was_there = former is not None and former.is_whole
            work.kept_cards[sender] = "it was there before" if was_there else "Mailroom did not make it"
        elif stays:
            work.kept_cards[sender] = stays[0]
