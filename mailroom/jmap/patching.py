"""What is asked of the server for an update of messages, and what it did of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable

from attrs import Factory, define, field, frozen

from mailroom.jmap.messages import FoundMessages
from mailroom.jmap.wire import EmailSet, Json, SetError
from mailroom.jmap.writing import REQUEST_OVERHEAD_BYTES, Patience, mailbox_pointer
from mailroom.model.mail import (
    ARCHIVED_KEYWORD,
    SETTLED_KEYWORD,
    WARNED_KEYWORD,
    Change,
    Message,
    MessageId,
)


@frozen
class Batch:
    """Patches by message, for one request.

    Attributes:
        first: What is done as far as it can be.
        last: What is done only where nothing of `first` was refused.
    """

    first: dict[MessageId, Json]
    last: dict[MessageId, Json] = Factory(dict)

    def __len__(self) -> int:
        return len(self.first) + len(self.last)


@define
class Updating:
    """An update under way.

    Attributes:
        may_chain: Whether what comes last may go in one request with what comes before it.
        pending: Messages not looked at yet, or to be looked at again.
        attempted: How messages were whose patch may have been applied although no answer said so, and how
            they are then.
        former: How messages were right before they were changed.
        is_seamless: Whether nothing else has changed since the first state.
        is_of_one_state: Whether all messages are as they were in `state`: not those that were done with
            before something else changed, and were not read again.
        stale_attempts: How many writes in a row met another state than the one they were meant for.
        patience: How long the server is still waited for where it is too busy.
    """

    state: str
    messages: dict[MessageId, Message]
    change: Callable[[Message], Change]
    conclude: Callable[[Message], Change] | None
    may_chain: bool
    pending: dict[MessageId, None] = field(init=False)
    attempted: dict[MessageId, tuple[Message, Message]] = field(init=False, factory=dict)
    former: dict[MessageId, Message] = field(init=False, factory=dict)
    failed: dict[MessageId, str] = field(init=False, factory=dict)
    is_seamless: bool = field(init=False, default=True)
    is_of_one_state: bool = field(init=False, default=True)
    stale_attempts: int = field(init=False, default=0)
    patience: Patience = field(init=False, factory=Patience)

    def __attrs_post_init__(self) -> None:
        self.pending = dict.fromkeys(self.messages)

    def next_batch(self, most: int, max_size_bytes: int) -> Batch:
        """Return the next patches, as many as one request may carry; none where all is done."""
        # What is concluded comes last, and only where nothing has failed before.
        others = [x for x in self.pending if not self._is_last(x)]
        first, room = self._filled(others, most, max_size_bytes - REQUEST_OVERHEAD_BYTES)
        if first and not (self.may_chain and all(x in first for x in others if x in self.pending)):
            return Batch(first)
        last, _ = self._filled([x for x in self.pending if self._is_last(x)], most, room)
        if last or first:
            return Batch(first, last) if first else Batch(last)
        # What could not be changed on the way has made others of those that came last.
        return self.next_batch(most, max_size_bytes) if self.pending else Batch({})

    def _filled(
        self, message_ids: Iterable[MessageId], most: int, room_bytes: int
    ) -> tuple[dict[MessageId, Json], int]:
        """Return patches of messages, as many as there is room for, and what room is left."""
        batch: dict[MessageId, Json] = {}
        for message_id in message_ids:
            message = self.messages[message_id]
            patch = self._patch(message)
            if patch is None:
                self.pending.pop(message_id)
                continue
            size_bytes = len(json.dumps({message_id: patch}))
            if batch and (len(batch) >= most or size_bytes > room_bytes):
                break
            room_bytes -= size_bytes
            batch[message_id] = patch
            self.attempted[message_id] = message, self._target(message)
        return batch, room_bytes

    def take(self, batch: Collection[MessageId], answer: EmailSet) -> int:
        """Note what the server did of a batch; return of how many messages it was not too busy for."""
        done, refused = answer.updated or {}, answer.not_updated or {}
        settled = 0
        for message_id in batch:
            error = refused.get(message_id)
            if error and error.type == "rateLimit":
                continue
            settled += 1
            self.pending.pop(message_id)
            if error:
                self._note_refusal(message_id, error)
            elif message_id not in done:
                self.failed[message_id] = "the server does not say what became of a message"
            else:
                self.former[message_id] = self.messages[message_id]
                self.messages[message_id] = self.attempted[message_id][1]
        self.is_seamless &= answer.old_state in (None, self.state)
        self.state = answer.new_state
        return settled

    def renew(self, found: FoundMessages) -> None:
        """Go on from messages read again; those that are gone are left out."""
        self.is_seamless = False
        self.is_of_one_state &= self.pending.keys() >= self.messages.keys()
        for message_id in list(self.pending):
            if message_id in found.messages:
                self.messages[message_id] = found.messages[message_id]
                continue
            self.pending.pop(message_id)
            if reason := found.left_out.get(message_id):
                self.failed[message_id] = reason
            else:
                del self.messages[message_id]
        self.state = next(iter(found.states), self.state)

    def give_up(self, reason: str) -> None:
        """Count everything that is not done as failed."""
        self.failed |= dict.fromkeys(self.pending, reason)
        self.pending.clear()

    def _is_last(self, message_id: MessageId) -> bool:
        if self.conclude is None or self.failed:
            return False
        message = self.messages[message_id]
        return self.change(message).applied_to(message) != self._target(message)

    def _target(self, message: Message) -> Message:
        changed = self.change(message).applied_to(message)
        return self.conclude(changed).applied_to(changed) if self.conclude and not self.failed else changed

    def _patch(self, message: Message) -> Json | None:
        """Return a message's patch (RFC 8620 section 5.3); None where there is nothing to do."""
        target = self._target(message)
        if message == target:
            was, then = self.attempted.get(message.id, (None, None))
            if was and then == message:
                self.former[message.id] = was  # by a request whose answer was lost
            return None
        if not target.mailbox_ids:
            # Never left to the server: one that keeps deleted mail for a while may destroy it here.
            self.failed[message.id] = "the message would be left in no mailbox"
            return None
        # Paths, not the whole mailboxIds: what somebody else adds in the meantime stays.
        added = sorted(target.mailbox_ids - message.mailbox_ids)
        removed = sorted(message.mailbox_ids - target.mailbox_ids)
        patch: Json = {mailbox_pointer(x): True for x in added} | {mailbox_pointer(x): None for x in removed}
        if message.is_just_archived != target.is_just_archived:
            patch[f"keywords/{ARCHIVED_KEYWORD}"] = target.is_just_archived or None
        if message.is_warned != target.is_warned:
            patch[f"keywords/{WARNED_KEYWORD}"] = target.is_warned or None
        if target.is_settled and not message.is_settled:
            patch[f"keywords/{SETTLED_KEYWORD}"] = True
        return patch

    def _note_refusal(self, message_id: MessageId, error: SetError) -> None:
        if error.type == "notFound":  # deleted in the meantime: there is nothing left to move
            del self.messages[message_id]
        else:
            self.failed[message_id] = (
                f"the server refused to move a message: {error.description or error.type}"
            )
