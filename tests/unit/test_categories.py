"""Categories of one's own: a file instead of the variables, with everything that is wrong told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mailroom.errors import UserError
from mailroom.model.contacts import CardKind
from mailroom.model.names import MAX_NAME_CHARACTERS, fold_name
from mailroom.model.scheme import Category, ContactGroup, Name, ReadMail, Scheme
from mailroom.rules.routing import Rule, routing_rules
from mailroom.settings.categories import MAX_FILE_BYTES, read_categories, render_categories
from mailroom.settings.reader import find_name_problem, find_path_problem
from mailroom.settings.settings import load_settings
from mailroom.settings.variables import PUBLIC_DEFAULTS

SECRETS = {
    "MAILROOM_JMAP_TOKEN": "fmu1-hush",
    "MAILROOM_CARDDAV_USERNAME": "me@home.example",
    "MAILROOM_CARDDAV_PASSWORD": "open-sesame",
}


def file_of(folder: Path, text: str) -> Path:
    path = folder / "categories.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_in(folder: Path, text: str) -> list[str]:
    path = file_of(folder, text)
    with pytest.raises(UserError) as caught:
        read_categories(path)
    assert all(problem.startswith(f"{path}: ") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


def scheme_of(**variables: str) -> Scheme:
    return load_settings(SECRETS | variables, dotenv=None).scheme


def problems_of(**variables: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        scheme_of(**variables)
    return list(caught.value.problems)


class TestFile:
    def test_what_an_entry_leaves_out_follows_from_its_title(self, tmp_path: Path) -> None:
        """The label is @To and the title without spaces; group and mailbox are called as the title is."""
        (category,) = read_categories(file_of(tmp_path, '[[category]]\ntitle = "Paper Trail"\n'))
        group = ContactGroup(Name("Paper Trail"), Name("Paper Trail"))
        domains = ContactGroup(Name("Paper Trail domains"), Name("Paper Trail"))
        assert category == Category(
            "Paper Trail", Name("@ToPaperTrail"), group, CardKind.COMPANY, domain_group=domains
        )

    def test_everything_can_be_said(self, tmp_path: Path) -> None:
        """Each key of an entry arrives where it belongs."""
        text = """
            [[category]]
            title = "Receipts"
            label = "@ToReceipts"
            group = "Shops"
            domain_group = "Whole shops"
            mailbox = "Paper Trail/Receipts"
            also = ["Paper Trail"]
            [[category]]
            title = "Family"
            inbox = true
            card = "person"
            read_mail = "keep"
            approve = true
            [[category]]
            title = "Nuisance"
            unwanted = true
        """
        receipts, family, nuisance = read_categories(file_of(tmp_path, text))
        assert receipts.group == ContactGroup(
            Name("Shops"), Name("Paper Trail/Receipts"), (Name("Paper Trail"),)
        )
        assert receipts.domain_group == ContactGroup(
            Name("Whole shops"), Name("Paper Trail/Receipts"), (Name("Paper Trail"),)
        )
        assert (family.group.mailbox, family.kind) == (None, CardKind.PERSON)
        assert (family.read_mail, family.approves) == (ReadMail.KEEP, True)
        assert [x.is_unwanted for x in (receipts, family, nuisance)] == [False, False, True]

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "has no [[category]]"),
            ("category = 3", "has no [[category]]"),
            ("category = [3]", "category 1: must be a table"),
            ('category = ["x"]', "category 1: must be a table"),
            ("x = " + "9" * 5_000, "is not TOML: "),
            ('[[category]]\ntitle = "A//B"\nlabel = "L"', "category 1 (A//B): mailbox: "),
            ('[[category]]\ntitle = "A"\nlabel = "a//b"', "category 1 (A): label: "),
            ('[[category]]\ntitle = "A"\nalso = ["INBOX"]', "category 1 (A): inbox: "),
            ('[[category]]\ntitle = "A"\ntitel = "B"', "category 1: there is no key titel"),
            ('[[category]]\nlabel = "@A"', "category 1: title: is missing"),
            ("[[category]]\ntitle = 3", "category 1: title: must be a text"),
            ('[[category]]\ntitle = "A"\nalso = "B"', "category 1: also: must be a list of texts"),
            ('[[category]]\ntitle = "A"\nalso = [1]', "category 1: also: must be a list of texts"),
            ('[[category]]\ntitle = "A"\ninbox = 1', "category 1: inbox: must be true or false"),
            (
                '[[category]]\ntitle = "A"\ncard = "robot"',
                "category 1: card: must be 'company' or 'person'",
            ),
            (
                '[[category]]\ntitle = "A"\ncard = []',
                "category 1: card: must be 'company' or 'person'",
            ),
            (
                '[[category]]\ntitle = "A"\nread_mail = "burn"',
                "category 1: read_mail: must be 'archive' or 'keep'",
            ),
            ('[[category]]\ntitle = ""', "category 1 (): title: must not be empty"),
            ('[[category]]\ntitle = "A"\nlabel = ""', "category 1 (A): label: must not be empty"),
            (
                '[[category]]\ntitle = "A"\nmailbox = "A//B"',
                "category 1 (A): mailbox: must be mailboxes' names with one slash between each two",
            ),
            (
                '[[category]]\ntitle = "A"\nalso = ["/B"]',
                "category 1 (A): also: must be mailboxes' names with one slash between each two",
            ),
            ('[[category]]\ntitle = "A"\ninbox = true\nmailbox = "B"', "category 1 (A): inbox: "),
            ('[[category]]\ntitle = "A"\nread_mail = "keep"', "category 1 (A): read_mail: "),
            ('[[category]]\ntitle = "A"\nalso = ["A"]', "category 1 (A): also: "),
            ('[[category]]\ntitle = "A"\ninbox = true\nalso = ["B", "B"]', "category 1 (A): also: "),
            ('x = 1\n[[category]]\ntitle = "A"', "x: there is no such key"),
            ("[[category]", "is not TOML: "),
        ],
    )
    def test_what_is_wrong_is_named_with_its_entry_and_key(
        self, tmp_path: Path, text: str, told: str
    ) -> None:
        """The person finds the line at once."""
        assert any(problem.startswith(told) for problem in problems_in(tmp_path, text))

    @pytest.mark.parametrize("line", ["label = @A", "inbox = yes", 'title = "B"'])
    def test_what_is_no_toml_says_how_it_is_written(self, tmp_path: Path, line: str) -> None:
        """The words of the parser alone help only those who know TOML."""
        [problem] = problems_in(tmp_path, f'[[category]]\ntitle = "A"\n{line}\n')
        assert "at line 3" in problem
        assert "texts stand in quotes, a key once" in problem

    def test_everything_wrong_is_told_at_once(self, tmp_path: Path) -> None:
        """Nobody mends a file one start at a time."""
        text = """
            [[category]]
            titel = "A"
            card = "robot"
            [[category]]
            title = "B"
            mailbox = "/B"
            [[category]]
            title = "C"
            also = 3
        """
        assert problems_in(tmp_path, text) == [
            "category 1: title: is missing",
            "category 1: card: must be 'company' or 'person'",
            "category 1: there is no key titel",
            "category 2 (B): mailbox: must be mailboxes' names with one slash between each two",
            "category 3: also: must be a list of texts",
        ]

    def test_a_shared_group_has_one_destination(self, tmp_path: Path) -> None:
        """Rules look at the group: its members' mail cannot go to two places."""
        shared = '[[category]]\ntitle = "A"\ngroup = "G"\nmailbox = "M"\n'
        same = '[[category]]\ntitle = "B"\ngroup = "G"\nmailbox = "M"\n'
        other = '[[category]]\ntitle = "B"\ngroup = "G"\nmailbox = "N"\n'
        assert len(read_categories(file_of(tmp_path, shared + same))) == 2
        path = file_of(tmp_path, shared + other)
        assert problems_of(MAILROOM_CATEGORIES_FILE=str(path)) == [
            f"group of category 1 (A) in {path}, group of category 2 (B) in {path}: "
            "the same group needs the same mailbox, inbox and also"
        ]

    def test_a_group_for_domains_is_no_other_group(self, tmp_path: Path) -> None:
        """Rules look at both, and would take senders for domains."""
        text = (
            '[[category]]\ntitle = "Feed"\n[[category]]\ntitle = "B"\ngroup = "Feed domains"\nmailbox = "M"\n'
        )
        path = file_of(tmp_path, text)
        (problem,) = problems_of(MAILROOM_CATEGORIES_FILE=str(path))
        assert problem.startswith("group of category 2 (B)") or "domain_group of category 1" in problem
        assert problem.endswith("must have different names")

    @pytest.mark.parametrize(
        ("keys", "settings"),
        [
            ('domain_group = "A"', ["group of category 1 (A)", "domain_group of category 1 (A)"]),
            ('domain_group = "B"', ["group of category 2 (B)", "domain_group of category 1 (A)"]),
            ('domain_group = "d"', ["domain_group of category 1 (A)", "domain_group of category 2 (B)"]),
            ('domain_group = "D"', ["domain_group of category 1 (A)", "domain_group of category 2 (B)"]),
        ],
    )
    @pytest.mark.parametrize("mailbox", ["M", "N"])
    def test_a_group_for_domains_stands_for_one_decision(
        self, tmp_path: Path, keys: str, settings: list[str], mailbox: str
    ) -> None:
        """Also where mail goes to the same place: else a domain filed as B would be called one filed as A."""
        text = f'[[category]]\ntitle = "A"\nmailbox = "M"\n{keys}\n'
        other = f'[[category]]\ntitle = "B"\nmailbox = "{mailbox}"\ndomain_group = "D"\n'
        path = file_of(tmp_path, text + other)
        (problem,) = problems_of(MAILROOM_CATEGORIES_FILE=str(path))
        assert problem == f"{', '.join(f'{each} in {path}' for each in settings)}: must have different names"

    def test_categories_that_share_their_group_may_share_that_for_domains(self, tmp_path: Path) -> None:
        """They are one decision about senders, and so they may be about domains; or two."""
        entry = '[[category]]\ntitle = "{}"\nmailbox = "M"\ngroup = "G"\ndomain_group = "{}"\n'
        for names in ("DD", "DE"):
            text = "".join(entry.format(title, name) for title, name in zip("AB", names, strict=True))
            scheme = scheme_of(MAILROOM_CATEGORIES_FILE=str(file_of(tmp_path, text)))
            assert [group.name for group in scheme.domain_groups] == sorted(set(names))

    def test_titles_differ_and_one_category_is_for_people_written_to(self, tmp_path: Path) -> None:
        """Both stand for something that there is once; titles that look the same are one, as all names."""
        text = (
            '[[category]]\ntitle = "{1}"\napprove = true\ngroup = "G{0}"\nlabel = "L{0}"\nmailbox = "M{0}"\n'
        )
        path = file_of(tmp_path, text.format(1, "News") + text.format(2, "NEWS"))
        both = f"title of category 1 (News) in {path}, title of category 2 (NEWS) in {path}"
        assert problems_of(MAILROOM_CATEGORIES_FILE=str(path)) == [
            f"{both}: must have different names",
            f"{both}: only one may have approve = true",
        ]

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        """Not there, a folder, another encoding, endless: one sentence each."""
        (tmp_path / "latin").write_bytes('title = "é"'.encode("latin-1"))
        (tmp_path / "long").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
        for name in ("missing", ".", "latin", "long"):
            with pytest.raises(UserError) as caught:
                read_categories(tmp_path / name)
            (problem,) = caught.value.problems
            assert problem.startswith(f"{tmp_path / name}: ")

    def test_nesting_without_end_is_told(self, tmp_path: Path) -> None:
        """A file is a person's, but a mistake of theirs ends in a sentence."""
        assert problems_in(tmp_path, "x = " + "[" * 100_000) == ["is nested too deeply"]


