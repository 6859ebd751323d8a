"""The account in the sandbox: routing as the provider's rules do it, the demo's people, and large volumes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.sandbox import Sandbox, SandboxAccount
from mailroom.sandbox.seed.account import Names, seeded_account
from mailroom.sandbox.seed.people import STRANGERS
from mailroom.sandbox.store import vcards
from mailroom.sandbox.store.changes import ChangeLog
from mailroom.sandbox.store.rules import by_contact_group
from tests.support.raw_clients import RawDav, RawJmap, properties


def test_mail_goes_where_the_senders_contact_group_says() -> None:
    """A sender in a group goes to its mailbox, one with a card to the Inbox, a stranger to the Screener."""
    account = SandboxAccount(rules=by_contact_group({"Feed": "Feed"}, "Screener"))
    account.add_mailbox("Inbox", role="inbox")
    account.add_mailbox("Feed")
    account.add_mailbox("Screener")
    account.add_group("Feed")
    account.add_group("Friends")
    account.add_contact("News", "news@x.example", groups=["Feed"])
    account.add_contact("Amy", "amy@x.example", groups=["Friends"])
    for sender, mailbox in (
        ("News@X.example", "Feed"),
        ("amy@x.example", "Inbox"),
        ("who@x.example", "Screener"),
    ):
        assert account.mailbox_names(account.deliver([("", sender)])) == {mailbox}


def test_the_demos_account_is_the_same_every_time() -> None:
    """Two accounts of the demo do not differ in a message, a mailbox or a card."""

    def facts(account: SandboxAccount) -> list[object]:
        mail = [
            (m.id, m.received_at, m.subject, m.mailbox_ids, m.keywords) for m in account.messages.values()
        ]
        return [*mail, *(card.data for card in account.book.cards.values())]

    assert facts(seeded_account()) == facts(seeded_account())


def test_the_story_can_end_today() -> None:
    """A command that looks at the last weeks finds mail in an account that is served, too."""
    waiting = seeded_account(now=datetime(2031, 5, 4, tzinfo=UTC)).messages_in("Screener")
    assert max(message.received_at for message in waiting) > "2031-05-03"
    assert min(message.received_at for message in waiting) > "2031-04-04"


def test_the_demos_account_is_whole() -> None:
    """Strangers wait in the Screener, every role is there, every card is valid, and there is enough of it."""
    account = seeded_account(
        Names("Waiting Room", {"Imbox": ["Inbox"], "Reading": ["Reading/News", "Reading"]})
    )
    waiting = {message.addresses["from"][0][1] for message in account.messages_in("Waiting Room")}
    assert waiting == {sender.email for sender in STRANGERS}
    assert 60 <= len(account.messages) <= 100
    roles = {mailbox.role for mailbox in account.mailboxes.values()}
    assert roles >= {"inbox", "archive", "drafts", "sent", "junk", "trash"}
    assert account.group_members("Reading")
    assert account.messages_in("Reading/News")
    assert account.messages_in("Reading/News") == account.messages_in("Reading")
    for card in account.book.cards.values():
        vcards.check(card.data)
    domains = [email.rpartition("@")[2] for email in waiting]
    assert "bücherstube.example" in [domain.encode().decode("idna") for domain in domains if domain.isascii()]
    assert all(domain.endswith(".example") for domain in domains)
    assert account.cards_of("HENRI.moreau@orange-mail.example")


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["put", "delete"])), max_size=40), st.data()
)
def test_following_the_changes_gives_the_same_as_looking(
    steps: list[tuple[str, str]], data: st.DataObject
) -> None:
    """From any moment on, and in pages of any size, the changes lead to exactly what there is now."""
    log, there = ChangeLog("s"), set[str]()
    moments = [(log.state, frozenset(there))]
    for name, step in steps:
        if step == "put" and name not in there:
            log.created(name)
            there.add(name)
        elif step == "put":
            log.updated(name)
        elif name in there:
            log.destroyed(name)
            there.remove(name)
        moments.append((log.state, frozenset(there)))
    state, known = data.draw(st.sampled_from(moments))
    page = data.draw(st.none() | st.integers(1, 3))
    replica = set(known)
    while True:
        changes = log.since(state, page)
        assert page is None or len(changes.created + changes.updated + changes.destroyed) <= page
        replica = (replica | set(changes.created) | set(changes.updated)) - set(changes.destroyed)
        state = changes.new_state
        if not changes.has_more:
            break
    assert replica == there
    assert state == log.state


@pytest.fixture(scope="module")
def large_account() -> SandboxAccount:
    account = SandboxAccount()
    for name in ("Screener", "Feed"):
        account.add_mailbox(name)
    for number in range(100_000):
        account.deliver(
            [("", f"sender{number % 1000}@x.example")],
            ["Screener" if number % 2 else "Feed"],
            received_at=f"2026-01-{1 + number % 28:02}T00:{number // 60 % 60:02}:{number % 60:02}Z",
        )
    for number in range(10_000):
        account.add_contact(f"Sender {number}", f"sender{number}@x.example")
    return account


@pytest.mark.slow
class TestVolume:
    """The sandbox has to carry the volume tests of others; these guard it against the square of a volume."""

    @pytest.fixture
    def sandbox(self, large_account: SandboxAccount) -> Iterator[Sandbox]:
        with Sandbox(large_account) as sandbox:
            yield sandbox

    def test_a_hundred_thousand_messages_are_read_in_pages(self, sandbox: Sandbox) -> None:
        """Every message of a large mailbox is reached, in order, by pages of queries and gets."""
        account = sandbox.account
        where = {"inMailbox": account.mailbox_id("Screener")}
        seen: list[str] = []
        with closing(RawJmap(sandbox)) as jmap:
            while True:
                query, get = jmap.calls(
                    ("Email/query", {"filter": where, "position": len(seen), "limit": 4096}),
                    (
                        "Email/get",
                        {
                            "#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"},
                            "properties": ["from", "mailboxIds", "receivedAt"],
                        },
                    ),
                )
                if not query[1]["ids"]:
                    break
                assert len(get[1]["list"]) == len(query[1]["ids"])
                seen += query[1]["ids"]
        assert seen == [message.id for message in reversed(account.messages_in("Screener"))]

    def test_ten_thousand_cards_are_synced_and_read(self, sandbox: Sandbox) -> None:
        """Every card is in the first sync, and a multiget of a thousand gives a thousand."""
        with closing(RawDav(sandbox)) as dav:
            content = "<d:sync-token/><d:sync-level>1</d:sync-level><d:prop><d:getetag/></d:prop>"
            hrefs = list(properties(dav.report("d:sync-collection", content).xml))
            assert len(hrefs) == 10_000
            wanted = "".join(f"<d:href>{href}</d:href>" for href in hrefs[:1000])
            answer = dav.report("c:addressbook-multiget", f"<d:prop><c:address-data/></d:prop>{wanted}")
            assert list(properties(answer.xml)) == hrefs[:1000]

    def test_a_thousand_messages_move_in_one_request(self, sandbox: Sandbox) -> None:
        """Moving is no slower for the size of the mailboxes."""
        account = sandbox.account
        screener, feed = account.mailbox_id("Screener"), account.mailbox_id("Feed")
        moved = [message.id for message in account.messages_in("Screener")[:1000]]
        patch = {f"mailboxIds/{screener}": None, f"mailboxIds/{feed}": True}
        began = time.process_time()
        with closing(RawJmap(sandbox)) as jmap:
            result = jmap.call("Email/set", update=dict.fromkeys(moved, patch))
        assert len(result["updated"]) == 1000
        assert time.process_time() - began < 5
        assert all(account.mailbox_names(message) == {"Feed"} for message in moved)
