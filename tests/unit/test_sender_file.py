"""The file of senders: what is written is read as it was meant, whatever strangers call themselves."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from mailroom.commands.sender_file import read_senders, render_senders
from mailroom.errors import UserError
from mailroom.model.address import Address, parse_address
from mailroom.model.contacts import CardKind
from mailroom.model.names import clean_name
from mailroom.model.scheme import Category, ContactGroup, Name, Scheme
from mailroom.model.sender import Correspondent, read_correspondents
from mailroom.output.redaction import presentable
from mailroom.triage.senders import Sender, SenderKind
from tests.support.default_account import SCHEME, WHOLE_SCHEME

ODD_ADDRESSES = (
    "ann@example.net",
    '"a #b"@example.net',
    "#@example.net",
    "Jörg@bücher.example",
    '"Feed "@example.net',
    "a'b+c=d@[192.0.2.1]",
    "a@b@far.example",
    "a,b@far.example",
    "o'hara@EXAMPLE.net",
)
TITLES = st.lists(
    st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12).map(
        lambda text: clean_name(text) or "Feed"
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda title: " ".join(title.split()).casefold(),
)


def scheme_of(titles: list[str]) -> Scheme:
    """A scheme with a category of each title."""
    categories = tuple(
        Category(Name(x), Name(f"@{n}"), ContactGroup(Name(x), Name(x)), CardKind.COMPANY)
        for n, x in enumerate(titles)
    )
    return Scheme(categories, Name("Screener"), Name("@Error"), None)


def sender(name: str, email: str, *categories: Category, messages: int = 3) -> Sender:
    (who,) = read_correspondents([(name, email)])
    return Sender(who, messages, "", 0, SenderKind.UNKNOWN, categories, is_contact=False)


def read(text: str, scheme: Scheme = SCHEME) -> dict[str, tuple[str, str]]:
    """Return what the lines of a file say: category and name of each sender."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "senders.txt"
        path.write_text(text, "utf-8", newline="")
        return {
            line.decision.party: (line.decision.category.title, line.decision.who.name)
            for line in read_senders(path, scheme)
        }


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.text(max_size=30), st.sampled_from(ODD_ADDRESSES), st.integers(0, 3)),
        unique_by=lambda x: parse_address(x[1]),
    ),
    TITLES,
    st.data(),
)
def test_what_is_written_is_read_as_it_was_meant(
    people: list[tuple[str, str, int]], titles: list[str], data: st.DataObject
) -> None:
    """Sender, category and name come back, for every title and name, and nothing besides."""
    scheme = scheme_of(titles)
    chosen = {email: data.draw(st.sampled_from(scheme.categories)) for _, email, _ in people}
    listed = [sender(name, email, chosen[email], messages=n) for name, email, n in people]
    found = read(render_senders(listed, scheme, "2026-01-01"), scheme)
    assert found == {
        each.who.address: (each.categories[0].title, " ".join(presentable(each.who.name).split()))
        for each in listed
    }


@settings(max_examples=50)
@given(st.lists(st.tuples(st.text(max_size=40), st.sampled_from(ODD_ADDRESSES))), TITLES)
def test_who_is_not_filed_stands_in_comments_alone(people: list[tuple[str, str]], titles: list[str]) -> None:
    """No name brings about a line that counts, and every line is printable."""
    scheme = scheme_of(titles)
    text = render_senders([sender(*each) for each in people], scheme, "2026-01-01")
    assert read(text, scheme) == {}
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("Feed ann@example.net", ("Feed", "")),
        ("  feed\tANN@Example.net\t# my sister", ("Feed", "")),
        ("PAPER   trail  mailto:ann@example.net #x", ("Paper Trail", "")),
        ("Feed  <ann@example.net>  # Ann, 12 messages", ("Feed", "Ann")),
        ("Feed  ann@example.net  # no messages", ("Feed", "")),
        ("Feed  ann@example.net  # Ann, Bob, no messages", ("Feed", "Ann, Bob")),
        ('Feed  "Ann # <1>" <ann@example.net>  # Bob, 1 message', ("Feed", "Ann # <1>")),
        ("Feed  Ann <ann@example.net>", ("Feed", "Ann")),
    ],
)
def test_people_write_a_line_in_many_ways(line: str, meant: tuple[str, str]) -> None:
    """Case, blanks, brackets and notes do not count; a name before brackets does."""
    assert read(f"\ufeff# a comment\r\n\r\n{line}\r\n") == {"ann@example.net": meant}


@pytest.mark.parametrize("address", ["<Ann@example.net>", "Ann@example.net"])
def test_who_is_named_by_nobody_is_called_by_the_bare_address(address: str, tmp_path: Path) -> None:
    """Brackets around it are no part of the name on a card."""
    path = tmp_path / "senders.txt"
    path.write_text(f"Feed {address}\n")
    (line,) = read_senders(path, scheme_of(["Feed"]))
    assert line.decision.new_card().name == "Ann@example.net"


