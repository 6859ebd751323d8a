"""Looks at every single thing Mailroom does to an account while a person is at it, too."""

from __future__ import annotations

from collections import Counter

from attrs import define, field, frozen

from mailroom.model.mail import ARCHIVED_KEYWORD, SETTLED_KEYWORD, WARNED_KEYWORD
from mailroom.model.notes import NoteKind
from mailroom.sandbox.store.messages import SEEN
from tests.faults.person import SENDERS, TRIAGE_LABELS, Person
from tests.support import vcards
from tests.support.accounts import GROUPS, LABELS
from tests.support.observer import addresses, is_group, members, triage_groups_of, values, without_members

PROTECTED = frozenset({"Trash", "Junk", "Sent", "Drafts"})
MARKS = frozenset(LABELS) - set(TRIAGE_LABELS)
TAKES_BACK = "@ToScreener"
NOTES = frozenset(kind.keyword for kind in NoteKind)
"""What the journal's messages bear, at first: they are Mailroom's own."""
GROUP_OF_LABEL = dict(zip(TRIAGE_LABELS, (*GROUPS, GROUPS[0], None), strict=True))
"""None for the label that takes a decision back: its sender is in no triage group then."""


@frozen
class Moment:
    """An account at one moment.

    Attributes:
        mail: The mailboxes of each message.
        keywords: The keywords of each message.
    """

    mail: dict[str, frozenset[str]]
    keywords: dict[str, frozenset[str]]
    cards: dict[str, bytes]


