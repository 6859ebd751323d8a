"""`@EntireList` beside a triage label: one decision about a mailing list, whoever writes to it."""

from __future__ import annotations

import pytest

from tests.support import vcards
from tests.support.accounts import (
    LIST_LABEL,
    AccountUnderTest,
    Sender,
    add_contact,
    contacts,
    furnish_domains,
    furnish_lists,
    groups_of,
    join,
    label,
    members,
)
from tests.support.running import run_command, run_cycle

UNDO = "@ToScreener"
ANN, BOB, CAROL = ("Ann", "ann@example.net"), ("Bob", "bob@example.org"), ("Carol", "carol@other.example")
DAN = ("Dan", "dan@third.example")
LIST, POST = "<dev.lists.example.org>", "dev@lists.example.org"
DEV = (("List-Id", f"Dev list {LIST}"), ("List-Post", f"<mailto:{POST}>"))
OTHER = (("List-Id", "<other.lists.example.org>"),)


@pytest.fixture
def lists(account: AccountUnderTest) -> AccountUnderTest:
    """An account in which decisions about mailing lists can be taken."""
    furnish_lists(account)
    return account


def over(account: AccountUnderTest, sender: Sender, *mailboxes: str, read: bool = False) -> str:
    """Let a message arrive over the list."""
    return account.receive_with(DEV, sender, *mailboxes, read=read)


@pytest.mark.parametrize(
    ("triage_label", "group", "destination"),
    [
        ("@ToImbox", "Imbox", "Inbox"),
        ("@ToFeed", "Feed", "Feed"),
        ("@ToPaperTrail", "Paper Trail", "Paper Trail"),
        ("@ToPerson", "Imbox", "Inbox"),
    ],
)
def test_two_labels_on_one_message_decide_about_the_list_it_came_over(
    lists: AccountUnderTest, triage_label: str, group: str, destination: str
) -> None:
    """Everything of the list that waits moves, whoever wrote it; the posters' own mail is screened on."""
    labelled = over(lists, ANN, "Screener", triage_label, LIST_LABEL)
    waiting = [over(lists, who, "Screener") for who in (ANN, BOB, CAROL)]
    others = [lists.receive([ANN], "Screener"), lists.receive_with(OTHER, BOB, "Screener")]
    report = run_cycle(lists)
    assert {frozenset(lists.mailboxes_of(x)) for x in (labelled, *waiting)} == {frozenset({destination})}
    assert {frozenset(lists.mailboxes_of(x)) for x in others} == {frozenset({"Screener"})}
    assert [(each.filing.decision.party, each.messages_moved) for each in report.filed] == [(LIST, 4)]
    (card,) = contacts(lists).values()
    uid = vcards.value(card, "UID")
    assert (vcards.value(card, "FN"), vcards.value(card, "EMAIL")) == ("Dev list", POST)
    assert members(lists, group) == [uid]
    assert groups_of(lists, ANN[1]) == []
    assert run_cycle(lists).says_nothing_new


def test_who_forges_a_posting_address_has_nobody_put_into_jail(lists: AccountUnderTest) -> None:
    """A list that is not wanted is decided on by its List-Id alone: any stranger can name any address."""
    over(lists, ANN, "Screener", "@ToJail", LIST_LABEL)
    run_cycle(lists)
    overs, theirs = over(lists, BOB, "Screener"), lists.receive([("Its victim", POST)], "Screener")
    run_cycle(lists)
    assert lists.mailboxes_of(overs) == {"Jail"}
    assert lists.mailboxes_of(theirs) == {"Screener"}
    assert groups_of(lists, POST) == []


def test_the_card_says_which_list_it_is_for(lists: AccountUnderTest) -> None:
    """A person can read it and edit it, and whoever reads it finds the same decision."""
    over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    run_cycle(lists)
    ((name, card),) = contacts(lists).items()
    assert vcards.value(card, "NOTE") == f"List-Id: {LIST}"
    lists.put_card(name, card.replace(b"List-Id: <dev", b"Our list\\nLIST-ID: <Dev"))
    waiting = over(lists, BOB, "Screener")
    run_cycle(lists)
    assert lists.mailboxes_of(waiting) == {"Feed"}


def test_new_mail_of_the_list_is_swept_from_screener(lists: AccountUnderTest) -> None:
    """Where no rule has caught it: list before sender."""
    over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    add_contact(lists, *CAROL, groups=["Jail"])
    run_cycle(lists)
    bobs, carols = over(lists, BOB, "Screener"), over(lists, CAROL, "Screener")
    personal = lists.receive([BOB], "Screener")
    jailed = lists.receive([CAROL], "Screener")
    report = run_cycle(lists)
    assert lists.mailboxes_of(bobs) == lists.mailboxes_of(carols) == {"Feed"}
    assert lists.mailboxes_of(personal) == {"Screener"}
    assert lists.mailboxes_of(jailed) == {"Jail"}
    assert report.swept.moved == {LIST: 2, CAROL[1]: 1}


