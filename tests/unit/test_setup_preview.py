"""What `setup` and `init` say of mail that the Screener rule would hold back."""

from __future__ import annotations

import pytest

from mailroom.commands.setup import show_preview
from mailroom.output.terminal import Terminal
from mailroom.triage.correspondence import ScreenerPreview


@pytest.mark.parametrize(("senders", "told"), [(0, "Nobody wrote to your Inbox"), (3, "is in your contacts")])
def test_an_inbox_without_new_mail_shows_nothing_about_the_rule(
    senders: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """That all who wrote are contacts is said only where somebody wrote."""
    show_preview(Terminal(), ScreenerPreview(senders, ()), "", can_approve=True)
    shown = " ".join(capsys.readouterr().out.split())
    assert told in shown
    assert ("is in your contacts" in shown) == (senders > 0)