@define
class Witness:
    """Knows whom the person has ever decided on, and says of each change whether Mailroom may make it.

    Attributes:
        decided: Senders that were labelled, or that were in a triage group, at some time.
        taken_back: Senders that had the label which takes a decision back, at some time.
    """

    person: Person
    decided: set[str] = field(factory=set)
    taken_back: set[str] = field(factory=set)
    _owners: dict[str, set[str]] = field(factory=dict)
    _notes: set[str] = field(factory=set)

    def moment(self) -> Moment:
        """Return the account as it is now, and learn from it."""
        store = self.person.account.store
        names = {mailbox.id: mailbox.name for mailbox in store.mailboxes.values()}
        self._notes |= {x.id for x in store.messages.values() if x.keywords & NOTES}
        messages = [x for x in store.messages.values() if x.id not in self._notes]
        mail = {x.id: frozenset(names[mailbox] for mailbox in x.mailbox_ids) for x in messages}
        keywords = {x.id: x.keywords for x in messages}
        cards = dict(self.person.account.cards())
        self._learn(mail, cards)
        return Moment(mail, keywords, cards)

    def _learn(self, mail: dict[str, frozenset[str]], cards: dict[str, bytes]) -> None:
        for message, mailboxes in mail.items():
            if mailboxes & set(TRIAGE_LABELS):
                self.decided.add(self.person.senders[message])
            if TAKES_BACK in mailboxes:
                self.taken_back.add(self.person.senders[message])
        for card in cards.values():
            if not is_group(card):
                for uid in values(card, "UID"):
                    self._owners.setdefault(uid, set()).update(addresses(card))
        for _, email in SENDERS:
            if triage_groups_of(list(cards.values()), email.lower()):
                self.decided.add(email.lower())

    def compare(self, before: Moment, after: Moment) -> None:
        """Raise AssertionError where Mailroom has done what it may not do."""
        if before == after:
            return
        assert before.mail.keys() == after.mail.keys(), "Mailroom made or destroyed a message"
        for message, mailboxes in after.mail.items():
            if mailboxes != before.mail[message]:
                self._check_message(message, before.mail[message], mailboxes, after)
            if after.keywords[message] != before.keywords[message]:
                _check_keywords(message, before, after)
        for name in before.cards.keys() - after.cards.keys():
            self._check_deleted_card(name, before)
        for name, card in after.cards.items():
            if name not in before.cards:
                self._check_new_card(card, after)
            elif card != before.cards[name]:
                self._check_group(before.cards[name], card)

    def _check_message(
        self, message: str, before: frozenset[str], after: frozenset[str], now: Moment
    ) -> None:
        sender, changed = self.person.senders[message], before ^ after
        assert after, f"{message} is in no mailbox"
        assert "Family" not in changed, "mail in a mailbox of the person's own was moved"
        if before & PROTECTED:
            assert changed <= set(LABELS), "protected mail was moved"
        if message in self.person.answers and changed <= {"Screener", "Inbox"} and "Inbox" in after:
            return  # it answers the person, so that no decision is needed
        if sender not in self.decided:
            assert changed <= MARKS, f"mail of {sender}, whom nobody decided on, was moved"
        if sender in self.person.disturbed:
            return  # the person is changing the very contacts under Mailroom's hands
        if before & PROTECTED and len(before & set(TRIAGE_LABELS)) > 1:
            return  # a conflict where no mark may go: its labels just come off
        for label in (before - after) & set(TRIAGE_LABELS):
            groups = triage_groups_of(list(now.cards.values()), sender)
            wanted = GROUP_OF_LABEL[label]
            is_right = wanted in groups if wanted else not groups
            assert is_right, f"{sender} lost {label} and is in {groups}"

    def _check_deleted_card(self, name: str, before: Moment) -> None:
        card = before.cards[name]
        assert not is_group(card), "Mailroom deleted a contact group"
        assert name not in self.person.cards, "Mailroom deleted a card that the person wrote"
        (address,) = addresses(card)
        assert address in self.taken_back, f"the card of {address} was deleted and nobody took it back"
        (uid,) = values(card, "UID")
        holders = [x for x in before.cards.values() if is_group(x) and uid in members(x)]
        assert not holders, f"the card of {address} was deleted while it was in a contact group"

    def _check_new_card(self, card: bytes, now: Moment) -> None:
        assert not is_group(card), "Mailroom made a contact group"
        (address,) = addresses(card)
        assert address in self.decided, f"{address} got a card and nobody decided on them"
        ours = Counter(
            x
            for name, each in now.cards.items()
            if not is_group(each) and name not in self.person.cards
            for x in addresses(each)
        )
        assert ours[address] == 1, f"{address} got a second card"
        if address not in self.person.disturbed:
            theirs = [x for x in now.cards.values() if not is_group(x) and address in addresses(x)]
            assert len(theirs) == 1, f"{address} had a card and got another"

    def _check_group(self, before: bytes, after: bytes) -> None:
        assert is_group(before), "Mailroom changed a card that is no contact group"
        (title,) = values(before, "FN")
        is_over_jmap = self.person.account.is_over_jmap
        # Over JMAP a group goes by its identifier, and nothing tells that it has just got another name.
        assert title in GROUPS or (is_over_jmap and title in self.person.renamed), (
            f"Mailroom changed the contact group {title}"
        )
        if is_over_jmap:  # the server writes it anew as a whole
            assert vcards.said_of_group(before) <= vcards.said_of_group(after)
        else:
            assert without_members(before, exactly=True) == without_members(after, exactly=True)
        assert len(members(after)) == len(set(members(after))), f"a member stands twice in {title}"
        for uid in set(members(before)) ^ set(members(after)):
            assert self._owners.get(uid, set()) & self.decided, f"{uid} came into or went out of {title}"


def _check_keywords(message: str, before: Moment, after: Moment) -> None:
    changed = before.keywords[message] ^ after.keywords[message]
    marks = {ARCHIVED_KEYWORD, WARNED_KEYWORD, SETTLED_KEYWORD}
    assert changed <= marks, f"{message} got or lost the keywords {changed}"
    assert SETTLED_KEYWORD not in before.keywords[message] - after.keywords[message], (
        f"{message} is open again"
    )
    if WARNED_KEYWORD in changed:
        was_warned, is_warned = (WARNED_KEYWORD in x.keywords[message] for x in (before, after))
        labels = ["@MailroomWarning" in x.mail[message] for x in (before, after)]
        assert labels == [was_warned, is_warned], f"{message} is marked as warned without the label, or not"
    if ARCHIVED_KEYWORD not in changed:
        return
    if ARCHIVED_KEYWORD in after.keywords[message]:
        was, now = before.mail[message], after.mail[message]
        assert was != now, f"{message} was marked and not moved"
        assert "Archive" in now, f"{message} was marked and is not in the Archive"
        assert now & set(TRIAGE_LABELS), f"{message} was marked without a label"
        assert SEEN in before.keywords[message], f"{message} was archived unread"
