"""The rules in force on Cyrus, old and newer: mail is delivered by LMTP and lies where they put it.

Nothing of Mailroom runs between the decisions and the mail, so that only the rules can have placed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import permutations

import pytest

from mailroom.commands.rules import render_rules
from mailroom.model.mail import MessageId
from mailroom.model.party import PartyKind
from mailroom.rules.routing import rules_of
from tests.conftest import open_account_on
from tests.support import vcards
from tests.support.accounts import (
    LIST_LABEL,
    OWN_MAILBOX,
    add_contact,
    contacts,
    furnish,
    furnish_domains,
    group_card_name,
    groups_of,
    join,
    label,
)
from tests.support.fastmail_search import as_sieve
from tests.support.mail import Mail, install_rules
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.running import opened, run_command, run_cycle, settings_for

ORDER = (PartyKind.LIST, PartyKind.SENDER, PartyKind.DOMAIN)
"""Whose decision counts first."""


class Decided:
    """An account with decisions in its contacts, and the rules that follow from them."""

    def __init__(self, account: AccountOnCyrus, *, as_at_fastmail: bool = False) -> None:
        self.is_as_at_fastmail = as_at_fastmail
        furnish(account)
        furnish_domains(account)
        self.account = account
        self._mail = Mail(account)
        self._lists = 0

    def decide(self, kind: PartyKind, party: str, group: str) -> None:
        """Decide about an address, a domain or a list, as it lies in the contacts afterwards."""
        match kind:
            case PartyKind.SENDER:
                add_contact(self.account, "Somebody", party, groups=[group])
            case PartyKind.DOMAIN:
                add_contact(self.account, "Everyone", f"*@{party}", groups=[f"{group} domains"])
            case PartyKind.LIST:
                self._lists += 1
                note = f"NOTE:List-Id: <{party}>"
                card = vcards.contact(f"list-{self._lists}", "A list", extra=[note])
                self.account.put_card(f"list-{self._lists}.vcf", card)
                join(self.account, group, f"list-{self._lists}")

    def script(self) -> str:
        """Return the rules as Mailroom writes them, or as Fastmail makes them of Mailroom's file."""
        mailroom = opened(self.account)
        contacts = mailroom.book.latest()
        uids, listed = contacts.group_uids(), rules_of(contacts, settings_for(self.account, {}).scheme)
        if not self.is_as_at_fastmail:
            return render_rules(mailroom, listed, "sieve", can_approve=True)
        rules = json.loads(render_rules(mailroom, listed, "fastmail", can_approve=True))
        return as_sieve(rules, self.account.ids, uids)

    def install(self) -> None:
        """Put the rules into force."""
        self.account.install_rules(self.script())

    def place_of(self, sender: str, *list_ids: str) -> set[str]:
        """Let a message arrive, and return where it lies."""
        return self.account.mailboxes_of(self.arrival_of(sender, *list_ids))

    def arrival_of(self, sender: str, *list_ids: str) -> str:
        """Let a message arrive, and return its JMAP id."""
        # Names of headers are compared without regard to case (RFC 5322 section 1.2.2).
        spellings = ("List_Id", "List_ID", "LIST_ID")
        return self._mail.arrives(sender, **dict(zip(spellings, list_ids, strict=False)))

    def lists_of(self, message: str) -> list[str]:
        """Return which lists Mailroom sees that a message came over."""
        mailroom = opened(self.account)
        mailroom.mail.tell_lists(True)
        found = mailroom.mail.those([MessageId(message)]).messages[MessageId(message)]
        return [each.party for each in found.lists]


AS_AT_FASTMAIL = ", rules as at Fastmail"
ENGINES = [
    pytest.param(f"{engine}{form}", marks=marks)
    for engine, marks in (("cyrus", ()), ("newer cyrus", pytest.mark.servers))
    for form in ("", AS_AT_FASTMAIL)
]


@pytest.fixture(params=ENGINES)
def decided(request: pytest.FixtureRequest) -> Iterator[Decided]:
    """An account that has nothing decided yet, on each version of the engine, with either form of rules."""
    kind = request.param.removesuffix(AS_AT_FASTMAIL)
    account = open_account_on(kind, request)
    assert isinstance(account, AccountOnCyrus)
    with closing(account):
        yield Decided(account, as_at_fastmail=kind != request.param)