def test_a_card_that_a_person_has_made_counts_without_the_label(account: AccountUnderTest) -> None:
    """A line in the note of a card in a triage group is a decision, and it is seen after a restart."""
    card = vcards.contact("ours", "Our list", extra=[f"NOTE:List-Id: {LIST}"])
    account.put_card("ours.vcf", card)
    feed = next(name for name, x in account.cards().items() if vcards.value(x, "FN") == "Feed")
    uid = vcards.value(account.cards()[feed], "UID")
    account.put_card(feed, vcards.group("Feed", ["ours"], uid=uid))
    waiting, personal = over(account, ANN, "Screener"), account.receive([ANN], "Screener")
    run_cycle(account)
    assert account.mailboxes_of(waiting) == {"Feed"}
    assert account.mailboxes_of(personal) == {"Screener"}


@pytest.mark.parametrize(("triage_label", "place"), [("@ToImbox", "Inbox"), ("@ToPaperTrail", "Feed")])
def test_of_two_lists_that_of_the_first_category_counts(
    lists: AccountUnderTest, triage_label: str, place: str
) -> None:
    """As by the rules: also while one of them is being decided on, and when it is taken back."""
    over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    run_cycle(lists)
    other = lists.receive_with(OTHER, ANN, "Screener", triage_label, LIST_LABEL)
    both = [lists.receive_with(x, BOB, "Screener") for x in ((*DEV, *OTHER), (*OTHER, *DEV))]
    run_cycle(lists)
    run_cycle(lists)
    assert [lists.mailboxes_of(x) for x in both] == [{place}, {place}]
    label(lists, other, UNDO, LIST_LABEL)
    run_cycle(lists)
    assert [lists.mailboxes_of(x) for x in both] == [{"Feed"}, {"Feed"}]


def test_a_senders_decision_leaves_the_lists_mail_where_the_list_goes(lists: AccountUnderTest) -> None:
    """What a poster writes to the list is the list's, whatever is decided about the poster."""
    over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    run_cycle(lists)
    bobs = over(lists, BOB, "Screener")
    personal = lists.receive([BOB], "Screener", "@ToPaperTrail")
    run_cycle(lists)
    assert lists.mailboxes_of(bobs) == {"Feed"}
    assert lists.mailboxes_of(personal) == {"Paper Trail"}


def test_another_label_moves_the_list_and_nobody_else(lists: AccountUnderTest) -> None:
    """Its mail goes over to the new place, out of the old one; that of a poster filed there stays."""
    anns = over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    add_contact(lists, *BOB, groups=["Feed"])
    bobs = lists.receive([BOB], "Feed")
    run_cycle(lists)
    carols = over(lists, CAROL, "Feed")
    label(lists, anns, "@ToPaperTrail", LIST_LABEL)
    run_cycle(lists)
    assert lists.mailboxes_of(anns) == lists.mailboxes_of(carols) == {"Paper Trail"}
    assert lists.mailboxes_of(bobs) == {"Feed"}
    assert len(contacts(lists)) == 2


def test_taking_back_leaves_all_as_it_was(lists: AccountUnderTest) -> None:
    """Its mail waits again, and the untouched card goes."""
    anns = over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    bobs = over(lists, BOB, "Screener")
    before = lists.cards().keys()
    run_cycle(lists)
    assert lists.cards().keys() != before
    label(lists, anns, UNDO, LIST_LABEL)
    run_cycle(lists)
    assert lists.mailboxes_of(anns) == lists.mailboxes_of(bobs) == {"Screener"}
    assert lists.cards().keys() == before
    assert members(lists, "Feed") == []
    assert run_cycle(lists).says_nothing_new


