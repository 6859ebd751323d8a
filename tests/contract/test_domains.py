"""`@EntireDomain` beside a triage label: one decision about everybody at a domain."""

from __future__ import annotations

import pytest

from tests.support import vcards
from tests.support.accounts import (
    DOMAIN_LABEL,
    AccountUnderTest,
    add_contact,
    contacts,
    contacts_of,
    furnish_domains,
    group_card_name,
    groups_of,
    label,
    members,
    unlabel,
)
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.running import run_command, run_cycle

ANN = ("Ann Smith", "ann@shop.example")
BOB = ("Bob", "bob@shop.example")
CAROL = ("Carol", "carol@SHOP.example")
BELOW = ("Below", "news@mail.shop.example")
STRANGER = ("Stranger", "stranger@other.example")
EVERYBODY = "*@shop.example"
UNDO = "@ToScreener"


@pytest.fixture
def domains(account: AccountUnderTest) -> AccountUnderTest:
    """An account in which decisions about whole domains can be taken."""
    furnish_domains(account)
    return account


@pytest.mark.parametrize(
    ("triage_label", "group", "destination"),
    [
        ("@ToImbox", "Imbox domains", "Inbox"),
        ("@ToFeed", "Feed domains", "Feed"),
        ("@ToPaperTrail", "Paper Trail domains", "Paper Trail"),
        ("@ToPerson", "Imbox domains", "Inbox"),
    ],
)
def test_two_labels_on_one_message_decide_about_everybody_at_the_domain(
    domains: AccountUnderTest, triage_label: str, group: str, destination: str
) -> None:
    """One card for all, in the category's group for domains; what waits of them moves, and of nobody else."""
    labelled = domains.receive([ANN], "Screener", triage_label, DOMAIN_LABEL)
    waiting = [domains.receive([who], "Screener") for who in (ANN, BOB, CAROL)]
    others = [domains.receive([who], "Screener") for who in (BELOW, STRANGER)]
    report = run_cycle(domains)
    assert {frozenset(domains.mailboxes_of(x)) for x in (labelled, *waiting)} == {frozenset({destination})}
    assert {frozenset(domains.mailboxes_of(x)) for x in others} == {frozenset({"Screener"})}
    (card,) = contacts(domains).values()
    assert vcards.value(card, "FN") == "Everyone at shop.example"
    assert vcards.value(card, "ORG") == "Everyone at shop.example"
    assert groups_of(domains, EVERYBODY) == [group]
    assert [(each.filing.decision.party, each.messages_moved) for each in report.filed] == [(EVERYBODY, 4)]
    assert run_cycle(domains).says_nothing_new


def test_an_international_domain_is_one_however_it_is_written(domains: AccountUnderTest) -> None:
    """In its own letters, in ASCII, in capitals: one card, and one decision."""
    if isinstance(domains, AccountOnCyrus):
        pytest.skip(
            "the engine puts X for what is not ASCII in a header: it tells no domain in its own letters"
        )
    spellings = ("BÜCHER.example", "bücher.example", "xn--bcher-kva.example", "XN--BCHER-KVA.Example.")
    waiting = [domains.receive([("", f"{n}@{x}")], "Screener") for n, x in enumerate(spellings)]
    for number, (triage_label, place) in enumerate((("@ToFeed", "Feed"), ("@ToJail", "Jail"))):
        label(domains, waiting[number], triage_label, DOMAIN_LABEL)
        report = run_cycle(domains)
        assert [each.filing.decision.party for each in report.filed] == ["*@xn--bcher-kva.example"]
        assert [domains.mailboxes_of(each) for each in waiting] == [{place}] * len(waiting)
        (card,) = contacts(domains).values()
        assert vcards.value(card, "EMAIL") == "*@xn--bcher-kva.example"
        assert groups_of(domains, "*@xn--bcher-kva.example") == [f"{place} domains"]


