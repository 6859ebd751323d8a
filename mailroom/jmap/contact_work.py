"""What is yet to be written into an account's contacts, in batches, and what becomes of it. Asks nobody.

A card that the server refuses would leave its line in a group that the same request has changed: the next
one takes that line out. Cut off in between, the line stands for nobody until a later cycle makes the
sender's card, under the same identifier.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

from attrs import Factory, define, evolve

from mailroom.jmap.calls import Call
from mailroom.jmap.contact_creation import Creation, as_made
from mailroom.jmap.contact_replica import ContactReplica
from mailroom.jmap.contact_wire import CardError, ContactCardSet
from mailroom.jmap.wire import Json
from mailroom.jmap.writing import REQUEST_OVERHEAD_BYTES, Patience, pointer
from mailroom.model.address_book import Refused

MAX_CREATIONS = 500
"""A few seconds of work for a server."""

Patches = Mapping[str, Mapping[str, bool]]
"""For each contact group, by its id, which identifiers come (true) and which go."""

_BUSY = "rateLimit"
_NOTHING_TO_PATCH = "invalidPatch"
"""Since everybody has left the group meanwhile, it has no members to patch (RFC 8620 section 5.3)."""

_NOT_SAID = CardError("the server does not say what became of it")


@define
class Batch:
    """What one request carries.

    Attributes:
        creations: What it makes, by a name for it in this request.
        cards: Likewise, the cards.
        members: Which identifiers come into each group, and which go.
        empty: Those of the groups that have no members. There is none to patch (RFC 8620 section 5.3), so
            they get them all at once, in no state but the one that is known: somebody may have joined.
    """

    creations: dict[str, Creation] = Factory(dict)
    cards: dict[str, Json] = Factory(dict)
    members: dict[str, dict[str, bool]] = Factory(lambda: defaultdict(dict))
    empty: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """How many objects it makes and changes."""
        return len(self.cards) + len(self.members)

    def call(self, account_id: str, state: str) -> Call:
        """Return the method call.

        Args:
            account_id: The account that the contacts were read from; the session may name another by now.
            state: The one in which they were read.
        """
        arguments: Json = {"accountId": account_id}
        if self.empty:
            arguments["ifInState"] = state
        if self.cards:
            arguments["create"] = self.cards
        if self.members:
            arguments["update"] = {
                group: {"members": each} if group in self.empty else _patch(each)
                for group, each in self.members.items()
            }
        return Call("ContactCard/set", arguments)


class ContactWork:
    """A writing under way.

    Attributes:
        failed: For each group that could not be changed, why.
        must_look: Whether others, or a request whose answer was lost, have made something.
        is_busy: Whether the server was too busy for some of the last request.
        patience: How long it is still waited for.
        stale_attempts: How many in a row met another state than the one they were meant for.
    """

    def __init__(self, replica: ContactReplica, creations: Sequence[Creation], patches: Patches) -> None:
        self._replica = replica
        self._creations = _in_turns(creations)
        self._patches: dict[str, dict[str, bool]] = defaultdict(dict)
        self._patches.update({group: dict(each) for group, each in patches.items()})
        self._names = {group.id: group.name for group in replica.groups.values()}
        self._looked_at_again: set[str] = set()
        self._retracted: set[tuple[str, str]] = set()
        self._conflicting: list[Creation] = []
        self._taken_uids = replica.uids() if creations else set()
        self.failed: dict[str, str] = {}
        self.must_look = False
        self.is_busy = False
        self.patience = Patience()
        self.stale_attempts = 0

    def next_batch(self, most: int, max_size_bytes: int) -> Batch | None:
        """Return what the next request carries; None where nothing is left to do."""
        self._settle_what_is_there()
        empty = (group.id for group in self._replica.groups.values() if not group.members)
        batch = self._filled(Batch(empty=frozenset(empty)), most, max_size_bytes)
        batch.empty &= batch.members.keys()
        return batch if batch.size else None

    def _filled(self, batch: Batch, most: int, max_size_bytes: int) -> Batch:
        size_bytes = REQUEST_OVERHEAD_BYTES
        for group, members in self._patches.items():
            for uid, comes in members.items():
                if not comes and group in batch.empty:
                    continue  # it has left already
                size_bytes += len(json.dumps(uid)) + 20
                is_full = size_bytes > max_size_bytes or (group not in batch.members and batch.size >= most)
                if batch.size and is_full:
                    return batch
                batch.members[group][uid] = comes
        for index, creation in enumerate(self._open()):
            if (card := creation.card()) is None:
                continue
            size_bytes += len(json.dumps(card)) + 80
            is_large = (
                size_bytes > max_size_bytes or batch.size + 2 > most or len(batch.cards) == MAX_CREATIONS
            )
            if batch.size and is_large:
                break
            name = f"new{index}"
            batch.creations[name], batch.cards[name] = creation, card
            if creation.group_id and not self._is_member(creation.group_id, creation.uid):
                batch.members[creation.group_id][creation.uid] = True
        return batch

    def take(self, batch: Batch, answer: ContactCardSet) -> int:
        """Note what the server did of a batch; return how many cards it has made."""
        if answer.created or answer.updated:  # it goes on: only what stands still is given up
            self.stale_attempts = 0
            self.patience.restore()
        self._take_groups(batch, answer)
        made = 0
        for name, creation in batch.creations.items():
            said = (answer.created or {}).get(name)
            card = as_made(batch.cards[name], said, int(time.time())) if said is not None else None
            if card:
                made += 1
                self._replica.keep_written(card)
                creation.outcome = creation.uid
                self._want_in_group(creation)
            else:
                self._take_refusal(creation, (answer.not_created or {}).get(name, _NOT_SAID))
        self._drop_failed_groups()
        return made

    def note_what_is_there(self) -> None:
        """Take in what a reading has shown."""
        self.must_look = False
        self._taken_uids = self._replica.uids()
        for creation in self._conflicting:
            if creation.outcome is None and not creation.is_there(creation.uid):
                self._retract(creation)
                creation.give_uid_up()
        self._conflicting.clear()

    def note_stale(self, most: int) -> None:
        """Note that the contacts were in another state; give up where that happens too often."""
        self.stale_attempts += 1
        self.must_look = True
        if self.stale_attempts > most:
            self.give_up("the contacts change faster than they can be written")

    def give_up(self, reason: str) -> None:
        """Count everything that is not done as failed; but refused lines still go, once."""
        self.must_look = self.is_busy = False
        for group, members in self._patches.items():
            if any((group, uid) not in self._retracted for uid in members):
                self.failed[group] = reason
        self._patches.clear()
        for creation in self._creations:
            if creation.outcome is None:
                self._refuse(creation, reason)

    def _settle_what_is_there(self) -> None:
        for creation in self._creations:
            if creation.outcome is None and not creation.settle_on_uid(self._taken_uids):
                self._want_in_group(creation)

    def _open(self) -> Iterator[Creation]:
        return (creation for creation in self._creations if creation.outcome is None)

    def _take_groups(self, batch: Batch, answer: ContactCardSet) -> None:
        for group, members in batch.members.items():
            error = (answer.not_updated or {}).get(group, _NOT_SAID)
            if group in (answer.updated or {}):
                self._note_members(group, members)
            elif error.type == _BUSY:
                self.is_busy = True
            elif error.type == _NOTHING_TO_PATCH and group not in self._looked_at_again:
                self._looked_at_again.add(group)
                self.must_look = True
            else:
                self.failed[group] = self._why_not_changed(group, error)

    def _note_members(self, group: str, members: Mapping[str, bool]) -> None:
        pending = self._patches.get(group, {})
        for uid in members:
            pending.pop(uid, None)
        if not pending:
            self._patches.pop(group, None)
        if known := self._replica.groups.get(group):
            joined = {uid for uid, comes in members.items() if comes}
            now = (known.members | joined) - (members.keys() - joined)
            self._replica.groups[group] = evolve(known, members=now, modified=0)

    def _why_not_changed(self, group: str, error: CardError) -> str:
        name = repr(self._names.get(group, ""))
        if error.type == "notFound":
            self._replica.forget_state()
            return f"the contact group {name} is gone"
        return f"the server refuses to change the contact group {name}: {error.description or error.type}"

    def _take_refusal(self, creation: Creation, error: CardError) -> None:
        if error.type == _BUSY:
            self.is_busy = True
        elif error.type == "alreadyExists" or "uid" in (error.properties or ()):
            # RFC 9610 section 3.5: no two cards of an account have the same one.
            self._conflicting.append(creation)
            self.must_look = True
        else:
            detail = error.description or ", ".join((error.type, *(error.properties or ())))
            self._refuse(creation, f"the server refuses {creation.what}: {detail}")

    def _refuse(self, creation: Creation, reason: str) -> None:
        creation.outcome = Refused(reason)
        if creation.has_uid:
            self._retract(creation)

    def _retract(self, creation: Creation) -> None:
        """Take a line out that stands for a card that is not there."""
        group, uid = creation.group_id, creation.uid
        if group and group not in self.failed and self._is_member(group, uid):
            self._patches[group][uid] = False
            self._retracted.add((group, uid))

    def _want_in_group(self, creation: Creation) -> None:
        group = creation.group_id
        is_there = not isinstance(creation.outcome, Refused)
        if group and is_there and group not in self.failed and not self._is_member(group, creation.uid):
            self._patches[group][creation.uid] = True

    def _is_member(self, group: str, uid: str) -> bool:
        known = self._replica.groups.get(group)
        return known is not None and uid in known.members

    def _drop_failed_groups(self) -> None:
        for group in self.failed:
            self._patches.pop(group, None)
        for creation in self._creations:
            if creation.outcome is None and creation.group_id in self.failed:
                self._refuse(creation, self.failed[creation.group_id])


def _in_turns(creations: Sequence[Creation]) -> list[Creation]:
    """Return the creations with each group's in turn, so that the first request fills all empty groups.

    Those are filled in the state that is known, and a second request would not meet that any more.
    """
    before = Counter[str | None]()
    turns = []
    for creation in creations:
        turns.append(before[creation.group_id])
        before[creation.group_id] += 1
    return [creation for _, creation in sorted(zip(turns, creations, strict=True), key=itemgetter(0))]


def _patch(members: Mapping[str, bool]) -> Json:
    """Return a patch that names only the members that come and go (RFC 8620 section 5.3, RFC 6901)."""
    return {pointer("members", uid): comes or None for uid, comes in members.items()}
