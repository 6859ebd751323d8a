"""What Fastmail does with imported rules, as far as Mailroom's file uses it: a reader of its own.

Written from Fastmail's documentation and public examples, not from Mailroom's code: words side by side
must all be true, NOT turns the next one around, OR stands between alternatives. Fastmail itself turns
the rules into Sieve for its engine, of which `as_sieve` is the like.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

TOKEN = re.compile(r'\s*(?:(NOT|OR)\b|(fromin|from|list):(?:"((?:[^"\\]|\\.)*)"|([^\s"()]+)))')


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


def matches(term: Term, message: Incoming, contacts: Addresses) -> bool:
    """Whether what a term looks for is true of a message."""
    match term.key:
        case "list":
            return message.list_id == term.value
        case "from":
            sender = message.sender.lower()
            return term.value.lower() in (sender, f"*@{sender.rpartition('@')[2]}")
        case _:
            return contacts.has(message.sender, term.value)


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
    return any(
        all(matches(term, message, contacts) is not term.is_negated for term in terms)
        for terms in _alternatives(search)
    )


def as_sieve(
    rules: Iterable[Mapping[str, Any]], mailbox_ids: Mapping[str, str], group_uids: Mapping[str, str]
) -> str:
    """Return the script that Fastmail makes of the rules of a file, as published ones show it."""
    script = ['require ["fileinto", "copy", "mailboxid", "variables", "vnd.cyrus.jmapquery"];']
    for rule in rules:
        query = json.dumps(_query(rule["search"], group_uids))
        does = [f'fileinto :copy :mailboxid "{mailbox_ids[rule["fileIn"]]}" "x";'] if rule["fileIn"] else []
        does += ['set "skipinbox" "Y";'] if rule["skipInbox"] else []
        does += ['set "stop" "Y";'] if rule["stop"] else []
        script.append(f'if allof(not string :is "${{stop}}" "Y", jmapquery text:\n{query}\n.\n) {{ ')
        script.append(" ".join(does) + "}")
    return "\n".join([*script, 'if string :is "${skipinbox}" "Y" { discard; }\n'])


def _query(search: str, group_uids: Mapping[str, str]) -> dict[str, Any]:
    """Return a search as a filter of the engine's."""

    def filter_of(term: Term) -> dict[str, Any]:
        if term.key == "list":
            found: dict[str, Any] = {"listId": term.value}
        elif term.key == "from":
            found = {"from": term.value}
        elif term.value == "contacts":
            found = {"fromAnyContact": True}
        else:
            found = {"fromContactGroupId": group_uids[term.value]}
        return {"operator": "NOT", "conditions": [found]} if term.is_negated else found

    alternatives = [{"operator": "AND", "conditions": list(map(filter_of, x))} for x in _alternatives(search)]
    return {"operator": "OR", "conditions": alternatives}


@frozen
class Term:
    """One word of a search, such as ``NOT fromin:Feed``."""

    key: str
    value: str
    is_negated: bool


def _alternatives(search: str) -> list[list[Term]]:
    alternatives: list[list[Term]] = [[]]
    is_negated = False
    for word, key, value in _tokens(search):
        match word:
            case "OR":
                assert alternatives[-1], search
                alternatives.append([])
            case "NOT":
                is_negated = True
            case _:
                alternatives[-1].append(Term(key or "", value, is_negated))
                is_negated = False
    assert alternatives[-1], search
    assert not is_negated, search
    return alternatives


def _tokens(search: str) -> Iterator[tuple[str | None, str | None, str]]:
    at = 0
    while at < len(search):
        found = TOKEN.match(search, at)
        assert found, f"no search that Fastmail reads: {search[at:]!r}"
        word, key, quoted, bare = found.groups()
        yield word, key, re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare or ""
        at = found.end()
