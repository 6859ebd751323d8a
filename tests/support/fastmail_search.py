"""What Fastmail does with imported rules, as far as Mailroom's file uses it: a reader of its own.

Written from Fastmail's documentation and public examples, not from Mailroom's code: words side by side
must all be true, NOT turns the next one around, OR stands between alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

TOKEN = re.compile(r'\s*(?:(NOT|OR)\b|(fromin|list):(?:"((?:[^"\\]|\\.)*)"|([^\s"()]+)))')


@frozen
class Incoming:
    """A message that comes in.

    Attributes:
        list_id: The identifier of the list that it came over, without brackets; empty where it did not.
    """

    sender: str
    list_id: str = ""


@frozen
class Addresses:
    """Who is in which contact group, by addresses; ``*@dom.example`` is everybody at exactly that domain.

    Attributes:
        others: The contacts that are in no group.
    """

    groups: Mapping[str, Collection[str]]
    others: Collection[str] = ()

    def has(self, sender: str, group: str) -> bool:
        """Whether a sender is in a contact group; in ``contacts`` is whoever is in any, or in none."""
        listed = [*self.groups.values(), self.others] if group == "contacts" else [self.groups.get(group, ())]
        forms = {sender.lower(), f"*@{sender.lower().rpartition('@')[2]}"}
        return any(not forms.isdisjoint(addresses) for addresses in listed)


def placed(rules: Iterable[Mapping[str, Any]], message: Incoming, contacts: Addresses) -> set[str]:
    """Return where the rules of a file put a message."""
    places, is_in_inbox = set(), True
    for rule in rules:
        if is_found(rule["search"], message, contacts):
            places |= {rule["fileIn"]} - {None}
            is_in_inbox = is_in_inbox and not rule["skipInbox"]
            if rule["stop"]:
                break
    return places | ({"Inbox"} if is_in_inbox else set())


def is_found(search: str, message: Incoming, contacts: Addresses) -> bool:
    """Whether a search finds a message."""
    alternatives: list[list[bool]] = [[]]
    is_negated = False
    for word, key, value in _tokens(search):
        match word:
            case "OR":
                assert alternatives[-1], search
                alternatives.append([])
            case "NOT":
                is_negated = True
            case _:
                is_so = message.list_id == value if key == "list" else contacts.has(message.sender, value)
                alternatives[-1].append(is_so is not is_negated)
                is_negated = False
    assert alternatives[-1], search
    assert not is_negated, search
    return any(map(all, alternatives))


def _tokens(search: str) -> Iterator[tuple[str | None, str | None, str]]:
    at = 0
    while at < len(search):
        found = TOKEN.match(search, at)
        assert found, f"no search that Fastmail reads: {search[at:]!r}"
        word, key, quoted, bare = found.groups()
        yield word, key, re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare or ""
        at = found.end()
