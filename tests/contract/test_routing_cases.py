"""Any mix of decisions, any mail: where Mailroom sees that it belongs is where the rules in force put it.

Mail is delivered by LMTP on Cyrus, old and newer, and read again by Mailroom, which then says by its own
means whose decision counts. Neither knows of the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from uuid import uuid4

import pytest

from mailroom.account import Account
from mailroom.model.mail import Message, MessageId
from mailroom.model.party import whole_domain
from mailroom.model.scheme import ContactGroup, Scheme
from mailroom.model.sender import Correspondent
from mailroom.triage.ruling import Ruling
from tests.conftest import open_account_on
from tests.support import vcards
from tests.support.accounts import GROUPS, furnish, furnish_domains
from tests.support.mail import install_rules
from tests.support.on_cyrus import MAX_OBJECTS, AccountOnCyrus
from tests.support.running import opened, settings_for

MESSAGES = 40
"""So many messages come while the same decisions hold; no more than one request reads."""

DOMAINS = ("shop.example", "friends.example", "team.shop.example")
LISTS = ("dev.lists.example", "lists.example", "qa-dev.lists.example")
UNDECIDED_LISTS = tuple(f"other{number}.lists.example" for number in range(4))
USUAL_FORMS = ("<{}>", "List <{}>", '"A, list" <{}>', "List\r\n <{}>", "{}")
FORMS = (
    (*USUAL_FORMS, '"<dev.lists.example>" <{}>'),
    (*USUAL_FORMS, "<{}> (a list)", "<{}>;"),
)
"""Several headers of a message are written in forms of the same line: a script sees brackets that stand
before an identifier in one header as if they stood behind that of another, and leaves the message."""

MAX_LIST_IDS = 7
LOCAL_PARTS = ("ann", "bob", "cem", "bounce-{}", "ANN")

KNOWN = [f"{name}@{domain}" for domain in DOMAINS for name in ("ann", "bob")]
CARDS = {f"sender-{n}": vcards.contact(f"sender-{n}", "Known", each) for n, each in enumerate(KNOWN)}
CARDS |= {f"domain-{n}": vcards.contact(f"domain-{n}", "All", f"*@{each}") for n, each in enumerate(DOMAINS)}
CARDS |= {
    f"list-{n}": vcards.contact(f"list-{n}", "List", extra=[f"NOTE:List-Id: <{each}>"])
    for n, each in enumerate(LISTS)
}


class World:
    """An account whose decisions, and then whose mail, are drawn by lot."""

    def __init__(self, account: AccountOnCyrus, seed: int) -> None:
        self.account = account
        self._lot = random.Random(seed)
        furnish(account)
        furnish_domains(account)

    def decide(self) -> None:
        """Decide anew about everybody, or nothing; whoever has no card is a stranger."""
        members: dict[str, list[str]] = {name: [] for group in GROUPS for name in (group, f"{group} domains")}
        there = self.account.cards()
        for uid, card in CARDS.items():
            has_card = self._lot.random() < 0.8
            if has_card:
                self.account.put_card(f"{uid}.vcf", card)
            elif f"{uid}.vcf" in there:
                self.account.delete_card(f"{uid}.vcf")
            if has_card and self._lot.random() < 0.7:
                group = self._lot.choice(GROUPS)
                members[f"{group} domains" if uid.startswith("domain") else group].append(uid)
        cards = self.account.cards()
        groups = {vcards.value(card, "FN"): name for name, card in cards.items() if vcards.is_group(card)}
        for group, uids in members.items():
            uid = vcards.value(cards[groups[group]], "UID")
            self.account.put_card(groups[group], vcards.group(group, uids, uid=uid))

    def deliver(self) -> dict[str, bytes]:
        """Let messages arrive; return each by its JMAP id."""
        sent = {}
        for number in range(MESSAGES):
            marker = f"{uuid4().hex}@far.example"
            sent[marker] = self._message(marker, number)
            self.account.deliver(sent[marker])
        newest = [{"property": "receivedAt", "isAscending": False}]
        # Of those that came in the same second, earlier worlds' may be told first.
        ids = self.account.jmap("Email/query", sort=newest, limit=4 * MAX_OBJECTS)["ids"]
        found = []
        for start in range(0, len(ids), MAX_OBJECTS):
            batch = ids[start : start + MAX_OBJECTS]
            found += self.account.jmap("Email/get", ids=batch, properties=["messageId"])["list"]
        by_id = {each["id"]: sent.pop(each["messageId"][0]) for each in found if each["messageId"][0] in sent}
        assert not sent, "all have arrived"
        return by_id

    def _message(self, marker: str, number: int) -> bytes:
        sender = (
            f"{self._lot.choice(LOCAL_PARTS).format(number)}@{self._lot.choice((*DOMAINS, 'else.example'))}"
        )
        lines = [f"From: {sender}", f"Message-ID: <{marker}>", "Subject: Hello"]
        if self._lot.random() < 0.6:
            forms = self._lot.choice(FORMS)
            for _ in range(self._lot.choice((1, 1, 2, 3, MAX_LIST_IDS))):
                list_id = self._lot.choice((*LISTS, *UNDECIDED_LISTS))
                lines.append(f"List-Id: {self._lot.choice(forms).format(list_id)}")
        return "\r\n".join([*lines, "", "Text.", ""]).encode()


def placement(mailroom: Account, scheme: Scheme, messages: Sequence[Message]) -> Iterator[set[str]]:
    """Say where Mailroom sees that messages belong."""
    contacts = mailroom.book.refresh()
    groups: dict[str, ContactGroup] = {x.name: x for x in (*scheme.groups, *scheme.domain_groups)}
    ruling = Ruling(contacts, groups.keys(), own=mailroom.own_addresses())
    for message in messages:
        assert isinstance(message.sender, Correspondent)
        party = ruling.party_of(message)
        if party is not None:
            names = {name for card in contacts.cards(party) for name in contacts.groups(card.uid)}
            (group,) = (groups[name] for name in names & groups.keys())
            yield set(group.mailboxes) or {"Inbox"}
        else:
            domain = whole_domain(message.sender.address)
            is_contact = any(contacts.cards(each) for each in (message.sender.address, domain) if each)
            yield {"Inbox" if is_contact else "Screener"}


def compare(account: AccountOnCyrus, seed: int, worlds: int) -> None:
    """Decide anew some times, let mail come each time, and look where it lies and where it belongs."""
    scheme = settings_for(account, {}).scheme
    world = World(account, seed)
    names = {mailbox_id: name for name, mailbox_id in account.ids.items()}
    seen: set[str] = set()
    for _ in range(worlds):
        world.decide()
        install_rules(account)
        sent = world.deliver()
        mailroom = opened(account)
        mailroom.mail.tell_lists(True)
        messages = list(mailroom.mail.those([MessageId(each) for each in sent]).messages.values())
        for message, belongs in zip(messages, placement(mailroom, scheme, messages), strict=True):
            lies = {names[each] for each in message.mailbox_ids}
            assert lies == belongs, sent[message.id].decode()
            seen |= lies
    assert seen == {"Inbox", "Screener", "Feed", "Paper Trail", "Jail"}


@pytest.fixture(params=["cyrus", pytest.param("newer cyrus", marks=pytest.mark.servers)])
def routed(request: pytest.FixtureRequest) -> Iterator[AccountOnCyrus]:
    """A bare account on each version of the engine."""
    account = open_account_on(request.param, request)
    assert isinstance(account, AccountOnCyrus)
    with closing(account):
        yield account


def test_mail_lies_where_it_belongs(routed: AccountOnCyrus) -> None:
    """Some decisions and some mail, the same each time."""
    compare(routed, seed=16, worlds=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_all_kinds_of_mail_lie_where_they_belong(routed: AccountOnCyrus, seed: int) -> None:
    """Hundreds of messages."""
    compare(routed, seed, worlds=5)
