"""The whole promise on a real server: from an account with an Inbox to mail that files itself.

Everything here is what a person does and what the world does to them: two commands, the rules
installed, mail delivered by LMTP, one label put on one message. Nothing of Mailroom runs between
the filing of a sender and their next mail, so that only the provider's rule can have placed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from attrs import evolve

from tests.support import vcards
from tests.support.accounts import add_contact, contacts, groups_of, join, label, members
from tests.support.behind import behind
from tests.support.cyrus.front import Front
from tests.support.harm import Harm
from tests.support.mail import Mail, install_rules
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.proxy import Exchange
from tests.support.running import run_command, run_cycle, run_process


@pytest.fixture
def account(cyrus: Front) -> Iterator[AccountOnCyrus]:
    """An account with an Inbox only, set up by Mailroom, with Mailroom's rules in force."""
    with closing(AccountOnCyrus(cyrus)) as account:
        assert account.mailbox_names() == ["Inbox"]
        assert not account.cards()
        made = run_command(account.environment, "setup", "--apply", "--json")
        assert made.code == 0, made.errors
        assert {item["state"] for item in made.json()["items"]} == {"made"}
        account.mailbox_names()
        account.add_mailboxes({"Sent": "sent"})
        account.send(("Someone", "someone@far.example"))
        install_rules(account)
        yield account


@pytest.fixture
def mail(account: AccountOnCyrus) -> Mail:
    return Mail(account)


