"""The whole promise once more, with eight categories of a person's own, on a real server.

Nested mailboxes, a group that two share, further mailboxes, a mailbox that two groups share, no Jail, one
in the Inbox. Every category is routed by the rules, labelled, relabelled, from the Inbox and from Screener.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from mailroom.settings.categories import read_categories
from tests.support import vcards
from tests.support.accounts import add_contact, contacts_of, groups_of, label
from tests.support.cyrus.front import Front
from tests.support.mail import Mail
from tests.support.on_cyrus import AccountOnCyrus
from tests.support.running import run_command, run_cycle

pytestmark = pytest.mark.slow

FILE = """
[[category]]
title = "Family"
inbox = true
card = "person"
approve = true

[[category]]
title = "News"
mailbox = "Feeds/News"

[[category]]
title = "Blogs"
mailbox = "Feeds/Blogs"
also = ["Feeds"]

[[category]]
title = "Receipts"
mailbox = "Paper Trail/Receipts"
also = ["Paper Trail"]

[[category]]
title = "Invoices"
label = "@Bill"
group = "Receipts"
mailbox = "Paper Trail/Receipts"
also = ["Paper Trail"]

[[category]]
title = "Bank"
mailbox = "Paper Trail"

[[category]]
title = "Clubs"
group = "Clubs & 協会"
mailbox = "Clubs/Chapter/2026"
also = ["Clubs", "Feeds"]

[[category]]
title = "Travel"
label = "Decide/@Travel"
group = "Trips"
"""

PLACES = {
    "Family": {"Inbox"},
    "News": {"News"},
    "Blogs": {"Blogs", "Feeds"},
    "Receipts": {"Receipts", "Paper Trail"},
    "Invoices": {"Receipts", "Paper Trail"},
    "Bank": {"Paper Trail"},
    "Clubs": {"2026", "Clubs", "Feeds"},
    "Travel": {"Travel"},
}
"""Where mail belongs, by the last part of each mailbox's name."""


class Person:
    """Somebody with categories of their own, Mailroom's rules in force, and nothing else running."""

    def __init__(self, account: AccountOnCyrus, file: Path) -> None:
        self.account = account
        self.mail = Mail(account)
        self.variables = {"MAILROOM_CATEGORIES_FILE": str(file)}
        self.categories = {str(each.title): each for each in read_categories(file)}

    def runs(self, *arguments: str) -> str:
        done = run_command(self.account.environment, *arguments, **self.variables)
        assert done.code == 0, done.output + done.errors
        return done.output

    def labels(self, message: str, title: str) -> None:
        """Put a category's label on a message, and let one cycle run."""
        label(self.account, message, str(self.categories[title].label).rpartition("/")[2])
        report = run_cycle(self.account, **self.variables)
        assert not report.has_failures

    def where(self, message: str) -> set[str]:
        return self.account.mailboxes_of(message)

    def group(self, title: str) -> str:
        return str(self.categories[title].group.name)


@pytest.fixture
def person(cyrus: Front, tmp_path: Path) -> Iterator[Person]:
    file = tmp_path / "categories.toml"
    file.write_text(FILE, "utf-8")
    with closing(AccountOnCyrus(cyrus)) as account:
        person = Person(account, file)
        account.add_mailboxes({"Archive": "archive", "Sent": "sent", "Family mail": None})
        person.runs("setup", "--apply")
        account.mailbox_names()
        account.install_rules(person.runs("rules", "--format", "sieve"))
        yield person


def stranger(title: str) -> str:
    return f"{title.lower()}@far.example"


