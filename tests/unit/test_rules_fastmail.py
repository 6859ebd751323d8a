"""The file of rules that Fastmail imports."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mailroom.errors import UserError
from mailroom.model.own import OwnAddresses
from mailroom.model.party import MailingList
from mailroom.model.scheme import ContactGroup, Name
from mailroom.rules import render_fastmail
from mailroom.rules.routing import MAX_CONDITIONS, ListRoute, Rule, routing_rules
from tests.support.default_account import GROUPS, SCHEME, WHOLE_SCHEME
from tests.support.fastmail_search import Addresses, Incoming, is_found, placed

LISTS = {"qa": "Imbox", "news": "Feed", "dev": "Imbox"}
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
    "fileIn": (str, type(None)),
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
IN_GROUP = r'fromin:(?:[A-Za-z0-9]+|"(?:[^"\\]|\\["\\])*")'
LIST = r'list:"[^"\\]+"'
SEARCH = re.compile(rf"NOT fromin:contacts|{IN_GROUP}(?: NOT {IN_GROUP})*|{LIST}(?: OR {LIST})*")


def rendered(*rules: Rule) -> list[dict[str, Any]]:
    """Render rules, check them against the schema, and return them as they are read back."""
    entries: list[dict[str, Any]] = json.loads(render_fastmail(rules, NOW))
    for entry in entries:
        assert list(entry) == list(SCHEMA)
        for key, expected in SCHEMA.items():
            value = entry[key]
            match expected:
                case tuple():
                    assert isinstance(value, expected), key
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
    listed = routing_rules(SCHEME, there=GROUPS)
    assert [(entry["search"], entry["fileIn"]) for entry in rendered(*listed)] == [
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


@pytest.mark.parametrize("group", ["Imbox", '"Imbox domains"'])
def test_the_inbox_needs_no_rule(group: str) -> None:
    """Members of the groups whose destination is the Inbox are contacts, and those stay in the Inbox."""
    searches = [entry["search"] for entry in rendered(*routing_rules(WHOLE_SCHEME))]
    assert not any(search.startswith(f"fromin:{group}") for search in searches)


def test_a_domain_gives_way_to_the_decisions_about_senders() -> None:
    """Its rule comes behind theirs and leaves out whoever is in one of their groups."""
    own = 'NOT fromin:Imbox NOT fromin:Feed NOT fromin:"Paper Trail" NOT fromin:Jail'
    assert [(each["search"], each["fileIn"]) for each in rendered(*routing_rules(WHOLE_SCHEME))] == [
        ("fromin:Feed", "Feed"),
        ('fromin:"Paper Trail"', "Paper Trail"),
        ("fromin:Jail", "Jail"),
        (f'fromin:"Feed domains" {own}', "Feed"),
        (f'fromin:"Paper Trail domains" {own}', "Paper Trail"),
        (f'fromin:"Jail domains" {own}', "Jail"),
        ("NOT fromin:contacts", "Screener"),
    ]


def test_a_domain_leaves_out_the_persons_own_addresses_there() -> None:
    """Those at domains that strangers share need no mention: nothing is decided about these."""
    own = OwnAddresses.read(["me@mine.example", "*@ours.example", "me@gmail.com", '"a b"@mine.example'])
    domains = [rule for rule in routing_rules(WHOLE_SCHEME) if rule.unless_in]
    for each in json.loads(render_fastmail(domains, NOW, own)):
        ends = r' NOT from:"\"a b\"@mine.example" NOT from:*@ours.example NOT from:me@mine.example'
        assert each["search"].endswith(f" NOT fromin:Jail{ends}")
        names = ("Feed domains", "Paper Trail domains", "Jail domains")
        contacts = Addresses({name: ["*@mine.example"] for name in names})
        assert is_found(each["search"], Incoming("you@mine.example"), contacts)
        assert not is_found(each["search"], Incoming("Me@mine.example"), contacts)
    others = [rule for rule in routing_rules(WHOLE_SCHEME) if not rule.unless_in]
    assert "from:" not in render_fastmail(others, NOW, own)


def test_lists_come_first_and_end_the_rules() -> None:
    """Whoever writes to a list that is decided on: no other rule is asked. The Inbox needs a rule here."""
    lists = [ListRoute(MailingList(f"<{name}.example>"), group) for name, group in LISTS.items()]
    entries = rendered(*routing_rules(SCHEME, lists))
    keys = ("name", "search", "fileIn", "skipInbox", "stop")
    assert [tuple(entry[key] for key in keys) for entry in entries[:3]] == [
        ("Mailroom: lists in Imbox", 'list:"dev.example" OR list:"qa.example"', None, False, True),
        ("Mailroom: lists in Feed", 'list:"news.example"', "Feed", True, True),
        ("Mailroom: Feed", "fromin:Feed", "Feed", True, False),
    ]


def test_a_list_that_goes_into_several_mailboxes_ends_the_rules_with_the_last_of_them() -> None:
    """One label a rule: those before the last let the next one apply."""
    group = ContactGroup(Name("Feed"), Name("Feeds/Daily"), (Name("Feeds"),))
    scheme = evolve(SCHEME, categories=(evolve(SCHEME.categories[1], group=group),))
    entries = rendered(*routing_rules(scheme, [ListRoute(MailingList("<dev.example>"), "Feed")]))
    assert [(each["fileIn"], each["stop"]) for each in entries[:2]] == [
        ("Feeds", False),
        ("Feeds/Daily", True),
    ]


def test_no_rule_has_more_than_fifty_lists() -> None:
    """So many conditions fit a rule; more of them are several rules, and none is left out."""
    lists = [ListRoute(MailingList(f"<list{n}.example>"), "Feed") for n in range(2 * MAX_CONDITIONS + 1)]
    entries = [each for each in rendered(*routing_rules(SCHEME, lists)) if "list:" in each["search"]]
    searches = [each["search"].split(" OR ") for each in entries]
    assert [len(search) for search in searches] == [50, 50, 1]
    assert sorted(chain(*searches)) == sorted(f'list:"{route.list.strip("<>")}"' for route in lists)
    assert len({each["name"] for each in entries}) == 3


@given(st.permutations([ListRoute(MailingList(f"<{name}.example>"), group) for name, group in LISTS.items()]))
def test_the_order_in_which_lists_are_told_changes_nothing(lists: list[ListRoute]) -> None:
    """Equal decisions are equal rules, so that one can tell whether those in force are the right ones."""
    assert routing_rules(SCHEME, [*lists, lists[0]]) == routing_rules(SCHEME, sorted(lists))


def test_a_group_for_domains_that_is_not_there_has_no_rule() -> None:
    """A search by a group that does not exist finds nothing, and nothing would tell."""
    listed = routing_rules(WHOLE_SCHEME, there=[*GROUPS, "Jail domains"])
    assert [rule.group for rule in listed] == ["Feed", "Paper Trail", "Jail", "Jail domains", None]


PLACES: dict[str, set[str]] = {group.name: {group.mailbox or "Inbox"} for group in SCHEME.groups}
SENDERS = [f"{who}@{where}.example" for where in ("one", "two") for who in ("ann", "bob")]
CATEGORY = st.none() | st.sampled_from(GROUPS)


@given(
    senders=st.fixed_dictionaries(dict.fromkeys(SENDERS, CATEGORY)),
    domains=st.fixed_dictionaries(dict.fromkeys(["one.example", "two.example"], CATEGORY)),
    lists=st.fixed_dictionaries(dict.fromkeys(["dev.example", "qa.example"], CATEGORY)),
    others=st.lists(st.sampled_from(SENDERS), max_size=2),
)
def test_what_is_decided_first_places_the_mail(
    senders: dict[str, str | None],
    domains: dict[str, str | None],
    lists: dict[str, str | None],
    others: list[str],
) -> None:
    """A list before the sender, the sender before their domain; contacts stay, all others are screened."""
    groups: dict[str, set[str]] = {name: set() for name in (*GROUPS, *(f"{x} domains" for x in GROUPS))}
    for sender, group in senders.items():
        if group:
            groups[group].add(sender)
    for domain, group in domains.items():
        if group:
            groups[f"{group} domains"].add(f"*@{domain}")
    routes = [ListRoute(MailingList(f"<{name}>"), group) for name, group in lists.items() if group]
    entries = rendered(*routing_rules(WHOLE_SCHEME, routes))
    contacts = Addresses(groups, others)
    for sender in [*SENDERS, "ann@below.one.example", "ANN@One.example"]:
        for name in ["", *lists, "other.example"]:
            domain = sender.lower().rpartition("@")[2]
            decided = lists.get(name) or senders.get(sender.lower()) or domains.get(domain)
            fallback = {"Inbox"} if sender.lower() in others else {"Screener"}
            expected = PLACES[decided] if decided else fallback
            assert placed(entries, Incoming(sender, name), contacts) == expected, (sender, name)


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
