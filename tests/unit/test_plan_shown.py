"""What `mailroom plan` shows on a terminal of eighty columns, on the demo's account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailroom.commands.demo import ACTS
from mailroom.output.columns import display_width
from mailroom.sandbox import Sandbox
from mailroom.sandbox.seed.account import OWNER, Names, seeded_account
from tests.support.running import run_shown


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """The demo's account, with its labels put."""
    account = seeded_account()
    for email, number in ACTS:
        account.label(account.messages_from(email)[-1].id, Names().labels[number])
    with Sandbox(account) as sandbox:
        yield sandbox


def test_what_is_decided_is_whole_and_the_cards_name_gives_way(sandbox: Sandbox) -> None:
    """Category, groups and the number of messages say what happens; a domain is in its own letters."""
    shown = run_shown(sandbox.environment(), "plan")
    assert shown.code == 0
    assert all(display_width(line) <= 80 for line in shown.output.splitlines())
    for whole in ("Paper Trail", "+Imbox, -Feed", "+Paper Trail", "TO MOVE", "kaffeerösterei-müller"):
        assert whole in shown.output
    assert "xn--" not in shown.output


def test_a_label_on_ones_own_message_needs_nobody(sandbox: Sandbox) -> None:
    """It is told as what just comes off, not among what needs attention."""
    (sent, *_) = sandbox.account.messages_in("Sent")
    sandbox.account.label(sent.id, "@ToFeed")
    shown = run_shown(sandbox.environment(), "plan").output
    coming_off, needing = shown.index("Labels that just come off"), shown.index("Needs your attention")
    assert coming_off < shown.index(OWNER) < needing
    assert OWNER not in shown[needing:]
