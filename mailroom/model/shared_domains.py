"""Which domains strangers share: about none of them is anything decided as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_LIST: Final = Path(__file__).with_suffix(".txt")
"""The domains, with their sources. It is asked seldom: read each time, and kept by nobody."""

_REASONS: Final = {
    "mailboxes": "anybody can have an address at {}",
    "forwarding": "addresses at {} stand for people who have nothing to do with each other",
    "disposable": "anybody can have an address at {} for some minutes",
    "platforms": "many who have nothing to do with each other write from {}",
    "registries": "anybody can have a domain below {}",
}


def why_shared(domain: str) -> str:
    """Say why nothing may be decided about everybody at a domain; empty where it may.

    Args:
        domain: As it is in an `Address`: lower case, A-labels (RFC 5890 section 2.3.2.1).
    """
    if domain.startswith("["):
        return f"{domain} is the address of a machine, and no domain"
    section = _section_of(domain) if "." in domain else "registries"
    return _REASONS[section].format(domain) if section else ""


def _section_of(domain: str) -> str:
    """Return the section of the list that holds a domain, by itself or with all below another one."""
    text = _LIST.read_text("ascii")
    labels = domain.split(".")
    for line in (domain, *(f".{'.'.join(labels[first:])}" for first in range(len(labels)))):
        at = text.find(f"\n{line}\n")
        if at >= 0:
            return text[text.rindex("\n[", 0, at) + 2 : at].partition("]")[0]
    return ""
