"""What lies in Screener although its sender is decided on or known."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import evolve, field, frozen

from mailroom.model.contacts import Card, CardUid
from mailroom.model.mail import MailboxId, Message, MessageId
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party
from mailroom.model.scheme import Scheme
from mailroom.model.sender import read_sender
from mailroom.triage.layout import Layout, find_layout
from mailroom.triage.plan import NO_CHANGE
from mailroom.triage.screener import MisplacedMail, find_misplaced, sweep_straggler
from tests.support.default_account import MAILBOXES, SCHEME

LAYOUT: Layout = find_layout(MAILBOXES, SCHEME)


@frozen
class Book:
    """Senders' cards: the groups of each card, and the cards of each address."""

    members: dict[str, Collection[str]]
    of_address: dict[str, Sequence[str]] = field(factory=dict)

    def cards(self, party: Party) -> Sequence[Card]:
        uids = self.of_address.get(party, [party] if party in self.members else [])
        return [Card(CardUid(uid), uid) for uid in uids]

    def knows_lists(self) -> bool:
        return True

    def groups(self, uid: CardUid) -> Collection[str]:
        return self.members[uid]


def message(sender: str, *mailboxes: str) -> Message:
    ids = frozenset(map(MailboxId, mailboxes))
    return Message(MessageId(f"{sender} {mailboxes}"), ids, False, read_sender([("", sender)]), "2026")


def misplaced(
    book: Book, *messages: Message, own: Collection[str] = (), scheme: Scheme = SCHEME
) -> MisplacedMail:
    return find_misplaced(messages, book, LAYOUT, scheme, OwnAddresses.read(own))


def test_only_what_waits_in_screener_counts() -> None:
    """Mail that lies elsewhere is where its sender's was filed; what was thrown away waits for nobody."""
    book = Book({"feed@x.example": ["Feed"]})
    found = misplaced(
        book,
        message("feed@x.example", "Feed"),
        message("feed@x.example", "Screener", "Trash"),
        message("feed@x.example", "Trash"),
    )
    assert not found.stragglers
    assert not found.message_counts
    found = misplaced(book, message("feed@x.example", "Feed"), message("feed@x.example", "Screener"))
    assert found.message_counts == {"feed@x.example": 1}


def test_senders_are_sorted_by_their_triage_groups() -> None:
    """One: a straggler. Several: the person chooses. None, but a card: a contact. No card: nothing."""
    book = Book(
        {"one@x.example": ["Jail", "Friends"], "two@x.example": ["Feed", "Imbox"], "none@x.example": ["F"]}
    )
    senders = ("one@x.example", "two@x.example", "none@x.example", "stranger@x.example")
    found = misplaced(book, *(message(sender, "Screener") for sender in senders))
    assert {x: y.decision.category.title for x, y in found.stragglers.items()} == {"one@x.example": "Jail"}
    assert found.in_several_groups == {"two@x.example": ("Imbox", "Feed")}
    assert found.in_no_group == {"none@x.example"}
    assert found.message_counts == {"one@x.example": 1, "two@x.example": 1, "none@x.example": 1}


def test_the_groups_of_all_their_cards_count() -> None:
    """Two cards of one sender in two triage groups leave the choice to the person."""
    book = Book({"a": ["Feed"], "b": ["Jail"]}, {"ann@x.example": ["a", "b"]})
    found = misplaced(book, message("ann@x.example", "Screener"))
    assert found.in_several_groups == {"ann@x.example": ("Feed", "Jail")}


def test_a_label_anywhere_keeps_all_their_mail_where_it_is() -> None:
    """Who is under way, refused or in conflict is for the cycle, not for the sweep."""
    book = Book({"ann@x.example": ["Feed"]})
    waiting, labelled = message("ann@x.example", "Screener"), message("ANN@x.example", "Inbox", "@ToJail")
    assert not misplaced(book, waiting, labelled).message_counts
    assert misplaced(book, waiting, evolve(labelled, mailbox_ids=frozenset())).stragglers


def test_a_label_as_new_as_the_sweep_wins() -> None:
    """A message that got a label after the senders were sorted is left for the next cycle."""
    found = misplaced(Book({"ann@x.example": ["Feed"]}), message("ann@x.example", "Screener"))
    assert sweep_straggler(message("ann@x.example", "Screener"), found, LAYOUT)
    assert sweep_straggler(message("ann@x.example", "Screener", "@ToJail"), found, LAYOUT) == NO_CHANGE


def test_only_mail_in_screener_is_swept() -> None:
    """A message that carries the error label elsewhere is no business of the sweep."""
    found = misplaced(Book({"ann@x.example": ["Feed"]}), message("ann@x.example", "Screener"))
    assert sweep_straggler(message("ann@x.example", SCHEME.error_label), found, LAYOUT) == NO_CHANGE


def test_own_addresses_are_nobody() -> None:
    """The account's own address is never filed, whatever group its card is in."""
    book = Book({"me@x.example": ["Feed"]})
    assert not misplaced(book, message("Me@x.example", "Screener"), own=["me@x.example"]).message_counts
