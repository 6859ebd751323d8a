"""An account like Fastmail's, in memory, on loopback: JMAP, CardDAV and push, as strict as the real thing."""

from mailroom.sandbox.exchange import Reply, Request
from mailroom.sandbox.server import LogEntry, Sandbox
from mailroom.sandbox.store.account import Limits, SandboxAccount

__all__ = ["Limits", "LogEntry", "Reply", "Request", "Sandbox", "SandboxAccount"]
