"""Whatever form a contact group is in, the provider's own rules take for members whom Mailroom puts there.

Only what reads the groups can tell whether they are written right: here it is Sieve on Cyrus, of
this machine's version and of a newer one, as mail is delivered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from mailroom.model.contacts import CardUid, Membership
from tests.support import vcards
from tests.support.accounts import add_contact, furnish, group_card_name
from tests.support.mail import Mail, install_rules
from tests.support.on_cyrus import CyrusAccount
from tests.support.running import opened

SENDER = "news@far.example"


@pytest.fixture(params=["cyrus", pytest.param("newer_cyrus", marks=pytest.mark.servers)])
def account(request: pytest.FixtureRequest) -> Iterator[CyrusAccount]:
    """An account with Mailroom's rules in force, on either version of Cyrus."""
    with closing(CyrusAccount(request.getfixturevalue(request.param))) as account:
        furnish(account)
        install_rules(account)
        yield account


@pytest.mark.parametrize(
    "uid", ["plain", "urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1", "http://x.example/y"]
)
@pytest.mark.parametrize("has_members", [False, True], ids=["empty", "with members"])
@pytest.mark.parametrize("form", vcards.GROUP_FORMS)
def test_mail_of_who_is_put_into_a_group_goes_where_the_group_says(
    account: CyrusAccount, form: str, has_members: bool, uid: str
) -> None:
    """In, and out again: the next mail is where the group as it is then sends it; others are not moved."""
    mail = Mail(account)
    others = [add_contact(account, "Other", "other@far.example")] if has_members else []
    name = group_card_name(account, "Feed")
    version = b"\r\nVERSION:4.0\r\n" if form.startswith("4.0") else b"\r\nVERSION:3.0\r\n"
    account.put_card(name, vcards.group_in(form, account.member_prefix, "Feed", others))
    account.put_card("news.vcf", vcards.contact(uid, "News", SENDER))
    assert account.mailboxes_of(mail.arrives(SENDER)) == {"Inbox"}
    book = opened(account).book
    book.refresh()
    assert book.regroup({"Feed": Membership(add=frozenset({CardUid(uid)}))}) == {}
    assert version in account.stored_card(name), "it is stored as it was"
    assert account.mailboxes_of(mail.arrives(SENDER)) == {"Feed"}
    assert "Feed" in opened(account).book.refresh().groups(CardUid(uid))
    assert book.regroup({"Feed": Membership(remove=frozenset({CardUid(uid)}))}) == {}
    assert account.mailboxes_of(mail.arrives(SENDER)) == {"Inbox"}
    if has_members:
        assert account.mailboxes_of(mail.arrives("other@far.example")) == {"Feed"}


def test_who_the_rules_do_not_count_is_no_member(account: CyrusAccount) -> None:
    """A line in a spelling that moves no mail makes no member here either, and is made good."""
    mail = Mail(account)
    uid = add_contact(account, "News", SENDER)
    name = group_card_name(account, "Jail")
    wrong = vcards.group_in("4.0", "wrong:", "Jail", [uid])
    account.put_card(name, wrong)
    assert account.mailboxes_of(mail.arrives(SENDER)) == {"Inbox"}
    book = opened(account).book
    assert "Jail" not in book.refresh().groups(CardUid(uid))
    assert book.regroup({"Jail": Membership(add=frozenset({CardUid(uid)}))}) == {}
    assert account.mailboxes_of(mail.arrives(SENDER)) == {"Jail"}