def test_every_category_is_labelled_once_and_its_next_mail_is_routed_by_the_rules(person: Person) -> None:
    """From Screener to each destination and its further mailboxes; nothing of Mailroom runs between."""
    for title, places in PLACES.items():
        first = person.mail.arrives(stranger(title))
        waiting = person.mail.arrives(stranger(title))
        assert person.where(first) == {"Screener"}
        person.labels(first, title)
        assert person.where(first) == person.where(waiting) == places, title
        assert groups_of(person.account, stranger(title)) == [person.group(title)]
        requests = len(person.account.requests())
        assert person.where(person.mail.arrives(stranger(title))) == places, title
        assert len(person.account.requests()) == requests
    (card,) = contacts_of(person.account, stranger("Family"))
    assert not vcards.values(card, "ORG"), "a person, not a company"
    checked = run_command(person.account.environment, "check", "--json", **person.variables)
    assert checked.code == 0, checked.output
    assert [each for each in checked.json() if each["is_right"] is False] == []


def test_every_category_is_labelled_in_the_inbox(person: Person) -> None:
    """A stranger's and a known person's mail that lies there goes along, but not what is kept elsewhere."""
    for title, places in PLACES.items():
        for name, email in (("Somebody", stranger(title)), ("Known", f"known.{stranger(title)}")):
            if name == "Known":
                add_contact(person.account, name, email)
            first = person.account.receive([(name, email)], "Inbox")
            other = person.account.receive([(name, email)], "Inbox", read=True)
            kept = person.account.receive([(name, email)], "Family mail")
            person.labels(first, title)
            assert person.where(first) == person.where(other) == places, (title, name)
            assert person.where(kept) == {"Family mail"}
            assert groups_of(person.account, email) == [person.group(title)]
            assert person.where(person.mail.arrives(f"{name} <{email}>")) == places, (title, name)


def test_a_sender_is_relabelled_from_each_category_to_the_next(person: Person) -> None:
    """All round: their mail leaves where it was, and the next one goes where they belong now."""
    sender = "wanderer@far.example"
    message = person.mail.arrives(sender)
    unread: list[str] = []
    for title, following in pairwise([*PLACES, "Family"]):
        person.labels(message, title)
        for each in (message, *unread):
            assert person.where(each) == PLACES[title], title
        assert groups_of(person.account, sender) == [person.group(title)]
        message = person.mail.arrives(sender)
        assert person.where(message) == PLACES[title], f"before {following}"
        unread = [*unread[-1:], person.mail.arrives(sender)]
    person.labels(message, "Family")
    assert all(person.where(each) == {"Inbox"} for each in (message, *unread))
    assert len(contacts_of(person.account, sender)) == 1


def test_what_a_missing_rule_left_in_screener_is_moved_after(person: Person) -> None:
    """Stragglers get every mailbox of their group; `rescue` and a cycle agree."""
    waiting = {}
    for title in PLACES:
        add_contact(person.account, title, stranger(title), groups=[person.group(title)])
        waiting[title] = person.account.receive([(title, stranger(title))], "Screener")
    run_cycle(person.account, **person.variables)
    assert {title: person.where(message) for title, message in waiting.items()} == PLACES
    for title, message in waiting.items():
        person.account.place(message, "Screener")
        assert person.where(message) == {"Screener"}, title
    person.runs("rescue")
    assert {title: person.where(message) for title, message in waiting.items()} == PLACES


def test_people_one_writes_to_get_the_category_that_says_so(person: Person) -> None:
    """`approve = true` stands at Family."""
    person.account.send(("Grandma", "grandma@home.example"))
    person.runs("approve", "--correspondents", "--yes")
    assert groups_of(person.account, "grandma@home.example") == ["Family"]
    assert person.where(person.mail.arrives("Grandma <grandma@home.example>")) == {"Inbox"}


def test_a_decision_is_taken_back_from_every_category(person: Person) -> None:
    """Their mail leaves each of its mailboxes and waits again, and so does the next one."""
    for title in PLACES:
        message = person.mail.arrives(stranger(title))
        person.labels(message, title)
        label(person.account, message, "@ToScreener")
        run_cycle(person.account, **person.variables)
        assert person.where(message) == {"Screener"}, title
        assert groups_of(person.account, stranger(title)) == []
        assert person.where(person.mail.arrives(stranger(title))) == {"Screener"}
