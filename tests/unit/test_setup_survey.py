"""What an account needs, what of it is there, and that every piece of advice works."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from mailroom.errors import UserError
from mailroom.model.mail import Mailbox, MailboxId
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.scheme import Name
from mailroom.settings.settings import load_settings
from mailroom.settings.variables import default_of
from mailroom.triage.items import Item, Kind, Obstacle, State
from mailroom.triage.layout import find_layout
from mailroom.triage.survey import problems_of, survey
from tests.support.default_account import SCHEME

SECRETS = {
    "MAILROOM_JMAP_TOKEN": "fmu1-hush",
    "MAILROOM_CARDDAV_USERNAME": "me@home.example",
    "MAILROOM_CARDDAV_PASSWORD": "open-sesame",
}


def mailboxes(*paths: str, literal: Sequence[str] = (), **roles: str) -> list[Mailbox]:
    """Mailboxes by their full names, parents first; those in `literal` have their slashes themselves."""
    made: dict[str, Mailbox] = {}
    for number, path in enumerate(paths):
        parent, _, name = path.rpartition("/")
        parent_id = made[parent].id if parent else None
        made[path] = Mailbox(MailboxId(f"{path} {number}"), name, parent_id, roles.get(path))
    more = [Mailbox(MailboxId(f"{name} itself"), name) for name in literal]
    return [*made.values(), *more]


def screener_of(found: list[Mailbox], name: str = "Screener") -> Item:
    """Look for Screener among these mailboxes."""
    return survey(MailboxTree(found), None, evolve(SCHEME, screener=Name(name)))[0]


@pytest.mark.parametrize(
    ("found", "name", "state", "obstacle", "there"),
    [
        pytest.param(["Screener"], "Screener", State.PRESENT, None, "", id="there"),
        pytest.param(["Inbox"], "Screener", State.MISSING, None, "", id="not there"),
        pytest.param(["SCREENER"], "Screener", State.TAKEN, Obstacle.CASE, "SCREENER", id="another case"),
        pytest.param(["Screener "], "Screener", State.TAKEN, Obstacle.CASE, "Screener ", id="white space"),
        pytest.param(
            ["Inbox", "Inbox/screener"],
            "Screener",
            State.TAKEN,
            Obstacle.LEVEL,
            "Inbox/screener",
            id="deeper",
        ),
        pytest.param(["Screener"], "Inbox/Screener", State.TAKEN, Obstacle.LEVEL, "Screener", id="higher"),
        pytest.param(
            ["inbox"],
            "Inbox/Screener",
            State.TAKEN,
            Obstacle.CASE,
            "inbox",
            id="parent in another case",
        ),
        pytest.param(["Inbox"], "Inbox/Screener", State.MISSING, None, "", id="parent is there"),
        pytest.param(
            ["Screener", "SCREENER"], "Screener", State.PRESENT, None, "", id="there and in another case too"
        ),
        pytest.param(["Feed"], "Lists/Feed", State.MISSING, None, "", id="what else is wanted stays"),
    ],
)
def test_a_name_is_there_or_missing_or_taken(
    found: list[str], name: str, state: State, obstacle: Obstacle | None, there: str
) -> None:
    """What nearly has the name, or has it at another level, is found and not to be doubled."""
    item = screener_of(mailboxes(*found), name)
    assert (item.state, item.obstacle, item.found) == (state, obstacle, there)


@pytest.mark.parametrize("path", ["Screener", "screener"])
def test_a_mailbox_with_a_role_is_for_something_else(path: str) -> None:
    """Whatever it is called, the account's own Junk or Archive is not taken for Screener."""
    item = screener_of(mailboxes(path, **{path: "junk"}))
    assert (item.state, item.obstacle) == (State.TAKEN, Obstacle.ROLE)
    assert "the account's junk" in item.remedy


def test_a_mailbox_with_a_role_elsewhere_is_in_nobodys_way() -> None:
    """A mailbox `Lists/Archive` can be made beside the account's Archive."""
    item = screener_of(mailboxes("Archive", "Lists", Archive="archive"), "Lists/Archive")
    assert item.state is State.MISSING


DOUBLED = {
    "a literal name beside a nested one": mailboxes("Lists", "Lists/Feed", literal=["Lists/Feed"]),
    "two of one name": [*mailboxes("Lists", "Lists/Feed"), *mailboxes("Lists", "Lists/Feed", "x")],
}


