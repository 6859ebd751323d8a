"""What everything that writes shares (RFC 8620 section 5.3): room, patience, and the names of patches."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from mailroom.jmap.client import JmapClient
from mailroom.model.mail import MailboxId

BUSY_WAITS_SECONDS = (1.0, 4.0, 16.0)
"""How long a server is waited for that refuses everything with ``rateLimit``."""

BUSY = "the server is busy: it limits how much may be changed in a while"

REQUEST_OVERHEAD_BYTES = 4_096


@define
class Patience:
    """How often in a row a server was too busy: who goes on is waited for, who stands still is given up."""

    _attempts: int = field(default=0, init=False)

    def restore(self) -> None:
        """Note that the server has done something."""
        self._attempts = 0

    def wait(self, client: JmapClient, give_up: Callable[[str], None]) -> None:
        """Wait, longer each time; where that was often enough, give up instead, with the reason.

        Raises:
            StoppedError: The process is to end.
        """
        if self._attempts == len(BUSY_WAITS_SECONDS):
            give_up(BUSY)
            return
        client.wait(BUSY_WAITS_SECONDS[self._attempts])
        self._attempts += 1


def pointer(property_name: str, key: str) -> str:
    """Return the path in a patch of one key of a property (RFC 6901)."""
    return f"{property_name}/{key.replace('~', '~0').replace('/', '~1')}"


def mailbox_pointer(mailbox_id: MailboxId) -> str:
    """Return the patch path of a mailbox id (RFC 6901)."""
    return pointer("mailboxIds", mailbox_id)
