"""The file of rules that Fastmail imports."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mailroom.errors import UserError
from mailroom.model.scheme import Name
from mailroom.rules import render_fastmail
from mailroom.rules.routing import Rule, routing_rules
from tests.support.default_account import SCHEME

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

# What Fastmail exports, key by key and in its order: the value's type, or the one value it has.
SCHEMA: dict[str, Any] = {
    "name": str,
    "combinator": "all",
    "conditions": None,
    "search": str,
    "markRead": bool,
    "markFlagged": bool,
    "showNotification": bool,
    "redirectTo": None,
    "fileIn": str,
    "skipInbox": bool,
    "snoozeUntil": None,
    "discard": bool,
    "markSpam": bool,
    "stop": bool,
    "previousFileInName": None,
    "created": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "updated": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "isEnabled": bool,
}
SEARCH = re.compile(r'NOT fromin:contacts|fromin:[A-Za-z0-9]+|fromin:"(?:[^"\\]|\\["\\])*"')


def rendered(*rules: Rule) -> list[dict[str, Any]]:
    """Render rules, check them against the schema, and return them as they are read back."""
    entries: list[dict[str, Any]] = json.loads(render_fastmail(rules, NOW))
    for entry in entries:
        assert list(entry) == list(SCHEMA)
        for key, expected in SCHEMA.items():
            value = entry[key]
            match expected:
                case type():
                    assert type(value) is expected, key
                case re.Pattern():
                    assert expected.fullmatch(value), key
                case _:
                    assert value == expected, key
        assert SEARCH.fullmatch(entry["search"]), entry["search"]
    return entries


def group_in(search: str) -> str:
    """Read the group's name out of a search, as a search parser does."""
    quoted = re.fullmatch(r'fromin:"(.*)"', search, re.DOTALL)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else search.removeprefix("fromin:")


def test_categories_come_first_and_screener_last() -> None:
    """The order is that of the categories; who is no contact is asked last of all."""
    assert [(entry["search"], entry["fileIn"]) for entry in rendered(*routing_rules(SCHEME))] == [
        ("fromin:Feed", "Feed"),
        ('fromin:"Paper Trail"', "Paper Trail"),
        ("fromin:Jail", "Jail"),
        ("NOT fromin:contacts", "Screener"),
    ]


def test_every_rule_files_outside_the_inbox_and_lets_the_others_apply() -> None:
    """Mail is filed and taken out of the Inbox; nothing else happens to it, and no rule ends the list."""
    for entry in rendered(*routing_rules(SCHEME)):
        assert entry["skipInbox"]
        assert entry["isEnabled"]
        others = ("markRead", "markFlagged", "showNotification", "discard", "markSpam", "stop")
        assert not any(entry[key] for key in others)


def test_the_inbox_needs_no_rule() -> None:
    """Members of the group whose destination is the Inbox are contacts, and those stay in the Inbox."""
    assert not any("Imbox" in entry["search"] for entry in rendered(*routing_rules(SCHEME)))


def test_a_label_inside_another_is_named_by_its_path() -> None:
    """A rule files into the full name of a nested label."""
    *_, last = rendered(*routing_rules(evolve(SCHEME, screener=Name("Inbox/Screener"))))
    assert last["fileIn"] == "Inbox/Screener"


@pytest.mark.parametrize(
    ("group", "search"),
    [
        ("Feed", "fromin:Feed"),
        ("Paper Trail", 'fromin:"Paper Trail"'),
        ('The "Feed"', r'fromin:"The \"Feed\""'),
        ("Back\\slash", r'fromin:"Back\\slash"'),
        ("Büro", 'fromin:"Büro"'),
        ("新聞", 'fromin:"新聞"'),
        ("not", 'fromin:"not"'),
        ("a) OR (b", 'fromin:"a) OR (b"'),
        ("x:y", 'fromin:"x:y"'),
    ],
)
def test_a_group_name_is_quoted_where_a_search_would_read_it_otherwise(group: str, search: str) -> None:
    """Spaces, quotes, backslashes, other letters and words of the search language stay part of the name."""
    (entry,) = rendered(Rule("A rule", group, "Somewhere"))
    assert entry["search"] == search


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12))
def test_any_group_name_is_read_back_as_it_is(group: str) -> None:
    """Whatever a group is called, a search parser finds just that name."""
    if group.casefold() == "contacts":
        return
    (entry,) = rendered(Rule("A rule", group, "Somewhere"))
    assert group_in(entry["search"]) == group


@pytest.mark.parametrize("group", ["contacts", "Contacts"])
def test_a_group_called_contacts_is_refused(group: str) -> None:
    """In a search that word means all contacts, so the rule would catch everybody."""
    with pytest.raises(UserError, match="rename the group"):
        render_fastmail([Rule("A rule", group, "Somewhere")], NOW)


def test_times_are_utc() -> None:
    """Both times are the moment of writing, in UTC."""
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    (entry,) = json.loads(render_fastmail([Rule("A rule", "Feed", "Feed")], elsewhere))
    assert entry["created"] == entry["updated"] == "2026-03-04T05:06:07Z"
