"""The Sieve script for Cyrus."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.model.contacts import CardUid
from mailroom.model.mail import MailboxId
from mailroom.model.own import OwnAddresses
from mailroom.rules import GroupTest, SieveContext, render_sieve
from mailroom.rules.routing import Rule

FEED = Rule("Mailroom: Feed", "Feed", "Feed")
SCREENER = Rule("Mailroom: Screener", None, "Inbox/Screener")
JMAPQUERY = re.compile(r"jmapquery text:\n(.*)\n\.\n")
FILEINTO = re.compile(r'fileinto :mailboxid "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)";')


def context(
    *,
    group_test: GroupTest = GroupTest.GROUP_ID,
    own: tuple[str, ...] = (),
    reply_domains: tuple[str, ...] = (),
    group: str = "Feed",
    mailbox: str = "Feed",
    uid: str = "uid-of-feed",
) -> SieveContext:
    return SieveContext(
        mailbox_ids={mailbox: MailboxId("P1"), "Inbox/Screener": MailboxId("P2")},
        group_uids={group: CardUid(uid)},
        group_test=group_test,
        own=OwnAddresses.read(own),
        reply_domains=reply_domains,
    )


def conditions(script: str) -> list[object]:
    """Return the filters of the script's jmapquery tests."""
    return [json.loads(condition) for condition in JMAPQUERY.findall(script)]


def test_a_group_is_named_by_its_identifier() -> None:
    """Names change; the test asks for the group's UID, in the words that the server knows."""
    for group_test, word in (
        (GroupTest.GROUP_ID, "fromContactGroupId"),
        (GroupTest.CARD_UID, "fromContactCardUid"),
    ):
        assert conditions(render_sieve([FEED], context(group_test=group_test))) == [{word: "uid-of-feed"}]


def test_strangers_are_those_who_are_no_contact() -> None:
    """The last rule catches who is not among the contacts, and nobody else."""
    script = render_sieve([SCREENER], context())
    assert conditions(script) == [{"operator": "NOT", "conditions": [{"fromAnyContact": True}]}]


def test_mail_is_filed_by_the_mailbox_id_and_by_its_path() -> None:
    """A mailbox that is renamed is found again, and one that is made anew is found by its name."""
    assert FILEINTO.findall(render_sieve([FEED, SCREENER], context())) == [
        ("P1", "Feed"),
        ("P2", "Inbox/Screener"),
    ]


def test_no_rule_ends_the_script() -> None:
    """Each rule lets the others apply."""
    assert "stop" not in render_sieve([FEED, SCREENER], context(own=("me@x.example",)))


def test_own_mail_and_replies_are_left_out_where_they_can_be_told() -> None:
    """Only what is known of the person's addresses and Message-IDs is written down."""
    own = ("me@x.example", "*@Mine.example")
    script = render_sieve([SCREENER], context(own=own, reply_domains=("mx.x.example",)))
    assert 'not address :is "from" ["me@x.example"]' in script
    assert 'not address :domain :is "from" ["mine.example"]' in script, "an identity that is a whole domain"
    assert 'not header :contains ["in-reply-to", "references"] ["@mx.x.example>"]' in script
    assert "header" not in render_sieve([SCREENER], context())
    assert "address" not in render_sieve([SCREENER], context())


@pytest.mark.parametrize("mailbox", ['The "Feed"', "Back\\slash", "新聞/Büro", "Feed"])
def test_a_mailbox_name_stays_one_string(mailbox: str) -> None:
    """Quotes and backslashes are escaped, other letters are left as they are."""
    script = render_sieve([Rule("A rule", "Feed", mailbox)], context(mailbox=mailbox))
    ((_, name),) = FILEINTO.findall(script)
    assert re.sub(r"\\(.)", r"\1", name) == mailbox


@given(st.text(max_size=20))
def test_no_identifier_escapes_from_its_test(uid: str) -> None:
    """Whatever a group's UID holds, the script's test is one line of JSON with just that in it."""
    assert conditions(render_sieve([FEED], context(uid=uid))) == [{"fromContactGroupId": uid}]
