"""A .env that is added to: what it says of others stays as it is, and it is its owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.errors import UserError
from mailroom.settings.dotenv import read_dotenv, write_dotenv

values = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1).map(str.strip)


@given(value=values)
def test_whatever_is_written_is_read_as_the_same(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    """Quotes, backslashes, dollars and number signs come through."""
    path = tmp_path_factory.mktemp("home") / ".env"
    write_dotenv(path, {"A": value, "B": "plain"})
    assert read_dotenv(path) == {"A": value, "B": "plain"}


@pytest.mark.parametrize("end", ["\n", ""], ids=["whole lines", "no end of the last line"])
def test_existing_lines_stay_as_they_are(tmp_path: Path, end: str) -> None:
    """Comments, empty lines, quotes and order; only what is said anew gives way, and is said once."""
    path = tmp_path / ".env"
    before = "# mine\n\nexport FIRST='a b' # so\nTOKEN=old\n\n\nTOKEN=older\r\nLAST=z" + end
    path.write_bytes(before.encode())
    write_dotenv(path, {"TOKEN": "new", "MORE": "1"})
    assert path.read_bytes().decode() == (
        "# mine\n\nexport FIRST='a b' # so\nTOKEN=new\n\n\nLAST=z\nMORE=1\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("export TOKEN=old\n", "export TOKEN=new\n"),
        ("  export  TOKEN = 'o # l\\'d' # of March\n", "  export  TOKEN=new # of March\n"),
        ('TOKEN="o\nld"#of March\n', "TOKEN=new #of March\n"),
        ("TOKEN=old # of March\r\n", "TOKEN=new # of March\r\n"),
        ("TOKEN=old#of March\n", "TOKEN=new\n"),
        ("TOKEN= # none yet\n", "TOKEN=new # none yet\n"),
        ("TOKEN=#1\n", "TOKEN=new\n"),
        ("TOKEN # none yet\n", "TOKEN=new # none yet\n"),
        ("'TOKEN'=old", "TOKEN=new\n"),
        ("TOKEN=\n", "TOKEN=new\n"),
    ],
)
def test_around_a_value_that_is_said_anew_all_stays(tmp_path: Path, before: str, after: str) -> None:
    """Whether it is exported, the person's comment on it, and how lines end."""
    path = tmp_path / ".env"
    path.write_bytes(f"A=1\n\n{before}".encode())
    write_dotenv(path, {"TOKEN": "new"})
    assert path.read_bytes().decode() == f"A=1\n\n{after}"
    assert read_dotenv(path) == {"A": "1", "TOKEN": "new"}


def test_it_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """A new file, and one that others could read before; where it is a link, what that leads to."""
    path, link = tmp_path / "real.env", tmp_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0o644)
    link.symlink_to(path)
    write_dotenv(link, {"B": "2"})
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in sorted(tmp_path.iterdir())] == [".env", "real.env"]


def test_a_file_that_is_not_understood_is_left_alone(tmp_path: Path) -> None:
    """Its line is named, and nothing is lost."""
    path = tmp_path / ".env"
    path.write_text("A=1\nno line of settings\n")
    with pytest.raises(UserError, match="line 2"):
        write_dotenv(path, {"B": "2"})
    assert path.read_text() == "A=1\nno line of settings\n"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """In one sentence."""
    with pytest.raises(UserError, match="cannot be written: there is no such"):
        write_dotenv(tmp_path / "nowhere/.env", {"B": "2"})