NAMES = st.text(min_size=1, max_size=MAX_NAME_CHARACTERS).filter(lambda x: find_name_problem(x) is None)
PATHS = NAMES.filter(lambda x: find_path_problem(x) is None and fold_name(x) != "inbox")


@st.composite
def own_categories(draw: st.DrawFn) -> tuple[Category, ...]:
    titles = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    mailboxes = draw(st.lists(PATHS, min_size=3, max_size=3, unique=True))
    categories = []
    for number, title in enumerate(titles):
        mailbox = None if draw(st.booleans()) else Name(mailboxes[0])
        group = ContactGroup(Name(f"G{number}"), mailbox, tuple(map(Name, mailboxes[1:])))
        read_mail = draw(st.sampled_from(ReadMail)) if mailbox is None else ReadMail.ARCHIVE
        kind = draw(st.sampled_from(CardKind))
        domains = evolve(group, name=Name(draw(st.sampled_from([f"D{number}", f"G{number} domains"]))))
        categories.append(
            Category(
                title,
                Name(f"@{number}"),
                group,
                kind,
                read_mail=read_mail,
                approves=number == 2,
                domain_group=domains,
                is_unwanted=draw(st.booleans()),
            )
        )
    return tuple(categories)


@given(own_categories())
def test_what_is_written_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, own: tuple[Category, ...]
) -> None:
    """Quotes, backslashes and letters of any script survive the file."""
    path = file_of(tmp_path_factory.mktemp("own"), render_categories(own))
    assert read_categories(path) == own


