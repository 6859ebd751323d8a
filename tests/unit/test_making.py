"""Making what an account lacks: as much of it as can be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, evolve, field

from mailroom.errors import ServerError
from mailroom.model.contacts import CardKind
from mailroom.model.mail import Mailbox, MailboxId, MailboxRights, MailLimits
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.scheme import Category, ContactGroup, Name, Scheme
from mailroom.triage.items import Item, Kind, State
from mailroom.triage.making import WAITS, make_missing, why_not_made
from mailroom.triage.survey import survey
from tests.support.default_account import MAILBOXES, SCHEME
from tests.support.memory import Book, World


def bare() -> World:
    """An account that has what every account has."""
    return World(MAILBOXES[:4], {}, {}, {})


def made(world: World, mail: World | None = None, scheme: Scheme = SCHEME) -> list[Item]:
    """Survey an account and make what is missing."""
    book = Book(world)
    items = survey(MailboxTree(world.mailboxes), book.refresh().group_names(), scheme)
    return make_missing(items, mail or world, book)


def states(items: Sequence[Item]) -> set[State]:
    return {item.state for item in items}


@define
class Refusing(World):
    """An account that does not make every mailbox.

    Attributes:
        refused: Why a mailbox is not made, by its name; None where the server as a whole fails.
    """

    refused: Mapping[str, str] | None = field(default=None, kw_only=True)

    def create_mailboxes(self, paths: Sequence[str]) -> Mapping[str, str]:
        if self.refused is None:
            raise ServerError("busy")
        World.create_mailboxes(self, [path for path in paths if path not in self.refused])
        return {path: self.refused[path] for path in paths if path in self.refused}


def test_what_is_missing_is_made_and_then_nothing_is() -> None:
    """Each thing is made once, however often it is asked for."""
    world = bare()
    assert states(made(world)) == {State.MADE}
    writes = world.writes
    assert states(made(world)) == {State.PRESENT}
    assert world.writes == writes


def test_what_cannot_be_made_stops_nothing_else() -> None:
    """Its reason is told; everything else is made."""
    world = Refusing(MAILBOXES[:4], {}, {}, {}, refused={"Jail": "no room"})
    items = made(world)
    (failed,) = (item for item in items if item.state is State.FAILED)
    assert (failed.kind, failed.name, failed.remedy) == (Kind.DESTINATION, "Jail", "no room")
    assert states([item for item in items if item is not failed]) == {State.MADE}


def test_a_server_that_fails_stops_not_the_other() -> None:
    """No mailbox is made, and every contact group is."""
    world = Refusing(MAILBOXES[:4], {}, {}, {})
    for item in made(world):
        is_group = item.kind is Kind.GROUP
        assert (item.state, item.remedy) == ((State.MADE, "") if is_group else (State.FAILED, "busy"))


def test_what_shares_its_setting_with_a_taken_name_waits() -> None:
    """The person may give the setting another name, and a group of the old one would be left over."""
    name = Name("Feed", "MAILROOM_GROUP_FEED")
    feed = Category("Feed", Name("@ToFeed"), ContactGroup(name, name), CardKind.COMPANY)
    world = bare()
    world.mailboxes += (Mailbox(MailboxId("f"), "FEED"),)
    items = made(world, scheme=evolve(SCHEME, categories=(feed,)))
    found = {item.kind: (item.state, item.remedy) for item in items}
    assert found[Kind.DESTINATION][0] is State.TAKEN
    assert found[Kind.GROUP] == (State.MISSING, WAITS)
    assert found[Kind.TRIAGE_LABEL] == found[Kind.SCREENER] == (State.MADE, "")
    assert not world.groups


NO_LIMITS = MailLimits()


def why_not(name: str, limits: MailLimits = NO_LIMITS, *, may_create_child: bool = True) -> list[str]:
    """Why Screener of that name could not be made in an account with an Inbox."""
    rights = MailboxRights(may_create_child=may_create_child)
    tree = MailboxTree([Mailbox(MailboxId("i"), "Inbox", role="inbox", rights=rights)])
    (item, *_) = survey(tree, None, evolve(SCHEME, screener=Name(name)))
    return why_not_made([item], tree, limits)


def test_what_may_not_be_made_is_told_before_anything_is() -> None:
    """By the rights to what it is to lie in, and by what the server's mailboxes may be like."""
    assert why_not("Screener") == why_not("Inbox/Screener") == []
    assert why_not("Screener", may_create_child=False) == []
    (says,) = why_not("Inbox/Deep/Screener", may_create_child=False)
    assert says == (
        "the mailbox 'Inbox/Deep/Screener' cannot be made: the token may make none in 'Inbox'; "
        "make it yourself"
    )
    nowhere = MailLimits(may_make_at_top=False)
    assert why_not("Inbox/Screener", nowhere) == []
    assert "may make none at the top" in why_not("Screener", nowhere)[0]
    assert why_not("a/b", MailLimits(max_mailbox_depth=2)) == []
    assert "2 deep" in why_not("a/b/c", MailLimits(max_mailbox_depth=2))[0]
    assert why_not("ää/bbbb", MailLimits(max_name_bytes=4)) == []
    assert "at most 4 bytes" in why_not("äää/b", MailLimits(max_name_bytes=4))[0]


def test_what_is_there_needs_no_right_to_be_made() -> None:
    """A full account may be as strict as it likes."""
    tree = MailboxTree(MAILBOXES)
    assert why_not_made(survey(tree, None, SCHEME), tree, MailLimits(may_make_at_top=False)) == []
