"""Accounts in which a cycle has much to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field, frozen

from mailroom.carddav.compose import compose_card
from mailroom.contacts.identity import card_uids
from mailroom.model.address import Address
from mailroom.model.contacts import CardKind, NewCard
from mailroom.model.party import MailingList, WholeDomain
from mailroom.model.whom import Whom
from mailroom.sandbox.store.account import Limits
from tests.support import vcards
from tests.support.accounts import (
    DOMAIN_LABEL,
    LIST_LABEL,
    AccountUnderTest,
    Sender,
    add_contact,
    furnish,
    furnish_domains,
    furnish_lists,
    group_card_name,
    join,
)
from tests.support.on_sandbox import AccountOnSandbox

ANN: Sender = ("Ann", "ann@example.net")
BOB: Sender = ("Bob", "bob@example.net")
CAROL: Sender = ("Carol Jones", "carol@example.net")
DAN: Sender = ("Dan", "dan@example.net")
EVE: Sender = ("Eve", "eve@example.net")
SHOP: Sender = ("The Shop, Inc.", "Orders@Shop.example")
SHOP_NEWS: Sender = ("The Shop, Inc.", "news@shop.example")
STRANGER: Sender = ("Mallory", "mallory@example.net")
STRAGGLER: Sender = ("Quiet Maps", "post@quietmaps.example")

UNTOUCHED_LINES = (
    "NOTE:kept, commas; and all\\n",
    "item1.X-ABLabel:_$!<HomePage>!$_",
    "X-LONG:" + "a line that is longer than seventy-five octets, "
    "\r\n  and folded where no serialiser would fold it",
    "X-FM-OTHERACCOUNT-MEMBER;USERID=u1:urn:uuid:somebody-else",
)
DEV_POST = "dev@lists.example"
FOREIGN_MEMBERS = ("a-member-without-a-card", "urn:uuid:with-a-colon")


@frozen
class StagedMessage:
    """A message of a scenario.

    Attributes:
        sender: The address it is from, in lower case; empty where it has none, or more than one.
        mailboxes: Where it lay at first.
        is_answer: Whether it answers mail that the person sent.
        list_id: The mailing list that it came over; empty for none.
    """

    id: str
    sender: str
    mailboxes: frozenset[str]
    is_answer: bool = False
    list_id: str = ""

    @property
    def party(self) -> str:
        """Of whom its labels speak: its sender, or everybody at their domain, or the list it came over."""
        if LIST_LABEL in self.mailboxes:
            return self.list_id
        return everybody_at(self.sender) if DOMAIN_LABEL in self.mailboxes else self.sender


def everybody_at(sender: str) -> str:
    """Return what stands in contacts for everybody at a sender's domain; empty where there is none."""
    return f"*@{sender.rpartition('@')[2]}" if sender else ""


@define
class Stage:
    """An account, its messages by what they stand for, and what a file says of senders."""

    account: AccountUnderTest
    messages: dict[str, StagedMessage] = field(factory=dict)
    named: dict[str, str] = field(factory=dict)

    def mail(
        self,
        name: str,
        senders: Sequence[Sender] | None,
        *mailboxes: str,
        read: bool = False,
        reply_to: str = "",
        is_answer: bool = False,
    ) -> str:
        """Let a message arrive, and return its id."""
        message = self.account.receive(senders, *mailboxes, read=read, reply_to=reply_to)
        sender = senders[0][1].lower() if senders and len(senders) == 1 else ""
        self.messages[name] = StagedMessage(message, sender, frozenset(mailboxes), is_answer)
        return message

    def mail_over(
        self, list_id: str, name: str, sender: Sender, *mailboxes: str, read: bool = False, post: str = ""
    ) -> None:
        """Let a message arrive over a mailing list."""
        fields = [("List-Id", f"The list {list_id}"), *([("List-Post", f"<mailto:{post}>")] if post else [])]
        message = self.account.receive_with(fields, sender, *mailboxes, read=read)
        self.messages[name] = StagedMessage(message, sender[1].lower(), frozenset(mailboxes), False, list_id)


Scenario = Callable[[Stage], None]


