"""New cards are valid, carry the address, and say the same name when they are read back."""

from __future__ import annotations

import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st

from mailroom.carddav.compose import compose_card
from mailroom.carddav.vcard import content_lines, summarize
from mailroom.contacts.person_name import PersonName, split_name
from mailroom.model.address import Address, parse_address
from mailroom.model.contacts import CardKind, CardUid, NewCard
from mailroom.model.names import clean_name, fold_name
from mailroom.model.sender import Correspondent, read_sender
from mailroom.model.whom import Whom

UID = CardUid("0e7a1b1e-8b5f-5d3b-9a55-8f1d5c3f8f10")
HOSTILE_NAMES = [
    "Smith, Jones; & Sons \\ Co.",
    "EMAIL:evil@example.com\r\nEND:VCARD\r\nBEGIN:VCARD",
    "line\nbreak\\nescaped\\Nescaped",
    "\x00\x07\x1b[31mred\x7f",
    "x" * 10_000,
    "Grüße 👨\u200d👩\u200d👧 " * 400,
    "\u202eright to left\u202c שלום مرحبا",
    '"Quoted" <angle@brackets.example>',
    "  spaced \t out  ",
    "\u2028line\u2029separators\x85",
    ",",
    ";;;;",
    "\\",
    "=20=0D=0A",
    "lone \ud800 surrogate",
]
ODD_ADDRESSES = [
    "mailto:ann@x.example",
    "<ann@x.example",
    "<<ann@x.example>>",
    '"ann"@x.example',
    "ann doe@x.example",
    'a"b\\c@x.example',
    '"a;b,c"@x.example',
    "a:b@x.example",
    "ann@[IPv6:::1]",
    "ann@ｐaypal.com",
    "x" * 900 + "@x.example",
]


def new_card(name: str, kind: CardKind = CardKind.COMPANY, email: str = "Info@Shop.Example") -> NewCard:
    address = parse_address(email)
    assert address is not None
    return NewCard(address, email, name, kind)


def values(card: bytes) -> dict[str, str]:
    return {line.name: line.value for line in content_lines(card)}


def test_a_company_is_a_name_an_organization_and_an_empty_person() -> None:
    """A company's card has FN and ORG, an empty N, the address as written, and shows as a company."""
    assert values(compose_card(new_card("Bücherstube, Wien"), UID)) == {
        "BEGIN": "VCARD",
        "VERSION": "3.0",
        "PRODID": "-//Mailroom//1d92aaf20008bf55",
        "UID": UID,
        "FN": "Bücherstube\\, Wien",
        "N": ";;;;",
        "ORG": "Bücherstube\\, Wien",
        "EMAIL": "Info@Shop.Example",
        "X-ABSHOWAS": "COMPANY",
        "END": "VCARD",
    }


def test_a_person_is_a_name_and_its_parts() -> None:
    """A person's card has FN as displayed and N in parts, and no organization."""
    card = values(compose_card(new_card("Dr. Ada M. Lovelace", CardKind.PERSON), UID))
    assert card["FN"] == "Dr. Ada M. Lovelace"
    assert card["N"] == "Lovelace;Ada;M.;Dr.;"
    assert card.keys() & {"ORG", "X-ABSHOWAS"} == set()


@pytest.mark.parametrize("kind", CardKind)
def test_without_a_display_name_the_address_is_the_name(kind: CardKind) -> None:
    """An empty name, or one of control characters only, leaves the address as it is written."""
    for name in ("", " \t", "\x00\x01"):
        assert summarize(compose_card(new_card(name, kind), UID)).name == "Info@Shop.Example"


@pytest.mark.parametrize("kind", CardKind)
@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_makes_a_card_that_reads_back(name: str, kind: CardKind) -> None:
    """Our reader and vobject both find the cleaned name, the one address and the UID."""
    assert_reads_back(new_card(name, kind))