@pytest.mark.parametrize("found", DOUBLED.values(), ids=DOUBLED)
def test_a_full_name_that_two_mailboxes_have_is_said(found: list[Mailbox]) -> None:
    """Which of the two is meant, nobody can tell: neither the survey nor the service takes either."""
    twice = [evolve(each, id=MailboxId(f"{number}")) for number, each in enumerate(found)]
    ids = {each.id: mine.id for each, mine in zip(found, twice, strict=True)}
    found = [evolve(x, parent_id=ids[x.parent_id] if x.parent_id else None) for x in twice]
    assert sorted(MailboxTree(found).paths.values()).count("Lists/Feed") == 2
    item = screener_of(found, "Lists/Feed")
    assert (item.state, item.obstacle) == (State.TAKEN, Obstacle.DOUBLED)
    assert "2 have this name: rename or delete all but one" in item.remedy
    with pytest.raises(UserError, match="'Lists/Feed': 2 have this name"):
        find_layout(found, evolve(SCHEME, screener=Name("Lists/Feed")))


def test_warnings_that_are_off_need_no_label() -> None:
    """Only what the settings ask for is looked for."""
    kinds = {item.kind for item in survey(MailboxTree([]), None, evolve(SCHEME, warning_label=None))}
    assert Kind.WARNING_LABEL not in kinds
    with_warnings = {
        item.kind for item in survey(MailboxTree([]), None, evolve(SCHEME, warning_label=Name("@W")))
    }
    assert Kind.WARNING_LABEL in with_warnings


def test_a_group_is_needed_once_however_many_categories_share_it() -> None:
    """Two categories with one group need one contact group."""
    assert [x.name for x in survey(None, [], SCHEME)] == ["Imbox", "Feed", "Paper Trail", "Jail"]


def test_a_groups_name_that_is_there_twice_is_taken() -> None:
    """Which of the two the rules would mean, nobody can tell."""
    states = {x.name: x.obstacle for x in survey(None, ["Feed", "Feed", "imbox", "Jail"], SCHEME)}
    assert states == {"Imbox": Obstacle.CASE, "Feed": Obstacle.DOUBLED, "Paper Trail": None, "Jail": None}


def test_every_name_has_its_setting() -> None:
    """Advice to set another name can always say where."""
    scheme = load_settings(SECRETS, dotenv=None).scheme
    for item in survey(MailboxTree([]), [], scheme):
        follows = item.kind is Kind.DOMAIN_GROUP and default_of(item.name.setting) == ""
        assert follows or default_of(item.name.setting) == item.name


@frozen
class Circumstances:
    """An account and the person's settings, which advice changes as a person would."""

    mailboxes: list[Mailbox]
    group_names: list[str]
    variables: dict[str, str]

    def items(self) -> list[Item]:
        scheme = load_settings({**SECRETS, **self.variables}, dotenv=None).scheme
        return survey(MailboxTree(self.mailboxes), self.group_names, scheme)

    def taken(self) -> list[Item]:
        return [item for item in self.items() if item.state is State.TAKEN]

    def ways(self, item: Item) -> Iterator[Circumstances]:
        """Follow each piece of advice of one remedy, word by word."""
        remedy = item.remedy
        for variable, value in re.findall(r"set (MAILROOM_\w+)=(.*?)(?=, or |$)", remedy):
            yield evolve(self, variables={**self.variables, variable: value})
        for act, name in re.findall(r"\b(rename|move) it to '(.*?)'", remedy):
            if item.kind is Kind.GROUP:
                names = [name if x == item.found else x for x in self.group_names]
                yield evolve(self, group_names=names)
            else:
                yield evolve(self, mailboxes=self._placed(item.found, name))
            assert act == "move" or item.obstacle is not Obstacle.LEVEL
        if "make '" in remedy:
            yield evolve(self, mailboxes=self._made(item.name))
        if "to another name" in remedy:
            setting = item.name.setting
            yield evolve(self, variables={**self.variables, setting: f"New {setting}"})
        if "all but one" in remedy:
            yield self._without_doubles(item)

    def _placed(self, path: str, new_path: str) -> list[Mailbox]:
        paths = MailboxTree(self.mailboxes).paths
        parent, _, name = new_path.rpartition("/")
        made = self._made(parent) if parent else self.mailboxes
        parent_id = MailboxTree(made).ids.get(parent)
        return [evolve(x, name=name, parent_id=parent_id) if paths.get(x.id) == path else x for x in made]

    def _made(self, path: str) -> list[Mailbox]:
        made = list(self.mailboxes)
        parent_id: MailboxId | None = None
        at = ""
        for name in path.split("/"):
            at = f"{at}/{name}".removeprefix("/")
            there = MailboxTree(made).ids
            if at not in there:
                made.append(Mailbox(MailboxId(f"made {at}"), name, parent_id))
            parent_id = there.get(at, MailboxId(f"made {at}"))
        return made

    def _without_doubles(self, item: Item) -> Circumstances:
        if item.kind is Kind.GROUP:
            rest = [name for name in self.group_names if name != item.name]
            return evolve(self, group_names=[*rest, item.name])
        paths = MailboxTree(self.mailboxes).paths
        _, *others = (x for x in self.mailboxes if paths[x.id] == item.name)
        renamed = {x.id: evolve(x, name=f"{x.name} no {n}") for n, x in enumerate(others)}
        return evolve(self, mailboxes=[renamed.get(x.id, x) for x in self.mailboxes])