@pytest.fixture(params=ENGINES[::2])
def scripted(request: pytest.FixtureRequest) -> Iterator[Decided]:
    """Likewise, with the script that Mailroom writes."""
    account = open_account_on(request.param, request)
    assert isinstance(account, AccountOnCyrus)
    with closing(account):
        yield Decided(account)


def test_a_list_counts_before_a_sender_and_a_sender_before_their_domain(decided: Decided) -> None:
    """Whichever of two is the Feed's and whichever Jail's: the first of that order places the message."""
    pairs = list(permutations(ORDER, 2))
    for number, pair in enumerate(pairs):
        parties = {PartyKind.LIST: f"dev.l{number}.example", PartyKind.DOMAIN: f"d{number}.example"}
        parties[PartyKind.SENDER] = f"ann@d{number}.example"
        for kind, group in zip(pair, ("Feed", "Jail"), strict=True):
            decided.decide(kind, parties[kind], group)
    decided.install()
    found = [
        decided.place_of(f"Ann <ann@d{number}.example>", f"Dev <dev.l{number}.example>")
        for number in range(len(pairs))
    ]
    expected = [{"Feed" if ORDER.index(one) < ORDER.index(other) else "Jail"} for one, other in pairs]
    assert found == expected


def test_everybody_at_a_domain_goes_where_it_goes(decided: Decided) -> None:
    """Whatever they call themselves, and nobody below the domain; who is decided on goes their own way."""
    decided.decide(PartyKind.DOMAIN, "shop.example", "Feed")
    decided.decide(PartyKind.DOMAIN, "friends.example", "Imbox")
    decided.decide(PartyKind.SENDER, "boss@shop.example", "Imbox")
    decided.install()
    assert decided.place_of("Shop <bounce-123@shop.example>") == {"Feed"}
    assert decided.place_of("reply+token@SHOP.example") == {"Feed"}
    assert decided.place_of("boss@shop.example") == {"Inbox"}
    assert decided.place_of("anybody@friends.example") == {"Inbox"}, "no rule for strangers may catch them"
    for stranger in ("x@below.shop.example", "x@workshop.example", "x@shop.example.evil.example"):
        assert decided.place_of(stranger) == {"Screener"}


def test_mail_to_oneself_does_not_go_where_ones_own_domain_goes(decided: Decided) -> None:
    """A decision about everybody there moves none of the person's own mail, and leaves out nobody else."""
    local, _, domain = decided.account.address.partition("@")
    decided.decide(PartyKind.DOMAIN, domain, "Jail")
    decided.install()
    own = decided.account.address
    assert decided.place_of(f"Me <{own}>") == {"Inbox"}
    for colleague in (f"x{local}@{domain}", f"x.{local}@{domain}", f'"{own}" <x@{domain}>'):
        assert decided.place_of(colleague) == {"Jail"}


def test_whoever_writes_to_a_list_their_mail_goes_where_it_goes(decided: Decided) -> None:
    """Over the list alone: what its posters write to the person is screened as before."""
    decided.decide(PartyKind.LIST, "dev.lists.example", "Feed")
    decided.decide(PartyKind.LIST, "team.lists.example", "Imbox")
    decided.install()
    for poster in ("ann@one.example", "Bob <bob@two.example>"):
        assert decided.place_of(poster, "Dev <dev.lists.example>") == {"Feed"}
        assert decided.place_of(poster, "<team.lists.example>") == {"Inbox"}
        assert decided.place_of(poster, "<other.lists.example>") == {"Screener"}
        assert decided.place_of(poster) == {"Screener"}


@pytest.fixture(params=["cyrus", pytest.param("newer cyrus", marks=pytest.mark.servers)])
def account(request: pytest.FixtureRequest) -> Iterator[AccountOnCyrus]:
    """An account with an Inbox only, set up by Mailroom, with Mailroom's rules in force."""
    account = open_account_on(request.param, request)
    assert isinstance(account, AccountOnCyrus)
    with closing(account):
        made = run_command(account.environment, "setup", "--apply")
        assert made.code == 0, made.errors
        account.mailbox_names()
        install_rules(account)
        yield account