@pytest.mark.parametrize(
    "line",
    [
        "Feed  a@far.example, b@far.example",
        "Feed  a@far.example b@far.example",
        "Feed  a@far.example;b@far.example",
        "Feed  <a@far.example>, <b@far.example>",
        "Feed  Ann <a@far.example>, Bob <b@far.example>",
        "Feed  News Letter a@far.example",
    ],
)
def test_more_than_one_address_on_a_line_is_no_address(line: str) -> None:
    """All of it would be one to the standard, in quotes, that nobody has: a card that means nobody."""
    with pytest.raises(UserError, match=r"line 1: .* is more than one address"):
        read(line)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_an_editor_ends_them(end: str) -> None:
    """Else the comment of the first would hold all others."""
    text = end.join(["# Senders", "Feed a@far.example  # A, 3 messages", "Jail b@far.example"])
    assert read(text).keys() == {"a@far.example", "b@far.example"}


def test_the_longest_category_counts() -> None:
    """Where one title begins another, the line means what stands there in whole."""
    scheme = scheme_of(["Feed", "Feed news", "#1", '"'])
    text = "Feed news a@x.example\nFeed  b@x.example\n"
    assert read(text, scheme) == {"a@x.example": ("Feed news", ""), "b@x.example": ("Feed", "")}


def test_a_line_twice_is_one_and_says_one_name() -> None:
    """Only what contradicts is a problem; the first name that is said counts."""
    text = "Feed a@x.example\nfeed A@X.example # Ann, 2 messages\nFeed a@x.example # Bob, 2 messages\n"
    assert read(text) == {"a@x.example": ("Feed", "Ann")}


def test_a_contradiction_names_all_its_lines_and_comes_with_the_other_problems() -> None:
    """A person mends the file once."""
    with pytest.raises(UserError) as raised:
        read("Feed a@x.example\nJail a@x.example\nImbox a@x.example\nFeed nobody\n")
    told = sorted(problem.partition(", line")[2] for problem in raised.value.problems)
    assert told[0].startswith(" 4: 'nobody' is not the address")
    assert told[1].startswith("s 1 and 2 and 3: a@x.example is said to be Feed and Jail and Imbox")


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("Info@Shop.example", "Info@Shop.example"),
        ("hallo@kaffeerösterei-müller.example", "hallo@kaffeerösterei-müller.example"),
        ("security@pаypal.com", "security@xn--pypal-4ve.com"),
    ],
)
def test_a_domain_that_could_pass_for_another_is_written_as_it_is_compared(email: str, shown: str) -> None:
    """A person decides on what they see."""
    text = render_senders([sender("", email, SCHEME.categories[1])], SCHEME, "2026-01-01")
    assert text.splitlines()[-1].split()[1] == shown


def test_an_address_that_is_no_plain_word_is_written_as_it_is_compared() -> None:
    """It is one column, and the same sender all the same."""
    written = Correspondent(parse_address("ann@example.net") or "", "<ann@example.net>", "")  # type: ignore[arg-type]
    each = Sender(written, 1, "", 0, SenderKind.UNKNOWN, (SCHEME.categories[1],), is_contact=True)
    assert "Feed         ann@example.net  # 1 message" in render_senders([each], SCHEME, "2026-01-01")


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.text(max_size=30), st.sampled_from(("<dev.a.example>", "<x-y.b.example>", "*@a.example"))
        ),
        unique_by=lambda x: x[1],
    ),
    TITLES,
    st.data(),
)
def test_domains_and_lists_are_read_as_they_were_written(
    people: list[tuple[str, str]], titles: list[str], data: st.DataObject
) -> None:
    """Whatever their cards are called: a domain by what it is, a list as it was."""
    scheme = scheme_of(titles)
    listed = [
        Sender(
            Correspondent(Address(party), party, clean_name(name)),
            0,
            "",
            0,
            SenderKind.UNKNOWN,
            (data.draw(st.sampled_from(scheme.categories)),),
            is_contact=True,
        )
        for name, party in people
    ]
    found = read(render_senders(listed, scheme, "2026-01-01"), scheme)
    names = {each.who.address: " ".join(presentable(each.who.name).split()) for each in listed}
    assert found == {
        party: (
            each.categories[0].title,
            "Everyone at a.example" if party.startswith("*") else names[party] or party.strip("<>"),
        )
        for each in listed
        for party in [each.who.address]
    }


