"""The routing rules in the formats of mail providers. Knows nothing of accounts."""

from mailroom.rules.fastmail import render_fastmail
from mailroom.rules.sieve import GroupTest, SieveContext, render_sieve
from mailroom.rules.text import render_text

__all__ = ["GroupTest", "SieveContext", "render_fastmail", "render_sieve", "render_text"]