def test_a_senders_own_decision_wins(domains: AccountUnderTest) -> None:
    """Their mail stays where it is, whenever they were decided on: before, with the domain, or after it."""
    add_contact(domains, *BOB, groups=["Imbox"])
    bobs = domains.receive([BOB], "Inbox")
    bobs_waiting = domains.receive([BOB], "Screener")
    carols = domains.receive([CAROL], "Screener", "@ToPaperTrail")
    anns = domains.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    run_cycle(domains)
    assert domains.mailboxes_of(bobs) == domains.mailboxes_of(bobs_waiting) == {"Inbox"}
    assert domains.mailboxes_of(carols) == {"Paper Trail"}
    assert domains.mailboxes_of(anns) == {"Feed"}
    label(domains, anns, "@ToJail")
    run_cycle(domains)
    assert domains.mailboxes_of(anns) == {"Jail"}
    assert groups_of(domains, ANN[1]) == ["Jail"]
    assert groups_of(domains, EVERYBODY) == ["Feed domains"]


def test_a_contact_on_whom_nothing_is_decided_goes_where_the_domain_goes(domains: AccountUnderTest) -> None:
    """A card in no triage group is no decision; their card is left alone."""
    uid = add_contact(domains, *BOB, groups=["Friends"])
    bobs = domains.receive([BOB], "Inbox")
    domains.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    run_cycle(domains)
    assert domains.mailboxes_of(bobs) == {"Feed"}
    assert members(domains, "Friends") == [uid]
    assert groups_of(domains, BOB[1]) == ["Friends"]


def test_new_mail_of_the_domain_is_swept_from_screener(domains: AccountUnderTest) -> None:
    """Where no rule has caught it: of who has no decision of their own, at exactly that domain."""
    domains.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    add_contact(domains, *CAROL, groups=["Jail"])
    run_cycle(domains)
    bobs, carols, below = (domains.receive([who], "Screener") for who in (BOB, CAROL, BELOW))
    report = run_cycle(domains)
    assert domains.mailboxes_of(bobs) == {"Feed"}
    assert domains.mailboxes_of(carols) == {"Jail"}
    assert domains.mailboxes_of(below) == {"Screener"}
    assert report.swept.moved == {EVERYBODY: 1, CAROL[1].lower(): 1}


def test_another_label_moves_the_domain_and_no_single_senders(domains: AccountUnderTest) -> None:
    """Its mail goes over to the new place, out of the old one."""
    anns = domains.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    add_contact(domains, *BOB, groups=["Feed"])
    bobs = domains.receive([BOB], "Feed")
    run_cycle(domains)
    carols = domains.receive([CAROL], "Feed")
    label(domains, anns, "@ToPaperTrail", DOMAIN_LABEL)
    run_cycle(domains)
    assert domains.mailboxes_of(anns) == domains.mailboxes_of(carols) == {"Paper Trail"}
    assert domains.mailboxes_of(bobs) == {"Feed"}
    assert groups_of(domains, EVERYBODY) == ["Paper Trail domains"]
    assert len(contacts(domains)) == 2


def test_taking_back_leaves_all_as_it_was(domains: AccountUnderTest) -> None:
    """Mail of undecided senders waits again, the untouched card goes, the groups stay."""
    anns = domains.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    bobs = domains.receive([BOB], "Screener")
    add_contact(domains, *CAROL, groups=["Feed"])
    carols = domains.receive([CAROL], "Feed")
    before = domains.cards().keys()
    run_cycle(domains)
    assert domains.cards().keys() != before
    label(domains, anns, UNDO, DOMAIN_LABEL)
    run_cycle(domains)
    assert domains.mailboxes_of(anns) == domains.mailboxes_of(bobs) == {"Screener"}
    assert domains.mailboxes_of(carols) == {"Feed"}
    assert domains.cards().keys() == before
    assert members(domains, "Feed domains") == []
    assert run_cycle(domains).says_nothing_new