@given(st.text(), st.sampled_from(CardKind))
def test_any_name_makes_a_card_that_reads_back(name: str, kind: CardKind) -> None:
    """So it is for every text."""
    assert_reads_back(new_card(name, kind))


def assert_reads_back(new: NewCard) -> None:
    card = compose_card(new, UID)
    name = clean_name(new.name) or new.email
    summary = summarize(card)
    assert (summary.uid, summary.name, summary.parties) == (UID, name, (new.address,))
    assert not summary.is_group
    physical = card.split(b"\r\n")
    assert physical[0] == b"BEGIN:VCARD"
    assert physical[-2:] == [b"END:VCARD", b""]
    assert all(len(line) <= 75 and line.decode() is not None for line in physical)
    assert b"\r" not in card.replace(b"\r\n", b"")
    read = vobject.readOne(card.decode())
    read.validate(raiseException=True)
    assert (read.uid.value, read.fn.value, read.email.value) == (UID, name, new.email)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada Lovelace", PersonName("Lovelace", "Ada")),
        ("Lovelace, Ada", PersonName("Lovelace", "Ada")),
        ("Lovelace, Ada King", PersonName("Lovelace", "Ada", "King")),
        ("Dr. Ada M. Lovelace", PersonName("Lovelace", "Ada", "M.", "Dr.")),
        ("Prof. Dr. Ada Lovelace, PhD", PersonName("Lovelace", "Ada", "", "Prof. Dr.", "PhD")),
        ("Martin Luther King Jr.", PersonName("King", "Martin", "Luther", "", "Jr.")),
        ("Ludwig van Beethoven", PersonName("van Beethoven", "Ludwig")),
        ("Cher", PersonName("", "Cher")),
        ("Dr. No", PersonName("", "No", "", "Dr.")),
        ("Dr.", PersonName("", "Dr.")),
        ("ada@lovelace.example", PersonName("", "ada@lovelace.example")),
        ("山田 太郎", PersonName("太郎", "山田")),
        ("ada lovelace", PersonName("lovelace", "ada")),
        (",", PersonName()),
        ("Ada,", PersonName("", "Ada")),
    ],
)
def test_a_display_name_is_split_as_a_person_would(name: str, expected: PersonName) -> None:
    """Family, Given; titles in front; degrees behind; particles with the family name."""
    assert split_name(name) == expected


@given(st.text())
def test_splitting_a_name_loses_no_word(name: str) -> None:
    """Every word of the name is in one of the parts."""
    parts = split_name(name)
    words = [*parts.prefix.split(), *parts.given.split(), *parts.additional.split()]
    words += [*parts.family.split(), *parts.suffix.split()]
    assert sorted(words) == sorted(name.replace(",", " ").split())


@given(
    st.text(st.characters(codec=None, exclude_categories=())),
    st.from_regex(r"[^\x00-\x1f]{1,9}@[a-zA-Zü]{1,9}(\.example)?>?", fullmatch=True)
    | st.sampled_from(ODD_ADDRESSES),
    st.sampled_from(CardKind),
)
def test_whoever_can_be_a_sender_can_have_a_card(name: str, email: str, kind: CardKind) -> None:
    """It is found by the address, and it shows the name that the sender's messages show."""
    sender = read_sender([(name, email)])
    if not isinstance(sender, Correspondent):
        return
    summary = summarize(compose_card(NewCard.of(Whom.of(sender), kind), UID))
    assert sender.address in summary.parties
    assert fold_name(summary.name) == fold_name(clean_name(sender.name or sender.email))


def test_an_address_that_disagrees_with_its_spelling_wins() -> None:
    """What is written on the card is what the card is found by."""
    new = NewCard(Address("a@b.example"), "other@b.example", "A", CardKind.COMPANY)
    assert summarize(compose_card(new, UID)).parties == ("a@b.example",)


def test_the_same_sender_gives_the_same_bytes() -> None:
    """A repetition after a lost answer writes what is there already."""
    new = new_card("Ada", CardKind.PERSON)
    assert compose_card(new, UID) == compose_card(new, UID)