def set_up(account: AccountUnderTest, scenario: Scenario) -> Stage:
    """Furnish an account with what a scenario has, its groups with lines that nobody may touch."""
    furnish(account)
    for group in ("Imbox", "Feed"):
        card = vcards.group(group, FOREIGN_MEMBERS, extra=UNTOUCHED_LINES)
        account.put_card(group_card_name(account, group), card)
    stage = Stage(account)
    stage.mail("a stranger's", [STRANGER], "Screener")
    stage.mail("a stranger's in the Inbox", [STRANGER], "Inbox", "Family", read=True)
    scenario(stage)
    return stage


def new_senders(stage: Stage) -> None:
    """Three new senders for three categories, one of them a person, with mail here and there."""
    for number in range(2):
        stage.mail(f"Ann's {number}", [ANN], "Screener")
        stage.mail(f"Bob's {number}", [BOB], "Screener", read=bool(number))
    stage.mail("Ann's, labelled", [ANN], "Screener", "@ToFeed")
    stage.mail("Bob's, labelled", [BOB], "Screener", "@ToPerson")
    stage.mail("the shop's, labelled", [SHOP], "@ToPaperTrail")
    stage.mail("the shop's, thrown away", [SHOP], "Trash", "Family")


def change_of_mind(stage: Stage) -> None:
    """Two senders go over to the Imbox, with old and new mail; one goes from there to Jail."""
    account = stage.account
    add_contact(account, ANN[0], ANN[1], groups=["Feed"])
    add_contact(account, BOB[0], BOB[1], groups=["Paper Trail", "Friends"])
    add_contact(account, DAN[0], DAN[1], groups=["Imbox"])
    stage.mail("Ann's, read and labelled", [ANN], "Feed", "@ToImbox", read=True)
    stage.mail("Ann's, read", [ANN], "Feed", read=True)
    stage.mail("Ann's, unread", [ANN], "Feed")
    stage.mail("Ann's, waiting", [ANN], "Screener")
    stage.mail("Bob's, labelled", [BOB], "Paper Trail", "@ToPerson")
    stage.mail("Bob's, read and labelled", [BOB], "Screener", "@ToPerson", read=True)
    stage.mail("Bob's, kept", [BOB], "Paper Trail", "Family", read=True)
    stage.mail("Dan's, labelled", [DAN], "Inbox", "@ToJail", read=True)
    stage.mail("Dan's, kept", [DAN], "Archive", read=True)
    stage.mail("Dan's, in the Inbox", [DAN], "Inbox")


def read_and_put_away(stage: Stage) -> None:
    """Read messages with a label in several mailboxes at once, of senders in a group, in two and in none."""
    account = stage.account
    add_contact(account, BOB[0], BOB[1], groups=["Feed"])
    add_contact(account, DAN[0], DAN[1], groups=["Feed", "Jail"])
    stage.mail("Ann's, archived", [ANN], "Archive", "Paper Trail", "@ToImbox", read=True)
    stage.mail("Ann's, in two", [ANN], "Feed", "Paper Trail", "@ToImbox", read=True)
    stage.mail("Ann's, waiting and archived", [ANN], "Archive", "Screener", "@ToImbox", read=True)
    stage.mail("Ann's, waiting", [ANN], "Screener", read=True)
    stage.mail("Bob's, in two", [BOB], "Feed", "Paper Trail", "@ToPerson", read=True)
    stage.mail("Bob's, archived", [BOB], "Archive", "Feed", "Paper Trail", "@ToPerson", read=True)
    stage.mail("Bob's, kept", [BOB], "Family", "@ToPerson", read=True)
    stage.mail("Bob's, in the Feed", [BOB], "Feed", read=True)
    stage.mail("Dan's, in both", [DAN], "Feed", "Jail", "@ToImbox", read=True)
    stage.mail("Dan's, in none of them", [DAN], "Archive", "Paper Trail", "@ToImbox", read=True)


