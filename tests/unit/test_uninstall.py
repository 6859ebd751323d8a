"""What `mailroom uninstall` takes away, and what it leaves, wherever it is cut off."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from attrs import evolve

from mailroom.carddav.cards import StoredCard
from mailroom.carddav.compose import compose_card, compose_group
from mailroom.carddav.unchanged import SETTLING_SECONDS, alteration_of_card, is_group_unchanged
from mailroom.contacts.identity import address_of, card_uids, group_uids
from mailroom.model.address import Address, parse_address
from mailroom.model.contacts import Alteration, Card, CardKind, CardUid, MadeCard, MadeGroup, NewCard
from mailroom.model.mail import Mailbox, MailboxId
from mailroom.triage.inventory import members_leaving, why_card_stays, why_group_stays, why_label_stays
from mailroom.triage.uninstall import remove_cards, remove_groups
from tests.support import vcards
from tests.support.default_account import MAILBOXES, SCHEME
from tests.support.memory import Book, CrashError, World

ANN = Address("ann@a.example")
UID = next(card_uids(ANN))
BATCH_CARDS = 10
OWN = {str(group.name) for group in SCHEME.groups}


def stored(octets: bytes, created: int = 1000, modified: int = 1000) -> StoredCard:
    return StoredCard("x.vcf", '"1"', octets, is_exact=True, created=created, modified=modified)


def composed(name: str = "Ann", kind: CardKind = CardKind.PERSON, email: str = "Ann@A.example") -> bytes:
    return compose_card(NewCard(ANN, email, name, kind), UID)


def with_product_of(made: bytes, card: bytes) -> bytes:
    """Return a card that says it was made as another was."""
    old, new = (re.search(rb"PRODID:.*\r\n", each) for each in (card, made))
    assert old
    assert new
    return card.replace(old[0], new[0])


class TestUnchanged:
    """What counts as a card that nobody has changed."""

    @pytest.mark.parametrize("kind", CardKind)
    @pytest.mark.parametrize("name", ["Ann", "Example, Ann", "A; B\\C", "Ann@A.example", "ann@other.example"])
    def test_is_whatever_mailroom_writes(self, kind: CardKind, name: str) -> None:
        """Whatever the name, and however its lines are folded, escaped, ended and sorted."""
        octets = composed(name, kind)
        lines = octets.replace(b"\r\n ", b"").replace(b"\\,", b",").splitlines()
        for same in (octets, b"\n".join([lines[0], *reversed(lines[1:-1]), lines[-1], b""])):
            assert alteration_of_card(UID, ANN, stored(same)) is Alteration.NONE

    def test_is_a_card_of_an_oddly_written_address(self) -> None:
        """It may hold two spellings, since servers look for both."""
        octets = composed(email="<mailto:ann@a.example>")
        assert alteration_of_card(UID, ANN, stored(octets)) is Alteration.NONE

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"END:", b"TEL:1\r\nEND:"),
            (b"END:", b"EMAIL:other@a.example\r\nEND:"),
            (b"END:", b"REV:20260101T000000Z\r\nEND:"),
            (b"END:", b"what is this\r\nEND:"),
            (b"EMAIL:", b"EMAIL;TYPE=WORK:"),
            (b"EMAIL:", b"item1.EMAIL:"),
            (b"N:Example;Ann", b"N:Example;Anna"),
            (b"FN:Ann", b"FN:Anna"),
            (b"VERSION:3.0", b"VERSION:4.0"),
        ],
    )
    def test_is_no_card_with_anything_else_in_it(self, old: bytes, new: bytes) -> None:
        """Whatever a person or their mail program has added or altered is theirs."""
        octets = composed("Ann Example")
        assert old in octets
        for dates in ((1000, 1000), (0, 0)):
            altered = stored(octets.replace(old, new, 1), *dates)
            assert alteration_of_card(UID, ANN, altered) is Alteration.SEEN

    @pytest.mark.parametrize("kind", CardKind)
    def test_is_no_card_of_another_name_or_kind(self, kind: CardKind) -> None:
        """Even where Mailroom could have written it: the card tells what it was made with, dates or none."""
        octets = composed(kind=kind)
        other_name = composed("Another Name", kind)
        (other_kind,) = {*CardKind} - {kind}
        for dates in ((1000, 1000), (0, 0), (1000, 5000)):
            assert alteration_of_card(UID, ANN, stored(octets, *dates)) is Alteration.NONE
            for other in (other_name, composed(kind=other_kind)):
                altered = stored(with_product_of(octets, other), *dates)
                assert alteration_of_card(UID, ANN, altered) is Alteration.SEEN

    def test_is_no_card_that_was_written_again(self) -> None:
        """Where an earlier version made it, the server's dates tell of a new name."""
        octets = vcards.without_product(composed("Another Name"))
        for modified, expected in (
            (1000 + SETTLING_SECONDS, Alteration.NONE),
            (1001 + SETTLING_SECONDS, Alteration.SEEN),
        ):
            assert alteration_of_card(UID, ANN, stored(octets, 1000, modified)) is expected

    @pytest.mark.parametrize(("created", "modified"), [(0, 0), (0, 5000), (5000, 0), (5000, 1000)])
    def test_is_unknown_of_a_name_where_no_dates_tell(self, created: int, modified: int) -> None:
        """Dates that contradict each other tell nothing; a name that is the address itself, nobody gave.

        So it is of a card that an earlier version made.
        """
        for name, expected in (
            ("Another Name", Alteration.UNKNOWN),
            ("Aunt Erna <Ann@A.example>", Alteration.UNKNOWN),
            ("Ann@A.example", Alteration.NONE),
        ):
            card = stored(vcards.without_product(composed(name)), created, modified)
            assert alteration_of_card(UID, ANN, card) is expected, name

    def test_is_no_card_that_was_read_in_part(self) -> None:
        """What was not seen may be a photo."""
        part = evolve(stored(composed()), is_whole=False)
        assert alteration_of_card(UID, ANN, part) is Alteration.SEEN

    def test_is_a_group_whoever_is_in_it(self) -> None:
        """Members are the person's decisions, and what programs write besides is nobody's."""
        uid = next(group_uids("Feed"))
        octets = compose_group("Feed", uid)
        for line, expected in (
            (b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:abc", True),
            (b"REV:20260101T000000Z", True),
            (b"NOTE:mine", False),
            (b"X-FM-OTHERACCOUNT-MEMBER;USERID=u:abc", False),
        ):
            changed = octets.replace(b"END:", line + b"\r\nEND:")
            assert is_group_unchanged(uid, "Feed", stored(changed)) == expected, line


def test_a_card_is_known_by_any_of_the_identifiers_that_it_may_have() -> None:
    """Of its address alone: whose address was changed, nobody can tell any more."""
    for uid in card_uids(ANN):
        assert address_of(f"urn:uuid:{uid}", [Address("x@a.example"), ANN]) == ANN
        assert address_of(uid, [Address("x@a.example")]) is None
    assert address_of("contact-5", [ANN]) is None


class TestDeciding:
    """What is in the way of taking a thing away."""

    @pytest.mark.parametrize(
        ("alteration", "groups", "stays"),
        [
            (Alteration.NONE, (), ""),
            (Alteration.NONE, ("Feed", "Imbox"), ""),
            (Alteration.SEEN, (), "changed"),
            (Alteration.UNKNOWN, (), "does not tell enough of it to know whether somebody changed it"),
            (Alteration.NONE, ("Feed", "Mine"), "Mine"),
        ],
    )
    def test_of_a_card(self, alteration: Alteration, groups: tuple[str, ...], stays: str) -> None:
        """A change, or a group that is not Mailroom's."""
        reason = why_card_stays(MadeCard(UID, "Ann", ANN, alteration, groups), OWN)
        assert (stays in reason) if stays else not reason

    def test_of_a_group(self) -> None:
        """Members that stay, unless the person names it; a change always."""
        group = MadeGroup(CardUid("g"), "Feed", True, 3)
        assert "3 contacts" in why_group_stays(group, [])
        assert "1 contact" in why_group_stays(group, [], leaving=2)
        assert not why_group_stays(group, [], leaving=3)
        assert not why_group_stays(group, ["Feed"])
        assert why_group_stays(evolve(group, is_unchanged=False), ["Feed"])
        assert not why_group_stays(evolve(group, name="Old"), ["Old"])

    def test_of_a_label(self) -> None:
        """Mail, or a role."""
        mailbox = Mailbox(MailboxId("m"), "@ToFeed", total_messages=2)
        assert "2 messages" in why_label_stays(mailbox)
        assert not why_label_stays(evolve(mailbox, total_messages=0))
        assert why_label_stays(evolve(mailbox, total_messages=0, role="archive"))

    def test_only_cards_that_go_leave_their_groups(self) -> None:
        """A group that keeps one of its members is not empty afterwards."""
        going = MadeCard(UID, "Ann", ANN, Alteration.NONE, ("Feed",))
        assert members_leaving([going, evolve(going, alteration=Alteration.UNKNOWN)], OWN) == {"Feed": 1}


def world(count: int) -> World:
    """An account in which Mailroom has filed many senders, one of whom the person has changed since."""
    found = World(MAILBOXES, {}, {}, {group.name: frozenset() for group in SCHEME.groups})
    book = Book(found)
    addresses = [address for n in range(count) if (address := parse_address(f"s{n}@a.example"))]
    book.create([NewCard(address, address, "S", CardKind.COMPANY) for address in addresses])
    for number, (uid, (_, held)) in enumerate(found.cards.items()):
        group = SCHEME.groups[number % len(SCHEME.groups)].name
        found.groups[group] |= {uid}
        if number == 1:
            found.cards[uid] = (Card(uid, "My friend"), held)
    return found


def take_all_away(account: World) -> None:
    book = Book(account)
    remove_cards(book, book.made().cards, SCHEME, lambda _done, _total: None, batch_cards=BATCH_CARDS)
    remove_groups(book, book.made().groups, ())


def test_cut_off_again_and_again_it_ends_as_if_it_had_not_been() -> None:
    """A process that dies after every second write gets everything done in the end, and the same."""
    straight, broken = world(3 * BATCH_CARDS + 3), world(3 * BATCH_CARDS + 3)
    take_all_away(straight)
    deaths = 0
    for _ in range(200):
        broken.writes_left = 2
        with suppress(CrashError):
            take_all_away(broken)
            break
        deaths += 1
    assert deaths >= 20
    assert (broken.cards, broken.groups) == (straight.cards, straight.groups)
    ((uid, _),) = straight.cards.items()
    assert {name for name, members in straight.groups.items() if uid in members} == set(straight.groups)
    before = straight.writes
    take_all_away(straight)
    assert straight.writes == before
