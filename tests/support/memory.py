"""Triage's two ports filled in plain memory, able to break off after any write; for property tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from attrs import define, evolve, field, frozen

from mailroom.contacts.enrolling import enrol_in_two_steps
from mailroom.model.address import parse_addresses
from mailroom.model.address_book import Advance, Enrolled, Joining, Refused, untold
from mailroom.model.contacts import Alteration, Card, CardUid, Made, MadeCard, MadeGroup, Membership, NewCard
from mailroom.model.letters import Letter, Letters
from mailroom.model.mail import Change, Mailbox, MailboxId, MailLimits, Message, MessageId, Snapshot
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party, PartyKind, kind_of
from mailroom.model.ports import Reading, Update

NEWEST_SENT = 200


class CrashError(Exception):
    """The process died here."""


@define(repr=False)
class World:
    """An account, which is its own mail store.

    Attributes:
        writes_left: Counts down to a crash; None never crashes.
        writes: How much was changed, which names the state of the mail.
        card_writes: How much of that in the contacts.
        made: The cards that were made here, as they were asked for.
        letters: What is known of messages besides; those that are gone too.
        tells_lists: Whether messages tell the lists that they came over.
    """

    mailboxes: tuple[Mailbox, ...]
    messages: dict[MessageId, Message]
    cards: dict[CardUid, tuple[Card, frozenset[Party]]]
    groups: dict[str, frozenset[CardUid]]
    own: tuple[str, ...] = ()
    writes_left: int | None = None
    writes: int = field(default=0)
    card_writes: int = field(default=0)
    made: dict[CardUid, NewCard] = field(factory=dict)
    limits: MailLimits = field(factory=MailLimits)
    letters: dict[MessageId, Letter] = field(factory=dict)
    tells_lists: bool = False

    def __repr__(self) -> str:
        messages = "\n".join(
            f"  {m.id} {sorted(m.mailbox_ids)} {'read' if m.is_read else 'unread'} {m.sender}"
            for m in self.messages.values()
        )
        return f"World:\n{messages}\n  {self.cards}\n  {self.groups}"

    def copy(self) -> World:
        return World(
            self.mailboxes,
            dict(self.messages),
            dict(self.cards),
            dict(self.groups),
            self.own,
            made=dict(self.made),
            letters=dict(self.letters),
        )

    def state(self) -> object:
        """Everything a person can see."""
        where = {m.id: (m.mailbox_ids, m.is_just_archived, m.is_warned) for m in self.messages.values()}
        return where, dict(self.cards), dict(self.groups)

    def write(self) -> None:
        if self.writes_left == 0:
            raise CrashError
        if self.writes_left is not None:
            self.writes_left -= 1
        self.writes += 1

    def write_card(self) -> None:
        self.write()
        self.card_writes += 1

    # --- mail store

    def own_addresses(self) -> OwnAddresses:
        return OwnAddresses.read(self.own)

    def tell_lists(self, tells: bool) -> None:
        self.tells_lists = tells

    def _told(self, message: Message) -> Message:
        return message if self.tells_lists or not message.lists else evolve(message, lists=())

    def read(
        self, mailbox_ids: Collection[MailboxId], keep: Callable[[Message], bool] = lambda _: True
    ) -> Reading:
        wanted = frozenset(mailbox_ids)
        told = [self._told(m) for m in self.messages.values() if m.mailbox_ids & wanted]
        found = {m.id: m for m in told if keep(m)}
        is_known = wanted <= {mailbox.id for mailbox in self.mailboxes}
        mailboxes = tuple(evolve(each, total_messages=self._count(each.id)) for each in self.mailboxes)
        return Reading(mailboxes, Snapshot(str(self.writes), found if is_known else {}), self.limits)

    def around(self, message_ids: Sequence[MessageId], sent: MailboxId) -> Letters:
        asked = [self.messages[x] for x in message_ids if x in self.messages]
        threads = {each.thread_id for each in asked}
        all_sent = sorted(
            (x for x in self.messages.values() if sent in x.mailbox_ids), key=lambda x: x.received_at
        )
        found = {
            x.id: evolve(self.letters.get(x.id, Letter(x)), message=self._told(x))
            for x in self.messages.values()
            if x.thread_id in threads or x in all_sent[-NEWEST_SENT:]
        }
        return Letters(str(self.writes), frozenset(message_ids), found)

    def just_archived(self) -> Snapshot:
        marked = {x.id: self._told(x) for x in self.messages.values() if x.is_just_archived}
        return Snapshot(str(self.writes), marked)

    def warned(self) -> Snapshot:
        marked = {x.id: self._told(x) for x in self.messages.values() if x.is_warned}
        return Snapshot(str(self.writes), marked)

    def those(self, message_ids: Collection[MessageId]) -> Snapshot:
        found = {x: self._told(self.messages[x]) for x in message_ids if x in self.messages}
        return Snapshot(str(self.writes), found)

    def update(
        self,
        snapshot: Snapshot,
        change: Callable[[Message], Change],
        conclude: Callable[[Message], Change] | None = None,
    ) -> Update:
        is_seamless = snapshot.state == str(self.writes)
        former: dict[MessageId, Message] = {}
        failed: dict[MessageId, str] = {}
        now: dict[MessageId, Message] = {}

        def target(message: Message) -> Message:
            changed = change(self._told(message)).applied_to(message)
            if conclude is None or failed:
                return changed
            return conclude(self._told(changed)).applied_to(changed)

        def is_last(message: Message) -> bool:
            return change(self._told(message)).applied_to(message) != target(message)

        for message_id, seen in sorted(snapshot.messages.items(), key=lambda item: is_last(item[1])):
            if target(seen) == seen:
                now[message_id] = seen  # nothing to send, so nobody learns of an outdated view
                continue
            if (decided := self._decided(message_id, target)) is None:
                continue
            message, wanted = decided
            if not wanted.mailbox_ids:
                failed[message_id] = "in no mailbox"
            elif not wanted.mailbox_ids <= {mailbox.id for mailbox in self.mailboxes}:
                failed[message_id] = "there is no such mailbox"
            elif wanted != message:
                self.write()
                former[message_id] = self._told(message)
                message = self.messages[message_id] = wanted
            now[message_id] = self._told(message)
        now = {x: now[x] for x in snapshot.messages if x in now}
        former = {x: former[x] for x in now if x in former}
        return Update(Snapshot(str(self.writes), now), former, failed, is_seamless)

    def _decided(
        self, message_id: MessageId, target: Callable[[Message], Message]
    ) -> tuple[Message, Message] | None:
        """Return a message and what is to become of it, decided on the message as it is."""
        while message := self.messages.get(message_id):
            wanted = target(message)
            if self.messages.get(message_id) == message:
                return message, wanted
        return None

    def _count(self, mailbox_id: MailboxId) -> int:
        return sum(mailbox_id in message.mailbox_ids for message in self.messages.values())

    def create_mailboxes(self, paths: Sequence[str]) -> Mapping[str, str]:
        there = {mailbox.name for mailbox in self.mailboxes}
        for path in dict.fromkeys(paths):
            if path not in there:
                self.write()
                self.mailboxes += (Mailbox(MailboxId(path), path),)
        return {}

    def delete_mailboxes(self, paths: Sequence[str]) -> Mapping[str, str]:
        staying = {}
        for mailbox in self.mailboxes:
            if mailbox.name in paths and (mailbox.role or self._count(mailbox.id)):
                staying[mailbox.name] = "it has a use of its own, or holds mail"
            elif mailbox.name in paths:
                self.write()
                self.mailboxes = tuple(each for each in self.mailboxes if each != mailbox)
        return staying


@frozen
class View:
    """The world's address book as of one moment."""

    by_uid: Mapping[CardUid, tuple[Card, frozenset[Party]]]
    members: Mapping[str, frozenset[CardUid]]

    def cards(self, party: Party) -> Sequence[Card]:
        return [card for card, parties in self.by_uid.values() if party in parties]

    def addresses(self) -> Iterable[Party]:
        return {address for _, addresses in self.by_uid.values() for address in addresses}

    def groups(self, uid: CardUid) -> Collection[str]:
        return {name for name, members in self.members.items() if uid in members}

    def knows_lists(self) -> bool:
        return True

    def group_names(self) -> Sequence[str]:
        return list(self.members)

    def group_uids(self) -> Mapping[str, CardUid]:
        return {name: CardUid(f"group {name}") for name in self.members}

    def filed_by(self, party: Party, group: str) -> int:
        return 0

    def changed_at(self, group: str) -> int:
        return 0

    def renamed_groups(self, names: Collection[str]) -> Mapping[str, str]:
        return {}

    def groups_made_at(self, names: Collection[str]) -> int:
        return 0


