"""What must hold at every moment of a cycle, looked at directly in the account."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Collection
from functools import cache

from tests.support import vcards
from tests.support.accounts import DOMAIN_GROUPS, DOMAIN_LABEL, GROUPS, LABELS, LIST_LABEL, AccountUnderTest
from tests.support.scenarios import STRAGGLER, Stage, everybody_at

_LIST = re.compile(r"List-Id: (<[^<>]+>)")
HALF_FINISHED = "$mailroom-archived"
"""The keyword of a message that a cycle has moved and not yet seen the last of."""

OF_SERVERS = frozenset({"REV", "PRODID", "CREATED"})
"""What servers write into cards of their own accord."""

KEPT = frozenset({"Trash", "Sent", "Junk", "Drafts"})
TRIAGE_LABELS = frozenset(label for label in LABELS if label.startswith("@To"))
_MEMBER_LINES = re.compile(rb"(?im)^(?:X-ADDRESSBOOKSERVER-)?MEMBER[:;].*\r?\n(?:[ \t].*\r?\n)*")

is_group = cache(vcards.is_group)


@cache
def properties(card: bytes) -> tuple[vcards.Property, ...]:
    """Return what a card says."""
    return tuple(vcards.properties(card))


@cache
def values(card: bytes, name: str) -> tuple[str, ...]:
    """Return every value of a property."""
    return tuple(each.value for each in properties(card) if each.name == name)


@cache
def addresses(card: bytes) -> tuple[str, ...]:
    """Return what a contact card stands for: its addresses, and the lists its note names; in lower case."""
    named = (found for note in values(card, "NOTE") for found in _LIST.findall(note))
    return tuple(value.lower() for value in (*values(card, "EMAIL"), *named))


@cache
def members(card: bytes) -> tuple[str, ...]:
    """Return the UIDs of a contact group's members, in order."""
    return tuple(vcards.members(card))


def without_members(card: bytes, *, exactly: bool) -> object:
    """Return what a contact group's card says besides its members: its bytes, or what they mean."""
    if exactly:
        return _MEMBER_LINES.sub(b"", card)
    return vcards.without_members(card)


