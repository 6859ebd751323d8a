"""Mailroom: one triage label on one message files its sender for good."""

__version__ = "1.0.0"
