"""The tests' own view of an account: both kinds of server give the same answers to the same acts."""

from __future__ import annotations

from tests.support import vcards
from tests.support.accounts import (
    AccountUnderTest,
    add_contact,
    contacts_of,
    groups_of,
    join,
    label,
    members,
    unlabel,
)


def test_a_message_is_where_it_was_put(account: AccountUnderTest) -> None:
    """A message is in the mailboxes it arrived in, and then in those it was labelled with or moved to."""
    message = account.receive([("Ann", "ann@example.net")], "Screener", "Family")
    assert account.mailboxes_of(message) == {"Screener", "Family"}
    label(account, message, "@ToFeed")
    assert account.mailboxes_of(message) == {"Screener", "Family", "@ToFeed"}
    unlabel(account, message, "Screener", "Family")
    assert account.mailboxes_of(message) == {"@ToFeed"}
    account.place(message, "Trash")
    assert account.mailboxes_of(message) == {"Trash"}


def test_a_destroyed_message_is_nowhere(account: AccountUnderTest) -> None:
    """A message that was deleted for good is in no mailbox."""
    message = account.receive([("Ann", "ann@example.net")], "Screener")
    account.destroy(message)
    assert account.mailboxes_of(message) == set()


def test_a_contact_is_found_with_its_groups(account: AccountUnderTest) -> None:
    """A card is found by any of its addresses, grouped ones too, and a sender by the groups of their card."""
    uid = add_contact(account, "Ann", "ann@example.net", "ann@work.example", groups=["Feed"])
    account.put_card("b.vcf", vcards.contact("b", "Bob", extra=["item1.EMAIL:bob@example.net"]))
    join(account, "Friends", uid, "b")
    assert groups_of(account, "ann@work.example") == ["Feed", "Friends"]
    assert groups_of(account, "BOB@example.net") == ["Friends"]
    assert members(account, "Feed") == [uid]
    (card,) = contacts_of(account, "ann@example.net")
    assert vcards.value(card, "FN") == "Ann"
    account.delete_card("b.vcf")
    assert contacts_of(account, "bob@example.net") == []


def test_the_state_changes_with_every_write_and_only_then(account: AccountUnderTest) -> None:
    """Two states are equal if and only if no message and no card was written in between."""
    message = account.receive([("Ann", "ann@example.net")], "Screener")
    seen = [account.state()]
    assert account.state() == seen[-1]
    label(account, message, "@ToFeed")
    seen.append(account.state())
    account.mark_read(message)
    seen.append(account.state())
    account.put_card("a.vcf", vcards.contact("a", "Ann"))
    seen.append(account.state())
    account.delete_card("a.vcf")
    seen.append(account.state())
    assert len(set(seen)) == len(seen)