def test_taken_back_each_message_goes_in_one_step_where_its_writers_mail_goes(
    lists: AccountUnderTest,
) -> None:
    """By what is decided about the writer, just now or before, or about their domain; else it waits."""
    furnish_domains(lists)
    add_contact(lists, *BOB, groups=["Imbox"])
    add_contact(lists, "Everyone at other.example", "*@other.example", groups=["Jail domains"])
    anns = over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    bobs, carols, dans = (over(lists, who, "Screener") for who in (BOB, CAROL, DAN))
    run_cycle(lists)
    assert {frozenset(lists.mailboxes_of(x)) for x in (anns, bobs, carols, dans)} == {frozenset({"Feed"})}
    label(lists, anns, UNDO, LIST_LABEL)
    lists.receive([DAN], "Screener", "@ToPaperTrail")
    report = run_cycle(lists)
    assert report.swept.moved == {}
    assert lists.mailboxes_of(anns) == {"Screener"}
    assert lists.mailboxes_of(bobs) == {"Inbox"}
    assert lists.mailboxes_of(carols) == {"Jail"}
    assert lists.mailboxes_of(dans) == {"Paper Trail"}
    assert run_cycle(lists).says_nothing_new


@pytest.mark.parametrize(
    ("fields", "labels", "said"),
    [
        pytest.param((), ["@ToFeed", LIST_LABEL], "it came over no mailing list", id="no list"),
        pytest.param((("List-Id", "Weekly news"),), ["@ToFeed", LIST_LABEL], "no mailing list", id="no id"),
        pytest.param((*DEV, *OTHER), ["@ToFeed", LIST_LABEL], "which is meant", id="two lists"),
        pytest.param(DEV, [LIST_LABEL], "put a triage label beside it", id="alone"),
        pytest.param(DEV, ["@ToFeed", LIST_LABEL, "@EntireDomain"], "all of them but one", id="both"),
    ],
)
def test_what_says_nothing_is_left_to_the_person(
    lists: AccountUnderTest, fields: tuple[tuple[str, str], ...], labels: list[str], said: str
) -> None:
    """With the reason; nothing is made, and nothing of the sender's moves."""
    lists.add_mailboxes({"@EntireDomain": None})
    labelled = lists.receive_with(fields, ANN, "Screener", *labels)
    waiting = lists.receive_with(fields, ANN, "Screener")
    (rejected,) = run_cycle(lists).rejected
    assert said in rejected.reason
    assert lists.mailboxes_of(labelled) == {"Screener", *labels, "@MailroomError"}
    assert lists.mailboxes_of(waiting) == {"Screener"}
    assert not contacts(lists)


def test_a_posting_address_that_is_somebodys_already_stays_theirs(lists: AccountUnderTest) -> None:
    """The list gets a card without it: the person's own says what it said before."""
    add_contact(lists, "The team", POST, groups=["Imbox"])
    theirs = lists.receive([("", POST)], "Screener")
    over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    run_cycle(lists)
    assert lists.mailboxes_of(theirs) == {"Inbox"}
    assert groups_of(lists, POST) == ["Imbox"]
    assert len(contacts(lists)) == 2
    assert run_cycle(lists).says_nothing_new


@pytest.mark.parametrize("triage_label", ["@ToJail", UNDO])
def test_a_label_about_its_posting_address_alone_decides_nothing_about_the_list(
    lists: AccountUnderTest, triage_label: str
) -> None:
    """It is left to the person: both stand on one card, and nobody has spoken of the list."""
    over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    run_cycle(lists)
    theirs = lists.receive([("The moderators", POST)], "Screener", triage_label)
    (rejected,) = run_cycle(lists).rejected
    assert rejected.reason == (
        f"the list {LIST[1:-1]} has the same contact card: take {POST} off it, or decide about the list"
    )
    assert lists.mailboxes_of(theirs) == {"Screener", triage_label, "@MailroomError"}
    (card,) = contacts(lists).values()
    assert members(lists, "Feed") == [vcards.value(card, "UID")]


def test_a_posting_address_of_a_domain_that_is_decided_on_stays_with_the_domain(
    lists: AccountUnderTest,
) -> None:
    """What is written from it, but not over the list, goes where everybody's mail there goes."""
    furnish_domains(lists)
    add_contact(lists, "Everyone at lists.example.org", "*@lists.example.org", groups=["Imbox domains"])
    over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    run_cycle(lists)
    theirs = lists.receive([("The moderators", POST)], "Screener")
    run_cycle(lists)
    assert lists.mailboxes_of(theirs) == {"Inbox"}
    assert groups_of(lists, POST) == []


NAMED_IN_NOTE = f"NOTE:Moderates\\nList-Id: {LIST}"


