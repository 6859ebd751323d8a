"""The rules as steps for a person."""

from __future__ import annotations

import pytest

from mailroom.rules import render_text
from mailroom.rules.routing import Rule

RULES = (
    Rule("Mailroom: Paper Trail", "Paper Trail", "Paper Trail"),
    Rule("Mailroom: Screener", None, "In/Screener"),
)


def test_the_steps_are_numbered_in_the_order_of_the_rules() -> None:
    """A person makes the rules in the order in which they are to be tried."""
    text = render_text(RULES, can_approve=True)
    assert text.index("1. Mailroom: Paper Trail") < text.index("2. Mailroom: Screener")


def test_each_step_says_whose_mail_goes_where() -> None:
    """A step names the group, the search that finds it, and the label."""
    text = render_text(RULES, can_approve=True)
    assert "contact group “Paper Trail”" in text
    assert 'fromin:"Paper Trail"' in text
    assert "not one of your contacts" in text
    assert "“In/Screener”" in text


def test_it_says_what_the_rules_cannot_do() -> None:
    """Replies cannot be told from other mail, so the text says what helps instead."""
    assert "mailroom approve --correspondents" in render_text(RULES, can_approve=True)


def test_it_names_no_command_that_would_refuse() -> None:
    """Where no category is for people one wrote to, `approve` has nowhere to put them."""
    text = render_text(RULES, can_approve=False)
    assert "approve" not in text
    assert "those you wrote to before" in text


@pytest.mark.parametrize("can_approve", [True, False])
def test_lines_fit_a_terminal(can_approve: bool) -> None:
    """No line is wider than eighty columns."""
    assert max(map(len, render_text(RULES, can_approve=can_approve).splitlines())) <= 80