def trouble(stage: Stage) -> None:
    """Conflicts, unusable senders, the person's own address, odd names, and marks without a cause."""
    account = stage.account
    add_contact(account, CAROL[0], CAROL[1])
    stage.mail("a conflict", [DAN], "Screener", "@ToFeed", "@ToJail")
    stage.mail("half a conflict", [EVE], "Screener", "@ToFeed")
    stage.mail("the other half", [EVE], "Screener", "@ToPerson")
    stage.mail("from nobody", None, "Screener", "@ToFeed")
    stage.mail("from two", [ANN, BOB], "Screener", "@ToFeed")
    stage.mail("from the person", [("Me", account.address)], "Screener", "@ToFeed")
    stage.mail("an odd name", [("Your Bank", CAROL[1])], "Screener", "@ToPaperTrail")
    stage.mail("a settled conflict", [ANN], "Screener", "@ToJail", "@MailroomError")
    stage.mail("an old error", [BOB], "Screener", "@MailroomError")
    stage.mail("thrown away", [BOB], "Trash", "@ToFeed")
    stage.mail("from nobody, thrown away", None, "Trash", "@ToFeed", "@MailroomError")
    stage.mail("a conflict, sent", [SHOP], "Sent", "@ToFeed", "@ToJail", "@MailroomWarning")
    stage.mail("half a conflict, thrown away", [SHOP_NEWS], "Trash", "@ToFeed")
    stage.mail("the other half, spam", [SHOP_NEWS], "Junk", "@ToJail")


def cards(stage: Stage) -> None:
    """Senders with several cards, a card with several addresses, and mail that others' rules missed."""
    account = stage.account
    two = add_contact(account, "The Shop", SHOP[1].lower(), SHOP_NEWS[1], groups=["Feed", "Friends"])
    add_contact(account, "Ann, old", ANN[1])
    add_contact(account, "Ann, filed", ANN[1], groups=["Feed"])
    add_contact(account, "Dan", DAN[1], groups=["Feed", "Jail"])
    add_contact(account, STRAGGLER[0], STRAGGLER[1], groups=["Feed"])
    odd = vcards.contact(
        "urn:uuid:odd:bob", "Bob", extra=["item1.EMAIL;TYPE=HOME:BOB@example.net", *UNTOUCHED_LINES]
    )
    account.put_card("odd.vcf", odd)
    join(account, "Friends", two)
    stage.mail("the shop's, labelled", [SHOP], "Feed", "@ToImbox", read=True)
    stage.mail("the shop's other address", [SHOP_NEWS], "Screener", "@ToImbox")
    stage.mail("Ann's, labelled", [ANN], "Screener", "@ToImbox")
    stage.mail("Ann's, in the Feed", [ANN], "Feed", read=True)
    stage.mail("Dan's, labelled", [DAN], "Screener", "@ToPaperTrail")
    stage.mail("Dan's, in Jail", [DAN], "Jail")
    stage.mail("Bob's, labelled", [BOB], "Screener", "@ToFeed")
    stage.mail("a straggler", [STRAGGLER], "Screener")


def many(stage: Stage) -> None:
    """More mail than a page and a batch hold, from known and unknown senders, for every category."""
    account = stage.account
    labels = ("@ToFeed", "@ToImbox", "@ToPaperTrail", "@ToJail", "@ToPerson")
    for number, mark in enumerate(labels):
        known = (f"Known {number}", f"known{number}@example.net")
        new = (f"New Sender {number}", f"new{number}@example.net")
        add_contact(account, *known, groups=["Feed" if number else "Jail"])
        place = "Feed" if number else "Jail"
        stage.mail(f"known {number}", [known], place, mark, read=bool(number % 2))
        stage.mail(f"new {number}", [new], "Screener", mark)
        for copy in range(2):
            stage.mail(f"known {number}/{copy}", [known], place, read=bool(copy))
            stage.mail(f"new {number}/{copy}", [new], "Screener", read=bool(copy))


def everything(stage: Stage) -> None:
    """Something of every kind at once, each sender a little."""
    account = stage.account
    add_contact(account, BOB[0], BOB[1], groups=["Feed", "Friends"])
    add_contact(account, CAROL[0], CAROL[1], "carol@work.example")
    add_contact(account, "Dan, old", DAN[1])
    add_contact(account, "Dan, filed", DAN[1], groups=["Jail"])
    stage.mail("Ann's, labelled", [ANN], "Screener", "@ToFeed")
    stage.mail("Ann's, waiting", [ANN], "Screener")
    stage.mail("Bob's, read and labelled", [BOB], "Feed", "@ToImbox", read=True)
    stage.mail("Bob's, read", [BOB], "Feed", read=True)
    stage.mail("Bob's, unread", [BOB], "Feed")
    stage.mail("an odd name", [("Your Bank", "carol@work.example")], "Screener", "@ToPaperTrail")
    stage.mail("Dan's, labelled", [DAN], "Jail", "@ToPerson")
    stage.mail("a person's", [("Zoë van Dyk", "zoe@example.net")], "Screener", "@ToPerson")
    stage.mail("a conflict", [EVE], "Screener", "@ToFeed", "@ToJail")
    stage.mail("from nobody", None, "Screener", "@ToFeed")
    stage.mail("the shop's", [SHOP], "@ToPaperTrail")


