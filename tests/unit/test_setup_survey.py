"""What an account needs, and what of it is there."""

from __future__ import annotations

import pytest
from attrs import evolve

from mailroom.commands.setup import variables_by_name
from mailroom.settings import PUBLIC_DEFAULTS
from mailroom.triage.model import Mailbox, MailboxId
from mailroom.triage.setup import Item, Kind, Obstacle, State, survey_groups, survey_mailboxes
from tests.unit.default_account import SCHEME


def mailboxes(*paths: str, **roles: str) -> list[Mailbox]:
    """Mailboxes by their full names; parents must come first."""
    made: dict[str, Mailbox] = {}
    for path in paths:
        parent, _, name = path.rpartition("/")
        parent_id = made[parent].id if parent else None
        made[path] = Mailbox(MailboxId(path), name, parent_id, roles.get(path))
    return list(made.values())


def screener_of(found: list[Mailbox], name: str = "Screener") -> Item:
    """Look for Screener among these mailboxes."""
    return survey_mailboxes(found, evolve(SCHEME, screener=name))[0]


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
            "inbox/Screener",
            id="parent in another case",
        ),
        pytest.param(["Inbox"], "Inbox/Screener", State.MISSING, None, "", id="parent is there"),
        pytest.param(
            ["Screener", "SCREENER"], "Screener", State.PRESENT, None, "", id="there and in another case too"
        ),
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
    assert (item.state, item.obstacle, item.role) == (State.TAKEN, Obstacle.ROLE, "junk")


def test_warnings_that_are_off_need_no_label() -> None:
    """Only what the settings ask for is looked for."""
    kinds = {item.kind for item in survey_mailboxes([], evolve(SCHEME, warning_label=None))}
    assert Kind.WARNING_LABEL not in kinds
    with_warnings = {item.kind for item in survey_mailboxes([], evolve(SCHEME, warning_label="@W"))}
    assert Kind.WARNING_LABEL in with_warnings


def test_a_group_is_needed_once_however_many_categories_share_it() -> None:
    """Two categories with one group need one contact group."""
    assert [item.name for item in survey_groups([], SCHEME)] == ["Imbox", "Feed", "Paper Trail", "Jail"]


def test_a_groups_name_that_is_there_twice_is_taken() -> None:
    """Which of the two the rules would mean, nobody can tell."""
    states = {item.name: item.obstacle for item in survey_groups(["Feed", "Feed", "imbox", "Jail"], SCHEME)}
    assert states == {"Imbox": Obstacle.CASE, "Feed": Obstacle.DOUBLED, "Paper Trail": None, "Jail": None}


def test_every_name_has_its_setting() -> None:
    """Advice to set another name can always say where."""
    scheme = evolve(SCHEME, warning_label="@MailroomWarning")
    variables = variables_by_name(scheme)
    for item in (*survey_mailboxes([], scheme), *survey_groups([], scheme)):
        assert PUBLIC_DEFAULTS[variables[item.kind, item.name]] == item.name
