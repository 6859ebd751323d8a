"""Looks at every single thing Mailroom does to an account while a person is at it, too."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from attrs import define, field

from mailroom.model.mail import ARCHIVED_KEYWORD, SETTLED_KEYWORD, WARNED_KEYWORD
from mailroom.sandbox.store.messages import SEEN
from tests.faults.acts import RENAMED
from tests.faults.moment import (
    MARKS,
    NOTES,
    PLACES_OF_GROUP,
    PROTECTED,
    SPEAKING,
    TAKES_BACK,
    Moment,
    group_of,
    kind,
    party_of,
)
from tests.faults.person import ALL_GROUPS, ALL_LABELS, EVERYBODY, SCOPES, SHARED, TRIAGE_LABELS, Person
from tests.support import vcards
from tests.support.accounts import DOMAIN_LABEL
from tests.support.observer import addresses, is_group, members, values, without_members
from tests.support.scenarios import everybody_at


@define
class Witness:
    """Knows on whom the person has ever decided, and says of each change whether Mailroom may make it.

    A party is a sender by their address, everybody at a domain (``*@dom.example``), or a list (``<id>``).

    Attributes:
        decided: Parties that were labelled, or that were in a triage group, at some time.
        taken_back: Parties that had the label which takes a decision back, at some time.
        said: For each party the groups that labels have said since Mailroom began what it is doing; None
            for none.
        open: Parties of whom a label spoke when it began.
        undone: Parties of whom it takes back what was decided last.
    """

    person: Person
    decided: set[str] = field(factory=set)
    taken_back: set[str] = field(factory=set)
    said: dict[str, set[str | None]] = field(factory=lambda: defaultdict(set))
    open: frozenset[str] = frozenset()
    undone: frozenset[str] = frozenset()
    _owners: dict[str, set[str]] = field(factory=dict)
    _notes: set[str] = field(factory=set)
    _cards: dict[str, bytes] = field(factory=dict)

    def begin(self, undone: Mapping[str, bool] = MappingProxyType({})) -> None:
        """Know that Mailroom begins to do something.

        Args:
            undone: On whom the last decision is taken back, each with whether nothing is decided then.
        """
        self.said.clear()
        self.undone = frozenset(undone)
        self.taken_back.update(party for party, is_undecided in undone.items() if is_undecided)
        self.moment()
        self.open = frozenset(self.said)

    def moment(self) -> Moment:
        """Return the account as it is now, and learn from it."""
        store = self.person.account.store
        names = {mailbox.id: mailbox.name for mailbox in store.mailboxes.values()}
        self._notes |= {x.id for x in store.messages.values() if x.keywords & NOTES}
        messages = [x for x in store.messages.values() if x.id not in self._notes]
        mail = {x.id: frozenset(names[mailbox] for mailbox in x.mailbox_ids) for x in messages}
        keywords = {x.id: x.keywords for x in messages}
        threads = {x.id: x.thread_id for x in messages}
        now = Moment(mail, keywords, dict(self.person.account.cards()), threads)
        self._learn(now)
        return now

    def subject(self, message: str, now: Moment) -> str | None:
        """Return of whom the labels on a message speak; None where nobody can know, or of nobody."""
        mailboxes, received = now.mail[message], self.person.mail[message]
        labels, scopes = mailboxes & set(TRIAGE_LABELS), mailboxes & set(SCOPES)
        if not labels or len(scopes) > 1:
            return None
        if not scopes:
            return received.sender
        if DOMAIN_LABEL not in scopes:
            return received.list_id or None
        everybody = everybody_at(received.sender)
        return None if everybody == SHARED and labels != {TAKES_BACK} else everybody

    def labelled(self, now: Moment) -> set[str]:
        """Return of whom labels speak."""
        return {
            subject
            for message, mailboxes in now.mail.items()
            if mailboxes & SPEAKING and (subject := self.subject(message, now))
        }

    def _learn(self, now: Moment) -> None:
        for message, mailboxes in now.mail.items():
            if mailboxes & SPEAKING and (subject := self.subject(message, now)):
                for label in mailboxes & set(TRIAGE_LABELS):
                    self.said[subject].add(group_of(label, subject))
                self.decided.add(subject)
                self.taken_back |= {subject} if TAKES_BACK in mailboxes else set()
        if now.cards == self._cards:
            return
        self._cards = now.cards
        for card in now.cards.values():
            if not is_group(card):
                for uid in values(card, "UID"):
                    self._owners.setdefault(uid, set()).update(addresses(card))
        self.decided.update(party for party in EVERYBODY if now.groups_of(party))

    def compare(self, before: Moment, after: Moment) -> None:
        """Raise AssertionError where Mailroom has done what it may not do."""
        if before == after:
            return
        assert before.mail.keys() == after.mail.keys(), "Mailroom made or destroyed a message"
        for message in after.mail:
            if after.mail[message] != before.mail[message]:
                self._check_message(message, before, after)
            if after.keywords[message] != before.keywords[message]:
                _check_keywords(message, before, after)
        for name in before.cards.keys() - after.cards.keys():
            self._check_deleted_card(name, before)
        for name, card in after.cards.items():
            if name not in before.cards:
                self._check_new_card(card, after)
            elif card != before.cards[name]:
                self._check_group(before.cards[name], card, after)

    def _check_message(self, message: str, before: Moment, now: Moment) -> None:
        was, after = before.mail[message], now.mail[message]
        parties, changed = self.person.mail[message].parties, was ^ after
        assert after, f"{message} is in no mailbox"
        assert "Family" not in changed, "mail in a mailbox of the person's own was moved"
        if was & PROTECTED:
            assert changed <= ALL_LABELS, "protected mail was moved"
        if message in self.person.answers and changed <= {"Screener", "Inbox"} and "Inbox" in after:
            return  # it answers the person, so that no decision is needed
        if self.decided.isdisjoint(parties):
            # Of a label that says nothing to the point, nothing is done; in the Trash it just comes off.
            allowed = ALL_LABELS if was & PROTECTED else MARKS
            assert changed <= allowed, f"mail of {parties}, on whom nobody decided, was moved"
        self._check_labels(message, before, now)
        if not self.person.disturbed.intersection(parties):
            self._check_place(message, before, now)

    def _check_labels(self, message: str, before: Moment, now: Moment) -> None:
        """Look whether what came off a message is done."""
        was = before.mail[message]
        lost = (was - now.mail[message]) & SPEAKING
        subject = self.subject(message, before)
        if not lost or self._comes_off_by_itself(message, before):
            return
        assert subject, f"{message} lost {lost}, which says nothing about anybody"
        if subject in self.person.disturbed:
            return  # the person is changing the very contacts under Mailroom's hands
        assert not lost <= set(SCOPES), f"{message} lost {lost} and keeps what it says"
        for label in lost - set(SCOPES):
            groups, wanted = now.groups_of(subject), group_of(label, subject)
            is_right = wanted in groups if wanted else not groups
            assert is_right, f"{subject} lost {label} and is in {groups}"

    def _comes_off_by_itself(self, message: str, now: Moment) -> bool:
        """Whether a label may come off with nothing done.

        In a protected mailbox no mark may go beside a label that is left to the person. And one on a
        conversation may speak of others in it alone.
        """
        mailboxes = now.mail[message]
        beside = [x for x, thread in now.threads.items() if thread == now.threads[message] and x != message]
        if any(now.mail[x] & mailboxes & set(TRIAGE_LABELS) for x in beside):
            return True
        subject = self.subject(message, now)
        in_conflict = len(mailboxes & set(TRIAGE_LABELS)) > 1
        shares = any(len(addresses(card)) > 1 for card in now.cards_of(subject)) if subject else True
        titles = {
            None,
            *(title for card in now.cards.values() if is_group(card) for title in values(card, "FN")),
        }
        wanted = {group_of(x, subject) for x in mailboxes & set(TRIAGE_LABELS)} if subject else set()
        return bool(mailboxes & PROTECTED and (in_conflict or shares or not wanted <= titles))

    def _check_place(self, message: str, before: Moment, now: Moment) -> None:
        """Look whether a message went where the first of those wants it on whom something is decided."""
        was, after = before.mail[message], now.mail[message]
        parties = self.person.mail[message].parties
        gained = after - was - ALL_LABELS
        if was <= ALL_LABELS:
            gained -= {"Screener", "Inbox"}  # rather than being nowhere
        if not gained or self.undone.intersection(parties):
            return  # what is taken back goes to where it was
        # A label that has come off, or has got another beside it since, may be known to Mailroom or not.
        waiting = self.open & self.labelled(before)
        allowed: set[str] = set()
        for party in parties:
            groups = now.groups_of(party)
            allowed.update(*(PLACES_OF_GROUP[group] for group in groups))
            is_taken_back = None in self.said.get(party, ())
            allowed |= {"Screener"} if is_taken_back else set()
            if (groups or party in waiting) and not is_taken_back:
                break
        assert gained <= allowed, f"{message} of {parties} went to {gained} and belongs in {allowed}"

    def _check_deleted_card(self, name: str, before: Moment) -> None:
        card = before.cards[name]
        assert not is_group(card), "Mailroom deleted a contact group"
        assert name not in self.person.cards, "Mailroom deleted a card that the person wrote"
        party = party_of(card)
        # Who writes by the posting address on a list's card is the list.
        assert self.taken_back.intersection(addresses(card)), (
            f"the card of {party} was deleted and nobody took it back"
        )
        (uid,) = values(card, "UID")
        holders = [x for x in before.cards.values() if is_group(x) and uid in members(x)]
        assert not holders, f"the card of {party} was deleted while it was in a contact group"

    def _check_new_card(self, card: bytes, now: Moment) -> None:
        assert not is_group(card), "Mailroom made a contact group"
        party = party_of(card)
        assert party in {*self.said, *self.undone}, f"{party} got a card and nobody decided on them"
        ours = Counter(
            x
            for name, each in now.cards.items()
            if not is_group(each) and name not in self.person.cards
            for x in addresses(each)
        )
        for each in addresses(card):
            assert ours[each] == 1, f"{each} got a second card"
            if each not in self.person.disturbed:
                assert len(now.cards_of(each)) == 1, f"{each} had a card and got another"

    def _check_group(self, before: bytes, after: bytes, now: Moment) -> None:
        assert is_group(before), "Mailroom changed a card that is no contact group"
        (title,) = values(before, "FN")
        is_over_jmap = self.person.account.is_over_jmap
        # Over JMAP a group goes by its identifier, and nothing tells that it has just got another name.
        assert title in ALL_GROUPS or (is_over_jmap and title in self.person.renamed), (
            f"Mailroom changed the contact group {title}"
        )
        if is_over_jmap:  # the server writes it anew as a whole
            assert vcards.said_of_group(before) <= vcards.said_of_group(after)
        else:
            assert without_members(before, exactly=True) == without_members(after, exactly=True)
        assert len(members(after)) == len(set(members(after))), f"a member stands twice in {title}"
        group = title.removesuffix(RENAMED.format(""))
        for uid in set(members(after)) - set(members(before)):
            self._check_member(uid, f"came into {title}", {group}, now)
        for uid in set(members(before)) - set(members(after)):
            self._check_member(uid, f"went out of {title}", {*ALL_GROUPS, None} - {group}, now)

    def _check_member(self, uid: str, what: str, wanted: set[str | None], now: Moment) -> None:
        """Look whether labels say that a card's membership changes, of each kind of party it stands for."""
        owners = self._owners.get(uid, set())
        if owners & self.undone:
            return
        assert any(self.said[x] & wanted for x in owners & self.said.keys()), f"{uid} {what}"
        if owners & self.person.disturbed:
            return
        there = {
            x
            for card in now.cards.values()
            if not is_group(card) and uid in values(card, "UID")
            for x in addresses(card)
        }
        meant = {kind(x, there) for x in there & self.said.keys()}
        assert meant == {kind(x, there) for x in there}, f"{there} {what}, and only {meant} was meant"


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
