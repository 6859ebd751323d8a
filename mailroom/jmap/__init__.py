"""JMAP (RFC 8620, RFC 8621): a person's mail. Knows nothing of triage beyond the port it fills."""

from mailroom.jmap.client import JmapClient
from mailroom.jmap.mail import JmapMailStore

__all__ = ["JmapClient", "JmapMailStore"]