def test_taking_a_senders_decision_back_lets_the_domains_count_again(domains: AccountUnderTest) -> None:
    """Their mail goes where that of their domain goes; the domain itself stays decided."""
    domains.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    run_cycle(domains)
    bobs = domains.receive([BOB], "Screener", "@ToPaperTrail")
    run_cycle(domains)
    assert domains.mailboxes_of(bobs) == {"Paper Trail"}
    label(domains, bobs, UNDO)
    run_cycle(domains)
    assert domains.mailboxes_of(bobs) == {"Feed"}
    assert groups_of(domains, BOB[1]) == []
    assert groups_of(domains, EVERYBODY) == ["Feed domains"]


def test_a_sender_taken_back_while_their_domain_goes_elsewhere_goes_along(domains: AccountUnderTest) -> None:
    """In one step, with or without a decision of their own before; what they have in the Inbox stays."""
    anns = domains.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    bobs = domains.receive([BOB], "Screener", "@ToPaperTrail")
    run_cycle(domains)
    others = [domains.receive([who], place) for who, place in ((BOB, "Paper Trail"), (CAROL, "Feed"))]
    kept = domains.receive([CAROL], "Inbox")
    label(domains, anns, "@ToJail", DOMAIN_LABEL)
    label(domains, bobs, UNDO)
    carols = domains.receive([CAROL], "Feed", UNDO)
    report = run_cycle(domains)
    assert report.swept.moved == {}
    assert {frozenset(domains.mailboxes_of(x)) for x in (anns, bobs, carols, *others)} == {
        frozenset({"Jail"})
    }
    assert domains.mailboxes_of(kept) == {"Inbox"}
    assert {x.filing.falls_to for x in report.filed} == {None, EVERYBODY}
    assert run_cycle(domains).says_nothing_new


def test_the_label_alone_is_left_to_the_person(domains: AccountUnderTest) -> None:
    """It says about whom and not what; beside a triage label, put on later, it counts."""
    alone = domains.receive([ANN], "Screener", DOMAIN_LABEL)
    waiting = domains.receive([BOB], "Screener")
    (rejected,) = run_cycle(domains).rejected
    assert "put a triage label beside it" in rejected.reason
    assert domains.mailboxes_of(alone) == {"Screener", DOMAIN_LABEL, "@MailroomError"}
    label(domains, alone, "@ToFeed")
    run_cycle(domains)
    assert domains.mailboxes_of(alone) == domains.mailboxes_of(waiting) == {"Feed"}


def test_two_categories_for_one_domain_are_left_to_the_person(domains: AccountUnderTest) -> None:
    """Whoever of the domain they are on; one sender's label besides is another matter."""
    anns = domains.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    bobs = domains.receive([BOB], "Screener", "@ToJail", DOMAIN_LABEL)
    carols = domains.receive([CAROL], "Screener", "@ToJail")
    report = run_cycle(domains)
    assert {each.reason for each in report.rejected} == {
        "labelled for Feed and Jail: take off all labels but one"
    }
    assert domains.mailboxes_of(anns) == {"Screener", "@ToFeed", DOMAIN_LABEL, "@MailroomError"}
    assert domains.mailboxes_of(bobs) == {"Screener", "@ToJail", DOMAIN_LABEL, "@MailroomError"}
    assert domains.mailboxes_of(carols) == {"Jail"}


def test_one_senders_label_decides_about_nobody_else_at_their_domain(domains: AccountUnderTest) -> None:
    """Where somebody has put their address onto the domain's card, it is left to the person."""
    add_contact(domains, "The shop", EVERYBODY, ANN[1], groups=["Imbox domains"])
    anns = domains.receive([ANN], "Inbox", "@ToJail")
    (rejected,) = run_cycle(domains).rejected
    assert "give ann@shop.example a card of their own" in rejected.reason
    assert groups_of(domains, EVERYBODY) == ["Imbox domains"]
    assert domains.mailboxes_of(anns) == {"Inbox", "@ToJail", "@MailroomError"}