def taken_back(stage: Stage) -> None:
    """Decisions are taken back: about a filed sender, a contact of the person's own and a stranger."""
    account = stage.account
    for number in range(2):
        made = NewCard(Address(ANN[1]), ANN[1], ANN[0], CardKind.COMPANY)
        if number:
            made = NewCard(Address(DAN[1]), DAN[1], DAN[0], CardKind.PERSON)
        uid = next(card_uids(made.address))
        account.put_card(f"{uid}.vcf", compose_card(made, uid))
        join(account, "Imbox" if number else "Feed", uid)
    add_contact(account, BOB[0], BOB[1], groups=["Paper Trail", "Friends"])
    stage.mail("Ann's, labelled", [ANN], "Feed", "@ToScreener", read=True)
    stage.mail("Ann's, read", [ANN], "Feed", read=True)
    stage.mail("Ann's, kept", [ANN], "Feed", "Family")
    stage.mail("Bob's, labelled", [BOB], "@ToScreener")
    stage.mail("Bob's", [BOB], "Paper Trail")
    stage.mail("Dan's, labelled", [DAN], "Inbox", "@ToScreener", read=True)
    stage.mail("Dan's, unread", [DAN], "Inbox")
    stage.mail("Dan's, read", [DAN], "Inbox", read=True)
    stage.mail("Eve's, labelled", [EVE], "Screener", "@ToScreener")
    stage.mail("Carol's, labelled", [CAROL], "Screener", "@ToFeed")


def whole_domains(stage: Stage) -> None:
    """Decisions about domains: new, changed and taken back, beside single senders' own, and refused ones."""
    account = stage.account
    furnish_domains(account)
    for domain, group in (
        ("maps.example", "Feed domains"),
        ("news.example", "Feed domains"),
        ("gone.example", "Jail domains"),
    ):
        made = NewCard.of(Whom.named(WholeDomain(f"*@{domain}")), CardKind.COMPANY)
        uid = next(card_uids(made.address))
        account.put_card(f"{uid}.vcf", compose_card(made, uid))
        join(account, group, uid)
    add_contact(account, "Help", "help@shop.example", groups=["Imbox"])
    stage.mail("the shop's, labelled", [SHOP], "Screener", "@ToFeed", DOMAIN_LABEL)
    stage.mail("the shop's news", [SHOP_NEWS], "Screener")
    stage.mail("the shop's, in the Inbox", [SHOP_NEWS], "Inbox", "Family")
    stage.mail("the shop's help", [("Help", "help@shop.example")], "Screener")
    stage.mail("the shop's bills, labelled", [("Bills", "bills@shop.example")], "Screener", "@ToPaperTrail")
    stage.mail("below the shop's", [("Below", "news@mail.shop.example")], "Screener")
    stage.mail("of the maps, labelled", [("", "a@maps.example")], "Feed", "@ToImbox", DOMAIN_LABEL, read=True)
    stage.mail("of the maps, read", [("", "b@maps.example")], "Feed", read=True)
    stage.mail("of the maps, unread", [("", "b@maps.example")], "Feed")
    stage.mail("of the news, on its own", [("", "c@news.example")], "Feed", "@ToJail")
    stage.mail("of the news, on its own, read", [("", "c@news.example")], "Feed", read=True)
    stage.mail("of the news", [("", "d@news.example")], "Screener")
    stage.mail("of who is gone", [("", "a@gone.example")], "Jail", "@ToScreener", DOMAIN_LABEL)
    stage.mail("of who is gone, read", [("", "b@gone.example")], "Jail", read=True)
    stage.mail("of a shared domain", [("", "friend@gmail.com")], "Screener", "@ToFeed", DOMAIN_LABEL)
    stage.mail("of whom nothing is said", [ANN], "Screener", DOMAIN_LABEL)