def test_two_labels_file_a_domain_and_the_rules_whatever_comes_from_there(account: AccountOnCyrus) -> None:
    """From whatever address at it, without Mailroom and without new rules."""
    mail = Mail(account)
    first = mail.arrives("Shop <bounce-1@shop.example>")
    assert account.mailboxes_of(first) == {"Screener"}
    label(account, first, "@ToFeed", "@EntireDomain")
    assert not run_cycle(account).has_failures
    assert account.mailboxes_of(first) == {"Feed"}
    requests = len(account.requests())
    for sender in ("bounce-2@shop.example", "Reply <reply+token@SHOP.example>"):
        assert account.mailboxes_of(mail.arrives(sender)) == {"Feed"}
    assert account.mailboxes_of(mail.arrives("bounce-1@other.example")) == {"Screener"}
    assert len(account.requests()) == requests, "Mailroom had no hand in it"


def test_an_international_domain_is_one_however_it_is_written(account: AccountOnCyrus) -> None:
    """One card, by the domain's ASCII form, which the rules match in any case; decided anew, it moves."""
    mail = Mail(account)
    first = mail.arrives("Info@XN--BCHER-KVA.Example")
    label(account, first, "@ToFeed", "@EntireDomain")
    assert not run_cycle(account).has_failures
    assert groups_of(account, "*@xn--bcher-kva.example") == ["Feed domains"]
    others = [mail.arrives(f"shop@{x}") for x in ("xn--bcher-kva.example", "xn--bcher-KVA.example.")]
    assert [account.mailboxes_of(each) for each in (first, *others)] == [{"Feed"}] * 3
    label(account, others[0], "@ToJail", "@EntireDomain")
    assert not run_cycle(account).has_failures
    assert len(contacts(account)) == 1
    assert account.mailboxes_of(mail.arrives("Info@XN--BCHER-KVA.Example")) == {"Jail"}


@pytest.mark.parametrize(("triage_label", "place"), [("@ToFeed", "Feed"), ("@ToImbox", "Inbox")])
def test_two_labels_file_a_list_and_the_rules_whoever_writes_to_it(
    account: AccountOnCyrus, triage_label: str, place: str
) -> None:
    """With the rules that are written then; what its posters write to the person waits as before."""
    mail = Mail(account)
    first = mail.arrives("Ann <ann@one.example>", List_Id="Dev <dev.lists.example>")
    assert account.mailboxes_of(first) == {"Screener"}
    label(account, first, triage_label, "@EntireList")
    assert not run_cycle(account).has_failures
    assert account.mailboxes_of(first) == {place}
    install_rules(account)
    requests = len(account.requests())
    assert account.mailboxes_of(mail.arrives("bob@two.example", List_Id="<dev.lists.example>")) == {place}
    assert account.mailboxes_of(mail.arrives("ann@one.example")) == {"Screener"}
    assert len(account.requests()) == requests, "Mailroom had no hand in it"


LIST_IDS = {
    "<dev.lists.example>": True,
    "Dev list <dev.lists.example>": True,
    '"Dev, list" <dev.lists.example>': True,
    "Dev <DEV.Lists.Example>": True,
    "A list with a long name\r\n <dev.lists.example>": True,
    "\r\n\tA list\r\n\t<dev.lists.example>": True,
    "=?utf-8?Q?B=C3=BCcher?= <dev.lists.example>": True,
    "Dev <dev.lists.example>  ": True,
    "Dev <dev.lists.example> (the list of developers)": True,
    "dev.lists.example": True,
    "<qa-dev.lists.example>": False,
    "<dev.lists.example.evil.example>": False,
    "<devxlists.example>": False,
    '"<dev.lists.example>" <other.example>': False,
    "=?utf-8?Q?=3Cdev=2Elists=2Eexample=3E?= <other.example>": False,
    "dev.lists.example <other.example>": False,
    "Dev dev.lists.example": False,
}


def test_a_list_is_known_by_its_identifier_however_the_header_is_written(decided: Decided) -> None:
    """Phrase, case, folds and comments do not matter; what a phrase says is no identifier."""
    decided.decide(PartyKind.LIST, "dev.lists.example", "Feed")
    decided.install()
    found = {each: decided.place_of("ann@one.example", each) == {"Feed"} for each in LIST_IDS}
    assert found == LIST_IDS


