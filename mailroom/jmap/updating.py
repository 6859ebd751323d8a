"""Changes messages, each by one patch (RFC 8621 section 4.6), on a view of them that still holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

from attrs import define, field

from mailroom.errors import MethodError, ServerError, TimedOutError
from mailroom.jmap.client import MAX_STALE_ATTEMPTS, Call, JmapClient, is_too_large
from mailroom.jmap.messages import FoundMessages, Messages
from mailroom.jmap.wire import EmailSet, Json, SetError
from mailroom.jmap.writing import REQUEST_OVERHEAD_BYTES, Patience, pointer
from mailroom.model.mail import (
    ARCHIVED_KEYWORD,
    SETTLED_KEYWORD,
    WARNED_KEYWORD,
    Change,
    MailboxId,
    Message,
    MessageId,
    Snapshot,
)
from mailroom.model.ports import Update


def update_messages(
    client: JmapClient, messages: Messages, snapshot: Snapshot, change: Callable[[Message], Change]
) -> Update:
    """Change messages; see `MailStore.update`."""
    work = _Updating(snapshot.state, dict(snapshot.messages), change)
    most = client.session.limits.max_objects_in_set
    while batch := work.next_batch(most, client.session.limits.max_size_request):
        # Nothing is written on a view that no longer holds (RFC 8620 section 5.3).
        arguments = {"ifInState": work.state, "update": batch}
        try:
            (answer,) = client.call([Call("Email/set", arguments)], once_if_slow=len(batch) > 1)
            settled = work.take(batch, answer.as_record(EmailSet))
        except ServerError as error:
            if isinstance(error, MethodError) and error.type == "stateMismatch":
                work.stale_attempts += 1
                if work.stale_attempts > MAX_STALE_ATTEMPTS:
                    work.give_up("the mail changes faster than it can be filed")
                else:
                    work.renew(messages.read(work.pending))
            elif len(batch) > 1 and (is_too_large(error) or isinstance(error, TimedOutError)):
                most = len(batch) // 2
                if isinstance(error, TimedOutError):  # what of it is done, only the server knows
                    work.renew(messages.read(work.pending))
            else:
                raise
        else:
            _go_on(client, work, settled, len(batch))
    return Update(Snapshot(work.state, work.messages), work.former, work.failed, work.is_seamless)


def _go_on(client: JmapClient, work: _Updating, settled: int, asked: int) -> None:
    """Wait for a server that was too busy for some of a batch; give up on one that always is."""
    if settled:  # it goes on: only what stands still is given up
        work.stale_attempts = 0
        work.patience.restore()
    if settled != asked:
        work.patience.wait(client, work.give_up)


@define
class _Updating:
    """An update under way.

    Attributes:
        pending: Messages not looked at yet, or to be looked at again.
        attempted: How messages were whose patch may have been applied although no answer said so.
        former: How messages were right before they were changed.
        is_seamless: Whether nothing else has changed since the first state.
        stale_attempts: How many writes in a row met another state than the one they were meant for.
        patience: How long the server is still waited for where it is too busy.
    """

    state: str
    messages: dict[MessageId, Message]
    change: Callable[[Message], Change]
    pending: dict[MessageId, None] = field(init=False)
    attempted: dict[MessageId, Message] = field(init=False, factory=dict)
    former: dict[MessageId, Message] = field(init=False, factory=dict)
    failed: dict[MessageId, str] = field(init=False, factory=dict)
    is_seamless: bool = field(init=False, default=True)
    stale_attempts: int = field(init=False, default=0)
    patience: Patience = field(init=False, factory=Patience)

    def __attrs_post_init__(self) -> None:
        self.pending = dict.fromkeys(self.messages)

    def next_batch(self, most: int, max_size_bytes: int) -> dict[MessageId, Json]:
        """Return the next patches by message, as many as one request may carry."""
        batch: dict[MessageId, Json] = {}
        size_bytes = REQUEST_OVERHEAD_BYTES
        for message_id in list(self.pending):
            message = self.messages[message_id]
            patch = self._patch(message)
            if patch is None:
                self.pending.pop(message_id)
                continue
            size_bytes += len(json.dumps({message_id: patch}))
            if batch and (len(batch) >= most or size_bytes > max_size_bytes):
                break
            batch[message_id] = patch
            self.attempted[message_id] = message
        return batch

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
                self.messages[message_id] = self._target(self.messages[message_id])
        self.is_seamless &= answer.old_state in (None, self.state)
        self.state = answer.new_state
        return settled

    def renew(self, found: FoundMessages) -> None:
        """Go on from messages read again; those that are gone are left out."""
        self.is_seamless = False
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

    def _target(self, message: Message) -> Message:
        return self.change(message).applied_to(message)

    def _patch(self, message: Message) -> Json | None:
        """Return a message's patch (RFC 8620 section 5.3); None where there is nothing to do."""
        target = self._target(message)
        if message == target:
            was = self.attempted.get(message.id)
            if was and self._target(was) == message:
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


def mailbox_pointer(mailbox_id: MailboxId) -> str:
    """Return the patch path of a mailbox id (RFC 6901)."""
    return pointer("mailboxIds", mailbox_id)
