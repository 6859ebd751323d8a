"""The settings as a command reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailroom.commands.configured import configured
from mailroom.settings.variables import SECRETS


def test_a_misspelt_variable_is_told_before_a_command_does_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the output, which a program may read: a table or JSON stays what it is."""
    monkeypatch.chdir(tmp_path)
    for name in SECRETS:
        monkeypatch.setenv(name, "hush")
    monkeypatch.setenv("MAILROOM_SCREENER", "Waiting")
    assert configured().scheme.screener == "Screener"
    shown = capsys.readouterr()
    assert "did you mean MAILROOM_SCREENER_MAILBOX?" in shown.err
    assert not shown.out