@define
class Book:
    """The world's address book. What others write into it is seen by the next `refresh`."""

    world: World
    _seen: View | None = field(default=None, init=False)
    _changes_read: int = field(default=0, init=False)

    def refresh(self) -> View:
        seen = View(dict(self.world.cards), dict(self.world.groups))
        self._changes_read += seen != self._seen
        self._seen = seen
        return seen

    def catch_up(self) -> View:
        return self.refresh()

    def has_changed(self) -> bool:
        return False

    def changes_read(self) -> int:
        return self._changes_read

    def has_lists(self) -> bool:
        parties = (
            chain.from_iterable(self._seen.by_uid[x][1] for x in self._seen.by_uid) if self._seen else ()
        )
        return any(kind_of(party) is PartyKind.LIST for party in parties)

    def latest(self) -> View:
        return self._seen or self.refresh()

    def problems(self) -> Sequence[str]:
        return ()

    def left_out(self) -> Sequence[str]:
        return ()

    def create_groups(self, names: Sequence[str]) -> Mapping[str, str]:
        for name in names:
            if name not in self.world.groups:
                self._put_group(name, frozenset())
        return {}

    def create(self, cards: Sequence[NewCard], advance: Advance = untold) -> Mapping[Party, Card | Refused]:
        made: dict[Party, Card | Refused] = {}
        for new in cards:
            uid = CardUid(f"uid of {new.address}")
            if uid not in self.world.cards:
                self.world.write_card()
                self.world.made[uid] = new
                is_list = kind_of(new.address) is PartyKind.LIST
                parties = {new.address, *(parse_addresses([new.email]) if is_list else ())}
                card = Card(uid, new.name, 1000 + len(self.world.cards), True, tuple(parties))
                self.world.cards[uid] = (card, frozenset(parties))
            self._see(cards={uid: self.world.cards[uid]})
            made[new.address] = self.world.cards[uid][0]
        return made

    def regroup(self, memberships: Mapping[str, Membership]) -> Mapping[str, str]:
        failed = {
            name: f"there is no contact group {name!r}" for name in memberships.keys() - self.world.groups
        }
        for name in memberships.keys() - failed:
            membership = memberships[name]
            members = (self.world.groups[name] | membership.add) - membership.remove
            if members != self.world.groups[name]:
                self._put_group(name, members)
        return failed

    def enrol(self, joining: Mapping[str, Joining], advance: Advance = untold) -> Enrolled:
        return enrol_in_two_steps(self, joining, advance)

    def made(self) -> Made:
        """What was made as it is; a card whose name is another than was asked for has been changed."""
        cards = (self._made_card(uid) for uid in self.world.made if uid in self.world.cards)
        groups = (self._made_group(name) for name in self.world.groups)
        return Made(tuple(cards), tuple(groups))

    def delete_cards(
        self, uids: Sequence[CardUid], objection: Callable[[MadeCard], str]
    ) -> Mapping[CardUid, str]:
        staying = {}
        for uid in uids:
            if uid not in self.world.cards:
                continue
            if reason := objection(self._made_card(uid)):
                staying[uid] = reason
                continue
            self.world.write_card()
            del self.world.cards[uid]
        return staying

    def delete_groups(
        self, uids: Sequence[CardUid], objection: Callable[[MadeGroup], str]
    ) -> Mapping[CardUid, str]:
        staying = {}
        for name in [name for name in self.world.groups if f"group {name}" in uids]:
            if reason := objection(self._made_group(name)):
                staying[CardUid(f"group {name}")] = reason
                continue
            self.world.write_card()
            del self.world.groups[name]
        return staying

    def _made_card(self, uid: CardUid) -> MadeCard:
        asked_for, (card, addresses) = self.world.made[uid], self.world.cards[uid]
        groups = tuple(name for name, members in self.world.groups.items() if uid in members)
        parties = {asked_for.address, *parse_addresses([asked_for.email])}
        is_same = card.name == asked_for.name and addresses == parties
        alteration = Alteration.NONE if is_same else Alteration.SEEN
        email, kind = asked_for.email, asked_for.kind
        return MadeCard(uid, card.name, asked_for.address, alteration, groups, email, kind)

    def _made_group(self, name: str) -> MadeGroup:
        return MadeGroup(CardUid(f"group {name}"), name, True, len(self.world.groups[name]))

    def _put_group(self, name: str, members: frozenset[CardUid]) -> None:
        self.world.write_card()
        self.world.groups[name] = members
        self._see(groups={name: members})

    def _see(
        self,
        cards: Mapping[CardUid, tuple[Card, frozenset[Party]]] = MappingProxyType({}),
        groups: Mapping[str, frozenset[CardUid]] = MappingProxyType({}),
    ) -> None:
        """Know what was written here without reading it."""
        if self._seen:
            self._seen = View({**self._seen.by_uid, **cards}, {**self._seen.members, **groups})
