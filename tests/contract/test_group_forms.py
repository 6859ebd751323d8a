"""Whatever form a contact group is in, the provider's own rules take for members whom Mailroom puts there.

Only what reads the groups can tell whether they are written right: here it is Sieve on Cyrus, of
this machine's version and of a newer one, as mail is delivered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from mailroom.carddav.reading import WHOLE_CARDS
from mailroom.model.address import parse_address
from mailroom.model.contacts import CardUid, Membership
from tests.support import vcards
from tests.support.accounts import add_contact, contacts, furnish, group_card_name, label
from tests.support.mail import Mail, install_rules
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.running import opened, run_cycle

SENDER = "news@far.example"
URN = "urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1"
CONTACTS = (("3.0", "plain"), ("3.0", URN), ("3.0", "http://x.example/y"), ("4.0", "plain"), ("4.0", URN))
"""Version and UID of a contact card. A card that is stored as 4.0 shows another UID as 3.0 on Cyrus 3.10."""


@pytest.fixture(params=["cyrus", pytest.param("newer_cyrus", marks=pytest.mark.servers)])
def account(request: pytest.FixtureRequest) -> Iterator[AccountOnCyrus]:
    """An account with Mailroom's rules in force, on either version of Cyrus."""
    with closing(AccountOnCyrus(request.getfixturevalue(request.param))) as account:
        furnish(account)
        install_rules(account)
        yield account


@pytest.mark.parametrize(("written", "uid"), CONTACTS)
@pytest.mark.parametrize("has_members", [False, True], ids=["empty", "with members"])
@pytest.mark.parametrize("form", vcards.GROUP_FORMS)
def test_mail_of_who_is_put_into_a_group_goes_where_the_group_says(
    account: AccountOnCyrus, form: str, has_members: bool, written: str, uid: str
) -> None:
    """In, and out again: the next mail is where the group as it is then sends it; others are not moved."""
    mail = Mail(account)
    others = [add_contact(account, "Other", "other@far.example")] if has_members else []
    name = group_card_name(account, "Feed")
    version = b"\r\nVERSION:4.0\r\n" if form.startswith("4.0") else b"\r\nVERSION:3.0\r\n"
    account.put_card(name, vcards.group_in(form, account.member_prefix, "Feed", others))
    account.put_card("news.vcf", vcards.contact(uid, "News", SENDER, version=written))
    assert account.mailboxes_of(mail.arrives(SENDER)) == {"Inbox"}
    book = opened(account).book
    address = parse_address(SENDER)
    assert address
    assert [card.uid for card in book.refresh().cards(address)] == [uid]
    assert book.regroup({"Feed": Membership(add=frozenset({CardUid(uid)}))}) == {}
    assert version in account.stored_card(name), "it is stored as it was"
    assert account.mailboxes_of(mail.arrives(SENDER)) == {"Feed"}
    assert "Feed" in opened(account).book.refresh().groups(CardUid(uid))
    assert book.regroup({"Feed": Membership(remove=frozenset({CardUid(uid)}))}) == {}
    assert account.mailboxes_of(mail.arrives(SENDER)) == {"Inbox"}
    if has_members:
        assert account.mailboxes_of(mail.arrives("other@far.example")) == {"Feed"}


@pytest.mark.parametrize("form", vcards.GROUP_FORMS)
def test_contacts_of_every_form_come_into_one_group_and_go_by_turns(
    account: AccountOnCyrus, form: str
) -> None:
    """Each edit is told by the next mail of all of them: it changes one member and leaves the others."""
    mail = Mail(account)
    senders = {}
    for number, (version, uid) in enumerate(CONTACTS):
        own = CardUid(f"{uid}{number}")
        senders[own] = f"{number}@far.example"
        account.put_card(f"{number}.vcf", vcards.contact(own, "News", senders[own], version=version))
    name = group_card_name(account, "Feed")
    account.put_card(name, vcards.group_in(form, account.member_prefix, "Feed"))
    inside: set[CardUid] = set()
    for uid in (*senders, *senders):
        change = Membership(remove=frozenset({uid})) if uid in inside else Membership(add=frozenset({uid}))
        book = opened(account).book
        book.refresh()
        assert book.regroup({"Feed": change}) == {}
        inside ^= {uid}
        view = opened(account).book.refresh()
        for each, sender in senders.items():
            mailbox = "Feed" if each in inside else "Inbox"
            assert account.mailboxes_of(mail.arrives(sender)) == {mailbox}, (uid, each)
            assert view.groups(each) == ({"Feed"} & {mailbox}), (uid, each)


