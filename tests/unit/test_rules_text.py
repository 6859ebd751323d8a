"""The rules as steps for a person."""

from __future__ import annotations

import pytest

from mailroom.model.party import MailingList
from mailroom.rules import render_text
from mailroom.rules.routing import ListRoute, Rule, routing_rules
from tests.support.default_account import SCHEME, WHOLE_SCHEME

RULES = (
    Rule("Mailroom: Paper Trail", "Paper Trail", "Paper Trail"),
    Rule("Mailroom: Screener", None, "In/Screener"),
)
LISTS = [
    ListRoute(MailingList("<qa.example>"), "Imbox"),
    *(ListRoute(MailingList(f"<dev{n}.lists.example.org>"), "Feed") for n in range(30)),
]


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


def test_a_rule_of_lists_says_which_and_that_it_ends_the_rules() -> None:
    """A person types the search as it stands, and turns on what lets no other rule apply."""
    text = render_text(routing_rules(SCHEME, LISTS), can_approve=True)
    inbox, feed, *others = text.split("\n\n")[1:]
    assert 'list:"qa.example"' in inbox
    assert "stays in the Inbox" in inbox
    assert " ".join(feed.split()).count('list:"dev') == 30
    assert "Turn “stop processing more rules” on" in feed
    assert not any("Turn" in other for other in others)


def test_a_rule_of_domains_says_who_is_left_out() -> None:
    """In words and as a search."""
    (step,) = (
        x for x in render_text(routing_rules(WHOLE_SCHEME), can_approve=True).split("\n\n") if "6. " in x
    )
    assert "“Jail domains”" in step
    assert "none of the groups of senders" in step
    assert "NOT fromin:Jail" in " ".join(step.split())


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
    for rules in (RULES, routing_rules(WHOLE_SCHEME, LISTS)):
        assert max(map(len, render_text(rules, can_approve=can_approve).splitlines())) <= 80
