"""The vCard reader takes what there is, and edits touch nothing but member lines."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailroom.carddav.members import edit_members
from mailroom.carddav.vcard import content_lines, fold, summarize, version_and_uid
from mailroom.contacts.identity import bare_uid
from mailroom.contacts.summary import CardSummary
from mailroom.errors import ProtocolError
from mailroom.model.address import Address

CARDS = Path(__file__).parents[1] / "corpus" / "cards"


def contact(uid: str, name: str, *addresses: str) -> CardSummary:
    return CardSummary(uid, name, tuple(map(Address, addresses)), is_group=False, members=frozenset())


def group(uid: str, name: str, *members: str) -> CardSummary:
    return CardSummary(uid, name, (), is_group=True, members=frozenset(members))


EXPECTED = {
    "apple-company": contact(
        "5F0D1A2B-77AA-4E0C-9B1A-0C2D3E4F5A6B:ABPerson",
        "Bücherstube Café, Wien",
        "post@buecherstube.example",
        "info@xn--bcher-kva.example",
    ),
    "apple-person-with-photo": contact(
        "8c4b6f0e-1f3f-4b4b-8a53-9a7f6dc9c001", "Dr. Mary Jane O'Brien", "mj@obrien.example"
    ),
    "blank-lines": contact("blank", "Blank Line", "blank@line.example"),
    "byte-order-mark": contact("bom", "Bom Bay", "bom@bay.example"),
    "control-characters": contact("control", "Bell Ring", "bell@ring.example"),
    "emoji-and-right-to-left": contact("rtl", "שלום 👨\u200d👩\u200d👧 مرحبا", "shalom@marhaba.example"),
    "empty": contact("", ""),
    "end-missing": contact("cut-off", "Cut Off", "cut@off.example"),
    "escaped-line-breaks": contact("escaped", "Two Lines, one name; and a \\ backslash", "two@lines.example"),
    "folded-inside-a-character": contact("folded-utf8", "Zürich Grüße", "folded@xn--zrich-kva.example"),
    "google-export": contact(
        "google-1f2e",
        "Ada King, Countess of Lovelace",
        "ada@lovelace.example",
        "ada.king@analytical.example",
    ),
    "group-apple": group("GROUP-APPLE", "Feed", "ALPHA", "BETA"),
    "group-fastmail": group("group-fastmail", "Paper Trail", "ALPHA", "urn:uuid:BETA"),
    "group-hostile-members": group("group-hostile", "Odd, Group", "ALPHA", "with,comma;semi"),
    "group-line-feeds-and-folds": group("group-lf", "Jail", "ALPHA", "BETA"),
    "group-version-4": group(
        "urn:uuid:aaaaaaaa-0000-4000-8000-000000000004",
        "Imbox",
        "urn:uuid:ALPHA",
        "urn:uuid:BETA",
        "mailto:nobody@member.example",
    ),
    "huge-lines": contact("huge", "Huge Line", "huge@line.example"),
    "latin-1-bytes": contact("latin1", "François René", "francois@rene.example"),
    "line-feeds-only": contact("lf-only", "Unix Line", "unix@line.example"),
    "line-without-a-colon": contact("no-colon", "Broken Line", "broken@line.example"),
    "lower-case-properties": contact("lower", "Lower Case", "lower@case.example"),
    "mailto-and-angle-brackets": contact(
        "mailto",
        "Mail To",
        "first@mailto.example",
        "second@mailto.example",
        "third@mailto.example",
        "spaced@mailto.example",
    ),
    "mixed-line-endings": contact("mixed", "Mixed End", "mixed@end.example"),
    "no-formatted-name": contact("no-fn", "Herr Ludwig van Beethoven sen.", "ludwig@van.example"),
    "no-trailing-newline": contact("no-newline", "No Newline", "no@newline.example"),
    "no-uid": contact("", "No Body", "no@body.example"),
    "not-a-card": contact("", ""),
    "only-an-organization": contact("only-org", "Smith; Sons, Ltd.", "sales@smith.example"),
    "outlook-2.1-quoted-printable": contact("outlook-1", "Jörg Müller", "joerg@mueller.example"),
    "photo-data-uri": contact(
        "urn:uuid:0f3c4a1e-9f0e-4b7d-8d6f-3a2f6ad51111", "Foto Data", "foto@data.example"
    ),
    "quoted-parameters": contact("quoted-params", "Param Eter", "param@eter.example", "second@eter.example"),
    "tab-folds": contact("tabs", "Tab Stop", "tab@stop.example"),
    "two-names": contact("two-names", "Fanny First", "fanny@two.example"),
    "uid-with-colon": contact(
        "urn:uuid:6d8a9f70-0000-4000-8000-00000000c010", "Colon Uid", "colon@uid.example"
    ),
    "unclosed-quote": contact("unclosed", "Quote Unclosed", "quote@unclosed.example"),
    "ungrouped-commas": contact("commas,and;all", "Comma Chameleon", "comma@chameleon.example"),
    "vcard-2.1-with-agent": contact("boss-outside", "Bea Boss", "bea@boss.example"),
}

WITHOUT_END = {"empty", "end-missing", "not-a-card"}

# Bytes that mean something to the reader, much denser than chance would have them.
TOKENS = st.sampled_from(
    b'BEGIN:VCARD|END:VCARD|\r\n|\n|\r| |\t|:|;|"|\\|=|,|EMAIL|item1.|UID:|FN:|N:|KIND:group|MEMBER:urn:uuid:'
    b"|urn:uuid:|a@b.example|X-ADDRESSBOOKSERVER-MEMBER:|NOTE;ENCODING=QUOTED-PRINTABLE:|;CHARSET=|utf-16|\xff"
    b"|\xc3\xa9|\xef\xbb\xbf|alpha|=\r\n".split(b"|")
)
CARD_BYTES = st.lists(st.one_of(TOKENS, st.binary(max_size=6)), max_size=60).map(b"".join)
UIDS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda uuid: f"urn:uuid:{uuid}"),
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1),
    st.text("\\,;:\"'= äß🎈nN", min_size=1),
).filter(bare_uid)


def test_every_card_of_the_corpus_has_an_expectation() -> None:
    """Each file of the corpus is named in this module, and the other way round."""
    assert {path.stem for path in CARDS.iterdir()} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_card_is_read_as_a_person_would_read_it(name: str) -> None:
    """Identifier, name, addresses and members come out, whatever else is in the card."""
    assert summarize((CARDS / f"{name}.vcf").read_bytes()) == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(EXPECTED.keys() - WITHOUT_END))
def test_every_byte_of_a_real_card_survives_but_for_mailrooms_lines(name: str) -> None:
    """Adding members inserts their lines before the end; removing them gives the same bytes back."""
    card = (CARDS / f"{name}.vcf").read_bytes()
    added = edit_members(card, add=["urn:uuid:NEW", "other-new"])
    before, _, after = added.partition(added_lines(card, added))
    assert before + after == card
    assert after.strip().upper() == b"END:VCARD"
    assert edit_members(added, remove=["NEW", "urn:uuid:other-new"]) == card


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("group-")])
def test_only_the_lines_of_removed_members_disappear(name: str) -> None:
    """What is left after a removal is the card without exactly those lines."""
    card = (CARDS / f"{name}.vcf").read_bytes()
    edited = edit_members(card, remove=["BETA"])
    kept = [line.raw for line in content_lines(card) if b"BETA" not in line.raw]
    assert edited == b"".join(kept)
    assert summarize(edited).members == EXPECTED[name].members - {"BETA", "urn:uuid:BETA"}


def added_lines(before: bytes, after: bytes) -> bytes:
    """What stands in `after` between the beginning and the end that it has in common with `before`."""
    start = 0
    while start < len(before) and before[start] == after[start]:
        start += 1
    return after[start : len(after) - (len(before) - start)]


@pytest.mark.parametrize("name", sorted(WITHOUT_END))
def test_a_card_without_an_end_is_not_edited(name: str) -> None:
    """There is no right place for a new line in a card that was cut off."""
    card = (CARDS / f"{name}.vcf").read_bytes()
    with pytest.raises(ProtocolError, match="END:VCARD"):
        edit_members(card, add=["NEW"])


NEW = ["new", "urn:uuid:n2", "mailto:a@b"]
MODERN_LINES = b"MEMBER:new\r\nMEMBER:urn:uuid:n2\r\nMEMBER:mailto:a@b\r\n"
APPLE_LINES = (
    b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:new\r\n"
    b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:urn:uuid:n2\r\n"
    b"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:mailto:a@b\r\n"
)


@pytest.mark.parametrize(
    ("version", "lines", "expected"),
    [
        ("3.0", ["X-ADDRESSBOOKSERVER-KIND:group"], APPLE_LINES),
        ("3.0", ["KIND:group"], APPLE_LINES),
        ("3.0", ["KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:old"], APPLE_LINES),
        ("3.0", ["KIND:group", "MEMBER:old"], MODERN_LINES),
        ("4.0", ["KIND:group"], MODERN_LINES),
        ("4.0", ["KIND:group", "MEMBER:old"], MODERN_LINES),
        ("4.0", ["KIND:group", "MEMBER:urn:uuid:dead"], MODERN_LINES),
        ("4.0", ["X-ADDRESSBOOKSERVER-KIND:group"], APPLE_LINES),
        ("4.0", ["KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:old"], APPLE_LINES),
        ("4.0", ["KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:old", "MEMBER:old"], MODERN_LINES),
        ("2.1", ["KIND:group"], APPLE_LINES),
    ],
)
def test_new_members_are_written_as_the_group_writes_its_own(
    version: str, lines: list[str], expected: bytes
) -> None:
    """As the member lines that are there; where there are none, by the version and the kind together."""
    head = "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, ""]).encode()
    edited = edit_members(head + b"END:VCARD\r\n", add=NEW)
    assert edited == head + expected + b"END:VCARD\r\n"
    assert summarize(edited).members >= set(NEW)
    assert edit_members(edited, remove=NEW) == head + b"END:VCARD\r\n"


def test_the_last_member_that_leaves_still_tells_how_members_are_written() -> None:
    """Who comes as the only other one goes gets the same kind of line."""
    card = b"BEGIN:VCARD\r\nVERSION:3.0\r\nKIND:group\r\nMEMBER:old\r\nEND:VCARD\r\n"
    assert edit_members(card, add=["new"], remove=["old"]) == card.replace(b"old", b"new")


def test_quotes_stand_where_the_group_has_quotes() -> None:
    """Fastmail quotes an identifier with a colon; others may take quotes for a part of it."""
    edited = edit_members((CARDS / "group-fastmail.vcf").read_bytes(), add=["new", 'urn:uuid:"^n2'])
    assert (
        b"\r\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:new"
        b'\r\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:"urn:uuid:^\'^^n2"\r\nEND:VCARD' in edited
    )
    assert summarize(edited).members == {"ALPHA", "urn:uuid:BETA", "new", 'urn:uuid:"^n2'}


def test_an_older_cyrus_gets_the_prefix_that_it_wants() -> None:
    """There MEMBER says urn:uuid: before any identifier; a line without it makes nobody a member."""
    card = b"BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:group\r\nMEMBER:x\r\nEND:VCARD\r\n"
    edited = edit_members(card, add=["x", "urn:uuid:y"], prefixed=True)
    assert b"\r\nMEMBER:x\r\nMEMBER:urn:uuid:x\r\nMEMBER:urn:uuid:urn:uuid:y\r\nEND" in edited
    assert edit_members(edited, add=["x", "urn:uuid:y"], prefixed=True) is edited


def test_new_lines_end_as_the_card_ends_its_lines() -> None:
    """A card with bare line feeds gets no carriage return."""
    card = b"BEGIN:VCARD\nVERSION:3.0\nX-ADDRESSBOOKSERVER-KIND:group\nFN:Feed\nEND:VCARD\n"
    assert edit_members(card, add=["new"]).count(b"\r") == 0


MEMBER_LINES = [
    ("X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:x", "x"),
    ("X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:urn:uuid:x", "urn:uuid:x"),
    ('X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:"urn:uuid:x"', "urn:uuid:x"),
    ("item1.x-addressbookserver-member;X-A=b: urn:uuid:x ", "x"),
    ("X-ADDRESSBOOKSERVER-MEMBER:x", ""),
    ("X-ADDRESSBOOKSERVER-MEMBER:URN:UUID:x", ""),
    ('X-ADDRESSBOOKSERVER-MEMBER:"x"', ""),
    ("X-ADDRESSBOOKSERVER-MEMBER:", ""),
    ("X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:", ""),
    ("MEMBER:x", "x"),
    ("MEMBER:urn:uuid:x", "urn:uuid:x"),
    ("MEMBER:URN:UUID:x", "URN:UUID:x"),
    ("MEMBER:", ""),
]


@pytest.mark.parametrize(("line", "uid"), MEMBER_LINES)
def test_a_line_makes_a_member_as_the_servers_read_it(line: str, uid: str) -> None:
    """MEMBER says the identifier just as it is, the other one after urn:uuid:; all else is nobody."""
    card = f"BEGIN:VCARD\r\nKIND:group\r\n{line}\r\nEND:VCARD\r\n".encode()
    assert summarize(card).members == ({uid} if uid else set())
    for other in {"x", "urn:uuid:x"} - {uid}:
        assert summarize(edit_members(card, add=[other])).members == {uid, other} - {""}
    if uid:
        assert edit_members(card, add=[uid]) is card


@pytest.mark.parametrize(
    "line", [line for line, _ in MEMBER_LINES if "x" in line.partition(":")[2]] + ['MEMBER:"urn:uuid:x"']
)
def test_who_leaves_leaves_in_every_spelling(line: str) -> None:
    """No line is left behind that a server or a program might still read as the member."""
    card = f"BEGIN:VCARD\r\nKIND:group\r\n{line}\r\nMEMBER:y\r\nEND:VCARD\r\n".encode()
    for uid in ("x", "urn:uuid:x"):
        assert edit_members(card, remove=[uid]) == b"BEGIN:VCARD\r\nKIND:group\r\nMEMBER:y\r\nEND:VCARD\r\n"


def test_long_values_take_time_in_proportion() -> None:
    """Neither an identifier made of prefixes nor a line to be folded costs the square of its length."""
    began = time.thread_time()
    assert bare_uid("urn:uuid:" * 400_000 + "x") == "x"
    assert bare_uid('"' * 2_000_000 + "x" + '"' * 2_000_000) == "x"
    assert len(fold(b"X" * 4_000_000)) > 4_000_000
    assert time.thread_time() - began < 10


def test_a_new_line_is_not_swallowed_by_a_line_that_goes_on() -> None:
    """A quoted-printable line that ends in a soft break stays last."""
    card = b"BEGIN:VCARD\r\nKIND:group\r\nNOTE;ENCODING=QUOTED-PRINTABLE:a=\r\nb=\r\nEND:VCARD\r\n"
    edited = edit_members(card, add=["new"])
    assert summarize(edited).members == {"new"}
    assert edit_members(edited, remove=["new"]) == card


def test_members_of_another_account_are_not_members_of_ours() -> None:
    """X-FM-OTHERACCOUNT-MEMBER lines stay, even when the same card leaves the group."""
    card = (CARDS / "group-fastmail.vcf").read_bytes()
    edited = edit_members(card, remove=["ALPHA", "GAMMA"])
    assert edited.count(b"X-FM-OTHERACCOUNT-MEMBER") == 2


def test_an_edit_that_changes_nothing_returns_the_very_same_object() -> None:
    """So that the caller can tell that there is nothing to write."""
    card = (CARDS / "group-apple.vcf").read_bytes()
    assert edit_members(card, add=["ALPHA"], remove=["not there"]) is card
    assert edit_members(card) is card


SECOND = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u2\r\nFN:Bob\r\nEMAIL:bob@b.example\r\nEND:VCARD\r\n"


FIRST = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u1\r\nFN:Ann\r\nEMAIL:ann@a.example\r\nEND:VCARD\r\n"
LOOSE = b"EMAIL:bob@b.example\r\nUID:u2\r\n"


@pytest.mark.parametrize(
    "resource",
    [FIRST + SECOND, FIRST + LOOSE, LOOSE + FIRST],
    ids=["a card behind", "lines behind", "before"],
)
def test_what_stands_outside_the_first_card_is_not_of_it(resource: bytes) -> None:
    """Servers that route mail read one card of a resource and nothing around it (seen on Cyrus): whoever
    stands there alone has no card, or they would be told as filed and their mail would not follow.
    """
    assert summarize(resource) == contact("u1", "Ann", "ann@a.example")


def test_a_member_joins_the_first_card() -> None:
    """A line in the second card of a resource would make nobody a member."""
    card = (
        b"BEGIN:VCARD\r\nVERSION:3.0\r\nX-ADDRESSBOOKSERVER-KIND:group\r\nUID:g\r\nFN:Feed\r\nEND:VCARD\r\n"
    )
    assert summarize(edit_members(card + SECOND, add=["new"])).members == {"new"}


def test_a_broken_line_is_looked_at_once() -> None:
    """However often a line is broken, reading grows with the card and no faster."""
    card = b"NOTE" + b";A" * 100_000 + b";QUOTED-PRINTABLE:" + b"x=\r\n" * 100_000 + b"y\r\n"
    began = time.process_time()
    assert len(list(content_lines(card))) == 1
    assert time.process_time() - began < 5


@given(CARD_BYTES)
def test_the_lines_of_any_bytes_joined_are_those_bytes(card: bytes) -> None:
    """Splitting loses nothing, whatever the bytes are."""
    assert b"".join(line.raw for line in content_lines(card)) == card


@given(CARD_BYTES)
def test_reading_any_bytes_raises_nothing(card: bytes) -> None:
    """A broken line never costs the rest of the card, let alone the address book."""
    summarize(card)


@given(CARD_BYTES)
def test_garbage_in_front_does_not_hide_the_rest(garbage: bytes) -> None:
    """A property after any garbage line is still found."""
    line = b"X-GARBAGE:" + garbage.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n"
    card = b"BEGIN:VCARD\r\n" + line + b"EMAIL:a@b.example\r\nUID:u\r\nEND:VCARD\r\n"
    assert summarize(card) == contact("u", "", "a@b.example")


@given(CARD_BYTES, st.lists(UIDS), st.lists(UIDS))
def test_editing_any_bytes_touches_only_member_lines(card: bytes, add: list[str], remove: list[str]) -> None:
    """All other lines come out in their order, byte for byte; a second edit changes nothing."""
    try:
        edited = edit_members(card, add, remove)
    except ProtocolError:
        return
    assert other_lines(edited) == other_lines(card)
    assert edit_members(edited, add, remove) is edited


def other_lines(card: bytes) -> list[bytes]:
    return [
        line.raw for line in content_lines(card) if line.name not in {"MEMBER", "X-ADDRESSBOOKSERVER-MEMBER"}
    ]


@example("apple-company", ['"'])
@example("apple-company", ['"a"'])
@given(st.sampled_from(sorted(EXPECTED.keys() - WITHOUT_END)), st.lists(UIDS, max_size=5))
def test_adding_and_removing_members_gives_the_same_bytes_back(name: str, uids: list[str]) -> None:
    """Any identifiers, in any card."""
    card = (CARDS / f"{name}.vcf").read_bytes()
    added = edit_members(card, add=uids)
    assert edit_members(added, remove=uids) == card
    if EXPECTED[name].is_group:
        assert summarize(added).members == EXPECTED[name].members | {uid.strip() for uid in uids}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_a_folded_line_is_short_and_reads_back_whole(text: str) -> None:
    """No physical line is longer than 75 octets, no character is cut, and unfolding gives the line back."""
    folded = fold(b"X-LONG:" + text.encode())
    physical = folded.removesuffix(b"\r\n").split(b"\r\n ")
    assert all(len(line) <= 75 - bool(i) and line.decode() is not None for i, line in enumerate(physical))
    assert b"".join(physical) == b"X-LONG:" + text.encode()


def test_a_cards_version_and_identifier_are_read() -> None:
    """The first of each that says something; empty where there is none."""
    card = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:\r\nUID: a\\,b \r\nUID:other\r\nEND:VCARD\r\n"
    assert version_and_uid(card) == ("4.0", "a,b")
    assert version_and_uid(b"BEGIN:VCARD\r\nEND:VCARD\r\n") == ("", "")


def test_a_name_of_too_many_parts_is_read() -> None:
    """What stands behind the five parts of N is no part of the name."""
    card = b"BEGIN:VCARD\r\nN:Lovelace;Ada;M.;Dr.;PhD;more;and more\r\nEND:VCARD\r\n"
    assert summarize(card).name == "Dr. Ada M. Lovelace PhD"


def test_a_reference_to_nobody_is_empty() -> None:
    """Nothing is left of a prefix that stands alone."""
    assert bare_uid("urn:uuid:") == ""