class Observer:
    """Remembers an account as it was, and says whether all is well now.

    Attributes:
        checks: How often it has checked.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._cards = dict(stage.account.cards())
        messages = stage.messages.values()
        self._labelled = {x.party for x in messages if x.sender and x.mailboxes & TRIAGE_LABELS}
        self._labelled -= {stage.account.address, ""}
        self._undecided = {x.party for x in messages if "@ToScreener" in x.mailboxes}
        # Two labels on one protected message just come off.
        self._taken_back = {
            x.sender for x in messages if x.mailboxes & KEPT and len(x.mailboxes & TRIAGE_LABELS) > 1
        }
        self._ours = {
            uid
            for card in self._cards.values()
            if not is_group(card) and self._labelled & set(addresses(card))
            for uid in values(card, "UID")
        }
        self._named = set(stage.named) - self._labelled
        self._ours |= {
            uid
            for card in self._cards.values()
            if not is_group(card) and self._named & set(addresses(card))
            for uid in values(card, "UID")
        }
        self.checks = 0

    def expect_undecided(self, senders: Collection[str]) -> None:
        """Know on whom nothing is to be decided any more, from now on or soon."""
        self._undecided |= {*senders}
        self._taken_back |= {*senders}

    def check(self) -> None:
        """Raise AssertionError where something is wrong."""
        self.checks += 1
        account = self._stage.account
        # Mailroom writes several cards at once: while one request is looked at, another is being done.
        with account.at_one_moment():
            cards = account.cards()
            where = {name: account.mailboxes_of(x.id) for name, x in self._stage.messages.items()}
        self._check_mail(where)
        self._check_groups_of_filed_senders(where, list(cards.values()))
        self._check_groups_of_named_senders(where, list(cards.values()))
        self._check_cards(account, dict(cards))

    def _check_mail(self, where: dict[str, set[str]]) -> None:
        for name, message in self._stage.messages.items():
            assert where[name], f"{name!r} is in no mailbox"
            decided = {*self._labelled, *self._named, STRAGGLER[1], "*@news.example"}
            is_marked = message.mailboxes & {*LABELS, DOMAIN_LABEL, LIST_LABEL} or not decided.isdisjoint(
                (message.sender, everybody_at(message.sender), message.list_id)
            )
            passed = (message.mailboxes - {"Screener"}) | {"Inbox"}
            is_passed = message.is_answer and where[name] == passed
            assert is_marked or is_passed or where[name] == message.mailboxes, (
                f"{name!r} is another sender's and was moved"
            )
            kept = message.mailboxes & {"Family", *KEPT}
            assert kept <= where[name], f"{name!r} was taken out of {kept - where[name]}"

    def _check_groups_of_filed_senders(self, where: dict[str, set[str]], cards: list[bytes]) -> None:
        for sender in self._labelled - self._taken_back:
            theirs = [name for name, x in self._stage.messages.items() if x.party == sender]
            if any(where[name] & TRIAGE_LABELS for name in theirs):
                continue
            groups = triage_groups_of(cards, sender)
            if sender in self._undecided:
                assert not groups, f"{sender} has lost their label and is in {groups}"
            else:
                assert groups, f"{sender} has lost their label and is in no group"

    def _check_groups_of_named_senders(self, where: dict[str, set[str]], cards: list[bytes]) -> None:
        for sender in self._named:
            theirs = {name: x for name, x in self._stage.messages.items() if x.sender == sender}
            if any(where[name] != x.mailboxes for name, x in theirs.items()):
                assert triage_groups_of(cards, sender), f"{sender}'s mail was moved, and they are in no group"

    def _check_cards(self, account: AccountUnderTest, now: dict[str, bytes]) -> None:
        uids = Counter(uid for card in now.values() for uid in values(card, "UID"))
        assert max(uids.values()) == 1, f"a UID stands twice: {uids}"
        before = Counter(x for card in self._cards.values() if not is_group(card) for x in addresses(card))
        after = Counter(x for card in now.values() if not is_group(card) for x in addresses(card))
        for address, count in after.items():
            assert count <= max(before[address], 1), f"{address} has a second card"
        for name, card in self._cards.items():
            if name not in now:
                self._check_deleted_card(name, list(now.values()))
            elif is_group(card) and set(values(card, "FN")) & {*GROUPS, *DOMAIN_GROUPS}:
                self._check_triage_group(card, now[name])
            else:
                assert now[name] == card, f"the card {name} was changed"

    def _check_deleted_card(self, name: str, now: list[bytes]) -> None:
        card = self._cards[name]
        assert not is_group(card), f"the group {name} is gone"
        (uid,) = values(card, "UID")
        assert set(addresses(card)) <= self._undecided, f"the card {name} is gone"
        assert uuid.UUID(uid).version == 5, f"the card {name} is gone, and Mailroom did not make it"
        holders = [each for each in now if is_group(each) and uid in members(each)]
        assert not holders, f"the card {name} is gone from a group that still names it"

    def _check_triage_group(self, before: bytes, after: bytes) -> None:
        account = self._stage.account
        exactly = account.keeps_card_bytes
        (name,) = values(before, "FN")
        assert len(members(after)) == len(set(members(after))), f"a member stands twice in {name}"
        foreign = [uid for uid in members(before) if uid not in self._ours]
        if account.is_over_jmap:  # the server writes it anew as a whole
            assert vcards.said_of_group(before) <= vcards.said_of_group(after), name
            # What has a colon stands in quotation marks in 3.0, and verbatim in 4.0.
            lost = {x.removeprefix("urn:uuid:") for x in foreign}
            lost -= {x.removeprefix("urn:uuid:") for x in members(after)}
            assert not lost, f"{name} lost a member"
            return
        assert without_members(after, exactly=exactly) == without_members(before, exactly=exactly), name
        assert [uid for uid in members(after) if uid in foreign] == foreign, f"{name} lost a member"


def triage_groups_of(cards: list[bytes], address: str) -> set[str]:
    """Return the names of the triage groups that some card with the address is in."""
    uids = {uid for x in cards if not is_group(x) and address in addresses(x) for uid in values(x, "UID")}
    # MEMBER holds the identifier just as the card writes it, with urn:uuid: where that begins with it.
    groups = [card for card in cards if is_group(card) and uids & {*members(card), *values(card, "MEMBER")}]
    return {name for card in groups for name in values(card, "FN")} & {*GROUPS, *DOMAIN_GROUPS}


def final_state(stage: Stage) -> dict[str, object]:
    """Return all that a person can see, in a form that is equal for equal accounts."""
    account = stage.account
    state: dict[str, object] = {
        f"message {name}": (sorted(account.mailboxes_of(x.id)), sorted(account.keywords_of(x.id)))
        for name, x in stage.messages.items()
    }
    # What Mailroom marks half-finished work with is gone when the work is done.
    assert not any(HALF_FINISHED in account.keywords_of(x.id) for x in stage.messages.values())
    for name, card in account.cards().items():
        if is_group(card) and account.is_over_jmap:
            uids = (uid.removeprefix("urn:uuid:") for uid in members(card))
            state[f"group {name}"] = vcards.said_of_group(card), tuple(sorted(uids))
        elif is_group(card):
            rest = without_members(card, exactly=account.keeps_card_bytes)
            state[f"group {name}"] = (rest, tuple(sorted(members(card))))
        else:
            state[f"card {name}"] = (
                card
                if account.keeps_card_bytes and not account.is_over_jmap
                else tuple(sorted(each for each in properties(card) if each.name not in OF_SERVERS))
            )
    return state