@pytest.mark.parametrize(
    ("triage_label", "group", "destination"),
    [
        ("@ToImbox", "Imbox", "Inbox"),
        ("@ToFeed", "Feed", "Feed"),
        ("@ToPaperTrail", "Paper Trail", "Paper Trail"),
        ("@ToJail", "Jail", "Jail"),
        ("@ToPerson", "Imbox", "Inbox"),
    ],
)
def test_one_label_files_a_stranger_and_the_rule_files_their_next_mail(
    account: AccountOnCyrus, mail: Mail, triage_label: str, group: str, destination: str
) -> None:
    """A stranger's mail waits in Screener; one label later their mail goes where it belongs by itself."""
    sender = "Jörg Stranger <Joerg.Stranger@News.Example>"
    first = mail.arrives(sender)
    assert account.mailboxes_of(first) == {"Screener"}
    label(account, first, triage_label)
    done = run_process(account, "run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    assert account.mailboxes_of(first) == {destination}
    assert groups_of(account, "joerg.stranger@news.example") == [group]
    state, requests = account.state(), len(account.requests())
    following = mail.arrives(sender)
    assert account.mailboxes_of(following) == {destination}
    assert account.state() != state, "a message was delivered"
    assert len(account.requests()) == requests, "and Mailroom had no hand in it"


ODD_SENDERS = (
    "<mailto:ann@odd1.example>",
    "<<ann@odd2.example>>",
    '"ann"@odd3.example',
    '"ann doe"@odd4.example',
    "Ann ann@odd5.example",
    '"ann; doe, \\"a\\" <ann>"@odd6.example',
    "<ann:doe@odd7.example>",
    "ann@odd8.example <ann@odd8.example>",
    "Doe, Ann <ann@odd9.example>",
    "<Ann.@xn--bcher-kva.example>",
    "=?utf-8?Q?=E2=80=AEAnn=07?= <ann@odd11.example>",
)


@pytest.mark.slow
def test_senders_who_are_written_oddly_are_filed_like_any_other(account: AccountOnCyrus, mail: Mail) -> None:
    """One card each, the label comes off and no other goes on, and the rule files what comes next."""
    first = {sender: mail.arrives(sender) for sender in ODD_SENDERS}
    for message in first.values():
        assert account.mailboxes_of(message) == {"Screener"}
        label(account, message, "@ToFeed")
    for _ in range(3):
        assert not run_cycle(account).has_failures
        assert all(account.mailboxes_of(message) == {"Feed"} for message in first.values())
        assert len(contacts(account)) == len(first)
    for sender in first:
        assert account.mailboxes_of(mail.arrives(sender)) == {"Feed"}, sender


@pytest.mark.slow
def test_a_domain_that_only_looks_like_a_contacts_is_a_strangers(account: AccountOnCyrus, mail: Mail) -> None:
    """Neither the rules nor triage take them for one: the label of one decides nothing about the other."""
    known = add_contact(account, "PayPal", "service@paypal.com", groups=["Imbox"])
    strangers = [mail.arrives(f"service@{domain}") for domain in ("xn--paypal-.com", "xn--paypalcom-b854c")]
    raw = "From: service@ｐaypal.com\r\nSubject: Hello\r\n\r\nText.\r\n"  # LMTP would not let it in
    strangers.append(account.receive_raw(raw.encode(), "Screener"))
    for stranger in strangers:
        assert account.mailboxes_of(stranger) == {"Screener"}
        label(account, stranger, "@ToJail")
        assert not run_cycle(account).has_failures
        assert account.mailboxes_of(stranger) == {"Jail"}
        assert known not in members(account, "Jail")
        assert members(account, "Imbox") == [known]


def test_mail_of_a_contact_in_no_group_stays_in_the_inbox(account: AccountOnCyrus, mail: Mail) -> None:
    """Whom the person has among their contacts is not screened, in a triage group or not."""
    add_contact(account, "Old Friend", "friend@far.example")
    assert account.mailboxes_of(mail.arrives("Old Friend <FRIEND@far.example>")) == {"Inbox"}


def test_a_card_whose_address_is_in_a_group_of_lines_counts(account: AccountOnCyrus, mail: Mail) -> None:
    """A card that says item1.EMAIL is found by the triage and by the rules alike."""
    sender = "news@item.example"
    lines = [f"item1.EMAIL;TYPE=INTERNET:{sender}", "item1.X-ABLabel:Work"]
    account.put_card("item.vcf", vcards.contact("item-card", "Item Letter", extra=lines))
    assert account.mailboxes_of(mail.arrives(sender)) == {"Inbox"}
    labelled = mail.arrives(sender)
    label(account, labelled, "@ToFeed")
    assert not run_cycle(account).has_failures
    assert groups_of(account, sender) == ["Feed"]
    assert len([card for card in account.cards().values() if sender.encode() in card]) == 1
    assert account.mailboxes_of(mail.arrives(sender)) == {"Feed"}


def test_a_member_of_a_group_that_is_added_by_hand_is_routed_too(account: AccountOnCyrus, mail: Mail) -> None:
    """The rules look at the groups as they are, whoever has put a card into them."""
    uid = add_contact(account, "Shop", "shop@far.example")
    join(account, "Jail", uid)
    assert account.mailboxes_of(mail.arrives("shop@far.example")) == {"Jail"}


def test_a_reply_to_mail_of_the_person_is_not_screened(account: AccountOnCyrus, mail: Mail) -> None:
    """A stranger who answers the person reaches the Inbox; one who answers somebody else does not."""
    own_message_id = account.message_id(account.send(("Stranger", "stranger@far.example")))
    reply = mail.arrives("stranger@far.example", In_Reply_To=f"<{own_message_id}>")
    assert account.mailboxes_of(reply) == {"Inbox"}
    other = mail.arrives("stranger@far.example", In_Reply_To="<something@else.example>")
    assert account.mailboxes_of(other) == {"Screener"}


def test_mail_of_the_person_to_themselves_is_not_screened(account: AccountOnCyrus, mail: Mail) -> None:
    """The account's own address cannot be triaged, so it must not wait in Screener."""
    assert account.mailboxes_of(mail.arrives(f"Me <{account.address.upper()}>")) == {"Inbox"}


def test_mail_from_a_domain_of_the_persons_own_is_not_screened(account: AccountOnCyrus, mail: Mail) -> None:
    """An identity ``*@…`` is everybody at that domain, to the delivering server, too."""

    def offer_a_domain(exchange: Exchange) -> None:
        answer = exchange.forward()
        said = json.loads(answer.body)
        said["methodResponses"][0][1]["list"].append({"id": "I9", "email": "*@Mine.example"})
        exchange.reply(evolve(answer, body=json.dumps(said).encode()))

    with behind(account) as hit:
        hit.proxy.plan = Harm(offer_a_domain, lambda request: "Identity/get" in request.calls)
        environment = hit.proxy.environment(account.environment)
        account.install_rules(run_command(environment, "rules", "--format", "sieve").output)
    assert account.mailboxes_of(mail.arrives("Shop <shop@MINE.example>")) == {"Inbox"}
    assert account.mailboxes_of(mail.arrives("shop@below.mine.example")) == {"Screener"}
    assert account.mailboxes_of(mail.arrives("shop@notmine.example")) == {"Screener"}


def test_mail_without_a_usable_sender_is_screened(account: AccountOnCyrus, mail: Mail) -> None:
    """What comes from nobody is from nobody known."""
    assert account.mailboxes_of(mail.arrives("undisclosed-recipients:;")) == {"Screener"}


@pytest.mark.slow
def test_hostile_names_and_nested_mailboxes_are_routed(cyrus: Front) -> None:
    """Apostrophes, brackets, other scripts and mailboxes inside others come through every step."""
    feed, screener = "L'actualité: 新聞 & (Büro)", "Inbox/Wartezimmer für Post"
    variables = {"MAILROOM_GROUP_FEED": feed, "MAILROOM_SCREENER_MAILBOX": screener}
    with closing(AccountOnCyrus(cyrus)) as account:
        made = run_process(account, "setup", "--apply", **variables)
        assert made.returncode == 0, made.stdout + made.stderr
        account.mailbox_names()
        script = run_process(account, "rules", "--format", "sieve", **variables)
        assert script.returncode == 0, script.stderr
        account.install_rules(script.stdout)
        mail = Mail(account)
        first = mail.arrives("news@far.example")
        assert account.mailboxes_of(first) == {"Wartezimmer für Post"}
        label(account, first, "@ToFeed")
        assert run_process(account, "run", "--once", **variables).returncode == 0
        assert account.mailboxes_of(first) == {feed}
        assert groups_of(account, "news@far.example") == [feed]
        assert account.mailboxes_of(mail.arrives("news@far.example")) == {feed}


def test_a_contact_of_another_address_book_is_filed_without_a_second_card(
    account: AccountOnCyrus, mail: Mail
) -> None:
    """The engine finds a group's members in every address book of the account, so a line is all it takes."""
    account.add_address_book("Other")
    account.put_card("ann.vcf", vcards.contact("ann", "Ann", "ann@other.example"), "Other")
    first = mail.arrives("Ann <ann@other.example>")
    label(account, first, "@ToFeed")
    assert not run_cycle(account).has_failures
    assert members(account, "Feed") == ["ann"]
    assert not contacts(account)
    assert account.mailboxes_of(mail.arrives("Ann <ann@other.example>")) == {"Feed"}
