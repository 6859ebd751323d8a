"""`mailroom demo`: what it shows of decisions about many, by what becomes of the account in memory."""

from __future__ import annotations

from mailroom.output.columns import display_width
from tests.support.running import run_command, run_shown

WITHOUT_LISTS = {"MAILROOM_LABEL_ENTIRE_LIST": ""}


def test_a_list_and_a_domain_are_decided_on() -> None:
    """All of the list moves, and what a poster wrote to the person alone waits, as it is said to."""
    shown = run_shown({}, "demo")
    assert shown.code == 0, shown.errors
    assert all(display_width(line) <= 80 for line in shown.output.splitlines())
    said = " ".join(shown.output.split())
    assert "@ToFeed + @EntireList on “14 degrees at the pier” from Nadia Brandt" in said
    assert "sender filed: <swimmers.tidelists.example>, category Feed, card created, messages moved 3" in said
    assert "sender filed: *@harbourpine.example, category Paper Trail" in said
    assert "“Coffee on Thursday?” from Per Holm" in said
    assert "A second cycle took 1 request and filed 0 senders" in said
    assert "the list's as well once they are written anew (`mailroom rules`)" in said


def test_where_lists_are_off_nothing_is_said_of_them() -> None:
    """The person's own settings count in the demo, too."""
    shown = run_command({}, "demo", **WITHOUT_LISTS)
    assert shown.code == 0, shown.errors
    assert "list" not in shown.output.replace("listed", "")
    assert "@EntireDomain" in shown.output