@pytest.mark.parametrize(
    ("group", "triage_label"), [("", "@ToFeed"), ("Imbox", "@ToFeed"), ("Feed", UNDO)], ids=str
)
@pytest.mark.parametrize(
    "emails", [("bob@example.org",), (POST, "bob@example.org"), ("*@example.org",)], ids=str
)
def test_a_persons_card_that_names_a_list_stays_where_it_is(
    lists: AccountUnderTest, emails: tuple[str, ...], group: str, triage_label: str
) -> None:
    """A decision about the list would be one about them: so it is left to the person, with the reason."""
    lists.put_card("bob.vcf", vcards.contact("bob", "Bob", *emails, extra=[NAMED_IN_NOTE]))
    if group:
        join(lists, group, "bob")
    before = lists.cards()
    labelled = over(lists, ANN, "Screener", triage_label, LIST_LABEL)
    (rejected,) = run_cycle(lists).rejected
    assert "has the same contact card: take the line List-Id out of its note" in rejected.reason
    assert lists.cards() == before
    assert "@MailroomError" in lists.mailboxes_of(labelled)


def test_a_decision_about_a_person_is_none_about_the_list_that_their_card_names(
    lists: AccountUnderTest,
) -> None:
    """Nor the other way round."""
    lists.put_card("bob.vcf", vcards.contact("bob", "Bob", BOB[1], extra=[NAMED_IN_NOTE]))
    before = lists.cards()
    lists.receive([BOB], "Screener", "@ToJail")
    waiting = over(lists, ANN, "Screener")
    (rejected,) = run_cycle(lists).rejected
    assert "the list dev.lists.example.org has the same contact card" in rejected.reason
    assert lists.cards() == before
    assert lists.mailboxes_of(waiting) == {"Screener"}


@pytest.mark.parametrize("emails", [(), (POST,)], ids=["without an address", "with the list's own"])
def test_a_card_of_the_persons_own_for_a_list_is_taken(
    lists: AccountUnderTest, emails: tuple[str, ...]
) -> None:
    """It is nobody else's: it comes into the group, and no other card is made."""
    lists.put_card("ours.vcf", vcards.contact("ours", "Our list", *emails, extra=[NAMED_IN_NOTE]))
    over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    run_cycle(lists)
    assert members(lists, "Feed") == ["ours"]
    assert len(contacts(lists)) == 1


def test_what_the_person_posts_goes_where_the_list_goes(lists: AccountUnderTest) -> None:
    """The list delivers it as everybody else's; their other mail is never moved."""
    me = ("Me", lists.address)
    posted, own = over(lists, me, "Screener"), lists.receive([me], "Screener")
    over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    run_cycle(lists)
    assert lists.mailboxes_of(posted) == {"Feed"}
    assert lists.mailboxes_of(own) == {"Screener"}


def test_no_warning_of_a_name_is_due_to_the_lists_card(lists: AccountUnderTest) -> None:
    """From its address everybody writes who posts to it."""
    anns = over(lists, ("Ann via Dev", POST), "Screener", "@ToFeed", LIST_LABEL)
    run_cycle(lists)
    label(lists, anns, "@ToPaperTrail", LIST_LABEL)
    run_cycle(lists)
    assert lists.mailboxes_of(anns) == {"Paper Trail"}


def test_without_the_label_nothing_else_fails(account: AccountUnderTest) -> None:
    """And no header of a list is asked for."""
    labelled = over(account, ANN, "Screener", "@ToFeed")
    run_cycle(account)
    assert account.mailboxes_of(labelled) == {"Feed"}
    assert groups_of(account, ANN[1]) == ["Feed"]


def test_a_list_is_decided_on_with_as_many_requests_as_a_sender(lists: AccountUnderTest) -> None:
    """Reading, making the card, joining the group, sweeping, labels off."""
    run_cycle(lists)
    counts = []
    for labels in (["@ToFeed"], ["@ToFeed", LIST_LABEL]):
        over(lists, BOB if len(labels) == 1 else ANN, "Screener", *labels)
        before = len(lists.requests())
        run_cycle(lists)
        counts.append(len(lists.requests()) - before)
    assert counts[1] <= counts[0]
    assert len(contacts(lists)) == 2


@pytest.mark.parametrize("arguments", [["--last"], [LIST.upper()]], ids=["as what was done last", "by name"])
def test_undo_takes_it_back(lists: AccountUnderTest, arguments: list[str]) -> None:
    """Its mail waits again where it was, and the card goes."""
    over(lists, ANN, "Screener", "@ToFeed", LIST_LABEL)
    bobs = over(lists, BOB, "Screener")
    before = lists.cards().keys()
    run_cycle(lists)
    assert lists.mailboxes_of(bobs) == {"Feed"}
    done = run_command(lists.environment, "undo", "--yes", *arguments)
    assert done.code == 0, done.errors
    assert lists.mailboxes_of(bobs) == {"Screener"}
    assert lists.cards().keys() == before
    assert "`mailroom rules --install`" in " ".join(done.output.split())  # or its rule goes on
