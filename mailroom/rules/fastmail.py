"""Rules as a file that Fastmail imports (Settings → Filters & Rules)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from mailroom.errors import UserError
from mailroom.model.own import EVERYBODY, OwnAddresses
from mailroom.model.shared_domains import why_shared
from mailroom.output.programs import json_text
from mailroom.rules.routing import Rule

_WORD = re.compile(r"[A-Za-z0-9]+")
_ADDRESS = re.compile(r"[A-Za-z0-9.*@_-]+")
_RESERVED = frozenset({"contacts", "and", "or", "not"})
NO_ADDRESSES = OwnAddresses()


def render_fastmail(rules: Iterable[Rule], now: datetime, own: OwnAddresses = NO_ADDRESSES) -> str:
    """Write the rules as ``mailrules.json``.

    Args:
        own: The person's own addresses, for whose mail no decision about a domain counts.

    Raises:
        UserError: A contact group's name means something else in a search.
    """
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = [
        {
            "name": rule.name,
            "combinator": "all",
            "conditions": None,
            "search": search_of(rule, own),
            "markRead": False,
            "markFlagged": False,
            "showNotification": False,
            "redirectTo": None,
            "fileIn": rule.mailbox,
            "skipInbox": not rule.keeps_inbox,
            "snoozeUntil": None,
            "discard": False,
            "markSpam": False,
            "stop": rule.stops,
            "previousFileInName": None,
            "created": moment,
            "updated": moment,
            "isEnabled": True,
        }
        for rule in rules
    ]
    return json_text(entries)


def search_of(rule: Rule, own: OwnAddresses = NO_ADDRESSES) -> str:
    """Return the search that finds the rule's mail; see `render_fastmail`."""
    if rule.lists:
        return " OR ".join(f'list:"{each.strip("<>")}"' for each in rule.lists)
    if rule.group is None:
        return "NOT fromin:contacts"
    others = (*map(_from_in, rule.unless_in), *(_from_own(own) if rule.unless_in else ()))
    return " NOT ".join((_from_in(rule.group), *others))


def _from_own(own: OwnAddresses) -> Iterator[str]:
    """Return what finds the person's own mail, as far as it comes from domains that may be decided on.

    Of an address, and of everybody at a domain, it finds no other sender's (seen on Cyrus 3.6 and 3.12).
    """
    for address in sorted((*own.addresses, *(f"{EVERYBODY}@{domain}" for domain in own.domains))):
        if not why_shared(address.rpartition("@")[2]):
            yield f"from:{address if _ADDRESS.fullmatch(address) else _quoted(address)}"


def _from_in(group: str) -> str:
    if group.casefold() == "contacts":
        raise UserError(
            [
                f"the contact group {group!r} has a name that stands for all contacts in "
                "a rule: rename the group"
            ]
        )
    if _WORD.fullmatch(group) and group.casefold() not in _RESERVED:
        return f"fromin:{group}"
    return f"fromin:{_quoted(group)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
