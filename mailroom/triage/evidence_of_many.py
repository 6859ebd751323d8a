"""Who takes mail of whole domains and of lists to its place: the provider's rules, or Mailroom. Pure.

A contact ``*@dom.example`` stands for everybody there on some servers, and on others for nobody; the rule
for a list is there once it is imported. Without, such mail lands in Screener, and Mailroom moves it within a
second: where it lies at last tells nothing. But what Mailroom has moved its journal names. So a message that
lies there, touched by nobody and not named there, was routed by the rules. Nothing else shows that, but for
a list the rules themselves where they can be read. In the Inbox a message may lie without any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from attrs import frozen

from mailroom.model.address_book import Contacts
from mailroom.model.mail import Message, MessageId
from mailroom.model.party import Party, PartyKind, domain_behind, kind_of, shown
from mailroom.model.scheme import ContactGroup, Scheme
from mailroom.triage.arrivals import last_arrival, newest, untouched_ids
from mailroom.triage.findings import Finding, Verdict, mail_of, name_parties
from mailroom.triage.layout import Layout
from mailroom.triage.plan import triage_groups_of

SUBJECT = "rules"
IMPORT = "import it or switch it on (`mailroom rules`), or if you just did, wait for new mail"

_WHAT = {PartyKind.DOMAIN: "whole domains", PartyKind.LIST: "lists"}
_TRY = "if you have not imported them since (`mailroom rules`), try that"

Decided = Mapping[tuple[ContactGroup, PartyKind], Sequence[Party]]
"""The domains and the lists that are decided on, by the one group that says so."""


def decided_many(contacts: Contacts, scheme: Scheme) -> Decided:
    """Return about which domains and lists the contacts hold a decision."""
    found: dict[tuple[ContactGroup, PartyKind], list[Party]] = defaultdict(list)
    for party in contacts.addresses():
        if (kind := kind_of(party)) is not PartyKind.SENDER:
            match triage_groups_of(contacts.cards(party), contacts.groups, scheme):
                case [group]:
                    found[group, kind].append(party)
    return {key: sorted(parties) for key, parties in found.items()}


def judge_misplaced(decided: Decided, contacts: Contacts, scheme: Scheme) -> Iterator[Finding]:
    """Say of whom the rules make a domain's mail of those on whom something else is decided.

    Only the rules for the groups of domains leave out who is decided on singly. A person may have put a
    domain's card among the senders.
    """
    for (group, kind), parties in decided.items():
        if kind is not PartyKind.DOMAIN or group in scheme.domain_groups:
            continue
        for domain in parties:
            if alone := _decided_otherwise(domain, group, contacts, scheme):
                here, there = shown(domain), scheme.category_of(group).domain_group.name
                says = (
                    f"{here} is in the contact group {group.name!r}, whose rule takes {name_parties(alone)} "
                    f"there, too, on whom something else is decided: put the card of {here} into {there!r}"
                )
                yield Finding(SUBJECT, Verdict.WRONG, says)


def _decided_otherwise(
    domain: Party, group: ContactGroup, contacts: Contacts, scheme: Scheme
) -> Sequence[Party]:
    """Return who at a domain is decided on singly, and not by the group that the domain is in."""
    groups = {
        party: triage_groups_of(contacts.cards(party), contacts.groups, scheme)
        for party in contacts.addresses()
        if domain_behind(party) == domain
    }
    return sorted(party for party, theirs in groups.items() if theirs and group not in theirs)


@frozen
class Routed:
    """What tells of the way that the mail of domains, or of lists, in one group has taken.

    Attributes:
        parties: The domains or lists.
        messages: What came for which one of their decisions counts, after it was taken.
        changed_at: When the group was changed last, seconds since 1970; 0 where nobody knows.
        moved: What Mailroom has moved to its place after it came; None where nobody knows all of it.
        is_in_force: Whether rules were seen to be in force that name all of the parties.
    """

    group: ContactGroup
    kind: PartyKind
    parties: Sequence[Party]
    messages: Sequence[Message]
    changed_at: int
    moved: Collection[MessageId] | None
    is_in_force: bool = False


def judge_many(routed: Routed, layout: Layout) -> Finding:
    """Say which of the two takes such mail to its place, by the newest of it."""
    place = layout.destinations[routed.group.name].mailbox
    placed = [x for x in routed.messages if place in x.mailbox_ids and layout.screener not in x.mailbox_ids]
    elsewhere = [
        x
        for x in routed.messages
        if x not in placed and x.received_at > last_arrival(placed) and not x.is_read
    ]
    if astray := [x for x in elsewhere if layout.inbox in x.mailbox_ids]:
        says = f"{_mail(astray, routed)} came after it was decided and went to the Inbox, {newest(astray)}"
        return Finding(SUBJECT, Verdict.WRONG, f"the rule for {_name(routed)} is missing: {says}; {IMPORT}")
    if waiting := [x for x in elsewhere if layout.screener in x.mailbox_ids]:
        says = f"{_mail(waiting, routed)} lies in Screener, {newest(waiting)}: the next cycle moves it"
        return Finding(SUBJECT, Verdict.NOT_SEEN, f"{_name(routed)}: {says}")
    if place == layout.inbox:
        return _judge_in_inbox(routed, placed)
    return _judge_placed(routed, [x for x in placed if layout.inbox not in x.mailbox_ids])


def _judge_placed(routed: Routed, placed: Sequence[Message]) -> Finding:
    """Say who has put mail where it belongs."""
    name, untouched = _name(routed), set(untouched_ids(placed, [routed.changed_at]))
    by_mailroom = _moved(placed, routed)
    by_rules = [x for x in placed if x.id in untouched and x not in by_mailroom]
    is_newest = by_rules and last_arrival(by_rules) >= last_arrival(by_mailroom)
    if is_newest and routed.moved is not None:
        says = f"the server's rules know {_WHAT[routed.kind]}: {_mail(by_rules, routed)} came there untouched"
        return Finding(SUBJECT, Verdict.RIGHT, f"{name}: {says}, {newest(by_rules)}")
    if by_mailroom or routed.is_in_force:
        return _judge_without(routed, by_mailroom)
    if by_rules:
        says = (
            f"{_mail(by_rules, routed)} came to its place, {newest(by_rules)}, but without all of the "
            "journal nobody can tell whether the server's rules or Mailroom put it there"
        )
        return Finding(SUBJECT, Verdict.NOT_SEEN, f"{name}: {says}")
    return _judge_without(routed, ())


def _judge_in_inbox(routed: Routed, placed: Sequence[Message]) -> Finding:
    """Say what mail of lists tells whose place is the Inbox: only that a rule is missing."""
    by_mailroom = _moved(placed, routed)
    if by_mailroom or routed.is_in_force or not placed:
        return _judge_without(routed, by_mailroom)
    says = f"{_mail(placed, routed)} came to the Inbox, where it may be without a rule, too, {newest(placed)}"
    return Finding(SUBJECT, Verdict.NOT_SEEN, f"{_name(routed)}: {says}; no API shows imported rules")


def _judge_without(routed: Routed, by_mailroom: Sequence[Message]) -> Finding:
    """Say how it is where no mail shows that the rules work.

    Args:
        by_mailroom: What Mailroom has moved.
    """
    name, what = _name(routed), _WHAT[routed.kind]
    if by_mailroom:
        advice = "those in force now do" if routed.is_in_force else _TRY
        says = (
            f"{_mail(by_mailroom, routed)} landed in Screener, and Mailroom moved it, {newest(by_mailroom)}: "
            f"that takes it a second where the server's rules do not know {what}; {advice}"
        )
        return Finding(SUBJECT, Verdict.RIGHT, f"{name}: {says}")
    if routed.is_in_force:
        says = f"the rules in force on the server name {name_parties(routed.parties)}"
        return Finding(SUBJECT, Verdict.RIGHT, f"{name}: {says}")
    says = f"no new mail from {name_parties(routed.parties)} yet"
    shows = f"the next message will show whether the server's rules know {what}"
    return Finding(SUBJECT, Verdict.NOT_SEEN, f"{name}: {says}; {shows}")


def _moved(messages: Sequence[Message], routed: Routed) -> list[Message]:
    return [x for x in messages if x.id in (routed.moved or ())]


def _name(routed: Routed) -> str:
    name = repr(str(routed.group.name))
    return name if routed.kind is PartyKind.DOMAIN else f"lists in {name}"


def _mail(messages: Sequence[Message], routed: Routed) -> str:
    return mail_of(messages, name_parties(routed.parties))
