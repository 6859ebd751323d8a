"""Changes messages, each by one patch (RFC 8621 section 4.6), on a view of them that still holds."""

from __future__ import annotations

from collections.abc import Callable

from mailroom.errors import MethodError, ServerError, TimedOutError
from mailroom.jmap.calls import Answer, Call, is_too_large, result_of
from mailroom.jmap.client import MAX_STALE_ATTEMPTS, JmapClient
from mailroom.jmap.messages import Messages
from mailroom.jmap.patching import Batch, Updating
from mailroom.jmap.wire import Changes, EmailSet, Json
from mailroom.model.mail import Change, Message, MessageId, Snapshot
from mailroom.model.ports import Update

_UNMET = frozenset({"invalidResultReference", "resultReference", "invalidArguments"})
"""What a call is refused with that refers to what an earlier one has not done (RFC 8620 section 3.7; the
second was seen on Cyrus 3.6.1)."""

_CALLS_IN_ORDER = 3
_NO_BOUND: Json = {"id": {"type": "notFound"}}


class MessageUpdater:
    """Changes messages, and learns on the way whether the server keeps an order within one request.

    Two writes go in one request with a call between them: that asks for at most as many changes as the
    first write refused messages, so to speak. ``notUpdated`` is null where it refused none, which sets no
    bound, and else no number, which is an invalid argument (RFC 8620 section 5.2). The second write names
    the state that this call began in, and there is none if it failed. A server is told once a wrong bound
    on purpose: only one that minds is relied on.
    """

    def __init__(self, client: JmapClient, messages: Messages) -> None:
        self._client = client
        self._messages = messages
        self._keeps_order: bool | None = None

    def update(
        self,
        snapshot: Snapshot,
        change: Callable[[Message], Change],
        conclude: Callable[[Message], Change] | None = None,
    ) -> Update:
        """Change messages; see `MailStore.update`."""
        limits = self._client.session.limits
        may_chain = bool(self._keeps_order) and limits.max_calls_in_request >= _CALLS_IN_ORDER
        work = Updating(snapshot.state, dict(snapshot.messages), change, conclude, may_chain=may_chain)
        most = limits.max_objects_in_set
        while batch := work.next_batch(most, limits.max_size_request):
            try:
                self._write(work, batch)
            except ServerError as error:
                if isinstance(error, MethodError) and error.type == "stateMismatch":
                    work.stale_attempts += 1
                    if work.stale_attempts > MAX_STALE_ATTEMPTS:
                        work.give_up("the mail changes faster than it can be filed")
                    else:
                        work.renew(self._messages.read(work.pending))
                elif len(batch) > 1 and (is_too_large(error) or isinstance(error, TimedOutError)):
                    most = most if batch.last else len(batch) // 2
                    work.may_chain = False
                    if isinstance(error, TimedOutError):  # what of it is done, only the server knows
                        work.renew(self._messages.read(work.pending))
                else:
                    raise
        former = {x: work.former[x] for x in snapshot.messages if x in work.former}
        # Who writes on must not take for the newest what was not read again: no state is the empty one.
        state = work.state if work.is_of_one_state else ""
        return Update(Snapshot(state, work.messages), former, work.failed, work.is_seamless)

    def _write(self, work: Updating, batch: Batch) -> None:
        """Write a batch, and note what became of it."""
        # Nothing is written on a view that no longer holds (RFC 8620 section 5.3).
        calls = [Call("Email/set", {"ifInState": work.state, "update": batch.first})]
        if batch.last:
            calls += _afterwards(batch.last)
        elif self._keeps_order is None and work.conclude:
            calls.append(Call("Email/changes", {"sinceState": work.state, "maxChanges": _NO_BOUND}))
        first, *others = self._client.call(calls, once_if_slow=len(batch) > 1)
        asked, settled = len(batch.first), work.take(batch.first, first.as_record(EmailSet))
        if batch.last:
            _, last = others
            try:
                settled += work.take(batch.last, last.as_record(EmailSet))
                asked += len(batch.last)
            except MethodError as error:
                if error.type not in _UNMET:
                    raise
                # Where nothing was refused, this server cannot tell that.
                self._keeps_order = work.may_chain = any(x not in work.former for x in batch.first)
        elif others:
            self._keeps_order = _minds(others[0])
        if settled:  # it goes on: only what stands still is given up
            work.stale_attempts = 0
            work.patience.restore()
        if settled != asked:
            work.patience.wait(self._client, work.give_up)


def _afterwards(patches: dict[MessageId, Json]) -> list[Call]:
    """Return the calls that change messages where the first call of their request has refused none."""
    refused, made = (result_of(0, "Email/set", path) for path in ("/notUpdated", "/newState"))
    began_in = result_of(1, "Email/changes", "/oldState")
    return [
        Call("Email/changes", {"#sinceState": made, "#maxChanges": refused}),
        Call("Email/set", {"#ifInState": began_in, "update": patches}),
    ]


def _minds(answer: Answer) -> bool:
    """Whether a bound that is no number was refused."""
    try:
        answer.as_record(Changes)
    except MethodError as error:
        return error.type == "invalidArguments"
    except ServerError:
        return False
    return False
