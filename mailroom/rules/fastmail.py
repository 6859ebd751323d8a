"""Rules as a file that Fastmail imports (Settings → Filters & Rules)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from mailroom.errors import UserError
from mailroom.output.programs import json_text
from mailroom.rules.routing import Rule

_WORD = re.compile(r"[A-Za-z0-9]+")
_RESERVED = frozenset({"contacts", "and", "or", "not"})


def render_fastmail(rules: Iterable[Rule], now: datetime) -> str:
    """Write the rules as ``mailrules.json``.

    Raises:
        UserError: A contact group's name means something else in a search.
    """
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = [
        {
            "name": rule.name,
            "combinator": "all",
            "conditions": None,
            "search": search_of(rule),
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


def search_of(rule: Rule) -> str:
    """Return the search that finds the rule's mail."""
    if rule.lists:
        return " OR ".join(f'list:"{each.strip("<>")}"' for each in rule.lists)
    if rule.group is None:
        return "NOT fromin:contacts"
    return " NOT ".join(map(_from_in, (rule.group, *rule.unless_in)))


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
    escaped = group.replace("\\", "\\\\").replace('"', '\\"')
    return f'fromin:"{escaped}"'
