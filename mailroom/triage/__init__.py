"""Decides what happens to senders and their mail. Knows no protocol."""
