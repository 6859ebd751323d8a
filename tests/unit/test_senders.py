"""Who writes: what old mail and contacts tell of a sender, and what is suggested."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from attrs import evolve

from mailroom.commands.sender_file import render_senders
from mailroom.model.address import parse_address
from mailroom.model.contacts import Card, CardUid
from mailroom.model.mail import AddressHeaders, Mailbox, MailboxId
from mailroom.model.mailboxes import MailboxTree
from mailroom.model.own import OwnAddresses
from mailroom.model.party import Party
from mailroom.model.ports import HeadersPage
from mailroom.model.scheme import Scheme
from mailroom.model.sender import read_correspondents, read_sender
from mailroom.triage.correspondence import Tallies
from mailroom.triage.senders import Sender, SenderKind, describe_senders, places_to_look
from tests.support.default_account import MAILBOXES, SCHEME
from tests.support.memory import Book, World

OWN = OwnAddresses.read(["me@home.example"])


def came(email: str, *, over_list: bool = False, name: str = "", at: str = "2026-01-01") -> AddressHeaders:
    """The headers of a message that came."""
    return AddressHeaders(read_sender([(name, email)]), (), at, is_list=over_list)


def went(email: str) -> AddressHeaders:
    """The headers of a message that was sent."""
    to = tuple(read_correspondents([("", email)]))
    return AddressHeaders(read_sender([("", "me@home.example")]), to, "2026-01-01")


def described(
    *mail: AddressHeaders,
    sent: tuple[AddressHeaders, ...] = (),
    groups: Mapping[str, str] | None = None,
    scheme: Scheme = SCHEME,
) -> dict[str, Sender]:
    """Describe who wrote; `groups` says in which contact groups a card of each address is, perhaps none."""
    incoming, outgoing = Tallies(OWN), Tallies(OWN)
    incoming.add_senders(HeadersPage(mail, len(mail)))
    outgoing.add_recipients(HeadersPage(sent, len(sent)))
    cards: dict[CardUid, tuple[Card, frozenset[Party]]] = {}
    members: dict[str, frozenset[CardUid]] = {}
    for email, group_names in (groups or {}).items():
        address, uid = parse_address(email), CardUid(f"card of {email}")
        assert address
        cards[uid] = (Card(uid, f"Card of {email}"), frozenset({address}))
        for group in filter(None, group_names.split(", ")):
            members[group] = members.get(group, frozenset()) | {uid}
    contacts = Book(World(MAILBOXES, {}, cards, members)).refresh()
    found = describe_senders(incoming, outgoing, contacts, scheme, OWN)
    return {each.who.address: each for each in found}


def suggested(found: Mapping[str, Sender]) -> dict[str, str | None]:
    return {email: each.suggestion.title if each.suggestion else None for email, each in found.items()}


@pytest.mark.parametrize(("over_list", "kind"), [(1, SenderKind.UNKNOWN), (2, SenderKind.LIST)])
def test_a_list_is_who_sends_most_of_their_mail_as_one(over_list: int, kind: SenderKind) -> None:
    """One message that a list passed on makes nobody a list."""
    mail = [came("a@x.example", over_list=number < over_list) for number in range(3)]
    assert described(*mail)["a@x.example"].kind is kind


def test_who_was_written_to_is_a_person_whatever_lists_they_write_to() -> None:
    """An answer of the person's own says more than a header."""
    found = described(came("a@x.example", over_list=True), sent=(went("A@x.example"),))
    assert (found["a@x.example"].kind, found["a@x.example"].written) == (SenderKind.PERSON, 1)
    assert suggested(found) == {"a@x.example": "Person"}


def test_a_contact_who_is_no_list_is_taken_for_a_person() -> None:
    """Whoever has a card is no stranger; a shop's newsletter has one, too."""
    mail = (came("friend@x.example"), came("shop@x.example", over_list=True), came("new@x.example"))
    found = described(*mail, groups={"friend@x.example": "", "shop@x.example": ""})
    assert suggested(found) == {"friend@x.example": "Person", "shop@x.example": "Feed", "new@x.example": None}


def test_a_list_goes_where_most_lists_are() -> None:
    """What the person does with lists counts more than what is usual, and one list of its domain most."""
    mail = [came(f"{name}@{name}.example", over_list=True) for name in ("a", "b", "c", "new")]
    mail.append(came("two@c.example", over_list=True))
    groups = {"a@a.example": "Paper Trail", "b@b.example": "Paper Trail", "c@c.example": "Jail"}
    found = suggested(described(*mail, groups=groups))
    assert found == {**dict.fromkeys(groups), "new@new.example": "Paper Trail", "two@c.example": "Jail"}


def test_nothing_is_suggested_where_no_category_fits() -> None:
    """Categories of one's own need neither one for people nor one called Feed."""
    own = evolve(SCHEME, categories=SCHEME.categories[2:4])
    found = described(
        came("list@x.example", over_list=True), came("a@x.example"), sent=(went("a@x.example"),), scheme=own
    )
    assert suggested(found) == {"list@x.example": None, "a@x.example": None}


def test_who_is_in_two_groups_is_filed_as_both() -> None:
    """Nobody can say which counts, so both are told, and the name is that of a card."""
    found = described(came("a@x.example", name="Ann"), groups={"a@x.example": "Jail, Feed"})
    each = found["a@x.example"]
    assert ([x.title for x in each.categories], each.who.name) == (["Feed", "Jail"], "Card of a@x.example")
    lines = render_senders([each], SCHEME, "2026-01-01").splitlines()
    assert lines[-2:] == [
        f"# {title:11}  a@x.example  # Card of a@x.example, 1 message" for title in ("Feed", "Jail")
    ]


def test_empty_mailboxes_are_not_read_and_none_twice() -> None:
    """Each place costs a request; a destination may be the Archive."""
    totals = {"Inbox": 3, "Screener": 0, "Feed": 2, "Archive": 1, "Family": 9, "Sent": 9, "Trash": 9}
    tree = MailboxTree(
        Mailbox(each.id, each.name, role=each.role, total_messages=totals.get(each.name, 0))
        for each in MAILBOXES
    )
    assert places_to_look(tree, SCHEME) == [MailboxId(x) for x in ("Inbox", "Feed", "Archive")]
