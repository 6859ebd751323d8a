"""What waits in an account, for whom and why. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from attrs import frozen

from mailroom.model.address_book import Contacts
from mailroom.model.contacts import CardUid
from mailroom.model.mail import Message, MessageId
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party, PartyKind, kind_of, shown
from mailroom.model.scheme import ContactGroup, Scheme
from mailroom.triage.findings import Finding, Verdict, mail_of, name_parties
from mailroom.triage.layout import Layout
from mailroom.triage.pointer import point_to
from mailroom.triage.report import Answer
from mailroom.triage.ruling import sender_of
from mailroom.triage.screener import MisplacedMail, count_waiting
from mailroom.triage.words import listed, number_of

SUBJECT = "waiting"
SHOWN_MESSAGES = 5


@frozen
class Overview:
    """What an account looks like between two cycles.

    Attributes:
        messages: Those in Screener, and those that carry a label of Mailroom's.
        own: The person's own addresses.
        left: Why labelled messages are left to the person.
        unreadable: Why a message that should be among them could not be read.
        replies: What in Screener answers the person, and goes to the Inbox with the next cycle.
    """

    layout: Layout
    messages: Sequence[Message]
    contacts: Contacts
    own: OwnAddresses
    misplaced: MisplacedMail
    left: Mapping[MessageId, str]
    unreadable: Mapping[MessageId, str]
    replies: Sequence[Answer] = ()


def judge_waiting(overview: Overview, scheme: Scheme, failed: Mapping[Party, str]) -> Iterator[Finding]:
    """Say what waits for the person, what for the next cycle, and what in Screener.

    Args:
        failed: Of whom a cycle has just failed to do everything, and why.
    """
    yield from _left_to_the_person(overview, scheme)
    for sender, reason in failed.items():
        yield _wrong(f"{sender} is not filed: {reason}; the label stays, and each cycle tries again")
    for message_id, reason in overview.unreadable.items():
        yield Finding(SUBJECT, Verdict.NOT_SEEN, f"message {message_id} cannot be read: {reason}")
    yield from _left_to_the_next_cycle(overview, failed)
    yield from judge_misplaced(overview, scheme)
    waiting = count_waiting(overview.messages, overview.layout.screener)
    says = f"nothing in {scheme.screener}"
    if waiting.messages:
        of = number_of(waiting.senders or 0, "sender")
        oldest = f", the oldest of {waiting.oldest_at[:10]}" if waiting.oldest_at else ""
        says = f"{number_of(waiting.messages, 'message')} of {of} in {scheme.screener}{oldest}"
    yield Finding(SUBJECT, Verdict.RIGHT, says)


def _left_to_the_person(overview: Overview, scheme: Scheme) -> Iterator[Finding]:
    left = [message for message in overview.messages if message.id in overview.left]
    for message in left[:SHOWN_MESSAGES]:
        pointer = point_to(message)
        marked = f" ({scheme.error_label})" if overview.layout.error in message.mailbox_ids else ""
        search = f"; to find it, search for {pointer.search}" if pointer.search else ""
        yield _wrong(f"{pointer}{marked}: {overview.left[message.id]}{search}")
    if len(left) > SHOWN_MESSAGES:
        more = number_of(len(left) - SHOWN_MESSAGES, "more message")
        yield _wrong(f"{more} left to you: `mailroom plan` lists them")


def _left_to_the_next_cycle(overview: Overview, failed: Collection[Party]) -> Iterator[Finding]:
    layout, rest = overview.layout, [x for x in overview.messages if x.id not in overview.left]
    labelled = [x for x in rest if layout.is_labelled(x) and sender_of(x) not in failed]
    if labelled:
        yield Finding(
            SUBJECT,
            Verdict.NOT_SEEN,
            f"{mail_of(labelled, 'senders to be filed')} for the next cycle; if they stay, its log says why, "
            "or `mailroom run --once` does",
        )
    if overview.replies:
        mail = mail_of([each.message for each in overview.replies], "senders who answer you")
        yield Finding(SUBJECT, Verdict.NOT_SEEN, f"{mail}, for the next cycle, which moves it to the Inbox")
    if marked := [x for x in rest if layout.error in x.mailbox_ids and not layout.is_labelled(x)]:
        says = f"the next cycle takes the mark off {number_of(len(marked), 'message')} without a label"
        yield Finding(SUBJECT, Verdict.NOT_SEEN, says)


def judge_misplaced(overview: Overview, scheme: Scheme) -> Iterator[Finding]:
    """Say whose mail lies in Screener although they are decided on or known, and what to do."""
    misplaced, screener = overview.misplaced, scheme.screener
    passing = {each.message.id for each in overview.replies}

    def held(senders: Collection[Party], who: str) -> str:
        theirs = [
            x
            for x in overview.messages
            if overview.layout.screener in x.mailbox_ids
            and misplaced.counts_for(x) in senders
            and x.id not in passing
        ]
        return f"{screener} holds {mail_of(theirs, who)}"

    for group in scheme.all_groups:
        if senders := {x for x, filing in misplaced.stragglers.items() if filing.group == group.name}:
            mail = held(senders, _who(senders, group))
            yield _wrong(f"{mail}: `mailroom rescue` moves them to where they belong")
    contacts = misplaced.in_no_group & {sender_of(x) for x in overview.messages if x.id not in passing}
    if contacts:
        mail = held(contacts, "contacts in no triage group")
        yield _wrong(f"{mail}: label them, or `mailroom rescue` offers to move them to the Inbox")
    shared = _shared_cards(overview.contacts) if misplaced.in_several_groups else {}
    for sender, groups in misplaced.in_several_groups.items():
        several = f"{shown(sender)} is in more than one triage group ({', '.join(groups)})"
        way = "take them out of all but one"
        beside = (shared[card.uid] for card in overview.contacts.cards(sender) if card.uid in shared)
        if domain := next(beside, None):
            way += f"; to decide otherwise about the domain, give {domain} a card of its own"
        yield _wrong(f"{several}: {way}")


def _shared_cards(contacts: Contacts) -> dict[CardUid, Party]:
    """Return the cards that a domain shares with somebody, each with the domain."""
    parties: dict[CardUid, list[Party]] = defaultdict(list)
    for party in contacts.addresses():
        for card in contacts.cards(party):
            parties[card.uid].append(party)
    shared = {}
    for uid, those in parties.items():
        domains = [party for party in those if kind_of(party) is PartyKind.DOMAIN]
        if domains and len(domains) < len(those):
            shared[uid] = domains[0]
    return shared


def _who(parties: Collection[Party], group: ContactGroup) -> str:
    """Say of whom mail is for which decisions count: a domain and a list are not who writes."""
    many = sorted(x for x in parties if kind_of(x) is not PartyKind.SENDER)
    members = [f"members of the group {group.name!r}"] if len(many) < len(parties) else []
    return listed([*members, *([name_parties(many)] if many else [])])


def _wrong(says: str) -> Finding:
    return Finding(SUBJECT, Verdict.WRONG, says)
