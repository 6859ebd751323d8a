"""What mail tells of the provider's rules, which no API shows: where it lies that nobody has moved. Pure.

The rules work on mail as it arrives, so what a message tells of a rule it tells by three things: where it
lies, whether it came after its sender was filed, and whether anybody has touched it since. What was filed,
taken back or moved by hand lies where it should and tells of no rule. Filing and taking back change a
group: so there is no tick without unread mail that came after the groups concerned were changed last. The
newest evidence counts: a rule that was missing last week may be there today.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from attrs import Factory, define, frozen

from mailroom.model.address import Address
from mailroom.model.address_book import Contacts
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party, PartyKind, kind_of
from mailroom.model.scheme import ContactGroup, Scheme
from mailroom.triage.arrivals import after, last_arrival, last_of, moment_of, newest, untouched_ids
from mailroom.triage.evidence_of_many import (
    IMPORT,
    SUBJECT,
    Routed,
    decided_many,
    judge_many,
    judge_misplaced,
)
from mailroom.triage.findings import Finding, Verdict, mail_of
from mailroom.triage.layout import Layout
from mailroom.triage.plan import triage_groups_of
from mailroom.triage.ruling import Ruling, sender_of

DAYS = 30
"""How far back mail is looked at."""

MOST_MESSAGES = 500
"""How much of it in each mailbox, the newest."""


@frozen
class Evidence:
    """What was seen of an account.

    Attributes:
        messages: The newest in the Inbox, in Screener and in the destinations.
        own: The person's own addresses.
        moved: What Mailroom has moved out of Screener, after it had come; None where nobody knows all of it.
        names_lists: Whether rules were seen to be in force that name every list that is decided on.
    """

    messages: Sequence[Message]
    contacts: Contacts
    own: OwnAddresses
    tree: MailboxTree
    layout: Layout
    scheme: Scheme
    moved: Collection[MessageId] | None = frozenset()
    names_lists: bool = False


def mailboxes_to_look_at(layout: Layout) -> list[MailboxId]:
    """Return where the mail lies that tells of rules."""
    further = {x for each in layout.destinations.values() for x in each.mailboxes}
    return [layout.inbox, layout.screener, *sorted(further - {layout.inbox, layout.screener})]


def judge_rules(evidence: Evidence) -> list[Finding]:
    """Judge each rule by the newest mail of those whom it is about."""
    sorted_mail = _sort(evidence)
    too_far = _taken_too_far(sorted_mail, evidence)
    found = [
        finding
        for group in evidence.scheme.groups
        for finding in _judge_group(group, sorted_mail, evidence, is_swept=bool(too_far))
    ]
    return [*found, *_judge_many(sorted_mail, evidence), *_judge_screener(sorted_mail, evidence, too_far)]


@define
class _Trail:
    """Mail that one rule should have taken somewhere.

    Attributes:
        arrived: What lies there unread, and only there.
        placed: What lies there, whoever has put it there.
        astray: What lies where it is without the rule.
    """

    arrived: list[Message] = Factory(list)
    placed: list[Message] = Factory(list)
    astray: list[Message] = Factory(list)

    def late(self) -> list[Message]:
        """What went astray after the last that is in its place."""
        last = last_arrival(self.placed)
        return [message for message in self.astray if message.received_at > last]

    @property
    def verdict(self) -> Verdict:
        """What is told by it."""
        if late := self.late():
            # One sender's mail that was read may have been moved by whoever read it.
            may_be_moved = self.placed and all(x.is_read for x in late) and len(_senders(late)) == 1
            return Verdict.NOT_SEEN if may_be_moved else Verdict.WRONG
        is_seen = self.arrived and last_arrival(self.arrived) > last_arrival(self.astray)
        return Verdict.RIGHT if is_seen else Verdict.NOT_SEEN


@frozen
class _SortedMail:
    """The mail that tells of rules, by what its senders are.

    Attributes:
        of_members: For each contact group, what came after its sender was filed.
        of_many: For each contact group and kind of party, what came after a domain or list was decided on.
        of_contacts: What came from senders with a card after that was made, whatever their group.
        of_others: What of it came from senders in no triage group.
        of_strangers: What came from senders without one.
        once_strangers: What came before a card was made for its sender.
    """

    of_members: Mapping[str, Sequence[Message]]
    of_many: Mapping[tuple[str, PartyKind], Sequence[Message]]
    of_contacts: Sequence[Message]
    of_others: Sequence[Message]
    of_strangers: Sequence[Message]
    once_strangers: Sequence[Message]


def _sort(evidence: Evidence) -> _SortedMail:
    contacts = evidence.contacts
    by_party: dict[Party, list[Message]] = defaultdict(list)
    ruling = Ruling(contacts, evidence.layout.destinations.keys(), own=evidence.own)
    for message in evidence.messages:
        sender = sender_of(message)
        if sender and not _is_under_way(message, evidence.layout) and not ruling.is_own([sender]):
            by_party[ruling.party_of(message) or sender].append(message)
    of_members: dict[str, list[Message]] = defaultdict(list)
    of_many: dict[tuple[str, PartyKind], list[Message]] = defaultdict(list)
    of_contacts: list[Message] = []
    of_others: list[Message] = []
    of_strangers: list[Message] = []
    once_strangers: list[Message] = []
    for party, theirs in by_party.items():
        cards, kind = contacts.cards(party), kind_of(party)
        groups = triage_groups_of(cards, contacts.groups, evidence.scheme)
        if kind is not PartyKind.SENDER:
            for group in groups if len(groups) == 1 else ():
                of_many[group.name, kind] += after(contacts.filed_by(party, group.name), theirs)
            continue
        if not cards:
            of_strangers += theirs
            continue
        known_since = min(card.created for card in cards)
        of_contacts += after(known_since, theirs)
        once_strangers += [x for x in theirs if known_since and x.received_at <= moment_of(known_since)]
        match groups:
            case [group]:
                of_members[group.name] += after(contacts.filed_by(party, group.name), theirs)
            case []:
                of_others += after(known_since, theirs)
    return _SortedMail(of_members, of_many, of_contacts, of_others, of_strangers, once_strangers)


def _judge_group(
    group: ContactGroup, mail: _SortedMail, evidence: Evidence, *, is_swept: bool
) -> Iterator[Finding]:
    """Judge the rules of a contact group: one for each mailbox that its members' mail is put into.

    Args:
        is_swept: Whether Screener takes contacts' mail, so that Mailroom may have moved theirs from there.
    """
    layout = evidence.layout
    destination = layout.destinations[group.name]
    members_mail = mail.of_members.get(group.name, [])
    untouched = set(untouched_ids(members_mail, [evidence.contacts.changed_at(group.name)]))
    for name in group.mailboxes:
        mailbox = evidence.tree.ids[name]
        is_place = name == group.mailbox
        elsewhere = {layout.inbox, layout.screener} | ({destination.mailbox} - {mailbox})
        trail = _Trail()
        for message in members_mail:
            here = message.mailbox_ids
            if mailbox in here:
                trail.placed.append(message)
                if message.id in untouched and not (is_place and here & {layout.inbox, layout.screener}):
                    trail.arrived.append(message)
            elif here & elsewhere:
                trail.astray.append(message)
        rule = repr(str(group.name)) + ("" if is_place else f", also in {str(name)!r}")
        finding = _judge_rule(rule, trail, "its members", "they were filed")
        if is_swept and finding.verdict is Verdict.RIGHT:
            says = (
                f"{rule}: Mailroom may have moved what lies there, from a Screener that takes contacts' mail"
            )
            finding = Finding(
                SUBJECT, Verdict.NOT_SEEN, f"{says}; once it does not, new mail will show the rule"
            )
        yield finding


def _judge_many(mail: _SortedMail, evidence: Evidence) -> Iterator[Finding]:
    """Judge what becomes of mail of whole domains, and of lists, by the group that they are in."""
    decided = decided_many(evidence.contacts, evidence.scheme)
    yield from judge_misplaced(decided, evidence.contacts, evidence.scheme)
    for (group, kind), parties in decided.items():
        if group.mailbox is None and kind is PartyKind.DOMAIN:
            continue  # there is no rule for it: it stays in the Inbox
        routed = Routed(
            group,
            kind,
            parties,
            mail.of_many.get((group.name, kind), []),
            evidence.contacts.changed_at(group.name),
            evidence.moved,
            is_in_force=kind is PartyKind.LIST and evidence.names_lists,
        )
        yield judge_many(routed, evidence.layout)


def _judge_rule(rule: str, trail: _Trail, who: str, since: str) -> Finding:
    late = trail.late()
    match trail.verdict:
        case Verdict.RIGHT:
            says = f"{mail_of(trail.arrived, who)} came there untouched, {newest(trail.arrived)}"
            return Finding(SUBJECT, Verdict.RIGHT, f"{rule}: {says}")
        case Verdict.WRONG:
            says = f"{mail_of(late, who)} came after {since} and went elsewhere, {newest(late)}"
            return Finding(SUBJECT, Verdict.WRONG, f"the rule for {rule} is missing: {says}; {IMPORT}")
        case _ if late:
            says = f"{mail_of(late, who)} is not there, but was read: perhaps you moved it"
        case _ if trail.placed:
            says = "what lies there was read, or put there"
        case _:
            says = f"no new mail from {who} yet"
    return Finding(SUBJECT, Verdict.NOT_SEEN, f"{rule}: {says}; the next message will show the rule")


def _taken_too_far(mail: _SortedMail, evidence: Evidence) -> list[Message]:
    """Return contacts' mail that Screener took, and nobody's decision; unless it has spared some since."""
    screener, inbox = evidence.layout.screener, evidence.layout.inbox
    changed_at = [evidence.contacts.changed_at(group.name) for group in evidence.scheme.groups]
    held = [x for x in after(last_of(changed_at), mail.of_contacts) if screener in x.mailbox_ids]
    spared = [x for x in mail.of_others if screener not in x.mailbox_ids and inbox in x.mailbox_ids]
    return [x for x in held if x.received_at > last_arrival(spared)]


def _judge_screener(mail: _SortedMail, evidence: Evidence, too_far: Sequence[Message]) -> Iterator[Finding]:
    """Judge the rule for everybody who is no contact, from both sides."""
    name = repr(str(evidence.scheme.screener))
    if too_far:
        says = f"{mail_of(too_far, 'contacts')} came there after they were known, {newest(too_far)}"
        remedy = "import it anew (`mailroom rules`), or if you just did, wait for new mail"
        yield Finding(SUBJECT, Verdict.WRONG, f"the rule for {name} catches too much: {says}; {remedy}")
    trail = _trail_of_strangers(mail, evidence)
    since = f"the last that it took, of {last_arrival(trail.placed)[:10]}," if trail.placed else "setup"
    finding = _judge_rule(name, trail, "strangers", since)
    if not too_far or finding.verdict is Verdict.WRONG:
        yield finding


def _trail_of_strangers(mail: _SortedMail, evidence: Evidence) -> _Trail:
    """Follow the mail of everybody who is no contact."""
    layout, contacts = evidence.layout, evidence.contacts
    groups = [group.name for group in evidence.scheme.groups]
    made_at = contacts.groups_made_at(groups)  # everything had been set up then, at the earliest
    theirs = [*mail.of_strangers, *mail.once_strangers]
    changed_at = list(map(contacts.changed_at, groups))
    untouched = set(untouched_ids(theirs, changed_at))
    trail = _Trail()
    for message in theirs:
        if layout.screener in message.mailbox_ids:
            trail.placed.append(message)
            if message.id in untouched and layout.inbox not in message.mailbox_ids:
                trail.arrived.append(message)
    # They may have waited in Screener until they were filed; nobody can tell any more.
    trail.placed += [x for x in mail.once_strangers if layout.inbox not in x.mailbox_ids]
    if not made_at and not trail.placed:
        return trail  # perhaps all that lies in the Inbox came before anything was set up
    # Read mail of a sender whom somebody has taken back stays in the Inbox, and that changes a group.
    newer = {x.id for x in after(last_of(changed_at), mail.of_strangers)}
    trail.astray += [
        x
        for x in mail.of_strangers
        if x.received_at > moment_of(made_at)
        and (x.id in newer or not x.is_read)
        and layout.inbox in x.mailbox_ids
        and layout.screener not in x.mailbox_ids
    ]
    return trail


def _is_under_way(message: Message, layout: Layout) -> bool:
    """Whether a message lies where it is because of a decision, or of the person alone."""
    here = message.mailbox_ids
    return layout.is_labelled(message) or layout.error in here or layout.is_protected(message)


def _senders(messages: Iterable[Message]) -> set[Address]:
    return {sender for message in messages if (sender := sender_of(message))}