ODD_LIST_IDS = {
    "<dev.lists.example> (c) <other.example> (d)": "<other.example>",
    "<dev.lists.example> (c (d <other.example>))": "<other.example>",
    "<other.example> (was <dev.lists.example>)": "<dev.lists.example>",
    "<other.example> (was <dev.lists.example> (x))": "<dev.lists.example>",
    '"<dev.lists.example> (" <other.example> (x)': "<other.example>",
    "< dev.lists.example >": "<dev.lists.example>",
    "Dev <dev.\r\n lists.example>": "<dev.lists.example>",
    "<dev.lists.example": "<dev.lists.example>",
    "dev.lists.example (a list)": "<dev.lists.example>",
    "<<dev.lists.example>>;": "<dev.lists.example>",
    '"<dev.lists.example>"': "<dev.lists.example>",
    "=?utf-8?Q?=3Cdev=2Elists=2Eexample=3E?=": "<dev.lists.example>",
    "<other.example> =?utf-8?Q?=3Cdev=2Elists=2Eexample=3E?=": "<dev.lists.example>",
}
"""Headers that no program should write, and which list Mailroom reads in each."""


def test_no_rule_takes_an_odd_header_for_another_list_than_mailroom(decided: Decided) -> None:
    """At Fastmail it is the same list; the script leaves what it cannot tell, and Mailroom sweeps it."""
    places = {"<dev.lists.example>": {"Feed"}, "<other.example>": {"Jail"}}
    for party, (place,) in places.items():
        decided.decide(PartyKind.LIST, party.strip("<>"), place)
    decided.account.add_mailboxes({LIST_LABEL: None})
    decided.install()
    arrived = {each: decided.arrival_of("ann@one.example", each) for each in ODD_LIST_IDS}
    assert {each: decided.lists_of(x) for each, x in arrived.items()} == {
        each: [party] for each, party in ODD_LIST_IDS.items()
    }
    lies = {each: decided.account.mailboxes_of(x) for each, x in arrived.items()}
    belongs = {each: places[party] for each, party in ODD_LIST_IDS.items()}
    wrong = {each for each in lies if lies[each] != belongs[each]}
    assert all(lies[each] == {"Screener"} and not decided.is_as_at_fastmail for each in wrong), wrong
    run_cycle(decided.account)
    assert {each: decided.account.mailboxes_of(x) for each, x in arrived.items()} == belongs


def test_of_several_lists_that_of_the_first_category_counts(scripted: Decided) -> None:
    """In whatever order the headers stand, and for what Mailroom finds in Screener too."""
    scripted.decide(PartyKind.LIST, "jail.example", "Jail")
    scripted.decide(PartyKind.LIST, "feed.example", "Feed")
    scripted.install()
    ann = ("Ann", "ann@one.example")
    orders = [
        [f"<{each}>" for each in order]
        for order in permutations(("feed.example", "jail.example", "x.example"))
    ]
    missed = [
        scripted.account.receive_with([("List-Id", each) for each in order], ann, "Screener")
        for order in orders
    ]
    assert [scripted.place_of(ann[1], *order) for order in orders] == [{"Feed"}] * len(orders)
    run_cycle(scripted.account)
    assert [scripted.account.mailboxes_of(each) for each in missed] == [{"Feed"}] * len(orders)


def test_a_group_that_has_gone_takes_nobody_elses_mail_along(scripted: Decided) -> None:
    """The rules are in force, and then somebody deletes a contact group: the others' decisions go on."""
    scripted.decide(PartyKind.DOMAIN, "shop.example", "Feed")
    scripted.decide(PartyKind.SENDER, "news@shop.example", "Paper Trail")
    scripted.install()
    scripted.account.delete_card(group_card_name(scripted.account, "Jail"))
    assert scripted.place_of("sale@shop.example") == {"Feed"}
    assert scripted.place_of("news@shop.example") == {"Paper Trail"}


def test_the_rules_can_be_a_part_of_a_larger_script(scripted: Decided) -> None:
    """What stands behind them is done as well, and variables that it uses change nothing in them."""
    scripted.decide(PartyKind.LIST, "${dev}.lists.example", "Feed")
    scripted.decide(PartyKind.LIST, "*.lists.example", "Jail")
    require, _, rules = scripted.script().partition("\n")
    behind = f'if header :is "subject" "Hello" {{ fileinto :copy "{OWN_MAILBOX}"; }}\n'
    scripted.account.install_rules(f'{require}\nrequire ["copy", "variables"];\n{rules}{behind}')
    assert scripted.place_of("ann@one.example", "<${dev}.lists.example>") == {"Feed", OWN_MAILBOX}
    assert scripted.place_of("ann@one.example", "<*.lists.example>") == {"Jail", OWN_MAILBOX}
    assert scripted.place_of("ann@one.example", "<a.lists.example>") == {"Screener", OWN_MAILBOX}
    assert scripted.place_of("ann@one.example") == {"Screener", OWN_MAILBOX}
