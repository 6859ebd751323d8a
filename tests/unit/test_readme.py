"""The README says what is true: its settings, its commands, its links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mailroom.cli import main
from mailroom.settings import settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_every_setting_stands_in_a_table_with_its_default() -> None:
    """Whoever reads the tables knows all variables and what they are without being set."""
    rows = dict(re.findall(r"^\| `(MAILROOM_\w+)` \| `([^`]*)` \|", README, re.MULTILINE))
    assert rows == {**settings.PUBLIC_DEFAULTS, **settings.OTHER_DEFAULTS}
    secrets = re.findall(r"^\| `(MAILROOM_\w+)` \| required \|", README, re.MULTILINE)
    assert tuple(secrets) == settings.SECRETS


def test_every_command_stands_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """What `mailroom --help` lists, the README explains, and nothing else."""
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = set(re.findall(r"^    (\w+)  ", capsys.readouterr().out, re.MULTILINE))
    explained = set(re.findall(r"^\| .*?`mailroom (\w+)[^`]*`[^|]*\|", README, re.MULTILINE))
    assert listed
    assert explained == listed


def test_its_links_lead_somewhere() -> None:
    """A link into the repository names a file that is there."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_its_promises_name_tests_that_are_there() -> None:
    """A promise is worth the test that shows it: file, class and function exist."""
    named = re.findall(r"`(tests/[\w/]+(?:\.py)?)((?:::\w+)*)`", README)
    assert len(named) > 20
    for file, inside in named:
        path = ROOT / file
        assert path.exists(), file
        for name in filter(None, inside.split("::")):
            assert re.search(rf"^\s*(?:class|def) {name}\b", path.read_text("utf-8"), re.MULTILINE), name


def test_no_part_is_missing() -> None:
    """No place is kept free for text that was never written."""
    assert "<!--" not in README
