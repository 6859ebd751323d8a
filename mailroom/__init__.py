"""Mailroom: one triage label on one message files its sender for good."""

__version__ = "0.1.0"