def test_labels_on_a_conversation_leave_the_domain_of_known_people_alone(domains: AccountUnderTest) -> None:
    """They speak of the stranger in it, as a triage label alone does; on the known one's mail they just
    come off. Of two known people nobody can know whose domain was meant; of one alone it is.
    """
    add_contact(domains, *ANN, groups=["Imbox"])
    bobs = domains.receive([BOB], "Inbox")
    anns = domains.receive([ANN], "Inbox")
    strangers = domains.receive([STRANGER], "Screener", reply_to=anns)
    for each in (anns, strangers):
        label(domains, each, "@ToFeed", DOMAIN_LABEL)
    report = run_cycle(domains)
    assert [each.filing.decision.party for each in report.filed] == ["*@other.example"]
    assert [message.id for message, _ in report.released] == [anns]
    assert domains.mailboxes_of(bobs) == domains.mailboxes_of(anns) == {"Inbox"}
    assert domains.mailboxes_of(strangers) == {"Feed"}
    friend = ("Friend", "friend@third.example")
    add_contact(domains, *friend, groups=["Friends"])
    friends = domains.receive([friend], "Inbox", reply_to=anns)
    for each in (anns, friends):
        label(domains, each, "@ToFeed", DOMAIN_LABEL)
    assert {each.message_id for each in run_cycle(domains).rejected} == {anns, friends}
    assert domains.mailboxes_of(bobs) == {"Inbox"}
    unlabel(domains, friends, "@ToFeed", DOMAIN_LABEL)
    run_cycle(domains)
    assert domains.mailboxes_of(bobs) == {"Feed"}
    assert domains.mailboxes_of(anns) == {"Inbox"}


@pytest.mark.parametrize("address", ["friend@gmail.com", "friend@[192.0.2.1]", "friend@*.shop.example"])
def test_a_domain_that_is_nobodys_own_is_left_to_the_person(domains: AccountUnderTest, address: str) -> None:
    """Strangers share it, or it is none; nothing is made, and nobody there is held up by it."""
    labelled = domains.receive([("Friend", address)], "Screener", "@ToFeed", DOMAIN_LABEL)
    (rejected,) = run_cycle(domains).rejected
    assert rejected.message_id == labelled
    assert not contacts(domains)
    assert domains.mailboxes_of(labelled) == {"Screener", "@ToFeed", DOMAIN_LABEL, "@MailroomError"}


def test_the_persons_own_mail_is_never_moved(domains: AccountUnderTest) -> None:
    """Their colleagues are decided on as everybody else."""
    colleague = f"colleague@{domains.address.partition('@')[2]}"
    own = [domains.receive([("Me", domains.address)], place) for place in ("Screener", "Inbox")]
    labelled = domains.receive([("", colleague)], "Screener", "@ToFeed", DOMAIN_LABEL)
    mine = domains.receive([("Me", domains.address)], "Inbox", "@ToFeed", DOMAIN_LABEL)
    for _ in range(2):
        run_cycle(domains)
    assert domains.mailboxes_of(labelled) == {"Feed"}
    assert [domains.mailboxes_of(x) for x in own] == [{"Screener"}, {"Inbox"}]
    assert "@MailroomError" in domains.mailboxes_of(mine)


def test_a_missing_group_is_told_where_the_person_looks(account: AccountUnderTest) -> None:
    """Senders are filed as ever; what the label wants waits, and is done once the group is there."""
    account.add_mailboxes({DOMAIN_LABEL: None})
    labelled = account.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    other = account.receive([STRANGER], "Screener", "@ToFeed")
    (rejected,) = run_cycle(account).rejected
    assert "'Feed domains' is missing" in rejected.reason
    assert "@MailroomError" in account.mailboxes_of(labelled)
    assert account.mailboxes_of(other) == {"Feed"}
    account.put_card("later.vcf", vcards.group("Feed domains"))
    run_cycle(account)
    assert account.mailboxes_of(labelled) == {"Feed"}


def test_a_renamed_group_is_told_by_its_new_name(account: AccountUnderTest) -> None:
    """What setup would refuse to make is not said to be missing."""
    account.add_mailboxes({DOMAIN_LABEL: None})
    run_command(account.environment, "setup", "--apply")
    name = group_card_name(account, "Feed domains")
    uid = vcards.value(account.cards()[name], "UID")
    account.put_card(name, vcards.group("News", uid=uid))
    account.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    (rejected,) = run_cycle(account).rejected
    assert rejected.reason == (
        "the contact group 'Feed domains' is missing: it is called 'News' now, so rename it to 'Feed domains'"
    )


