"""The file of senders: one line each, ``category  address  # name, 12 messages``; written here and read here.

What comes from senders stands behind the ``#`` only, in one line that steers no terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mailroom.model.address import parse_address
from mailroom.model.scheme import Category, Scheme
from mailroom.model.sender import Correspondent
from mailroom.output.redaction import presentable
from mailroom.triage.senders import Sender

UNDECIDED = "?"
"""Stands in the place of a category where nothing is suggested."""

_MORE_THAN_A_WORD = re.compile(r'[\s#"<>]')


def render_senders(senders: Sequence[Sender], scheme: Scheme, since: str) -> str:
    """Return the file: who is not filed commented out, then who is.

    Args:
        since: The day from which on messages were counted.
    """
    undecided = [each for each in senders if not each.categories]
    torn = [each for each in senders if len(each.categories) > 1]
    titles = ", ".join(presentable(category.title) for category in scheme.categories)
    width = max(len(presentable(category.title)) for category in scheme.categories)
    lines = [
        "# One sender a line: category  address  # name, messages",
        f"# Categories: {titles}",
        f"# Messages are counted since {since}. What begins with # is left as it is:",
        "# take it off where you agree, write another category where you do not,",
        "# and then: mailroom apply FILE (it shows what would change, and asks).",
    ]
    sections: dict[str, Iterable[tuple[Sender, Category | None, bool]]] = {
        "Not filed": ((each, each.suggestion, True) for each in undecided),
        "In several groups: choose one": (
            (each, category, True) for each in torn for category in each.categories
        ),
    }
    for category in scheme.categories:
        filed = (each for each in senders if each.categories == (category,))
        sections[f"Filed as {presentable(category.title)}"] = [(each, category, False) for each in filed]
    for title, listed in sections.items():
        if found := [_line(*each, width) for each in listed]:
            lines += ["", f"# --- {title}", *found]
    return "\n".join(lines) + "\n"


def _line(sender: Sender, category: Category | None, is_comment: bool, width: int) -> str:
    title = presentable(category.title) if category else UNDECIDED
    comment = ", ".join(filter(None, (presentable(sender.who.name), _count(sender.messages))))
    return f"{'# ' if is_comment else ''}{title:<{width}}  {_written(sender.who)}  # {comment}"


def _count(messages: int) -> str:
    return {0: "no messages", 1: "1 message"}.get(messages, f"{messages} messages")


def _written(who: Correspondent) -> str:
    """Return an address as it was written, or else as it is compared: some spellings are no single word."""
    is_plain = who.email.isprintable() and not _MORE_THAN_A_WORD.search(who.email)
    return presentable(who.email if is_plain and parse_address(who.email) == who.address else who.address)