def mailing_lists(stage: Stage) -> None:
    """Decisions about lists: new, changed and taken back, beside their posters' own, and refused ones."""
    account = stage.account
    furnish_lists(account)
    dev, maps, gone = "<dev.lists.example>", "<maps.lists.example>", "<gone.lists.example>"
    for list_id, group in ((maps, "Feed"), (gone, "Jail")):
        made = NewCard.of(Whom.named(MailingList(list_id)), CardKind.COMPANY)
        uid = next(card_uids(made.address))
        account.put_card(f"{uid}.vcf", compose_card(made, uid))
        join(account, group, uid)
    add_contact(account, *BOB, groups=["Imbox"])
    stage.mail_over(
        dev, "Ann's over the list, labelled", ANN, "Screener", "@ToFeed", LIST_LABEL, post=DEV_POST
    )
    stage.mail_over(dev, "Bob's over the list", BOB, "Screener")
    stage.mail_over(dev, "Bob's over the list, in the Inbox", BOB, "Inbox", "Family")
    stage.mail("Ann's own", [ANN], "Screener")
    stage.mail("Bob's own", [BOB], "Inbox")
    stage.mail("Dan's own, labelled", [DAN], "Screener", "@ToJail")
    stage.mail_over(dev, "Dan's over the list", DAN, "Screener")
    stage.mail_over(maps, "over maps, labelled", ANN, "Feed", "@ToImbox", LIST_LABEL, read=True)
    stage.mail_over(maps, "over maps, read", BOB, "Feed", read=True)
    stage.mail_over(maps, "over maps, unread", BOB, "Feed")
    stage.mail_over(gone, "over what is gone", ANN, "Jail", "@ToScreener", LIST_LABEL)
    stage.mail_over(gone, "over what is gone, read", ANN, "Jail", read=True)
    stage.mail("over no list", [ANN], "Screener", "@ToFeed", LIST_LABEL)


