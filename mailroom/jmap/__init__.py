"""JMAP (RFC 8620, RFC 8621): a person's mail. Knows nothing of triage beyond the ports it fills."""

from mailroom.jmap.client import JmapClient
from mailroom.jmap.conversations import JmapConversations
from mailroom.jmap.history import JmapMailHistory
from mailroom.jmap.mail import JmapMailStore
from mailroom.jmap.notes import JmapNotes
from mailroom.jmap.push import Push, PushState
from mailroom.jmap.search import JmapSearch
from mailroom.jmap.subjects import JmapSubjects

__all__ = [
    "JmapClient",
    "JmapConversations",
    "JmapMailHistory",
    "JmapMailStore",
    "JmapNotes",
    "JmapSearch",
    "JmapSubjects",
    "Push",
    "PushState",
]
