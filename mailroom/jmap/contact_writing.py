"""Makes cards and changes contact groups by ContactCard/set (RFC 9610 section 3.5), in one where they fit.

A group's patch names only the members that come and go, so it holds in whatever state the group is. The
server makes cards before it changes groups (RFC 8620 section 5.3).
"""

from __future__ import annotations

from collections.abc import Sequence

from mailroom.errors import MethodError, ServerError, TimedOutError
from mailroom.jmap.calls import is_too_large
from mailroom.jmap.client import MAX_STALE_ATTEMPTS, JmapClient
from mailroom.jmap.contact_creation import Creation
from mailroom.jmap.contact_replica import ContactReplica
from mailroom.jmap.contact_wire import ContactCardSet
from mailroom.jmap.contact_work import Batch, ContactWork, Patches
from mailroom.model.address_book import Advance

LEAST_OBJECTS = 2
"""A card and its group."""


class ContactWriter:
    """Writes into an account's contacts, and keeps its replica in step.

    Raises only what concerns everybody: `AuthenticationError` and `StoppedError`.
    """

    def __init__(self, client: JmapClient, replica: ContactReplica) -> None:
        self._client = client
        self._replica = replica

    def write(self, creations: Sequence[Creation], patches: Patches, advance: Advance) -> dict[str, str]:
        """Make cards, each with its outcome, and change groups; for each group that failed, why."""
        work = ContactWork(self._replica, creations, patches)
        try:
            limits = self._client.session.limits
        except ServerError as error:
            work.give_up(str(error))
            return work.failed
        most = max(LEAST_OBJECTS, limits.max_objects_in_set)
        while batch := work.next_batch(most, limits.max_size_request):
            try:
                advance(self._send(work, batch), len(creations))
            except ServerError as error:
                if most > LEAST_OBJECTS and (is_too_large(error) or isinstance(error, TimedOutError)):
                    most = max(LEAST_OBJECTS, min(most, batch.size) // 2)
                    work.must_look = isinstance(error, TimedOutError)  # what is done, only the server knows
                elif isinstance(error, MethodError) and error.type == "rateLimit":
                    work.is_busy = True
                elif isinstance(error, MethodError) and error.type == "stateMismatch":
                    work.note_stale(MAX_STALE_ATTEMPTS)
                else:
                    work.give_up(str(error))
            self._look(work)
            if work.is_busy:
                work.is_busy = False
                work.patience.wait(self._client, work.give_up)
        return work.failed

    def _send(self, work: ContactWork, batch: Batch) -> int:
        self._replica.forget_heard()
        call = batch.call(self._replica.account_id, self._replica.state)
        (answer,) = self._client.call([call], once_if_slow=batch.size > 1)
        return work.take(batch, answer.as_record(ContactCardSet))

    def _look(self, work: ContactWork) -> None:
        """Read what others have made, or a request of ours whose answer was lost."""
        if not work.must_look:
            return
        try:
            self._replica.refresh()
        except ServerError as error:
            work.give_up(str(error))
        else:
            work.note_what_is_there()