@pytest.mark.parametrize("address", ["*@shop.example", "<dev.lists.example.org>"])
def test_of_a_domain_or_a_list_it_is_not_said_that_nobody_wrote(address: str) -> None:
    """Its mail is counted by its writers; what it is called is read as it was written."""
    feed = WHOLE_SCHEME.categories[1]
    who = Correspondent(Address(address), address, "Shop, 3 messages, and Co")
    text = render_senders(
        [Sender(who, 0, "", 0, SenderKind.UNKNOWN, (feed,), is_contact=False)], WHOLE_SCHEME, "2026-01-01"
    )
    assert "no messages" not in text
    assert "messages not counted" in text
    (said,) = read(text, WHOLE_SCHEME).values()
    assert said[0] == feed.title
    if address.startswith("<"):
        assert said[1] == "Shop, 3 messages, and Co"


class TestLists:
    """Lines about mailing lists."""

    @pytest.mark.parametrize(
        ("line", "name"),
        [
            ("Feed <dev.lists.example.org>", "dev.lists.example.org"),
            ("feed\t<DEV.lists.example.org>  # Dev list, no messages", "Dev list"),
            ('Feed  "Dev list" <dev.lists.example.org>', "Dev list"),
            ("Feed  List-Id: Dev list <dev.lists.example.org>", "Dev list"),
            ("Feed  list-id: <dev.lists.example.org>", "dev.lists.example.org"),
        ],
    )
    def test_a_line_names_a_list_by_its_list_id_in_brackets(self, line: str, name: str) -> None:
        """What it is called may stand before it, or before the number of messages."""
        assert read(line, WHOLE_SCHEME) == {"<dev.lists.example.org>": ("Feed", name)}

    @pytest.mark.parametrize(
        "text", ["<>", "<dev>", "<a.example> <b.example>", "<dev. lists.example>", "<dev.lists.example.>"]
    )
    def test_what_names_no_list_is_an_error(self, text: str) -> None:
        """One word is no identifier, nor is what has a blank in it or a dot at its end."""
        with pytest.raises(UserError, match=r"line 1: .* is not the List-Id of one list"):
            read(f"Feed {text}", WHOLE_SCHEME)

    def test_without_brackets_nobody_is_meant(self) -> None:
        """It could be a domain as well."""
        with pytest.raises(UserError, match=r"line 1: .* write it as name@example.com"):
            read("Feed dev.lists.example.org", WHOLE_SCHEME)


class TestDomains:
    """Lines about everybody at a domain."""

    @pytest.mark.parametrize(
        "line", ["Feed *@shop.example", "feed\t<*@SHOP.example>  # my shop", "Feed  Shop <*@shop.example>"]
    )
    def test_a_line_names_a_domain_as_contacts_do(self, line: str) -> None:
        """What it is called is not up to the file: its card says what it is."""
        assert read(line, WHOLE_SCHEME) == {"*@shop.example": ("Feed", "Everyone at shop.example")}

    @pytest.mark.parametrize(
        "domain",
        [
            "bücher.example",
            "BÜCHER.example",
            "xn--bcher-kva.example",
            "XN--BCHER-KVA.Example.",
            "bu\u0308cher.example",
        ],
    )
    def test_an_international_domain_may_be_written_in_its_own_letters(self, domain: str) -> None:
        """It is one domain, however it is written."""
        assert set(read(f"Feed *@{domain}", WHOLE_SCHEME)) == {"*@xn--bcher-kva.example"}

    @pytest.mark.parametrize(
        ("email", "told"),
        [
            ("*@[192.0.2.1]", "is not everybody at one domain"),
            ("*@*.shop.example", "is not everybody at one domain"),
            ("*@a.example *@b.example", "is more than one address"),
            ("*@", "is not the address of a sender"),
            ("*", "is not the address of a sender"),
        ],
    )
    def test_what_is_no_domain_is_an_error(self, email: str, told: str) -> None:
        """No machine's address, nobody below a domain, and not everybody there is."""
        with pytest.raises(UserError, match=f"line 1: .* {told}"):
            read(f"Feed {email}", WHOLE_SCHEME)

    def test_what_is_written_of_domains_is_read_again(self) -> None:
        """A decision about a domain as a line that counts, its senders in comments with what it says."""
        feed = WHOLE_SCHEME.categories[1]
        everyone = Sender(
            Correspondent(Address("*@shop.example"), "*@shop.example", "Everyone at shop.example"),
            0,
            "",
            0,
            SenderKind.UNKNOWN,
            (feed,),
            is_contact=True,
        )
        one = evolve(sender("Bot", "bot@shop.example"), of_domain=feed)
        text = render_senders([one, everyone], WHOLE_SCHEME, "2026-01-01")
        assert set(read(text, WHOLE_SCHEME)) == {"*@shop.example"}
        assert "# Feed         bot@shop.example  # Bot, 3 messages" in text.splitlines()