class TestVariables:
    def test_a_file_takes_the_place_of_the_variables(self, tmp_path: Path) -> None:
        """Screener and the marks are still theirs."""
        path = file_of(tmp_path, '[[category]]\ntitle = "News"\n')
        scheme = scheme_of(MAILROOM_CATEGORIES_FILE=str(path), MAILROOM_SCREENER_MAILBOX="Waiting")
        assert [category.title for category in scheme.categories] == ["News"]
        assert (scheme.screener, scheme.error_label) == ("Waiting", "@MailroomError")

    def test_variables_at_their_defaults_do_not_contradict_a_file(self, tmp_path: Path) -> None:
        """The ConfigMap may list all fifteen."""
        path = file_of(tmp_path, '[[category]]\ntitle = "News"\n')
        scheme = scheme_of(MAILROOM_CATEGORIES_FILE=str(path), **PUBLIC_DEFAULTS)
        assert [category.title for category in scheme.categories] == ["News"]

    @pytest.mark.parametrize(
        "variable",
        ["MAILROOM_LABEL_TO_JAIL", "MAILROOM_GROUP_FEED", "MAILROOM_GROUP_IMBOX", "MAILROOM_MAILBOX_FEED"],
    )
    def test_a_file_and_a_variable_that_contradicts_it_are_an_error(
        self, tmp_path: Path, variable: str
    ) -> None:
        """Which of the two the person means, nobody can know."""
        path = file_of(tmp_path, '[[category]]\ntitle = "News"\n')
        (problem,) = problems_of(MAILROOM_CATEGORIES_FILE=str(path), **{variable: "Other"})
        assert problem.startswith(f"{variable}: ")
        assert "MAILROOM_CATEGORIES_FILE" in problem

    def test_what_is_wrong_in_the_file_is_told_beside_the_rest(self, tmp_path: Path) -> None:
        """All problems together, wherever they are."""
        path = file_of(tmp_path, "[[category]]\n")
        told = problems_of(MAILROOM_CATEGORIES_FILE=str(path), MAILROOM_PUSH="perhaps")
        assert {problem.partition(":")[0] for problem in told} == {"MAILROOM_PUSH", str(path)}

    def test_names_of_a_file_may_not_mean_two_things(self, tmp_path: Path) -> None:
        """A label that is also a destination, or Screener, is told with the entry and the key."""
        text = '[[category]]\ntitle = "A"\nlabel = "screener"\n[[category]]\ntitle = "B"\nlabel = "a"\n'
        told = problems_of(MAILROOM_CATEGORIES_FILE=str(file_of(tmp_path, text)))
        assert len(told) == 2
        assert any("label of category 1 (A)" in each and "MAILROOM_SCREENER" in each for each in told)
        assert any("mailbox of category 1 (A)" in each and "label of category 2" in each for each in told)

    def test_a_group_and_its_mailbox_may_be_called_otherwise(self) -> None:
        """The mailbox is named by a full path of its own."""
        scheme = scheme_of(MAILROOM_MAILBOX_FEED="Feeds/News", MAILROOM_GROUP_JAIL="Gaol")
        groups = {group.name: group.mailbox for group in scheme.groups}
        assert groups == {"Imbox": None, "Feed": "Feeds/News", "Paper Trail": "Paper Trail", "Gaol": "Gaol"}

    def test_a_path_with_an_empty_part_is_wrong(self) -> None:
        """No server has such a mailbox."""
        (problem,) = problems_of(MAILROOM_MAILBOX_FEED="Feeds//News")
        assert problem.startswith("MAILROOM_MAILBOX_FEED: must be mailboxes' names")

    def test_an_empty_label_leaves_its_category_out(self) -> None:
        """With the last that uses it, the group goes too, and its name does not matter."""
        scheme = scheme_of(MAILROOM_LABEL_TO_JAIL="", MAILROOM_GROUP_JAIL="Feed")
        assert [category.title for category in scheme.categories] == [
            "Imbox",
            "Feed",
            "Paper Trail",
            "Person",
        ]
        assert [group.name for group in scheme.groups] == ["Imbox", "Feed", "Paper Trail"]

    def test_one_category_is_needed(self) -> None:
        """A Screener out of which nothing leads is no use."""
        labels = {name: "" for name in PUBLIC_DEFAULTS if name.startswith("MAILROOM_LABEL_TO_")}
        (problem,) = problems_of(**labels)
        assert problem.startswith("MAILROOM_LABEL_TO_IMBOX: ")

    def test_people_written_to_are_persons_or_at_least_in_the_imbox(self) -> None:
        """One category is theirs, as long as one leads to the Inbox."""
        assert [x.title for x in scheme_of().categories if x.approves] == ["Person"]
        without = scheme_of(MAILROOM_LABEL_TO_PERSON="")
        assert [x.title for x in without.categories if x.approves] == ["Imbox"]


def test_each_further_mailbox_has_a_rule_of_its_own() -> None:
    """It lets the others apply; mail that belongs in the Inbox stays there besides."""
    receipts = ContactGroup(Name("Receipts"), Name("Paper Trail/Receipts"), (Name("Paper Trail"),))
    family = ContactGroup(Name("Family"), None, (Name("Circle"),))
    scheme = Scheme(
        (
            Category("Receipts", Name("@ToReceipts"), receipts, CardKind.COMPANY),
            Category("Family", Name("@ToFamily"), family, CardKind.PERSON),
        ),
        Name("Screener"),
        Name("@Error"),
        None,
    )
    assert routing_rules(scheme, there=["Receipts", "Family"]) == (
        Rule("Mailroom: Receipts", "Receipts", "Paper Trail/Receipts"),
        Rule("Mailroom: Receipts also in Paper Trail", "Receipts", "Paper Trail"),
        Rule("Mailroom: Family also in Circle", "Family", "Circle", keeps_inbox=True),
        Rule("Mailroom: Screener", None, "Screener"),
    )
