"""An account like Fastmail's, in memory, on loopback: JMAP, CardDAV and push, as strict as the real thing."""

from mailroom.sandbox.exchange import Reply, Request
from mailroom.sandbox.server import LogEntry, Sandbox
from mailroom.sandbox.store.account import Account, Limits

__all__ = ["Account", "Limits", "LogEntry", "Reply", "Request", "Sandbox"]