NAMES = ("Feed", "feed", "Inbox", "INBOX", "Screener", "screener", "Ｊail", "Lists")
SETTINGS = (
    "MAILROOM_GROUP_FEED",
    "MAILROOM_SCREENER_MAILBOX",
    "MAILROOM_GROUP_JAIL",
)


@st.composite
def circumstances(draw: st.DrawFn) -> Circumstances:
    """Few names in many spellings and places, so that they are in each other's way."""
    made: list[Mailbox] = [Mailbox(MailboxId("i"), draw(st.sampled_from(["Inbox", "INBOX"])), role="inbox")]
    for number in range(draw(st.integers(0, 6))):
        parent = draw(st.sampled_from([None, *made]))
        name = draw(st.sampled_from([*NAMES, "Lists/Feed", "inbox/Screener"]))
        made.append(Mailbox(MailboxId(str(number)), name, parent.id if parent else None))
    groups = draw(st.lists(st.sampled_from(["Feed", "feed", "FEED", "Jail", "jail"]), max_size=4))
    values = (
        "Feed",
        "feed",
        "Lists/Feed",
        "INBOX/Feed",
        "Inbox/Screener",
        "inbox/screener",
        "Screener",
        "Jail",
    )
    variables = draw(st.dictionaries(st.sampled_from(SETTINGS), st.sampled_from(values), max_size=3))
    return Circumstances(made, groups, variables)


def settled(start: Circumstances) -> Circumstances | None:
    """Return the circumstances unless the settings themselves refuse them."""
    try:
        start.items()
    except UserError:
        return None
    return start


@given(circumstances(), st.data())
def test_advice_works_and_does_not_lead_in_a_circle(start: Circumstances, data: st.DataObject) -> None:
    """Whichever way is taken, in whatever order: after two steps a name nothing is left to do."""
    now = settled(start)
    if now is None:
        return
    for _ in range(2 * len(now.items())):
        taken = now.taken()
        if not taken:
            break
        item = data.draw(st.sampled_from(taken))
        ways = list(now.ways(item))
        assert ways, item
        now = data.draw(st.sampled_from(ways))
    assert now.taken() == []
    assert all("--apply" in problem for problem in problems_of(now.items()))


def only(now: Circumstances) -> Item:
    (item,) = now.taken()
    return item


def test_a_mailbox_in_the_inbox_whose_name_is_written_otherwise() -> None:
    """The Inbox cannot be renamed: the setting is to say its name as it is, and then it can be made."""
    now = Circumstances(mailboxes("Inbox", Inbox="inbox"), [], {"MAILROOM_SCREENER_MAILBOX": "INBOX/Waiting"})
    item = only(now)
    assert item.remedy == "'Inbox' exists: set MAILROOM_SCREENER_MAILBOX=Inbox/Waiting"
    (after,) = now.ways(item)
    assert after.taken() == []


def test_a_setting_that_two_things_share_is_not_set_for_one_of_them() -> None:
    """With a mailbox `feed` and a contact group `Feed`, a setting would only turn it around."""
    now = Circumstances(mailboxes("Inbox", "feed", Inbox="inbox"), ["Feed"], {})
    assert only(now).remedy == "'feed' exists: rename it to 'Feed'"
    both = evolve(now, group_names=["feed"])
    assert {item.remedy for item in both.taken()} == {
        "'feed' exists: rename it to 'Feed', or set MAILROOM_GROUP_FEED=feed"
    }
    (mailbox, *_) = both.taken()
    assert all(len(after.taken()) < 2 for after in both.ways(mailbox))