@pytest.mark.parametrize("groups", [(), ("Feed",)], ids=["undecided", "half decided"])
def test_a_domain_and_one_of_its_senders_on_one_card_are_left_to_the_person(
    domains: AccountUnderTest, groups: tuple[str, ...]
) -> None:
    """What is said can be done: the same decision about both would be in two groups all the same."""
    name = f"{add_contact(domains, *ANN, EVERYBODY, groups=groups)}.vcf"
    labelled = [
        domains.receive([ANN], "Screener", "@ToFeed"),
        domains.receive([BOB], "Screener", "@ToFeed", DOMAIN_LABEL),
    ]
    reasons = {each.reason for each in run_cycle(domains).rejected}
    remedy = "take *@shop.example off it, and a decision about the domain makes a card of its own"
    assert any(remedy in each for each in reasons)
    assert [
        each for each in reasons if remedy not in each and "give ann@shop.example a card" not in each
    ] == []
    domains.put_card(name, domains.cards()[name].replace(EVERYBODY.encode(), b"else@far.example"))
    run_cycle(domains)
    assert [domains.mailboxes_of(x) for x in labelled] == [{"Feed"}, {"Feed"}]
    assert (groups_of(domains, ANN[1]), groups_of(domains, EVERYBODY)) == (["Feed"], ["Feed domains"])


def test_without_the_label_nothing_else_fails(account: AccountUnderTest) -> None:
    """Neither the mailbox nor the groups are there."""
    labelled = account.receive([ANN], "Screener", "@ToFeed")
    run_cycle(account)
    assert account.mailboxes_of(labelled) == {"Feed"}


def test_no_warning_of_a_name_is_due_to_the_domains_card(domains: AccountUnderTest) -> None:
    """Everybody there is called otherwise than that card; who has one of their own is compared with it."""
    add_contact(domains, *BOB)
    anns = domains.receive([ANN], "Screener", "@ToFeed", DOMAIN_LABEL)
    bobs = domains.receive([("Your Bank", BOB[1])], "Screener", "@ToFeed", DOMAIN_LABEL)
    run_cycle(domains)
    assert domains.mailboxes_of(anns) == {"Feed"}
    assert domains.mailboxes_of(bobs) == {"Feed", "@MailroomWarning"}


def test_a_domain_is_decided_on_with_as_many_requests_as_a_sender(domains: AccountUnderTest) -> None:
    """Reading, making the card, joining the group, sweeping, labels off."""
    run_cycle(domains)
    counts = []
    for labels in (["@ToFeed"], ["@ToFeed", DOMAIN_LABEL]):
        domains.receive([STRANGER if len(labels) == 1 else ANN], "Screener", *labels)
        before = len(domains.requests())
        run_cycle(domains)
        counts.append(len(domains.requests()) - before)
    assert counts[1] <= counts[0]
    assert contacts_of(domains, EVERYBODY)


@pytest.mark.parametrize("wanted", [[EVERYBODY], ["--last"]])
def test_undo_takes_a_domain_back(domains: AccountUnderTest, wanted: list[str]) -> None:
    """By name or as what was done last: each message is where it was, and what was made is gone."""
    anns = domains.receive([ANN], "Inbox", "@ToFeed", DOMAIN_LABEL)
    bobs = domains.receive([BOB], "Screener")
    before = domains.cards().keys()
    run_cycle(domains)
    assert domains.mailboxes_of(anns) == domains.mailboxes_of(bobs) == {"Feed"}
    done = run_command(domains.environment, "undo", *wanted, "--yes")
    assert done.code == 0, done.errors
    assert "everyone at shop.example" in done.output
    assert domains.mailboxes_of(bobs) == {"Screener"}
    assert domains.mailboxes_of(anns) == {"Inbox"}
    assert domains.cards().keys() == before
