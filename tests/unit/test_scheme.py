"""What can be decided about a sender, and the names that stand for it."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from mailroom.model.contacts import CardKind
from mailroom.model.mail import Mailbox, MailboxId, Message, MessageId
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.own import OwnAddresses
from mailroom.model.scheme import Category, ContactGroup, Name, Scheme
from mailroom.model.sender import read_sender
from mailroom.rules.routing import routing_rules
from mailroom.triage.cycle import Triage
from mailroom.triage.items import Kind
from mailroom.triage.layout import find_layout
from mailroom.triage.making import make_missing
from mailroom.triage.survey import survey
from tests.support.default_account import FEED, GROUPS, IMBOX, MAILBOXES, SCHEME
from tests.support.memory import Book, World

SENDER = read_sender([("Ann", "ann@a.example")])
NEWS = ContactGroup(Name("News", "GROUP"), mailbox=Name("Feeds/Daily", "MAILBOX"))


def with_news(*categories: Category) -> Scheme:
    news = Category("News", Name("@ToNews", "LABEL"), NEWS, CardKind.COMPANY)
    return evolve(SCHEME, categories=(*SCHEME.categories, news, *categories))


def test_a_name_knows_its_setting_and_is_a_text_like_any_other() -> None:
    """Where something was named decides nothing but what the person is told to change."""
    name = Name("Feed", "MAILROOM_GROUP_FEED")
    assert name.setting == "MAILROOM_GROUP_FEED"
    assert name == Name("Feed") == "Feed"
    assert "Feed" in {name}


def test_a_group_is_there_once_and_stands_for_its_first_category() -> None:
    """Categories that share a contact group differ in the card that a new sender gets alone."""
    assert GROUPS == ("Imbox", "Feed", "Paper Trail", "Jail")
    assert SCHEME.category_of(IMBOX).title == "Imbox"
    assert SCHEME.category_of(FEED).title == "Feed"


def test_a_groups_mailbox_may_be_called_otherwise() -> None:
    """Rules look at the group, file into the mailbox, and everything that is needed has its own name."""
    scheme = with_news()
    (rule,) = (rule for rule in routing_rules(scheme) if rule.group == "News")
    assert rule.mailbox == "Feeds/Daily"
    feeds = Mailbox(MailboxId("f"), "Feeds")
    daily = Mailbox(MailboxId("d"), "Daily", parent_id=feeds.id)
    label = Mailbox(MailboxId("l"), "@ToNews")
    layout = find_layout((*MAILBOXES, feeds, daily, label), scheme)
    assert layout.destinations["News"].mailbox == "d"
    needed = {(item.kind, item.name) for item in survey(MailboxTree([]), [], scheme)}
    assert {(Kind.GROUP, "News"), (Kind.DESTINATION, "Feeds/Daily")} <= needed


def test_categories_may_share_a_destination() -> None:
    """It is needed once; each of their groups has a rule."""
    same = ContactGroup(Name("Papers"), mailbox=NEWS.mailbox)
    scheme = with_news(Category("Papers", Name("@ToPapers"), same, CardKind.COMPANY))
    assert scheme.destinations == ("Feed", "Paper Trail", "Jail", "Feeds/Daily")
    rules = routing_rules(scheme, there=["News", "Papers"])
    assert [rule.group for rule in rules if rule.mailbox == "Feeds/Daily"] == ["News", "Papers"]


def test_a_setting_renames_what_it_names_and_nothing_else() -> None:
    """One setting may name a group and its mailbox, or each has its own."""
    scheme = with_news()
    renamed = scheme.with_setting("MAILBOX", "Daily")
    assert renamed.category_of(ContactGroup(Name("News"), Name("Daily"))).label == "@ToNews"
    assert renamed.with_setting("MAILBOX", "Feeds/Daily") == scheme
    both = evolve(
        scheme, categories=(Category("A", Name("@A"), ContactGroup(NEWS.name, NEWS.name), CardKind.PERSON),)
    )
    (group,) = both.with_setting("GROUP", "Other").groups
    assert group == ContactGroup(Name("Other"), Name("Other"))


@st.composite
def schemes(draw: st.DrawFn) -> Scheme:
    """A few categories; groups have destinations of other names, share some, or have the Inbox."""
    mailboxes = st.sampled_from([None, *map(Name, ("Feed", "News", "Papers", "G0"))])
    groups = [ContactGroup(Name(f"G{n}"), draw(mailboxes)) for n in range(draw(st.integers(1, 4)))]
    kinds = st.sampled_from(CardKind)
    count = draw(st.integers(1, 5))
    return evolve(
        SCHEME,
        categories=tuple(
            Category(f"C{n}", Name(f"@L{n}"), draw(st.sampled_from(groups)), draw(kinds))
            for n in range(count)
        ),
    )


@given(schemes(), st.data())
@settings(max_examples=100, deadline=None)
def test_any_scheme_is_made_and_then_files_by_its_own_names(scheme: Scheme, data: st.DataObject) -> None:
    """A label puts the sender into its group and their mail into its mailbox; the next label moves both."""
    world = World(MAILBOXES[:4], {}, {}, {})
    book = Book(world)
    make_missing(survey(MailboxTree(world.mailboxes), [], scheme), world, book)
    triage = Triage(world, book, scheme, OwnAddresses())
    triage.check_mail()
    triage.check_book()
    message = Message(MessageId("m"), frozenset({MailboxId("Screener")}), False, SENDER, "2026")
    world.messages[message.id] = message
    for category in data.draw(st.lists(st.sampled_from(scheme.categories), min_size=1, max_size=3)):
        labelled = world.messages[message.id]
        world.messages[message.id] = evolve(
            labelled, mailbox_ids=labelled.mailbox_ids | {MailboxId(category.label)}
        )
        (filed,) = triage.run().filed
        assert filed.filing.decision.category == category
        assert world.messages[message.id].mailbox_ids == {category.group.mailbox or "Inbox"}
        assert {name for name, members in world.groups.items() if members} == {category.group.name}
