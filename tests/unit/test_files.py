"""Files that a person names: why one cannot be used is said in words that say what to do."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from mailroom.errors import UserError
from mailroom.output.files import why_not, write_file
from tests.support.running import run_command


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The path is what is to be checked."""
    with pytest.raises(UserError, match="there is no such file or folder; check the path"):
        write_file(tmp_path / "none" / "rules.json", "", force=False)


@pytest.mark.parametrize("force", [True, False])
def test_a_folder_where_a_file_was_meant(tmp_path: Path, force: bool) -> None:
    """No advice to overwrite it."""
    with pytest.raises(UserError, match="it is a folder; name a file"):
        write_file(tmp_path, "", force=force)


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """Unless the person says that it may go."""
    file = tmp_path / "rules.json"
    file.write_text("mine")
    with pytest.raises(UserError, match="use --force"):
        write_file(file, "new", force=False)
    assert file.read_text() == "mine"
    write_file(file, "new", force=True)
    assert file.read_text() == "new"


def test_what_is_overwritten_is_whole_at_every_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk leaves the old file, and nothing beside it; rights and links stay."""
    file, link = tmp_path / "senders.txt", tmp_path / "link"
    file.write_text("edited for an hour")
    file.chmod(0o640)
    link.symlink_to(file)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="the disk is full"):
            write_file(link, "new", force=True)
    assert file.read_text() == "edited for an hour"
    write_file(link, "new", force=True)
    assert (file.read_text(), link.is_symlink()) == ("new", True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "senders.txt"]


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    """A named pipe stays one, and whoever reads it gets the text."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, "for the reader", force=True)
    assert os.read(reader, 100) == b"for the reader"
    os.close(reader)
    assert pipe.is_fifo()


def test_what_has_no_words_of_ours_keeps_those_of_the_system() -> None:
    """Better than nothing."""
    assert why_not(OSError(5, "Input/output error")) == "Input/output error"
    assert why_not(OSError()) == "OSError"


@pytest.mark.parametrize(
    ("variable", "folder"), [("MAILROOM_JMAP_TOKEN_FILE", True), ("MAILROOM_CATEGORIES_FILE", False)]
)
def test_settings_say_it_too(variable: str, folder: bool, tmp_path: Path) -> None:
    """A secret's file that is a folder, and a file of categories that is not there."""
    named = tmp_path if folder else tmp_path / "none.toml"
    shown = run_command({variable: str(named)}, "plan").errors
    assert ("it is a folder; name a file" if folder else "there is no such file or folder") in shown