@pytest.mark.parametrize("form", ["3.0", "4.0"])
def test_a_label_files_a_sender_whose_contact_is_stored_as_4(account: AccountOnCyrus, form: str) -> None:
    """From one group to another: what waits is moved, what comes follows, and no contact is made anew."""
    mail = Mail(account)
    for group in ("Feed", "Paper Trail"):
        empty = vcards.group_in(form, account.member_prefix, group)
        account.put_card(group_card_name(account, group), empty)
    account.put_card("news.vcf", vcards.contact(URN, "News", SENDER, version="4.0"))
    waiting = account.receive([("News", SENDER)], "Screener")
    for label_name, destination in (("@ToFeed", "Feed"), ("@ToPaperTrail", "Paper Trail")):
        label(account, waiting, label_name)
        report = run_cycle(account)
        assert [filed.filing.card and filed.filing.card.uid for filed in report.filed] == [URN]
        assert account.mailboxes_of(waiting) == {destination}
        assert account.mailboxes_of(mail.arrives(SENDER)) == {destination}
        assert list(contacts(account)) == ["news.vcf"]


def test_who_the_rules_do_not_count_is_no_member(account: AccountOnCyrus) -> None:
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


@pytest.mark.parametrize("others", [0, 2 * WHOLE_CARDS], ids=["few cards", "many cards"])
@pytest.mark.parametrize("comes_later", [False, True], ids=["at the start", "later"])
@pytest.mark.parametrize("extra", [(), ("TEL:1", "NOTE:x")], ids=["bare", "with more"])
def test_whom_the_rules_count_is_a_member(
    account: AccountOnCyrus, others: int, comes_later: bool, extra: tuple[str, ...]
) -> None:
    """However a card is read and stored, its identifier is the one that the server compares."""
    versions = {"3.0": "three@far.example", "4.0": "four@far.example"}
    uids = {version: f"{URN[:-1]}{version[0]}" for version in versions}
    for number in range(others):
        account.put_card(f"{number}.vcf", vcards.contact(f"other{number}", "Other", f"{number}@far.example"))
    book = opened(account).book
    if comes_later:
        book.refresh()
    for version, sender in versions.items():
        card = vcards.contact(uids[version], "News", sender, extra=extra, version=version)
        account.put_card(f"{version}.vcf", card)
    group = vcards.group_in("4.0", account.member_prefix, "Feed", list(uids.values()))
    account.put_card(group_card_name(account, "Feed"), group)
    view, mail = book.refresh(), Mail(account)
    for version, sender in versions.items():
        address = parse_address(sender)
        assert address
        assert [card.uid for card in view.cards(address)] == [uids[version]]
        assert view.groups(CardUid(uids[version])) == {"Feed"}
        assert account.mailboxes_of(mail.arrives(sender)) == {"Feed"}


def test_rules_name_a_group_as_it_is_stored(account: AccountOnCyrus) -> None:
    """The identifier of a group that is stored as 4.0 is the one that its card writes."""
    mail = Mail(account)
    uid = add_contact(account, "News", SENDER)
    group = vcards.group_4("Feed", [uid], prefix=account.member_prefix)
    group = group.replace(b"UID:group-feed", f"UID:{URN}".encode())
    name = group_card_name(account, "Feed")
    account.delete_card(name)
    account.put_card("another.vcf", group)
    install_rules(account)
    assert account.mailboxes_of(mail.arrives(SENDER)) == {"Feed"}
