"""JMAP (RFC 8620, RFC 8621): a person's mail. Knows nothing of triage beyond the ports it fills.

Here is what every service needs; what some commands need besides is imported from its module.
"""

from mailroom.jmap.client import JmapClient
from mailroom.jmap.mail import JmapMailStore
from mailroom.jmap.push import Push, PushState

__all__ = ["JmapClient", "JmapMailStore", "Push", "PushState"]