def decisions_beneath_decisions(stage: Stage) -> None:
    """Decisions that count for each other's mail, all in one cycle: about senders, domains and lists."""
    account = stage.account
    furnish_domains(account)
    furnish_lists(account)
    dev, team, gone = "<dev.lists.example>", "<team.lists.example>", "<gone.lists.example>"
    for party, group in (
        (WholeDomain("*@maps.example"), "Feed domains"),
        (WholeDomain("*@news.example"), "Jail domains"),
        (WholeDomain("*@shop.example"), "Feed domains"),
        (WholeDomain("*@gone.example"), "Feed domains"),
        (MailingList(team), "Feed"),
        (MailingList(gone), "Feed"),
        (Address("c@shop.example"), "Imbox"),
    ):
        made = NewCard.of(Whom.named(party), CardKind.COMPANY)
        uid = next(card_uids(made.address))
        account.put_card(f"{uid}.vcf", compose_card(made, uid))
        join(account, group, uid)
    add_contact(account, *BOB, groups=["Imbox"])
    # A domain goes elsewhere, and a sender of it gets a decision of their own, or takes theirs back.
    stage.mail("of the maps, labelled", [("", "a@maps.example")], "Feed", "@ToJail", DOMAIN_LABEL)
    stage.mail("of the maps", [("", "b@maps.example")], "Feed", read=True)
    stage.mail("of the maps, on its own, labelled", [("", "c@maps.example")], "Screener", "@ToPaperTrail")
    stage.mail("of the maps, on its own", [("", "c@maps.example")], "Feed")
    stage.mail("of the maps, on its own, kept", [("", "c@maps.example")], "Jail")
    stage.mail("of the maps, for the Inbox, labelled", [("", "d@maps.example")], "Feed", "@ToImbox")
    stage.mail("of the maps, for the Inbox", [("", "d@maps.example")], "Feed", read=True)
    stage.mail("of the shop, labelled", [("", "a@shop.example")], "Feed", "@ToPaperTrail", DOMAIN_LABEL)
    stage.mail("of the shop, taken back, labelled", [("", "c@shop.example")], "Inbox", "@ToScreener")
    stage.mail("of the shop, taken back", [("", "c@shop.example")], "Inbox")
    stage.mail("of the shop, never decided, labelled", [("", "d@shop.example")], "Feed", "@ToScreener")
    stage.mail("of the shop, never decided", [("", "d@shop.example")], "Feed")
    # One is decided on for the first time, and one no longer.
    stage.mail("of a new one, labelled", [("", "a@new.example")], "Screener", "@ToFeed", DOMAIN_LABEL)
    stage.mail("of a new one, on its own, labelled", [("", "b@new.example")], "Screener", "@ToJail")
    stage.mail("of a new one, on its own, kept", [("", "b@new.example")], "Feed")
    stage.mail("of who is gone, labelled", [("", "a@gone.example")], "Feed", "@ToScreener", DOMAIN_LABEL)
    stage.mail("of who is gone, on its own, labelled", [("", "b@gone.example")], "Feed", "@ToJail")
    stage.mail("of who is gone, on its own", [("", "b@gone.example")], "Feed")
    stage.mail("of who is gone", [("", "c@gone.example")], "Feed")
    # The same with lists and those who write to them.
    stage.mail_over(team, "over the team's, labelled", ANN, "Feed", "@ToJail", LIST_LABEL)
    stage.mail_over(team, "over the team's, of the maps", ("", "b@maps.example"), "Feed")
    stage.mail_over(team, "over the team's, Dan's", DAN, "Feed")
    stage.mail("Dan's own, labelled", [DAN], "Screener", "@ToPaperTrail")
    stage.mail("Dan's own", [DAN], "Feed")
    stage.mail_over(gone, "over what is gone, labelled", ANN, "Feed", "@ToScreener", LIST_LABEL)
    stage.mail_over(gone, "over what is gone, Carol's", CAROL, "Feed", read=True)
    stage.mail_over(gone, "over what is gone, Bob's", BOB, "Feed")
    stage.mail_over(gone, "over what is gone, Dan's", DAN, "Feed")
    stage.mail_over(gone, "over what is gone, of the maps", ("", "b@maps.example"), "Feed")
    stage.mail_over(gone, "over what is gone, of the news", ("", "a@news.example"), "Feed")
    stage.mail_over(dev, "over a new one, labelled", ANN, "Screener", "@ToFeed", LIST_LABEL, post=DEV_POST)
    stage.mail_over(dev, "over a new one, of the shop", ("", "b@shop.example"), "Screener")


def conversations(stage: Stage) -> None:
    """Labels on whole conversations, with strangers, with people known before, and with one's own mail."""
    account = stage.account
    add_contact(account, BOB[0], BOB[1], groups=["Imbox"])
    add_contact(account, DAN[0], DAN[1], groups=["Jail"])
    first = stage.mail("Ann's", [ANN], "Screener", "@ToFeed")
    stage.mail("Bob's, among strangers", [BOB], "Inbox", "@ToFeed", reply_to=first)
    stage.mail("Carol's", [CAROL], "Screener", "@ToFeed", reply_to=first)
    stage.mail("one's own", [("Me", account.address)], "Sent", "@ToFeed", reply_to=first)
    stage.mail("Carol's, waiting", [CAROL], "Screener")
    second = stage.mail("Dan's, in doubt", [DAN], "Jail", "@ToImbox")
    add_contact(account, EVE[0], EVE[1], groups=["Feed"])
    stage.mail("Eve's, in doubt", [EVE], "Feed", "@ToImbox", reply_to=second)
    add_contact(account, "Finn", "finn@example.net", groups=["Imbox"])
    add_contact(account, "Gus", "gus@example.net", groups=["Imbox"])
    add_contact(account, "Hal", "hal@example.net", groups=["Imbox"])
    third = stage.mail("Finn's", [("Finn", "finn@example.net")], "Inbox", "@ToFeed")
    stage.mail("Gus's, beside Finn's", [("Gus", "gus@example.net")], "Inbox", "@ToFeed", reply_to=third)
    stage.mail("Finn's, elsewhere", [("Finn", "finn@example.net")], "Inbox", "@ToFeed")
    fourth = stage.mail("Hal's, beside mail of two", [("Hal", "hal@example.net")], "Inbox", "@ToJail")
    stage.mail("of two", [ANN, CAROL], "Screener", "@ToJail", reply_to=fourth)


