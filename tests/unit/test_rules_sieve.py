"""The Sieve script for Cyrus."""

from __future__ import annotations

import json
import re

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mailroom.model.contacts import CardUid
from mailroom.model.mail import MailboxId
from mailroom.model.own import OwnAddresses
from mailroom.model.party import MailingList
from mailroom.rules import GroupTest, SieveContext, render_sieve
from mailroom.rules.routing import Rule

FEED = Rule("Mailroom: Feed", "Feed", "Feed")
DEV = Rule("Mailroom: lists in Feed", None, "Feed", lists=(MailingList("<dev.example.org>"),), stops=True)
QA = Rule("Mailroom: lists in Imbox", None, None, True, lists=(MailingList("<qa.example.org>"),), stops=True)
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
    """Each rule lets the others apply, and what stands behind them in a larger script."""
    assert "stop" not in render_sieve([DEV, FEED, SCREENER], context(own=("me@x.example",)))


def test_lists_are_asked_first_and_all_other_rules_otherwise() -> None:
    """A list that is decided on is the first branch; a list for the Inbox files nothing, and asks no more."""
    script = render_sieve([QA, DEV, FEED, SCREENER], context())
    inbox, feed, others = script.partition("\n\n")[2].split("} els")
    assert inbox.startswith('if anyof(\nheader :matches "list-id" ["*<qa.example.org>", "qa.example.org"],')
    assert "fileinto" not in inbox
    assert '"*<dev.example.org>"' in feed
    assert FILEINTO.findall(feed) == [("P1", "Feed")]
    assert others.startswith("e {")
    assert FILEINTO.findall(others) == [("P1", "Feed"), ("P2", "Inbox/Screener")]
    assert others.rstrip().endswith("}")


def test_a_list_that_goes_into_several_mailboxes_is_one_branch() -> None:
    """All its rules are done, and what keeps it in the Inbox besides."""
    also = evolve(QA, mailbox="Feed", stops=False)
    (branch, _) = render_sieve([also, QA, SCREENER], context()).split("} else {")
    assert branch.count("if anyof(") == 1
    assert FILEINTO.findall(branch) == [("P1", "Feed")]
    assert "keep;" in branch


def test_a_domain_gives_way_to_each_group_of_senders_by_itself() -> None:
    """A query that names a group that has gone is false as a whole: so each group is a query of its own."""
    rule = Rule("Mailroom: Feed", "Feed", "Feed", unless_in=("Feed", "Feed"))
    script = render_sieve([rule], context(own=("me@x.example",)))
    assert conditions(script) == [{"fromContactGroupId": "uid-of-feed"}] * 3
    assert script.count("not jmapquery") == 2
    assert 'not address :is "from" ["me@x.example"]' in script, "no decision counts for the person's own mail"


def test_no_identifier_of_a_list_is_read_as_anything_else() -> None:
    """Neither as a pattern, nor as a variable where a larger script knows these."""
    odd = Rule("Lists", None, None, True, lists=(MailingList("<*?.${x.y}.example>"),), stops=True)
    script = render_sieve([odd, SCREENER], context())
    assert r'"*<\\*\\?.?{x.y}.example>"' in script
    assert "${" not in script


def test_the_order_of_what_is_known_of_replies_changes_nothing() -> None:
    """It follows the newest mail, and the script is the same as long as the same is known."""
    one, other = (
        render_sieve([SCREENER], context(reply_domains=x)) for x in (("b.x", "a.x"), ("a.x", "b.x"))
    )
    assert one == other


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
