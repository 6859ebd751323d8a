"""`mailroom categories`: a table, a file to start from, and a check of a file for editors and CI."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mailroom.commands.categories import categories
from mailroom.errors import UserError
from mailroom.exits import Exit
from mailroom.settings.categories import read_categories
from mailroom.settings.variables import SECRETS
from tests.support.running import run_command

FILE = """
[[category]]
title = "Receipts"
mailbox = "Paper Trail/Receipts"
also = ["Paper Trail"]
[[category]]
title = "Family"
inbox = true
card = "person"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "categories.toml"
    path.write_text(FILE, "utf-8")
    return path


def test_labels_that_stand_beside_are_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever looks for what can be decided finds whole domains, lists, and how it is taken back."""
    categories(check=file, as_toml=False, as_json=False)
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines()[4:]]
    assert shown == ["LABEL", "@EntireDomain", "@EntireList", "@ToScreener"]


def test_a_file_is_shown_as_a_table(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each category with its label, its group, and every place of its mail; no settings are needed."""
    assert categories(check=file, as_toml=False, as_json=False) is Exit.DONE
    header, receipts, family, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["CATEGORY", "LABEL", "GROUP", "MAIL", "GOES", "TO", "CARD"]
    assert receipts.split("  ")[0] == "Receipts"
    assert "Paper Trail/Receipts, Paper Trail" in receipts
    assert "the Inbox" in family


def test_what_it_writes_is_a_file_that_says_the_same(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever starts from it changes nothing by that."""
    categories(check=file, as_toml=True, as_json=False)
    written = tmp_path / "written.toml"
    written.write_text(capsys.readouterr().out, "utf-8")
    assert read_categories(written) == read_categories(file)


def test_programs_read_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All keys, with null for the Inbox."""
    categories(check=file, as_toml=False, as_json=True)
    receipts, family = json.loads(capsys.readouterr().out)
    assert receipts["also"] == ["Paper Trail"]
    assert (family["mailbox"], family["card"]) == (None, "person")


def test_a_wrong_file_is_an_error(file: Path) -> None:
    """An editor or CI sees it by the exit code, and every problem by name."""
    file.write_text("[[category]]\n", "utf-8")
    with pytest.raises(UserError, match="title: is missing"):
        categories(check=file, as_toml=False, as_json=False)


@pytest.mark.parametrize(
    "text",
    [
        '[[category]]\ntitle = "A"\n[[category]]\ntitle = "B"\nlabel = "@toa"\n',
        '[[category]]\ntitle = "A"\nlabel = "A"\n',
        '[[category]]\ntitle = "Screener"\n',
    ],
    ids=["two labels", "a label and a mailbox", "Screener"],
)
def test_what_the_service_refuses_is_refused_here(file: Path, text: str) -> None:
    """A file that is checked is a file that can be used."""
    file.write_text(text, "utf-8")
    with pytest.raises(UserError, match="must have different names"):
        categories(check=file, as_toml=False, as_json=False)


def test_no_secret_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever writes the file need not hold the account's token."""
    monkeypatch.chdir(tmp_path)
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    assert categories(check=None, as_toml=True, as_json=False) is Exit.DONE
    assert capsys.readouterr().out.count("[[category]]") == 5


def test_the_file_is_utf_8_whatever_the_terminal_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written can be read again."""
    source, written = tmp_path / "source.toml", tmp_path / "written.toml"
    source.write_text('[[category]]\ntitle = "Bücher"\n', "utf-8")
    with written.open("w", encoding="ascii") as output:
        monkeypatch.setattr(sys, "stdout", output)
        categories(check=source, as_toml=True, as_json=False)
        monkeypatch.undo()
    assert read_categories(written) == read_categories(source)


def test_the_demo_plays_with_a_persons_own_categories(file: Path) -> None:
    """Its mailboxes, groups and labels are those of the file, nested and further ones, too."""
    shown = run_command({}, "demo", MAILROOM_CATEGORIES_FILE=str(file), MAILROOM_SCREENER_MAILBOX="Lobby")
    assert shown.code == 0, shown.errors
    for text in ("Waiting in Lobby", "@ToReceipts", "@ToFamily", "Paper Trail/Receipts", "category Family"):
        assert text in shown.output
    assert "Jail" not in shown.output
    wrong = run_command({}, "demo", MAILROOM_CATEGORIES_FILE=f"{file}.not-there")
    assert (wrong.code, wrong.errors.count("not-there")) == (1, 1)