def answers(stage: Stage) -> None:
    """Answers to the person: of strangers, of a contact, of people decided on, labelled or thrown away."""
    account = stage.account
    add_contact(account, BOB[0], BOB[1], groups=["Friends"])
    add_contact(account, DAN[0], DAN[1], groups=["Jail"])
    before = stage.mail("Ann's, before", [ANN], "Screener")
    sent = account.send(ANN, BOB, reply_to=before)
    stage.mail("Ann's answer", [ANN], "Screener", reply_to=sent, is_answer=True)
    stage.mail("Ann's answer, kept", [ANN], "Screener", "Family", reply_to=sent, is_answer=True)
    stage.mail("Ann's further one", [ANN], "Screener", reply_to=before, is_answer=True)
    stage.mail("Bob's answer", [BOB], "Screener", reply_to=sent, is_answer=True)
    stage.mail("Dan's answer, labelled", [DAN], "Jail", "@ToFeed", reply_to=sent)
    stage.mail("Dan's answer, waiting", [DAN], "Screener", reply_to=sent)
    stage.mail("Eve's answer, labelled", [EVE], "Screener", "@ToFeed", reply_to=sent)
    stage.mail("Eve's answer, waiting", [EVE], "Screener", reply_to=sent)
    stage.mail("Carol's answer, put back", [CAROL], "Inbox", "@ToScreener", reply_to=sent)
    stage.mail("an answer, thrown away", [CAROL], "Screener", "Trash", reply_to=sent)


def named_in_a_file(stage: Stage) -> None:
    """Senders whom a file names: new, changed, known, filed so already; labels on two of them."""
    account = stage.account
    add_contact(account, BOB[0], BOB[1], groups=["Feed", "Friends"])
    add_contact(account, CAROL[0], CAROL[1], "carol@work.example")
    add_contact(account, DAN[0], DAN[1], groups=["Jail"])
    add_contact(account, SHOP[0], SHOP[1], groups=["Paper Trail"])
    stage.mail("Ann's, waiting", [ANN], "Screener")
    stage.mail("Ann's, in the Inbox", [ANN], "Inbox", read=True)
    stage.mail("Ann's, kept", [ANN], "Family")
    stage.mail("Bob's, read", [BOB], "Feed", read=True)
    stage.mail("Bob's, unread", [BOB], "Feed")
    stage.mail("Bob's, read and labelled", [BOB], "Feed", "@ToImbox", read=True)
    stage.mail("Carol's", [CAROL], "Screener", "Inbox")
    stage.mail("Dan's", [DAN], "Jail")
    stage.mail("Dan's, thrown away", [DAN], "Trash")
    stage.mail("Eve's, labelled otherwise", [EVE], "Screener", "@ToJail")
    stage.mail("Eve's, waiting", [EVE], "Screener")
    for number in range(3):
        sender = f"new{number}@example.net"
        stage.named[sender] = ("Feed", "Person", "Paper Trail")[number % 3]
        stage.mail(f"new {number}'s", [(f"New {number}", sender)], "Screener")
    stage.named |= {ANN[1]: "Feed", BOB[1]: "Imbox", CAROL[1]: "Paper Trail", DAN[1]: "Feed"}
    stage.named |= {SHOP[1].lower(): "Paper Trail", EVE[1]: "Feed"}


SCENARIOS: dict[str, Scenario] = {
    each.__name__.replace("_", " "): each
    for each in (
        everything,
        new_senders,
        change_of_mind,
        taken_back,
        whole_domains,
        mailing_lists,
        decisions_beneath_decisions,
        conversations,
        answers,
        read_and_put_away,
        trouble,
        cards,
        many,
    )
}

CRAMPED = Limits(
    max_objects_in_get=25,
    max_objects_in_set=4,
    max_calls_in_request=5,
    max_query_results=5,
    max_sync_results=7,
)
"""Limits that turn every reading and every change into several requests."""


class FaultyAccountOnSandbox(AccountOnSandbox):
    """An account on a sandbox, with limits of its own and access to what it holds."""

    def __init__(self, limits: Limits | None = None, *, is_over_jmap: bool = False) -> None:
        super().__init__(is_over_jmap=is_over_jmap)
        if limits:
            self.store.limits = limits
